/* machine.h - the simulated machine: virtual time, fibers, nodes with drifting clocks.
 *
 * One process, one thread, no real clock: everything that happens is an event in a heap, ordered by
 * (time, number), and every source of chance is one seeded generator. So a seed replays the same
 * run bit for bit. Production code runs on fibers above a mola_env whose waits are events; a crash
 * of a node abandons its fibers and frees its heap whole. */
#pragma once
#include "mola/base/env.h"

enum { SIM_EPOCH_S = 1700000000 }; /* what a right wall clock says at the beginning */
#define SIM_EPOCH_US ((uint64_t)SIM_EPOCH_S * 1000000)
enum { NODES_MAX = 8, FIBERS_MAX = 256, SUSPENDS_MAX = 16 };

/* Chance (splitmix64). */
uint64_t sim_below(uint64_t n); /* 0 <= result < n; 0 for n 0 */
bool sim_chance(uint32_t ppm);
uint64_t sim_now(void);     /* true time, ns */
void sim_trace(uint64_t x); /* folds into the hash that two runs of a seed must share */
uint64_t sim_trace_hash(void);

/* A seed begins and ends. */
void machine_reset(uint64_t seed);
void machine_run(uint64_t until_ns); /* turns the event loop */

/* Calls `act` at that time, outside any fiber. */
void machine_at(uint64_t at_ns, void (*act)(void *argument, uint64_t tag), void *argument,
                uint64_t tag);

/* How often a thread that takes a lock rests before, and for how long at most. After machine_reset.
 */
void machine_preempt(uint32_t ppm, uint64_t longest_ns);

/* Nodes: a process with a heap and clocks of its own. */
typedef struct {
    mola_env env; /* must be first */
    mola_heap heap;
    mola_metrics metrics;
    int index;
    bool up;
    uint64_t life;        /* +1 at each start */
    uint64_t rate_permil; /* of the boot clock: 700..1400 */
    int64_t wall_offset_us;
    bool wall_sleeps;      /* after a suspend its wall clock is late, until somebody sets it */
    uint64_t paused_until; /* SIGSTOP or suspend: its fibers do not run */
    struct {
        uint64_t from, until;
    } suspends[SUSPENDS_MAX]; /* the last ones, true time */
    uint32_t suspend_count;
    uint64_t cut_until; /* its requests do not reach the store */
    uint64_t ill_until; /* many answers to it are lost on their way, or damaged */
    void *state;        /* the harness's, on the node's heap */
} sim_node;

sim_node *machine_node(int index); /* made when first asked for, down */
void node_start(sim_node *node);
void node_crash(sim_node *node);
/* suspend: of the whole machine, whose boot clock goes on. */
void node_pause(sim_node *node, uint64_t ns, bool suspend);
/* How much of its boot clock since then a clock without suspend would not have counted. For
 * mutants: no production code may ask. */
uint64_t sim_suspended_ns(mola_env *env, uint64_t boot_ns);
/* A fiber of the node; dies with it. */
void node_fiber(sim_node *node, void (*run)(void *argument), void *argument);

/* Inside a fiber. */
sim_node *sim_me(void);
void sim_sleep(uint64_t ns);
/* Waits until fiber_wake is called with the token that fiber_token gave before. */
typedef struct {
    int fiber;
    uint64_t generation, wait;
} fiber_token;
fiber_token fiber_prepare(void);
bool fiber_wait(
    uint64_t until_ns); /* false: time is over. Wakes that came since fiber_prepare count */
bool fiber_waits(fiber_token token); /* that wait is not over yet */
void fiber_wake(fiber_token token);
