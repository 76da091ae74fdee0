/* Any requests on one namespace (steps.h): each is refused with words or carried out, and answered
 * the same whether the writes between two queries are one group, each decoded ahead on what was
 * there before all of them, or each is an entry of its own that is encoded and read again. With
 * memory that may end anywhere there is an answer or an error in words, and no leak. */
#include "steps.h"

typedef struct {
    mola_write write;
    mola_arena arena;
} member;
typedef enum { AS_GROUPS, ONE_BY_ONE, POOR } manner;
typedef struct {
    fixture f;
    manner manner;
    mola_heap apart; /* for the record, which is none of the memory that may end */
    mola_buf record; /* what was answered */
    mola_view *view; /* NULL: absent */
    mola_write_draft draft;
    bool has_draft;
    member members[STEPS_MAX]; /* of the draft */
    uint32_t member_count;
    bool given_up; /* the memory of a poor one has ended */
} run;

static const mola_write_limits limits = {.unindexed_bytes_max = 1 << 30,
                                         .delete_by_filter_max = 3,
                                         .patch_by_filter_max = 3,
                                         .patch_by_filter_bytes = 1 << 20};

static void give_up(run *r)
{
    FUZZ_CHECK(r->manner == POOR);
    r->given_up = true;
}

/* ---- from one view to the next */

static mola_err encode_and_apply(run *r, const mola_view *on, const mola_change *change,
                                 mola_view **out)
{
    mola_heap *heap = &r->f.heap;
    mola_entry entry = {.flags = change->flags,
                        .seq = on->seq + 1,
                        .time_us = 1 + on->time_us,
                        .prev_chain = on->chain,
                        .state = change->state,
                        .rows = change->rows};
    memcpy(entry.nsid, on->nsid, sizeof entry.nsid);
    if (change->state && !(entry.flags & MOLA_ENTRY_CONFIG))
        entry.flags |= MOLA_ENTRY_SCHEMA;
    if (on->seq == 0) {
        entry.flags |= MOLA_ENTRY_CREATE;
        entry.name = MOLA_STR("ns");
    }
    mola_buf bytes;
    mola_image image = {0};
    mola_buf_init(&bytes, heap);
    mola_entry_encode(&bytes, &entry);
    mola_err err =
        bytes.failed ? MOLA_NO_MEMORY : mola_image_copy(heap, mola_buf_str(&bytes), &image);
    mola_buf_free(&bytes);
    if (err)
        return err;
    size_t size = image.bytes.len;
    err = mola_entry_decode(heap, image.bytes, on->nsid, on->seq + 1, &entry, &image.memory,
                            &r->f.why);
    if (err) {
        image.memory = NULL;
    } else {
        err = mola_view_apply(&r->f.ctx, on, &entry, &image, size, NULL, out);
        if (entry.state)
            mola_state_unref(entry.state);
    }
    mola_image_free(&image);
    return err;
}

static mola_err next_view(run *r, const mola_change *change, mola_view **out)
{
    static const uint8_t nsid[16] = {1};
    mola_heap *heap = &r->f.heap;
    if (r->manner == AS_GROUPS)
        return mola_view_with(&r->f.ctx, heap, r->view, change, out);
    mola_view *empty = r->view ? NULL : mola_view_empty(heap, nsid, 1, 0);
    if (!r->view && !empty)
        return MOLA_NO_MEMORY;
    mola_err err = encode_and_apply(r, r->view ? r->view : empty, change, out);
    if (empty)
        mola_view_unref(empty);
    return err;
}

static void apply_draft(run *r)
{
    mola_change change;
    mola_view *after = NULL;
    mola_err err = mola_write_draft_change(&r->draft, &change);
    if (!err && !(change.flags & MOLA_ENTRY_SEAL))
        err = next_view(r, &change, &after);
    FUZZ_CHECK(!err || err == MOLA_NO_MEMORY);
    if (err) {
        give_up(r);
        return;
    }
    if (r->view)
        mola_view_unref(r->view);
    r->view = after;
}

