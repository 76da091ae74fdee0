/* Who learns of unindexed log, and what happens then: hints of writers, the indexer's threads,
 * failures. */
#include "index/hints.h"
#include "index/work.h"
#include "keeper.h"

static world w;
static document docs[DOCS_MAX];
#define NAME "books"

static void begin(void)
{
    world_open(&w);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    w.judge = NULL;
    world_close(&w);
}

/* A node that leaves hints, or tells somebody. */
static mola_namespaces *node_that(void (*unindexed)(void *, mola_str, const mola_view *), void *of)
{
    mola_namespaces *all;
    mola_namespaces_config config = {.env = w.env,
                                     .view_bytes_max = SIZE_MAX,
                                     .fence_ns = W_NS,
                                     .hints = !unindexed,
                                     .unindexed = unindexed,
                                     .unindexed_of = of};
    ck_assert_int_eq(mola_namespaces_open(&config, &all), MOLA_OK);
    return all;
}
/* An indexer with threads, which flushes what is older than `age_ns` and polls for hints. */
static mola_indexer *indexer_with(uint32_t workers, uint64_t flush_bytes, uint64_t age_ns,
                                  uint64_t poll_ns)
{
    mola_indexer_config config = mola_indexer_defaults(w.env);
    config.env = w.env;
    config.fence_ns = W_NS;
    config.workers = workers;
    config.flush_bytes = flush_bytes;
    config.flush_age_ns = age_ns;
    config.poll_ns = poll_ns;
    config.memory_max = 256 << 20;
    mola_indexer *indexer;
    mola_why why = {0};
    ck_assert_int_eq(mola_indexer_open(&config, &indexer, &why), MOLA_OK);
    return indexer;
}

/* Real time: what other threads do is waited for. */
static bool comes_true(bool (*what)(void))
{
    for (uint64_t until = w.real->boot_ns(w.env) + 20 * MOLA_SECOND;
         w.real->boot_ns(w.env) < until;) {
        if (what())
            return true;
        w.real->sleep_ns(w.env, 2 * MOLA_MILLISECOND);
    }
    return false;
}

static bool all_indexed(void)
{
    mola_manifest m;
    return manifest_now(&w, NAME, &m, NULL) && m.indexed_seq == 20;
}
static bool some_hint(void)
{
    return count_keys(&w, "q/") == 1;
}
static bool no_hint(void)
{
    return count_keys(&w, "q/") == 0;
}
static bool nothing_waits(void)
{
    return world_metric(&w, MOLA_M_index_namespaces_waiting) == 0;
}

/* ------------------------------------------------------------------ hints of writers */
static _Atomic uint32_t hints_put;
static fate count_hints(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    bool hint = op->verb == MOLA_PUT && mola_str_starts(op->key, MOLA_STR("q/"));
    hints_put += hint;
    return hint ? *(const fate *)argument : PASS;
}
static uint32_t hints_settled(void)
{
    uint32_t seen = hints_put; /* the keeper puts them: give it time to be wrong */
    for (int still = 0; still < 20; still++) {
        w.real->sleep_ns(w.env, 5 * MOLA_MILLISECOND);
        if (hints_put != seen)
            still = 0;
        seen = hints_put;
    }
    return seen;
}

START_TEST(a_writer_hints_when_the_log_has_doubled)
{
    static const fate pass = PASS;
    hints_put = 0;
    w.judge = count_hints;
    w.argument = (void *)(uintptr_t)&pass;
    mola_namespaces *writer = node_that(NULL, NULL);
    uint32_t before = 0;
    for (uint32_t i = 0; i < 33; i++) {
        put_one(&w, writer, NAME, i, 1, docs);
        uint32_t now = hints_settled();
        ck_assert_uint_le(now, before + 1);
        before = now;
    }
    ck_assert_uint_ge(before, 4); /* 1, 2, 4, 8, 16, 32 entries, or about so */
    ck_assert_uint_le(before, 7);
    mola_indexer *indexer = collector_open(&w, 0);
    ck_assert(must_flush(&w, indexer, NAME));
    (void)check_node(&w, writer, NAME, docs, 200);
    pass_time(&w, W_NS); /* the hold expires, and the view moves to the segment */
    (void)check_node(&w, writer, NAME, docs, 200);
    put_one(&w, writer, NAME, 40, 1, docs);
    ck_assert_uint_eq(hints_settled(), before + 1); /* the first entry after a flush */
    mola_indexer_close(indexer);
    mola_namespaces_close(writer);
}
END_TEST

START_TEST(no_write_fails_with_its_hint)
{
    static const fate fates[] = {LOSE_REQUEST, REFUSE, DENY};
    mola_namespaces *writer = node_that(NULL, NULL);
    w.judge = count_hints;
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        w.argument = (void *)(uintptr_t)&fates[i];
        for (uint32_t n = 0; n < 5; n++)
            put_one(&w, writer, NAME, i * 5 + n, 1, docs);
    }
    (void)hints_settled();
    check_afresh(&w, NAME, docs, 200);
    mola_namespaces_close(writer);
}
END_TEST

