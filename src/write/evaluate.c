#include "write/evaluate.h"
#include "write/condition.h"
#include "write/found.h"
#include "write/kept.h"

typedef struct {
    mola_write_draft *draft;
    mola_write *write;
    mola_write_plan *plan;
    const mola_write_request *request;
    mola_ctx ctx;    /* with an arena of its own, on the memory of the request */
    bool counts;     /* the namespace may get full: which upserts are of new documents? */
    bool looks;      /* there are filters: the draft's view says what is stored, not its map */
    mola_view *view; /* for filters; NULL: no documents. The draft's, or ... */
    mola_view *own;  /* ... made for this member: its state, its operations by filter */
    const mola_rowset *gone; /* of the view: deleted by filter; NULL: the view knows, or nothing */
    mola_row_at *at;         /* by row, where the view holds the document; NULL: no documents */
    uint64_t *keep;          /* rows that take effect */
    uint32_t kept[3];        /* of the upserts, the patches, the deletes */
} evaluation;

/* -- what earlier members did -------------------------------------------------------------------
 */

/* Brings the map up to all batches. Groups that only upsert never need it. */
static bool map_batches(mola_write_draft *draft)
{
    for (; draft->mapped < draft->batch_count; draft->mapped++) {
        const mola_rows *rows = draft->batches[draft->mapped].rows;
        if (!mola_id_map_reserve(&draft->ids, rows->count))
            return false;
        for (uint32_t row = 0; row < rows->count; row++)
            (void)mola_id_map_put(&draft->ids, rows, row);
    }
    return true;
}

/* Brings draft->seen up to all batches: a view with their rows, for filters. */
static mola_err see_batches(evaluation *e)
{
    mola_write_draft *draft = e->draft;
    while (draft->seen_batches < draft->batch_count) {
        mola_change change = {.state = draft->state};
        uint32_t seen = draft->seen_batches + 1;
        if (draft->seen_batches == 0 && draft->joined) {
            if (!mola_rows_built(draft->joined, &change.rows))
                return MOLA_NO_MEMORY;
            seen = draft->batch_count;
        } else {
            change.rows = *draft->batches[draft->seen_batches].rows;
        }
        mola_view *view;
        mola_err err = mola_view_with(&e->ctx, draft->heap, draft->seen ? draft->seen : draft->view,
                                      &change, &view);
        if (err)
            return err;
        if (draft->seen)
            mola_view_unref(draft->seen);
        draft->seen = view;
        draft->seen_batches = seen;
        MOLA_SOMETIMES(member_saw_the_group);
    }
    return MOLA_OK;
}

/* What the view becomes with `change`, for the rest of this member. */
static mola_err change_view(evaluation *e, const mola_change *change)
{
    mola_view *view;
    mola_err err = mola_view_with(&e->ctx, e->write->heap, e->view, change, &view);
    if (err)
        return err;
    if (e->own)
        mola_view_unref(e->own);
    e->view = e->own = view;
    return MOLA_OK;
}

/* The view behind all members so far, with the state from this write on. */
static mola_err open_view(evaluation *e)
{
    mola_err err = see_batches(e);
    if (err)
        return err;
    const mola_write_draft *draft = e->draft;
    mola_state *state = e->plan->state ? e->plan->state : draft->state;
    e->view = draft->seen ? draft->seen : draft->view;
    if (!e->view || e->view->state == state) /* absent, or created empty by this group */
        return MOLA_OK;
    return change_view(e, &(mola_change){.state = state});
}

/* -- by filter --------------------------------------------------------------------------------- */

/* Operations by id see what those by filter did (reference 7.2). */
static mola_err find(evaluation *e)
{
    mola_write_plan *plan = e->plan;
    if (!e->view || !(plan->delete_by_filter || plan->patch_by_filter))
        return MOLA_OK;
    mola_err err = mola_write_find(&e->ctx, e->write->heap, e->view, plan, e->request,
                                   e->draft->limits, &plan->effect.found);
    if (err)
        return err;
    const mola_write_found *found = plan->effect.found;
    e->gone = found->deletes ? &found->gone : NULL;
    mola_write_answer *answer = &e->write->answer;
    answer->rows_remaining = found->remaining;
    answer->rows_deleted = found->deletes;
    answer->rows_patched = found->patches;
    if (plan->patch)
        answer->bytes_written = found->patches * plan->patch->row_bytes[0];
    bool conditions = plan->conditions[MOLA_IF_UPSERT] || plan->conditions[MOLA_IF_PATCH] ||
                      plan->conditions[MOLA_IF_DELETE];
    if (found->patches == 0 || !conditions) /* what is deleted is known without a view: locate() */
        return MOLA_OK;
    e->gone = NULL;
    mola_known_rows known[2];
    return change_view(e, &(mola_change){.state = e->view->state,
                                         .rows = found->rows,
                                         .known = known,
                                         .known_count = mola_write_found_known(found, 0, known)});
}

