/* simulator.c - deterministic simulation of mola's own namespace/, write/, index/ and executor
 * code.
 *
 * Nodes run the production files, unchanged, on fibers above a simulated mola_env, against a store
 * that loses, delays, repeats and damages; clients write, read, delete and re-create; indexers
 * flush, merge, collect and sweep beside them; a nemesis crashes, pauses and cuts off nodes; a
 * judge holds every entry, manifest, segment, deletion and answer against the history. Faults stop
 * late in each seed: after that every request must succeed, the log be indexed, and garbage
 * disappear.
 *
 *   simulator --count N [--from S]   runs seeds; exit 1 at the first violation (prints the seed)
 *   simulator --seed S               one seed, verbose
 *   --twice                          each seed twice: the traces must be equal
 *   --storms                         a quarter of the seeds is all for the margins of the fence
 *   --until-caught                   for mutants: exit 0 at the first violation, 1 when there is
 * none
 *   --probes                         fail when a probe of the production code stayed unreached */
#include "sim.h"
#include "world.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PROBES_MAX = 256 };

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

/* What is collected at the earliest in half of the seeds, and kept for a while in the others. */
static void pick_indexing(void)
{
    limits.hot = sim_below(2);
    limits.hints = sim_below(3);
    limits.indexers = 1 + (uint32_t)sim_below(WORKERS);
    limits.indexed_from = sim_below(4) ? 0 : sim_below(SIM_HEAL_AT);
    mola_indexer_config *c = &limits.indexer;
    *c = (mola_indexer_config){
        .fence_ns = limits.fence_ns,
        .memory_max = 64 << 20,
        .workers = 1 + (uint32_t)sim_below(3),
        .inline_bytes_max = sim_below(3) ? 0 : 48 << 10,
        .flush_bytes = 1 << 20,
        .flush_rows = 1 + sim_below(limits.hot ? 12 : 60),
        .flush_age_ns = SECONDS(1 + sim_below(20)),
        .merge_fan_in = 2 + (uint32_t)sim_below(3),
        .segment_rows_max = sim_below(2) ? 1 << 20 : 6 + (uint32_t)sim_below(20),
        .poll_ns = SECONDS(1 + sim_below(limits.hot ? 2 : 8)),
        .sweep_ns = 3 * limits.fence_ns + sim_below(limits.hot ? 1 : 3) * limits.fence_ns,
        .retention_us = limits.hot ? sim_below(2) * 1000000 : sim_below(20000000),
        .gc_floor_age_us = limits.hot ? 1000 : 20000000 + sim_below(40000000)};
}

static bool storms; /* --storms */

/* Floors rise to the tail as soon as they may, while nodes stop and late copies land. */
static void pick_storm(void)
{
    limits.storm = storms && sim_below(4) == 0;
    if (!limits.storm)
        return;
    limits.fence_ns = SECONDS(1);
    limits.lease_ns = 10 * limits.fence_ns;
    limits.commit_ns_max = SECONDS(20);
    limits.restless = limits.branches = limits.forks = limits.narrow = false;
    limits.calm = limits.lulls = limits.hot = true;
    limits.indexers = WORKERS;
    limits.indexed_from = 0;
    limits.indexer.fence_ns = limits.fence_ns;
    limits.indexer.flush_rows = 1 + sim_below(3);
    limits.indexer.flush_age_ns = limits.indexer.poll_ns = SECONDS(1);
    limits.indexer.sweep_ns = SECONDS(5);
    limits.indexer.retention_us = 0;
    limits.indexer.gc_floor_age_us = 1000;
}

static void show_limits(void)
{
    const mola_indexer_config *c = &limits.indexer;
    if (getenv("SIM_LOG"))
        (void)fprintf(stderr,
                      "limits: W %.0f s, %s, %u indexers from %.0f s, flush %" PRIu64
                      " rows or %.0f s, fan-in %u, rows %u, inline %" PRIu64
                      ", poll %.0f s, sweep %.0f s, retention %.1f s, gc age %.1f s, views %zu\n",
                      (double)limits.fence_ns / 1e9,
                      limits.storm ? "storm"
                      : limits.hot ? "hot"
                                   : "cool",
                      limits.indexers, (double)limits.indexed_from / 1e9, c->flush_rows,
                      (double)c->flush_age_ns / 1e9, c->merge_fan_in, c->segment_rows_max,
                      c->inline_bytes_max, (double)c->poll_ns / 1e9, (double)c->sweep_ns / 1e9,
                      (double)c->retention_us / 1e6, (double)c->gc_floor_age_us / 1e6,
                      limits.view_bytes_max);
}

