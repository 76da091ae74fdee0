/* commit.c - the loop of protocol section 6: evaluate on the newest state, offer, settle, answer.
 */
#include "write/commit.h"
#include "mola/format/entry.h"
#include "write/draft.h"
#include <stdio.h>

/* One evaluation of a group and what became of it. */
typedef struct {
    mola_commit *commit;
    mola_ctx ctx;
    mola_why why;
    mola_arena arena;
    mola_view *on, *after;  /* what it was evaluated on (NULL: absence), and what it made */
    mola_write_again again; /* what of the round before still holds */
    mola_write_draft draft;
    mola_write *end; /* the first member that is not of this group */
} round_of;

void mola_write_finish(mola_write *write)
{
    mola_write_plan_free(write->plan);
    write->plan = NULL;
    write->next = NULL;
    write->done(write);
}

void mola_write_fail(mola_write *write, mola_err err, mola_str words)
{
    MOLA_ASSERT(err != MOLA_OK);
    mola_write_answer_clear(&write->answer);
    write->answer.err = mola_fail(&write->answer.why, err, MOLA_FMT, MOLA_ARG(words));
    mola_write_finish(write);
}

/* Takes the members before `end` off the list and fails them. */
static void fail_until(mola_commit *commit, const mola_write *end, mola_err err, mola_str words)
{
    while (commit->first != end) {
        mola_write *write = commit->first;
        commit->first = write->next;
        mola_write_fail(write, err, words);
    }
}

/* What the members were evaluated on last; NULL: what they came to there does not count any more.
 */
static void set_evaluated_on(mola_commit *commit, mola_view *view)
{
    if (view)
        mola_view_ref(view);
    if (commit->evaluated_on)
        mola_view_unref(commit->evaluated_on);
    commit->evaluated_on = view;
}

/* Takes the members off the list for which `is_over` holds, while it is certain that nothing of
 * them was written: before they are evaluated (section 6). Those behind them have seen their
 * effects. */
static void drop(mola_commit *commit, bool (*is_over)(const mola_commit *, const mola_write *),
                 mola_str words)
{
    for (mola_write **at = &commit->first; *at;) {
        mola_write *write = *at;
        if (!is_over(commit, write)) {
            at = &write->next;
            continue;
        }
        set_evaluated_on(commit, NULL);
        *at = write->next;
        mola_write_fail(write, MOLA_UNAVAILABLE, words);
    }
}

static bool is_late(const mola_commit *commit, const mola_write *write)
{
    bool late = write->deadline_ns <= mola_boot_ns(commit->env);
    if (late)
        MOLA_SOMETIMES(member_too_late);
    return late;
}

/* A write has its time from when it came to when it is answered, its wait for the groups before
 * included. With less than the last three tenths of it left nothing is begun: the outcome could
 * stay unknown. */
static bool is_tired(const mola_commit *commit, const mola_write *write)
{
    uint64_t waited_ns = mola_boot_ns(commit->env) - write->joined_ns;
    bool tired = waited_ns >= commit->commit_ns_max * 7 / 10;
    if (tired)
        MOLA_SOMETIMES(member_waited_too_long);
    return tired;
}

/* -- one round --------------------------------------------------------------------------------- */

/* Plain upserts look at no document until the whole entry is applied, in one go. */
static bool looks_at_documents(const mola_write_plan *plan)
{
    bool looks = plan->patches + plan->deletes > 0;
    for (uint32_t i = 0; i < MOLA_CONDITIONS; i++)
        looks |= plan->conditions[i] != NULL;
    return looks;
}

/* The documents of all members, as far as they are decoded, at once: looked up by each member for
 * itself they would cost a group as many round trips as it has members. */
static mola_err foresee(round_of *r)
{
    enum { MEMBERS_MAX = 256 };
    mola_foreseen *rows_ahead = mola_new(&r->arena, mola_foreseen, MEMBERS_MAX);
    size_t count = 0;
    if (!rows_ahead)
        return MOLA_NO_MEMORY;
    for (const mola_write *w = r->commit->first; w && count < MEMBERS_MAX; w = w->next) {
        const mola_write_plan *plan = w->plan;
        if (!plan || !plan->decoded || plan->err || !looks_at_documents(plan) ||
            mola_write_again_ids_hold(&r->again, plan))
            continue;
        rows_ahead[count].rows = &plan->rows;
        for (uint32_t i = 0; i < MOLA_CONDITIONS; i++)
            rows_ahead[count].is_conditional |= plan->conditions[i] != NULL;
        count++;
    }
    return count > 1 ? mola_view_foresee(&r->ctx, r->on, rows_ahead, count) : MOLA_OK;
}

