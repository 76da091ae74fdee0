/* simulator.c - deterministic simulation of mola's own namespace/, write/ and executor code.
 *
 * Nodes run the production files, unchanged, on fibers above a simulated mola_env, against a store
 * that loses, delays, repeats and damages; clients write, read, delete and re-create; a nemesis
 * crashes, pauses and cuts off nodes; a sweeper collects dead incarnations as protocol rule I11
 * allows; a judge holds every entry and every answer against the history. Faults stop late in each
 * seed: after that every request must succeed.
 *
 *   simulator --count N [--from S]   runs seeds; exit 1 at the first violation (prints the seed)
 *   simulator --seed S               one seed, verbose
 *   --twice                          each seed twice: the traces must be equal
 *   --until-caught                   for mutants: exit 0 at the first violation, 1 when there is
 * none
 *   --probes                         fail when a probe of the production code stayed unreached */
#include "judge.h"
#include "mola/format/manifest.h"
#include "mola/write/write.h"
#include "world.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS(n) ((uint64_t)(n)*MOLA_SECOND)
enum { WORKERS = 3, WRITERS = 3, PROBES_MAX = 128 };
static const uint64_t HEAL_AT = SECONDS(110), QUIET_AT = SECONDS(150), END_AT = SECONDS(180);
static const uint64_t STALENESS = SECONDS(4);

/* ---- probes: which rare paths were walked -----------------------------------------------------
 */

static struct {
    const char *name;
    uint64_t hits;
} probes[PROBES_MAX];
static int probe_count;

void mola_probe_hit(const char *name)
{
    for (int i = 0; i < probe_count; i++)
        if (probes[i].name == name || strcmp(probes[i].name, name) == 0) {
            probes[i].hits++;
            return;
        }
    MOLA_ASSERT(probe_count < PROBES_MAX);
    probes[probe_count].name = name;
    probes[probe_count++].hits = 1;
}

/* ---- what a seed varies -------------------------------------------------------------------------
 */

/* Limits that are met often in some seeds and never in others. */
static struct {
    size_t view_bytes_max, entry_bytes_max;
    uint64_t group_bytes_max;
    uint32_t waiting_max;
    uint64_t fence_ns, commit_ns_max;
    bool narrow;   /* one executor thread, and room for one job beside it */
    bool restless; /* names are deleted and made again all the time */
} limits;

static void pick_limits(void)
{
    limits.view_bytes_max = sim_below(2) ? 1 << 30 : 256 << 10;
    limits.entry_bytes_max = sim_below(2) ? 16 << 20 : 300 + sim_below(300);
    limits.group_bytes_max = sim_below(2) ? 16 << 20 : 100 + sim_below(200);
    limits.waiting_max = sim_below(3) ? 100 : 2;
    limits.fence_ns = sim_below(2) ? SECONDS(12) : SECONDS(5);
    limits.commit_ns_max = sim_below(2) ? SECONDS(8) : SECONDS(20);
    limits.restless = sim_below(2);
    limits.narrow = sim_below(4) == 0;
}

/* ---- one node ---------------------------------------------------------------------------------
 */

typedef struct {
    mola_namespaces *namespaces;
    mola_executor *executor;
    mola_writer *writer;
    uint32_t clients;
} engine;

typedef struct {
    sim_node *node;
    uint32_t index; /* of the client; names its marker row */
} client;

