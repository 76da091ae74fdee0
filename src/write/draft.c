/* draft.c - members of a group, evaluated one behind the other on one state.
 */
#include "write/draft.h"
#include "mola/format/entry.h"
#include "write/evaluate.h"
#include "write/found.h"
#include "write/settings.h"

void mola_write_draft_open(mola_write_draft *draft, mola_ctx *ctx, mola_heap *heap,
                           uint64_t bytes_max, const mola_write_limits *limits, mola_view *view)
{
    MOLA_IMPLIES(view != NULL, !view->sealed);
    *draft = (mola_write_draft){
        .ctx = ctx, .heap = heap, .bytes_max = bytes_max, .limits = limits, .view = view};
    mola_id_map_init(&draft->ids, heap);
    if (view) {
        draft->state = view->state;
        mola_state_ref(draft->state);
    }
}

void mola_write_draft_close(mola_write_draft *draft)
{
    if (draft->state)
        mola_state_unref(draft->state);
    if (draft->joined)
        mola_rows_builder_free(draft->joined);
    mola_id_map_free(&draft->ids);
    if (draft->seen)
        mola_view_unref(draft->seen);
    if (draft->known)
        mola_free(draft->heap, draft->known, (size_t)2 * draft->batch_count * sizeof *draft->known);
    mola_free(draft->heap, draft->batches, draft->batch_room * sizeof *draft->batches);
    *draft = (mola_write_draft){.heap = draft->heap};
}

void mola_write_answer_clear(mola_write_answer *answer)
{
    mola_write_answer_free(answer);
    *answer = (mola_write_answer){0};
}

void mola_write_answer_free(mola_write_answer *answer)
{
    mola_buf *const ids[3] = {&answer->upserted_ids, &answer->patched_ids, &answer->deleted_ids};
    for (size_t i = 0; i < 3; i++) {
        if (ids[i]->heap)
            mola_buf_free(ids[i]);
    }
    if (answer->view)
        mola_view_unref(answer->view);
    answer->view = NULL;
}

/* What an earlier evaluation came to does not count any more. */
static void forget(const mola_write_draft *draft, mola_write *write)
{
    mola_write_plan *plan = write->plan;
    if (plan && plan->effect.is_evaluated && draft->again)
        mola_write_again_differs(draft->again, plan);
    if (plan)
        plan->effect.is_evaluated = false;
    mola_write_answer_clear(&write->answer);
}

static mola_taken refuse(mola_write *write, mola_err err)
{
    MOLA_ASSERT(err != MOLA_OK);
    MOLA_SOMETIMES(member_refused);
    write->answer.err = err;
    return MOLA_TAKEN;
}

static mola_taken refuse_missing(mola_write *write)
{
    return refuse(write,
                  mola_fail(&write->answer.why, MOLA_NOT_FOUND,
                            "namespace '" MOLA_FMT "' was not found", MOLA_ARG(write->name)));
}

static mola_taken refuse_no_memory(mola_write *write)
{
    return refuse(write, mola_fail(&write->answer.why, MOLA_NO_MEMORY,
                                   "not enough memory to carry out the write"));
}

/* It asks for what it may not have, or its documents could not be looked up: nothing was written.
 */
static mola_taken refuse_evaluated(mola_write *write, mola_err err, const mola_why *why)
{
    mola_write_answer_clear(&write->answer);
    if (err == MOLA_INVALID) {
        write->answer.why = *why;
        return refuse(write, err);
    }
    if (err == MOLA_NO_MEMORY || err == MOLA_CONFLICT)
        return refuse_no_memory(write);
    mola_str words = mola_why_text(why);
    return refuse(write,
                  mola_fail(&write->answer.why, err, "not written: " MOLA_FMT, MOLA_ARG(words)));
}

/* -- rows into the entry -------------------------------------------------------------------------
 */

