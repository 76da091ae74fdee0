/* machine.c - virtual time, fibers, nodes. */
#include "machine.h"
#include "stacks.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_BYTES = 256 * 1024 };
#define NOBODY (-1)

typedef struct {
    uint64_t at, number;
    void (*act)(void *argument, uint64_t tag);
    void *argument;
    uint64_t tag;
} happening;

typedef struct {
    sim_stack stack_at;
    void (*run)(void *argument);
    void *argument;
    int node;
    uint64_t generation, node_life;
    uint64_t wait; /* number of the present (or next) wait */
    bool live, waiting, woken;
    const void *on; /* the lock or event waited for */
    char *stack;
} fiber;

static struct {
    uint64_t random, now, numbers, trace;
    happening *heap;
    size_t count, room;
    int current;
    sim_stack scheduler;
    fiber fibers[FIBERS_MAX];
    int fiber_count; /* those that were ever used by this seed */
    sim_node nodes[NODES_MAX];
    uint32_t preempt_ppm;
    uint64_t preempt_ns;
} machine = {.current = NOBODY};

static _Noreturn void give_up(const char *what)
{
    (void)fprintf(stderr, "simulator: %s\n", what);
    exit(3);
}

/* ---- chance --------------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
    uint64_t z = (machine.random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_below(uint64_t n)
{
    return n ? next_random() % n : 0;
}

bool sim_chance(uint32_t ppm)
{
    return ppm && sim_below(1000000) < ppm;
}

uint64_t sim_now(void)
{
    return machine.now;
}

void machine_preempt(uint32_t ppm, uint64_t longest_ns)
{
    machine.preempt_ppm = ppm;
    machine.preempt_ns = longest_ns;
}

void sim_trace(uint64_t x)
{
    machine.trace = (machine.trace ^ x) * 0x100000001b3u;
    machine.trace ^= machine.trace >> 29;
}

uint64_t sim_trace_hash(void)
{
    return machine.trace;
}

/* ---- events --------------------------------------------------------------------------------- */