/* -- by id ------------------------------------------------------------------------------------- */

static void drop(evaluation *e, uint32_t row)
{
    e->keep[row / 64] &= ~((uint64_t)1 << row % 64);
}

/* Where the documents of rows [first, ...) are stored. */
static mola_err locate(evaluation *e, uint32_t first)
{
    const mola_view *view = e->looks ? e->view : e->draft->view;
    const mola_column *ids = &e->plan->rows.ids;
    if (!view || first == ids->rows)
        return MOLA_OK;
    e->at = mola_new(e->ctx.arena, mola_row_at, ids->rows);
    if (!e->at)
        return MOLA_NO_MEMORY;
    size_t width = mola_elem_width((mola_elem)ids->type.elem);
    mola_column rest = {.type = ids->type,
                        .rows = ids->rows - first,
                        .data = ids->data + width * first,
                        .byte_from = width ? NULL : ids->byte_from + first};
    mola_err err = mola_view_locate(&e->ctx, view, &rest, e->at + first);
    for (uint32_t row = first; row < ids->rows && e->gone && !err; row++) {
        const mola_row_at *at = &e->at[row];
        if (at->part != MOLA_NOWHERE && e->gone->bits[at->part] &&
            mola_bit(e->gone->bits[at->part], at->row))
            e->at[row].part = MOLA_NOWHERE;
    }
    return err;
}

/* The document is there, seen behind all members so far. Patches in a batch are of documents that
 * are there, so only a delete makes one missing. */
static bool is_there(const evaluation *e, uint32_t row)
{
    if (!e->looks) {
        mola_value id = mola_column_element(&e->plan->rows.ids, row);
        const mola_id_place *place = mola_id_map_find(&e->draft->ids, &id);
        if (place)
            return place->rows->ops[place->row] != MOLA_OP_DELETE;
    }
    return e->at && e->at[row].part != MOLA_NOWHERE;
}

static mola_err check_conditions(evaluation *e)
{
    const mola_write_plan *plan = e->plan;
    uint32_t until[MOLA_CONDITIONS] = {plan->upserts, plan->upserts + plan->patches,
                                       plan->rows.count};
    mola_err err = MOLA_OK;
    for (uint32_t i = 0, from = 0; i < MOLA_CONDITIONS && !err; from = until[i++]) {
        if (plan->conditions[i] && e->at) {
            err = mola_write_check_condition(&e->ctx, e->view, plan->conditions[i], &plan->rows,
                                             from, until[i], e->at, e->keep);
        }
    }
    return err;
}

/* Which rows take effect. Patches and deletes of documents that are not there do nothing and stay
 * out of the log; an upsert of one asks for no condition (reference 7.4). */
static mola_err choose(evaluation *e)
{
    const mola_write_plan *plan = e->plan;
    uint32_t first = plan->conditions[MOLA_IF_UPSERT] || e->counts ? 0 : plan->upserts;
    if (!e->looks && first < plan->rows.count && !map_batches(e->draft))
        return MOLA_NO_MEMORY;
    mola_err err = locate(e, first);
    if (err)
        return err;
    for (uint32_t row = plan->upserts; row < plan->rows.count; row++) {
        if (!is_there(e, row))
            drop(e, row);
    }
    err = check_conditions(e);
    if (err)
        return err;
    for (uint32_t row = 0; row < plan->rows.count; row++)
        e->kept[plan->ops[row] - MOLA_OP_UPSERT] += mola_bit(e->keep, row);
    return MOLA_OK;
}

/* -- room in the namespace ----------------------------------------------------------------------
 */

bool mola_write_may_overflow(const mola_write_draft *draft, const mola_write_plan *plan)
{
    uint64_t live = draft->view ? draft->view->live_rows : 0;
    return live + draft->rows + plan->upserts >
           mola_limits_of(draft->ctx->env)->namespace_documents;
}

