/* The sweep: what no name refers to ends, but only when it cannot be born any more (protocol I11);
 * what lives stays, and what was forgotten is found. */
#include "index/sweep.h"
#include "keeper.h"

static world w;
static mola_namespaces *writer;
static mola_indexer *sweeper;
static document docs[DOCS_MAX];
static uint8_t nsid[16];
#define NAME "books"

static void begin(void)
{
    world_open(&w);
    writer = node_open(&w, SIZE_MAX);
    sweeper = collector_open(&w, 0);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    w.judge = NULL;
    mola_indexer_close(sweeper);
    mola_namespaces_close(writer);
    world_close(&w);
}
static void make(uint32_t entries)
{
    for (uint32_t i = 0; i < entries; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    memcpy(nsid, manifest_of(&w, NAME).nsid, sizeof nsid);
}
static void must_sweep(void)
{
    ck_assert_int_eq(sweep_once(&w, sweeper), MOLA_OK);
}
static uint32_t objects(void)
{
    return count_under(&w, nsid, 0);
}

START_TEST(a_deleted_life_goes_after_both_waits)
{
    make(5);
    put_segment(&w, nsid, 1, 5);
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    uint32_t all = objects();
    must_sweep(); /* suspects it */
    pass_time(&w, W_NS - 5 * MOLA_SECOND);
    must_sweep();
    pass_time(&w, 10 * MOLA_SECOND);
    must_sweep(); /* dead for good from here on */
    ck_assert_uint_eq(objects(), all);
    pass_time(&w, W_NS - 5 * MOLA_SECOND);
    must_sweep();
    ck_assert_uint_eq(objects(), all);
    pass_time(&w, 10 * MOLA_SECOND);
    must_sweep();
    ck_assert_uint_eq(objects(), 0);
    ck_assert(manifest_of(&w, NAME).deleted);
}
END_TEST

START_TEST(what_lives_stays)
{
    make(5);
    uint32_t all = objects();
    for (uint32_t i = 0; i < 4; i++) {
        must_sweep();
        pass_time(&w, 2 * W_NS);
    }
    ck_assert_uint_eq(objects(), all);
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

/* ------------------------------------------------------------------ between CREATE and birth */
/* The objects of a birth that has not happened yet: the manifest is kept aside. */
static mola_store_op birth;
static char birth_image[4096];
static fate keep_aside(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    if (op->verb != MOLA_PUT || !key_is_manifest(op->key))
        return PASS;
    birth = *op;
    birth.key = MOLA_STR("ns/" NAME);
    ck_assert_uint_le(op->body.len, sizeof birth_image);
    memcpy(birth_image, op->body.data, op->body.len);
    birth.body.data = birth_image;
    return LOSE_REQUEST;
}
static void conceive(void)
{
    row r = upsert(1, 1);
    w.judge = keep_aside;
    ck_assert_int_eq(write_rows(&w, writer, NAME, &r, 1, 0, 2000).err, MOLA_UNKNOWN);
    w.judge = NULL;
    mola_arena arena;
    mola_manifest m;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    ck_assert_int_eq(mola_manifest_decode(birth.body, &arena, &w.heap, &m, NULL), MOLA_OK);
    memcpy(nsid, m.nsid, sizeof nsid);
    mola_arena_reset(&arena);
}
static mola_err be_born(void)
{
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_err err = store_do(&w, &birth, &arena); /* a late request lands */
    mola_arena_reset(&arena);
    return err;
}

START_TEST(a_suspect_may_still_be_born)
{
    conceive();
    must_sweep();
    ck_assert_int_eq(be_born(), MOLA_OK);
    for (uint32_t i = 0; i < 4; i++) {
        pass_time(&w, 2 * W_NS);
        must_sweep();
    }
    ck_assert_uint_eq(objects(), 1);
    row r = upsert(1, 1);
    oracle_apply(docs, &r, 1);
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

static void look_again(void)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 600000);
    ck_assert_int_eq(mola_sweep_doomed(ctx, sweeper), MOLA_OK);
    request_end(&r);
}

/* It loses its CREATE entry to the collector of its new life before the sweeper looks again. */
START_TEST(a_suspect_that_lives_may_have_lost_its_first_entries)
{
    conceive();
    must_sweep();
    ck_assert_int_eq(be_born(), MOLA_OK);
    row r = upsert(1, 1);
    oracle_apply(docs, &r, 1);
    for (uint32_t i = 0; i < 70; i++)
        put_one(&w, writer, NAME, i % DOCS_MAX, 1, docs);
    ck_assert(must_flush(&w, sweeper, NAME));
    mola_indexer *other = collector_open(&w, 0);
    for (uint32_t i = 0; i < 3; i++) {
        must_collect(&w, other, NAME);
        pass_time(&w, 2 * W_NS);
    }
    ck_assert(!exists(&w, mola_key_entry((mola_str){0}, nsid, 1)));
    put_one(&w, writer, NAME, 1, 2, docs);
    for (uint32_t i = 0; i < 4; i++) {
        look_again();
        pass_time(&w, 2 * W_NS);
        if (i == 2)
            must_sweep();
    }
    mola_indexer_close(other);
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

/* What was born and lost its first entries goes, too, once it is over. */
START_TEST(a_deleted_life_without_its_first_entries_goes)
{
    make(5);
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    mola_key first = mola_key_entry((mola_str){0}, nsid, 1);
    mola_store_op op = {.verb = MOLA_DELETE, .key = mola_key_str(&first)};
    ck_assert_int_eq(store_do(&w, &op, NULL), MOLA_OK);
    uint32_t all = objects();
    must_sweep(); /* suspects it */
    pass_time(&w, 2 * W_NS);
    must_sweep(); /* sees that there is no CREATE entry */
    pass_time(&w, 2 * W_NS);
    look_again();
    pass_time(&w, 2 * W_NS);
    look_again();
    ck_assert_uint_eq(objects(), all);
    must_sweep(); /* and that no name refers to it, later than that */
    pass_time(&w, 2 * W_NS);
    look_again();
    ck_assert_uint_eq(objects(), 0);
}
END_TEST

START_TEST(a_birth_is_made_impossible_before_anything_goes)
{
    conceive();
    must_sweep();
    ck_assert(!manifest_now(&w, NAME, &(mola_manifest){0}, NULL));
    pass_time(&w, W_NS + MOLA_SECOND);
    must_sweep();
    mola_manifest grave = manifest_of(&w, NAME);
    ck_assert(grave.deleted);
    ck_assert_uint_eq(grave.ver, 1);
    ck_assert(memcmp(grave.nsid, nsid, 16) != 0); /* it would tell its creator that it was born */
    ck_assert_int_eq(be_born(), MOLA_CONFLICT);
    ck_assert_uint_eq(objects(), 1);
    pass_time(&w, W_NS + MOLA_SECOND);
    must_sweep();
    ck_assert_uint_eq(objects(), 0);
    put_one(&w, writer, NAME, 2, 2, docs); /* the name is free */
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

START_TEST(who_lost_a_race_of_births_needs_no_tombstone)
{
    conceive();
    put_one(&w, writer, NAME, 2, 2, docs);
    mola_manifest m = manifest_of(&w, NAME);
    for (uint32_t i = 0; i < 4; i++) {
        must_sweep();
        pass_time(&w, W_NS + MOLA_SECOND);
    }
    ck_assert_uint_eq(objects(), 0);
    ck_assert_uint_eq(manifest_of(&w, NAME).ver, m.ver);
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

static fate lose_tombstone(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    return op->verb == MOLA_PUT && key_is_manifest(op->key) ? LOSE_REQUEST : PASS;
}
START_TEST(a_tombstone_that_may_not_have_landed_proves_nothing)
{
    conceive();
    must_sweep();
    pass_time(&w, W_NS + MOLA_SECOND);
    w.judge = lose_tombstone;
    for (uint32_t i = 0; i < 3; i++) {
        request r;
        (void)!mola_index_sweep(request_begin(&w, &r, 5000), sweeper);
        request_end(&r);
        pass_time(&w, W_NS + MOLA_SECOND);
    }
    w.judge = NULL;
    ck_assert_uint_eq(objects(), 1);
    ck_assert_int_eq(be_born(), MOLA_OK);
    must_sweep();
    pass_time(&w, W_NS + MOLA_SECOND);
    must_sweep();
    ck_assert_uint_eq(objects(), 1);
}
END_TEST

/* Any incarnation may be the one that an unreadable manifest refers to. */
START_TEST(a_sweep_that_cannot_read_a_manifest_buries_nobody)
{
    make(5);
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    static char damaged[200] = "MNF1";
    put_object(&w, mola_key_manifest((mola_str){0}, MOLA_STR("other")),
               (mola_str){damaged, sizeof damaged});
    uint32_t all = objects();
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_int_ne(sweep_once(&w, sweeper), MOLA_OK);
        pass_time(&w, 2 * W_NS);
    }
    ck_assert_uint_eq(objects(), all);
}
END_TEST

/* ------------------------------------------------------------------ what was forgotten */
static fate no_tombstone(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    bool grave =
        op->verb == MOLA_PUT && key_is_manifest(op->key) && op->body.len == MOLA_TOMBSTONE_BYTES;
    return grave ? DENY : PASS;
}
START_TEST(a_deletion_that_nobody_finished_is_finished)
{
    make(3);
    w.judge = no_tombstone;
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    w.judge = NULL;
    ck_assert(!manifest_of(&w, NAME).deleted);
    must_sweep();
    ck_assert(manifest_of(&w, NAME).deleted);
}
END_TEST

START_TEST(a_lost_hint_is_found)
{
    make(3);
    must_sweep();
    ck_assert_int_eq(world_metric(&w, MOLA_M_index_namespaces_waiting), 1);
    ck_assert(must_flush(&w, sweeper, NAME));
    mola_indexer *other = collector_open(&w, 0);
    ck_assert_int_eq(sweep_once(&w, other), MOLA_OK);
    ck_assert_int_eq(world_metric(&w, MOLA_M_index_namespaces_waiting), 1); /* not by this one */
    mola_indexer_close(other);
}
END_TEST

START_TEST(an_idle_namespace_costs_one_get_and_one_list)
{
    make(3);
    ck_assert(must_flush(&w, sweeper, NAME));
    pass_time(&w, L_NS);
    must_sweep();
    uint64_t gets = w.gets, lists = w.lists, puts = w.puts;
    must_sweep();
    ck_assert_uint_eq(w.gets, gets + 1);
    ck_assert_uint_eq(w.lists, lists + 3); /* d/ and ns/ for all of them, d/{nsid}/ */
    ck_assert_uint_eq(w.puts, puts);
}
END_TEST

START_TEST(one_pass_over_everything_leaves_nothing_unindexed)
{
    static const char *const names[] = {"a", "b", "c"};
    for (uint32_t i = 0; i < 3; i++)
        put_one(&w, writer, names[i], i, 1, docs);
    request r;
    uint64_t failed;
    ck_assert_int_eq(mola_index_once(request_begin(&w, &r, 60000), sweeper, &failed), MOLA_OK);
    request_end(&r);
    ck_assert_uint_eq(failed, 0);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_uint_eq(manifest_of(&w, names[i]).indexed_seq, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *all = tcase_create("sweep");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, a_deleted_life_goes_after_both_waits);
    tcase_add_test(all, what_lives_stays);
    tcase_add_test(all, a_suspect_may_still_be_born);
    tcase_add_test(all, a_suspect_that_lives_may_have_lost_its_first_entries);
    tcase_add_test(all, a_deleted_life_without_its_first_entries_goes);
    tcase_add_test(all, a_birth_is_made_impossible_before_anything_goes);
    tcase_add_test(all, who_lost_a_race_of_births_needs_no_tombstone);
    tcase_add_test(all, a_tombstone_that_may_not_have_landed_proves_nothing);
    tcase_add_test(all, a_sweep_that_cannot_read_a_manifest_buries_nobody);
    tcase_add_test(all, a_deletion_that_nobody_finished_is_finished);
    tcase_add_test(all, a_lost_hint_is_found);
    tcase_add_test(all, an_idle_namespace_costs_one_get_and_one_list);
    tcase_add_test(all, one_pass_over_everything_leaves_nothing_unindexed);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
