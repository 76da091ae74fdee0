#include "http/conn.h"
#include "mola/base/check.h"
#include <errno.h>

enum {
    TURN_MS = 250,
    EXPIRIES_PER_TURN = 500, /* so that 10,000 at once do not stall the others */
};
#define LAST_REQUEST_TIME MOLA_SECOND /* for a request that is on its way while draining begins */

/* true: some are left. */
static bool expire_some(mola_loop *loop, uint64_t now_ns)
{
    for (int i = 0; i < EXPIRIES_PER_TURN; i++) {
        mola_timer *timer = mola_wheel_next(&loop->wheel, now_ns);
        if (!timer)
            return false;
        mola_conn_expire(MOLA_OWNER(mola_conn, timer, timer));
    }
    return true;
}

/* Busy connections finish with `Connection: close`; idle ones get a moment for a last request. */
static void begin_drain(mola_loop *loop)
{
    uint64_t now_ns = mola_loop_now(loop);
    loop->is_draining = true;
    loop->listen_until_ns = now_ns + loop->http->config.notice_s * MOLA_SECOND;
    loop->drain_until_ns = now_ns + loop->http->config.drain_s * MOLA_SECOND;
    for (mola_node *n = loop->conns.next; n != &loop->conns; n = n->next) {
        mola_conn *c = MOLA_OWNER(mola_conn, member, n);
        if (mola_conn_is_idle(c))
            mola_conn_set_deadline(c, loop->listen_until_ns + LAST_REQUEST_TIME);
    }
    mola_http_loop_obeyed(loop->http);
}

/* Returns whether a connection had to be cut off. */
static bool go_on_draining(mola_loop *loop, uint64_t now_ns)
{
    bool was_cut = false;
    if (now_ns >= loop->listen_until_ns)
        mola_listen_stop(loop);
    while (now_ns >= loop->drain_until_ns && !mola_ring_is_empty(&loop->conns)) {
        mola_conn *c = MOLA_OWNER(mola_conn, member, loop->conns.next);
        was_cut = was_cut || !mola_conn_is_idle(c);
        mola_conn_reset(c);
    }
    return was_cut;
}

static void on_arrivals(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    mola_loop *loop = MOLA_OWNER(mola_loop, arrivals, receiver);
    while (!h2o_linklist_is_empty(messages)) { /* h2o asserts that nothing is left */
        h2o_multithread_message_t *message =
            MOLA_OWNER(h2o_multithread_message_t, link, messages->next);
        MOLA_ASSERT(h2o_linklist_is_linked(&message->link));
        h2o_linklist_unlink(&message->link);
        if (message == &loop->drain_message) {
            begin_drain(loop);
        } else {
            mola_request_arrive(MOLA_OWNER(mola_request, message, message));
        }
    }
}

static void bury(mola_loop *loop)
{
    while (!mola_ring_is_empty(&loop->dead)) {
        mola_conn *c = MOLA_OWNER(mola_conn, member, loop->dead.next);
        mola_node_cut(&c->member);
        mola_free(loop->env->heap, c, sizeof *c);
    }
}

/* A signal interrupts the wait (also SIGSTOP and SIGCONT); that is no reason to end. */
static void turn(mola_loop *loop, int wait_ms)
{
    int result = h2o_evloop_run(loop->evloop, wait_ms);
    MOLA_ASSERT(result == 0 || errno == EINTR);
}

void mola_loop_main(void *argument)
{
    mola_loop *loop = argument;
    bool was_cut = false, has_more = false;
    mola_ring_init(&loop->conns);
    mola_ring_init(&loop->dead);
    mola_wheel_init(&loop->wheel, mola_loop_now(loop));
    loop->evloop = h2o_evloop_create(); /* in this thread: h2o keeps buffer pools per thread */
    loop->queue = h2o_multithread_create_queue(loop->evloop);
    h2o_multithread_register_receiver(loop->queue, &loop->arrivals, on_arrivals);
    mola_listen_on(loop);
    mola_http_loop_obeyed(loop->http);
    while (!loop->is_draining || loop->listener || loop->open_count || loop->executing_count) {
        turn(loop, has_more ? 0 : TURN_MS);
        uint64_t now_ns = mola_loop_now(loop);
        has_more = expire_some(loop, now_ns);
        mola_listen_again(loop, now_ns);
        if (loop->is_draining)
            was_cut = go_on_draining(loop, now_ns) || was_cut;
        bury(loop);
    }
    mola_http_loop_finished(loop->http, was_cut);
    h2o_multithread_unregister_receiver(loop->queue, &loop->arrivals);
    h2o_multithread_destroy_queue(loop->queue);
    turn(loop, 0); /* frees what was closed */
    h2o_evloop_destroy(loop->evloop);
    OPENSSL_thread_stop(); /* else it runs as the thread exits, beside the clean-up of the process
                            */
    mola_http_loop_gone(loop->http);
}

/* What libh2o 2.2.5 never frees: the buffer pool of a thread, the struct of a queue. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif
#ifdef HAS_ASAN
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier) */
const char *__lsan_default_suppressions(void)  /* NOLINT(bugprone-reserved-identifier) */
{
    return "leak:h2o_mem_alloc_recycle\nleak:h2o_multithread_create_queue\n";
}
#endif
