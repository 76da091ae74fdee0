#include "world.h"

/* Memory: what views may take, who loses his first, and changes too large for an entry. */
static world w;
static document docs[IDS_MAX];

static void begin(void)
{
    world_open(&w);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    world_close(&w);
}

/* Text that zstd gains a quarter of, no more. */
static void fill(dice *d, char *text, uint32_t bytes)
{
    for (uint32_t k = 0; k < bytes; k++)
        text[k] = (char)(' ' + below(d, 64));
}

/* `count` documents with a tag of `bytes` bytes each, from id `first` on; the oracle of support.h
 * does not know such tags. */
static mola_err put_bulk(mola_namespaces *all, const char *text, uint64_t first, uint32_t count,
                         uint32_t bytes, mola_why *why, uint32_t *lost)
{
    mola_column_builder ids, tags;
    mola_column_builder_init(&ids, &w.heap, attr_types()[0]);
    mola_column_builder_init(&tags, &w.heap, attr_types()[ATTR_TAG]);
    char *filler = mola_alloc(&w.heap, bytes);
    uint8_t *ops = mola_alloc(&w.heap, count);
    dice d = {first};
    for (uint32_t i = 0; i < count; i++) {
        ops[i] = MOLA_OP_UPSERT;
        fill(&d, filler, bytes);
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = first + i};
        mola_value tag = {.elem = MOLA_ELEM_STRING, .s = {filler, bytes}};
        ck_assert_int_eq(mola_column_add_value(&ids, &id), MOLA_OK);
        ck_assert_int_eq(mola_column_add_value(&tags, &tag), MOLA_OK);
    }
    mola_row_column column = {.attr = ATTR_TAG, .column = mola_column_built(&tags)};
    mola_change change = {.rows = {.count = count,
                                   .ops = ops,
                                   .ids = mola_column_built(&ids),
                                   .column_count = 1,
                                   .columns = &column}};
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 20000);
    mola_name *name = mola_name_open(all, mola_str_of(text));
    mola_view *on, *after = NULL;
    mola_err err;
    do {
        mola_why_clear(&r.why);
        err = mola_log_open(ctx, name, &on);
        if (err == MOLA_NOT_FOUND) {
            mola_change creation = change;
            creation.state = w.state;
            mola_why_clear(&r.why);
            err = mola_log_create(ctx, name, &creation, &after);
        } else if (!err) {
            err = mola_log_append(ctx, name, on, &change, &after);
            mola_view_unref(on);
        }
        *lost += err == MOLA_CONFLICT;
    } while (err == MOLA_CONFLICT);
    if (!err)
        mola_view_unref(after);
    *why = r.why;
    mola_name_close(name);
    request_end(&r);
    mola_column_builder_free(&ids);
    mola_column_builder_free(&tags);
    mola_free(&w.heap, filler, bytes);
    mola_free(&w.heap, ops, count);
    return err;
}

static mola_err bulk(mola_namespaces *all, const char *name, uint64_t first, uint32_t count,
                     uint32_t bytes)
{
    mola_why why;
    uint32_t lost = 0;
    mola_err err = put_bulk(all, name, first, count, bytes, &why, &lost);
    if (err == MOLA_NO_MEMORY)
        ck_assert_ptr_nonnull(strstr(why.text, "does not fit"));
    return err;
}

/* The documents first .. first + count - 1 are there, with tags of the right bytes, and nothing
 * else is. */
