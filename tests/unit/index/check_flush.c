#include "place.h"

/* Flushes, against a dumb table of documents: whatever is flushed and merged in between, a strong
 * read shows what was written, and nobody's failure or race changes that. */
static world w;
static mola_namespaces *writer, *reader;
static mola_indexer a, b;
static document docs[DOCS_MAX];
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
    check_node(&w, writer, NAME, docs, docs_max);
    check_afresh(&w, NAME, docs, docs_max);
}

/* Does something once, just before a manifest is replaced. */
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

/* Strings and lists that can be filtered by stand in pages, the others with the documents. */
static void choose_layout(dice *d)
{
    mola_state_edit(w.state, MOLA_STR("tag"))->filterable = below(d, 2);
    mola_state_edit(w.state, MOLA_STR("list"))->filterable = below(d, 2);
    mola_state_edit(w.state, MOLA_STR("n"))->filterable = below(d, 4) != 0;
}

START_TEST(what_was_written_is_what_is_read)
{
    dice d = {test_seed(0xf1a5) + (uint64_t)_i};
    choose_layout(&d);
    uint32_t ids = 10 + below(&d, IDS_MAX - 10), deletes = below(&d, 5);
    if (_i % 2)
        a.config.inline_bytes_max = b.config.inline_bytes_max = 0;
    for (int step = 0; step < 60; step++) {
        mola_indexer *ix = below(&d, 2) ? &a : &b;
        put_random(&w, writer, NAME, &d, ids, 1 + below(&d, below(&d, 2) ? 4 : 60), deletes, docs);
        if (below(&d, 3) == 0)
            ck_assert(must_flush(&w, ix, NAME));
        if (below(&d, 4) == 0)
            must_merge(&w, ix, NAME, below(&d, 2));
        if (below(&d, 3) == 0)
            check_node(&w, reader, NAME, docs, IDS_MAX);
        if (step % 10 == 9)
            check_everywhere(IDS_MAX);
    }
}
END_TEST

START_TEST(nothing_new_is_not_flushed)
{
    put_one(&w, writer, NAME, 7, 1, docs);
    ck_assert(must_flush(&w, &a, NAME));
    shape before = shape_of(&w, NAME);
    ck_assert(!must_flush(&w, &a, NAME));
    ck_assert(!must_flush(&w, &b, NAME));
    ck_assert(!must_flush(&w, &b, "nobody"));
    ck_assert(!must_merge(&w, &b, "nobody", true));
    ck_assert_uint_eq(shape_of(&w, NAME).ver, before.ver);
    ck_assert_uint_eq(before.indexed_seq, 1);
}
END_TEST

static uint32_t keys_in(char folder)
{
    uint32_t found = 0;
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op op = {.verb = MOLA_LIST, .key = MOLA_STR("d/")};
    ck_assert_int_eq(store_do(&w, &op, &arena), MOLA_OK);
    for (uint32_t i = 0; i < op.entry_count; i++) {
        uint8_t nsid[16];
        mola_str rest;
        ck_assert(mola_key_parse_incarnation((mola_str){0}, op.entries[i].key, nsid, &rest));
        found += rest.len && rest.data[0] == folder;
    }
    mola_arena_reset(&arena);
    return found;
}

START_TEST(a_tiny_namespace_stands_in_its_manifest_until_it_has_grown)
{
    dice d = {test_seed(0x71)};
    put_random(&w, writer, NAME, &d, 50, 40, 0, docs);
    must_flush(&w, &a, NAME);
    put_random(&w, writer, NAME, &d, 50, 40, 5, docs);
    must_flush(&w, &a, NAME);
    shape s = shape_of(&w, NAME);
    ck_assert_uint_gt(s.inlines, 2);
    ck_assert_uint_gt(s.deleted, 0);
    ck_assert_uint_eq(s.retired, 0);
    ck_assert_uint_eq(keys_in('s') + keys_in('x'), 0);
    check_everywhere(IDS_MAX);
    put_random(&w, writer, NAME, &d, 50, 40, 5, docs);
    must_flush(&w, &a, NAME); /* another delete vector */
    ck_assert(must_merge(&w, &a, NAME, false));
    s = shape_of(&w, NAME);
    ck_assert_uint_eq(s.segments, 1);
    ck_assert_uint_eq(s.deleted, 0);
    ck_assert_uint_eq(s.retired, 0);
    ck_assert_uint_eq(keys_in('s'), 0);

    put_many(&w, writer, NAME, &d, 1000, 12000, docs);
    must_flush(&w, &a, NAME);
    ck_assert_uint_gt(keys_in('s'), 1);
    check_everywhere(14000);
    while (must_merge(&w, &a, NAME, false))
        ;
    s = shape_of(&w, NAME);
    ck_assert_uint_eq(s.inlines, 0);
    ck_assert_uint_eq(s.segments, 1);
    check_everywhere(14000);
}
END_TEST