START_TEST(a_hint_is_worked_off_and_deleted)
{
    mola_namespaces *writer = node_that(NULL, NULL);
    for (uint32_t i = 0; i < 20; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    ck_assert(comes_true(some_hint));
    mola_indexer *indexer = indexer_with(2, 1, 0, 5 * MOLA_MILLISECOND);
    ck_assert(comes_true(all_indexed));
    ck_assert(comes_true(no_hint));
    ck_assert(comes_true(nothing_waits));
    mola_indexer_close(indexer);
    check_afresh(&w, NAME, docs, 200);
    mola_namespaces_close(writer);
}
END_TEST

START_TEST(hints_that_say_nothing_go)
{
    static const uint8_t nobody[16] = "no such life";
    put_object(&w, mola_key_hint((mola_str){0}, nobody), MOLA_STR("not a name!"));
    mola_indexer *indexer = collector_open(&w, 0);
    request r;
    ck_assert_int_eq(mola_hints_poll(request_begin(&w, &r, 5000), indexer), MOLA_OK);
    request_end(&r);
    ck_assert(no_hint());
    mola_indexer_close(indexer);
    put_object(&w, mola_key_hint((mola_str){0}, nobody), MOLA_STR("no-such-name"));
    indexer = indexer_with(1, 1, 0, 5 * MOLA_MILLISECOND);
    ck_assert(comes_true(no_hint));
    mola_indexer_close(indexer);
}
END_TEST

/* ------------------------------------------------------------------ an indexer in the process */
static mola_indexer *inlined;
static void tell(void *of, mola_str name, const mola_view *view)
{
    (void)of;
    mola_indexer_grew(inlined, name, view);
}

START_TEST(what_is_appended_here_is_indexed_here)
{
    inlined = indexer_with(1, 1, 0, 0);
    mola_namespaces *writer = node_that(tell, NULL);
    for (uint32_t i = 0; i < 20; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    ck_assert(comes_true(all_indexed));
    ck_assert(comes_true(nothing_waits));
    ck_assert(no_hint());
    (void)check_node(&w, writer, NAME, docs, 200);
    mola_namespaces_close(writer);
    mola_indexer_close(inlined);
}
END_TEST

START_TEST(small_logs_wait_until_they_are_old)
{
    inlined = indexer_with(1, 1 << 20, 3600 * MOLA_SECOND, 0);
    mola_namespaces *writer = node_that(tell, NULL);
    for (uint32_t i = 0; i < 20; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    w.real->sleep_ns(w.env, 50 * MOLA_MILLISECOND);
    ck_assert(!all_indexed());
    ck_assert_int_eq(world_metric(&w, MOLA_M_index_namespaces_waiting), 1);
    pass_time(&w, 3600 * MOLA_SECOND);
    mola_indexer_notice(inlined, MOLA_STR("another")); /* wakes it: its clock has jumped */
    ck_assert(comes_true(all_indexed));
    mola_namespaces_close(writer);
    mola_indexer_close(inlined);
}
END_TEST

/* ------------------------------------------------------------------ failures */
static _Atomic uint32_t refused;
static fate refuse_publication(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    bool publication = op->verb == MOLA_PUT && mola_str_eq(op->key, MOLA_STR("ns/bad"));
    refused += publication;
    return publication ? DENY : PASS;
}
static bool often_refused(void)
{
    pass_time(&w, 600 * MOLA_SECOND); /* waits between attempts are waits of the clock */
    mola_indexer_notice(inlined, MOLA_STR("another"));
    return refused >= 8;
}
START_TEST(a_namespace_that_fails_does_not_stop_the_others)
{
    mola_namespaces *writer = node_open(&w, SIZE_MAX);
    document bad[IDS_MAX] = {0};
    put_one(&w, writer, "bad", 1, 1, bad);
    for (uint32_t i = 0; i < 20; i++)
        put_one(&w, writer, NAME, i, 1, docs);
    refused = 0;
    w.judge = refuse_publication;
    inlined = indexer_with(1, 1, 0, 0);
    mola_indexer_notice(inlined, MOLA_STR("bad"));
    mola_indexer_notice(inlined, MOLA_STR(NAME));
    ck_assert(comes_true(all_indexed));
    ck_assert(comes_true(often_refused));
    uint32_t after = refused; /* now it is left alone for an hour */
    for (uint32_t i = 0; i < 5; i++) {
        pass_time(&w, 60 * MOLA_SECOND);
        mola_indexer_notice(inlined, MOLA_STR("another"));
        w.real->sleep_ns(w.env, 5 * MOLA_MILLISECOND);
    }
    ck_assert_uint_le(refused, after + 1);
    ck_assert_int_ge(world_metric(&w, MOLA_M_index_failures_total), 8);
    mola_indexer_close(inlined);
    mola_namespaces_close(writer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("work");
    TCase *all = tcase_create("work");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, a_writer_hints_when_the_log_has_doubled);
    tcase_add_test(all, no_write_fails_with_its_hint);
    tcase_add_test(all, a_hint_is_worked_off_and_deleted);
    tcase_add_test(all, hints_that_say_nothing_go);
    tcase_add_test(all, what_is_appended_here_is_indexed_here);
    tcase_add_test(all, small_logs_wait_until_they_are_old);
    tcase_add_test(all, a_namespace_that_fails_does_not_stop_the_others);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
