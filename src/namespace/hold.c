#include "namespace/name.h"

enum { MANIFEST_BYTES_MAX = 64 * 1024 * 1024, OLDER_ANSWERS_MAX = 4 };

mola_moment mola_moment_now(mola_env *env)
{
    return (mola_moment){.boot_ns = mola_boot_ns(env), .wall_us = mola_wall_us(env)};
}

void mola_held_ref(mola_held *held)
{
    mola_ref_take(&held->ref);
}

void mola_held_unref(mola_held *held)
{
    if (!held || !mola_ref_drop(&held->ref))
        return;
    if (held->manifest.state)
        mola_state_unref(held->manifest.state);
    mola_arena_reset(&held->arena);
    mola_free(held->heap, held, sizeof *held);
}

const uint8_t *mola_log_owner(const mola_manifest *manifest, uint64_t seq)
{
    for (uint32_t i = 0; i < manifest->lineage_count; i++) {
        if (seq <= manifest->lineage[i].last_seq)
            return manifest->lineage[i].nsid;
    }
    return manifest->nsid;
}

/* What the answer to a GET of ns/{name} says. An absent name reads as a tombstone of version 0. */
mola_err mola_held_of(mola_name *name, const mola_store_op *op, mola_held **out, mola_why *why)
{
    mola_heap *heap = name->all->env->heap;
    mola_held *held = mola_alloc(heap, sizeof *held);
    if (!held)
        return MOLA_NO_MEMORY;
    mola_ref_init(&held->ref);
    held->heap = heap;
    mola_arena_init(&held->arena, heap, MANIFEST_BYTES_MAX);
    mola_err err = MOLA_OK;
    if (op->err == MOLA_NOT_FOUND) {
        held->manifest.deleted = true;
    } else {
        err = mola_manifest_decode(op->bytes, &held->arena, heap, &held->manifest, why);
        held->etag = op->new_etag;
    }
    if (err) {
        mola_held_unref(held);
    } else {
        *out = held;
    }
    return err;
}

mola_held *mola_hold_get(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    if (!name->have)
        return NULL;
    mola_ref_take(&name->held->ref);
    return name->held;
}

mola_held *mola_hold_get_sent(mola_name *name, mola_moment *sent)
{
    MOLA_LOCKED(&name->lock);
    if (!name->have)
        return NULL;
    *sent = name->sent;
    mola_ref_take(&name->held->ref);
    return name->held;
}

void mola_hold_drop(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    name->have = false; /* what is known stays known: a slower answer is still a slower one (I14) */
}

/* Lock held. Gives back what is to be given up once it is not. */
static mola_view *know(mola_name *name, mola_held *held, mola_held **replaced)
{
    MOLA_ASSERT(held != NULL);
    if (name->held != held) {
        *replaced = name->held;
        mola_ref_take(&held->ref);
        name->held = held;
    }
    if (!name->view || name->view->epoch > held->manifest.epoch ||
        (!held->manifest.deleted && mola_same_nsid(name->view->nsid, held->manifest.nsid)))
        return NULL;
    mola_view *over = name->view; /* of an incarnation that has ended */
    name->view = NULL;
    name->at_tail = name->proved = false;
    return over;
}

void mola_hold_learn(mola_name *name, mola_held *held)
{
    mola_held *replaced = NULL;
    mola_view *over = NULL;
    mola_lock_take(&name->lock);
    if (!name->held || name->held->manifest.ver < held->manifest.ver) { /* I14 */
        over = know(name, held, &replaced);
        name->have = false; /* I6b: trust begins with the sending of a GET, and this was a PUT */
    }
    mola_lock_give(&name->lock);
    mola_held_unref(replaced);
    if (over)
        mola_view_unref(over);
}

/* I14: a manifest replaces a known one only if its version is higher, or equal and sent later.
 * MOLA_CONFLICT: it is a slow answer, older than what is known. */
static mola_err keep(mola_name *name, mola_held *held, mola_moment sent)
{
    mola_held *replaced = NULL;
    mola_view *over = NULL;
    mola_err err = MOLA_OK;
    mola_lock_take(&name->lock);
    uint64_t known = name->held ? name->held->manifest.ver : 0;
    if (held->manifest.ver < known) {
        err = MOLA_CONFLICT;
    } else if (!(name->have && held->manifest.ver == known && name->sent.boot_ns > sent.boot_ns)) {
        over = know(name, held, &replaced);
        name->have = true;
        name->sent = sent;
    }
    mola_lock_give(&name->lock);
    mola_held_unref(replaced);
    if (over)
        mola_view_unref(over);
    return err;
}

void mola_hold_keep_written(mola_name *name, mola_held *held, mola_moment sent)
{
    (void)keep(name, held, sent); /* else a later one is known already */
}

