#include "http/conn.h"
#include "mola/base/check.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    ACCEPTS_PER_EVENT = 32,
    EVICTION_LOOKS = 64, /* connections looked at to find an idle one */
};
#define FULL_PAUSE      (MOLA_SECOND / 4)  /* nobody could be evicted */
#define STARVED_PAUSE   (MOLA_SECOND / 10) /* no descriptors, no kernel memory */
#define EVICTABLE_AFTER MOLA_SECOND        /* a connection that was just opened is about to speak */

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} socket_address;

/* The size of what was put into `out`, 0: not a numeric address. */
static socklen_t read_address(const char *text, uint16_t port, socket_address *out)
{
    *out = (socket_address){0};
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return sizeof out->v4;
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return sizeof out->v6;
    }
    return 0;
}

static bool set_options(int fd, sa_family_t family, bool is_shared)
{
    int on = 1, off = 0, unsent = MOLA_HTTP_UNSENT_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return false;
    if (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return false;
    /* "::" takes IPv4 as well, whatever the system's default */
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
        return false;
    /* Inherited by accepted sockets: without it epoll calls a socket writable only after a third of
     * megabytes of kernel buffer has drained, and a reader well above the floor looks dead. */
    return setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) == 0;
}

static mola_err bind_socket(const char *address, uint16_t port, bool is_shared, int *fd_out,
                            mola_why *why)
{
    socket_address where;
    socklen_t size = read_address(address, port, &where);
    if (!size)
        return mola_fail(why, MOLA_INVALID, "%s is not a numeric IPv4 or IPv6 address", address);
    int fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mola_fail(why, MOLA_UNAVAILABLE, "socket: %s", strerrordesc_np(errno));
    if (!set_options(fd, where.any.sa_family, is_shared) || bind(fd, &where.any, size) < 0) {
        mola_err err = mola_fail(why, MOLA_UNAVAILABLE, "cannot bind %s port %u: %s", address, port,
                                 strerrordesc_np(errno));
        (void)close(fd);
        return err;
    }
    *fd_out = fd;
    return MOLA_OK;
}

mola_err mola_listen_probe(const char *address, uint16_t port, mola_why *why)
{
    int fd = -1;
    mola_err err = bind_socket(address, port, false, &fd, why);
    if (!err)
        (void)close(fd);
    return err;
}

mola_err mola_listen_open(const char *address, uint16_t *port, int *fd_out, mola_why *why)
{
    int fd = -1;
    mola_err err = bind_socket(address, *port, true, &fd, why);
    if (err)
        return err;
    socket_address bound = {0};
    socklen_t size = sizeof bound;
    if (listen(fd, BACKLOG) < 0 || getsockname(fd, &bound.any, &size) < 0) {
        err = mola_fail(why, MOLA_UNAVAILABLE, "cannot listen on %s port %u: %s", address, *port,
                        strerrordesc_np(errno));
        (void)close(fd);
        return err;
    }
    *port = ntohs(bound.any.sa_family == AF_INET ? bound.v4.sin_port : bound.v6.sin6_port);
    *fd_out = fd;
    return MOLA_OK;
}

/* Three quarters of the descriptors: the store needs some, too. */
uint32_t mola_listen_affordable(mola_env *env, uint32_t connections_max)
{
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) < 0)
        return connections_max;
    rlim_t wanted = (rlim_t)connections_max / 3 * 4 + 4;
    if (descriptors.rlim_cur < wanted) {
        rlim_t before = descriptors.rlim_cur, most = descriptors.rlim_max;
        descriptors.rlim_cur = wanted < most ? wanted : most;
        if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0)
            descriptors.rlim_cur = before;
    }
    rlim_t share = descriptors.rlim_cur / 4 * 3;
    if (share >= connections_max)
        return connections_max;
    mola_log(env, MOLA_LOG_WARN, "connections_limited", "wanted=%u allowed=%llu descriptors=%llu",
             connections_max, (unsigned long long)share, (unsigned long long)descriptors.rlim_cur);
    return share ? (uint32_t)share : 1;
}