static mola_err check_documents(evaluation *e)
{
    if (!e->counts)
        return MOLA_OK;
    mola_err err = see_batches(e);
    if (err)
        return err;
    const mola_view *behind = e->draft->seen ? e->draft->seen : e->draft->view;
    const mola_write_found *found = e->plan->effect.found;
    uint64_t live = behind ? behind->live_rows : 0, most;
    uint64_t added = 0, removed = e->kept[2] + (found ? found->deletes : 0);
    for (uint32_t row = 0; row < e->plan->upserts; row++)
        added += mola_bit(e->keep, row) && !is_there(e, row);
    most = mola_limits_of(e->ctx.env)->namespace_documents;
    if (added <= removed || live + added - removed <= most)
        return MOLA_OK;
    return mola_fail(e->ctx.why, MOLA_INVALID, "a namespace can have at most %llu documents",
                     (unsigned long long)most);
}

/* A namespace that is too large already, by a limit that was lowered, takes everything that adds
 * nothing. */
static mola_err check_room(evaluation *e)
{
    const mola_view *view = e->draft->view;
    uint64_t most = mola_limits_of(e->ctx.env)->namespace_bytes;
    bool adds = e->kept[0] || e->kept[1] || e->write->answer.rows_patched;
    if (adds && view && mola_view_logical_bytes(view) >= most) {
        return mola_fail(e->ctx.why, MOLA_INVALID, "a namespace can have at most %llu bytes",
                         (unsigned long long)most);
    }
    return check_documents(e);
}

/* -- the answer -------------------------------------------------------------------------------- */

/* Deletes without a condition count, also of documents that are not there (reference 7.10); but
 * nothing is deleted from a namespace that is created without documents. */
static bool counts_all_deletes(const evaluation *e)
{
    bool created_empty = !e->draft->state && e->plan->upserts == 0;
    return !e->plan->conditions[MOLA_IF_DELETE] && !created_empty;
}

static void count(evaluation *e)
{
    const mola_write_plan *plan = e->plan;
    mola_write_answer *answer = &e->write->answer;
    answer->rows_upserted = e->kept[0];
    answer->rows_patched += e->kept[1];
    answer->rows_deleted += counts_all_deletes(e) ? plan->deletes : e->kept[2];
    for (uint32_t row = 0; row < plan->upserts + plan->patches; row++) {
        if (mola_bit(e->keep, row))
            answer->bytes_written += plan->row_bytes[row];
    }
}

static void list_id(mola_buf *out, const mola_rows *rows, uint32_t row)
{
    mola_buf_add_char(out, out->len ? ',' : '[');
    mola_value id = mola_column_element(&rows->ids, row);
    mola_value_print(out, &id);
}

/* What was found by filter, in the order of ids. */
static mola_err list_found(evaluation *e, mola_buf *out, uint32_t first, uint32_t count)
{
    const mola_write_found *found = e->plan->effect.found;
    uint32_t *rows = found ? mola_alloc_array(e->write->heap, uint32_t, count) : NULL;
    if (!found || count == 0)
        return MOLA_OK;
    if (!rows)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        rows[i] = first + i;
    mola_ids_sort(&found->rows.ids, rows, count);
    for (uint32_t i = 0; i < count; i++)
        list_id(out, &found->rows, rows[i]);
    mola_free(e->write->heap, rows, count * sizeof *rows);
    return MOLA_OK;
}

static void list_rows(evaluation *e, mola_buf *out, uint32_t first, uint32_t count, bool all)
{
    for (uint32_t row = first; row < first + count; row++) {
        if (all || mola_bit(e->keep, row))
            list_id(out, &e->plan->rows, row);
    }
}