START_TEST(segments_of_many_windows)
{
    dice d = {test_seed(0x3a4) + (uint64_t)_i};
    choose_layout(&d);
    put_many(&w, writer, NAME, &d, 0, 9000, docs);
    must_flush(&w, &a, NAME);
    put_many(&w, writer, NAME, &d, 8000, 7000, docs);
    put_random(&w, writer, NAME, &d, 15000, 64, 6, docs);
    must_flush(&w, &a, NAME);
    check_node(&w, reader, NAME, docs, 16000);
    for (int i = 0; i < 20; i++)
        put_random(&w, writer, NAME, &d, 15000, 64, 8, docs);
    must_flush(&w, &b, NAME);
    ck_assert_uint_gt(keys_in('x'), 0);
    check_everywhere(16000);
    ck_assert(must_merge(&w, &b, NAME, true));
    shape s = shape_of(&w, NAME);
    ck_assert_uint_eq(s.segments, 1);
    ck_assert_uint_eq(s.deleted, 0);
    ck_assert_uint_gt(s.retired, 3);
    check_everywhere(16000);
}
END_TEST

/* Two batches bring what all members of a group will look up, as hash pages and bases of patches;
 * then each of them asks nobody. */
START_TEST(what_is_foreseen_is_asked_for_once)
{
    enum { MEMBERS = 12 };
    dice d = {test_seed(0x3a7)};
    put_many(&w, writer, NAME, &d, 0, 9000, docs);
    must_flush(&w, &a, NAME);
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, reader, NAME, MOLA_READ_STRONG, &view, &r), MOLA_OK);
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    batch members[MEMBERS];
    mola_foreseen ahead[MEMBERS];
    for (uint32_t i = 0; i < MEMBERS; i++) {
        row patch = {.op = i % 3 ? MOLA_OP_PATCH : MOLA_OP_UPSERT, .id = 700 * i};
        batch_make(&members[i], &w.heap, &patch, 1);
        ahead[i] = (mola_foreseen){&members[i].rows, i % 3 == 0};
    }
    uint64_t before = w.batches;
    ck_assert_int_eq(mola_view_foresee(ctx, view, ahead, MEMBERS), MOLA_OK);
    ck_assert_uint_ge(w.batches - before, 2);
    ck_assert_uint_le(w.batches - before, 3);
    ck_assert_ptr_null(ctx->pins);
    before = w.batches;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        static const uint32_t attrs[] = {1, 2};
        mola_row_at at;
        mola_column *columns;
        ck_assert_int_eq(mola_view_locate(ctx, view, &members[i].rows.ids, &at), MOLA_OK);
        ck_assert(at.part != MOLA_NOWHERE);
        ck_assert_int_eq(mola_view_gather(ctx, view, &at, 1, attrs, 2, &columns), MOLA_OK);
        batch_free(&members[i]);
    }
    ck_assert_uint_eq(w.batches, before);
    mola_view_release(ctx, NULL);
    mola_view_unref(view);
    request_end(&r);
}
END_TEST