static bool sooner(const happening *a, const happening *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

void machine_at(uint64_t at_ns, void (*act)(void *argument, uint64_t tag), void *argument,
                uint64_t tag)
{
    if (machine.count == machine.room) {
        machine.room = machine.room ? machine.room * 2 : 4096;
        machine.heap = realloc(machine.heap, machine.room * sizeof *machine.heap);
        if (!machine.heap)
            give_up("out of memory");
    }
    happening e = {at_ns < machine.now ? machine.now : at_ns, ++machine.numbers, act, argument,
                   tag};
    size_t i = machine.count++;
    for (; i && sooner(&e, &machine.heap[(i - 1) / 2]); i = (i - 1) / 2)
        machine.heap[i] = machine.heap[(i - 1) / 2];
    machine.heap[i] = e;
}

static happening pop(void)
{
    happening first = machine.heap[0], last = machine.heap[--machine.count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < machine.count; i = child) {
        if (child + 1 < machine.count && sooner(&machine.heap[child + 1], &machine.heap[child]))
            child++;
        if (!sooner(&machine.heap[child], &last))
            break;
        machine.heap[i] = machine.heap[child];
    }
    machine.heap[i] = last;
    return first;
}

void machine_run(uint64_t until_ns)
{
    while (machine.count && machine.heap[0].at <= until_ns) {
        happening e = pop();
        machine.now = e.at;
        e.act(e.argument, e.tag);
    }
    machine.now = until_ns;
}

void machine_reset(uint64_t seed)
{
    for (int i = 0; i < NODES_MAX; i++)
        if (machine.nodes[i].up)
            node_crash(&machine.nodes[i]);
    machine.random = seed * 0x2545f4914f6cdd1du + 1;
    machine.now = machine.numbers = machine.trace = 0;
    machine.count = 0;
    machine.fiber_count = 0;
    for (int i = 0; i < FIBERS_MAX; i++) {
        machine.fibers[i].generation = 0;
        machine.fibers[i].wait = 0;
        machine.fibers[i].live = false;
    }
    memset(machine.nodes, 0, sizeof machine.nodes);
}

/* ---- fibers --------------------------------------------------------------------------------- */

static fiber *this_fiber(void)
{
    if (machine.current == NOBODY)
        give_up("a wait outside any fiber");
    return &machine.fibers[machine.current];
}

static void fiber_main(void)
{
    fiber *f = this_fiber();
    f->run(f->argument);
    f->live = false;
    sim_stack_switch(&f->stack_at, &machine.scheduler);
}

static void resume(void *argument, uint64_t tag)
{
    fiber *f = argument;
    if (!f->live || f->generation != tag >> 32 || !f->waiting || (uint32_t)f->wait != (uint32_t)tag)
        return; /* it was woken by something else, or is no more */
    sim_node *node = &machine.nodes[f->node];
    if (node->paused_until > machine.now) {
        machine_at(node->paused_until, resume, f, tag);
        return;
    }
    f->waiting = false;
    f->on = NULL;
    f->wait++;
    machine.current = (int)(f - machine.fibers);
    sim_stack_switch(&machine.scheduler, &f->stack_at);
    machine.current = NOBODY;
}

static void resume_at(fiber *f, uint64_t at)
{
    machine_at(at, resume, f, f->generation << 32 | (uint32_t)f->wait);
}

void node_fiber(sim_node *node, void (*run)(void *argument), void *argument)
{
    fiber *f = NULL;
    for (int i = 0; i < FIBERS_MAX && !f; i++)
        if (!machine.fibers[i].live)
            f = &machine.fibers[i];
    if (!f)
        give_up("too many fibers");
    if (!f->stack) {
        f->stack =
            mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (f->stack == MAP_FAILED)
            give_up("no stack");
    }
    if (machine.fiber_count <= f - machine.fibers)
        machine.fiber_count = (int)(f - machine.fibers) + 1;
    f->run = run;
    f->argument = argument;
    f->node = node->index;
    f->node_life = node->life;
    f->generation++;
    f->live = f->waiting = true;
    f->woken = false;
    f->on = NULL;
    sim_stack_make(&f->stack_at, f->stack, STACK_BYTES, fiber_main);
    resume_at(f, machine.now);
}

static void yield_until_resumed(fiber *f)
{
    f->waiting = true;
    sim_stack_switch(&f->stack_at, &machine.scheduler);
}

void sim_sleep(uint64_t ns)
{
    fiber *f = this_fiber();
    resume_at(f, machine.now + ns);
    yield_until_resumed(f);
}

fiber_token fiber_prepare(void)
{
    fiber *f = this_fiber();
    f->woken = false;
    return (fiber_token){machine.current, f->generation, f->wait};
}

bool fiber_wait(uint64_t until_ns)
{
    fiber *f = this_fiber();
    if (f->woken || until_ns <= machine.now) {
        f->wait++; /* what comes later is too late */
        return f->woken;
    }
    if (until_ns != MOLA_NEVER)
        resume_at(f, until_ns);
    yield_until_resumed(f);
    return f->woken;
}

bool fiber_waits(fiber_token token)
{
    const fiber *f = &machine.fibers[token.fiber];
    return f->live && f->generation == token.generation && f->wait == token.wait;
}

void fiber_wake(fiber_token token)
{
    fiber *f = &machine.fibers[token.fiber];
    if (!fiber_waits(token) || f->woken)
        return;
    f->woken = true;
    if (f->waiting)
        resume_at(f, machine.now);
}

sim_node *sim_me(void)
{
    return &machine.nodes[this_fiber()->node];
}

/* ---- a node's heap: a crash gives all of it back ----------------------------------------------
 */

typedef struct block {
    _Alignas(16) struct block *next;
    struct block *previous;
    size_t size;
} block;
static block *blocks[NODES_MAX];

static void *heap_take(mola_heap *heap, size_t size)
{
    sim_node *node = (sim_node *)((char *)heap - offsetof(sim_node, heap));
    block *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    *b = (block){.next = blocks[node->index], .size = size};
    if (b->next)
        b->next->previous = b;
    blocks[node->index] = b;
    return b + 1;
}

static void heap_give(mola_heap *heap, void *bytes, size_t size)
{
    sim_node *node = (sim_node *)((char *)heap - offsetof(sim_node, heap));
    block *b = (block *)bytes - 1;
    if (b->size != size)
        give_up("a block was freed with another size");
    if (b->next)
        b->next->previous = b->previous;
    if (b->previous)
        b->previous->next = b->next;
    else
        blocks[node->index] = b->next;
    free(b);
}

/* ---- the environment of a node ----------------------------------------------------------------
 */

static sim_node *node_of(mola_env *env)
{
    return (sim_node *)env;
}

static uint64_t env_boot_ns(mola_env *env)
{
    return machine.now / 1000 * node_of(env)->rate_permil;
}

uint64_t sim_suspended_ns(mola_env *env, uint64_t boot_ns)
{
    const sim_node *node = node_of(env);
    uint64_t sum = 0, since = boot_ns / node->rate_permil * 1000;
    for (uint32_t i = 0; i < SUSPENDS_MAX; i++)
        if (node->suspends[i].from >= since && node->suspends[i].until <= machine.now)
            sum += node->suspends[i].until - node->suspends[i].from;
    return sum / 1000 * node->rate_permil;
}

static uint64_t env_wall_us(mola_env *env)
{
    return (uint64_t)((int64_t)(machine.now / 1000 + SIM_EPOCH_US) + node_of(env)->wall_offset_us);
}

/* True nanoseconds in so many of the node's boot clock. */
static uint64_t true_ns(const sim_node *node, uint64_t boot)
{
    return boot / node->rate_permil * 1000 + 1000;
}

static void env_sleep_ns(mola_env *env, uint64_t duration)
{
    sim_sleep(true_ns(node_of(env), duration));
}

static void env_chance(mola_env *env, void *out, size_t size)
{
    (void)env;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)(next_random() >> 32);
}

