/* profiles.c - what a seed varies: limits, faults, pace. */
#include "sim.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char *const sim_profiles[PROFILES] = {"mixed", "margins", "brief", "damage"};

/* A third of the faults are off in each seed, the others are scaled. */
static uint32_t swarm(uint32_t most)
{
    return sim_below(3) ? (uint32_t)sim_below(most) : 0;
}

/* What is collected at the earliest in half of the seeds, and kept for a while in the others. */
static void pick_indexing(void)
{
    limits.hot = sim_below(2);
    limits.hints = sim_below(3);
    limits.indexers = 1 + (uint32_t)sim_below(WORKERS);
    limits.indexed_from = sim_below(4) ? 0 : sim_below(limits.heal_at);
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

/* Half of the names are left alone at some time: whatever is not finished then, nobody who writes
 * will finish. */
static void pick_deserted(void)
{
    for (uint32_t n = 0; n < NAMES; n++) {
        bool deserted = n && n < PLAIN_NAMES && sim_below(2);
        limits.deserted_at[n] =
            deserted ? limits.heal_at / 4 + sim_below(limits.heal_at * 3 / 4) : MOLA_NEVER;
        limits.left_alive[n] = sim_below(3) == 0;
    }
}

static void pick_mixed(world_faults *f, world_pace *p)
{
    *f = (world_faults){
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
    limits.view_bytes_max = sim_below(2) ? 1 << 30 : (200 + sim_below(600)) << 10;
    limits.entry_bytes_max = sim_below(2) ? 16 << 20 : 300 + sim_below(300);
    limits.group_bytes_max = sim_below(2) ? 16 << 20 : 100 + sim_below(200);
    limits.waiting_max = sim_below(3) ? 100 : 2;
    uint64_t pace = sim_below(4);
    limits.fence_ns = SECONDS(pace < 2 ? 2 : pace < 3 ? 5 : 12);
    limits.commit_ns_max = sim_below(2) ? SECONDS(8) : SECONDS(20);
    limits.restless = sim_below(3) == 0;
    limits.calm = !limits.restless && sim_below(2);
    limits.lulls = sim_below(2);
    limits.narrow = sim_below(4) == 0;
    limits.branches = sim_below(2);
    limits.heal_at = SECONDS(80);
    limits.quiet_at = SECONDS(110);
    limits.end_at = SECONDS(220);
    limits.pause_max = SECONDS(5);
    limits.strike_ns = SECONDS(8);
    limits.write_pause = limits.narrow ? SECONDS(1) / 10 : SECONDS(1);
    limits.idle_pause = SECONDS(20);
    limits.crowd = false;
    limits.in_step_ns = 0;
    limits.staleness_ns = SECONDS(4);
    limits.eventual_share = 4;
    *p = (world_pace){.latency_permil = 1000,
                      .timeout_ns = SECONDS(3),
                      .replay_ns = SECONDS(20),
                      .upload_ns = sim_below(2) ? SECONDS(100) : 0};
    pick_indexing();
    pick_deserted();
    machine_preempt(60000, swarm(2) ? SECONDS(1) : 0);
    nemesis = (sim_nemesis){.crashes = nemesis.crashes,
                            .pauses = nemesis.pauses,
                            .cuts = nemesis.cuts,
                            .illnesses = nemesis.illnesses,
                            .crash = swarm(10),
                            .pause = swarm(10),
                            .cut = swarm(10),
                            .ill = swarm(4),
                            .step = swarm(5)};
    for (int i = 0; i < WORKERS; i++) {
        sim_node *node = machine_node(i);
        node->rate_permil = 700 + sim_below(701);
        node->wall_offset_us = (int64_t)sim_below(2000000) - 1000000;
        node->wall_sleeps = nemesis.step && sim_below(2);
    }
}

/* Collectors as eager as the rules allow. */
static void heat(void)
{
    limits.restless = limits.branches = limits.narrow = false;
    limits.hot = true;
    limits.indexers = WORKERS;
    limits.indexed_from = 0;
    mola_indexer_config *c = &limits.indexer;
    c->fence_ns = limits.fence_ns;
    c->workers = 3;
    c->flush_rows = 1 + sim_below(3);
    c->flush_age_ns = c->poll_ns = SECONDS(1);
    c->sweep_ns = limits.fence_ns / 4 + sim_below(limits.fence_ns);
    c->retention_us = 0;
    c->gc_floor_age_us = 1000;
}

/* Requests that are tried again for many W, a network that is quick beside it, and floors that rise
 * to the tail as soon as they may. */
static void pick_margins(world_faults *f, world_pace *p)
{
    limits.fence_ns = SECONDS(1) / 2;
    limits.heal_at = SECONDS(40);
    limits.quiet_at = SECONDS(62);
    limits.end_at = SECONDS(90);
    heat();
    limits.calm = limits.lulls = true;
    if (sim_below(2))
        limits.indexer.sweep_ns = SECONDS(5);
    limits.commit_ns_max = SECONDS(20);
    limits.crowd = sim_below(2);
    limits.write_pause = SECONDS(1) / 4;
    limits.idle_pause = SECONDS(5);
    limits.pause_max = (sim_below(2) ? 2 : 10) * limits.fence_ns;
    limits.strike_ns = SECONDS(1);
    p->latency_permil = sim_below(2) ? 200 : 50;
    p->replay_ns = 4 * limits.fence_ns;
    p->upload_ns = 0;
    limits.in_step_ns = sim_below(2) ? SECONDS(1) / 4 : 0;
    limits.staleness_ns = SECONDS(sim_below(2) ? 2 : 20);
    limits.eventual_share = 2;
    machine_preempt(100000, limits.fence_ns);
    f->replay = 900000;
    f->drop_answer = 20000 + (uint32_t)sim_below(40000);
    f->zombie = 20000 + (uint32_t)sim_below(60000);
    f->drop_request = 10000 + (uint32_t)sim_below(30000);
    nemesis.pause = 10;
    nemesis.crash = (uint32_t)sim_below(2);
    nemesis.ill = 0;
    for (int i = 0; i < WORKERS; i++) {
        sim_node *node = machine_node(i);
        node->rate_permil = sim_below(2) ? 700 : 1400;
        node->wall_sleeps = sim_below(2);
    }
}

static void pick_brief(world_faults *f, world_pace *p)
{
    limits.fence_ns = SECONDS(2);
    limits.heal_at = SECONDS(50);
    limits.quiet_at = SECONDS(72);
    limits.end_at = SECONDS(110);
    heat();
    limits.write_pause = SECONDS(4);
    p->latency_permil = 300;
    p->upload_ns = 0;
    f->stall = 10000 + (uint32_t)sim_below(40000);
    machine_preempt(150000, SECONDS(1));
    nemesis.crash = nemesis.cut = (uint32_t)sim_below(2);
    for (int i = 0; i < WORKERS; i++)
        machine_node(i)->rate_permil = sim_below(2) ? 700 : 1400;
}

/* Nothing else damages bytes, so what is read when the path is well must be right. Much is read
 * anew: heads, delete vectors, pages. */
static void pick_damage(world_pace *p)
{
    limits.heal_at = SECONDS(40);
    limits.quiet_at = SECONDS(62);
    limits.end_at = SECONDS(140);
    limits.fence_ns = SECONDS(2);
    heat();
    limits.indexer.inline_bytes_max = 0;
    limits.indexer.flush_rows = 1 + sim_below(12);
    limits.indexer.merge_fan_in = 4 + (uint32_t)sim_below(4);
    limits.indexer.sweep_ns = 3 * limits.fence_ns;
    limits.view_bytes_max = sim_below(2) ? 1 << 30 : (100 + sim_below(400)) << 10;
    p->latency_permil = 300;
    p->timeout_ns = SECONDS(1);
    p->upload_ns = 0;
    limits.strike_ns = SECONDS(3);
    nemesis.ill = 20;
}

static void show_limits(void)
{
    const mola_indexer_config *c = &limits.indexer;
    if (getenv("SIM_LOG"))
        (void)fprintf(
            stderr,
            "limits: %s, W %.1f s, %s, %u indexers from %.0f s, flush %" PRIu64
            " rows or %.0f s, fan-in %u, rows %u, inline %" PRIu64
            ", poll %.0f s, sweep %.1f s, retention %.1f s, gc age %.1f s, views %zu\n",
            sim_profiles[limits.profile], (double)limits.fence_ns / 1e9,
            limits.hot ? "hot" : "cool", limits.indexers, (double)limits.indexed_from / 1e9,
            c->flush_rows, (double)c->flush_age_ns / 1e9, c->merge_fan_in, c->segment_rows_max,
            c->inline_bytes_max, (double)c->poll_ns / 1e9, (double)c->sweep_ns / 1e9,
            (double)c->retention_us / 1e6, (double)c->gc_floor_age_us / 1e6, limits.view_bytes_max);
}

void sim_pick_limits(sim_profile profile, world_faults *faults, world_pace *pace)
{
    limits.profile = profile;
    pick_mixed(faults, pace);
    if (profile == PROFILE_MARGINS)
        pick_margins(faults, pace);
    else if (profile == PROFILE_BRIEF)
        pick_brief(faults, pace);
    else if (profile == PROFILE_DAMAGE)
        pick_damage(pace);
    limits.intact = profile != PROFILE_MIXED;
    if (limits.intact) {
        faults->torn = faults->flip = 0;
        pick_deserted();
    }
    limits.forks = limits.branches && sim_below(2);
    limits.lease_ns = 10 * limits.fence_ns;
    pace->pause_ns = 3 * limits.fence_ns;
    pace->stale_ns = limits.fence_ns;
    show_limits();
}
