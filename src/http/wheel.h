/* wheel.h - deadlines of many connections: one store moves one later; none fires late by half a
 * second.
 *
 * A timer sits in the slot where its deadline was when it was linked. Moving the deadline later
 * does not touch the slots: the wheel finds out when it gets there. (libh2o's timeouts are not
 * used: they count gettimeofday, so a step of the wall clock fires or freezes everything.)
 *
 * Times: boot clock, nanoseconds. Threads: one wheel, one thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A ring of nodes; a node that is in no ring has next == NULL. */
typedef struct mola_node {
    struct mola_node *prev, *next;
} mola_node;

static inline void mola_ring_init(mola_node *ring)
{
    ring->prev = ring->next = ring;
}
static inline bool mola_ring_is_empty(const mola_node *ring)
{
    return ring->next == ring;
}
static inline void mola_node_cut(mola_node *node)
{
    if (node->next) {
        node->prev->next = node->next;
        node->next->prev = node->prev;
    }
    node->next = node->prev = NULL;
}
/* Makes `node`, which is in no ring, the last of `ring`. */
static inline void mola_ring_add(mola_node *ring, mola_node *node)
{
    node->prev = ring->prev;
    node->next = ring;
    ring->prev->next = node;
    ring->prev = node;
}
#define MOLA_OWNER(type, member, pointer)                                                          \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

enum { MOLA_WHEEL_SLOTS = 64 };
#define MOLA_WHEEL_TICK_NS ((uint64_t)250000000)

typedef struct {
    mola_node node;
    uint64_t deadline_ns;
    uint64_t looked_at_ns; /* when the wheel comes to its slot */
} mola_timer;

typedef struct {
    mola_node slots[MOLA_WHEEL_SLOTS];
    uint64_t ticks; /* slots up to this one have been emptied */
} mola_wheel;

void mola_wheel_init(mola_wheel *wheel, uint64_t now_ns);
/* Sets the deadline of a timer that may or may not be in the wheel. UINT64_MAX: never. */
void mola_wheel_set(mola_wheel *wheel, mola_timer *timer, uint64_t deadline_ns);
/* Takes out one timer whose deadline has passed; NULL: there is none, but for the last tick. */
mola_timer *mola_wheel_next(mola_wheel *wheel, uint64_t now_ns);
