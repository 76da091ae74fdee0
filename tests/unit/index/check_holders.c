/* Holders: what others need of an incarnation stays, whatever the collector finds (protocol I10).
 */
#include "index/sweep.h"
#include "keeper.h"

static world w;
static mola_namespaces *writer;
static mola_indexer *collector;
static document docs[DOCS_MAX];
static uint8_t nsid[16];
static const uint8_t child_nsid[16] = "the child's nsid";
#define NAME  "books"
#define CHILD "branch"

/* A namespace with a retired segment that may go, and 70 entries below a floor that is waited for.
 */
static void begin(void)
{
    world_open(&w);
    writer = node_open(&w, SIZE_MAX);
    collector = collector_open(&w, 0);
    memset(docs, 0, sizeof docs);
    for (uint32_t i = 0; i < 70; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    ck_assert(must_flush(&w, collector, NAME));
    memcpy(nsid, manifest_of(&w, NAME).nsid, sizeof nsid);
    mola_retired left = retired_row(&w, nsid, 1, 77);
    put_segment(&w, nsid, 1, 77);
    publish_changed(&w, writer, NAME, add_retired, &left);
    ck_assert(must_collect(&w, collector, NAME)); /* the floor */
    (void)must_collect(&w, collector, NAME);
}
static void end(void)
{
    w.judge = NULL;
    mola_indexer_close(collector);
    mola_namespaces_close(writer);
    world_close(&w);
}
static bool segment_is_there(void)
{
    return exists(&w, segment_key(nsid, 1, 77));
}
static uint32_t log_entries(void)
{
    return count_under(&w, nsid, 'w');
}
static void collect_after_all_waits(void)
{
    pass_time(&w, 2 * L_NS + MOLA_SECOND);
    passed p = collect(&w, collector, NAME, MOLA_COLLECT_USUAL);
    ck_assert_int_eq(p.err, MOLA_OK);
}

/* ns/branch as `m`. */
static void put_child(const mola_manifest *m)
{
    mola_buf image;
    mola_buf_init(&image, &w.heap);
    mola_manifest_encode(&image, m);
    put_object(&w, mola_key_manifest((mola_str){0}, MOLA_STR(CHILD)), mola_buf_str(&image));
    mola_buf_free(&image);
}
static mola_holder holder_of_child(void)
{
    mola_holder h = {.name = MOLA_STR(CHILD)};
    memcpy(h.child, child_nsid, sizeof h.child);
    return h;
}
/* A living child that has indexed up to `indexed` of the parent's log, in `count` segments. */
static mola_manifest living(const mola_segment_ref *segments, const mola_segment_info *infos,
                            uint32_t count, const mola_lineage *lineage)
{
    mola_manifest m = {.epoch = 1,
                       .ver = 1,
                       .segments = (mola_segment_ref *)(uintptr_t)segments,
                       .infos = (mola_segment_info *)(uintptr_t)infos,
                       .segment_count = count,
                       .lineage = (mola_lineage *)(uintptr_t)lineage,
                       .lineage_count = lineage ? 1 : 0};
    memcpy(m.nsid, child_nsid, sizeof m.nsid);
    if (count) {
        m.indexed_seq = segments[count - 1].seq_to;
        m.state = w.state;
    }
    return m;
}

START_TEST(without_holders_everything_goes)
{
    collect_after_all_waits();
    ck_assert(!segment_is_there());
    ck_assert_uint_eq(log_entries(), 0);
}
END_TEST

START_TEST(an_unborn_child_holds_everything)
{
    mola_holder h = holder_of_child();
    put_holder(&w, nsid, &h);
    collect_after_all_waits();
    ck_assert(segment_is_there());
    ck_assert_uint_eq(log_entries(), 70);
}
END_TEST

START_TEST(what_cannot_be_read_holds_everything)
{
    static const uint32_t flags[] = {MOLA_HOLDER_OPEN, MOLA_HOLDER_ABANDONED};
    put_object(&w, mola_key_holder((mola_str){0}, nsid, MOLA_STR("odd")), MOLA_STR("not a holder"));
    collect_after_all_waits();
    ck_assert(segment_is_there());
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        mola_key odd = mola_key_holder((mola_str){0}, nsid, MOLA_STR("odd"));
        mola_holder h = {.flags = flags[i]};
        mola_buf image;
        mola_buf_init(&image, &w.heap);
        mola_holder_encode(&image, &h);
        put_object(&w, odd, mola_buf_str(&image));
        mola_buf_free(&image);
        collect_after_all_waits();
        ck_assert_uint_eq(log_entries(), 70);
    }
    put_object(&w, mola_key_manifest((mola_str){0}, MOLA_STR(CHILD)), MOLA_STR("not a manifest"));
    mola_holder h = holder_of_child();
    put_holder(&w, nsid, &h);
    collect_after_all_waits();
    ck_assert_uint_eq(log_entries(), 70);
}
END_TEST

START_TEST(a_child_holds_the_segments_it_refers_to)
{
    mola_segment_ref segment = {.base = 1, .rand = 77, .seq_from = 1, .seq_to = 70};
    mola_segment_info info = {.rows = 70, .head_bytes = 1, .data_bytes = 1, .object_count = 1};
    memcpy(segment.owner, nsid, sizeof segment.owner);
    mola_manifest m = living(&segment, &info, 1, NULL);
    put_child(&m);
    mola_holder h = holder_of_child();
    put_holder(&w, nsid, &h);
    collect_after_all_waits();
    ck_assert(segment_is_there());
    ck_assert_uint_eq(log_entries(), 0); /* of the log it needs nothing */
    ck_assert_uint_eq(count_under(&w, nsid, 'r'), 1);
}
END_TEST

