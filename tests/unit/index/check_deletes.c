/* Entries that delete and patch thousands of documents of segments at once, looked up or known,
 * against a dumb table of documents. */
#include "place.h"

static world w;
static mola_namespaces *writer, *reader;
static mola_indexer a;
static document docs[DOCS_MAX];
#define NAME "books"
enum { IDS = 16000 };
static uint32_t ids_max; /* of the test */

static void begin(void)
{
    world_open(&w);
    writer = node_open(&w, SIZE_MAX);
    reader = node_open(&w, SIZE_MAX);
    indexer_open(&w, &a, 256 << 20);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    indexer_close(&a);
    mola_namespaces_close(writer);
    mola_namespaces_close(reader);
    world_close(&w);
}

static void check_everywhere(void)
{
    check_node(&w, reader, NAME, docs, ids_max);
    check_node(&w, writer, NAME, docs, ids_max);
    check_afresh(&w, NAME, docs, ids_max);
}

/* Segments that shadow one another, and some log behind them. */
static void put_everything(dice *d, uint32_t thousand) /* or less */
{
    ids_max = 16 * thousand;
    put_many(&w, writer, NAME, d, 0, 9 * thousand, docs);
    must_flush(&w, &a, NAME);
    put_many(&w, writer, NAME, d, (uint64_t)7 * thousand, 7 * thousand, docs);
    must_flush(&w, &a, NAME);
    put_many(&w, writer, NAME, d, (uint64_t)3 * thousand, thousand / 2, docs);
    for (int i = 0; i < 4; i++)
        put_random(&w, writer, NAME, d, 15 * thousand, 64, 4, docs);
}

START_TEST(one_entry_deletes_what_is_there_whatever_else_it_names)
{
    enum { ROWS = 12000 };
    static row rows[ROWS];
    dice d = {test_seed(0xde1) + (uint64_t)_i};
    put_everything(&d, 1000);
    for (uint32_t i = 0; i < ROWS; i++) /* some twice, some that nobody has */
        rows[i] = (row){.op = MOLA_OP_DELETE, .id = below(&d, IDS)};
    ck_assert_int_eq(write_rows(&w, writer, NAME, rows, ROWS, 0, 60000).err, MOLA_OK);
    oracle_apply(docs, rows, ROWS);
    check_everywhere();
    ck_assert(must_flush(&w, &a, NAME));
    check_everywhere();
    must_merge(&w, &a, NAME, true);
    check_everywhere();
}
END_TEST

/* -- rows that are known ----------------------------------------------------------------------- */

typedef struct {
    row rows[IDS];
    uint32_t count, known_count;
    mola_known_rows known[2];
} knowing;

/* All documents of a view by its order, with some left out; those in segments are known. */
static void choose_rows(knowing *k, mola_ctx *ctx, dice *d, const mola_view *view, mola_op op,
                        uint32_t one_in)
{
    static uint64_t ids[IDS];
    mola_column_builder b;
    mola_column_builder_init(&b, ctx->env->heap, attr_types()[0]);
    for (uint64_t id = 0; id < IDS; id++) {
        mola_value v = {.elem = MOLA_ELEM_UINT, .u = id};
        ck_assert_int_eq(mola_column_add_value(&b, &v), MOLA_OK);
    }
    mola_column all = mola_column_built(&b);
    mola_row_at *at = mola_new(ctx->arena, mola_row_at, IDS);
    ck_assert_int_eq(mola_view_locate(ctx, view, &all, at), MOLA_OK);
    mola_column_builder_free(&b);
    mola_known_rows known = {.view = view, .first = k->count};
    uint64_t **bits = mola_new(ctx->arena, uint64_t *, view->segment_count);
    for (uint32_t p = 0; p < view->part_count; p++) {
        uint64_t *set = mola_new(ctx->arena, uint64_t, mola_words(view->parts[p].rows));
        for (uint32_t id = 0; id < IDS; id++) {
            if (at[id].part == p)
                ids[at[id].row] = id;
        }
        for (uint32_t i = 0; i < view->parts[p].rows; i++) {
            if (!mola_bit(view->parts[p].live, i) || below(d, one_in))
                continue;
            set[i / 64] |= (uint64_t)1 << i % 64;
            ck_assert_uint_lt(k->count, IDS);
            k->rows[k->count++] = (row){.op = op, .id = ids[i], .value = random_document(d)};
            known.count += p < view->segment_count;
        }
        if (p < view->segment_count)
            bits[p] = set;
    }
    known.bits = bits;
    k->known[k->known_count++] = known;
}

