#include "mola/namespace/log.h"
#include "namespace/name.h"

enum { ROUNDS_MAX = 12, LOST_BEFORE_CATCHING_UP = 2, CONTEST_LOOKS = 4 };
static const uint64_t raced_ns = 500 * MOLA_MILLISECOND; /* else it was no race but a delay */

static bool next_slot_is_borrowed(mola_name *name, const mola_view *view)
{
    mola_held *held = mola_hold_get(name);
    bool borrowed = held && mola_same_nsid(held->manifest.nsid, view->nsid) &&
                    !mola_same_nsid(mola_log_owner(&held->manifest, view->seq + 1), view->nsid);
    mola_held_unref(held);
    return borrowed;
}

/* A writer may offer slot n + 1 only of a view that has reached the tail once, and only in the log
 * of the incarnation itself (I1: entry n was read as an entry of this log; borrowed slots are
 * read-only). */
static bool must_catch_up(mola_name *name, const mola_view *view)
{
    mola_lock_take(&name->lock);
    bool at_tail = name->at_tail;
    mola_lock_give(&name->lock);
    return !at_tail || view->opening || next_slot_is_borrowed(name, view);
}

/* Makes sure of a hold for a write. MOLA_NOT_FOUND: a tombstone, read by this call. */
static mola_err hold_for_write(mola_ctx *ctx, mola_name *name, bool *asked)
{
    mola_held *held = mola_hold_get(name);
    bool dead = held && held->manifest.deleted;
    mola_held_unref(held);
    /* A hold older than W/2 could not settle the slot: a PUT into a collected one would end as
     * UNKNOWN. */
    if (!held || (dead && !*asked) || !mola_hold_is_fresh(name)) {
        mola_err err = mola_hold_refresh(ctx, name);
        if (err)
            return err;
        *asked = true;
        held = mola_hold_get(name);
        dead = held && held->manifest.deleted;
        mola_held_unref(held);
    }
    return dead ? MOLA_NOT_FOUND : MOLA_OK;
}

/* Reads what others have appended before the next slot is tried. */
static mola_err look_first(mola_ctx *ctx, mola_name *name, mola_view **view)
{
    bool opening = (*view)->opening != NULL;
    uint64_t seq = (*view)->seq;
    mola_err err = mola_catch_up(ctx, name, view);
    if (!err && !opening && (*view)->seq > seq) {
        name->contest = CONTEST_LOOKS;
    } else if (!err && !opening && name->contest) {
        name->contest--;
    }
    return err;
}

mola_err mola_log_open(mola_ctx *ctx, mola_name *name, mola_view **view)
{
    mola_name_use(name);
    bool asked = false;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        mola_err err = hold_for_write(ctx, name, &asked);
        if (err == MOLA_NOT_FOUND) {
            return mola_fail(ctx->why, MOLA_NOT_FOUND, "namespace '%.*s' was not found",
                             (int)name->len, name->text);
        }
        if (err)
            return err;
        err = mola_view_open(ctx, name, view);
        if (err == MOLA_NOT_FOUND || err == MOLA_CONFLICT)
            continue;
        if (err)
            return err;
        if (must_catch_up(name, *view))
            err = look_first(ctx, name, view);
        if (!err && (*view)->sealed) {
            MOLA_SOMETIMES(writer_met_seal);
            mola_finish_deletion(ctx, name, (*view)->nsid);
            asked = false;
            err = MOLA_CONFLICT;
        }
        if (!err)
            return MOLA_OK;
        mola_view_unref(*view);
        *view = NULL;
        if (err != MOLA_CONFLICT)
            return err;
        mola_hold_drop(name);
    }
    return mola_fail(ctx->why, MOLA_UNAVAILABLE, "namespace '%.*s' is changing too fast",
                     (int)name->len, name->text);
}

/* Whoever needs the newest state reads the log first. */
static void leave_tail(mola_name *name)
{
    MOLA_LOCKED(&name->lock);
    name->at_tail = false;
}

/* I5: never reported as failed, never cleaned up. The view stays what it is, the state of an
 * earlier entry: eventual reads go on with it while the store is away. */
static mola_err answer_unknown(mola_ctx *ctx, mola_name *name)
{
    mola_count(ctx->env->metrics, MOLA_M_write_unknown_total, 1);
    mola_hold_drop(name);
    leave_tail(name);
    return mola_fail(ctx->why, MOLA_UNKNOWN,
                     "outcome unknown: the write may or may not have been applied");
}

/* The winner's entry becomes the newest state. What cannot be applied here is read again by
 * catching up; so is everything when slots are lost one after the other or after a long time, for
 * then we are behind by more than one, and every further PUT would be in vain. */