START_TEST(entries_that_leave_no_row_cost_no_segment)
{
    row gone = {.op = MOLA_OP_DELETE, .id = 5};
    put_one(&w, writer, NAME, 5, 1, docs);
    ck_assert_int_eq(write_rows(&w, writer, NAME, &gone, 1, 0, 5000).err, MOLA_OK);
    oracle_apply(docs, &gone, 1);
    must_flush(&w, &a, NAME);
    shape s = shape_of(&w, NAME); /* the table must tile, so there is one */
    ck_assert(s.segments == 1 && s.rows == 0 && s.inlines == 0 && s.indexed_seq == 2);
    check_everywhere(IDS_MAX);
    put_one(&w, writer, NAME, 6, 1, docs);
    must_flush(&w, &a, NAME);
    s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.rows == 1 && s.seq_from_last == 1 && s.indexed_seq == 3);
    gone.id = 77; /* nobody */
    ck_assert_int_eq(write_rows(&w, writer, NAME, &gone, 1, 0, 5000).err, MOLA_OK);
    must_flush(&w, &a, NAME);
    s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.rows == 1 && s.indexed_seq == 4);
    gone.id = 6;
    ck_assert_int_eq(write_rows(&w, writer, NAME, &gone, 1, 0, 5000).err, MOLA_OK);
    oracle_apply(docs, &gone, 1);
    must_flush(&w, &a, NAME);
    s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.deleted == 1 && s.indexed_seq == 5);
    check_everywhere(IDS_MAX);
    ck_assert(must_merge(&w, &a, NAME, false));
    s = shape_of(&w, NAME);
    ck_assert(s.segments == 1 && s.rows == 0 && s.inlines == 0);
    put_one(&w, writer, NAME, 8, 1, docs);
    check_everywhere(IDS_MAX);
}
END_TEST

/* ------------------------------------------------------------------ races */
static dice chance;
static void other_flushes(void)
{
    ck_assert(must_flush(&w, &b, NAME));
}
START_TEST(of_two_flushes_one_is_published)
{
    chance = (dice){test_seed(0x2f)};
    race r;
    put_random(&w, writer, NAME, &chance, 100, 50, 1, docs);
    set_race(&r, other_flushes, 1);
    stepped s = step_flush(&w, &a, NAME);
    ck_assert_int_eq(s.err, MOLA_CONFLICT);
    ck_assert(!s.did);
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 1);
    check_everywhere(IDS_MAX);
}
END_TEST

static void other_merges(void)
{
    ck_assert(must_merge(&w, &b, NAME, true));
}
START_TEST(a_flush_counts_its_dead_against_the_table_it_meets)
{
    chance = (dice){test_seed(0x3e) + (uint64_t)_i};
    choose_layout(&chance);
    race r;
    bool big = _i % 2;
    if (_i >= 4)
        a.config.inline_bytes_max = 0;
    for (int i = 0; i < 3; i++) {
        if (big)
            put_many(&w, writer, NAME, &chance, 1000 * (uint64_t)i, 5000, docs);
        put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
        must_flush(&w, &a, NAME);
    }
    put_random(&w, writer, NAME, &chance, 190, 60, 4, docs);
    put_random(&w, writer, NAME, &chance, big ? 7000 : 190, 60, 6, docs);
    set_race(&r, other_merges, 1);
    ck_assert(must_flush(&w, &a, NAME));
    ck_assert_uint_eq(r.left, 0);
    shape s = shape_of(&w, NAME);
    ck_assert_uint_eq(s.segments, 2);
    ck_assert_uint_gt(s.deleted, 0);
    check_everywhere(big ? 8000 : IDS_MAX);
    must_merge(&w, &a, NAME, true);
    check_everywhere(big ? 8000 : IDS_MAX);
}
END_TEST

static void somebody_writes(void)
{
    put_random(&w, writer, NAME, &chance, 190, 20, 3, docs);
}
/* The new table has as many rows as the old one. */
START_TEST(a_flush_sees_that_a_segment_was_rewritten_alone)
{
    chance = (dice){test_seed(0x3f)};
    race r;
    b.config.segment_rows_max = 1;
    for (int i = 0; i < 2; i++) {
        put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
        must_flush(&w, &a, NAME);
    }
    put_random(&w, writer, NAME, &chance, 190, 60, 4, docs);
    set_race(&r, other_merges, 1);
    ck_assert(must_flush(&w, &a, NAME));
    ck_assert_uint_eq(r.left, 0);
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 3);
    check_everywhere(IDS_MAX);
}
END_TEST

START_TEST(entries_of_meanwhile_stay_in_the_log)
{
    chance = (dice){test_seed(0x3e1)};
    race r;
    put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
    set_race(&r, somebody_writes, 1);
    ck_assert(must_flush(&w, &a, NAME));
    ck_assert_uint_eq(shape_of(&w, NAME).indexed_seq, 1);
    check_everywhere(IDS_MAX);
}
END_TEST

