#include "index/holders.h"
#include "index/doomed.h"
#include "index/requests.h"
#include "mola/format/holder.h"

enum { HOLDERS_MAX = 4096, ID_BYTES_MAX = 64 };

typedef struct {
    mola_ctx *ctx;
    mola_indexer *indexer;
    const uint8_t *nsid;
    mola_wait *wait;
    mola_holdings *out;
    uint32_t object_room, extent_room;
    mola_str keys[HOLDERS_MAX]; /* as the first LIST gave them, in its order */
    uint32_t key_count;
} reading;

/* ------------------------------------------------------------------ what is held */
bool mola_holds_object(const mola_holdings *holdings, uint64_t base, uint64_t rand)
{
    for (uint32_t i = 0; i < holdings->object_count; i++) {
        if (holdings->objects[i].base == base && holdings->objects[i].rand == rand)
            return true;
    }
    return holdings->everything;
}

bool mola_holds_entries(const mola_holdings *holdings, uint64_t first, uint64_t last)
{
    for (uint32_t i = 0; i < holdings->extent_count; i++) {
        const mola_held_extent *e = &holdings->extents[i];
        if (first <= e->last && last > e->after)
            return true;
    }
    return holdings->everything;
}

bool mola_holds_entry(const mola_holdings *holdings, uint64_t seq)
{
    return mola_holds_entries(holdings, seq, seq);
}

static mola_err add_object(reading *r, uint64_t base, uint64_t rand)
{
    mola_holdings *out = r->out;
    if (out->object_count == r->object_room) {
        uint32_t room = r->object_room ? r->object_room * 2 : 64;
        mola_held_object *more = mola_new(r->ctx->arena, mola_held_object, room);
        if (!more)
            return MOLA_NO_MEMORY;
        if (out->object_count)
            memcpy(more, out->objects, out->object_count * sizeof *more);
        out->objects = more;
        r->object_room = room;
    }
    out->objects[out->object_count++] = (mola_held_object){base, rand};
    return MOLA_OK;
}

static mola_err add_extent(reading *r, uint64_t after, uint64_t last)
{
    mola_holdings *out = r->out;
    if (out->extent_count == r->extent_room) {
        uint32_t room = r->extent_room ? r->extent_room * 2 : 16;
        mola_held_extent *more = mola_new(r->ctx->arena, mola_held_extent, room);
        if (!more)
            return MOLA_NO_MEMORY;
        if (out->extent_count)
            memcpy(more, out->extents, out->extent_count * sizeof *more);
        out->extents = more;
        r->extent_room = room;
    }
    out->extents[out->extent_count++] = (mola_held_extent){after, last};
    return MOLA_OK;
}

/* ------------------------------------------------------------------ a child that lives */
/* The log of this owner that the child may still read: above what its floor has been for W (its
 * readers may hold an older manifest). *any: there is some. */
static mola_err hold_log(reading *r, const mola_manifest *child, bool *any)
{
    uint64_t safe = 0;
    mola_floor_wait *floor = NULL;
    if (r->wait)
        floor = mola_wait_child(r->indexer->waits, r->wait, child->nsid);
    if (floor) {
        mola_floor_received(floor, child->wal_floor, mola_boot_ns(r->ctx->env),
                            r->indexer->config.fence_ns);
        safe = floor->safe;
    }
    for (uint32_t i = 0; i < child->lineage_count; i++) {
        const mola_lineage *row = &child->lineage[i];
        if (memcmp(row->nsid, r->nsid, sizeof row->nsid) != 0 || row->last_seq <= safe)
            continue;
        mola_err err = add_extent(r, safe, row->last_seq);
        if (err)
            return err;
        *any = true;
    }
    return MOLA_OK;
}

static mola_err hold_objects(reading *r, const mola_manifest *child, bool *any)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < child->segment_count && !err; i++) {
        const mola_segment_ref *s = &child->segments[i];
        if (memcmp(s->owner, r->nsid, sizeof s->owner) != 0)
            continue;
        *any = true;
        err = add_object(r, s->base, s->rand);
        if (!err && (s->dv_base || s->dv_rand))
            err = add_object(r, s->dv_base, s->dv_rand);
    }
    for (uint32_t i = 0; i < child->retired_count && !err; i++) {
        const mola_retired *row = &child->retired[i];
        if (memcmp(row->owner, r->nsid, sizeof row->owner) != 0)
            continue;
        *any = true;
        err = add_object(r, row->base, row->rand);
    }
    return err;
}

/* ------------------------------------------------------------------ one holder */
typedef enum { HOLDS, HOLDS_NOTHING, HOLDS_EVERYTHING } verdict;