static void check_bulk(mola_namespaces *all, const char *name, uint64_t first, uint32_t count,
                       uint32_t bytes, uint64_t live, uint64_t seq)
{
    request r;
    mola_view *view;
    mola_err err = read_view(&w, all, name, MOLA_READ_STRONG, &view, &r);
    ck_assert_msg(err == MOLA_OK, "%s: %s", mola_err_name(err), r.why.text);
    ck_assert_uint_eq(view->live_rows, live);
    ck_assert_uint_eq(view->seq, seq);
    dice d = {first};
    char expected[32768];
    for (uint32_t i = 0; i < count; i++) {
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = first + i};
        uint32_t part, at;
        mola_column tags;
        ck_assert(mola_view_find(view, &id, &part, &at));
        ck_assert(mola_part_whole_column(view->parts[part].part, ATTR_TAG, &tags));
        mola_value tag = mola_column_cell(&tags, at);
        ck_assert_uint_eq(tag.s.len, bytes);
        fill(&d, expected, bytes);
        ck_assert_int_eq(memcmp(tag.s.data, expected, bytes), 0);
    }
    mola_view_unref(view);
}

enum { MIB = 1024 * 1024 };

START_TEST(the_least_recently_used_view_goes_first_and_comes_back)
{
    mola_namespaces *all = node_open(&w, 8 * MIB);
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(bulk(all, names[i], 1, 100, 10240),
                         MOLA_OK); /* 1 MB each, 2 while it is applied */
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_evictions_total), 0);
    check_bulk(all, "a", 1, 100, 10240, 100, 1); /* b is the oldest now */
    int64_t before = world_metric(&w, MOLA_M_view_evictions_total);
    for (uint64_t k = 1; k <= 3; k++)
        ck_assert_int_eq(bulk(all, "a", 1000 * k, 100, 10240), MOLA_OK);
    ck_assert_int_gt(world_metric(&w, MOLA_M_view_evictions_total), before);
    ck_assert_int_le(world_metric(&w, MOLA_M_view_bytes), 8 * MIB);
    uint64_t gets = w.gets;
    check_bulk(all, "a", 1, 100, 10240, 400, 4);
    ck_assert_uint_le(w.gets - gets, 2); /* it was in memory */
    gets = w.gets;
    check_bulk(all, "b", 1, 100, 10240, 100, 1);
    ck_assert_uint_ge(w.gets - gets, 2); /* it was replayed */
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 4; i++)
            check_bulk(all, names[i], 1, 100, 10240, i ? 100 : 400, i ? 1 : 4);
    ck_assert_int_le(world_metric(&w, MOLA_M_view_bytes), 8 * MIB);
    mola_namespaces_close(all);
    ck_assert_int_eq(world_metric(&w, MOLA_M_view_bytes), 0);
}
END_TEST

/* A refusal for lack of room is definite: nothing was written. */
START_TEST(a_namespace_that_cannot_fit_is_refused)
{
    mola_namespaces *small = node_open(&w, 4 * MIB), *big = node_open(&w, SIZE_MAX);
    ck_assert_int_eq(bulk(small, "fish", 1, 100, 10240), MOLA_OK);
    uint64_t seq = 1, live = 100;
    mola_err err = MOLA_OK;
    while (seq < 20 && !err) {
        err = bulk(small, "fish", 1000 * (seq + 1), 100, 10240);
        if (!err) {
            seq++;
            live += 100;
        }
    }
    ck_assert_int_eq(err, MOLA_NO_MEMORY);
    ck_assert_uint_ge(seq, 2);
    check_bulk(big, "fish", 1, 100, 10240, live, seq); /* exactly what was acknowledged */
    check_bulk(small, "fish", 1, 100, 10240, live, seq);
    ck_assert_int_eq(bulk(big, "fish", 50000, 1000, 10240), MOLA_OK); /* elsewhere there is room */
    ck_assert_int_eq(strong_err(&w, small, "fish"), MOLA_NO_MEMORY);
    ck_assert_int_eq(strong_err(&w, small, "fish"), MOLA_NO_MEMORY);
    ck_assert_int_eq(bulk(small, "other", 1, 100, 10240), MOLA_OK); /* nobody else is harmed */
    mola_namespaces_close(small);
    mola_namespaces_close(big);
}
END_TEST

