/* The two ends of an incarnation (protocol section 7). */
#include "mola/namespace/publish.h"
#include "namespace/name.h"

enum { DELETION_ROUNDS_MAX = 8 };

/* ------------------------------------------------------------------ birth (I8) */
static mola_err not_created(mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_UNAVAILABLE, "the object store did not take the write");
}

/* The entries under the fresh nsid, before anybody can know of them. What fails here has not
 * happened. */
static mola_err put_entry(mola_ctx *ctx, mola_draft *draft)
{
    mola_record theirs = {0};
    mola_ask ask;
    mola_ask_begin(&ask, ctx);
    mola_err err = mola_draft_upload(&ask, draft);
    if (!err && mola_draft_offer(&ask, draft, &theirs) != MOLA_SLOT_OURS)
        err = MOLA_UNAVAILABLE;
    mola_record_free(&theirs);
    (void)mola_ask_end(&ask, err);
    return err ? not_created(ctx) : MOLA_OK;
}

static mola_err put_log(mola_ctx *ctx, mola_name *name, const mola_held *old,
                        const mola_change *change, mola_view **newest)
{
    uint8_t nsid[16];
    mola_chance(ctx->env, nsid,
                sizeof nsid); /* never reused: nothing of an old life is reachable */
    mola_view *empty = mola_view_empty(&name->all->views.heap, nsid, old->manifest.epoch + 1, 0);
    if (!empty)
        return mola_fail_room(name, ctx->why);
    empty->home = name->all;
    bool left_out;
    mola_draft first;
    mola_err err =
        mola_draft_make_first(ctx, name, empty, change, old->manifest.ver, &first, &left_out);
    if (!err)
        err = put_entry(ctx, &first);
    if (!err &&
        left_out) { /* CREATE stands alone; the rows follow in entry 2, unseen until the birth */
        mola_change rows = {.rows = change->rows, .data_written = change->data_written};
        mola_draft second;
        err = mola_draft_make(ctx, name, first.next, &rows, &second);
        if (!err)
            err = put_entry(ctx, &second);
        if (!err) {
            *newest = second.next;
            second.next = NULL;
        }
        mola_draft_free(&second);
    } else if (!err) {
        *newest = first.next;
        first.next = NULL;
    }
    mola_draft_free(&first);
    mola_view_unref(empty);
    return err;
}

/* Somebody is two versions on. Our birth may have been in between: then the name carries our nsid,
 * living or buried. Where it carries another one of the same epoch, that was born instead. */
static mola_cas what_became(mola_ctx *ctx, mola_name *name, const mola_manifest *born)
{
    MOLA_SOMETIMES(create_unclear);
    mola_hold_drop(name);
    if (mola_hold_refresh(ctx, name))
        return MOLA_CAS_UNKNOWN;
    mola_held *held = mola_hold_get(name);
    mola_cas outcome = MOLA_CAS_UNKNOWN;
    if (held && mola_same_nsid(held->manifest.nsid, born->nsid)) {
        outcome = MOLA_CAS_OK;
    } else if (held && held->manifest.epoch == born->epoch) {
        outcome = MOLA_CAS_LOST;
    }
    mola_held_unref(held);
    return outcome;
}

mola_err mola_birth(mola_ctx *ctx, mola_name *name, const mola_held *old, mola_manifest *born)
{
    mola_moment sent = mola_moment_now(ctx->env);
    mola_held *held = NULL;
    mola_cas outcome = mola_manifest_put(ctx, name, old, born, &held); /* the commit point */
    if (outcome == MOLA_CAS_MOVED)
        outcome = what_became(ctx, name, born);
    mola_hold_drop(name);
    if (held)
        mola_hold_keep_written(name, held, sent);
    mola_held_unref(held);
    switch (outcome) {
    case MOLA_CAS_OK:
        if (old->manifest.ver)
            MOLA_SOMETIMES(created_over_tombstone);
        return MOLA_OK;
    case MOLA_CAS_NOT_WRITTEN:
        return not_created(ctx);
    case MOLA_CAS_LOST:
        MOLA_SOMETIMES(create_race_lost);
        return MOLA_CONFLICT;
    case MOLA_CAS_MOVED:
    case MOLA_CAS_UNKNOWN:
        break;
    }
    mola_count(ctx->env->metrics, MOLA_M_write_unknown_total, 1);
    return mola_fail(ctx->why, MOLA_UNKNOWN,
                     "outcome unknown: the write may or may not have been applied");
}