static bool add_batch(mola_write_draft *draft, const mola_write_effect *effect)
{
    const mola_rows *rows = &effect->rows;
    if (draft->batch_count == draft->batch_room) {
        uint32_t room = draft->batch_room ? draft->batch_room * 2 : 16;
        mola_write_draft_batch *batches =
            mola_realloc(draft->heap, draft->batches, draft->batch_room * sizeof *batches,
                         room * sizeof *batches);
        if (!batches)
            return false;
        draft->batches = batches;
        draft->batch_room = room;
    }
    /* A single batch is appended as it is: a bulk load is not copied once more. */
    if (draft->batch_count == 1 && !draft->joined) {
        draft->joined = mola_rows_builder_new(draft->heap);
        if (!draft->joined || mola_rows_append(draft->joined, draft->batches[0].rows)) {
            if (draft->joined)
                mola_rows_builder_free(draft->joined);
            draft->joined = NULL;
            return false;
        }
    }
    if (draft->joined && mola_rows_append(draft->joined, rows))
        return false;
    draft->batches[draft->batch_count++] =
        (mola_write_draft_batch){.rows = rows, .found = effect->found};
    draft->rows += rows->count;
    return true;
}

/* Every attribute of `old` lives on with its type in `new`: rows written under either fit into one
 * entry. */
static bool state_extends(const mola_state *old, const mola_state *new)
{
    for (uint32_t i = 0; i < old->attr_count; i++) {
        const mola_attr *attr = mola_state_attr(new, old->attrs[i].id);
        if (!attr || !mola_type_eq(attr->type, old->attrs[i].type))
            return false;
    }
    return true;
}

static void set_state(mola_write_draft *draft, mola_state *state)
{
    mola_state_ref(state);
    if (draft->state)
        mola_state_unref(draft->state);
    draft->state = state;
    draft->state_changed = true;
    draft->has_effect = true;
}

/* -- one member: rows and schema -----------------------------------------------------------------
 */

/* Plain deletes succeed without creating anything; everything else needs the namespace
 * (reference 18.15). */
static mola_taken write_to_missing(mola_write *write, const mola_write_request *r)
{
    if (!r->deletes.doc || r->schema.doc || r->patch_rows.doc || r->patch_columns.doc ||
        r->delete_by_filter.doc || r->patch_by_filter.doc)
        return refuse_missing(write);
    write->answer.had_deletes = true;
    if (!r->conditions[MOLA_IF_DELETE].doc)
        write->answer.rows_deleted = mola_json_count(r->deletes);
    return MOLA_TAKEN;
}

/* Reference 7.7. Bytes count that an indexer is behind; a change of schema alone adds none. */
static mola_err check_pressure(const mola_write_draft *draft, const mola_write_request *r,
                               mola_why *why)
{
    uint64_t behind = draft->view ? draft->view->log_bytes : 0;
    uint64_t most = draft->limits->unindexed_bytes_max;
    if (behind <= most || !mola_write_request_has_rows(r) || mola_write_request_is_pressing(r))
        return MOLA_OK;
    return mola_fail(why, MOLA_BUSY,
                     "the namespace has %llu bytes of writes that are not indexed yet, more than "
                     "the limit of %llu: try again later, or set `disable_backpressure`",
                     (unsigned long long)behind, (unsigned long long)most);
}

/* What can be said before rows are looked at, in the order of request.h. MOLA_NOT_FOUND: the
 * namespace is missing and this write does not create it. */
static mola_err admit(const mola_write_draft *draft, const mola_write *write,
                      const mola_write_request *r, mola_why *why)
{
    bool forbids = r->create_namespace.doc && !mola_json_bool(r->create_namespace);
    if (!draft->state && (write->kind == MOLA_WRITE_SCHEMA || forbids)) {
        return mola_fail(why, MOLA_NOT_FOUND, "namespace '" MOLA_FMT "' was not found",
                         MOLA_ARG(write->name));
    }
    if (draft->state && draft->state->read_only)
        return mola_fail(why, MOLA_INVALID, "Writes not permitted. This namespace is read-only.");
    if (write->kind == MOLA_WRITE_SCHEMA)
        return MOLA_OK;
    mola_err err = mola_write_check_meaning(write->body, write->arena, why);
    if (!err)
        err = check_pressure(draft, r, why);
    if (err || draft->state || mola_write_request_creates(r))
        return err;
    if (r->create_namespace.doc && !mola_write_member(r->schema, "id").doc) {
        return mola_fail(why, MOLA_INVALID,
                         "creating an empty namespace requires the type of \"id\" in schema");
    }
    return MOLA_OK;
}