static mola_err env_spawn(mola_env *env, const char *name, void (*run)(void *), void *argument)
{
    (void)name;
    node_fiber(node_of(env), run, argument);
    return MOLA_OK;
}

typedef struct {
    int holder;  /* fiber + 1; 0: free */
    int waiting; /* fibers */
} sim_lock;
typedef struct {
    int waiting;
} sim_event;
_Static_assert(sizeof(sim_lock) <= sizeof((mola_lock){0}.impl), "a lock holds a sim_lock");

static void lock_init(mola_lock *lock)
{
    memset(lock->impl, 0, sizeof(sim_lock));
}

static void lock_free(mola_lock *lock)
{
    if (((sim_lock *)(void *)lock->impl)->holder)
        give_up("a held lock was freed");
}

/* Wakes one fiber (chance says which) or all that wait on `on`. */
static void wake(const void *on, bool all)
{
    int waiting[FIBERS_MAX], count = 0;
    for (int i = 0; i < machine.fiber_count; i++)
        if (machine.fibers[i].live && machine.fibers[i].waiting && machine.fibers[i].on == on)
            waiting[count++] = i;
    int chosen = count > 1 && !all ? (int)sim_below((uint64_t)count) : 0;
    for (int i = 0; i < count; i++)
        if (all || i == chosen) {
            fiber *f = &machine.fibers[waiting[i]];
            f->woken = true;
            f->on = NULL;
            resume_at(f, machine.now);
        }
}

static void lock_take(mola_lock *lock)
{
    sim_lock *l = (sim_lock *)(void *)lock->impl;
    if (machine.current == NOBODY) { /* clean-up outside fibers */
        if (l->holder)
            give_up("a lock is taken outside fibers while one holds it");
        return;
    }
    if (sim_chance(machine.preempt_ppm)) /* somebody else may come first, or a lot happen */
        sim_sleep(sim_below(4)
                      ? 0
                      : sim_below(sim_below(4) ? machine.preempt_ns / 20 : machine.preempt_ns));
    while (l->holder) {
        fiber *f = this_fiber();
        if (l->holder == machine.current + 1)
            give_up("a lock is taken twice");
        f->on = lock;
        f->woken = false;
        l->waiting++;
        yield_until_resumed(f);
        l->waiting--;
    }
    l->holder = machine.current + 1;
}

