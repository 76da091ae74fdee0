/* The keeper reads the manifests of names in use again before their holds expire, so that a warm
 * strong read stays one GET (protocol section 5), and brings their views over to newer segments
 * before a query has to. An idle namespace costs no request. It also puts the hints of writers, so
 * that no write waits for one. */
#include "namespace/name.h"

enum { BATCH = 16, LOOKS = 16 /* within W */ };

/* Names used within W whose hold is W/4 old: it is read again once in that time, and well before it
 * expires at W/2. A failed reading is repeated after W/16. *active: some name is in use. Registry
 * lock held. */
static uint32_t choose_due(mola_namespaces *all, mola_name *due[BATCH], bool *active)
{
    uint64_t now = mola_boot_ns(all->env), age = all->fence_ns / 4;
    uint32_t count = 0;
    *active = false;
    for (mola_name *name = all->newest; name && count < BATCH; name = name->older) {
        if (now - name->used_ns > all->fence_ns)
            break;
        *active = true;
        if (now - name->kept_ns < all->fence_ns / LOOKS)
            continue;
        mola_lock_take(&name->lock);
        bool old = name->have && !name->held->manifest.deleted && now > name->sent.boot_ns &&
                   now - name->sent.boot_ns >= age;
        mola_lock_give(&name->lock);
        if (old) {
            name->kept_ns = now;
            name->users++;
            due[count++] = name;
        }
    }
    return count;
}

static void refresh(mola_namespaces *all, mola_name *const *due, uint32_t count)
{
    mola_ctx ctx = {.env = all->env, .deadline_ns = mola_boot_ns(all->env) + all->fence_ns / 4};
    mola_ask ask;
    mola_ask_begin(&ask, &ctx);
    mola_hold_ask holds[BATCH];
    mola_store_op ops[BATCH];
    for (uint32_t i = 0; i < count; i++)
        mola_hold_prepare(due[i], &holds[i], &ops[i]);
    mola_ask_run(&ask, ops, count);
    for (uint32_t i = 0; i < count; i++) {
        /* A failure changes nothing: whoever needs the hold will ask and report. */
        mola_err err = mola_hold_absorb(&ask.ctx, due[i], &holds[i], &ops[i]);
        if (!err)
            mola_view_follow(&ask.ctx, due[i]);
        mola_name_close(due[i]);
    }
    (void)mola_ask_end(&ask, MOLA_OK);
}

void mola_keeper_run(void *argument)
{
    mola_namespaces *all = argument;
    mola_lock_take(&all->lock);
    while (!all->closing) {
        mola_name *due[BATCH];
        bool active;
        if (all->queues[MOLA_QUEUE_HINTS]) {
            mola_hint_put(all);
            continue;
        }
        uint32_t count = choose_due(all, due, &active);
        if (count) {
            mola_lock_give(&all->lock);
            refresh(all, due, count);
            mola_lock_take(&all->lock);
        } else if (active) {
            uint64_t next = mola_boot_ns(all->env) + all->fence_ns / LOOKS;
            (void)mola_event_wait(&all->changed, &all->lock, next);
        } else {
            all->keeper_rests = true;
            (void)mola_event_wait(&all->changed, &all->lock, MOLA_NEVER);
            all->keeper_rests = false;
        }
    }
    mola_queue_drop(all, MOLA_QUEUE_HINTS);
    all->keeper_ended = true;
    mola_event_wake_all(&all->changed);
    mola_lock_give(&all->lock);
}
