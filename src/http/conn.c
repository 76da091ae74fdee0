#include "http/conn.h"
#include "mola/base/check.h"
#include <errno.h>
#include <sys/socket.h>

enum { READS_PER_EVENT = 4, FIRST_INBOX_BYTES = 512 };

static void on_readable(h2o_socket_t *sock, const char *err);
static void on_writable(h2o_socket_t *sock, const char *err);

/* ---- a life ---- */

bool mola_conn_open(mola_loop *loop, h2o_socket_t *sock, SSL *tls)
{
    mola_conn *c = mola_alloc(loop->env->heap, sizeof *c);
    if (!c)
        return false;
    c->loop = loop;
    c->sock = sock;
    c->tls = tls;
    sock->data = c;
    mola_ring_add(&loop->conns, &c->member);
    loop->open_count++;
    mola_count(loop->env->metrics, MOLA_M_http_connections, 1);
    h2o_socket_dont_read(
        sock, 1); /* h2o says that bytes are there; only we read them, into counted memory */
    if (tls) {
        c->state = MOLA_CONN_HANDSHAKE;
        mola_conn_set_deadline(c, mola_loop_now(loop) + MOLA_HTTP_HEAD_TIME);
    } else {
        mola_conn_await_head(c);
    }
    mola_conn_wait_readable(c);
    return true;
}

void mola_conn_close(mola_conn *c)
{
    if (c->state == MOLA_CONN_CLOSED)
        return;
    mola_loop *loop = c->loop;
    c->state = MOLA_CONN_CLOSED;
    mola_request_abandon(c);
    mola_reply_free(c);
    mola_conn_drop_inbox(c);
    if (c->tls)
        SSL_free(c->tls);
    c->tls = NULL;
    mola_node_cut(&c->timer.node);
    mola_node_cut(&c->member);
    mola_ring_add(&loop->dead, &c->member);
    h2o_socket_close(
        c->sock); /* the descriptor now, h2o's memory in its next turn; no callback follows */
    c->sock = NULL;
    MOLA_ASSERT(loop->open_count > 0);
    loop->open_count--;
    mola_count(loop->env->metrics, MOLA_M_http_connections, -1);
    loop->accept_again_ns = 0; /* there is room now */
}