/* A view in use by a query stays whole when its namespace loses the cached one. */
START_TEST(a_view_in_use_survives_its_eviction)
{
    mola_namespaces *all = node_open(&w, 8 * MIB);
    ck_assert_int_eq(bulk(all, "a", 1, 100, 10240), MOLA_OK);
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, all, "a", MOLA_READ_STRONG, &view, &r), MOLA_OK);
    static const char *const names[] = {"b", "c", "d", "e", "f", "g", "h"};
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(bulk(all, names[i], 1, 100, 10240), MOLA_OK);
    ck_assert_int_ge(world_metric(&w, MOLA_M_view_evictions_total), 1);
    mola_value id = {.elem = MOLA_ELEM_UINT, .u = 77};
    uint32_t part, at;
    ck_assert(mola_view_find(view, &id, &part, &at));
    mola_view_unref(view);
    mola_namespaces_close(all);
}
END_TEST

/* ------------------------------------------------------------------ out of line */
START_TEST(a_large_change_goes_out_of_line)
{
    mola_namespaces *here = node_open(&w, SIZE_MAX), *there = node_open(&w, SIZE_MAX);
    ck_assert_int_eq(bulk(here, "fish", 1, 10, 64), MOLA_OK);
    ck_assert_int_eq(bulk(here, "fish", 100, 900, 32768), MOLA_OK); /* 18 MB */
    ck_assert_int_eq(bulk(there, "fish", 5000, 10, 64), MOLA_OK);
    check_bulk(here, "fish", 100, 900, 32768, 920, 3);
    check_bulk(there, "fish", 100, 900, 32768, 920, 3);
    ck_assert_uint_eq(count_keys(&w, "d/"), 3 + 1);
    mola_namespaces_close(here);
    mola_namespaces_close(there);
}
END_TEST

/* CREATE stands alone, the rows follow in entry 2, unseen until the birth. */
static fate judge_unborn(world *at, const mola_store_op *op, void *argument)
{
    mola_namespaces *other = argument;
    if (op->verb == MOLA_PUT)
        ck_assert_int_eq(strong_err(at, other, "fish"), MOLA_NOT_FOUND);
    return PASS;
}
START_TEST(a_large_creation_is_one_birth)
{
    mola_namespaces *here = node_open(&w, SIZE_MAX), *there = node_open(&w, SIZE_MAX);
    w.judge = judge_unborn;
    w.argument = there;
    uint64_t puts = w.puts;
    ck_assert_int_eq(bulk(here, "fish", 100, 900, 32768), MOLA_OK);
    w.judge = NULL;
    ck_assert_uint_eq(w.puts - puts, 4); /* CREATE, payload, LARGE, ns/ */
    check_bulk(there, "fish", 100, 900, 32768, 900, 2);
    check_bulk(here, "fish", 100, 900, 32768, 900, 2);
    mola_namespaces_close(here);
    mola_namespaces_close(there);
}
END_TEST

static mola_namespaces *rival;
static fate judge_rival(world *at, const mola_store_op *op, void *argument)
{
    int *times = argument;
    if (op->verb == MOLA_PUT && key_is_entry(op->key, 2 + (uint64_t)(3 - *times)) && *times > 0) {
        --*times;
        document none[IDS_MAX] = {0};
        put_one(at, rival, "fish", (uint64_t)*times, 1, none);
    }
    return PASS;
}
START_TEST(a_payload_is_uploaded_once_however_often_the_slot_is_lost)
{
    mola_namespaces *here = node_open(&w, SIZE_MAX);
    rival = node_open(&w, SIZE_MAX);
    ck_assert_int_eq(bulk(here, "fish", 50, 10, 64), MOLA_OK);
    int times = 3;
    w.judge = judge_rival;
    w.argument = &times;
    mola_why why;
    uint32_t lost = 0;
    ck_assert_int_eq(put_bulk(here, "fish", 100, 900, 32768, &why, &lost), MOLA_OK);
    w.judge = NULL;
    ck_assert_uint_eq(lost, 3);
    ck_assert_uint_eq(count_keys(&w, "d/"), 5 + 1);
    check_bulk(rival, "fish", 100, 900, 32768, 913, 5);
    check_bulk(here, "fish", 100, 900, 32768, 913, 5);
    mola_namespaces_close(here);
    mola_namespaces_close(rival);
}
END_TEST

