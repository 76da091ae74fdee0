/* clients.c - those who write, change settings and delete, and the node they talk to. */
#include "sim.h"
#include "world.h"

sim_limits limits;
uint64_t sim_lull_from, sim_lull_until;

sim_engine *sim_my_engine(void)
{
    return sim_me()->state;
}

bool sim_over(void)
{
    return sim_now() >= SIM_QUIET_AT || judge_failed();
}

uint32_t sim_pick_name(void)
{
    uint64_t r = sim_below(limits.storm ? 6 : 10);
    uint32_t child = limits.branches ? PLAIN_NAMES + (uint32_t)sim_below(2) : 2;
    return r < 5 ? 0 : r < 7 ? 1 : r < 8 ? 2 : child;
}

/* One request from a client, waited for. */
typedef struct {
    mola_write write; /* must be first */
    mola_lock lock;
    mola_event answered;
    bool done;
    sim_op *op;
} call;

static void on_done(mola_write *write)
{
    call *c = (call *)write;
    judge_answer(c->op, &write->answer);
    mola_write_answer_free(&write->answer);
    mola_lock_take(&c->lock);
    c->done = true;
    mola_event_wake_all(&c->answered);
    mola_lock_give(&c->lock);
}

/* What the write may not do to what newer requests wrote, and what it does by filter. */
static void print_filters(mola_buf *out, const sim_op *op)
{
    long long v = judge_op_number(op);
    if (op->newer) {
        mola_buf_print(out, ",\"upsert_condition\":[\"v\",\"Lt\",{\"$ref_new\":\"v\"}]");
        if (op->patches)
            mola_buf_print(out, ",\"patch_condition\":[\"w\",\"Lt\",{\"$ref_new\":\"w\"}]");
        if (op->deletes)
            mola_buf_print(out, ",\"delete_condition\":[\"v\",\"Lt\",%lld]", v);
    }
    if (op->sweep)
        mola_buf_print(out, ",\"delete_by_filter\":[\"v\",\"Lt\",%lld]", (long long)op->sweep);
}

static void print_body(mola_buf *out, const sim_op *op)
{
    long long v = judge_op_number(op);
    bool first = true;
    if (op->kind == OP_NOTHING) {
        mola_buf_print(out, "{\"patch_rows\":[{\"id\":50,\"v\":1}]%s}",
                       op->must_exist ? ",\"create_namespace\":false" : "");
        return;
    }
    mola_buf_print(out, "{\"upsert_rows\":[{\"id\":%u,\"v\":%lld", 100 + op->client, v);
    if (op->x)
        mola_buf_print(out, op->x == 1 ? ",\"x\":7" : ",\"x\":\"seven\"");
    mola_buf_print(out, "}");
    for (uint32_t d = 0; d < DOCS; d++)
        if (op->upserts >> d & 1)
            mola_buf_print(out, ",{\"id\":%u,\"v\":%lld}", d, v);
    mola_buf_print(out, "]");
    for (uint32_t d = 0; op->patches && d < DOCS; d++)
        if (op->patches >> d & 1) {
            mola_buf_print(out, "%s{\"id\":%u,\"w\":%lld}", first ? ",\"patch_rows\":[" : ",", d,
                           v);
            first = false;
        }
    if (op->patches)
        mola_buf_print(out, "]");
    first = true;
    for (uint32_t d = 0; op->deletes && d < DOCS; d++)
        if (op->deletes >> d & 1) {
            mola_buf_print(out, "%s%u", first ? ",\"deletes\":[" : ",", d);
            first = false;
        }
    mola_buf_print(out, "%s%s", op->deletes ? "]" : "",
                   op->must_exist ? ",\"create_namespace\":false" : "");
    print_filters(out, op);
    mola_buf_print(out, "}");
}

