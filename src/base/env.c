#include "mola/base/env.h"
#include "mola/base/check.h"

uint64_t mola_chance_below(mola_env *env, uint64_t limit)
{
    MOLA_ASSERT(limit > 0);
    /* The first 2^64 mod limit values would make small results more likely than large ones. */
    uint64_t unfair = (0 - limit) % limit;
    uint64_t drawn;
    do {
        mola_chance(env, &drawn, sizeof drawn);
    } while (drawn < unfair);
    return drawn % limit;
}

void mola_lock_init(mola_lock *lock, mola_env *env, uint32_t rank)
{
    lock->env = env;
    lock->rank = rank;
    env->ops->lock_init(lock);
}

void mola_lock_free(mola_lock *lock)
{
    lock->env->ops->lock_free(lock);
}

void mola_lock_take(mola_lock *lock)
{
    lock->env->ops->lock_take(lock);
}

void mola_lock_give(mola_lock *lock)
{
    lock->env->ops->lock_give(lock);
}

void mola_event_init(mola_event *event, mola_env *env)
{
    event->env = env;
    env->ops->event_init(event);
}

void mola_event_free(mola_event *event)
{
    event->env->ops->event_free(event);
}

bool mola_event_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns)
{
    MOLA_ASSERT(event->env == lock->env);
    return event->env->ops->event_wait(event, lock, deadline_ns);
}

void mola_event_wake_one(mola_event *event)
{
    event->env->ops->event_wake(event, false);
}

void mola_event_wake_all(mola_event *event)
{
    event->env->ops->event_wake(event, true);
}