static void append_known(mola_ctx *ctx, knowing *k)
{
    batch b;
    batch_make(&b, &w.heap, k->rows, k->count);
    mola_change change = {.rows = b.rows, .known = k->known, .known_count = k->known_count};
    mola_name *name = mola_name_open(writer, MOLA_STR(NAME));
    mola_view *on, *after;
    mola_err err;
    do {
        ck_assert_int_eq(mola_log_open(ctx, name, &on), MOLA_OK);
        err = mola_log_append(ctx, name, on, &change, &after);
        mola_view_unref(on);
    } while (err == MOLA_CONFLICT);
    ck_assert_int_eq(err, MOLA_OK);
    mola_view_unref(after);
    mola_name_close(name);
    batch_free(&b);
    oracle_apply(docs, k->rows, k->count);
}

/* Between the finding and the entry others write, and segments are made and merged. */
START_TEST(what_is_known_of_rows_counts_as_far_as_they_still_stand_there)
{
    static knowing k;
    dice d = {test_seed(0x2e0) + (uint64_t)_i};
    request r;
    mola_view *view;
    put_everything(&d, 200);
    ck_assert_int_eq(read_view(&w, writer, NAME, MOLA_READ_STRONG, &view, &r), MOLA_OK);
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    k.count = k.known_count = 0;
    choose_rows(&k, ctx, &d, view, MOLA_OP_DELETE, 3);
    if (_i % 2)
        choose_rows(&k, ctx, &d, view, MOLA_OP_PATCH, 5);
    if (_i & 2)
        put_random(&w, reader, NAME, &d, 3000, 64, 5, docs);
    if (_i & 4)
        must_flush(&w, &a, NAME);
    if (_i & 8)
        must_merge(&w, &a, NAME, true);
    append_known(ctx, &k);
    mola_view_release(ctx, NULL);
    mola_view_unref(view);
    request_end(&r);
    check_everywhere();
    must_flush(&w, &a, NAME);
    check_everywhere();
}
END_TEST

/* Nobody is asked where they stand. */
START_TEST(what_is_known_is_not_looked_up)
{
    static knowing k;
    dice d = {test_seed(0x2e1)};
    request r;
    mola_view *view;
    ids_max = 9000;
    put_many(&w, writer, NAME, &d, 0, 9000, docs);
    must_flush(&w, &a, NAME);
    ck_assert_int_eq(read_view(&w, reader, NAME, MOLA_READ_STRONG, &view, &r), MOLA_OK);
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    k.count = k.known_count = 0;
    choose_rows(&k, ctx, &d, view, MOLA_OP_DELETE, 2);
    ck_assert_uint_gt(k.known_count, 0);
    mola_view_release(ctx, NULL);
    mola_view_unref(view);
    /* A node whose memory holds nothing of it. */
    mola_namespaces *fresh = node_open(&w, SIZE_MAX);
    mola_namespaces *before = writer;
    writer = fresh;
    request other;
    ck_assert_int_eq(read_view(&w, writer, NAME, MOLA_READ_STRONG, &view, &other), MOLA_OK);
    for (uint32_t i = 0; i < k.known_count; i++)
        k.known[i].view = view;
    uint64_t gets = w.gets;
    append_known(ctx, &k);
    ck_assert_uint_eq(w.gets, gets);
    mola_view_unref(view);
    request_end(&r);
    writer = before;
    mola_namespaces_close(fresh);
    check_everywhere();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deletes");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_loop_test(cases, one_entry_deletes_what_is_there_whatever_else_it_names, 0, 2);
    tcase_add_loop_test(cases, what_is_known_of_rows_counts_as_far_as_they_still_stand_there, 0,
                        16);
    tcase_add_test(cases, what_is_known_is_not_looked_up);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
