/* The work on one name: measure, flush, merge. */
#include "index/build.h"
#include "index/requests.h"
#include "index/work.h"

enum { FLUSHES_MAX = 4096, MERGES_MAX = 256 };

static mola_err measure_log(mola_ctx *ctx, mola_indexer *indexer, const mola_manifest *m,
                            mola_measure *out)
{
    mola_key prefix = mola_key_log_prefix(indexer->config.org, m->nsid);
    mola_walk *walk = mola_new(ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    bool behind = true; /* of the newest entries first */
    mola_err err = MOLA_OK;
    mola_walk_begin(walk, ctx, indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    while (behind && mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count && behind; i++) {
            uint8_t nsid[16];
            uint64_t seq;
            if (!mola_key_parse_entry(indexer->config.org, walk->entries[i].key, nsid, &seq))
                continue;
            behind = seq > m->indexed_seq;
            if (behind)
                out->bytes += walk->entries[i].size;
            if (seq > out->newest_seq)
                out->newest_seq = seq;
        }
    }
    mola_walk_end(walk);
    return err;
}

mola_err mola_work_measure(mola_ctx *ctx, mola_indexer *indexer, mola_str name, mola_measure *out)
{
    *out = (mola_measure){0};
    mola_name *open = mola_name_open(indexer->names, name);
    if (!open)
        return MOLA_NO_MEMORY;
    mola_held *held = NULL;
    mola_err err = mola_manifest_read(ctx, open, &held);
    if (!err && !mola_held_manifest(held)->deleted) {
        const mola_manifest *m = mola_held_manifest(held);
        out->lives = true;
        out->indexed_seq = out->newest_seq = m->indexed_seq;
        memcpy(out->nsid, m->nsid, sizeof out->nsid);
        err = measure_log(ctx, indexer, m, out);
    }
    mola_held_unref(held);
    mola_name_close(open);
    return err;
}

/* Nothing could be flushed of a log that is longer than what is indexed: it may have ended. */
static mola_err finish_deletion(mola_ctx *ctx, mola_indexer *indexer, mola_str name)
{
    mola_measure measure;
    mola_err err = mola_work_measure(ctx, indexer, name, &measure);
    if (err || measure.newest_seq <= measure.indexed_seq)
        return err;
    mola_name *open = mola_name_open(indexer->names, name);
    if (!open)
        return MOLA_NO_MEMORY;
    mola_held *held = mola_manifest_known(open);
    bool sealed = false;
    if (held)
        err = mola_manifest_finish(ctx, open, held, measure.newest_seq, &sealed);
    if (sealed)
        MOLA_SOMETIMES(indexer_met_seal);
    mola_held_unref(held);
    mola_name_close(open);
    return err;
}

/* Sets *again when the step is worth another one. */
typedef mola_err (*one_step)(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did,
                             bool *again);

static mola_err merge(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did, bool *again)
{
    mola_err err = mola_index_merge(ctx, indexer, name, false, did);
    *again = *did;
    return err;
}

/* Each step has an arena of its own. *count: those that did something. */
static mola_err repeat(mola_ctx *outer, mola_indexer *indexer, mola_str name, one_step step,
                       uint32_t most, uint32_t *count)
{
    mola_err err = MOLA_OK;
    bool again = true;
    for (*count = 0; !err && again && *count < most;) {
        if (mola_indexer_stopping(indexer))
            return mola_fail(outer->why, MOLA_UNAVAILABLE, "the indexer is closing");
        bool did = false;
        mola_arena arena;
        mola_arena_init(&arena, outer->env->heap, SIZE_MAX);
        mola_ctx ctx = *outer;
        ctx.arena = &arena;
        err = step(&ctx, indexer, name, &did, &again);
        mola_arena_reset(&arena);
        *count += did && !err;
    }
    return err;
}

/* What writers add meanwhile is for another time: a busy log would be cut into crumbs. */
mola_err mola_work_index(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did)
{
    uint32_t flushes, merges = 0;
    mola_err err = repeat(ctx, indexer, name, mola_flush_some, FLUSHES_MAX, &flushes);
    if (!err && !flushes)
        err = finish_deletion(ctx, indexer, name);
    if (!err)
        err = repeat(ctx, indexer, name, merge, MERGES_MAX, &merges);
    *did = flushes || merges;
    return err;
}

/* ------------------------------------------------------------------ a name in the table */
static void delete_hint(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16])
{
    mola_key key = mola_key_hint(indexer->config.org, nsid);
    mola_store_op op = {.verb = MOLA_DELETE, .key = mola_key_str(&key)};
    mola_store_run(ctx->env->store, ctx, &op, 1); /* what stays is found again, and costs a look */
}

static mola_err measure(mola_ctx *ctx, mola_indexer *indexer, mola_str name, mola_found *out)
{
    mola_measure m;
    mola_err err = mola_work_measure(ctx, indexer, name, &m);
    if (err)
        return err;
    out->measured = true;
    out->bytes = m.bytes;
    out->indexed_seq = m.indexed_seq;
    out->caught_up = !m.lives || m.newest_seq <= m.indexed_seq;
    return MOLA_OK;
}

static uint64_t indexed_seq(mola_indexer *indexer, mola_str name)
{
    mola_name *open = mola_name_open(indexer->names, name);
    mola_held *held = open ? mola_manifest_known(open) : NULL;
    uint64_t seq = held ? mola_held_manifest(held)->indexed_seq : 0;
    mola_held_unref(held);
    if (open)
        mola_name_close(open);
    return seq;
}

mola_err mola_work_look(mola_ctx *ctx, mola_indexer *indexer, const mola_look *look,
                        mola_found *out)
{
    *out = (mola_found){0};
    bool large = look->large;
    mola_err err = MOLA_OK;
    if (!large && !look->old) {
        err = measure(ctx, indexer, look->name, out);
        large = !err && out->bytes >= indexer->config.flush_bytes;
    }
    if (!err && !out->caught_up && (large || look->old)) {
        err = mola_work_index(ctx, indexer, look->name, &out->did);
        out->caught_up = !err;
        out->measured = false;
        out->indexed_seq = indexed_seq(indexer, look->name);
        if (!err && look->hinted) /* writers elsewhere may have gone on */
            err = measure(ctx, indexer, look->name, out);
    }
    if (!err && out->caught_up && look->hinted)
        delete_hint(ctx, indexer, look->hint);
    return err;
}