static mola_err give_birth(mola_ctx *ctx, mola_name *name, const mola_held *old,
                           const mola_change *change, mola_view **after)
{
    mola_view *newest = NULL;
    mola_err err = put_log(ctx, name, old, change, &newest);
    if (err)
        return err;
    MOLA_ASSERT(newest);
    uint64_t ver = old->manifest.ver + 1;
    mola_history now = {.ver = ver, .time_us = mola_wall_us(ctx->env)};
    mola_manifest born = {.epoch = newest->epoch, .ver = ver, .history = &now, .history_count = 1};
    memcpy(born.nsid, newest->nsid, sizeof born.nsid);
    err = mola_birth(ctx, name, old, &born);
    if (err) {
        mola_view_unref(newest);
        return err;
    }
    mola_count(ctx->env->metrics, MOLA_M_write_groups_total, 1);
    mola_view_install(name, newest, true);
    mola_hint_appended(name, newest);
    *after = newest;
    return MOLA_OK;
}

mola_err mola_fail_newer(mola_ctx *ctx, const mola_name *name)
{
    return mola_fail(ctx->why, MOLA_UNAVAILABLE,
                     "namespace '%.*s' was last changed by a newer mola, and only that can go on",
                     (int)name->len, name->text);
}

mola_err mola_log_create(mola_ctx *ctx, mola_name *name, const mola_change *change,
                         mola_view **after)
{
    mola_name_use(name);
    mola_held *old = mola_hold_get(name);
    if (!old) {
        mola_err err = mola_hold_refresh(ctx, name);
        if (err)
            return err;
        old = mola_hold_get(name);
    }
    mola_err err = MOLA_CONFLICT;
    if (old && old->manifest.newer) {
        err = mola_fail_newer(ctx, name);
    } else if (old && old->manifest.deleted) {
        err = give_birth(ctx, name, old, change, after);
    }
    mola_held_unref(old);
    return err;
}

/* ------------------------------------------------------------------ death (I8) */
/* The SEAL was the commit point; this turns the manifest into a tombstone, whoever met the SEAL. */
void mola_finish_deletion(mola_ctx *ctx, mola_name *name, const uint8_t nsid[16])
{
    for (int round = 0; round < DELETION_ROUNDS_MAX; round++) {
        mola_hold_drop(name);
        if (mola_hold_refresh(ctx, name))
            break;
        mola_held *held = mola_hold_get(name);
        if (!held)
            continue;
        const mola_manifest *m = &held->manifest;
        mola_cas outcome = m->newer ? MOLA_CAS_NOT_WRITTEN : MOLA_CAS_OK;
        if (m->deleted || !mola_same_nsid(m->nsid, nsid)) {
            MOLA_SOMETIMES(other_node_finished_deletion);
            outcome = MOLA_CAS_OK;
        } else if (!m->newer) {
            mola_manifest grave = {.deleted = true,
                                   .epoch = m->epoch,
                                   .ver = m->ver + 1,
                                   .time_us = mola_wall_us(ctx->env)};
            memcpy(grave.nsid, nsid, sizeof grave.nsid);
            outcome = mola_manifest_put(ctx, name, held, &grave, NULL);
            mola_hold_drop(name);
        }
        mola_held_unref(held);
        if (outcome == MOLA_CAS_OK)
            return;
    }
    mola_log(ctx->env, MOLA_LOG_WARN, "deletion_unfinished", "rounds=%d", DELETION_ROUNDS_MAX);
}

/* Entry `seq` is there, is a SEAL, and was read above the floor (I3). */
static mola_err is_seal(mola_ask *ask, mola_name *name, const uint8_t nsid[16], uint64_t seq,
                        bool *sealed)
{
    mola_key key = mola_key_entry(name->all->org, nsid, seq);
    mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
    mola_record record;
    mola_err err = mola_ask_get(ask, &op, 1);
    if (err || op.err == MOLA_NOT_FOUND)
        return err;
    err = mola_record_decode(name, op.bytes, nsid, seq, &record, ask->ctx.why);
    if (err)
        return err;
    mola_moment seen = mola_moment_now(ask->ctx.env);
    *sealed =
        record.entry.flags & MOLA_ENTRY_SEAL && mola_hold_settle(&ask->ctx, name, nsid, seq, seen);
    mola_record_free(&record);
    return MOLA_OK;
}

mola_err mola_manifest_finish(mola_ctx *ctx, mola_name *name, const mola_held *held, uint64_t seq,
                              bool *sealed)
{
    const mola_manifest *m = &held->manifest;
    *sealed = false;
    if (m->deleted || seq <= m->wal_floor || !mola_same_nsid(mola_log_owner(m, seq), m->nsid))
        return MOLA_OK;
    mola_ask ask;
    mola_ask_begin(&ask, ctx);
    mola_err err = mola_ask_end(&ask, is_seal(&ask, name, m->nsid, seq, sealed));
    if (!err && *sealed) {
        mola_finish_deletion(ctx, name, m->nsid);
        mola_why_clear(ctx->why);
    }
    return err;
}

void mola_log_finish_deletion(mola_ctx *ctx, mola_name *name, const mola_view *sealed)
{
    MOLA_ASSERT(sealed->sealed);
    mola_finish_deletion(ctx, name, sealed->nsid);
    mola_why_clear(ctx->why); /* the deletion is done; what failed here somebody else will do */
}
