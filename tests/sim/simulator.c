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
 *   --profile NAME                   all seeds are mixed, margins, brief or damage (sim.h)
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

/* ---- one seed -----------------------------------------------------------------------------------
 */

#define EACH ((sim_profile)(PROFILES + 1))
static struct {
    uint64_t from, count;
    bool twice, until_caught, probes, verbose;
    sim_profile profile; /* EACH: as the number of the seed says */
} options = {.from = 1, .count = 100, .profile = EACH};

/* What the judge holds the seed to. The slowest clock makes 0.7 s of its own last a second; what
 * fails is tried again, and takes its time. */
static void judge_promises(void)
{
    const mola_indexer_config *c = &limits.indexer;
    bool clocks_agree = nemesis.step == 0; /* within two seconds */
    for (int i = 0; i < WORKERS; i++)
        clocks_agree = clocks_agree && !machine_node(i)->wall_sleeps;
    judge_rules rules = {.fence_ns = limits.fence_ns,
                         .lease_ns = limits.lease_ns,
                         .cramped = limits.view_bytes_max < 1 << 20,
                         .intact = limits.intact,
                         .healed_at = limits.heal_at + SECONDS(5),
                         .healthy_at = limits.heal_at + SECONDS(20)};
    if (clocks_agree && c->gc_floor_age_us > 2000000)
        rules.floor_age_us = c->gc_floor_age_us - 2000000;
    uint64_t slow = SECONDS(30), sweep = c->sweep_ns * 10 / 7, fence = c->fence_ns * 10 / 7;
    uint64_t retention = c->retention_us * 1000 + SECONDS(2);
    /* A name is visited early by one sweep and late by the next. */
    rules.indexed_within_ns = 2 * sweep + c->poll_ns * 10 / 7 + c->flush_age_ns * 10 / 7 + slow;
    rules.swept_within_ns = 3 * sweep + 4 * fence + slow;
    rules.collected_within_ns = 2 * sweep + 3 * fence + slow;
    if (clocks_agree) { /* else what is kept for a second may be kept for a day */
        rules.floored_within_ns = rules.indexed_within_ns + retention + 10 * fence + slow;
        rules.retired_within_ns = retention + 20 * fence + sweep + slow;
        rules.orphaned_within_ns = c->gc_floor_age_us * 1000 + 3 * sweep + 3 * fence + slow;
    }
    judge_reset(&rules);
}

/* Three of eight seeds are for what is rare in the others. */
static sim_profile profile_of(uint64_t seed)
{
    if (options.profile != EACH)
        return options.profile;
    uint64_t which = seed % 8;
    return which < 5 ? PROFILE_MIXED : (sim_profile)(which - 4);
}

static void run_seed(uint64_t seed)
{
    machine_reset(seed);
    judge_install();
    sim_lull_from = sim_lull_until = 0;
    world_faults faults;
    world_pace pace;
    sim_pick_limits(profile_of(seed), &faults, &pace);
    world_reset(&faults, &pace);
    judge_promises();
    sim_nemesis_begin();
    if (limits.branches) {
        sim_node *aside = machine_node(WORKERS);
        node_start(aside);
        node_fiber(aside, sim_brancher, NULL);
    }
    for (uint64_t t = 0; t < limits.end_at && !judge_failed(); t += SECONDS(1))
        machine_run(t + SECONDS(1));
    if (!judge_failed())
        judge_final();
}

/* ---- the command line
 * ----------------------------------------------------------------------------- */

static sim_profile profile_named(const char *name)
{
    uint32_t p = 0;
    while (p < PROFILES && strcmp(name, sim_profiles[p]) != 0)
        p++;
    return (sim_profile)p;
}

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
        else if (value && strcmp(a, "--profile") == 0)
            options.profile = profile_named(arguments[++i]);
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
    return options.profile == PROFILES ? 2 : 0;
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
    SHOW(nemesis.cuts, "cuts,");
    SHOW(nemesis.illnesses, "ill paths;");
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