static void lock_give(mola_lock *lock)
{
    sim_lock *l = (sim_lock *)(void *)lock->impl;
    if (machine.current == NOBODY)
        return;
    if (l->holder != machine.current + 1)
        give_up("a lock is given by somebody who does not hold it");
    l->holder = 0;
    if (l->waiting)
        wake(lock, false);
}

static void event_init(mola_event *event)
{
    memset(event->impl, 0, sizeof(sim_event));
}

static bool event_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns)
{
    fiber *f = this_fiber();
    sim_node *node = &machine.nodes[f->node];
    uint64_t boot = env_boot_ns(&node->env), until = MOLA_NEVER;
    if (deadline_ns != MOLA_NEVER) {
        if (deadline_ns <= boot)
            return false;
        until = machine.now + true_ns(node, deadline_ns - boot);
        resume_at(f, until);
    }
    sim_event *e = (sim_event *)(void *)event->impl;
    lock_give(lock);
    f->on = event;
    f->woken = false;
    e->waiting++;
    yield_until_resumed(f);
    e->waiting--;
    bool woken = f->woken;
    lock_take(lock);
    return woken;
}

static void event_wake(mola_event *event, bool all)
{
    if (((sim_event *)(void *)event->impl)->waiting)
        wake(event, all);
}

static void log_line(mola_env *env, mola_str line)
{
    (void)env;
    if (getenv("SIM_LOG"))
        (void)fprintf(stderr, "[%.3f node %d] %.*s", (double)machine.now / 1e9, node_of(env)->index,
                      MOLA_ARG(line));
}

static const mola_env_ops env_ops = {
    .wall_us = env_wall_us,
    .boot_ns = env_boot_ns,
    .sleep_ns = env_sleep_ns,
    .chance = env_chance,
    .spawn = env_spawn,
    .lock_init = lock_init,
    .lock_free = lock_free,
    .lock_take = lock_take,
    .lock_give = lock_give,
    .event_init = event_init,
    .event_free = event_init,
    .event_wait = event_wait,
    .event_wake = event_wake,
    .log_line = log_line,
};

sim_node *machine_node(int index)
{
    sim_node *node = &machine.nodes[index];
    if (!node->env.ops) {
        node->index = index;
        node->rate_permil = 1000;
        node->env.ops = &env_ops;
    }
    return node;
}

void node_start(sim_node *node)
{
    if (node->up)
        give_up("a node is started twice");
    node->up = true;
    node->life++;
    node->heap = (mola_heap){.take = heap_take, .give = heap_give, .limit = SIZE_MAX};
    node->env.heap = &node->heap;
    node->env.metrics = &node->metrics;
    node->env.log_level = MOLA_LOG_DEBUG;
}

void node_crash(sim_node *node)
{
    for (int i = 0; i < FIBERS_MAX; i++)
        if (machine.fibers[i].live && machine.fibers[i].node == node->index)
            machine.fibers[i].live = false;
    for (block *b = blocks[node->index], *next; b; b = next) {
        next = b->next;
        free(b);
    }
    blocks[node->index] = NULL;
    node->up = false;
    node->state = NULL;
}

void node_pause(sim_node *node, uint64_t ns, bool suspend)
{
    if (node->paused_until > machine.now)
        return;
    node->paused_until = machine.now + ns;
    if (!suspend)
        return;
    uint32_t at = node->suspend_count++ % SUSPENDS_MAX;
    node->suspends[at].from = machine.now;
    node->suspends[at].until = node->paused_until;
    if (node->wall_sleeps)
        node->wall_offset_us -= (int64_t)(ns / 1000);
}