/* A child that no name refers to may still be on its way to birth: it holds everything until it is
 * dead for good, and W longer. */
static mola_err judge_absent(reading *r, const mola_holder *holder, verdict *out)
{
    mola_birth birth = {holder->name, holder->cond_ver};
    bool gone;
    mola_err err = mola_doom(r->ctx, r->indexer, holder->child, &birth, &gone);
    *out = !err && gone ? HOLDS_NOTHING : HOLDS_EVERYTHING;
    return err == MOLA_NO_MEMORY ? err : MOLA_OK;
}

static mola_err judge_child(reading *r, const mola_holder *holder, verdict *out)
{
    *out = HOLDS_EVERYTHING;
    mola_key key = mola_key_manifest(r->indexer->config.org, holder->name);
    mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
    mola_err err = mola_index_ask(r->ctx, r->indexer, &op);
    if (err == MOLA_NOT_FOUND)
        return judge_absent(r, holder, out);
    if (err)
        return err;
    mola_manifest child;
    err = mola_manifest_decode(op.bytes, r->ctx->arena, r->ctx->env->heap, &child, r->ctx->why);
    if (err)
        return err == MOLA_NO_MEMORY ? err : MOLA_OK; /* unreadable: it holds everything */
    mola_state_unref(child.state);
    if (child.deleted || memcmp(child.nsid, holder->child, sizeof child.nsid) != 0)
        return judge_absent(r, holder, out);
    if (child.newer)
        return MOLA_OK;
    bool any = false;
    err = hold_log(r, &child, &any);
    if (!err)
        err = hold_objects(r, &child, &any);
    *out = any ? HOLDS : HOLDS_NOTHING;
    return err;
}

static mola_err judge(reading *r, mola_str key)
{
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    mola_err err = mola_index_ask(r->ctx, r->indexer, &op);
    if (err == MOLA_NOT_FOUND) /* another collector found that it holds nothing */
        return MOLA_OK;
    if (err)
        return err;
    mola_holder holder;
    verdict says = HOLDS_EVERYTHING;
    /* An unreadable holder holds everything; so do checkpoints, which this version does not make.
     */
    if (!mola_holder_decode(op.bytes, &holder, NULL) && holder.flags == 0) {
        err = judge_child(r, &holder, &says);
        if (err)
            return err;
    }
    if (says == HOLDS_EVERYTHING) {
        MOLA_SOMETIMES(holder_holds_everything);
        r->out->everything = true;
    } else if (says == HOLDS_NOTHING) {
        op = (mola_store_op){.verb = MOLA_DELETE, .key = key};
        mola_store_run(r->ctx->env->store, r->ctx, &op, 1); /* if it fails, the next pass does it */
    }
    return MOLA_OK;
}

/* ------------------------------------------------------------------ both listings */
static bool was_listed(const reading *r, mola_str key)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        if (mola_str_eq(r->keys[i], key))
            return true;
    }
    return false;
}

typedef enum { FIRST, SECOND } listing;
static mola_err list(reading *r, listing which)
{
    mola_key prefix = mola_key_folder(r->indexer->config.org, r->nsid, 'r');
    mola_walk *walk = mola_new(r->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, r->ctx, r->indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    mola_err err = MOLA_OK, copied = MOLA_OK;
    while (!copied && mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count && !copied; i++) {
            mola_str key = walk->entries[i].key;
            if (which == SECOND) {
                if (!was_listed(r, key)) {
                    MOLA_SOMETIMES(holder_came_meanwhile);
                    r->out->everything = true;
                }
            } else if (r->key_count == HOLDERS_MAX) {
                r->out->everything = true;
            } else if (!mola_arena_copy(r->ctx->arena, key, &r->keys[r->key_count++])) {
                copied = MOLA_NO_MEMORY;
            }
        }
    }
    mola_walk_end(walk);
    return copied ? copied : err;
}

mola_err mola_holders_read(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16],
                           mola_wait *wait, mola_holdings *out)
{
    *out = (mola_holdings){0};
    reading *r = mola_new(ctx->arena, reading, 1);
    if (!r)
        return MOLA_NO_MEMORY;
    *r = (reading){.ctx = ctx, .indexer = indexer, .nsid = nsid, .wait = wait, .out = out};
    mola_err err = list(r, FIRST);
    for (uint32_t i = 0; i < r->key_count && !err; i++)
        err = judge(r, r->keys[i]);
    if (!err && r->key_count && !out->everything)
        err = list(r, SECOND); /* a newcomer may have read the manifest before the CAS */
    return err;
}
