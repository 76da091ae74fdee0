/* Replacing ns/{name}: the only mutable object of a namespace (I2). */
#include "mola/namespace/publish.h"
#include "namespace/name.h"

/* I2: what stands there after a 412. Own commit_id: done. The version we aimed at: lost for ever. A
 * higher one: ours may have been in between. */
static mola_cas read_back(mola_ctx *ctx, mola_name *name, const mola_manifest *next,
                          mola_held **now)
{
    if (mola_held_read(ctx, name, now))
        return MOLA_CAS_UNKNOWN;
    const mola_manifest *m = &(*now)->manifest;
    if (memcmp(m->commit_id, next->commit_id, sizeof m->commit_id) == 0) {
        MOLA_SOMETIMES(cas_412_was_ours);
        return MOLA_CAS_OK;
    }
    if (m->ver == next->ver)
        return MOLA_CAS_LOST;
    MOLA_SOMETIMES(cas_412_unclear);
    return MOLA_CAS_MOVED;
}

/* What we wrote, as a GET would have found it. */
static void hold_written(mola_ctx *ctx, mola_name *name, mola_str image, mola_etag etag,
                         mola_held **now)
{
    mola_store_op as_read = {.err = MOLA_OK, .bytes = image, .new_etag = etag};
    mola_err err = mola_held_of(name, &as_read, now, NULL);
    if (err) { /* no memory: the node will read it when it needs it */
        mola_log(ctx->env, MOLA_LOG_WARN, "published_unseen", "error=%s", mola_err_name(err));
        *now = NULL;
    }
}

static mola_cas put_image(mola_ctx *ctx, mola_name *name, const mola_held *old,
                          const mola_manifest *next, mola_str image, mola_held **out)
{
    mola_key key = mola_key_manifest(name->all->org, mola_name_str(name));
    mola_ask ask;
    mola_ask_begin(&ask, ctx);
    bool may_have_landed = false;
    mola_cas outcome = MOLA_CAS_NOT_WRITTEN;
    mola_held *now = NULL;
    for (;;) {
        mola_store_op op = {.verb = MOLA_PUT,
                            .key = mola_key_str(&key),
                            .body = image,
                            .when = old->etag.len ? MOLA_PUT_IF_MATCH : MOLA_PUT_IF_ABSENT,
                            .etag = old->etag};
        mola_ask_run(&ask, &op, 1);
        if (op.err == MOLA_OK) {
            outcome = MOLA_CAS_OK;
            if (out)
                hold_written(ctx, name, image, op.new_etag, &now);
        } else if (op.err == MOLA_CONFLICT || op.err == MOLA_NOT_FOUND) {
            outcome = read_back(&ask.ctx, name, next, &now);
        }
        if (outcome != MOLA_CAS_NOT_WRITTEN)
            break;
        if (op.err != MOLA_UNAVAILABLE && op.err != MOLA_INVALID)
            may_have_landed = true;
        if (op.err == MOLA_INVALID || !mola_ask_again(&ask))
            break;
    }
    if (outcome == MOLA_CAS_NOT_WRITTEN && may_have_landed)
        outcome = MOLA_CAS_UNKNOWN;
    (void)mola_ask_end(&ask, MOLA_OK);
    if (out && outcome == MOLA_CAS_OK) {
        *out = now;
        now = NULL;
    }
    mola_held_unref(now);
    return outcome;
}

mola_cas mola_manifest_put(mola_ctx *ctx, mola_name *name, const mola_held *old,
                           mola_manifest *next, mola_held **out)
{
    MOLA_ASSERT(next->ver == old->manifest.ver + 1);
    mola_chance(ctx->env, next->commit_id, sizeof next->commit_id);
    mola_buf image;
    mola_buf_init(&image, ctx->env->heap);
    mola_manifest_encode(&image, next);
    mola_cas outcome = MOLA_CAS_NOT_WRITTEN;
    if (!image.failed)
        outcome = put_image(ctx, name, old, next, mola_buf_str(&image), out);
    mola_buf_free(&image);
    return outcome;
}

/* ------------------------------------------------------------------ for index/ */
const mola_manifest *mola_held_manifest(const mola_held *held)
{
    return &held->manifest;
}

mola_str mola_name_text(const mola_name *name)
{
    return mola_name_str(name);
}

