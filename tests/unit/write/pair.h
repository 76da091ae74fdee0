/* pair.h - two nodes over one mem: store, and a gate before it that holds up the PUTs of entries,
 * so that a test decides which writes meet in one group. */
#pragma once
#include "node.h"

static node nodes[2];

static inline void open_two(void)
{
    open_world();
    open_node(&nodes[0]);
    open_node(&nodes[1]);
}

static inline void close_two(void)
{
    close_node(&nodes[0]);
    close_node(&nodes[1]);
    close_world();
}

/* The first node again, with another configuration of its writer. */
static inline void reopen(uint64_t window_ns, uint64_t bytes_max, uint64_t commit_ns,
                          uint32_t waiting_max)
{
    mola_writer_close(nodes[0].writer);
    mola_writer_config config = writer_config(&nodes[0]);
    config.window_ns = window_ns;
    config.group_bytes_max = bytes_max;
    config.commit_ns_max = commit_ns;
    config.waiting_max = waiting_max;
    ck_assert_int_eq(mola_writer_open(&config, &nodes[0].writer), MOLA_OK);
}

static inline void must(int at, const char *body)
{
    ck_assert_int_eq(write_now(&nodes[at], MOLA_WRITE_ROWS, "ns", body), MOLA_OK);
}

static inline void open_rows(client *c, const char *body)
{
    open_client(c, MOLA_WRITE_ROWS, MOLA_STR("ns"), mola_str_of(body));
}

/* The document `id` as the second node sees it: the value of `attr`, or "missing". */
static inline void check_value(uint64_t id, const char *attr, const char *expected)
{
    mola_view *view = read_now(&nodes[1], "ns");
    ck_assert_ptr_nonnull(view);
    mola_buf out;
    mola_buf_init(&out, &heap);
    const mola_attr *a = mola_state_find(view->state, mola_str_of(attr));
    mola_value value = {.elem = MOLA_ELEM_UINT, .u = id};
    if (!a || !print_cell(&out, view, &value, a))
        mola_buf_add_str(&out, MOLA_STR("missing"));
    ck_assert_msg(mola_str_eq(mola_buf_str(&out), mola_str_of(expected)), MOLA_FMT,
                  MOLA_ARG(mola_buf_str(&out)));
    mola_buf_free(&out);
    mola_view_unref(view);
}

static inline uint64_t seq_now(void)
{
    mola_view *view = read_now(&nodes[1], "ns");
    uint64_t seq = view ? view->seq : 0;
    if (view)
        mola_view_unref(view);
    return seq;
}

static inline bool is_entry_put(const mola_store_op *op)
{
    return op->verb == MOLA_PUT && mola_str_starts(op->key, MOLA_STR("d/"));
}

/* -- a gate before the store: PUTs of entries wait until it is opened ----------------------------
 */

typedef struct {
    mola_lock lock; /* guards the rest */
    mola_event event;
    bool open;
    uint32_t waiting, let_through; /* PUTs that came; PUTs that may pass while it is shut */
} gate;
static gate the_gate;

static inline fate wait_at_gate(const mola_store_op *op, void *argument)
{
    gate *g = argument;
    if (!is_entry_put(op))
        return PASS;
    mola_lock_take(&g->lock);
    g->waiting++;
    mola_event_wake_all(&g->event);
    while (!g->open && g->let_through == 0)
        (void)mola_event_wait(&g->event, &g->lock, MOLA_NEVER);
    g->let_through -= g->open ? 0 : 1;
    mola_lock_give(&g->lock);
    return PASS;
}

static inline void shut_gate(void)
{
    memset(&the_gate, 0, sizeof the_gate);
    mola_lock_init(&the_gate.lock, env, MOLA_RANK_LOG);
    mola_event_init(&the_gate.event, env);
    judge_argument = &the_gate;
    the_judge = wait_at_gate;
}

/* Until `count` PUTs have come to the gate. */
static inline void await_at_gate(uint32_t count)
{
    mola_lock_take(&the_gate.lock);
    while (the_gate.waiting < count)
        (void)mola_event_wait(&the_gate.event, &the_gate.lock, MOLA_NEVER);
    mola_lock_give(&the_gate.lock);
}

static inline void let_one_through(void)
{
    mola_lock_take(&the_gate.lock);
    the_gate.let_through++;
    mola_event_wake_all(&the_gate.event);
    mola_lock_give(&the_gate.lock);
}

static inline void open_gate(void)
{
    mola_lock_take(&the_gate.lock);
    the_gate.open = true;
    mola_event_wake_all(&the_gate.event);
    mola_lock_give(&the_gate.lock);
}

static inline void free_gate(void)
{
    the_judge = NULL;
    mola_event_free(&the_gate.event);
    mola_lock_free(&the_gate.lock);
}

/* Sends the first client and, while its PUT is under way, the others: they form one group. */
static inline void send_as_group(client *clients, uint32_t count)
{
    shut_gate();
    send(&nodes[0], &clients[0]);
    await_at_gate(1);
    for (uint32_t i = 1; i < count; i++)
        send(&nodes[0], &clients[i]);
    open_gate();
    for (uint32_t i = 0; i < count; i++)
        (void)answer_of(&clients[i]);
    free_gate();
}

static inline void close_clients(client *clients, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        close_client(&clients[i]);
}
