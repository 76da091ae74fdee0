#include "index/segment_sink.h"
#include "mola/base/check.h"
#include "mola/base/executor.h"

enum { BACK_OFF_MS = 20, BACK_OFF_STEP_MS = 50, BACK_OFF_STEPS = 6, PATIENCE_SECONDS = 300 };

bool mola_index_back_off(mola_ctx *ctx, uint32_t attempt)
{
    mola_env *env = ctx->env;
    uint32_t step = attempt < BACK_OFF_STEPS ? attempt : BACK_OFF_STEPS;
    uint64_t pause = BACK_OFF_MS + mola_chance_below(env, (uint64_t)BACK_OFF_STEP_MS << step);
    uint64_t now = mola_boot_ns(env);
    if (now >= ctx->deadline_ns || pause * MOLA_MILLISECOND >= ctx->deadline_ns - now)
        return false;
    mola_job_pause(ctx->job);
    mola_sleep_ns(env, pause * MOLA_MILLISECOND);
    mola_job_resume(ctx->job);
    return true;
}

/* ------------------------------------------------------------------ sending */
/* One attempt at all of them; those that are not there for sure move to the front. */
static mola_err try_puts(mola_ctx *ctx, mola_store_op *ops, uint32_t *count)
{
    mola_arena arena;
    mola_arena_init(&arena, ctx->arena->heap, SIZE_MAX);
    mola_ctx own = *ctx;
    own.arena = &arena;
    mola_store_run(ctx->env->store, &own, ops, *count);
    ctx->roundtrips = own.roundtrips;
    uint32_t open = 0;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < *count; i++) {
        if (ops[i].err == MOLA_INVALID)
            err = MOLA_INVALID;
        if (ops[i].err != MOLA_OK)
            ops[open++] = ops[i];
    }
    *count = open;
    mola_arena_reset(&arena);
    return err;
}

static mola_err put_all(mola_ctx *outer, mola_indexer *indexer, mola_store_op *ops, uint32_t count)
{
    mola_ctx ctx = *outer;
    uint64_t latest = mola_boot_ns(ctx.env) + PATIENCE_SECONDS * MOLA_SECOND;
    if (ctx.deadline_ns > latest)
        ctx.deadline_ns = latest;
    mola_why why = {0};
    ctx.why = &why;
    mola_err err = MOLA_OK;
    for (uint32_t attempt = 0; count && !err; attempt++) {
        mola_why_clear(&why);
        err = try_puts(&ctx, ops, &count);
        if (!err && count &&
            (mola_indexer_stopping(indexer) || !mola_index_back_off(&ctx, attempt)))
            err = MOLA_UNAVAILABLE;
    }
    outer->roundtrips = ctx.roundtrips;
    if (!err)
        return MOLA_OK;
    return mola_fail(outer->why, err, "the object store did not take an object of a segment%s%.*s",
                     why.len ? ": " : "", MOLA_ARG(mola_why_text(&why)));
}

static mola_key key_of(const mola_new_objects *o, mola_object_place place, mola_object_kind kind,
                       uint32_t number)
{
    mola_str org = o->indexer->config.org;
    if (kind == MOLA_OBJECT_DELETES)
        return mola_key_deletes(org, place.owner, place.base, place.rand);
    return mola_key_segment(org, place.owner, place.base, place.rand, (char)kind, number);
}

static mola_store_op put_of(const mola_key *key, mola_str body)
{
    return (mola_store_op){.verb = MOLA_PUT, .key = mola_key_str(key), .body = body};
}

static void drop_held(mola_new_objects *o)
{
    for (uint32_t i = 0; i < o->held_count; i++)
        mola_buf_free(&o->held[i].bytes);
    o->held_count = 0;
    o->held_bytes = 0;
}

/* What is held, and one more that is not (`last` NULL: none). */
static mola_err put_held(mola_new_objects *o, const mola_key *last, mola_str bytes)
{
    mola_key keys[MOLA_NEW_OBJECTS_HELD];
    mola_store_op ops[MOLA_NEW_OBJECTS_HELD + 1];
    uint32_t count = o->held_count;
    for (uint32_t i = 0; i < count; i++) {
        const mola_new_object *held = &o->held[i];
        keys[i] = key_of(o, held->place, held->kind, held->number);
        ops[i] = put_of(&keys[i], mola_buf_str(&held->bytes));
    }
    if (last)
        ops[count++] = put_of(last, bytes);
    if (count == 0)
        return MOLA_OK;
    o->any_put = true;
    mola_err err = put_all(o->ctx, o->indexer, ops, count);
    if (!err)
        drop_held(o);
    return err;
}

mola_err mola_new_objects_put(mola_new_objects *objects)
{
    return put_held(objects, NULL, (mola_str){0});
}

/* ------------------------------------------------------------------ holding */
mola_err mola_new_objects_add(mola_new_objects *objects, mola_object_place place,
                              mola_object_kind kind, uint32_t number, mola_str bytes)
{
    bool room = objects->held_count < MOLA_NEW_OBJECTS_HELD &&
                bytes.len <= objects->held_max - objects->held_bytes;
    if (room) {
        mola_new_object *held = &objects->held[objects->held_count];
        *held = (mola_new_object){.place = place, .kind = kind, .number = number};
        mola_buf_init(&held->bytes, &objects->indexer->heap.heap);
        mola_buf_add_str(&held->bytes, bytes);
        if (!held->bytes.failed) {
            objects->held_count++;
            objects->held_bytes += bytes.len;
            return MOLA_OK;
        }
        mola_buf_free(&held->bytes); /* no memory to hold it: send it now */
    }
    mola_key key = key_of(objects, place, kind, number);
    return put_held(objects, &key, bytes);
}

static mola_err sink_put(mola_segment_sink *sink, char kind, uint32_t number, mola_str bytes)
{
    mola_new_objects *objects = (mola_new_objects *)sink;
    return mola_new_objects_add(objects, objects->place, (mola_object_kind)kind, number, bytes);
}

void mola_new_objects_init(mola_new_objects *objects, mola_ctx *ctx, mola_indexer *indexer,
                           uint64_t held_max)
{
    *objects = (mola_new_objects){
        .sink.put = sink_put, .ctx = ctx, .indexer = indexer, .held_max = held_max};
}

void mola_new_objects_free(mola_new_objects *objects)
{
    drop_held(objects);
}
