/* Work hints (protocol section 8): a writer puts q/{nsid} when the bytes of the log that no segment
 * holds have doubled since its last one. They are never truth: a lost hint is found by the daily
 * sweep. The keeper puts them, so that no write waits for one or fails with one. */
#include "namespace/name.h"

enum { BATCH = 16 };

/* Has the unindexed log doubled? The first entry after a flush has, from nothing. */
static bool is_due(mola_name *name, const mola_view *view)
{
    MOLA_LOCKED(&name->lock);
    if (!mola_same_nsid(name->hinted_nsid, view->nsid) || name->hinted_indexed != view->indexed_seq)
        name->hinted_bytes = 0;
    if (view->log_bytes < 2 * name->hinted_bytes)
        return false;
    memcpy(name->hinted_nsid, view->nsid, sizeof name->hinted_nsid);
    name->hinted_indexed = view->indexed_seq;
    name->hinted_bytes = view->log_bytes;
    return true;
}

/* The view has followed the indexer since our last hint, and something is left. What we appended
 * meanwhile looked like more of what had been hinted, which it was not. */
static bool is_left_over(mola_name *name, const mola_view *view)
{
    MOLA_LOCKED(&name->lock);
    return view->log_bytes && mola_same_nsid(name->hinted_nsid, view->nsid) &&
           name->hinted_indexed != view->indexed_seq;
}

static void queue(mola_name *name)
{
    mola_queue_add(name, MOLA_QUEUE_HINTS, &name->all->changed);
}

/* The indexer of this process needs no hint. */
static void tell(mola_name *name, const mola_view *view)
{
    if (name->all->unindexed)
        name->all->unindexed(name->all->unindexed_of, mola_name_str(name), view);
}

void mola_hint_appended(mola_name *name, const mola_view *view)
{
    if (view->sealed)
        return;
    tell(name, view);
    if (name->all->hints && is_due(name, view))
        queue(name);
}

void mola_hint_read(mola_name *name, const mola_view *view)
{
    if (view->sealed)
        return;
    tell(name, view);
    if (name->all->hints && is_left_over(name, view) && is_due(name, view))
        queue(name);
}

/* The newest incarnation that this node knows of: a hint about an older one helps nobody. */
static bool hint_of(mola_name *name, mola_key *key, mola_store_op *op)
{
    mola_lock_take(&name->lock);
    const uint8_t *nsid = name->view ? name->view->nsid : NULL;
    if (!nsid && name->held && !name->held->manifest.deleted)
        nsid = name->held->manifest.nsid;
    if (nsid)
        *key = mola_key_hint(name->all->org, nsid);
    mola_lock_give(&name->lock);
    *op = (mola_store_op){.verb = MOLA_PUT, .key = mola_key_str(key), .body = mola_name_str(name)};
    return nsid;
}

void mola_hint_put(mola_namespaces *all)
{
    mola_name *names[BATCH];
    mola_key keys[BATCH];
    mola_store_op ops[BATCH];
    uint32_t count = 0, asked = 0;
    while (count < BATCH && all->queues[MOLA_QUEUE_HINTS])
        names[count++] = mola_queue_take(all, MOLA_QUEUE_HINTS);
    mola_lock_give(&all->lock);
    for (uint32_t i = 0; i < count; i++)
        asked += hint_of(names[i], &keys[asked], &ops[asked]);
    mola_ctx ctx = {.env = all->env, .deadline_ns = mola_boot_ns(all->env) + all->fence_ns / 4};
    mola_ask ask;
    mola_ask_begin(&ask, &ctx);
    if (asked) /* what became of them does not matter */
        mola_ask_run(&ask, ops, asked);
    (void)mola_ask_end(&ask, MOLA_OK);
    for (uint32_t i = 0; i < count; i++)
        mola_name_close(names[i]);
    mola_lock_take(&all->lock);
}