static void apply_theirs(mola_ask *ask, mola_name *name, const mola_view *on, mola_record *theirs,
                         uint64_t took_ns)
{
    mola_view *next = NULL;
    name->contest = CONTEST_LOOKS;
    bool plain = !(theirs->entry.flags & MOLA_ENTRY_LARGE) && theirs->entry.prev_chain == on->chain;
    bool applied = plain && !mola_record_apply(&ask->ctx, name, on, theirs, NULL, &next);
    if (applied) {
        mola_view_install(name, next, false);
        mola_view_unref(next);
    }
    if (applied && ++name->lost_in_a_row < LOST_BEFORE_CATCHING_UP && took_ns < raced_ns)
        return;
    leave_tail(name);
}

/* The draft against its slot, and what that means once it is settled. */
static mola_err commit(mola_ask *ask, mola_name *name, const mola_view *on, mola_draft *draft)
{
    mola_record theirs = {0};
    uint64_t began_ns = mola_boot_ns(ask->ctx.env);
    mola_slot slot = mola_draft_offer(ask, draft, &theirs);
    mola_moment seen = mola_moment_now(ask->ctx.env);
    if (slot == MOLA_SLOT_NOT_WRITTEN)
        return mola_fail(ask->ctx.why, MOLA_UNAVAILABLE, "the object store did not take the write");
    mola_err err = MOLA_UNKNOWN;
    if (slot != MOLA_SLOT_UNKNOWN) {
        /* I3: ours or theirs, the slot must have been above the floor: a late PUT can land in a
         * collected one. */
        if (!mola_hold_settle(&ask->ctx, name, on->nsid, on->seq + 1, seen)) {
            MOLA_SOMETIMES(commit_slot_was_collected);
        } else {
            err = slot == MOLA_SLOT_OURS ? MOLA_OK : MOLA_CONFLICT;
        }
    }
    if (err == MOLA_CONFLICT) {
        mola_count(ask->ctx.env->metrics, MOLA_M_write_slots_lost_total, 1);
        apply_theirs(ask, name, on, &theirs, mola_boot_ns(ask->ctx.env) - began_ns);
    }
    mola_record_free(&theirs);
    return err;
}

mola_err mola_log_append(mola_ctx *ctx, mola_name *name, const mola_view *on,
                         const mola_change *change, mola_view **after)
{
    MOLA_ASSERT(!next_slot_is_borrowed(name, on)); /* I1 */
    mola_name_use(name);
    mola_draft draft;
    mola_applying applying = mola_applying_begin(ctx, &change->rows);
    mola_err err = mola_draft_make(ctx, name, on, change, &draft);
    mola_applying_end(ctx, &applying);
    if (err == MOLA_CONFLICT) /* the rows it replaces could not be looked up any more */
        mola_hold_drop(name);
    if (!err) {
        mola_ask ask;
        mola_ask_begin(&ask, ctx);
        err = mola_draft_upload(&ask, &draft);
        if (!err)
            err = commit(&ask, name, on, &draft);
        err = mola_ask_end(&ask, err);
    }
    if (err == MOLA_OK) {
        mola_count(ctx->env->metrics, MOLA_M_write_groups_total, 1);
        name->lost_in_a_row = 0;
        mola_view_install(name, draft.next, true);
        if (name->contest) /* the next slot will be somebody else's: look before trying it */
            leave_tail(name);
        mola_hint_appended(name, draft.next);
        *after = draft.next;
        draft.next = NULL;
    }
    mola_draft_free(&draft);
    return err == MOLA_UNKNOWN ? answer_unknown(ctx, name) : err;
}

void mola_log_lost(mola_name *name)
{
    mola_hold_drop(name);
}

mola_err mola_log_prove(mola_ctx *ctx, mola_name *name, const mola_view *on)
{
    mola_name_use(name);
    mola_view *now = NULL;
    mola_err err = mola_strong_read(ctx, name, &now);
    if (err == MOLA_NOT_FOUND) {
        mola_why_clear(ctx->why);
        return on ? MOLA_CONFLICT : MOLA_OK;
    }
    if (err)
        return err;
    /* I12: a refusal is an answer about the state it was made on, so that must still be the newest
     * one. */
    bool same = on && now->epoch == on->epoch && now->seq == on->seq;
    mola_view_unref(now);
    return same ? MOLA_OK : MOLA_CONFLICT;
}

mola_err mola_view_with(mola_ctx *ctx, mola_heap *heap, const mola_view *on,
                        const mola_change *change, mola_view **out)
{
    static const uint8_t unborn[16];
    mola_view *empty = NULL;
    if (!on) {
        empty = mola_view_empty(heap, unborn, 0, 0);
        if (!empty)
            return MOLA_NO_MEMORY;
    }
    mola_known known = {.ranges = change->known, .count = change->known_count};
    mola_err err =
        mola_view_overlay(ctx, heap, empty ? empty : on, &change->rows, &known, change->state, out);
    if (empty)
        mola_view_unref(empty);
    return err;
}