/* Sends the request and waits for its answer. */
static void perform(sim_op *op)
{
    sim_node *node = sim_me();
    mola_heap *heap = &node->heap;
    call *c = mola_alloc(heap, sizeof *c);
    mola_arena arena;
    mola_arena_init(&arena, heap, 1 << 20);
    mola_buf text;
    mola_buf_init(&text, heap);
    if (op->kind == OP_WRITE || op->kind == OP_NOTHING)
        print_body(&text, op);
    else
        mola_buf_print(&text, "{\"read_only\":%s}", op->read_only ? "true" : "false");
    size_t size = text.len;
    mola_buf_add_zeros(&text, MOLA_JSON_PADDING);
    mola_json_doc doc;
    mola_why why = {0};
    MOLA_ASSERT(!text.failed &&
                mola_json_parse(heap, (mola_str){text.data, size}, &doc, &why) == MOLA_OK);
    mola_lock_init(&c->lock, &node->env, MOLA_RANK_LOG);
    mola_event_init(&c->answered, &node->env);
    c->op = op;
    static const mola_write_kind kinds[] = {[OP_WRITE] = MOLA_WRITE_ROWS,
                                            [OP_NOTHING] = MOLA_WRITE_ROWS,
                                            [OP_READ_ONLY] = MOLA_WRITE_SETTINGS,
                                            [OP_DELETE] = MOLA_WRITE_DELETE};
    c->write =
        (mola_write){.kind = kinds[op->kind],
                     .name = mola_str_of(sim_names[op->name]),
                     .body = mola_json_root(&doc),
                     .arena = &arena,
                     .heap = heap,
                     .deadline_ns = mola_boot_ns(&node->env) + limits.commit_ns_max + SECONDS(4),
                     .done = on_done};
    judge_invoke(op);
    mola_writer_submit(sim_my_engine()->writer, NULL, &c->write);
    mola_lock_take(&c->lock);
    while (!c->done)
        (void)mola_event_wait(&c->answered, &c->lock, MOLA_NEVER);
    mola_lock_give(&c->lock);
    mola_json_free(&doc);
    mola_buf_free(&text);
    mola_arena_reset(&arena);
    mola_free(heap, c, sizeof *c);
}

void sim_writer(void *argument)
{
    sim_client *me = argument;
    while (!sim_over()) {
        sim_sleep(sim_below(limits.narrow || limits.storm ? SECONDS(1) / 10 : SECONDS(1)));
        if (sim_below(limits.narrow ? 80 : 8) == 0)
            sim_sleep(sim_below(SECONDS(20))); /* an idle namespace takes other paths */
        if (sim_now() >= sim_lull_from && sim_now() < sim_lull_until)
            sim_sleep(sim_lull_until - sim_now());
        sim_op *op = judge_op(sim_below(12) ? OP_WRITE : OP_NOTHING, sim_pick_name(), me->index);
        if (!op)
            return;
        for (uint32_t d = 0; op->kind == OP_WRITE && d < DOCS; d++) {
            uint64_t what = sim_below(8);
            op->upserts |= (uint32_t)(what == 0) << d;
            op->patches |= (uint32_t)(what == 1) << d;
            op->deletes |= (uint32_t)(what == 2) << d;
        }
        if (op->kind == OP_WRITE) {
            op->x = sim_below(5) == 0 ? (uint8_t)(1 + sim_below(2)) : 0;
            op->must_exist = sim_below(4) == 0;
            op->newer = sim_below(3) == 0;
            if (sim_below(16) == 0 && judge_op_number(op) > 100)
                op->sweep = judge_op_number(op) - (int64_t)sim_below(100);
        }
        op->must_exist = op->must_exist || op->name >= PLAIN_NAMES;
        perform(op);
    }
}