static void pick_limits(void)
{
    limits.view_bytes_max = sim_below(2) ? 1 << 30 : (200 + sim_below(600)) << 10;
    limits.entry_bytes_max = sim_below(2) ? 16 << 20 : 300 + sim_below(300);
    limits.group_bytes_max = sim_below(2) ? 16 << 20 : 100 + sim_below(200);
    limits.waiting_max = sim_below(3) ? 100 : 2;
    uint64_t pace = sim_below(4);
    limits.fence_ns = SECONDS(pace < 2 ? 2 : pace < 3 ? 5 : 12);
    limits.lease_ns = 10 * limits.fence_ns;
    limits.commit_ns_max = sim_below(2) ? SECONDS(8) : SECONDS(20);
    limits.restless = sim_below(3) == 0;
    limits.calm = !limits.restless && sim_below(2);
    limits.lulls = sim_below(2);
    limits.narrow = sim_below(4) == 0;
    limits.branches = sim_below(2);
    pick_indexing();
    pick_storm();
    limits.forks = limits.branches && sim_below(2);
    show_limits();
}

/* ---- nemesis ------------------------------------------------------------------------------------
 */

static void start(void *argument, uint64_t unused)
{
    sim_node *node = argument;
    (void)unused;
    if (node->up)
        return;
    node_start(node);
    node_fiber(node, sim_boot, node);
}

static struct {
    uint64_t crashes, pauses, cuts;
    uint32_t crash, pause, cut, step; /* how often, relative */
} nemesis;

/* Nobody writes, so that the floor rises to the very tail; and often one node, stopped shortly
 * before, has missed the last entries. */
static void lull(void)
{
    uint64_t longest = SIM_HEAL_AT - sim_now(),
             last = sim_below(limits.storm ? SECONDS(1) / 2 : SECONDS(2));
    uint64_t duration = 12 * limits.fence_ns + sim_below(8 * limits.fence_ns);
    if (sim_below(2))
        node_pause(machine_node((int)sim_below(WORKERS)),
                   duration + last < longest ? duration + last : longest, sim_below(2));
    sim_lull_from = sim_now() + last;
    sim_lull_until = sim_lull_from + (duration < longest ? duration : longest);
}

static void strike(void *argument, uint64_t unused)
{
    (void)unused;
    (void)argument;
    if (sim_now() >= SIM_HEAL_AT)
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
        node_pause(node, sim_now() + pause < SIM_HEAL_AT ? pause : SIM_HEAL_AT - sim_now(),
                   sim_below(2));
    } else if (which < nemesis.crash + nemesis.pause + nemesis.cut) {
        nemesis.cuts++;
        node->cut_until = sim_now() + sim_below(SECONDS(20));
    } else if (which < nemesis.crash + nemesis.pause + nemesis.cut + nemesis.step) {
        uint64_t range = sim_below(2) ? 2ull * 86400000000
                                      : limits.fence_ns / 1000 * 2; /* a day, or about the fence */
        node->wall_offset_us += (int64_t)sim_below(range) - (int64_t)(range / 2);
    }
    bool may_lull = limits.lulls && (!limits.storm || sim_now() > sim_lull_until);
    if (may_lull && sim_below(limits.storm ? 2 : 8) == 0)
        lull();
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

/* ---- one seed -----------------------------------------------------------------------------------
 */

/* A third of the faults are off in each seed, the others are scaled. */
static uint32_t swarm(uint32_t most)
{
    return sim_below(3) ? (uint32_t)sim_below(most) : 0;
}

/* What the judge holds the seed to. The slowest clock makes 0.7 s of its own last a second; what
 * fails is tried again, and takes its time. */
static void judge_promises(void)
{
    const mola_indexer_config *c = &limits.indexer;
    bool clocks_agree = nemesis.step == 0; /* within two seconds */
    judge_rules rules = {.fence_ns = limits.fence_ns,
                         .lease_ns = limits.lease_ns,
                         .healed_at = SIM_HEAL_AT + SECONDS(5),
                         .healthy_at = SIM_HEAL_AT + SECONDS(20)};
    if (clocks_agree && c->gc_floor_age_us > 2000000)
        rules.floor_age_us = c->gc_floor_age_us - 2000000;
    uint64_t slow = SECONDS(30), sweep = c->sweep_ns * 10 / 7, fence = c->fence_ns * 10 / 7;
    uint64_t retention = c->retention_us * 1000 + SECONDS(2);
    rules.indexed_within_ns = sweep + c->poll_ns * 10 / 7 + c->flush_age_ns * 10 / 7 + slow;
    rules.swept_within_ns = 3 * sweep + 4 * fence + slow;
    rules.collected_within_ns = 2 * sweep + 3 * fence + slow;
    if (clocks_agree) { /* else what is kept for a second may be kept for a day */
        rules.floored_within_ns = rules.indexed_within_ns + retention + 10 * fence + slow;
        rules.retired_within_ns = retention + 20 * fence + sweep + slow;
        rules.orphaned_within_ns = c->gc_floor_age_us * 1000 + 3 * sweep + 3 * fence + slow;
    }
    judge_reset(&rules);
}