mola_held *mola_manifest_known(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    if (name->held)
        mola_ref_take(&name->held->ref);
    return name->held;
}

mola_err mola_manifest_read(mola_ctx *ctx, mola_name *name, mola_held **out)
{
    mola_err err = mola_hold_refresh(ctx, name);
    if (err)
        return err;
    *out = mola_manifest_known(name); /* that one, or a newer one */
    MOLA_ASSERT(*out);
    return MOLA_OK;
}

#define HISTORY_SPAN_US ((uint64_t)24 * 3600 * 1000000)

/* Which row makes room for the next one. gc_floor follows versions that were current a day ago
 * (I4), but a busy namespace is published 16 times within minutes; so the ring keeps rows about
 * evenly in time over a day. Any value of gc_floor is safe, and so is any choice here. */
static uint32_t history_row_to_drop(const mola_history *rows, uint32_t count, uint64_t now_us)
{
    if (rows[1].time_us <= now_us && now_us - rows[1].time_us >= HISTORY_SPAN_US)
        return 0;
    uint32_t drop = 1;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 1; i + 1 < count; i++) {
        uint64_t before = rows[i - 1].time_us, after = rows[i + 1].time_us;
        uint64_t gap = after > before ? after - before : 0;
        if (gap < least) {
            least = gap;
            drop = i;
        }
    }
    return drop;
}

/* HISTORY of the manifest that follows `old`. */
static mola_err add_history(mola_ctx *ctx, const mola_manifest *old, mola_manifest *next)
{
    mola_history *rows = mola_new(ctx->arena, mola_history, MOLA_HISTORY_MAX);
    if (!rows)
        return MOLA_NO_MEMORY;
    uint32_t count = old->history_count;
    MOLA_ASSERT(count <= MOLA_HISTORY_MAX);
    if (count)
        memcpy(rows, old->history, count * sizeof *rows);
    uint64_t now_us = mola_wall_us(ctx->env);
    if (count == MOLA_HISTORY_MAX) {
        uint32_t drop = history_row_to_drop(rows, count, now_us);
        memmove(&rows[drop], &rows[drop + 1], (count - drop - 1) * sizeof *rows);
        count--;
    }
    rows[count++] = (mola_history){.ver = next->ver, .time_us = now_us};
    next->history = rows;
    next->history_count = count;
    return MOLA_OK;
}

mola_err mola_manifest_replace(mola_ctx *ctx, mola_name *name, const mola_held *old,
                               mola_manifest *next, mola_held **out)
{
    if (old->manifest.newer) { /* section 2: who does not know all of it must not publish over it */
        return mola_fail(
            ctx->why, MOLA_INVALID,
            "namespace '%.*s' was last changed by a newer mola, and only that can go on",
            (int)name->len, name->text);
    }
    mola_err err = next->deleted ? MOLA_OK : add_history(ctx, &old->manifest, next);
    if (err)
        return mola_fail(ctx->why, err, "not enough memory to publish");
    mola_held *now = NULL;
    switch (mola_manifest_put(ctx, name, old, next, &now)) {
    case MOLA_CAS_OK:
        if (now)
            mola_hold_learn(name, now);
        break;
    case MOLA_CAS_LOST:
    case MOLA_CAS_MOVED:
        err = MOLA_CONFLICT;
        break;
    case MOLA_CAS_UNKNOWN:
        err =
            mola_fail(ctx->why, MOLA_UNKNOWN, "the object store did not say what became of '%.*s'",
                      (int)name->len, name->text);
        break;
    case MOLA_CAS_NOT_WRITTEN:
        err = mola_fail(ctx->why, MOLA_UNAVAILABLE, "the object store did not take the manifest");
        break;
    }
    if (err == MOLA_OK && out && !now && mola_manifest_read(ctx, name, &now))
        err = MOLA_UNKNOWN; /* it was published, and the caller cannot be told what stands there */
    if (err)
        mola_hold_drop(name); /* what is held is not what stands there, or may not be */
    if (err == MOLA_CONFLICT)
        mola_count(ctx->env->metrics, MOLA_M_index_publish_lost_total, 1);
    if (out && !err) {
        *out = now;
        now = NULL;
    }
    mola_held_unref(now);
    return err;
}