static engine *my_engine(void)
{
    return sim_me()->state;
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

static void print_body(mola_buf *out, const sim_op *op)
{
    long long v = judge_op_number(op);
    bool first = true;
    if (op->kind == OP_NOTHING) {
        mola_buf_print(out, "{\"patch_rows\":[{\"id\":50,\"v\":1}]}");
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
    mola_buf_print(out, "%s%s}", op->deletes ? "]" : "",
                   op->must_exist ? ",\"create_namespace\":false" : "");
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
    mola_writer_submit(my_engine()->writer, NULL, &c->write);
    mola_lock_take(&c->lock);
    while (!c->done)
        (void)mola_event_wait(&c->answered, &c->lock, MOLA_NEVER);
    mola_lock_give(&c->lock);
    mola_json_free(&doc);
    mola_buf_free(&text);
    mola_arena_reset(&arena);
    mola_free(heap, c, sizeof *c);
}

static bool over(void)
{
    return sim_now() >= QUIET_AT || judge_failed();
}

static uint32_t pick_name(void)
{
    uint64_t r = sim_below(10);
    return r < 6 ? 0 : r < 8 ? 1 : 2;
}

static void writer(void *argument)
{
    client *me = argument;
    while (!over()) {
        sim_sleep(sim_below(limits.narrow ? SECONDS(1) / 10 : SECONDS(1)));
        if (sim_below(limits.narrow ? 80 : 8) == 0)
            sim_sleep(sim_below(SECONDS(20))); /* an idle namespace takes other paths */
        sim_op *op = judge_op(sim_below(12) ? OP_WRITE : OP_NOTHING, pick_name(), me->index);
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
        }
        perform(op);
    }
}

static void reader(void *argument)
{
    sim_node *node = sim_me();
    (void)argument;
    while (!over()) {
        sim_sleep(sim_below(SECONDS(1)) / 2);
        mola_arena arena;
        mola_why why = {0};
        mola_arena_init(&arena, &node->heap, 1 << 20);
        mola_ctx ctx = {.env = &node->env, .arena = &arena, .why = &why};
        ctx.deadline_ns = mola_boot_ns(&node->env) + SECONDS(10);
        bool eventual = sim_below(4) == 0;
        mola_freshness how = {.level = eventual ? MOLA_READ_EVENTUAL : MOLA_READ_STRONG,
                              .staleness_ns = STALENESS};
        uint32_t name = pick_name();
        uint64_t began = sim_now(), newest = judge_newest(name);
        mola_view *view = NULL;
        mola_err err = mola_namespace_read(&ctx, my_engine()->namespaces,
                                           mola_str_of(sim_names[name]), &how, &view);
        if ((!err || err == MOLA_NOT_FOUND) && !eventual)
            judge_read(name, view, newest, began);
        if (!err && eventual) /* the slowest boot clock makes 4 s of its own last 5.8 s; the answer
                                 took its time too */
            judge_eventual(name, view,
                           judge_newest_at(name, began > SECONDS(6) ? began - SECONDS(6) : 0));
        if (view)
            mola_view_unref(view);
        mola_arena_reset(&arena);
    }
}

/* Settings and deletion; one for all nodes, so that nobody else changes what it set. */
static void admin(void *argument)
{
    client *me = argument;
    while (!over()) {
        sim_sleep(limits.restless ? sim_below(SECONDS(3)) : SECONDS(3) + sim_below(SECONDS(12)));
        uint32_t name = pick_name();
        bool delete = limits.restless ? sim_below(8) : sim_below(3) == 0;
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

static void boot(void *argument)
{
    sim_node *node = argument;
    engine *e = mola_alloc(&node->heap, sizeof *e);
    node->state = e;
    node->env.store = world_store(node);
    mola_executor_config threads = {
        .threads_max = 12, .permits = {2, 2, 1}, .queue_max = {64, 64, 16}};
    if (limits.narrow)
        threads =
            (mola_executor_config){.threads_max = 1, .permits = {1, 1, 1}, .queue_max = {1, 1, 1}};
    mola_namespaces_config names = {.env = &node->env,
                                    .view_bytes_max = limits.view_bytes_max,
                                    .entry_bytes_max = limits.entry_bytes_max,
                                    .fence_ns = limits.fence_ns};
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
    for (uint32_t i = 0; i < WRITERS + (uint32_t)(node->index == 0); i++) {
        client *c = mola_alloc(&node->heap, sizeof *c);
        *c = (client){node, (uint32_t)node->index * WRITERS + i};
        if (i == WRITERS)
            c->index = WORKERS * WRITERS;
        node_fiber(node, i < WRITERS ? writer : admin, c);
        node_fiber(node, reader, c);
    }
}

/* ---- nemesis and sweeper ------------------------------------------------------------------------
 */

static void start(void *argument, uint64_t unused)
{
    sim_node *node = argument;
    (void)unused;
    if (node->up)
        return;
    node_start(node);
    node_fiber(node, boot, node);
}

static struct {
    uint64_t crashes, pauses, cuts;
    uint32_t crash, pause, cut, step; /* how often, relative */
} nemesis;

static void strike(void *argument, uint64_t unused)
{
    (void)unused;
    (void)argument;
    if (sim_now() >= HEAL_AT)
        return;
    sim_node *node = machine_node((int)sim_below(WORKERS));
    uint64_t which = sim_below(1 + nemesis.crash + nemesis.pause + nemesis.cut + nemesis.step);
    if (which < nemesis.crash && node->up) {
        nemesis.crashes++;
        node_crash(node);
        machine_at(sim_now() + sim_below(SECONDS(3)), start, node, 0);
    } else if (which < nemesis.crash + nemesis.pause) {
        nemesis.pauses++;
        uint64_t pause = sim_below(sim_below(3) ? SECONDS(5) : 3 * limits.fence_ns);
        node_pause(node, sim_now() + pause < HEAL_AT ? pause : HEAL_AT - sim_now());
    } else if (which < nemesis.crash + nemesis.pause + nemesis.cut) {
        nemesis.cuts++;
        node->cut_until = sim_now() + sim_below(SECONDS(20));
    } else if (which < nemesis.crash + nemesis.pause + nemesis.cut + nemesis.step) {
        uint64_t range = sim_below(2) ? 2ull * 86400000000
                                      : limits.fence_ns / 1000 * 2; /* a day, or about the fence */
        node->wall_offset_us += (int64_t)sim_below(range) - (int64_t)(range / 2);
    }
    machine_at(sim_now() + sim_below(SECONDS(8)), strike, NULL, 0);
}

static void heal(void *argument, uint64_t unused)
{
    (void)unused;
    (void)argument;
    world_heal();
    for (int i = 0; i < WORKERS; i++)
        machine_node(i)->cut_until = 0;
}

/* Makes the birth of a suspected incarnation impossible: after this ns/{name} is past the version
 * its birth needs. */
static bool fence_birth(const sim_incarnation *n)
{
    char key[64];
    (void)snprintf(key, sizeof key, "ns/%s", sim_names[n->name]);
    const world_object *object = world_find(key);
    mola_heap heap;
    mola_arena arena;
    mola_why why = {0};
    mola_manifest m = {.deleted = true};
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena_init(&arena, &heap, 1 << 20);
    if (object) {
        MOLA_ASSERT(mola_manifest_decode(object->body, &arena, &heap, &m, &why) == MOLA_OK);
        if (m.state)
            mola_state_unref(m.state);
    }
    bool ours = !m.deleted && memcmp(m.nsid, n->nsid, 16) == 0, good = !ours;
    if (good && m.ver <= n->cond_ver) {
        mola_buf image;
        mola_buf_init(&image, &heap);
        uint64_t chance[2] = {sim_below(UINT64_MAX), sim_below(UINT64_MAX)};
        mola_manifest next = {.deleted = true, .epoch = m.epoch, .ver = m.ver + 1};
        memcpy(next.nsid, m.nsid, 16);
        memcpy(next.commit_id, chance, 16);
        mola_manifest_encode(&image, &next);
        good = world_cas(key, mola_buf_str(&image), object ? object->tag : 0);
        mola_buf_free(&image);
    }
    mola_arena_reset(&arena);
    return good;
}

/* Collects what is dead for good, as early as the rules allow a machine with the fastest clock. */
static void sweep(void *argument, uint64_t unused)
{
    (void)argument;
    (void)unused;
    static const char digits[] = "0123456789abcdef";
    sim_incarnation *all;
    uint32_t count = judge_incarnations(&all);
    judge_sweeping(true);
    for (uint32_t i = 0; i < count && !judge_failed(); i++) {
        sim_incarnation *n = &all[i];
        char prefix[64] = "d/";
        for (int b = 0; b < 16; b++) {
            prefix[2 + 2 * b] = digits[n->nsid[b] >> 4];
            prefix[3 + 2 * b] = digits[n->nsid[b] & 15];
        }
        memcpy(prefix + 34, "/", 2);
        if (!n->born && !n->dead && sim_now() > n->begun_at + limits.fence_ns && sim_below(2) &&
            fence_birth(n))
            judge_mark(n->nsid, false);
        else if (n->dead && !n->swept && sim_now() > n->dead_at + limits.fence_ns * 1000 / 1400) {
            world_delete_prefix(prefix);
            judge_mark(n->nsid, true);
        }
    }
    judge_sweeping(false);
    machine_at(sim_now() + SECONDS(1) + sim_below(SECONDS(2)), sweep, NULL, 0);
}

/* ---- one seed -----------------------------------------------------------------------------------
 */

/* A third of the faults are off in each seed, the others are scaled. */
static uint32_t swarm(uint32_t most)
{
    return sim_below(3) ? (uint32_t)sim_below(most) : 0;
}

static void run_seed(uint64_t seed)
{
    machine_reset(seed);
    judge_reset();
    judge_install();
    world_faults faults = {
        .drop_request = swarm(20000),
        .drop_answer = swarm(30000),
        .error_before = swarm(30000),
        .error_after = swarm(30000),
        .conflict = swarm(50000),
        .duplicate = swarm(50000),
        .zombie = swarm(40000),
        .replay = swarm(500000),
        .torn = swarm(3000),
        .flip = swarm(3000),
        .stale_list = swarm(300000),
    };
    world_reset(&faults, SECONDS(3));
    nemesis.crash = swarm(10);
    nemesis.pause = swarm(10);
    nemesis.cut = swarm(10);
    nemesis.step = swarm(5);
    pick_limits();
    for (int i = 0; i < WORKERS; i++) {
        sim_node *node = machine_node(i);
        node->rate_permil = 700 + sim_below(701);
        node->wall_offset_us = (int64_t)sim_below(2000000) - 1000000;
        machine_at(sim_below(SECONDS(1)), start, node, 0);
    }
    machine_at(SECONDS(2), strike, NULL, 0);
    machine_at(SECONDS(2), sweep, NULL, 0);
    machine_at(HEAL_AT, heal, NULL, 0);
    for (uint64_t t = 0; t < END_AT && !judge_failed(); t += SECONDS(1))
        machine_run(t + SECONDS(1));
    if (!judge_failed())
        judge_final(HEAL_AT + SECONDS(20));
}

/* ---- the command line
 * ----------------------------------------------------------------------------- */

static struct {
    uint64_t from, count;
    bool twice, until_caught, probes, verbose;
} options = {.from = 1, .count = 100};

static int parse(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        const char *a = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(a, "--twice") == 0)
            options.twice = true;
        else if (strcmp(a, "--until-caught") == 0)
            options.until_caught = true;
        else if (strcmp(a, "--probes") == 0)
            options.probes = true;
        else if (value && strcmp(a, "--count") == 0)
            options.count = strtoull(arguments[++i], NULL, 10);
        else if (value && strcmp(a, "--from") == 0)
            options.from = strtoull(arguments[++i], NULL, 10);
        else if (value && strcmp(a, "--seed") == 0) {
            options.from = strtoull(arguments[++i], NULL, 10);
            options.count = 1;
            options.verbose = true;
        } else {
            return 2;
        }
    }
    return 0;
}

static void add_counts(judge_counts *sum, const judge_counts *one)
{
    sum->done += one->done;
    sum->refused += one->refused;
    sum->failed += one->failed;
    sum->unknown += one->unknown;
    sum->reads += one->reads;
    sum->absent_reads += one->absent_reads;
    sum->eventual_reads += one->eventual_reads;
    sum->entries += one->entries;
    sum->births += one->births;
    sum->deaths += one->deaths;
    sum->swept += one->swept;
    sum->healthy += one->healthy;
    sum->healthy_unclear += one->healthy_unclear;
}

static void report(uint64_t seeds, const judge_counts *c)
{
    printf("%" PRIu64 " seeds: %" PRIu64 " acknowledged, %" PRIu64 " refused, %" PRIu64
           " failed, %" PRIu64 " unknown; %" PRIu64 " entries, %" PRIu64 " strong reads (%" PRIu64
           " found nothing), %" PRIu64 " eventual; %" PRIu64 " births, %" PRIu64 " deaths, %" PRIu64
           " swept; %" PRIu64 " crashes, %" PRIu64 " pauses, %" PRIu64 " cuts; %" PRIu64
           " requests after the faults, %" PRIu64 " of them unclear\n",
           seeds, c->done, c->refused, c->failed, c->unknown, c->entries, c->reads, c->absent_reads,
           c->eventual_reads, c->births, c->deaths, c->swept, nemesis.crashes, nemesis.pauses,
           nemesis.cuts, c->healthy, c->healthy_unclear);
    for (int i = 0; i < probe_count; i++)
        printf("  %-40s %" PRIu64 "\n", probes[i].name, probes[i].hits);
}

int main(int count, char **arguments)
{
    if (parse(count, arguments))
        return fprintf(stderr, "unknown argument\n"), 2;
    judge_counts sum = {0};
    for (uint64_t seed = options.from; seed < options.from + options.count; seed++) {
        run_seed(seed);
        uint64_t trace = sim_trace_hash();
        judge_counts one = judge_totals();
        add_counts(&sum, &one);
        if (judge_failed()) {
            printf("seed %" PRIu64 ": VIOLATION %s\n", seed, judge_verdict());
            return options.until_caught ? 0 : 1;
        }
        if (options.twice) {
            run_seed(seed);
            if (sim_trace_hash() != trace)
                return printf("seed %" PRIu64 ": two runs differ\n", seed), 1;
        }
    }
    report(options.count, &sum);
    return options.until_caught ? 1 : 0;
}