static void run_seed(uint64_t seed)
{
    machine_reset(seed);
    judge_install();
    sim_lull_from = sim_lull_until = 0;
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
        .stop_at_answer = swarm(1000),
        .stall = swarm(10000),
    };
    pick_limits();
    if (limits.storm) {
        faults.replay = 800000;
        faults.zombie = 20000 + (uint32_t)sim_below(60000);
    }
    world_pace pace = {.timeout_ns = SECONDS(3),
                       .upload_ns = sim_below(2) ? SECONDS(100) : 0,
                       .pause_ns = 3 * limits.fence_ns,
                       .stale_ns = limits.fence_ns};
    world_reset(&faults, &pace);
    nemesis.crash = swarm(10);
    nemesis.pause = swarm(10);
    nemesis.cut = swarm(10);
    nemesis.step = swarm(5);
    judge_promises();
    for (int i = 0; i < WORKERS; i++) {
        sim_node *node = machine_node(i);
        node->rate_permil = 700 + sim_below(701);
        node->wall_offset_us = (int64_t)sim_below(2000000) - 1000000;
        node->wall_sleeps = nemesis.step && sim_below(2);
        machine_at(sim_below(SECONDS(1)), start, node, 0);
    }
    if (limits.branches) {
        sim_node *aside = machine_node(WORKERS);
        node_start(aside);
        node_fiber(aside, sim_brancher, NULL);
    }
    machine_at(SECONDS(2), strike, NULL, 0);
    machine_at(SIM_HEAL_AT, heal, NULL, 0);
    for (uint64_t t = 0; t < SIM_END_AT && !judge_failed(); t += SECONDS(1))
        machine_run(t + SECONDS(1));
    if (!judge_failed())
        judge_final();
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
        else if (strcmp(a, "--storms") == 0)
            storms = true;
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
    sum->flushes += one->flushes;
    sum->merges += one->merges;
    sum->collections += one->collections;
    sum->deleted_entries += one->deleted_entries;
    sum->deleted_objects += one->deleted_objects;
    sum->branches += one->branches;
    sum->forks += one->forks;
    sum->healthy += one->healthy;
    sum->healthy_unclear += one->healthy_unclear;
    sum->healthy_reads += one->healthy_reads;
    sum->healthy_unread += one->healthy_unread;
}

#define SHOW(n, what) printf(" %" PRIu64 " " what, (uint64_t)(n))

static void report(uint64_t seeds, const judge_counts *c)
{
    printf("%" PRIu64 " seeds:", seeds);
    SHOW(c->done, "acknowledged,");
    SHOW(c->refused, "refused,");
    SHOW(c->failed, "failed,");
    SHOW(c->unknown, "unknown;");
    SHOW(c->entries, "entries,");
    SHOW(c->reads, "strong reads");
    SHOW(c->absent_reads, "found nothing,");
    SHOW(c->eventual_reads, "eventual;");
    SHOW(c->births, "births,");
    SHOW(c->deaths, "deaths,");
    SHOW(c->branches, "branches,");
    SHOW(c->forks, "by the production code;");
    SHOW(c->flushes, "flushes,");
    SHOW(c->merges, "merges,");
    SHOW(c->collections, "other versions,");
    SHOW(c->deleted_entries, "entries and");
    SHOW(c->deleted_objects, "objects deleted;");
    SHOW(nemesis.crashes, "crashes,");
    SHOW(nemesis.pauses, "pauses,");
    SHOW(nemesis.cuts, "cuts;");
    SHOW(c->healthy, "requests after the faults,");
    SHOW(c->healthy_unclear, "of them unclear;");
    SHOW(c->healthy_reads, "reads,");
    SHOW(c->healthy_unread, "of them failed\n");
    for (int i = 0; i < probe_count; i++)
        printf("  %-40s %" PRIu64 "\n", probes[i].name, probes[i].hits);
}

static uint64_t running;

/* A panic of the code under test: which seed was it? */
static void on_crash(int number)
{
    char line[64];
    int size =
        snprintf(line, sizeof line, "seed %" PRIu64 ": crashed (signal %d)\n", running, number);
    ssize_t unused = write(STDERR_FILENO, line, (size_t)size);
    (void)unused;
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

int main(int count, char **arguments)
{
    if (parse(count, arguments))
        return fprintf(stderr, "unknown argument\n"), 2;
    (void)signal(SIGABRT, on_crash);
    (void)signal(SIGSEGV, on_crash);
    judge_counts sum = {0};
    for (uint64_t seed = options.from; seed < options.from + options.count; seed++) {
        running = seed;
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