void mola_conn_reset(mola_conn *c)
{
    if (c->state == MOLA_CONN_CLOSED)
        return;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(h2o_socket_get_fd(c->sock), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    mola_conn_close(c);
}

void mola_conn_await_head(mola_conn *c)
{
    mola_loop *loop = c->loop;
    c->state = MOLA_CONN_HEAD;
    c->scan = (mola_head_scan){0};
    c->has_skipped_line = c->has_head_deadline = false;
    mola_node_cut(&c->member); /* the others have been idle for longer */
    mola_ring_add(&loop->conns, &c->member);
    uint64_t idle_s = loop->is_draining ? 1 : loop->http->config.idle_s;
    mola_conn_set_deadline(c, mola_loop_now(loop) + idle_s * MOLA_SECOND);
}

bool mola_conn_is_idle(const mola_conn *c)
{
    return c->state == MOLA_CONN_HEAD && c->inbox_len == 0;
}

void mola_conn_set_deadline(mola_conn *c, uint64_t at_ns)
{
    mola_wheel_set(&c->loop->wheel, &c->timer, at_ns);
}

/* A full bucket empties in the grace; no credit is stored up to stall on later. */
void mola_conn_make_progress(mola_conn *c, size_t bytes)
{
    uint64_t limit = mola_loop_now(c->loop) + MOLA_HTTP_GRACE;
    uint64_t bought = c->timer.deadline_ns + bytes * MOLA_SECOND / MOLA_HTTP_FLOOR_BYTES_PER_S;
    mola_conn_set_deadline(c, bought < limit ? bought : limit);
}

void mola_conn_wait_readable(mola_conn *c)
{
    MOLA_ASSERT(c->sock);
    if (!h2o_socket_is_reading(c->sock))
        h2o_socket_read_start(c->sock, on_readable);
}

void mola_conn_wait_writable(mola_conn *c)
{
    if (c->is_write_armed)
        return; /* h2o asserts when it is armed twice */
    c->is_write_armed = true;
    h2o_socket_notify_write(c->sock, on_writable);
}

void mola_conn_expire(mola_conn *c)
{
    switch (c->state) {
    case MOLA_CONN_HEAD:
        if (c->inbox_len == 0) {
            mola_conn_close(c);
            break;
        }
        c->is_head_request = c->is_http10 = false;
        mola_reply_refuse(c, NULL, 408, "the request head took longer than 10 s",
                          MOLA_FRAMING_LOST);
        break;
    case MOLA_CONN_BODY:
        mola_reply_refuse(c, &c->request->head.api, 408,
                          "the request body came slower than 64 KiB/s", MOLA_FRAMING_LOST);
        break;
    case MOLA_CONN_LINGERING:
        mola_conn_close(c);
        break;
    case MOLA_CONN_HANDSHAKE:
    case MOLA_CONN_EXECUTING:
    case MOLA_CONN_REPLYING: /* a reader slower than the floor */
    case MOLA_CONN_CLOSED:
        mola_conn_reset(c);
        break;
    }
}

/* ---- bytes in ---- */

void mola_conn_drop_inbox(mola_conn *c)
{
    mola_budget_give(&c->loop->http->heads, c->inbox_room);
    mola_free(c->loop->env->heap, c->inbox, c->inbox_room);
    c->inbox = NULL;
    c->inbox_len = c->inbox_room = 0;
}

/* The heads of strangers share one budget. */
static bool grow_inbox(mola_conn *c, size_t size)
{
    if (size <= c->inbox_room)
        return true;
    size_t room = c->inbox_room ? c->inbox_room : FIRST_INBOX_BYTES;
    while (room < size)
        room *= 2;
    mola_budget *heads = &c->loop->http->heads;
    if (!mola_budget_take(heads, room - c->inbox_room))
        return false;
    char *grown = mola_realloc(c->loop->env->heap, c->inbox, c->inbox_room, room);
    if (!grown) {
        mola_budget_give(heads, room - c->inbox_room);
        return false;
    }
    c->inbox = grown;
    c->inbox_room = (uint32_t)room;
    return true;
}

/* Runs the state machine over what was kept plus `fresh`, request after request, until one is at
 * work or the bytes run out. What is left is kept: part of a head, or what one read brought. */
static void feed(mola_conn *c, mola_str fresh)
{
    mola_str in = fresh;
    if (c->inbox_len) { /* a head is parsed in one piece */
        if (!grow_inbox(c, c->inbox_len + fresh.len)) {
            mola_conn_reset(c);
            return;
        }
        if (fresh.len)
            memcpy(c->inbox + c->inbox_len, fresh.data, fresh.len);
        c->inbox_len += (uint32_t)fresh.len;
        in = (mola_str){c->inbox, c->inbox_len};
    }
    size_t used = 0, step = 1;
    while (used < in.len && step && (c->state == MOLA_CONN_HEAD || c->state == MOLA_CONN_BODY)) {
        mola_str rest = mola_str_from(in, used);
        step = c->state == MOLA_CONN_HEAD ? mola_request_feed_head(c, rest)
                                          : mola_request_feed_body(c, rest);
        used += step;
    }
    if (c->state == MOLA_CONN_LINGERING || c->state == MOLA_CONN_CLOSED)
        return; /* the inbox is gone */
    mola_str rest = mola_str_from(in, used);
    if (rest.len == 0) {
        mola_conn_drop_inbox(c);
        return;
    }
    if (!c->inbox_len && !grow_inbox(c, rest.len)) {
        mola_conn_reset(c);
        return;
    }
    memmove(c->inbox, rest.data, rest.len);
    c->inbox_len = (uint32_t)rest.len;
    if (c->state == MOLA_CONN_HEAD && !c->has_head_deadline) {
        c->has_head_deadline = true;
        mola_conn_set_deadline(c, mola_loop_now(c->loop) + MOLA_HTTP_HEAD_TIME);
    }
}

static void read_some(mola_conn *c)
{
    for (int i = 0; i < READS_PER_EVENT || mola_wire_is_pending(c); i++) {
        if (c->state != MOLA_CONN_HEAD && c->state != MOLA_CONN_BODY)
            return;
        size_t room = sizeof c->loop->scratch;
        char *place = c->state == MOLA_CONN_BODY ? mola_request_place(c, &room) : NULL;
        ssize_t n = mola_wire_read(c, place ? place : c->loop->scratch, room);
        if (n == MOLA_WIRE_AGAIN)
            return;
        if (n <= 0) {
            mola_conn_close(c);
            return;
        }
        if (place) {
            mola_request_placed(c, (size_t)n);
        } else {
            feed(c, (mola_str){c->loop->scratch, (size_t)n});
        }
        if ((size_t)n < room && !c->tls)
            return; /* the kernel has no more, and epoll is level-triggered */
    }
}

/* While a request is at work nothing is read: pipelined bytes wait in the kernel. */
static void watch_peer(mola_conn *c)
{
    char byte;
    ssize_t n = recv(h2o_socket_get_fd(c->sock), &byte, 1, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        mola_conn_close(c);
        return;
    }
    if (n == 0)
        c->peer_is_done = true;    /* half-closed: it still gets its answer */
    h2o_socket_read_stop(c->sock); /* or level-triggered epoll would spin */
}

static void throw_away(mola_conn *c)
{
    for (int i = 0; i < READS_PER_EVENT;
         i++) { /* raw bytes: what is thrown away need not be decrypted */
        ssize_t n = recv(h2o_socket_get_fd(c->sock), c->loop->scratch, sizeof c->loop->scratch, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n > 0)
            c->lingered += (uint32_t)n;
        if (n <= 0 || c->lingered > MOLA_HTTP_LINGER_BYTES_MAX) {
            mola_conn_close(c);
            return;
        }
    }
}

void mola_conn_resume(mola_conn *c)
{
    if (c->state == MOLA_CONN_HEAD && c->inbox_len)
        feed(c, (mola_str){0});
    if (c->state != MOLA_CONN_HEAD && c->state != MOLA_CONN_BODY)
        return;
    if (c->peer_is_done) {
        mola_conn_close(c);
        return;
    }
    mola_conn_wait_readable(c);
    if (mola_wire_is_pending(c))
        read_some(c);
}

static void shake_hands(mola_conn *c)
{
    int result = mola_wire_shake_hands(c);
    if (result == MOLA_WIRE_AGAIN)
        return;
    if (result != 1) {
        mola_conn_reset(c);
        return;
    }
    mola_conn_await_head(c);
    read_some(c);
}

static void on_readable(h2o_socket_t *sock, const char *err)
{
    mola_conn *c = sock->data;
    (void)err; /* never set for a socket that h2o does not read */
    switch (c->state) {
    case MOLA_CONN_HANDSHAKE:
        shake_hands(c);
        break;
    case MOLA_CONN_HEAD:
    case MOLA_CONN_BODY:
        read_some(c);
        break;
    case MOLA_CONN_EXECUTING:
    case MOLA_CONN_REPLYING:
        watch_peer(c);
        break;
    case MOLA_CONN_LINGERING:
        throw_away(c);
        break;
    case MOLA_CONN_CLOSED:
        break;
    }
}

static void on_writable(h2o_socket_t *sock, const char *err)
{
    mola_conn *c = sock->data;
    (void)err;
    c->is_write_armed = false;
    switch (c->state) {
    case MOLA_CONN_HANDSHAKE:
        shake_hands(c);
        break;
    case MOLA_CONN_HEAD:
    case MOLA_CONN_BODY: /* TLS wanted to write in order to read */
        read_some(c);
        break;
    case MOLA_CONN_REPLYING:
        mola_reply_flush(c);
        mola_conn_resume(c);
        break;
    case MOLA_CONN_EXECUTING:
    case MOLA_CONN_LINGERING:
    case MOLA_CONN_CLOSED:
        break;
    }
}