/* What was taken so far becomes the view. */
static void commit(run *r)
{
    if (!r->has_draft)
        return;
    FUZZ_CHECK(!r->draft.is_outrun);
    if (r->draft.has_effect && !r->given_up)
        apply_draft(r);
    mola_write_draft_close(&r->draft);
    while (r->member_count) {
        member *m = &r->members[--r->member_count];
        mola_write_answer_free(&m->write.answer);
        mola_write_plan_free(m->write.plan);
        mola_arena_reset(&m->arena);
    }
    r->has_draft = false;
}

/* ---- writes */

static void record_ids(run *r, const mola_buf *ids)
{
    mola_buf_add_str(&r->record, mola_buf_str(ids));
    FUZZ_CHECK(!ids->failed);
}

static void record_answer(run *r, const mola_write_answer *a)
{
    FUZZ_CHECK(!a->err || a->why.len);
    FUZZ_CHECK(a->err != MOLA_NO_MEMORY || r->manner == POOR);
    FUZZ_CHECK(a->err == MOLA_OK || a->err == MOLA_SHAPE || a->err == MOLA_INVALID ||
               a->err == MOLA_NOT_FOUND || a->err == MOLA_NO_MEMORY);
    mola_buf_print(&r->record, "%s " MOLA_FMT " ", mola_err_name(a->err),
                   MOLA_ARG(mola_why_text(&a->why)));
    if (!a->err) {
        mola_buf_print(&r->record, "%llu %llu %llu %d%d%d%d%d %llu ",
                       (unsigned long long)a->rows_upserted, (unsigned long long)a->rows_patched,
                       (unsigned long long)a->rows_deleted, a->had_upserts, a->had_patches,
                       a->had_deletes, a->had_query, a->rows_remaining,
                       (unsigned long long)a->bytes_written);
        record_ids(r, &a->upserted_ids);
        record_ids(r, &a->patched_ids);
        record_ids(r, &a->deleted_ids);
    }
    mola_buf_add_char(&r->record, '\n');
}

static void decode_ahead(run *r, mola_write *w)
{
    if (!r->view || (w->kind != MOLA_WRITE_ROWS && w->kind != MOLA_WRITE_SCHEMA))
        return;
    mola_write_request asked = mola_write_request_read(w->kind, w->body);
    mola_write_decode(w->plan, &(mola_decode){.request = &asked,
                                              .base = r->view->state,
                                              .state_heap = &r->f.heap,
                                              .limits = &mola_limits_default,
                                              .arena = w->arena});
}

static void take(run *r, mola_write *w)
{
    for (int tries = 0;; tries++) {
        if (!r->has_draft) {
            mola_write_draft_open(&r->draft, &r->f.ctx, &r->f.heap, 1 << 24, &limits, r->view);
            r->has_draft = true;
        }
        if (mola_write_draft_take(&r->draft, w) == MOLA_TAKEN)
            return;
        FUZZ_CHECK(tries == 0); /* the first member of an entry is never cut */
        commit(r);
        if (r->given_up)
            return;
    }
}

static void carry_out(run *r, const step *s)
{
    member m = {.write = {.kind = s->write,
                          .name = MOLA_STR("ns"),
                          .body = mola_json_root(&s->doc),
                          .heap = &r->f.heap}};
    mola_arena_init(&m.arena, &r->f.heap, RUN_BYTES);
    mola_write *w = &m.write;
    w->arena = &m.arena;
    w->answer.err = mola_write_check_shape(w->kind, w->body, w->arena, &w->answer.why);
    w->plan = mola_write_plan_new(w->heap);
    if (!w->answer.err && w->plan) {
        if (r->manner != ONE_BY_ONE)
            decode_ahead(r, w);
        take(r, w);
    } else if (!w->plan) {
        give_up(r);
    }
    if (!r->given_up)
        record_answer(r, &w->answer);
    if (!w->plan || !r->has_draft) {
        mola_write_answer_free(&w->answer);
        mola_write_plan_free(w->plan);
        mola_arena_reset(&m.arena);
        return;
    }
    member *kept = &r->members[r->member_count++];
    *kept = m;
    kept->write.arena = &kept->arena;
    if (r->manner == ONE_BY_ONE)
        commit(r);
}

/* ---- queries */

