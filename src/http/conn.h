/* conn.h - a connection, its loop, the request at work on it. Private to http/.
 *
 * Threads: a connection belongs to one loop thread for life. A request belongs to its loop, then to
 * the api, then to its loop again: `done` always sends it back, so a connection may die meanwhile
 * without a lock.
 *
 * Memory: an idle connection is one mola_conn and libh2o's socket. Heads that are kept (partial,
 * pipelined, of requests at work) are charged to `heads`, a body and a large reply to `bodies`, all
 * before the memory is touched.
 *
 * Time: every connection has exactly one deadline (boot clock); its state says what passing it
 * means.
 *
 * Lifetime: mola_conn_close ends a connection at once, but its memory lives until the end of the
 * turn of the loop: callers up the stack look at conn->state and stop when it is CLOSED. */
#pragma once
#define H2O_USE_EPOLL                                                                              \
    1 /* selects the evloop flavour of the headers; without it they want libuv                     \
       */
#include "http/body.h"
#include "http/chunks.h"
#include "http/head.h"
#include "http/http.h"
#include "http/wheel.h"
#include <h2o/multithread.h>
#include <openssl/ssl.h>
#include <sys/types.h>

#define MOLA_HTTP_HEAD_TIME                                                                        \
    (10 * MOLA_SECOND) /* from the first byte of a head to its last; a handshake */
#define MOLA_HTTP_GRACE             (10 * MOLA_SECOND) /* the most time that bytes can have bought */
#define MOLA_HTTP_LINGER_TIME       (2 * MOLA_SECOND)
#define MOLA_HTTP_FLOOR_BYTES_PER_S (64 << 10) /* bodies and replies that move slower are cut */
enum {
    MOLA_HTTP_SCRATCH_BYTES = 16 << 10, /* what one read of unknown bytes takes */
    MOLA_HTTP_UNSENT_BYTES = 128 << 10, /* kernel buffer above which a socket is not writable */
    MOLA_HTTP_SMALL_REPLY_BYTES =
        8 << 10, /* copied behind the head; larger ones stay where they are */
    MOLA_HTTP_LINGER_BYTES_MAX = 16 << 20,
};

typedef struct mola_conn mola_conn;
typedef struct mola_loop mola_loop;

typedef struct {
    h2o_multithread_message_t message; /* linked while it travels back to its loop */
    mola_loop *loop;
    mola_conn *conn;    /* loop thread only; NULL once the connection is gone */
    bool is_travelling; /* with the api or on its way back: only its arrival frees it */
    mola_head head;
    mola_body body;
    mola_chunks chunks;
    mola_api_call call;
    size_t size;  /* of this object with `bytes` */
    char bytes[]; /* the head, for the views */
} mola_request;

typedef struct { /* a reply on its way out: head and a small body in `bytes`, a large body by
                    pointer */
    mola_buf tail;
    uint64_t charged; /* to bodies, for the tail */
    size_t tail_len;  /* of the tail, bytes that are sent: none for HEAD */
    size_t len, sent; /* bytes in `bytes`; of both together */
    size_t size;      /* of this object with `bytes` */
    char bytes[];
} mola_output;

typedef enum {
    MOLA_CONN_HANDSHAKE,
    MOLA_CONN_HEAD, /* between requests, or part of a head is here */
    MOLA_CONN_BODY,
    MOLA_CONN_EXECUTING,
    MOLA_CONN_REPLYING,
    MOLA_CONN_LINGERING,
    MOLA_CONN_CLOSED,
} mola_conn_state;

struct mola_conn {
    mola_node member; /* of loop->conns, later of loop->dead */
    mola_timer timer;
    mola_loop *loop;
    h2o_socket_t *sock;
    SSL *tls;              /* NULL: plain */
    mola_request *request; /* from BODY until its reply is made */
    mola_output *output;   /* while REPLYING */
    char *inbox;           /* a partial head, or pipelined bytes while a request is at work */
    uint32_t inbox_len, inbox_room;
    uint32_t lingered; /* bytes thrown away after the last reply */
    mola_conn_state state;
    mola_head_scan scan;
    bool is_head_request, is_http10, closes_after;
    bool has_skipped_line, has_head_deadline; /* of the head being read */
    bool peer_is_done, is_write_armed;
};

struct mola_loop {
    mola_http *http;
    mola_env *env;
    bool is_started; /* its thread was made; only who serves and drains looks */
    int listener_fd; /* from open until the loop thread makes `listener` of it */
    h2o_evloop_t *evloop;
    h2o_socket_t *listener; /* NULL once draining has closed it */
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t arrivals;
    h2o_multithread_message_t drain_message;
    mola_wheel wheel;
    mola_node conns; /* the one that finished a request longest ago comes first */
    mola_node dead;  /* freed after this turn */
    uint32_t open_count, open_max, executing_count;
    bool is_draining;
    uint64_t accept_again_ns, listen_until_ns, drain_until_ns;
    uint64_t date_s; /* the second that `date` shows */
    char date[32];
    char scratch[MOLA_HTTP_SCRATCH_BYTES];
};

