#include "http/conn.h"
#include "mola/base/check.h"
#include <stdio.h>
#include <time.h>

enum {
    REPLY_HEAD_BYTES = 512 + MOLA_REPLY_FIELDS_BYTES,
    WRITE_BYTES = 256 << 10, /* TLS copies what it is given */
    WRITES_PER_EVENT = 16,   /* then the other connections of the loop have their turn */
};

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {{200, "OK"},
                 {202, "Accepted"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {411, "Length Required"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {417, "Expectation Failed"},
                 {422, "Unprocessable Content"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {503, "Service Unavailable"},
                 {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].status == status)
            return table[i].text;
    }
    return "Status";
}

static const char *date(mola_loop *loop)
{
    uint64_t second = mola_wall_us(loop->env) / 1000000;
    if (second != loop->date_s) {
        time_t t = (time_t)second;
        struct tm parts;
        size_t len = strftime(loop->date, sizeof loop->date, "%a, %d %b %Y %H:%M:%S GMT",
                              gmtime_r(&t, &parts));
        MOLA_ASSERT(len > 0);
        loop->date_s = second;
    }
    return loop->date;
}

void mola_reply_free(mola_conn *c)
{
    mola_output *o = c->output;
    if (!o)
        return;
    mola_buf_free(&o->tail);
    mola_budget_give(c->loop->http->config.bodies, o->charged);
    mola_free(c->loop->env->heap, o, o->size);
    c->output = NULL;
}

void mola_reply_flush(mola_conn *c)
{
    mola_output *o = c->output;
    size_t total = o->len + o->tail_len;
    for (int i = 0; o->sent < total; i++) {
        if (i == WRITES_PER_EVENT) {
            mola_conn_wait_writable(c);
            return;
        }
        bool in_head = o->sent < o->len;
        const char *bytes = in_head ? o->bytes + o->sent : o->tail.data + (o->sent - o->len);
        size_t size = in_head ? o->len - o->sent : total - o->sent;
        ssize_t n = mola_wire_write(c, bytes, size < WRITE_BYTES ? size : WRITE_BYTES,
                                    in_head && o->tail_len > 0);
        if (n == MOLA_WIRE_AGAIN)
            return;
        if (n < 0) {
            mola_conn_reset(c);
            return;
        }
        o->sent += (size_t)n;
        if (o->sent < total)
            mola_conn_make_progress(c, (size_t)n);
    }
    mola_reply_free(c);
    if (c->closes_after) {
        mola_reply_linger(c);
    } else {
        mola_conn_await_head(c);
    }
}

/* The output of a reply, taking over its body. NULL: no memory, and the reply is untouched. */
static mola_output *make_output(mola_conn *c, mola_api_reply *reply)
{
    mola_loop *loop = c->loop;
    size_t sent_len = c->is_head_request ? 0 : reply->body.len;
    bool is_small = sent_len <= MOLA_HTTP_SMALL_REPLY_BYTES;
    uint64_t charged = is_small ? 0 : reply->body.room;
    size_t size = sizeof(mola_output) + REPLY_HEAD_BYTES + (is_small ? sent_len : 0);
    if (charged && !mola_budget_take(loop->http->config.bodies, charged))
        return NULL;
    mola_output *o = mola_alloc(loop->env->heap, size);
    if (!o) {
        mola_budget_give(loop->http->config.bodies, charged);
        return NULL;
    }
    o->size = size;
    o->charged = charged;
    const char *connection = c->closes_after ? "Connection: close\r\n"
                             : c->is_http10  ? "Connection: keep-alive\r\n"
                                             : "";
    int n = snprintf(
        o->bytes, REPLY_HEAD_BYTES,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nDate: %s\r\n%.*s%s\r\n",
        reply->status, reason(reply->status), reply->content_type, reply->body.len, date(loop),
        (int)reply->fields_len, reply->fields, connection);
    MOLA_ASSERT(n > 0 && n < REPLY_HEAD_BYTES);
    o->len = (size_t)n;
    mola_buf_init(&o->tail, loop->env->heap);
    if (is_small) {
        if (sent_len)
            memcpy(o->bytes + n, reply->body.data, sent_len);
        o->len += sent_len;
        mola_buf_free(&reply->body);
    } else {
        o->tail = reply->body;
        o->tail_len = sent_len;
    }
    return o;
}

void mola_reply_send(mola_conn *c, mola_api_reply *reply)
{
    MOLA_ASSERT(!c->output && reply->status >= 200 && reply->status < 600 && reply->content_type);
    MOLA_ASSERT(reply->fields_len <= sizeof reply->fields);
    c->closes_after = c->closes_after || c->loop->is_draining;
    c->output = make_output(c, reply);
    if (!c->output) { /* a reply that a slow reader would keep in memory has no room left */
        mola_buf_free(&reply->body);
        mola_api_refuse(c->loop->http->config.api, NULL, 503, "too many replies in memory", reply);
        c->output = make_output(c, reply);
    }
    if (!c->output) {
        mola_buf_free(&reply->body);
        mola_conn_reset(c);
        return;
    }
    c->state = MOLA_CONN_REPLYING;
    mola_conn_set_deadline(c, mola_loop_now(c->loop) + MOLA_HTTP_GRACE);
    mola_reply_flush(c);
}

void mola_reply_refuse(mola_conn *c, const mola_api_head *head, int status, const char *why,
                       mola_framing framing)
{
    mola_api_reply reply;
    mola_api_refuse(c->loop->http->config.api, head, status, why, &reply);
    mola_count(c->loop->env->metrics, MOLA_M_http_refused_total, 1);
    mola_request_drop(c); /* `head` may have been its own */
    c->closes_after = c->closes_after || framing == MOLA_FRAMING_LOST;
    mola_reply_send(c, &reply);
}

/* After the last reply: say so, then throw away what the peer still sends for a moment, so that a
 * reset does not overtake the reply (the client of a refused upload must get to read its 401). */
void mola_reply_linger(mola_conn *c)
{
    mola_wire_finish(c);
    mola_conn_drop_inbox(c);
    c->state = MOLA_CONN_LINGERING;
    mola_conn_set_deadline(c, mola_loop_now(c->loop) + MOLA_HTTP_LINGER_TIME);
    mola_conn_wait_readable(c);
}