START_TEST(a_child_holds_the_log_up_to_where_it_branched)
{
    mola_lineage lineage = {.last_seq = 40};
    memcpy(lineage.nsid, nsid, sizeof lineage.nsid);
    mola_manifest m = living(NULL, NULL, 0, &lineage);
    put_child(&m);
    mola_holder h = holder_of_child();
    put_holder(&w, nsid, &h);
    collect_after_all_waits();
    ck_assert(!segment_is_there());
    ck_assert_uint_eq(log_entries(), 40);
}
END_TEST

START_TEST(a_child_that_needs_nothing_loses_its_holder)
{
    mola_manifest m = living(NULL, NULL, 0, NULL);
    put_child(&m);
    mola_holder h = holder_of_child();
    put_holder(&w, nsid, &h);
    collect_after_all_waits();
    ck_assert(!segment_is_there());
    ck_assert_uint_eq(count_under(&w, nsid, 'r'), 0);
}
END_TEST

/* The child was never born: suspected for W, its birth made impossible, W more; then it is nobody.
 */
START_TEST(a_child_that_is_never_born_holds_until_its_birth_is_impossible)
{
    mola_holder h = holder_of_child();
    put_holder(&w, nsid, &h);
    collect_after_all_waits(); /* suspects it */
    ck_assert(!manifest_now(&w, CHILD, &(mola_manifest){0}, NULL));
    pass_time(&w, W_NS - 5 * MOLA_SECOND);
    (void)must_collect(&w, collector, NAME);
    ck_assert(!manifest_now(&w, CHILD, &(mola_manifest){0}, NULL));
    pass_time(&w, 10 * MOLA_SECOND);
    (void)must_collect(&w, collector, NAME);
    mola_manifest grave = manifest_of(&w, CHILD);
    ck_assert(grave.deleted);
    ck_assert_uint_eq(grave.ver, 1);
    ck_assert(memcmp(grave.nsid, child_nsid, 16) != 0); /* that would tell it that it was born */
    ck_assert_uint_eq(log_entries(), 70);
    pass_time(&w, W_NS + MOLA_SECOND);
    ck_assert(must_collect(&w, collector, NAME));
    ck_assert_uint_eq(log_entries(), 0);
    ck_assert_uint_eq(count_under(&w, nsid, 'r'), 0);
}
END_TEST

/* A sweep in between does not take silence for death: the child has no object yet. */
START_TEST(a_sweep_does_not_bury_a_child_of_which_it_saw_nothing)
{
    mola_holder h = holder_of_child();
    h.cond_ver = 7; /* of a version that the name has not reached here: nothing can be said */
    put_holder(&w, nsid, &h);
    for (uint32_t i = 0; i < 4; i++) {
        collect_after_all_waits();
        ck_assert_int_eq(sweep_once(&w, collector), MOLA_OK);
        request r;
        ck_assert_int_eq(mola_sweep_doomed(request_begin(&w, &r, 5000), collector), MOLA_OK);
        request_end(&r);
    }
    ck_assert_uint_eq(log_entries(), 70);
    ck_assert_uint_eq(count_under(&w, nsid, 'r'), 1);
}
END_TEST

/* ------------------------------------------------------------------ when it is listed */
static uint32_t lists_of_holders;
static bool at_cas_time;
static fate add_holder(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    mola_key prefix = mola_key_folder((mola_str){0}, nsid, 'r');
    bool cas = op->verb == MOLA_PUT && key_is_manifest(op->key);
    bool second = op->verb == MOLA_LIST && mola_str_eq(op->key, mola_key_str(&prefix)) &&
                  ++lists_of_holders == 2;
    if ((at_cas_time && cas) || (!at_cas_time && second)) {
        mola_holder h = {.name = MOLA_STR("newcomer")};
        put_holder(&w, nsid, &h);
    }
    return PASS;
}

START_TEST(a_holder_that_came_before_the_change_is_seen)
{
    lists_of_holders = 0;
    at_cas_time = true;
    w.judge = add_holder;
    collect_after_all_waits();
    ck_assert(segment_is_there());
    ck_assert_uint_eq(manifest_of(&w, NAME).retired_count, 0); /* the change was made */
}
END_TEST

START_TEST(a_newcomer_between_the_listings_ends_the_pass)
{
    mola_manifest m = living(NULL, NULL, 0, NULL);
    put_child(&m);
    mola_holder h = holder_of_child(); /* where there were any, they are listed again */
    put_holder(&w, nsid, &h);
    lists_of_holders = 0;
    at_cas_time = false;
    w.judge = add_holder;
    collect_after_all_waits();
    ck_assert_uint_ge(lists_of_holders, 2);
    ck_assert(segment_is_there());
    ck_assert_uint_eq(log_entries(), 70);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("holders");
    TCase *all = tcase_create("holders");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, without_holders_everything_goes);
    tcase_add_test(all, an_unborn_child_holds_everything);
    tcase_add_test(all, what_cannot_be_read_holds_everything);
    tcase_add_test(all, a_child_holds_the_segments_it_refers_to);
    tcase_add_test(all, a_child_holds_the_log_up_to_where_it_branched);
    tcase_add_test(all, a_child_that_needs_nothing_loses_its_holder);
    tcase_add_test(all, a_child_that_is_never_born_holds_until_its_birth_is_impossible);
    tcase_add_test(all, a_sweep_does_not_bury_a_child_of_which_it_saw_nothing);
    tcase_add_test(all, a_holder_that_came_before_the_change_is_seen);
    tcase_add_test(all, a_newcomer_between_the_listings_ends_the_pass);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
