/* The collector: each wait is proved from both sides, and each thing that somebody may still need
 * stays (protocol I3, I4, I6a, I7 and section 8). */
#include "keeper.h"

static world w;
static mola_namespaces *writer;
static mola_indexer *collector;
static document docs[DOCS_MAX];
static uint8_t nsid[16];
#define NAME "books"

static void begin(void)
{
    world_open(&w);
    writer = node_open(&w, SIZE_MAX);
    collector = collector_open(&w, 0);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    w.judge = NULL;
    mola_indexer_close(collector);
    mola_namespaces_close(writer);
    world_close(&w);
}
/* A namespace of `entries` entries, all of them in a segment. */
static void make(uint32_t entries)
{
    for (uint32_t i = 0; i < entries; i++)
        put_one(&w, writer, NAME, i, (int64_t)i, docs);
    ck_assert(must_flush(&w, collector, NAME));
    mola_manifest m = manifest_of(&w, NAME);
    ck_assert_uint_eq(m.indexed_seq, entries);
    memcpy(nsid, m.nsid, sizeof nsid);
}
static uint32_t log_entries(void)
{
    return count_under(&w, nsid, 'w');
}

/* ------------------------------------------------------------------ the floor */
START_TEST(a_few_entries_are_worth_a_change_after_L)
{
    make(3);
    ck_assert(!must_collect(&w, collector, NAME));
    pass_time(&w, L_NS - 5 * MOLA_SECOND);
    ck_assert(!must_collect(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).wal_floor, 0);
    pass_time(&w, 10 * MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).wal_floor, 3);
}
END_TEST

START_TEST(entries_go_W_after_their_floor_was_received)
{
    make(70);
    put_one(&w, writer, NAME, 100, 1, docs); /* not indexed */
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).wal_floor, 70);
    ck_assert(!must_collect(&w, collector, NAME)); /* from here on it counts */
    pass_time(&w, W_NS - 5 * MOLA_SECOND);
    ck_assert(!must_collect(&w, collector, NAME));
    ck_assert(!must_look_daily(&w, collector, NAME));
    ck_assert_uint_eq(log_entries(), 71);

    mola_indexer *restarted = collector_open(&w, 0); /* memory only: a restart counts anew */
    ck_assert(!must_collect(&w, restarted, NAME));
    pass_time(&w, 10 * MOLA_SECOND);
    ck_assert(!must_collect(&w, restarted, NAME));
    ck_assert_uint_eq(log_entries(), 71);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(log_entries(), 1);
    ck_assert_int_eq(world_metric(&w, MOLA_M_collect_deleted_total), 70);
    check_afresh(&w, NAME, docs, 200);
    pass_time(&w, W_NS);
    ck_assert(!must_collect(&w, restarted, NAME)); /* nothing is left to delete */
    mola_indexer_close(restarted);
}
END_TEST

