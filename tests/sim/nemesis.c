/* nemesis.c - what happens to whole nodes. */
#include "sim.h"

sim_nemesis nemesis;

static void start(void *argument, uint64_t unused)
{
    sim_node *node = argument;
    (void)unused;
    if (node->up)
        return;
    node_start(node);
    node_fiber(node, sim_boot, node);
}

/* Nobody writes, so that the floor rises to the very tail; and often one node, stopped shortly
 * before, has missed the last entries. */
static void lull(void)
{
    uint64_t longest = limits.heal_at - sim_now(), last = sim_below(limits.strike_ns / 4);
    uint64_t duration = 12 * limits.fence_ns + sim_below(8 * limits.fence_ns);
    if (sim_below(2))
        node_pause(machine_node((int)sim_below(WORKERS)),
                   duration + last < longest ? duration + last : longest, sim_below(2));
    sim_lull_from = sim_now() + last;
    sim_lull_until = sim_lull_from + (duration < longest ? duration : longest);
}

/* A day, or about the fence. */
static void step_clock(sim_node *node)
{
    uint64_t range = sim_below(2) ? 2ull * 86400000000 : limits.fence_ns / 1000 * 2;
    node->wall_offset_us += (int64_t)sim_below(range) - (int64_t)(range / 2);
}

static void hit(sim_node *node)
{
    uint64_t which =
        sim_below(1 + nemesis.crash + nemesis.pause + nemesis.cut + nemesis.ill + nemesis.step);
    if (which < nemesis.crash) {
        if (!node->up)
            return;
        nemesis.crashes++;
        node_crash(node);
        machine_at(sim_now() + sim_below(SECONDS(3)), start, node, 0);
    } else if ((which -= nemesis.crash) < nemesis.pause) {
        nemesis.pauses++;
        uint64_t pause = sim_below(sim_below(3) ? limits.pause_max : 3 * limits.fence_ns);
        uint64_t left = limits.heal_at - sim_now();
        node_pause(node, pause < left ? pause : left, sim_below(2));
    } else if ((which -= nemesis.pause) < nemesis.cut) {
        nemesis.cuts++;
        node->cut_until = sim_now() + sim_below(SECONDS(20));
    } else if ((which -= nemesis.cut) < nemesis.ill) {
        nemesis.illnesses++;
        node->ill_until = sim_now() + sim_below(SECONDS(10));
    } else if (which - nemesis.ill < nemesis.step) {
        step_clock(node);
    }
}

static void strike(void *argument, uint64_t unused)
{
    (void)unused;
    (void)argument;
    if (sim_now() >= limits.heal_at)
        return;
    hit(machine_node((int)sim_below(WORKERS)));
    bool often = limits.profile == PROFILE_MARGINS;
    bool may_lull = limits.lulls && (!often || sim_now() > sim_lull_until);
    if (may_lull && sim_below(often ? 2 : 8) == 0)
        lull();
    machine_at(sim_now() + sim_below(limits.strike_ns), strike, NULL, 0);
}

static void heal(void *argument, uint64_t unused)
{
    (void)unused;
    (void)argument;
    world_heal();
    for (int i = 0; i < WORKERS; i++)
        machine_node(i)->cut_until = 0;
}

void sim_nemesis_begin(void)
{
    for (int i = 0; i < WORKERS; i++)
        machine_at(sim_below(SECONDS(1)), start, machine_node(i), 0);
    machine_at(SECONDS(2), strike, NULL, 0);
    machine_at(limits.heal_at, heal, NULL, 0);
}