/* ---- new connections ---- */

/* Closes the connection that has been idle for longest. false: none has been for long enough. */
static bool evict_one(mola_loop *loop, uint64_t now_ns)
{
    uint64_t idle_ns = loop->http->config.idle_s * MOLA_SECOND;
    for (int i = 0; i < EVICTION_LOOKS && !mola_ring_is_empty(&loop->conns); i++) {
        mola_conn *c = MOLA_OWNER(mola_conn, member, loop->conns.next);
        char byte;
        if (!mola_conn_is_idle(c)) { /* its place is set when it becomes idle */
            mola_node_cut(&c->member);
            mola_ring_add(&loop->conns, &c->member);
            continue;
        }
        if (c->timer.deadline_ns + EVICTABLE_AFTER > now_ns + idle_ns)
            return false; /* and the others even less */
        if (recv(h2o_socket_get_fd(c->sock), &byte, 1, MSG_PEEK) >
            0) { /* a request has just come */
            mola_node_cut(&c->member);
            mola_ring_add(&loop->conns, &c->member);
            continue;
        }
        mola_conn_close(c);
        return true;
    }
    return false;
}

static void pause_accepting(mola_loop *loop, uint64_t duration)
{
    h2o_socket_read_stop(
        loop->listener); /* level-triggered: an unaccepted connection would spin the loop */
    loop->accept_again_ns = mola_loop_now(loop) + duration;
}

static SSL *make_tls(mola_loop *loop, h2o_socket_t *sock)
{
    SSL *tls = SSL_new(loop->http->tls);
    if (tls && SSL_set_fd(tls, h2o_socket_get_fd(sock)) != 1) {
        SSL_free(tls);
        tls = NULL;
    }
    return tls;
}

/* false: no more for now. */
static bool accept_one(mola_loop *loop)
{
    if (loop->open_count >= loop->open_max && !evict_one(loop, mola_loop_now(loop))) {
        pause_accepting(loop, FULL_PAUSE);
        return false;
    }
    h2o_socket_t *sock = h2o_evloop_socket_accept(loop->listener);
    if (!sock) {
        bool is_empty = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        if (!is_empty &&
            !evict_one(loop, mola_loop_now(loop))) /* EMFILE, ENFILE, ENOBUFS, ENOMEM */
            pause_accepting(loop, STARVED_PAUSE);
        return false;
    }
    SSL *tls = loop->http->tls ? make_tls(loop, sock) : NULL;
    if ((loop->http->tls && !tls) || !mola_conn_open(loop, sock, tls)) {
        if (tls)
            SSL_free(tls);
        h2o_socket_close(sock);
    }
    return true;
}

static void on_acceptable(h2o_socket_t *listener, const char *err)
{
    mola_loop *loop = listener->data;
    (void)err;
    for (int i = 0; i < ACCEPTS_PER_EVENT && accept_one(loop); i++) {
    }
}

void mola_listen_on(mola_loop *loop)
{
    MOLA_ASSERT(!loop->listener && loop->listener_fd >= 0);
    loop->listener =
        h2o_evloop_socket_create(loop->evloop, loop->listener_fd, H2O_SOCKET_FLAG_DONT_READ);
    loop->listener_fd = -1;
    loop->listener->data = loop;
    h2o_socket_read_start(loop->listener, on_acceptable);
}

void mola_listen_again(mola_loop *loop, uint64_t now_ns)
{
    if (loop->listener && !h2o_socket_is_reading(loop->listener) && now_ns >= loop->accept_again_ns)
        h2o_socket_read_start(loop->listener, on_acceptable);
}

void mola_listen_stop(mola_loop *loop)
{
    if (!loop->listener)
        return;
    on_acceptable(loop->listener, NULL); /* closing a listener resets what waits in its queue */
    h2o_socket_close(loop->listener);
    loop->listener = NULL;
}
