#include "index/doomed.h"

enum { DOOMED_MAX = 16384, ROOM_STEP = 64 };

typedef struct {
    uint8_t nsid[16];
    uint64_t suspect_ns, used_ns;
    uint64_t birthless_ns; /* first seen without a CREATE entry; 0: not yet */
    uint64_t dead_ns;      /* dead for good since; 0: not known to be */
    bool resting;
} doom;

struct mola_doomed {
    mola_env *env;
    mola_lock lock; /* guards what follows */
    doom *rows;
    uint32_t count, room;
    uint64_t named_ns; /* when the last walk over all names began */
};

mola_err mola_doomed_open(mola_env *env, mola_doomed **out)
{
    mola_doomed *doomed = mola_alloc(env->heap, sizeof *doomed);
    if (!doomed)
        return MOLA_NO_MEMORY;
    doomed->env = env;
    mola_lock_init(&doomed->lock, env, MOLA_RANK_CACHE);
    *out = doomed;
    return MOLA_OK;
}

void mola_doomed_close(mola_doomed *doomed)
{
    if (!doomed)
        return;
    mola_free(doomed->env->heap, doomed->rows, doomed->room * sizeof *doomed->rows);
    mola_lock_free(&doomed->lock);
    mola_free(doomed->env->heap, doomed, sizeof *doomed);
}

/* Lock held. */
static doom *find(mola_doomed *doomed, const uint8_t nsid[16])
{
    for (uint32_t i = 0; i < doomed->count; i++) {
        if (memcmp(doomed->rows[i].nsid, nsid, 16) == 0)
            return &doomed->rows[i];
    }
    return NULL;
}

/* Lock held. NULL: there is no room; a later sweep will meet it again. */
static doom *find_or_add(mola_doomed *doomed, const uint8_t nsid[16])
{
    doom *known = find(doomed, nsid);
    if (known)
        known->used_ns = mola_boot_ns(doomed->env);
    if (known || doomed->count == DOOMED_MAX)
        return known;
    if (doomed->count == doomed->room) {
        size_t old_size = doomed->room * sizeof *doomed->rows;
        size_t size = old_size + ROOM_STEP * sizeof *doomed->rows;
        doom *moved = mola_realloc(doomed->env->heap, doomed->rows, old_size, size);
        if (!moved)
            return NULL;
        doomed->rows = moved;
        doomed->room += ROOM_STEP;
    }
    doom *added = &doomed->rows[doomed->count++];
    *added = (doom){.suspect_ns = mola_boot_ns(doomed->env)};
    added->used_ns = added->suspect_ns;
    memcpy(added->nsid, nsid, sizeof added->nsid);
    return added;
}

void mola_doomed_forget(mola_doomed *doomed, const uint8_t nsid[16])
{
    MOLA_LOCKED(&doomed->lock);
    doom *known = find(doomed, nsid);
    if (known)
        *known = doomed->rows[--doomed->count];
}

void mola_doomed_rest(mola_doomed *doomed, const uint8_t nsid[16])
{
    MOLA_LOCKED(&doomed->lock);
    doom *known = find(doomed, nsid);
    if (known)
        known->resting = true;
}

void mola_doomed_expire(mola_doomed *doomed, uint64_t age_ns)
{
    uint64_t now = mola_boot_ns(doomed->env);
    MOLA_LOCKED(&doomed->lock);
    for (uint32_t i = 0; i < doomed->count;) {
        const doom *row = &doomed->rows[i];
        if (row->resting && now > row->used_ns && now - row->used_ns > age_ns) {
            doomed->rows[i] = doomed->rows[--doomed->count];
        } else {
            i++;
        }
    }
}

uint32_t mola_doomed_list(mola_doomed *doomed, uint8_t (*nsids)[16], uint32_t max)
{
    MOLA_LOCKED(&doomed->lock);
    uint32_t count = 0;
    for (uint32_t i = 0; i < doomed->count && count < max; i++) {
        if (!doomed->rows[i].resting)
            memcpy(nsids[count++], doomed->rows[i].nsid, sizeof nsids[0]);
    }
    return count;
}

static bool waited(mola_indexer *indexer, uint64_t since_ns)
{
    uint64_t now = mola_boot_ns(indexer->env);
    return now > since_ns && now - since_ns >= indexer->config.fence_ns;
}

bool mola_doom_suspected(mola_indexer *indexer, const uint8_t nsid[16])
{
    mola_doomed *doomed = indexer->doomed;
    mola_lock_take(&doomed->lock);
    doom *known = find_or_add(doomed, nsid);
    uint64_t since_ns = known ? known->suspect_ns : UINT64_MAX;
    mola_lock_give(&doomed->lock);
    return waited(indexer, since_ns);
}

