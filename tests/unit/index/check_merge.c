#include "place.h"

/* Merges: what happens to a namespace while one is under way, and what it does with schemas that
 * have changed. What is read must be what was written; check_flush.c mixes merges with everything
 * else. */
static world w;
static mola_namespaces *writer, *reader;
static mola_indexer a, b;
static document docs[DOCS_MAX];
static dice chance;
#define NAME "books"

static void begin(void)
{
    world_open(&w);
    writer = node_open(&w, SIZE_MAX);
    reader = node_open(&w, SIZE_MAX);
    indexer_open(&w, &a, 256 << 20);
    indexer_open(&w, &b, 256 << 20);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    w.judge = NULL;
    indexer_close(&a);
    indexer_close(&b);
    mola_namespaces_close(writer);
    mola_namespaces_close(reader);
    world_close(&w);
}

static void check_everywhere(uint32_t docs_max)
{
    check_node(&w, reader, NAME, docs, docs_max);
    check_afresh(&w, NAME, docs, docs_max);
}

/* Segments with keys of their own (`big`), or inline ones. */
static uint32_t make_segments(bool big, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (big)
            put_many(&w, writer, NAME, &chance, 1500 * (uint64_t)i, 4500, docs);
        put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
        must_flush(&w, &a, NAME);
    }
    ck_assert_uint_eq(shape_of(&w, NAME).segments, count);
    return big ? 1500 * count + 3000 : IDS_MAX;
}

typedef struct {
    void (*act)(void);
    uint32_t left;
} race;
static fate before_publication(world *w_, const mola_store_op *op, void *argument)
{
    (void)w_;
    race *r = argument;
    if (r->left && op->verb == MOLA_PUT && key_is_manifest(op->key)) {
        r->left--;
        r->act();
    }
    return PASS;
}
static void set_race(race *r, void (*act)(void), uint32_t times)
{
    *r = (race){act, times};
    w.judge = before_publication;
    w.argument = r;
}

static void other_flushes_deletes(void)
{
    put_random(&w, writer, NAME, &chance, 190, 60, 6, docs);
    put_random(&w, writer, NAME, &chance, 5000, 60, 6, docs);
    ck_assert(must_flush(&w, &b, NAME));
}
/* The publication is delayed by several others, each of which kills rows of the inputs. */
START_TEST(rows_that_died_meanwhile_stay_dead)
{
    chance = (dice){test_seed(0x3e7) + (uint64_t)_i};
    race r;
    uint32_t docs_max = make_segments(_i % 2, 3);
    docs_max = docs_max > 5000 ? docs_max : 5000;
    set_race(&r, other_flushes_deletes, 1 + (uint32_t)_i % 3);
    ck_assert(must_merge(&w, &a, NAME, true));
    ck_assert_uint_eq(r.left, 0);
    shape s = shape_of(&w, NAME);
    ck_assert_uint_eq(s.segments, 2 + (uint32_t)_i % 3);
    ck_assert_uint_gt(s.deleted, 0);
    check_everywhere(docs_max);
    ck_assert(must_merge(&w, &b, NAME, true));
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 1);
    check_everywhere(docs_max);
}
END_TEST

static void other_merges(void)
{
    ck_assert(must_merge(&w, &b, NAME, true));
}
START_TEST(of_two_merges_one_is_published)
{
    chance = (dice){test_seed(0x22) + (uint64_t)_i};
    race r;
    uint32_t docs_max = make_segments(_i, 3);
    set_race(&r, other_merges, 1);
    ck_assert_int_eq(step_merge(&w, &a, NAME, true).err, MOLA_CONFLICT);
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 1);
    check_everywhere(docs_max);
}
END_TEST

static void everything_dies(void)
{
    row rows[64];
    for (uint64_t id = 0; id < 192; id += 64) {
        for (uint32_t i = 0; i < 64; i++)
            rows[i] = (row){.op = MOLA_OP_DELETE, .id = id + i};
        ck_assert_int_eq(write_rows(&w, writer, NAME, rows, 64, 0, 5000).err, MOLA_OK);
        oracle_apply(docs, rows, 64);
    }
    ck_assert(must_flush(&w, &b, NAME));
}
START_TEST(all_rows_may_die_meanwhile)
{
    chance = (dice){test_seed(0xa11)};
    race r;
    make_segments(false, 3);
    set_race(&r, everything_dies, 1);
    ck_assert(must_merge(&w, &a, NAME, true));
    shape s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.rows == s.deleted);
    check_everywhere(IDS_MAX);
    ck_assert(must_merge(&w, &a, NAME, false)); /* nothing is left of it */
    s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.rows == 0 && s.inlines == 0);
    check_everywhere(IDS_MAX);
    put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
    must_flush(&w, &a, NAME);
    check_everywhere(IDS_MAX);
}
END_TEST