START_TEST(waits_of_one_life_say_nothing_about_the_next)
{
    make(70);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert(!must_collect(&w, collector, NAME));
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    pass_time(&w, W_NS + MOLA_SECOND);
    memset(docs, 0, sizeof docs);
    make(70);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert(!must_collect(&w, collector, NAME));
    ck_assert_uint_eq(log_entries(), 70);
    pass_time(&w, W_NS + MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(log_entries(), 0);
}
END_TEST

START_TEST(young_entries_are_kept)
{
    enum { HOUR_S = 3600 };
    mola_indexer *patient = collector_open(&w, HOUR_S);
    make(100);
    pass_time(&w, HOUR_S / 2 * MOLA_SECOND);
    for (uint32_t i = 100; i < 120; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    ck_assert(must_flush(&w, collector, NAME));
    ck_assert(!must_collect(&w, patient, NAME));
    uint64_t gets = w.gets;
    ck_assert(!must_collect(&w, patient, NAME));
    ck_assert_uint_eq(w.gets, gets + 1); /* it knows when to ask for their age again */
    pass_time(&w, (HOUR_S / 2 + 60) * MOLA_SECOND);
    ck_assert(must_collect(&w, patient, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).wal_floor, 100);
    pass_time(&w, HOUR_S * MOLA_SECOND);
    ck_assert(!must_collect(&w, patient, NAME));
    pass_time(&w, L_NS);
    ck_assert(must_collect(&w, patient, NAME)); /* also what was to be deleted since */
    ck_assert_uint_eq(manifest_of(&w, NAME).wal_floor, 120);
    mola_indexer_close(patient);
}
END_TEST

START_TEST(a_pass_that_finds_nothing_new_is_one_get)
{
    make(3);
    ck_assert(!must_collect(&w, collector, NAME));
    uint64_t gets = w.gets, puts = w.puts, lists = w.lists;
    ck_assert(!must_collect(&w, collector, NAME));
    ck_assert_uint_eq(w.gets, gets + 1);
    ck_assert_uint_eq(w.puts, puts);
    ck_assert_uint_eq(w.lists, lists);
}
END_TEST

/* Section 6: a payload is garbage 1,024 slots below the floor. */
START_TEST(payloads_stay_while_an_entry_could_name_them)
{
    make(1100);
    mola_key old = mola_key_payload((mola_str){0}, nsid, 1100 - 1024, 5);
    mola_key young = mola_key_payload((mola_str){0}, nsid, 1100 - 1023, 6);
    put_object(&w, old, MOLA_STR("x"));
    put_object(&w, young, MOLA_STR("x"));
    ck_assert(must_collect(&w, collector, NAME));
    (void)must_collect(&w, collector, NAME);
    pass_time(&w, W_NS + MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert(!exists(&w, old));
    ck_assert(exists(&w, young));
}
END_TEST

/* ------------------------------------------------------------------ retired rows */
START_TEST(retired_objects_go_2_L_after_their_row_was_received)
{
    make(3);
    mola_retired left = retired_row(&w, nsid, 1, 77);
    put_segment(&w, nsid, 1, 77);
    publish_changed(&w, writer, NAME, add_retired, &left);
    pass_time(&w, 2 * L_NS); /* nobody has received it yet */
    (void)must_collect(&w, collector, NAME);
    pass_time(&w, 2 * L_NS - 5 * MOLA_SECOND);
    (void)must_collect(&w, collector, NAME);
    ck_assert_uint_eq(manifest_of(&w, NAME).retired_count, 1);
    ck_assert(exists(&w, segment_key(nsid, 1, 77)));
    pass_time(&w, 10 * MOLA_SECOND);
    uint32_t before = count_under(&w, nsid, 's');
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).retired_count, 0);
    ck_assert_uint_eq(count_under(&w, nsid, 's'), before - 3);
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

START_TEST(retired_delete_vectors_go_the_same_way)
{
    make(3);
    mola_retired left = retired_row(&w, nsid, 1, 78);
    mola_key key = mola_key_deletes((mola_str){0}, nsid, 1, 78);
    put_object(&w, key, MOLA_STR("x"));
    publish_changed(&w, writer, NAME, add_retired, &left);
    (void)must_collect(&w, collector, NAME);
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert(!exists(&w, key));
}
END_TEST

START_TEST(retention_keeps_rows_longer)
{
    mola_indexer *patient = collector_open(&w, 3 * 3600);
    make(3);
    mola_retired left = retired_row(&w, nsid, 1, 79);
    put_segment(&w, nsid, 1, 79);
    publish_changed(&w, writer, NAME, add_retired, &left);
    passed first = collect(&w, patient, NAME, MOLA_COLLECT_USUAL);
    ck_assert_uint_gt(first.out.due_ns, mola_boot_ns(w.env) + 2 * L_NS);
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    (void)must_collect(&w, patient, NAME);
    ck_assert(exists(&w, segment_key(nsid, 1, 79)));
    pass_time(&w, 3 * 3600 * MOLA_SECOND);
    ck_assert(must_collect(&w, patient, NAME));
    ck_assert(!exists(&w, segment_key(nsid, 1, 79)));
    mola_indexer_close(patient);
}
END_TEST

/* Waits are of an (incarnation, row). */
START_TEST(a_row_waits_anew_in_another_incarnation)
{
    static const uint8_t owner[16] = "somebody else's";
    make(3);
    mola_retired left = retired_row(&w, owner, 1, 80);
    publish_changed(&w, writer, NAME, add_retired, &left);
    (void)must_collect(&w, collector, NAME);
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    memset(docs, 0, sizeof docs);
    make(3);
    publish_changed(&w, writer, NAME, add_retired, &left);
    (void)must_collect(&w, collector, NAME);
    ck_assert_uint_eq(manifest_of(&w, NAME).retired_count, 1);
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).retired_count, 0);
}
END_TEST