static uint64_t dead_since(mola_doomed *doomed, const uint8_t nsid[16])
{
    MOLA_LOCKED(&doomed->lock);
    doom *known = find(doomed, nsid);
    if (known)
        known->used_ns = mola_boot_ns(doomed->env);
    return known ? known->dead_ns : 0;
}

void mola_doomed_named(mola_doomed *doomed, uint64_t began_ns)
{
    MOLA_LOCKED(&doomed->lock);
    doomed->named_ns = began_ns;
}

/* Without a CREATE entry it was born. That it is over as well is known only when all names were
 * looked at after that was seen: it may have been on its way to birth when they were looked at
 * last, and have lost its first entries to the collector of its new life since. */
static bool is_over(mola_doomed *doomed, const uint8_t nsid[16])
{
    uint64_t now = mola_boot_ns(doomed->env);
    MOLA_LOCKED(&doomed->lock);
    doom *known = find_or_add(doomed, nsid);
    if (known && !known->birthless_ns)
        known->birthless_ns = now;
    return known && known->birthless_ns < doomed->named_ns;
}

/* I11: from the answer on that said so, which has just come. */
static void is_dead(mola_doomed *doomed, const uint8_t nsid[16])
{
    uint64_t now = mola_boot_ns(doomed->env);
    MOLA_LOCKED(&doomed->lock);
    doom *known = find_or_add(doomed, nsid);
    if (known && !known->dead_ns)
        known->dead_ns = now;
}

/* A tombstone in place of the one that the birth is conditional on. It keeps whatever nsid that one
 * had: the nsid of the unborn in a tombstone would tell its creator that it was born. */
static mola_err put_tombstone(mola_ctx *ctx, mola_name *name, const mola_held *old)
{
    const mola_manifest *m = mola_held_manifest(old);
    mola_manifest next = {
        .deleted = true, .epoch = m->epoch, .ver = m->ver + 1, .time_us = mola_wall_us(ctx->env)};
    memcpy(next.nsid, m->nsid, sizeof next.nsid);
    return mola_manifest_replace(ctx, name, old, &next, NULL);
}

/* *dead: no birth can happen any more, or the life it led to is over. MOLA_CONFLICT: read again. */
static mola_err prevent_birth(mola_ctx *ctx, mola_indexer *indexer, mola_name *name,
                              const uint8_t nsid[16], uint64_t cond_ver, bool *dead)
{
    mola_held *held;
    mola_err err = mola_manifest_read(ctx, name, &held);
    if (err)
        return err;
    const mola_manifest *m = mola_held_manifest(held);
    bool lives = !m->deleted && memcmp(m->nsid, nsid, sizeof m->nsid) == 0;
    if (lives) {
        MOLA_SOMETIMES(suspect_was_born);
        mola_doomed_forget(indexer->doomed, nsid);
    } else if (m->ver > cond_ver) {
        *dead = true;
    } else if (m->ver == cond_ver && m->deleted) {
        MOLA_SOMETIMES(birth_made_impossible);
        err = put_tombstone(ctx, name, held);
        *dead = !err;
    } else { /* no birth is conditional on a life, and no version goes back */
        mola_log(ctx->env, MOLA_LOG_WARN, "birth_without_reason", "ver=%llu cond_ver=%llu",
                 (unsigned long long)m->ver, (unsigned long long)cond_ver);
    }
    mola_held_unref(held);
    return err;
}

mola_err mola_doom(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16],
                   const mola_birth *birth, bool *gone)
{
    mola_doomed *doomed = indexer->doomed;
    *gone = false;
    uint64_t since_ns = dead_since(doomed, nsid);
    if (since_ns) {
        *gone = waited(indexer, since_ns);
        return MOLA_OK;
    }
    if (!mola_doom_suspected(indexer, nsid))
        return MOLA_OK;
    bool dead = !birth && is_over(doomed, nsid);
    mola_err err = MOLA_OK;
    if (birth) {
        mola_name *name = mola_name_open(indexer->names, birth->name);
        if (!name)
            return MOLA_NO_MEMORY;
        do {
            err = prevent_birth(ctx, indexer, name, nsid, birth->cond_ver, &dead);
        } while (err == MOLA_CONFLICT && mola_boot_ns(ctx->env) < ctx->deadline_ns);
        mola_name_close(name);
    }
    if (dead)
        is_dead(doomed, nsid);
    return err;
}