/* The decoded member into the entry, or before the next one. */
static mola_taken merge(mola_write_draft *draft, mola_write *write, const mola_write_request *r)
{
    mola_write_plan *plan = write->plan;
    const mola_write_effect *effect = &plan->effect;
    bool has_rows = effect->rows.count > 0;
    if (!has_rows && !plan->state) {
        MOLA_SOMETIMES(member_without_effect);
        return MOLA_TAKEN;
    }
    bool retypes = plan->state && draft->batch_count && !state_extends(draft->state, plan->state);
    bool overflows =
        has_rows && draft->has_effect && draft->bytes + effect->encoded_bytes > draft->bytes_max;
    if (retypes || overflows) {
        MOLA_SOMETIMES(group_cut);
        return MOLA_CUT;
    }
    /* Nothing of the draft has changed yet; from here on only the last step can fail, and it is
     * first. */
    if (has_rows && !add_batch(draft, effect)) {
        plan->effect.is_evaluated = false;
        return draft->has_effect ? MOLA_CUT : refuse_no_memory(write);
    }
    if (plan->state) {
        set_state(draft, plan->state);
        draft->flags |= MOLA_ENTRY_SCHEMA;
    }
    draft->has_effect = true;
    draft->data_written |= mola_write_request_has_rows(r);
    draft->bytes += effect->encoded_bytes;
    draft->is_closed |= draft->bytes >= draft->bytes_max;
    return MOLA_TAKEN;
}

static mola_err decode(const mola_write_draft *draft, mola_write *write,
                       const mola_write_request *r, mola_why *why)
{
    mola_write_plan *plan = write->plan;
    if (!mola_write_plan_fits(plan, draft->state)) {
        forget(draft, write);
        if (plan->decoded)
            MOLA_SOMETIMES(decoded_again);
        mola_write_decode(plan, &(mola_decode){.request = r,
                                               .limits = mola_limits_of(draft->ctx->env),
                                               .base = draft->state,
                                               .state_heap = draft->heap,
                                               .arena = write->arena,
                                               .texts = write->texts});
    }
    if (plan->err)
        *why = plan->why;
    return plan->err;
}

static mola_taken refuse_unlooked(const mola_write_draft *draft, mola_write *write, mola_err err,
                                  const mola_why *why)
{
    forget(draft, write);
    write->answer.why = *why;
    return refuse(write, err);
}

/* On what the draft stands on, and behind all members so far: the effect and the counts. */
static mola_err evaluate(mola_write_draft *draft, mola_write *write, const mola_write_request *r,
                         mola_why *why)
{
    mola_write_plan *plan = write->plan;
    if (draft->again && mola_write_again_holds(draft->again, draft->ctx, plan, draft->state)) {
        MOLA_SOMETIMES(member_not_evaluated_again);
        write->answer.err = MOLA_OK;
        return MOLA_OK;
    }
    forget(draft, write);
    mola_err err = mola_write_evaluate(draft, write, r, why);
    plan->effect.is_evaluated = !err;
    if (draft->again)
        mola_write_again_differs(draft->again, plan);
    return err;
}