void mola_hold_prepare(mola_name *name, mola_hold_ask *ask, mola_store_op *op)
{
    mola_lock_take(&name->lock);
    ask->known = name->held;
    if (ask->known)
        mola_ref_take(&ask->known->ref);
    mola_lock_give(&name->lock);
    ask->key = mola_key_manifest(name->all->org, mola_name_str(name));
    *op = (mola_store_op){.verb = MOLA_GET, .key = mola_key_str(&ask->key)};
    if (ask->known)
        op->etag = ask->known->etag;
    ask->sent = mola_moment_now(
        name->all->env); /* I6: T0 is when the GET is sent, not when it is answered */
}

mola_err mola_hold_absorb(mola_ctx *ctx, mola_name *name, mola_hold_ask *ask,
                          const mola_store_op *op)
{
    mola_held *held = NULL;
    mola_err err = op->err;
    if (err == MOLA_OK && op->not_modified && ask->known) {
        held = ask->known;
        ask->known = NULL;
    } else if (err == MOLA_OK || err == MOLA_NOT_FOUND) {
        err = mola_held_of(name, op, &held, ctx->why);
    }
    if (held) {
        err = keep(name, held, ask->sent);
        mola_held_unref(held);
    }
    mola_held_unref(ask->known);
    ask->known = NULL;
    return err;
}

mola_err mola_hold_refresh(mola_ctx *ctx, mola_name *name)
{
    mola_ask ask;
    mola_ask_begin(&ask, ctx);
    mola_err err;
    for (uint32_t older = 0, corrupt = 0;;) {
        mola_hold_ask hold;
        mola_store_op op;
        mola_hold_prepare(name, &hold, &op);
        mola_ask_run(&ask, &op, 1);
        err = mola_hold_absorb(&ask.ctx, name, &hold, &op);
        if (err == MOLA_CORRUPT && corrupt++ == 0) {
            MOLA_SOMETIMES(reread_corrupt);
            continue;
        }
        if (err == MOLA_CONFLICT && older++ < OLDER_ANSWERS_MAX) {
            MOLA_SOMETIMES(manifest_answer_was_slow);
        } else if (err == MOLA_CONFLICT) {
            err =
                mola_fail(ask.ctx.why, MOLA_UNAVAILABLE,
                          "the object store keeps answering with an old '%.*s'", MOLA_ARG(op.key));
        } else if (err && !mola_answer_missing(err)) {
            err = mola_fail_object(&ask.ctx, err, op.key);
        }
        if (err != MOLA_CONFLICT && !mola_answer_missing(op.err))
            break;
        if (!mola_ask_again(&ask)) {
            err = mola_fail_late(&ask.ctx);
            break;
        }
    }
    return mola_ask_end(&ask, err);
}

mola_err mola_held_read(mola_ctx *ctx, mola_name *name, mola_held **out)
{
    mola_key key = mola_key_manifest(name->all->org, mola_name_str(name));
    mola_ask ask;
    mola_ask_begin(&ask, ctx);
    mola_err err = MOLA_CORRUPT;
    for (int attempt = 0; attempt < 2 && err == MOLA_CORRUPT; attempt++) {
        mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
        err = mola_ask_get(&ask, &op, 1);
        if (!err)
            err = mola_held_of(name, &op, out, ask.ctx.why);
    }
    return mola_ask_end(&ask, err);
}

/* ------------------------------------------------------------------ the elapsed-time fence (I6b)
 */
/* An answer processed at `seen` may be judged by the hold: its GET was sent no more than W/2
 * before, on the boot clock; and the wall clock agrees, for a guest that was restored from a
 * snapshot may have lost boot time. */
static bool is_trusted(const mola_name *name, mola_moment seen)
{
    if (!name->have)
        return false;
    uint64_t window = name->all->fence_ns / 2;
    if (seen.boot_ns > name->sent.boot_ns && seen.boot_ns - name->sent.boot_ns > window)
        return false;
    uint64_t moved_us = seen.wall_us > name->sent.wall_us ? seen.wall_us - name->sent.wall_us
                                                          : name->sent.wall_us - seen.wall_us;
    return moved_us <= window / 1000;
}

bool mola_hold_is_fresh(mola_name *name)
{
    mola_moment now = mola_moment_now(name->all->env);
    MOLA_LOCKED(&name->lock);
    return is_trusted(name, now);
}

bool mola_hold_settle(mola_ctx *ctx, mola_name *name, const uint8_t nsid[16], uint64_t seq,
                      mola_moment seen)
{
    mola_lock_take(&name->lock);
    bool trusted = is_trusted(name, seen);
    if (!trusted)
        name->have = false;
    mola_lock_give(&name->lock);
    if (trusted) {
        MOLA_SOMETIMES(fence_trusted);
    } else {
        MOLA_SOMETIMES(fence_expired);
        if (mola_hold_refresh(ctx, name)) /* sent after `seen` */
            return false;
    }
    mola_held *held = mola_hold_get(name);
    /* I3: an entry at or below the floor may be gone, and what stands there may be a stray. */
    bool settled = held && !held->manifest.deleted && mola_same_nsid(held->manifest.nsid, nsid) &&
                   seq > held->manifest.wal_floor;
    mola_held_unref(held);
    return settled;
}