static void name_is_deleted(void)
{
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
}
static void name_lives_again(void)
{
    name_is_deleted();
    memset(docs, 0, sizeof docs);
    put_random(&w, writer, NAME, &chance, 190, 20, 0, docs);
}
START_TEST(what_was_deleted_meanwhile_is_left_alone)
{
    chance = (dice){test_seed(0xdead)};
    race r;
    put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
    set_race(&r, name_lives_again, 1);
    ck_assert(!must_flush(&w, &a, NAME));
    shape s = shape_of(&w, NAME);
    ck_assert(s.segments == 0 && s.indexed_seq == 0);
    check_everywhere(IDS_MAX);
    set_race(&r, name_is_deleted, 1);
    ck_assert(!must_flush(&w, &a, NAME));
    ck_assert(!must_flush(&w, &a, NAME));
    ck_assert_int_eq(strong_err(&w, reader, NAME), MOLA_NOT_FOUND);
}
END_TEST

/* As the collector does: nothing that was begun before now may be added any more. */
static void floor_rises(void)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_name *name = mola_name_open(b.names, MOLA_STR(NAME));
    mola_held *held;
    ck_assert_int_eq(mola_manifest_read(ctx, name, &held), MOLA_OK);
    mola_manifest next = *mola_held_manifest(held);
    next.ver++;
    next.gc_floor = next.ver;
    ck_assert_int_eq(mola_manifest_replace(ctx, name, held, &next, NULL), MOLA_OK);
    mola_held_unref(held);
    mola_name_close(name);
    request_end(&r);
}
START_TEST(the_collector_ends_a_build_that_takes_too_long)
{
    chance = (dice){test_seed(0xf100)};
    race r;
    put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
    set_race(&r, floor_rises, 1);
    ck_assert_int_eq(step_flush(&w, &a, NAME).err, MOLA_CONFLICT);
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 0);
    ck_assert(must_flush(&w, &a, NAME));
    check_everywhere(IDS_MAX);
}
END_TEST

/* ------------------------------------------------------------------ failures */
typedef struct {
    uint32_t countdown;
    fate what;
} failure;
static fate fail_once(world *w_, const mola_store_op *op, void *argument)
{
    (void)w_;
    (void)op;
    failure *f = argument;
    return f->countdown-- == 1 ? f->what : PASS;
}

/* The n-th operation fails for good, for every n: nothing is left behind in memory, and readers see
 * what they saw. */
START_TEST(any_step_may_fail)
{
    chance = (dice){test_seed(0xfa11)};
    bool big = _i, more = true;
    uint32_t failed = 0, docs_max = big ? 8000 : IDS_MAX;
    for (uint32_t n = 1; more; n++) {
        put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
        if (big && n < 4)
            put_many(&w, writer, NAME, &chance, 1000 * (uint64_t)n, 4500, docs);
        must_flush(&w, &b, NAME); /* so that there is never much to do */
        put_random(&w, writer, NAME, &chance, 190, 60, 2, docs);
        failure f = {n, DENY};
        w.judge = fail_once;
        w.argument = &f;
        stepped flushed = step_flush(&w, &a, NAME);
        more = f.countdown > n || f.countdown == 0;
        f = (failure){n, DENY};
        stepped merged = step_merge(&w, &a, NAME, true);
        w.judge = NULL;
        more = more || f.countdown > n || f.countdown == 0;
        failed += (flushed.err != MOLA_OK) + (merged.err != MOLA_OK);
        ck_assert_uint_lt(n, 200);
        if (n % 4 == 0)
            check_afresh(&w, NAME, docs, docs_max);
    }
    ck_assert_uint_gt(failed, big ? 12 : 4);
    must_flush(&w, &a, NAME);
    must_merge(&w, &a, NAME, true);
    ck_assert_uint_eq(shape_of(&w, NAME).segments, 1);
    check_everywhere(docs_max);
}
END_TEST

