#include "http/wheel.h"

void mola_wheel_init(mola_wheel *wheel, uint64_t now_ns)
{
    for (size_t i = 0; i < MOLA_WHEEL_SLOTS; i++)
        mola_ring_init(&wheel->slots[i]);
    wheel->ticks = now_ns / MOLA_WHEEL_TICK_NS;
}

void mola_wheel_set(mola_wheel *wheel, mola_timer *timer, uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    if (timer->node.next && deadline_ns >= timer->looked_at_ns)
        return;
    /* the slot after the deadline, so that nothing fires early; not the one being emptied now */
    uint64_t first = wheel->ticks + 1, last = wheel->ticks + MOLA_WHEEL_SLOTS - 1;
    uint64_t tick = deadline_ns / MOLA_WHEEL_TICK_NS + 1;
    if (tick < first)
        tick = first;
    if (tick > last)
        tick = last;
    mola_node_cut(&timer->node);
    mola_ring_add(&wheel->slots[tick % MOLA_WHEEL_SLOTS], &timer->node);
    timer->looked_at_ns = tick * MOLA_WHEEL_TICK_NS;
}

mola_timer *mola_wheel_next(mola_wheel *wheel, uint64_t now_ns)
{
    for (; wheel->ticks < now_ns / MOLA_WHEEL_TICK_NS; wheel->ticks++) {
        mola_node *slot = &wheel->slots[(wheel->ticks + 1) % MOLA_WHEEL_SLOTS];
        while (!mola_ring_is_empty(slot)) {
            mola_timer *timer = MOLA_OWNER(mola_timer, node, slot->next);
            mola_node_cut(&timer->node);
            if (timer->deadline_ns <= now_ns)
                return timer;
            mola_wheel_set(wheel, timer, timer->deadline_ns); /* was moved later meanwhile */
        }
    }
    return NULL;
}