struct mola_http {
    mola_http_config config;
    mola_budget heads;
    SSL_CTX *tls;
    uint16_t port;
    bool is_told;   /* that it drains */
    mola_lock lock; /* guards the rest */
    mola_event changed;
    uint32_t pending_count; /* loops that have yet to do what they were told: to start, to drain */
    uint32_t running_count; /* loops that have something left */
    uint32_t thread_count;
    bool is_closing; /* nobody sends messages to loops any more */
    bool was_cut;    /* draining closed a connection that was not finished */
    mola_loop *loops[];
};

static inline uint64_t mola_loop_now(mola_loop *loop)
{
    return mola_boot_ns(loop->env);
}

/* conn.c - reading, and what time does to a connection */

/* Takes over the socket (and the TLS state, or NULL) and waits for bytes. false: no memory. */
bool mola_conn_open(mola_loop *loop, h2o_socket_t *sock, SSL *tls) MOLA_NODISCARD;
void mola_conn_close(mola_conn *c);
void mola_conn_reset(mola_conn *c); /* as close, but the kernel drops unsent bytes too */
/* Back to waiting for a request. */
void mola_conn_await_head(mola_conn *c);
/* After a reply: on to the next request, which may be here already. */
void mola_conn_resume(mola_conn *c);
bool mola_conn_is_idle(const mola_conn *c);
void mola_conn_set_deadline(mola_conn *c, uint64_t at_ns);
/* The pace rule: bytes buy time at the floor rate, and never more than the grace. */
void mola_conn_make_progress(mola_conn *c, size_t bytes);
void mola_conn_drop_inbox(mola_conn *c);
void mola_conn_wait_readable(mola_conn *c);
void mola_conn_wait_writable(mola_conn *c);
void mola_conn_expire(mola_conn *c);

/* wire.c - bytes in and out: plain or TLS */

enum { MOLA_WIRE_AGAIN = -1, MOLA_WIRE_FAILED = -2 };
mola_err mola_wire_open_tls(const mola_http_config *config, SSL_CTX **out,
                            mola_why *why) MOLA_NODISCARD;
/* 1 done, AGAIN, or FAILED. */
int mola_wire_shake_hands(mola_conn *c);
/* > 0 bytes, 0 end of stream, AGAIN (armed, if TLS has to write first), or FAILED. */
ssize_t mola_wire_read(mola_conn *c, void *into, size_t room);
/* > 0 bytes, AGAIN (and the socket is armed), or FAILED. */
ssize_t mola_wire_write(mola_conn *c, const char *bytes, size_t size, bool more_follows);
/* Decrypted bytes wait that epoll knows nothing of. */
bool mola_wire_is_pending(const mola_conn *c);
/* Tells the peer that nothing more comes; it may still send. */
void mola_wire_finish(mola_conn *c);

/* request.c - a head is judged, a body is read, the api works */

/* Take bytes of `in`; both return how many were used. feed_head: 0 until the head is complete. */
size_t mola_request_feed_head(mola_conn *c, mola_str in);
size_t mola_request_feed_body(mola_conn *c, mola_str in);
/* Where the next body bytes go when nothing has to be decoded; {NULL, 0}: feed them. */
char *mola_request_place(mola_conn *c, size_t *room);
void mola_request_placed(mola_conn *c, size_t bytes);
/* The connection dies: ends its request, or leaves it to its arrival. */
void mola_request_abandon(mola_conn *c);
void mola_request_drop(mola_conn *c);
void mola_request_arrive(mola_request *r);

/* reply.c - a reply on its way out */

/* Takes over what `reply` owns, and sends what the socket takes. Afterwards the state is REPLYING
 * (more later), HEAD (next request), LINGERING or CLOSED. */
void mola_reply_send(mola_conn *c, mola_api_reply *reply);
void mola_reply_flush(mola_conn *c);
void mola_reply_free(mola_conn *c);
typedef enum { MOLA_FRAMING_LOST, MOLA_FRAMING_KNOWN } mola_framing;
/* Refuses the request being read. When it is not known where it ends, so does the connection.
 * `head` may be NULL. */
void mola_reply_refuse(mola_conn *c, const mola_api_head *head, int status, const char *why,
                       mola_framing framing);
void mola_reply_linger(mola_conn *c);

/* listen.c - new connections */

/* A listening socket. `port` 0 is replaced by the one the system chose. */
mola_err mola_listen_open(const char *address, uint16_t *port, int *fd_out,
                          mola_why *why) MOLA_NODISCARD;
/* UNAVAILABLE when another process listens there: SO_REUSEPORT alone would let two share it. */
mola_err mola_listen_probe(const char *address, uint16_t port, mola_why *why) MOLA_NODISCARD;
/* How many connections the limit of file descriptors allows, raised as far as it can be. */
uint32_t mola_listen_affordable(mola_env *env, uint32_t connections_max);
void mola_listen_on(mola_loop *loop);
void mola_listen_again(mola_loop *loop, uint64_t now_ns); /* when the pause is over */
void mola_listen_stop(mola_loop *loop);

/* loop.c - one thread's turns */

void mola_loop_main(void *argument); /* a mola_loop */
/* drain.c - what a loop tells about itself */

/* It has started, or has begun to drain. */
void mola_http_loop_obeyed(mola_http *http);
/* It has drained. Waits until nobody can send to it: a sender whose message has arrived may still
 * be about to wake the loop through its queue. */
void mola_http_loop_finished(mola_http *http, bool was_cut);
void mola_http_loop_gone(mola_http *http);
