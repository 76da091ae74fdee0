#include "index/waits.h"
#include "mola/codec/block.h"
#include <stdlib.h>

enum { BUCKETS = 1024, WAITS_MAX = 16384 };

struct mola_waits {
    mola_env *env;
    mola_lock lock; /* guards the table and `busy`; a wait belongs to who took it */
    mola_wait *buckets[BUCKETS];
    uint32_t count;
};

void mola_floor_received(mola_floor_wait *wait, uint64_t floor, uint64_t now_ns, uint64_t fence_ns)
{
    if (wait->pending && now_ns > wait->since_ns && now_ns - wait->since_ns >= fence_ns) {
        wait->safe = wait->pending;
        wait->pending = 0;
    }
    if (!wait->pending && floor > wait->safe) {
        wait->pending = floor;
        wait->since_ns = now_ns;
    }
}

/* ------------------------------------------------------------------ the table */
mola_err mola_waits_open(mola_env *env, mola_waits **out)
{
    mola_waits *waits = mola_alloc(env->heap, sizeof *waits);
    if (!waits)
        return MOLA_NO_MEMORY;
    waits->env = env;
    mola_lock_init(&waits->lock, env, MOLA_RANK_CACHE);
    *out = waits;
    return MOLA_OK;
}

static void forget_rows(mola_waits *waits, mola_wait *wait)
{
    mola_free(waits->env->heap, wait->rows, wait->row_count * sizeof *wait->rows);
    mola_free(waits->env->heap, wait->children,
              wait->children ? MOLA_CHILD_WAITS_MAX * sizeof *wait->children : 0);
    wait->rows = NULL;
    wait->children = NULL;
    wait->row_count = wait->child_count = 0;
}

static void wait_free(mola_waits *waits, mola_wait *wait)
{
    forget_rows(waits, wait);
    mola_free(waits->env->heap, wait, sizeof *wait + wait->len);
}

void mola_waits_close(mola_waits *waits)
{
    if (!waits)
        return;
    for (uint32_t b = 0; b < BUCKETS; b++) {
        for (mola_wait *wait = waits->buckets[b], *next; wait; wait = next) {
            next = wait->next;
            MOLA_ASSERT(!wait->busy);
            wait_free(waits, wait);
        }
    }
    mola_lock_free(&waits->lock);
    mola_free(waits->env->heap, waits, sizeof *waits);
}

/* Makes room: the one that no pass has used for longest begins anew. Lock held. */
static void forget_oldest(mola_waits *waits)
{
    mola_wait **oldest = NULL;
    for (uint32_t b = 0; b < BUCKETS; b++) {
        for (mola_wait **at = &waits->buckets[b]; *at; at = &(*at)->next) {
            if (!(*at)->busy && (!oldest || (*at)->used_ns < (*oldest)->used_ns))
                oldest = at;
        }
    }
    if (!oldest)
        return;
    mola_wait *wait = *oldest;
    *oldest = wait->next;
    waits->count--;
    wait_free(waits, wait);
}

static mola_wait *find(mola_waits *waits, mola_str name, mola_wait **bucket)
{
    for (mola_wait *wait = *bucket; wait; wait = wait->next) {
        if (mola_str_eq((mola_str){wait->text, wait->len}, name))
            return wait;
    }
    if (waits->count >= WAITS_MAX)
        forget_oldest(waits);
    mola_wait *wait = mola_alloc(waits->env->heap, sizeof *wait + name.len);
    if (!wait)
        return NULL;
    wait->len = name.len;
    memcpy(wait->text, name.data, name.len);
    wait->next = *bucket;
    *bucket = wait;
    waits->count++;
    return wait;
}

mola_err mola_waits_take(mola_waits *waits, mola_str name, mola_wait **out)
{
    MOLA_LOCKED(&waits->lock);
    mola_wait *wait = find(waits, name, &waits->buckets[mola_hash64(name) % BUCKETS]);
    if (!wait)
        return MOLA_NO_MEMORY;
    if (wait->busy)
        return MOLA_BUSY;
    wait->busy = true;
    wait->used_ns = mola_boot_ns(waits->env);
    *out = wait;
    return MOLA_OK;
}

void mola_waits_give(mola_waits *waits, mola_wait *wait)
{
    MOLA_LOCKED(&waits->lock);
    MOLA_ASSERT(wait->busy);
    wait->busy = false;
}

/* ------------------------------------------------------------------ one incarnation */
void mola_wait_for(mola_waits *waits, mola_wait *wait, const uint8_t nsid[16])
{
    MOLA_ASSERT(wait->busy);
    if (memcmp(wait->nsid, nsid, sizeof wait->nsid) == 0)
        return;
    forget_rows(waits, wait);
    memcpy(wait->nsid, nsid, sizeof wait->nsid);
    wait->floor = (mola_floor_wait){0};
    memcpy(wait->floor.nsid, nsid, sizeof wait->floor.nsid);
    wait->deleted = wait->wanted_ns = wait->keep_until = 0;
}

static int order(const void *left, const void *right)
{
    const mola_row_wait *a = left, *b = right;
    int owners = memcmp(a->owner, b->owner, sizeof a->owner);
    if (owners)
        return owners;
    if (a->base != b->base)
        return a->base < b->base ? -1 : 1;
    return (a->rand > b->rand) - (a->rand < b->rand);
}

static mola_row_wait row_of(const mola_retired *retired)
{
    mola_row_wait row = {.base = retired->base, .rand = retired->rand};
    memcpy(row.owner, retired->owner, sizeof row.owner);
    return row;
}

uint64_t mola_wait_row_ns(const mola_wait *wait, const mola_retired *retired)
{
    mola_row_wait row = row_of(retired);
    const mola_row_wait *hit = NULL;
    if (wait->row_count)
        hit = bsearch(&row, wait->rows, wait->row_count, sizeof row, order);
    return hit ? hit->first_ns : UINT64_MAX;
}

mola_err mola_wait_for_rows(mola_waits *waits, mola_wait *wait, const mola_manifest *m,
                            uint64_t now_ns)
{
    uint32_t count = m->retired_count < MOLA_ROW_WAITS_MAX ? m->retired_count : MOLA_ROW_WAITS_MAX;
    mola_row_wait *rows = mola_alloc_array(waits->env->heap, mola_row_wait, count);
    if (count && !rows)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seen_ns = mola_wait_row_ns(wait, &m->retired[i]);
        rows[i] = row_of(&m->retired[i]);
        rows[i].first_ns = seen_ns == UINT64_MAX ? now_ns : seen_ns;
    }
    if (count)
        qsort(rows, count, sizeof *rows, order);
    mola_free(waits->env->heap, wait->rows, wait->row_count * sizeof *wait->rows);
    wait->rows = rows;
    wait->row_count = count;
    return MOLA_OK;
}

mola_floor_wait *mola_wait_child(mola_waits *waits, mola_wait *wait, const uint8_t child[16])
{
    for (uint32_t i = 0; i < wait->child_count; i++) {
        if (memcmp(wait->children[i].nsid, child, 16) == 0)
            return &wait->children[i];
    }
    if (!wait->children)
        wait->children = mola_alloc_array(waits->env->heap, mola_floor_wait, MOLA_CHILD_WAITS_MAX);
    if (!wait->children || wait->child_count == MOLA_CHILD_WAITS_MAX)
        return NULL;
    mola_floor_wait *made = &wait->children[wait->child_count++];
    memcpy(made->nsid, child, sizeof made->nsid);
    return made;
}
