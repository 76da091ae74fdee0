/* The evaluation of a group, without a log: a whole scenario is one group, each step a member. Each
 * must get the answer that it gets from the model when the steps come one after the other, and the
 * rows and the state of the draft, applied by the simplest code there is, must be what the model
 * holds. */
#include "../countdown.h"
#include "recording.h"
#include "write/commit.h"
#include "write/draft.h"

enum { DOCS_MAX = 4096, CELLS_MAX = 64 };

/* -- the oracle: rows, applied one by one, as text -----------------------------------------------
 */

typedef struct {
    uint32_t attr;
    mola_buf text;
} cell;
typedef struct {
    bool deleted;
    mola_buf id;
    uint32_t count;
    cell cells[CELLS_MAX];
} document;
static document docs[DOCS_MAX];
static uint32_t doc_count;

static void drop_cells(document *doc)
{
    for (uint32_t i = 0; i < doc->count; i++)
        mola_buf_free(&doc->cells[i].text);
    doc->count = 0;
}

static void drop_docs(void)
{
    for (uint32_t i = 0; i < doc_count; i++) {
        drop_cells(&docs[i]);
        mola_buf_free(&docs[i].id);
    }
    memset(docs, 0, sizeof docs);
    doc_count = 0;
}

static document *find_doc(const mola_column *ids, uint32_t row, bool make)
{
    mola_buf id;
    mola_buf_init(&id, &heap);
    mola_value value = mola_column_element(ids, row);
    mola_value_print(&id, &value);
    document *doc = docs;
    while (doc < docs + doc_count && !mola_str_eq(mola_buf_str(&doc->id), mola_buf_str(&id)))
        doc++;
    if (doc < docs + doc_count || !make) {
        mola_buf_free(&id);
        return doc < docs + doc_count ? doc : NULL;
    }
    ck_assert_uint_lt(doc_count, DOCS_MAX);
    doc_count++;
    doc->id = id;
    return doc;
}

static void set_cell(document *doc, const mola_row_column *c, uint32_t row)
{
    uint32_t i = 0;
    while (i < doc->count && doc->cells[i].attr != c->attr)
        i++;
    if (i < doc->count) {
        mola_buf_free(&doc->cells[i].text);
        doc->cells[i] = doc->cells[--doc->count];
    }
    if (!mola_column_has(&c->column, row))
        return;
    ck_assert_uint_lt(doc->count, CELLS_MAX);
    cell *to = &doc->cells[doc->count++];
    to->attr = c->attr;
    mola_buf_init(&to->text, &heap);
    mola_column_print(&to->text, &c->column, row, MOLA_VECTORS_AS_FLOATS);
}

static void apply(const mola_rows *rows)
{
    for (uint32_t row = 0; row < rows->count; row++) {
        document *doc = find_doc(&rows->ids, row, rows->ops[row] == MOLA_OP_UPSERT);
        ck_assert_msg(doc && (!doc->deleted || rows->ops[row] == MOLA_OP_UPSERT),
                      "a patch or delete of a missing document is in the log");
        if (rows->ops[row] != MOLA_OP_PATCH)
            drop_cells(doc);
        doc->deleted = rows->ops[row] == MOLA_OP_DELETE;
        for (uint32_t i = 0; i < rows->column_count; i++) {
            const mola_row_column *c = &rows->columns[i];
            bool given = c->given ? mola_bit(c->given, row) : mola_column_has(&c->column, row);
            ck_assert(given || !mola_column_has(&c->column, row));
            if (given)
                set_cell(doc, c, row);
        }
    }
}