static void evaluate(round_of *r)
{
    r->end = r->commit->first;
    while (r->end && mola_write_draft_take(&r->draft, r->end) == MOLA_TAKEN)
        r->end = r->end->next;
    MOLA_ASSERT(r->end != r->commit->first);
    for (mola_write *w = r->end; w; w = w->next) { /* they were not seen by this round */
        if (w->plan)
            w->plan->effect.is_evaluated = false;
    }
    set_evaluated_on(r->commit, r->draft.is_outrun ? NULL : r->on);
}

/* A store takes at least so much a second: a bulk load of half a gigabyte needs longer than the
 * commit of a small entry may. */
enum { STORE_BYTES_A_SECOND = 16 << 20 };

/* Offers the entry; I1 and I5 are the log's business, what it reports is final. */
static mola_err offer(round_of *r)
{
    mola_change change;
    if (mola_write_draft_change(&r->draft, &change))
        return mola_fail(&r->why, MOLA_NO_MEMORY, "not enough memory to build the log entry");
    uint64_t now = mola_boot_ns(r->commit->env);
    if (now + r->commit->settling_ns > r->ctx.deadline_ns) {
        MOLA_SOMETIMES(too_late_to_offer);
        return mola_fail(&r->why, MOLA_UNAVAILABLE, "the object store did not answer in time");
    }
    r->ctx.deadline_ns += r->draft.bytes * MOLA_SECOND / STORE_BYTES_A_SECOND;
    r->commit->put_ns = now;
    if (!r->on)
        return mola_log_create(&r->ctx, r->commit->name, &change, &r->after);
    return mola_log_append(&r->ctx, r->commit->name, r->on, &change, &r->after);
}

static void set_position(mola_write_answer *answer, mola_view *view)
{
    if (!view)
        return;
    answer->epoch = view->epoch;
    answer->seq = view->seq;
    if (answer->err)
        return;
    answer->view = view;
    mola_view_ref(view);
}

/* Members are done at the new entry; the refused ones have their error at the state before it. */
static void answer_members(round_of *r)
{
    bool sealed = (r->draft.flags & MOLA_ENTRY_SEAL) != 0;
    if (sealed)
        mola_log_finish_deletion(&r->ctx, r->commit->name, r->after);
    bool any_refused = false;
    while (r->commit->first != r->end) {
        mola_write *write = r->commit->first;
        r->commit->first = write->next;
        mola_write_answer *answer = &write->answer;
        any_refused |= answer->err != MOLA_OK;
        bool ends = write->kind == MOLA_WRITE_DELETE || write->kind == MOLA_WRITE_DELETE_EMPTY;
        if (ends && !answer->err) {
            answer->epoch = r->after->epoch;
            answer->seq = r->after->seq;
        } else {
            bool before = answer->err || sealed || !r->draft.has_effect;
            set_position(answer, before ? r->on : r->after);
        }
        mola_write_finish(write);
    }
    if (any_refused && r->draft.has_effect)
        MOLA_SOMETIMES(member_refused_group_committed);
    if (any_refused && !r->draft.has_effect)
        MOLA_SOMETIMES(all_refused_then_proved);
}

/* I5: never acknowledged, never reported as failed, and nothing is sent again under another id. The
 * refused members too: they were refused on a state that may be another one by now. */
static void answer_unknown(round_of *r)
{
    MOLA_SOMETIMES(unknown_answered);
    int64_t members = 0;
    for (mola_write *write = r->commit->first; write != r->end; write = write->next)
        members++;
    mola_log(r->commit->env, MOLA_LOG_WARN, "write_outcome_unknown", "members=%lld",
             (long long)members);
    fail_until(r->commit, r->end, MOLA_UNKNOWN,
               MOLA_STR("outcome unknown: the write may or may not have been stored; repeating "
                        "upserts and deletes by id is safe"));
}

/* Nothing was written, for certain. The requests were in order, so it is never a 4xx. */
static void answer_definite(round_of *r, mola_err err)
{
    char words[MOLA_WHY_BYTES];
    mola_str reason = mola_why_text(&r->why);
    int size = snprintf(words, sizeof words, "not written: " MOLA_FMT, MOLA_ARG(reason));
    MOLA_ASSERT(size > 0);
    if (err != MOLA_NO_MEMORY && err != MOLA_CORRUPT)
        err = MOLA_UNAVAILABLE;
    fail_until(r->commit, r->end, err, mola_str_of(words));
}

