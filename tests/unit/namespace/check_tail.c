#include "namespace/tail.h"
#include "support.h"

/* What entries do to a view, without a store: every change against a dumb table of documents,
 * compaction included. */
static mola_heap heap, views;
static mola_state *state;
static document docs[IDS_MAX];

static void begin(void)
{
    mola_heap_init(&heap, SIZE_MAX);
    mola_heap_init(&views, SIZE_MAX);
    state = new_state(&heap);
    memset(docs, 0, sizeof docs);
}

static void end(void)
{
    mola_state_unref(state);
    ck_assert_uint_eq(atomic_load(&views.used), 0); /* nothing is left behind */
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static mola_view *empty_view(void)
{
    static const uint8_t nsid[16] = {7};
    mola_view *view = mola_view_empty(&views, nsid, 3, 0);
    ck_assert_ptr_nonnull(view);
    return view;
}

/* Encodes the rows as the next entry, decodes that, and applies it: the way every reader goes. */
static mola_err append(mola_view **view, const row *rows, uint32_t count)
{
    batch b;
    batch_make(&b, &heap, rows, count);
    mola_entry entry = {.flags = (*view)->seq ? 0 : MOLA_ENTRY_CREATE,
                        .seq = (*view)->seq + 1,
                        .time_us = 100 + (*view)->seq,
                        .prev_chain = (*view)->chain,
                        .name = MOLA_STR("x"),
                        .state = (*view)->seq ? NULL : state,
                        .rows = b.rows};
    memcpy(entry.nsid, (*view)->nsid, sizeof entry.nsid);
    mola_buf bytes;
    mola_buf_init(&bytes, &heap);
    mola_entry_encode(&bytes, &entry);
    ck_assert(!bytes.failed);
    mola_image image = {0};
    mola_entry decoded = {0};
    mola_view *next;
    mola_err err = mola_image_copy(&views, mola_buf_str(&bytes), &image);
    if (!err)
        err = mola_entry_decode(&views, image.bytes, entry.nsid, entry.seq, &decoded, &image.memory,
                                NULL);
    if (!err)
        err = mola_view_apply(&(mola_ctx){0}, *view, &decoded, &image, bytes.len, NULL, &next);
    mola_state_unref(decoded.state);
    mola_image_free(&image);
    mola_buf_free(&bytes);
    batch_free(&b);
    if (err)
        return err;
    mola_view_unref(*view);
    *view = next;
    return MOLA_OK;
}

START_TEST(views_agree_with_a_table_of_documents)
{
    dice d = {test_seed(0x7a11) + (uint64_t)_i};
    mola_view *view = empty_view();
    uint32_t patches = below(&d, 6), deletes = below(&d, 4), ids = 1 + below(&d, IDS_MAX);
    for (int step = 0; step < 120; step++) {
        row rows[64];
        uint32_t count = below(&d, 3) ? 1 + below(&d, 3) : below(&d, 64);
        for (uint32_t i = 0; i < count; i++)
            rows[i] = random_row(&d, ids, patches, deletes);
        ck_assert_int_eq(append(&view, rows, count), MOLA_OK);
        oracle_apply(docs, rows, count);
        check_view(view, docs);
        ck_assert_uint_eq(view->seq, (uint64_t)step + 1);
    }
    mola_view_unref(view);
}
END_TEST

START_TEST(an_overlay_shows_rows_without_an_entry)
{
    dice d = {test_seed(0x0e41) + (uint64_t)_i};
    mola_view *view = empty_view();
    row rows[40];
    for (uint32_t i = 0; i < 40; i++)
        rows[i] = random_row(&d, 50, 0, 0);
    ck_assert_int_eq(append(&view, rows, 40), MOLA_OK);
    oracle_apply(docs, rows, 40);
    document before[IDS_MAX];
    memcpy(before, docs, sizeof docs);
    for (uint32_t i = 0; i < 40; i++)
        rows[i] = random_row(&d, 60, 4, 2);
    batch b;
    batch_make(&b, &heap, rows, 40);
    mola_view *over;
    ck_assert_int_eq(mola_view_overlay(&(mola_ctx){0}, &heap, view, &b.rows, NULL, NULL, &over),
                     MOLA_OK);
    batch_free(&b); /* the rows were copied */
    oracle_apply(docs, rows, 40);
    check_view(over, docs);
    check_view(view, before);
    ck_assert_uint_eq(over->seq, view->seq);
    mola_view_unref(view);
    check_view(over, docs); /* it keeps what it shares */
    mola_view_unref(over);
}
END_TEST

/* A query that runs for minutes reads the view it began with. */
START_TEST(a_view_never_changes_under_its_reader)
{
    dice d = {test_seed(0x1de) + (uint64_t)_i};
    mola_view *view = empty_view(), *kept = NULL;
    document then[IDS_MAX];
    for (int step = 0; step < 60; step++) {
        row rows[8];
        for (uint32_t i = 0; i < 8; i++)
            rows[i] = random_row(&d, 80, 2, 2);
        ck_assert_int_eq(append(&view, rows, 8), MOLA_OK);
        oracle_apply(docs, rows, 8);
        if (step == 20) {
            mola_view_ref(view);
            kept = view;
            memcpy(then, docs, sizeof docs);
        }
    }
    check_view(kept, then);
    mola_view_unref(kept);
    mola_view_unref(view);
}
END_TEST

START_TEST(parts_stay_few)
{
    mola_view *view = empty_view();
    for (uint64_t step = 0; step < 5000; step++) {
        row r = {.op = MOLA_OP_UPSERT, .id = 1000 + step, .value = {.exists = true}};
        r.value.has[ATTR_N] = true;
        r.value.n = (int64_t)step;
        ck_assert_int_eq(append(&view, &r, 1), MOLA_OK);
        ck_assert_uint_le(view->part_count, 7 * 5); /* 7 log8(5000) */
    }
    ck_assert_uint_eq(view->live_rows, 5000);
    for (uint64_t step = 0; step < 5000; step++) {
        document d = {.exists = true, .n = (int64_t)step};
        d.has[ATTR_N] = true;
        check_document(view, 1000 + step, &d);
    }
    mola_view_unref(view);
}
END_TEST

START_TEST(replaced_rows_do_not_pile_up)
{
    mola_view *view = empty_view();
    size_t most = 0;
    dice d = {test_seed(0xdead)};
    for (int step = 0; step < 600; step++) {
        row rows[100];
        for (uint32_t i = 0; i < 100; i++)
            rows[i] =
                (row){.op = MOLA_OP_UPSERT, .id = below(&d, IDS_MAX), .value = random_document(&d)};
        ck_assert_int_eq(append(&view, rows, 100), MOLA_OK);
        oracle_apply(docs, rows, 100);
        uint64_t dead = 0;
        for (uint32_t i = 0; i < view->part_count; i++)
            dead += view->parts[i].rows - view->parts[i].live_rows;
        if (dead > most)
            most = dead;
    }
    check_view(view, docs);
    ck_assert_uint_lt(most, 2000); /* of 60,000 that were written */
    mola_view_unref(view);
}
END_TEST

/* An empty list is all that was seen of an attribute; then it becomes []string. Old parts and new
 * ones merge. */
START_TEST(an_unknown_list_becomes_concrete)
{
    mola_type unknown = {.form = MOLA_FORM_ARRAY, .elem = MOLA_ELEM_UNKNOWN};
    mola_state *first = mola_state_copy(&heap, state, 0);
    mola_attr *list = mola_state_edit(first, MOLA_STR("list"));
    list->type = unknown;
    mola_view *view = empty_view();
    static const uint32_t zeros[2];
    static const uint8_t op = MOLA_OP_UPSERT;
    for (uint64_t id = 0; id < 20; id++) {
        uint64_t key = id;
        mola_row_column column = {
            .attr = ATTR_LIST,
            .column = {
                .type = unknown, .rows = 1, .row_from = zeros, .data = (const uint8_t *)zeros}};
        mola_rows rows = {
            .count = 1,
            .ops = &op,
            .ids = {.type = attr_types()[0], .rows = 1, .data = (const uint8_t *)&key},
            .column_count = 1,
            .columns = &column};
        mola_view *next;
        ck_assert_int_eq(mola_view_overlay(&(mola_ctx){0}, &views, view, &rows, NULL, first, &next),
                         MOLA_OK);
        mola_view_unref(view);
        view = next;
        docs[id] = (document){.exists = true};
        docs[id].has[ATTR_LIST] = true;
    }
    mola_state_unref(first);
    view->seq = 1; /* now with the concrete type: patches, then merges of old and new parts */
    mola_state_unref(view->state);
    mola_state_ref(state);
    view->state = state;
    dice d = {test_seed(0x115)};
    for (int step = 0; step < 40; step++) {
        row r = random_row(&d, 30, 8, 0);
        ck_assert_int_eq(append(&view, &r, 1), MOLA_OK);
        oracle_apply(docs, &r, 1);
    }
    ck_assert_uint_lt(view->part_count, 20);
    mola_view_unref(view);
}
END_TEST

/* Memory runs out at every possible point: the old view stands, nothing leaks. */
START_TEST(no_memory_leaves_the_view_as_it_was)
{
    dice d = {test_seed(0x0)};
    mola_view *view = empty_view();
    row rows[32];
    for (int step = 0; step < 7; step++) {
        for (uint32_t i = 0; i < 32; i++)
            rows[i] = random_row(&d, 60, 3, 1);
        ck_assert_int_eq(append(&view, rows, 32), MOLA_OK);
        oracle_apply(docs, rows, 32);
    }
    for (uint32_t i = 0; i < 32; i++)
        rows[i] = random_row(&d, 60, 3, 1);
    size_t used = atomic_load(&views.used), refused = 0;
    for (size_t room = 0;; room += 512) {
        views.limit = used + room;
        mola_err err = append(&view, rows, 32);
        if (!err)
            break;
        ck_assert_int_eq(err, MOLA_NO_MEMORY);
        ck_assert_uint_eq(atomic_load(&views.used), used);
        views.limit = SIZE_MAX;
        check_view(view, docs);
        refused++;
    }
    ck_assert_uint_gt(refused, 3);
    views.limit = SIZE_MAX;
    oracle_apply(docs, rows, 32);
    check_view(view, docs);
    mola_view_unref(view);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tail");
    TCase *apply = tcase_create("apply");
    tcase_set_timeout(apply, 60);
    tcase_add_checked_fixture(apply, begin, end);
    tcase_add_loop_test(apply, views_agree_with_a_table_of_documents, 0, 12);
    tcase_add_loop_test(apply, an_overlay_shows_rows_without_an_entry, 0, 20);
    tcase_add_loop_test(apply, a_view_never_changes_under_its_reader, 0, 4);
    tcase_add_test(apply, parts_stay_few);
    tcase_add_test(apply, replaced_rows_do_not_pile_up);
    tcase_add_test(apply, an_unknown_list_becomes_concrete);
    tcase_add_test(apply, no_memory_leaves_the_view_as_it_was);
    suite_add_tcase(suite, apply);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