START_TEST(what_is_borrowed_is_left_to_its_owner)
{
    static const uint8_t owner[16] = "somebody else's";
    make(3);
    mola_retired left = retired_row(&w, owner, 1, 81);
    put_segment(&w, owner, 1, 81);
    publish_changed(&w, writer, NAME, add_retired, &left);
    (void)must_collect(&w, collector, NAME);
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).retired_count, 0);
    ck_assert(exists(&w, segment_key(owner, 1, 81)));
}
END_TEST

/* ------------------------------------------------------------------ a CAS that does not succeed */
static fate fate_of_cas;
static bool raced;
static fate at_cas(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    if (op->verb != MOLA_PUT || !key_is_manifest(op->key))
        return PASS;
    if (fate_of_cas == PASS && !raced) { /* somebody else is faster */
        raced = true;
        publish_changed(&w, writer, NAME, change_nothing, NULL);
    }
    return fate_of_cas;
}
START_TEST(nothing_is_deleted_unless_the_change_is_known_to_stand)
{
    static const fate fates[] = {PASS, LOSE_REQUEST, REFUSE, DENY, LOSE_ANSWER};
    make(3);
    mola_retired left = retired_row(&w, nsid, 1, 82);
    put_segment(&w, nsid, 1, 82);
    publish_changed(&w, writer, NAME, add_retired, &left);
    (void)must_collect(&w, collector, NAME);
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        fate_of_cas = fates[i];
        raced = false;
        w.judge = at_cas;
        passed p = collect(&w, collector, NAME, MOLA_COLLECT_USUAL);
        w.judge = NULL;
        ck_assert((p.err == MOLA_OK) == (fates[i] == PASS));
        ck_assert(!p.out.did);
        ck_assert(exists(&w, segment_key(nsid, 1, 82)));
    }
}
END_TEST

/* ------------------------------------------------------------------ orphans and gc_floor */
START_TEST(gc_floor_follows_versions_of_a_day_ago)
{
    make(3);
    uint64_t first = manifest_of(&w, NAME).ver;
    put_segment(&w, nsid, 0, 90); /* an orphan, so that a change is wanted */
    ck_assert(!must_look_daily(&w, collector, NAME));
    pass_time(&w, 25 * 3600 * MOLA_SECOND);
    publish_changed(&w, writer, NAME, change_nothing, NULL);
    ck_assert(must_look_daily(&w, collector, NAME));
    ck_assert_uint_eq(manifest_of(&w, NAME).gc_floor, first); /* what follows it is young */
}
END_TEST

/* Nobody publishes any more: the version that is current was so a day ago. */
START_TEST(orphans_of_an_idle_namespace_go)
{
    make(3);
    uint64_t ver = manifest_of(&w, NAME).ver;
    put_segment(&w, nsid, ver - 1, 94);
    put_segment(&w, nsid, ver, 95); /* may be on its way into the table */
    pass_time(&w, 25 * 3600 * MOLA_SECOND);
    ck_assert(must_look_daily(&w, collector, NAME));
    ck_assert(!exists(&w, segment_key(nsid, ver - 1, 94)));
    ck_assert(exists(&w, segment_key(nsid, ver, 95)));
    check_afresh(&w, NAME, docs, 200);
}
END_TEST