/* JSON arrays of the ids; empty where there are none. */
static mola_err list(evaluation *e)
{
    mola_write_answer *a = &e->write->answer;
    const mola_write_plan *plan = e->plan;
    const mola_write_found *found = plan->effect.found;
    mola_buf *const lists[3] = {&a->upserted_ids, &a->patched_ids, &a->deleted_ids};
    if (!e->request->return_affected_ids)
        return MOLA_OK;
    for (size_t i = 0; i < 3; i++)
        mola_buf_init(lists[i], e->write->heap);
    list_rows(e, lists[0], 0, plan->upserts, false);
    if (list_found(e, lists[1], found ? found->deletes : 0, found ? found->patches : 0) ||
        list_found(e, lists[2], 0, found ? found->deletes : 0))
        return MOLA_NO_MEMORY;
    list_rows(e, lists[1], plan->upserts, plan->patches, false);
    list_rows(e, lists[2], plan->upserts + plan->patches, plan->deletes, counts_all_deletes(e));
    for (size_t i = 0; i < 3; i++) {
        if (lists[i]->len)
            mola_buf_add_char(lists[i], ']');
        if (lists[i]->failed)
            return MOLA_NO_MEMORY;
    }
    return MOLA_OK;
}

/* -- the rows ---------------------------------------------------------------------------------- */

/* Rows by filter stand before those by id: what comes later wins. */
static mola_err join(mola_write_plan *plan, const mola_rows *by_id)
{
    mola_write_effect *effect = &plan->effect;
    effect->both = mola_rows_builder_new(plan->heap);
    if (!effect->both || mola_rows_append(effect->both, &effect->found->rows) ||
        mola_rows_append(effect->both, by_id) || !mola_rows_built(effect->both, &effect->rows))
        return MOLA_NO_MEMORY;
    return MOLA_OK;
}

static mola_err gather_effect(evaluation *e)
{
    mola_write_plan *plan = e->plan;
    mola_write_effect *effect = &plan->effect;
    uint32_t by_id = e->kept[0] + e->kept[1] + e->kept[2];
    uint32_t by_filter = effect->found ? effect->found->rows.count : 0;
    const mola_rows *rows = &plan->rows;
    if (by_id && by_id < plan->rows.count) {
        effect->kept = mola_write_kept_new(plan->heap, &plan->rows, e->keep, by_id);
        if (!effect->kept)
            return MOLA_NO_MEMORY;
        rows = mola_write_kept_rows(effect->kept);
    }
    effect->encoded_bytes = by_id ? plan->encoded_bytes : 0;
    if (by_filter)
        effect->encoded_bytes += effect->found->encoded_bytes;
    if (by_id && by_filter)
        return join(plan, rows);
    if (by_id)
        effect->rows = *rows;
    if (by_filter)
        effect->rows = effect->found->rows;
    return MOLA_OK;
}

static mola_err evaluate(evaluation *e)
{
    uint32_t count_of_rows = e->plan->rows.count;
    size_t words = mola_words(count_of_rows) + 1;
    e->keep = mola_alloc_array(e->write->heap, uint64_t, words);
    if (!e->keep)
        return MOLA_NO_MEMORY;
    memset(e->keep, 0xff, words * sizeof *e->keep);
    e->counts = mola_write_may_overflow(e->draft, e->plan);
    mola_err err = e->looks ? open_view(e) : MOLA_OK;
    if (!err)
        err = find(e);
    if (!err)
        err = choose(e);
    if (!err)
        err = check_room(e);
    if (!err) {
        count(e);
        err = list(e);
    }
    if (!err)
        err = gather_effect(e);
    mola_free(e->write->heap, e->keep, words * sizeof *e->keep);
    return err;
}

mola_err mola_write_evaluate(mola_write_draft *draft, mola_write *write,
                             const mola_write_request *request, mola_why *why)
{
    mola_arena arena;
    mola_arena_init(&arena, write->heap, SIZE_MAX);
    evaluation e = {.draft = draft,
                    .write = write,
                    .plan = write->plan,
                    .request = request,
                    .ctx = *draft->ctx,
                    .looks = mola_write_request_has_filters(request)};
    e.ctx.arena = &arena;
    e.ctx.why = why;
    e.ctx.pins = NULL;
    if (e.looks) /* filters may take as long as their client waits */
        e.ctx.deadline_ns = write->deadline_ns;
    mola_write_effect_clear(&e.plan->effect);
    write->answer.had_query = e.looks;
    mola_err err = evaluate(&e);
    mola_view_release(&e.ctx, NULL);
    if (e.own)
        mola_view_unref(e.own);
    mola_arena_reset(&arena);
    draft->ctx->roundtrips = e.ctx.roundtrips;
    draft->ctx->bytes_read = e.ctx.bytes_read;
    draft->is_outrun |= err == MOLA_CONFLICT;
    return err;
}