static fate random_fate(world *w_, const mola_store_op *op, void *argument)
{
    (void)w_;
    static const fate puts[] = {LOSE_ANSWER, LOSE_REQUEST, REFUSE, SEND_TWICE};
    static const fate gets[] = {REFUSE, LOSE_REQUEST, DAMAGE};
    dice *d = argument;
    if (below(d, 6))
        return PASS;
    return op->verb == MOLA_PUT ? puts[below(d, 4)] : gets[below(d, 3)];
}
/* Answers are lost, requests too, bytes are damaged on their way: a step goes on, or fails and may
 * be done again. */
START_TEST(a_bad_network_changes_nothing)
{
    chance = (dice){test_seed(0xbad) + (uint64_t)_i};
    dice faults = {roll(&chance)};
    uint32_t good = 0;
    for (int i = 0; i < 30; i++) {
        put_random(&w, writer, NAME, &chance, 190, 30, 2, docs);
        if (i % 10 == 5)
            put_many(&w, writer, NAME, &chance, 1000, 4200, docs);
        w.judge = random_fate;
        w.argument = &faults;
        good += step_flush(&w, &a, NAME).err == MOLA_OK;
        if (i % 3 == 0)
            good += step_merge(&w, &b, NAME, i % 2).err == MOLA_OK;
        w.judge = NULL;
        check_node(&w, reader, NAME, docs, 5300);
    }
    ck_assert_uint_gt(good, 5);
    must_flush(&w, &a, NAME);
    check_everywhere(5300);
}
END_TEST

/* However little memory there is: it works, or says that there is not enough. */
START_TEST(no_memory_is_an_error_and_no_more)
{
    chance = (dice){test_seed(0x0)};
    put_many(&w, writer, NAME, &chance, 0, 5000, docs);
    must_flush(&w, &a, NAME);
    put_many(&w, writer, NAME, &chance, 4000, 5000, docs);
    uint32_t refused = 0;
    bool flushed = false, merged = false;
    for (size_t room = 20000; !merged; room += room / 4) {
        mola_indexer small;
        ck_assert_uint_lt(room, (size_t)1 << 32);
        indexer_open(&w, &small, room);
        stepped s = flushed ? step_merge(&w, &small, NAME, true) : step_flush(&w, &small, NAME);
        ck_assert_msg(s.err == MOLA_OK || s.err == MOLA_NO_MEMORY, "%s: %s", mola_err_name(s.err),
                      s.why);
        refused += s.err == MOLA_NO_MEMORY;
        merged = flushed && s.err == MOLA_OK;
        if (!flushed && s.err == MOLA_OK) {
            flushed = true;
            room = 20000;
        }
        indexer_close(&small);
    }
    ck_assert_uint_gt(refused, 6);
    check_everywhere(10000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flush");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_loop_test(cases, what_was_written_is_what_is_read, 0, 12);
    tcase_add_test(cases, nothing_new_is_not_flushed);
    tcase_add_test(cases, a_tiny_namespace_stands_in_its_manifest_until_it_has_grown);
    tcase_add_loop_test(cases, segments_of_many_windows, 0, 2);
    tcase_add_test(cases, what_is_foreseen_is_asked_for_once);
    tcase_add_test(cases, entries_that_leave_no_row_cost_no_segment);
    tcase_add_test(cases, of_two_flushes_one_is_published);
    tcase_add_loop_test(cases, a_flush_counts_its_dead_against_the_table_it_meets, 0, 6);
    tcase_add_test(cases, a_flush_sees_that_a_segment_was_rewritten_alone);
    tcase_add_test(cases, entries_of_meanwhile_stay_in_the_log);
    tcase_add_test(cases, what_was_deleted_meanwhile_is_left_alone);
    tcase_add_test(cases, the_collector_ends_a_build_that_takes_too_long);
    suite_add_tcase(suite, cases);
    TCase *failures = tcase_create("failures");
    tcase_set_timeout(failures, 120);
    tcase_add_checked_fixture(failures, begin, end);
    tcase_add_loop_test(failures, any_step_may_fail, 0, 2);
    tcase_add_loop_test(failures, a_bad_network_changes_nothing, 0, 2);
    suite_add_tcase(suite, failures);
    TCase *memory = tcase_create("memory");
    tcase_set_timeout(memory, 120);
    tcase_add_checked_fixture(memory, begin, end);
    tcase_add_test(memory, no_memory_is_an_error_and_no_more);
    suite_add_tcase(suite, memory);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