START_TEST(orphans_go_when_no_table_can_take_them_any_more)
{
    make(3);
    uint64_t ver = manifest_of(&w, NAME).ver;
    mola_retired left = retired_row(&w, nsid, 1, 91);
    put_segment(&w, nsid, 0, 91);
    publish_changed(&w, writer, NAME, add_retired, &left);
    put_segment(&w, nsid, 1, 91);       /* retired */
    put_segment(&w, nsid, ver + 5, 92); /* being built */
    put_object(&w, mola_key_deletes((mola_str){0}, nsid, 0, 93), MOLA_STR("x"));
    uint32_t before = count_under(&w, nsid, 's');
    pass_time(&w, 25 * 3600 * MOLA_SECOND);
    publish_changed(&w, writer, NAME, change_nothing, NULL);
    ck_assert(must_look_daily(&w, collector, NAME));
    ck_assert_uint_eq(count_under(&w, nsid, 's'), before - 3);
    ck_assert_uint_eq(count_under(&w, nsid, 'x'), 0);
    ck_assert(exists(&w, segment_key(nsid, 1, 91)));
    ck_assert(exists(&w, segment_key(nsid, ver + 5, 92)));
    check_afresh(&w, NAME, docs, 200);
    uint64_t puts = w.puts;
    pass_time(&w, 25 * 3600 * MOLA_SECOND); /* an idle namespace is not changed every day */
    (void)must_look_daily(&w, collector, NAME);
    (void)must_look_daily(&w, collector, NAME);
    ck_assert_uint_le(w.puts, puts + 1);
}
END_TEST

/* The whole life with real segments: what merges leave behind goes, what they made stays. */
START_TEST(merged_segments_are_collected_and_nothing_is_missed)
{
    dice d = {test_seed(8)};
    for (uint32_t round = 0; round < 6; round++) {
        put_many(&w, writer, NAME, &d, round * 1500, 3000, docs);
        ck_assert(must_flush(&w, collector, NAME));
        (void)must_merge(&w, collector, NAME, round % 2);
        for (uint32_t i = 0; i < 4; i++) {
            (void)must_collect(&w, collector, NAME);
            pass_time(&w, L_NS);
        }
        check_afresh(&w, NAME, docs, DOCS_MAX);
    }
    memcpy(nsid, manifest_of(&w, NAME).nsid, sizeof nsid);
    (void)must_merge(&w, collector, NAME, true);
    for (uint32_t i = 0; i < 8; i++) {
        (void)must_collect(&w, collector, NAME);
        pass_time(&w, L_NS);
    }
    ck_assert_uint_eq(shape_of(&w, NAME).retired, 0);
    ck_assert_uint_eq(log_entries(), 0);
    ck_assert_uint_eq(count_under(&w, nsid, 'x'), 0);
    uint32_t objects = count_under(&w, nsid, 's');
    ck_assert_uint_ge(objects, 2);
    ck_assert_uint_le(objects, 3);
    check_afresh(&w, NAME, docs, DOCS_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collect");
    TCase *all = tcase_create("collect");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, a_few_entries_are_worth_a_change_after_L);
    tcase_add_test(all, entries_go_W_after_their_floor_was_received);
    tcase_add_test(all, waits_of_one_life_say_nothing_about_the_next);
    tcase_add_test(all, young_entries_are_kept);
    tcase_add_test(all, a_pass_that_finds_nothing_new_is_one_get);
    tcase_add_test(all, payloads_stay_while_an_entry_could_name_them);
    tcase_add_test(all, retired_objects_go_2_L_after_their_row_was_received);
    tcase_add_test(all, retired_delete_vectors_go_the_same_way);
    tcase_add_test(all, retention_keeps_rows_longer);
    tcase_add_test(all, a_row_waits_anew_in_another_incarnation);
    tcase_add_test(all, what_is_borrowed_is_left_to_its_owner);
    tcase_add_test(all, nothing_is_deleted_unless_the_change_is_known_to_stand);
    tcase_add_test(all, gc_floor_follows_versions_of_a_day_ago);
    tcase_add_test(all, orphans_of_an_idle_namespace_go);
    tcase_add_test(all, orphans_go_when_no_table_can_take_them_any_more);
    tcase_add_test(all, merged_segments_are_collected_and_nothing_is_missed);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