/* The entry may stand at most 1,024 slots behind the one its payload was uploaded for: else a
 * collector could have taken it for garbage. */
static fate judge_overtaken(world *at, const mola_store_op *op, void *argument)
{
    bool *done = argument;
    if (op->verb == MOLA_PUT && key_is_entry(op->key, 2) && !*done) {
        *done = true;
        document none[IDS_MAX] = {0};
        for (uint64_t i = 0; i < 1026; i++)
            put_one(at, rival, "fish", i % 40, 1, none);
    }
    return PASS;
}
START_TEST(a_payload_that_was_left_far_behind_is_uploaded_again)
{
    mola_namespaces *here = node_open(&w, SIZE_MAX);
    rival = node_open(&w, SIZE_MAX);
    ck_assert_int_eq(bulk(here, "fish", 50, 10, 64), MOLA_OK);
    bool done = false;
    w.judge = judge_overtaken;
    w.argument = &done;
    ck_assert_int_eq(bulk(here, "fish", 100, 900, 32768), MOLA_OK);
    w.judge = NULL;
    ck_assert(done);
    check_bulk(rival, "fish", 100, 900, 32768, 950, 1028);
    mola_namespaces_close(here);
    mola_namespaces_close(rival);
}
END_TEST

static fate judge_no_payload(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    (void)argument;
    return op->verb == MOLA_PUT && key_is_payload(op->key) ? DENY : PASS;
}
START_TEST(a_payload_that_was_not_taken_is_a_definite_failure)
{
    mola_namespaces *here = node_open(&w, SIZE_MAX);
    ck_assert_int_eq(bulk(here, "fish", 1, 10, 64), MOLA_OK);
    w.judge = judge_no_payload;
    ck_assert_int_eq(bulk(here, "fish", 100, 900, 32768), MOLA_UNAVAILABLE);
    ck_assert_int_eq(bulk(here, "bird", 100, 900, 32768), MOLA_UNAVAILABLE);
    w.judge = NULL;
    check_bulk(here, "fish", 1, 10, 64, 10, 1);
    ck_assert_int_eq(strong_err(&w, here, "bird"), MOLA_NOT_FOUND);
    mola_namespaces_close(here);
}
END_TEST

/* Anybody may ask for any name; the table of names does not grow without end. */
START_TEST(names_that_nobody_uses_are_forgotten)
{
    mola_namespaces *all = node_open(&w, SIZE_MAX);
    size_t used = 0;
    for (int i = 0; i < 40000; i++) {
        char text[16];
        snprintf(text, sizeof text, "n%d", i);
        mola_name *name = mola_name_open(all, mola_str_of(text));
        ck_assert_ptr_nonnull(name);
        mola_name_close(name);
        if (i == 16384)
            used = atomic_load(&w.heap.used);
    }
    ck_assert_uint_le(atomic_load(&w.heap.used), used + used / 8);
    mola_namespaces_close(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("room");
    TCase *room = tcase_create("room");
    tcase_set_timeout(room, 100);
    tcase_add_checked_fixture(room, begin, end);
    tcase_add_test(room, the_least_recently_used_view_goes_first_and_comes_back);
    tcase_add_test(room, a_namespace_that_cannot_fit_is_refused);
    tcase_add_test(room, a_view_in_use_survives_its_eviction);
    tcase_add_test(room, a_large_change_goes_out_of_line);
    tcase_add_test(room, a_large_creation_is_one_birth);
    tcase_add_test(room, a_payload_is_uploaded_once_however_often_the_slot_is_lost);
    tcase_add_test(room, a_payload_that_was_left_far_behind_is_uploaded_again);
    tcase_add_test(room, a_payload_that_was_not_taken_is_a_definite_failure);
    tcase_add_test(room, names_that_nobody_uses_are_forgotten);
    suite_add_tcase(suite, room);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