/* Settings and deletion; one for all nodes, so that nobody else changes what it set. */
void sim_admin(void *argument)
{
    sim_client *me = argument;
    while (!sim_over()) {
        sim_sleep(limits.restless ? sim_below(SECONDS(3)) : SECONDS(3) + sim_below(SECONDS(12)));
        uint32_t name = sim_pick_name();
        bool delete = limits.restless ? sim_below(8)
                      : limits.calm   ? sim_below(20) == 0
                                      : sim_below(3) == 0;
        sim_op *op = judge_op(delete ? OP_DELETE : OP_READ_ONLY, name, me->index);
        if (!op)
            return;
        op->read_only = true;
        perform(op);
        if (delete)
            continue;
        sim_sleep(sim_below(SECONDS(4)));
        while (!judge_failed()) { /* until it is writable again */
            sim_op *undo = judge_op(OP_READ_ONLY, name, me->index);
            if (!undo)
                return;
            perform(undo);
            if (undo->outcome == OUT_DONE || undo->err == MOLA_NOT_FOUND)
                break;
            sim_sleep(SECONDS(1));
        }
    }
}

static void open_indexer(void *argument)
{
    sim_engine *e = argument;
    sim_node *node = sim_me();
    mola_indexer_config config = limits.indexer;
    mola_why why = {0};
    if (sim_now() < limits.indexed_from)
        sim_sleep(limits.indexed_from - sim_now());
    config.env = &node->env;
    config.serving = e->namespaces;
    if (mola_indexer_open(&config, &e->indexer, &why))
        judge_violation("no indexer: " MOLA_FMT, MOLA_ARG(mola_why_text(&why)));
}

/* What a server tells the indexer in its process. */
static void on_unindexed(void *of, mola_str name, const mola_view *view)
{
    const sim_engine *e = of;
    if (e->indexer && sim_below(4))
        mola_indexer_grew(e->indexer, name, view);
}

static void open_engine(sim_node *node, sim_engine *e)
{
    mola_executor_config threads = {
        .threads_max = 12, .permits = {2, 2, 1}, .queue_max = {64, 64, 16}};
    if (limits.narrow)
        threads =
            (mola_executor_config){.threads_max = 1, .permits = {1, 1, 1}, .queue_max = {1, 1, 1}};
    mola_namespaces_config names = {.env = &node->env,
                                    .view_bytes_max = limits.view_bytes_max,
                                    .entry_bytes_max = limits.entry_bytes_max,
                                    .fence_ns = limits.fence_ns,
                                    .unindexed = on_unindexed,
                                    .unindexed_of = e,
                                    .hints = limits.hints};
    MOLA_ASSERT(mola_executor_open(&node->env, &threads, &e->executor) == MOLA_OK);
    MOLA_ASSERT(mola_namespaces_open(&names, &e->namespaces) == MOLA_OK);
    mola_writer_config writes = {.env = &node->env,
                                 .namespaces = e->namespaces,
                                 .executor = e->executor,
                                 .window_ns = 100 * MOLA_MILLISECOND,
                                 .group_bytes_max = limits.group_bytes_max,
                                 .commit_ns_max = limits.commit_ns_max,
                                 .waiting_max = limits.waiting_max};
    MOLA_ASSERT(mola_writer_open(&writes, &e->writer) == MOLA_OK);
}

static void add_client(sim_node *node, uint32_t index, void (*run)(void *client))
{
    sim_client *c = mola_alloc(&node->heap, sizeof *c);
    *c = (sim_client){.node = node, .index = index};
    node_fiber(node, run, c);
}

void sim_boot(void *argument)
{
    sim_node *node = argument;
    sim_engine *e = mola_alloc(&node->heap, sizeof *e);
    node->state = e;
    node->env.store = world_store(node);
    open_engine(node, e);
    if ((uint32_t)node->index < limits.indexers)
        node_fiber(node, open_indexer, e);
    for (uint32_t i = 0; i < WRITERS; i++) {
        add_client(node, (uint32_t)node->index * WRITERS + i, sim_writer);
        add_client(node, i, i ? sim_reader : sim_slow_reader);
    }
    if (node->index == 0)
        add_client(node, WORKERS * WRITERS, sim_admin);
    if (limits.forks)
        node_fiber(node, sim_forker, NULL);
}