static void record_rows(run *r, const step *s, mola_buf *members)
{
    if (s->kind == STEP_QUERY) {
        mola_buf_add_str(&r->record, mola_buf_str(members));
        return;
    }
    mola_api api = with_defaults();
    request old = {.api = &api, .legacy = LEGACY_ROWS, .shows_vectors = s->shows_vectors};
    mola_heap_init(&old.memory.heap, RUN_BYTES);
    mola_arena_init(&old.arena, &old.memory.heap, RUN_BYTES);
    FUZZ_CHECK(!mola_legacy_print(&old, r->view, members, &r->record));
    old.legacy = LEGACY_EXPORT;
    FUZZ_CHECK(!mola_legacy_print(&old, r->view, members, &r->record));
    mola_arena_reset(&old.arena);
    FUZZ_CHECK(atomic_load(&old.memory.heap.used) == 0);
}

static void query(run *r, const step *s)
{
    commit(r);
    if (!r->view || r->given_up)
        return;
    mola_query *asked;
    mola_query_result result;
    mola_why_clear(&r->f.why);
    mola_err err = mola_query_parse(&r->f.ctx, mola_json_root(&s->doc), &asked);
    if (!err) {
        const char *kernel = r->manner == ONE_BY_ONE ? "scalar" : NULL;
        err = mola_query_run(&r->f.ctx, r->view, mola_kernel_select(kernel), asked, &result);
    }
    FUZZ_CHECK(!err || r->f.why.len);
    FUZZ_CHECK(!err || err == MOLA_SHAPE || err == MOLA_INVALID || r->manner == POOR);
    mola_buf_print(&r->record, "%s " MOLA_FMT " ", mola_err_name(err),
                   MOLA_ARG(mola_why_text(&r->f.why)));
    if (!err) {
        record_rows(r, s, &result.members);
        mola_buf_free(&result.members);
    }
    mola_buf_add_char(&r->record, '\n');
}

/* ---- a run */

static void record_end(run *r)
{
    static const char all[] =
        "query {\"rank_by\":[\"id\",\"asc\"],\"limit\":10000,\"include_attributes\":true}";
    commit(r);
    if (!r->view || r->given_up)
        return;
    script last;
    mola_schema_print(&r->record, r->view->state);
    script_open(&last, MOLA_STR(all));
    query(r, &last.steps[0]);
    script_close(&last);
}

/* `room`: for what the run needs beside the fixture. */
static void carry_out_all(const script *s, manner how, size_t room, run *r)
{
    *r = (run){.manner = how};
    fixture_open(&r->f);
    r->f.heap.limit = atomic_load(&r->f.heap.used) + room;
    mola_heap_init(&r->apart, SIZE_MAX);
    mola_buf_init(&r->record, &r->apart);
    for (uint32_t i = 0; i < s->count && !r->given_up; i++) {
        if (s->steps[i].kind == STEP_WRITE) {
            carry_out(r, &s->steps[i]);
        } else {
            query(r, &s->steps[i]);
        }
    }
    record_end(r);
    if (r->view)
        mola_view_unref(r->view);
    fixture_close(&r->f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static run groups, single, poor;
    script s;
    char *text = fuzz_copy(data, size, 0, '\0');
    script_open(&s, (mola_str){text, size});
    uint32_t dice = 2166136261U;
    for (size_t i = 0; i < size; i++)
        dice = (dice ^ data[i]) * 16777619U;
    carry_out_all(&s, AS_GROUPS, RUN_BYTES, &groups);
    carry_out_all(&s, ONE_BY_ONE, RUN_BYTES, &single);
    carry_out_all(&s, POOR, dice % (dice & 1 ? 1 << 13 : 1 << 17), &poor);
    if (!mola_str_eq(mola_buf_str(&groups.record), mola_buf_str(&single.record))) {
        (void)fprintf(stderr, "as groups:\n" MOLA_FMT "\none by one:\n" MOLA_FMT "\n",
                      MOLA_ARG(mola_buf_str(&groups.record)),
                      MOLA_ARG(mola_buf_str(&single.record)));
        abort();
    }
    FUZZ_CHECK(!groups.record.failed);
    mola_buf_free(&groups.record);
    mola_buf_free(&single.record);
    mola_buf_free(&poor.record);
    script_close(&s);
    free(text);
    return 0;
}