/* One pass of the loop. MOLA_CONFLICT: the state has moved under it and nobody was answered. */
static mola_err run_round(round_of *r)
{
    mola_commit *commit = r->commit;
    mola_view *on = NULL;
    mola_err err = mola_log_open(&r->ctx, commit->name, &on);
    r->end = NULL;
    r->on = err ? NULL : on;
    if (err == MOLA_CONFLICT)
        return err;
    if (err && err != MOLA_NOT_FOUND) { /* nothing was offered */
        answer_definite(r, err);
        return err;
    }
    mola_why_clear(&r->why);
    mola_write_draft_open(&r->draft, &r->ctx, commit->env->heap, commit->group_bytes_max,
                          commit->limits, r->on);
    mola_write_again_open(&r->again, commit->env->heap, commit->evaluated_on, r->on);
    r->draft.again = &r->again;
    uint64_t began_ns = mola_boot_ns(commit->env);
    err = r->on ? foresee(r) : MOLA_OK;
    if (err && err != MOLA_CONFLICT) {
        answer_definite(r, err);
        return err;
    }
    if (!err)
        evaluate(r);
    /* Looking at documents does not take from the time for the log. */
    r->ctx.deadline_ns += mola_boot_ns(commit->env) - began_ns;
    if (err || r->draft.is_outrun) { /* the collector was faster than this view's lookups */
        mola_log_lost(commit->name);
        return MOLA_CONFLICT;
    }
    /* I12: a refusal, and an answer that nothing had to be done, is an answer about the newest
     * state. */
    if (r->draft.has_effect) {
        err = offer(r);
    } else {
        err = mola_log_prove(&r->ctx, commit->name, r->on);
    }
    if (err == MOLA_OK) {
        answer_members(r);
    } else if (err == MOLA_UNKNOWN && r->draft.has_effect) {
        answer_unknown(r);
    } else if (err != MOLA_CONFLICT) {
        answer_definite(r, err);
    }
    return err;
}

static void close_round(round_of *r)
{
    mola_write_draft_close(&r->draft);
    mola_write_again_close(&r->again);
    if (r->on)
        mola_view_unref(r->on);
    if (r->after)
        mola_view_unref(r->after);
    mola_arena_reset(&r->arena);
}

static void run_rounds(mola_commit *commit)
{
    drop(commit, is_tired,
         MOLA_STR("not written: the object store did not answer in time for the writes before it"));
    if (!commit->first)
        return;
    uint64_t began_ns = mola_boot_ns(commit->env);
    uint64_t given_ns = commit->first->joined_ns + commit->commit_ns_max, deadline_ns = given_ns;
    /* The last part of the time is for finding out what became of a slot: none is tried then. */
    commit->settling_ns = (deadline_ns - began_ns) / 2;
    if (commit->settling_ns > commit->commit_ns_max * 3 / 10)
        commit->settling_ns = commit->commit_ns_max * 3 / 10;
    for (;;) {
        drop(commit, is_late,
             MOLA_STR("not written: the time for the request was over before its turn came"));
        if (!commit->first)
            return;
        round_of r = {.commit = commit};
        r.draft.heap = r.again.heap = commit->env->heap;
        mola_arena_init(&r.arena, commit->env->heap, SIZE_MAX);
        r.ctx = (mola_ctx){.env = commit->env,
                           .arena = &r.arena,
                           .why = &r.why,
                           .job = commit->job,
                           .deadline_ns = deadline_ns};
        mola_err err = run_round(&r);
        mola_write *end = r.end;
        deadline_ns = r.ctx.deadline_ns;
        commit->granted_ns = deadline_ns - given_ns;
        close_round(&r);
        if (err != MOLA_CONFLICT)
            return;
        /* Lost the slot: what the winner has touched is evaluated again, on its state. */
        MOLA_SOMETIMES(group_evaluated_again);
        if (mola_boot_ns(commit->env) + commit->settling_ns < deadline_ns)
            continue;
        MOLA_SOMETIMES(every_slot_lost);
        fail_until(commit, end, MOLA_UNAVAILABLE,
                   MOLA_STR("not written: other writers won every log slot that was tried"));
        return;
    }
}

void mola_commit_step(mola_commit *commit)
{
    commit->put_ns = 0;
    commit->granted_ns = 0;
    commit->evaluated_on = NULL;
    run_rounds(commit);
    set_evaluated_on(commit, NULL);
}