static void delete_ids(uint64_t first, uint32_t count)
{
    row rows[64] = {0};
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (row){.op = MOLA_OP_DELETE, .id = first + i};
    ck_assert_int_eq(write_rows(&w, writer, NAME, rows, count, 0, 5000).err, MOLA_OK);
    oracle_apply(docs, rows, count);
    must_flush(&w, &a, NAME);
}
/* A neighbour takes its entries over, in one step and without a copy of anything. */
START_TEST(a_segment_without_live_rows_disappears)
{
    chance = (dice){test_seed(0xa12)};
    a.config.inline_bytes_max = 0;
    for (uint64_t i = 0; i < 3; i++) {
        put_many(&w, writer, NAME, &chance, 64 * i, 64, docs);
        must_flush(&w, &a, NAME);
    }
    delete_ids(0, 64);
    ck_assert(must_merge(&w, &a, NAME, false));
    shape s = shape_of(&w, NAME);
    ck_assert(s.segments == 2 && s.rows == 128 && s.retired == 2);
    check_everywhere(IDS_MAX);
    delete_ids(128, 64);
    ck_assert(must_merge(&w, &a, NAME, false));
    s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.rows == 64 && s.seq_from_last == 1 && s.retired == 4);
    check_everywhere(IDS_MAX);
    ck_assert(!must_merge(&w, &a, NAME, false));
}
END_TEST

/* Reads take minutes each: the view of a merge outlives the time for which it was opened, as long
 * as its inputs are in the newest manifest. */
typedef struct {
    uint32_t slow, merge_after; /* reads of segments */
} slowness;
static fate read_slowly(world *w_, const mola_store_op *op, void *argument)
{
    slowness *s = argument;
    uint8_t nsid[16];
    mola_str rest;
    if (op->verb != MOLA_GET || !mola_key_parse_incarnation((mola_str){0}, op->key, nsid, &rest) ||
        !mola_str_starts(rest, MOLA_STR("s/")))
        return PASS;
    s->slow++;
    w_->boot_ahead_ns += 200 * MOLA_SECOND;
    w_->wall_ahead_us += 200 * 1000000;
    if (s->slow == s->merge_after)
        other_merges();
    return PASS;
}
static stepped slow_merge(uint32_t merge_after, uint32_t *reads)
{
    request r;
    stepped done = {0};
    slowness slow = {.merge_after = merge_after};
    mola_ctx *ctx = request_begin(&w, &r, 86400000);
    w.judge = read_slowly;
    w.argument = &slow;
    done.err = mola_index_merge(ctx, &a, MOLA_STR(NAME), true, &done.did);
    w.judge = NULL;
    request_end(&r);
    *reads = slow.slow;
    return done;
}
START_TEST(a_merge_may_take_hours)
{
    chance = (dice){test_seed(0x510)};
    uint32_t reads, docs_max = make_segments(true, 3);
    stepped s = slow_merge(0, &reads);
    ck_assert_msg(s.err == MOLA_OK, "%s", mola_err_name(s.err));
    ck_assert(s.did);
    ck_assert_uint_gt(reads, 6);
    check_everywhere(docs_max);
}
END_TEST

START_TEST(a_merge_gives_up_when_its_inputs_are_merged)
{
    chance = (dice){test_seed(0x511)};
    uint32_t all, reads, docs_max = make_segments(true, 3);
    ck_assert_int_eq(slow_merge(5, &all).err, MOLA_CONFLICT);
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 1);
    check_everywhere(docs_max);
    (void)reads;
}
END_TEST

/* ------------------------------------------------------------------ schemas that change */
static void change_state(mola_state *state, const row *rows, uint32_t count)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_name *name = mola_name_open(writer, MOLA_STR(NAME));
    mola_view *on, *after;
    batch made;
    batch_make(&made, &w.heap, rows, count);
    mola_change change = {.flags = MOLA_ENTRY_SCHEMA, .state = state, .rows = made.rows};
    ck_assert_int_eq(mola_log_open(ctx, name, &on), MOLA_OK);
    ck_assert_int_eq(mola_log_append(ctx, name, on, &change, &after), MOLA_OK);
    mola_view_unref(on);
    mola_view_unref(after);
    batch_free(&made);
    mola_name_close(name);
    request_end(&r);
    if (count)
        oracle_apply(docs, rows, count);
}