static mola_taken take_rows(mola_write_draft *draft, mola_write *write)
{
    mola_write_request r = mola_write_request_read(write->kind, write->body);
    mola_why why = {0};
    mola_err err = admit(draft, write, &r, &why);
    if (err)
        return refuse_unlooked(draft, write, err, &why);
    if (!draft->state && !mola_write_request_creates(&r) && !r.create_namespace.doc) {
        forget(draft, write);
        return write_to_missing(write, &r);
    }
    err = decode(draft, write, &r, &why);
    if (err)
        return refuse_unlooked(draft, write, err, &why);
    err = evaluate(draft, write, &r, &why);
    if (err)
        return refuse_evaluated(write, err, &why);
    mola_write_answer *answer = &write->answer;
    answer->had_upserts = r.upsert_rows.doc || r.upsert_columns.doc;
    answer->had_patches = r.patch_rows.doc || r.patch_columns.doc || r.patch_by_filter.doc;
    answer->had_deletes = r.deletes.doc || r.delete_by_filter.doc;
    return merge(draft, write, &r);
}

/* -- the other kinds -----------------------------------------------------------------------------
 */

/* Settings are ordered with the writes (I12); a namespace that is read-only can be made writable
 * again. */
static mola_taken take_settings(mola_write_draft *draft, mola_write *write)
{
    if (!draft->state)
        return refuse_missing(write);
    mola_state *after;
    mola_err err = mola_write_apply_settings(draft->heap, draft->state, write->body, &after,
                                             &write->answer.why);
    if (err)
        return refuse(write, err);
    if (after) {
        set_state(draft, after);
        mola_state_unref(after);
        draft->flags |= MOLA_ENTRY_CONFIG;
    }
    return MOLA_TAKEN;
}

/* A SEAL stands alone in its entry, and nothing stands behind it (I8). */
static mola_taken take_delete(mola_write_draft *draft, mola_write *write)
{
    if (!draft->state)
        return refuse_missing(write);
    if (draft->has_effect) {
        MOLA_SOMETIMES(group_cut_before_seal);
        return MOLA_CUT;
    }
    if (write->kind == MOLA_WRITE_DELETE_EMPTY && draft->view->live_rows) {
        return refuse(write, mola_fail(&write->answer.why, MOLA_CONFLICT,
                                       "namespace '%.*s' is not empty", MOLA_ARG(write->name)));
    }
    draft->flags = MOLA_ENTRY_SEAL;
    draft->has_effect = true;
    draft->is_closed = true;
    return MOLA_TAKEN;
}

mola_taken mola_write_draft_take(mola_write_draft *draft, mola_write *write)
{
    if (draft->is_closed)
        return MOLA_CUT;
    switch (write->kind) {
    case MOLA_WRITE_ROWS:
    case MOLA_WRITE_SCHEMA:
        return take_rows(draft, write);
    case MOLA_WRITE_SETTINGS:
        mola_write_answer_clear(&write->answer);
        return take_settings(draft, write);
    case MOLA_WRITE_DELETE:
    case MOLA_WRITE_DELETE_EMPTY:
        break;
    }
    mola_write_answer_clear(&write->answer);
    return take_delete(draft, write);
}

/* What filters have found needs no second look for its ids. */
static mola_err add_known(mola_write_draft *draft, mola_change *out)
{
    uint32_t first = 0;
    MOLA_ASSERT(!draft->known);
    draft->known = mola_alloc_array(draft->heap, mola_known_rows, (size_t)2 * draft->batch_count);
    if (!draft->known && draft->batch_count)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < draft->batch_count; i++) {
        const mola_write_draft_batch *batch = &draft->batches[i];
        mola_known_rows *room = draft->known + out->known_count;
        if (batch->found)
            out->known_count += mola_write_found_known(batch->found, first, room);
        first += batch->rows->count;
    }
    out->known = draft->known;
    return MOLA_OK;
}

mola_err mola_write_draft_change(mola_write_draft *draft, mola_change *out)
{
    MOLA_ASSERT(draft->has_effect);
    *out = (mola_change){.flags = draft->flags,
                         .state = draft->state_changed ? draft->state : NULL,
                         .data_written = draft->data_written};
    if (draft->joined) {
        if (!mola_rows_built(draft->joined, &out->rows))
            return MOLA_NO_MEMORY;
    } else if (draft->batch_count) {
        out->rows = *draft->batches[0].rows;
    }
    return add_known(draft, out);
}