static void print_docs(mola_buf *out, const mola_state *state, mola_json expected)
{
    mola_buf_add_char(out, '[');
    for (mola_json row = mola_json_first(expected); row.doc; row = mola_json_next(expected, row)) {
        mola_str raw = mola_json_raw(member(row, "id"));
        document *doc = docs; /* printed ids are JSON as the model prints it, for these ids */
        while (doc < docs + doc_count &&
               (doc->deleted || !mola_str_eq(mola_buf_str(&doc->id), raw)))
            doc++;
        ck_assert_msg(doc < docs + doc_count, "no document " MOLA_FMT, MOLA_ARG(raw));
        mola_buf_print(out, "%s{\"id\":" MOLA_FMT, out->len > 1 ? "," : "", MOLA_ARG(raw));
        for (uint32_t i = 0; i < doc->count; i++) {
            const mola_attr *attr = mola_state_attr(state, doc->cells[i].attr);
            if (attr) /* else it was dropped since */
                mola_buf_print(out, ",\"" MOLA_FMT "\":" MOLA_FMT, MOLA_ARG(attr->name),
                               MOLA_ARG(mola_buf_str(&doc->cells[i].text)));
        }
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
    uint32_t live = 0;
    for (uint32_t i = 0; i < doc_count; i++)
        live += !docs[i].deleted;
    ck_assert_uint_eq(live, mola_json_count(expected));
}

/* -- the round that a draft is part of ------------------------------------------------------------
 */

static mola_write_limits limits;
static mola_arena round_arena;
static mola_why round_why;
static mola_ctx round_ctx;

static void open_round(void)
{
    limits = (mola_write_limits){.unindexed_bytes_max = 1 << 30,
                                 .delete_by_filter_max = 1000,
                                 .patch_by_filter_max = 1000,
                                 .patch_by_filter_bytes = 1 << 20};
    mola_arena_init(&round_arena, &heap, SIZE_MAX);
    round_ctx = (mola_ctx){.env = env,
                           .arena = &round_arena,
                           .why = &round_why,
                           .deadline_ns = mola_boot_ns(env) + 100 * MOLA_SECOND};
}

/* -- scenarios --------------------------------------------------------------------------------- */

static void check_end(mola_write_draft *draft, mola_json expected, uint32_t scenario)
{
    if (mola_json_kind_of(expected) == MOLA_JSON_NULL) {
        ck_assert_ptr_null(draft->state);
        ck_assert(!draft->has_effect);
        return;
    }
    ck_assert_ptr_nonnull(draft->state);
    mola_change change;
    ck_assert_int_eq(mola_write_draft_change(draft, &change), MOLA_OK);
    ck_assert_ptr_eq(change.state, draft->state);
    apply(&change.rows);
    mola_buf out;
    mola_buf_init(&out, &heap);
    mola_schema_print(&out, draft->state);
    check_same(&out, member(expected, "schema"), "schema", scenario, 0);
    out.len = 0;
    print_docs(&out, draft->state, member(expected, "rows"));
    check_same(&out, member(expected, "rows"), "rows", scenario, 0);
    mola_buf_free(&out);
    ck_assert(draft->state->read_only == mola_json_bool(member(expected, "read_only")));
    ck_assert_uint_eq(draft->state->pinned_replicas, number_of(member(expected, "pinned")));
    ck_assert_uint_eq(draft->state->shards, number_of(member(expected, "shards")));
    mola_json metric = member(expected, "metric");
    if (mola_json_is_set(metric))
        ck_assert(mola_json_string_is(metric, mola_str_of(mola_metric_name(draft->state->metric))));
}

enum { STEPS_MAX = 16 };

/* true: the whole scenario went into one entry. */
static bool replay(mola_json scenario, uint32_t number)
{
    static client clients[STEPS_MAX];
    mola_write_draft draft;
    open_round();
    mola_write_draft_open(&draft, &round_ctx, &heap, 1 << 24, &limits, NULL);
    mola_json steps = member(scenario, "steps");
    uint32_t at = 0;
    bool whole = true;
    for (mola_json step = mola_json_first(steps); step.doc && whole;
         step = mola_json_next(steps, step), at++) {
        client *c = &clients[at];
        open_client(c, kind_of(step), MOLA_STR("ns"), text_of(member(step, "body")));
        mola_write *w = &c->write;
        w->answer.err = mola_write_check_shape(w->kind, w->body, w->arena, &w->answer.why);
        w->plan = mola_write_plan_new(&heap);
        if (!w->answer.err)
            whole = mola_write_draft_take(&draft, w) == MOLA_TAKEN;
        if (whole)
            check_answer(&w->answer, step, number, at);
    }
    if (whole)
        check_end(&draft, member(scenario, "namespace"), number);
    mola_write_draft_close(&draft);
    mola_arena_reset(&round_arena);
    while (at-- > 0) {
        mola_write_plan_free(clients[at].write.plan);
        close_client(&clients[at]);
    }
    drop_docs();
    return whole;
}

START_TEST(every_recorded_request_gets_the_answer_of_the_model)
{
    mola_json all = mola_json_root(&recording);
    uint32_t number = 0, whole = 0;
    for (mola_json s = mola_json_first(all); s.doc; s = mola_json_next(all, s), number++)
        whole += replay(s, number);
    ck_assert_uint_gt(number, 400);
    ck_assert_uint_gt(whole, 350); /* the others are cut: by a deletion, a drop, a new type */
}
END_TEST

/* -- memory that runs out ------------------------------------------------------------------------
 */

/* Everything that allocates: both forms, a divided vector, lists, sparse vectors, new attributes, a
 * schema, patches and deletes that are kept and that are not, duplicates in a second request,
 * affected ids. */
static const char first_body[] =
    "{\"upsert_rows\":[{\"id\":\"a\\u0041\",\"vector\":[1,2],\"s\":\"x\",\"l\":[\"p\",\"q\"]},"
    "{\"id\":\"b\",\"vector\":\"AAAAPwAAgD8=\",\"w\":{\"k\":1}}],"
    "\"upsert_columns\":{\"id\":[\"c\",\"d\"],\"vector\":[1,2,3,4],\"n\":[1,null]},"
    "\"distance_metric\":\"cosine_distance\",\"schema\":{\"t\":\"datetime\"}}";
static const char second_body[] =
    "{\"patch_rows\":[{\"id\":\"b\",\"s\":\"y\",\"n\":null},{\"id\":\"missing\",\"s\":\"z\",\"n\":"
    "null}],"
    "\"patch_columns\":{\"id\":[\"c\"],\"l\":[[\"r\"]],\"new\":[true]},\"deletes\":[\"d\",\"e\"],"
    "\"upsert_rows\":[{\"id\":\"f\",\"vector\":[0,1]}],\"return_affected_ids\":true}";

/* By filter, by condition, and a schema that makes views of its own. */
static const char third_body[] =
    "{\"delete_by_filter\":[\"s\",\"Eq\",\"y\"],\"schema\":{\"later\":\"int\"},"
    "\"patch_by_filter\":{\"filters\":[\"n\",\"Gte\",0],\"patch\":{\"s\":\"p\",\"l\":null,\"w\":{"
    "\"k\":2}}},"
    "\"upsert_rows\":[{\"id\":\"b\",\"vector\":[1,2],\"n\":5},{\"id\":\"aA\",\"vector\":[1,2]}],"
    "\"upsert_condition\":[\"n\",\"Gt\",{\"$ref_new\":\"n\"}],"
    "\"patch_rows\":[{\"id\":\"c\",\"n\":9}],\"patch_condition\":[\"n\",\"Lt\",{\"$ref_new\":\"n\"}"
    "],"
    "\"deletes\":[\"f\",\"g\"],\"delete_condition\":[\"Not\",[\"id\",\"Eq\",\"z\"]],"
    "\"return_affected_ids\":true}";

typedef struct {
    client client;
    mola_heap *heap;
} starved;

static void open_starved(starved *s, mola_heap *on, const char *body)
{
    open_client(&s->client, MOLA_WRITE_ROWS, MOLA_STR("ns"), mola_str_of(body));
    s->heap = on;
    mola_arena_init(&s->client.arena, on, SIZE_MAX);
    s->client.write.heap = on;
    s->client.write.plan = mola_write_plan_new(&heap);
    ck_assert_ptr_nonnull(s->client.write.plan);
    s->client.write.plan->heap = on;
}

static void close_starved(starved *s)
{
    mola_write_plan_reset(s->client.write.plan);
    s->client.write.plan->heap = &heap;
    mola_write_plan_free(s->client.write.plan);
    close_client(&s->client);
}

static void check_text(const mola_buf *got, const char *expected)
{
    ck_assert_msg(mola_str_eq(mola_buf_str(got), mola_str_of(expected)), "got " MOLA_FMT,
                  (int)got->len, got->data);
}

/* Takes the bodies with the n-th allocation failing; true: there was one to fail. Whoever met it
 * is refused for it (or cut, which means: again, alone), and the draft is as if nothing had
 * happened. */
static bool starve(int n)
{
    countdown_heap poor;
    countdown_init(&poor, n);
    mola_write_draft draft;
    open_round();
    mola_write_draft_open(&draft, &round_ctx, &poor.heap, 1 << 24, &limits, NULL);
    starved s[3];
    open_starved(&s[0], &poor.heap, first_body);
    open_starved(&s[1], &poor.heap, second_body);
    open_starved(&s[2], &poor.heap, third_body);
    for (int i = 0; i < 3; i++) {
        mola_write *w = &s[i].client.write;
        mola_state *state = draft.state;
        uint32_t batches = draft.batch_count;
        mola_taken taken = mola_write_draft_take(&draft, w);
        if (taken == MOLA_TAKEN && !w->answer.err)
            continue;
        ck_assert(poor.failed);
        ck_assert(taken == MOLA_CUT || w->answer.err == MOLA_NO_MEMORY);
        ck_assert_uint_gt(taken == MOLA_CUT ? 1 : w->answer.why.len, 0);
        ck_assert_ptr_eq(draft.state, state);
        ck_assert_uint_eq(draft.batch_count, batches);
        ck_assert_int_eq(mola_write_draft_take(&draft, w), MOLA_TAKEN); /* there is enough by now */
        ck_assert_msg(w->answer.err == MOLA_OK, "%s", w->answer.why.text);
    }
    mola_change change;
    if (mola_write_draft_change(&draft, &change) == MOLA_OK) {
        apply(&change.rows);
        ck_assert_uint_eq(doc_count, 5);
        const mola_write_answer *last = &s[2].client.write.answer;
        check_text(&last->upserted_ids, "[\"b\"]");
        check_text(&last->patched_ids, "[\"c\",\"c\"]");
        check_text(&last->deleted_ids, "[\"b\",\"f\"]");
        drop_docs();
    }
    mola_write_draft_close(&draft);
    for (int i = 0; i < 3; i++)
        close_starved(&s[i]);
    mola_arena_reset(&round_arena);
    countdown_check_empty(&poor);
    return poor.failed;
}

START_TEST(a_write_that_runs_out_of_memory_anywhere_leaves_no_trace)
{
    int n = 0;
    while (starve(n))
        n++;
    ck_assert_int_gt(n, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("draft");
    TCase *replays = tcase_create("replays");
    tcase_add_checked_fixture(replays, read_recording, drop_recording);
    tcase_set_timeout(replays, 60);
    tcase_add_test(replays, every_recorded_request_gets_the_answer_of_the_model);
    tcase_add_test(replays, a_write_that_runs_out_of_memory_anywhere_leaves_no_trace);
    suite_add_tcase(suite, replays);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