START_TEST(a_dropped_attribute_is_left_behind)
{
    chance = (dice){test_seed(0xd309) + (uint64_t)_i};
    mola_state_edit(w.state, MOLA_STR("tag"))->filterable = _i;
    uint32_t docs_max = make_segments(true, 2);
    mola_state *state = mola_state_copy(&w.heap, w.state, 1);
    mola_state_remove(state, ATTR_TAG);
    change_state(state, NULL, 0);
    mola_state_unref(state);
    must_flush(&w, &a, NAME);
    ck_assert(must_merge(&w, &a, NAME, true));
    request r;
    mola_view *view;
    mola_freshness freshness = {.level = MOLA_READ_STRONG};
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    ck_assert_int_eq(mola_namespace_read(ctx, reader, MOLA_STR(NAME), &freshness, &view), MOLA_OK);
    ck_assert_uint_eq(view->segment_count, 1);
    const mola_segment_head *head = mola_part_segment(view->parts[0].part);
    ck_assert_ptr_null(mola_segment_find(head, ATTR_TAG));
    ck_assert_ptr_nonnull(mola_segment_find(head, ATTR_N));
    mola_view_unref(view);
    request_end(&r);
    for (uint32_t i = 0; i < docs_max; i++)
        docs[i].has[ATTR_TAG] = false;
    check_everywhere(docs_max);
}
END_TEST

/* An empty list is all that was seen of an attribute; then it becomes []string. Segments of both
 * times merge. */
START_TEST(an_unknown_list_becomes_concrete)
{
    chance = (dice){test_seed(0x115)};
    mola_type unknown = {.form = MOLA_FORM_ARRAY, .elem = MOLA_ELEM_UNKNOWN};
    mola_state *concrete = mola_state_copy(&w.heap, w.state, 0);
    mola_state_edit(w.state, MOLA_STR("list"))->type = unknown;
    static const uint32_t zeros[2];
    uint8_t upserts[40];
    static uint32_t row_from[41];
    uint64_t ids[40];
    for (uint64_t i = 0; i < 40; i++) {
        ids[i] = i;
        upserts[i] = MOLA_OP_UPSERT;
        docs[i] = (document){.exists = true};
        docs[i].has[ATTR_LIST] = true;
    }
    mola_row_column column = {
        .attr = ATTR_LIST,
        .column = {
            .type = unknown, .rows = 40, .row_from = row_from, .data = (const uint8_t *)zeros}};
    mola_change first = {
        .state = w.state,
        .rows = {.count = 40,
                 .ops = upserts,
                 .ids = {.type = attr_types()[0], .rows = 40, .data = (const uint8_t *)ids},
                 .column_count = 1,
                 .columns = &column}};
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_name *name = mola_name_open(writer, MOLA_STR(NAME));
    mola_view *after;
    ck_assert_int_eq(mola_log_open(ctx, name, &after), MOLA_NOT_FOUND);
    ck_assert_int_eq(mola_log_create(ctx, name, &first, &after), MOLA_OK);
    mola_view_unref(after);
    mola_name_close(name);
    request_end(&r);
    must_flush(&w, &a, NAME);
    check_everywhere(IDS_MAX);
    row rows[30];
    for (uint32_t i = 0; i < 30; i++) {
        rows[i] = random_row(&chance, 60, 5, 1);
        rows[i].id += _i ? 0 : 40; /* the first segment stays whole */
    }
    change_state(concrete, rows, 30);
    mola_state_unref(concrete);
    must_flush(&w, &a, NAME);
    check_everywhere(IDS_MAX);
    ck_assert(must_merge(&w, &a, NAME, true));
    check_everywhere(IDS_MAX);
}
END_TEST

/* ------------------------------------------------------------------ long histories */
START_TEST(tables_stay_short)
{
    chance = (dice){test_seed(0x7ab1e)};
    a.config.merge_fan_in = 3;
    uint32_t most = 0;
    for (int i = 0; i < 120; i++) {
        put_random(&w, writer, NAME, &chance, 190, 40, 1, docs);
        if (i % 2 == 0)
            put_many(&w, writer, NAME, &chance, 1000 + 20 * (uint64_t)i, 1500, docs);
        must_flush(&w, &a, NAME);
        while (must_merge(&w, &a, NAME, false))
            ;
        shape s = shape_of(&w, NAME);
        most = s.segments > most ? s.segments : most;
        ck_assert_uint_eq(s.indexed_seq, (uint64_t)(i + i / 2 + 2));
    }
    ck_assert_uint_le(most, 12);
    check_everywhere(6000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("merge");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_loop_test(cases, rows_that_died_meanwhile_stay_dead, 0, 6);
    tcase_add_loop_test(cases, of_two_merges_one_is_published, 0, 2);
    tcase_add_test(cases, all_rows_may_die_meanwhile);
    tcase_add_test(cases, a_segment_without_live_rows_disappears);
    tcase_add_test(cases, a_merge_may_take_hours);
    tcase_add_test(cases, a_merge_gives_up_when_its_inputs_are_merged);
    tcase_add_loop_test(cases, a_dropped_attribute_is_left_behind, 0, 2);
    tcase_add_loop_test(cases, an_unknown_list_becomes_concrete, 0, 2);
    tcase_add_test(cases, tables_stay_short);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
