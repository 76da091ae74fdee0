/* What the s3: driver makes of a network and a store that misbehave. The fault is named in the key;
 * tests/s3/proxy.py does it. run.py starts both. */
#include "../unit/store/harness.h"
#include "mola/store/preflight.h"

static const char *faults; /* the bucket through the proxy */

/* `prefix` goes before the random part of the place: a fault in it is done to all requests. */
static void open_faulty(const char *prefix)
{
    char base[URL_BYTES];
    const char *options = strchr(faults, '?');
    ck_assert_ptr_nonnull(options);
    (void)snprintf(base, sizeof base, "%.*s%s%s", (int)(options - faults), faults, prefix, options);
    memset(&metrics, 0, sizeof metrics);
    open_fresh(base);
    me.ctx.deadline_ns = mola_boot_ns(env) + 10 * MOLA_SECOND;
}

static int64_t count_of(mola_metric which)
{
    return atomic_load(&metrics.value[which]);
}

static void within_ms(uint64_t ms)
{
    me.ctx.deadline_ns = mola_boot_ns(env) + ms * MOLA_MILLISECOND;
}

/* --- PUT --- */

static const struct {
    const char *key;
    mola_err outcome;
    bool landed;
} put_cases[] = {
    {"@503_before.put.1/k", MOLA_UNKNOWN, false},  {"@503_after.put.1/k", MOLA_UNKNOWN, true},
    {"@500_before.put.1/k", MOLA_UNKNOWN, false},  {"@500_after.put.1/k", MOLA_UNKNOWN, true},
    {"@429_before.put.1/k", MOLA_UNKNOWN, false},  {"@409_before.put.1/k", MOLA_UNKNOWN, false},
    {"@409_after.put.1/k", MOLA_UNKNOWN, true},    {"@reset_before.put.1/k", MOLA_UNKNOWN, false},
    {"@reset_after.put.1/k", MOLA_UNKNOWN, true},  {"@torn_upload.put.1/k", MOLA_UNKNOWN, false},
    {"@torn_head.put.1/k", MOLA_UNKNOWN, true},    {"@silent_before.put.1/k", MOLA_UNKNOWN, false},
    {"@silent_after.put.1/k", MOLA_UNKNOWN, true}, {"@400.put.1/k", MOLA_UNKNOWN, false},
    {"@html_404.put.1/k", MOLA_UNKNOWN, false},    {"@501.put.1/k", MOLA_INVALID, false},
    {"@403.put.1/k", MOLA_INVALID, false},         {"@other_region.put.1/k", MOLA_INVALID, false},
    {"@no_bucket.put.1/k", MOLA_INVALID, false},   {"@expired.put.1/k", MOLA_UNAVAILABLE, false},
    {"@skewed.put.1/k", MOLA_UNAVAILABLE, false},
};

START_TEST(a_put_is_sent_once_and_its_outcome_is_exact)
{
    mola_str key = mola_str_of(put_cases[_i].key);
    open_faulty("");
    within_ms(1500);
    mola_err err = put_new(&me, key, K("mine"));
    ck_assert_msg(err == put_cases[_i].outcome, "%s: %s, expected %s", put_cases[_i].key,
                  mola_err_name(err), mola_err_name(put_cases[_i].outcome));
    ck_assert_int_eq(count_of(MOLA_M_store_requests_total), 1);
    ck_assert_int_eq(metrics.store_operations[MOLA_PUT][MOLA_UNKNOWN], err == MOLA_UNKNOWN);
    within_ms(5000);
    ck_err(get(&me, key), put_cases[_i].landed ? MOLA_OK : MOLA_NOT_FOUND);
    ck_err(put_new(&me, key, K("mine")), put_cases[_i].landed ? MOLA_CONFLICT : MOLA_OK);
    ck_object(key, K("mine"));
    close_fresh();
}
END_TEST

START_TEST(a_put_delivered_twice_is_a_conflict_to_be_read_back)
{
    open_faulty("");
    ck_err(put_new(&me, K("@twice.put.1/k"), K("mine")), MOLA_CONFLICT);
    ck_object(K("@twice.put.1/k"), K("mine"));
    close_fresh();
}
END_TEST

/* Whoever reads a conflict back may have it sent again beside a sending that shows nothing. */
START_TEST(an_urgent_put_does_not_wait_for_a_stalled_sending)
{
    static const struct {
        const char *key;
        mola_err outcome;
    } cases[] = {{"@stall_before.put.1/k", MOLA_OK}, {"@stall_after.put.1/k", MOLA_CONFLICT}};
    open_faulty("");
    for (size_t i = 0; i < 2; i++) {
        mola_str key = mola_str_of(cases[i].key);
        uint64_t from = mola_boot_ns(env);
        int64_t before = count_of(MOLA_M_store_requests_total);
        mola_store_op op = {.verb = MOLA_PUT,
                            .key = key,
                            .body = K("mine"),
                            .when = MOLA_PUT_IF_ABSENT,
                            .urgent = true};
        ck_err(run_op(&me, op), cases[i].outcome);
        ck_assert_uint_lt(mola_boot_ns(env) - from, 2900 * MOLA_MILLISECOND);
        ck_assert_int_eq(count_of(MOLA_M_store_requests_total) - before, 2);
        ck_object(key, K("mine"));
    }
    close_fresh();
}
END_TEST

/* Nor is a second one that stalls the end of it. */
START_TEST(many_stalled_sendings_are_not_waited_for)
{
    open_faulty("");
    for (size_t i = 0; i < 16; i++) /* what is overdue is known by then */
        ck_err(put(&me, K("x"), K("x")), MOLA_OK);
    mola_store_op op = {.verb = MOLA_PUT,
                        .key = K("@stall_before.put.5/k"),
                        .body = K("mine"),
                        .when = MOLA_PUT_IF_ABSENT,
                        .urgent = true};
    uint64_t from = mola_boot_ns(env);
    ck_err(run_op(&me, op), MOLA_OK);
    ck_assert_uint_lt(mola_boot_ns(env) - from, 2900 * MOLA_MILLISECOND);
    ck_err(put(&me, K("@stall_before.get.5/k"), K("slow")), MOLA_OK);
    from = mola_boot_ns(env);
    ck_object(K("@stall_before.get.5/k"), K("slow"));
    ck_assert_uint_lt(mola_boot_ns(env) - from, 2900 * MOLA_MILLISECOND);
    close_fresh();
}
END_TEST

START_TEST(a_swap_whose_answer_was_lost_is_unknown)
{
    mola_str key = K("@reset_after.put.1/k");
    open_faulty("");
    ck_err(put(&me, key, K("one")), MOLA_UNKNOWN);
    ck_err(get(&me, key), MOLA_OK);
    mola_etag one = me.op.new_etag;
    ck_err(put_match(&me, key, K("two"), one), MOLA_OK);
    ck_err(put_match(&me, key, K("three"), one), MOLA_CONFLICT);
    ck_object(key, K("two"));
    close_fresh();
}
END_TEST

/* The connection dies under the second request, after it was sent: libcurl sends it again. */
START_TEST(a_refusal_after_libcurl_sent_it_twice_proves_nothing)
{
    open_faulty("");
    ck_err(get(&me, K("@dies_idle.get.1/k")), MOLA_NOT_FOUND);
    ck_err(put_new(&me, K("@403.put/k"), K("mine")), MOLA_UNKNOWN);
    ck_assert_int_eq(count_of(MOLA_M_store_requests_total), 3);
    ck_err(get(&me, K("@dies_idle.get.1/k2")), MOLA_NOT_FOUND);
    ck_err(put_new(&me, K("k"), K("mine")), MOLA_OK);
    ck_object(K("k"), K("mine"));
    close_fresh();
}
END_TEST

START_TEST(a_zombie_lands_when_nobody_waits_for_it)
{
    mola_str key = K("@zombie.put.1/k");
    open_faulty("");
    ck_err(put(&me, key, K("late")), MOLA_UNKNOWN);
    ck_err(put(&me, key, K("early")), MOLA_OK);
    for (int tries = 0; tries < 100; tries++) {
        ck_err(get(&me, key), MOLA_OK);
        if (mola_str_eq(me.op.bytes, K("late")))
            break;
        mola_sleep_ns(env, 50 * MOLA_MILLISECOND);
        me.ctx.deadline_ns = mola_boot_ns(env) + 5 * MOLA_SECOND;
    }
    ck_object(key, K("late"));
    close_fresh();
}
END_TEST

/* --- GET, LIST, DELETE --- */

static const struct {
    const char *key;
    mola_err outcome;
    int64_t requests; /* libcurl's own repetition on a kept connection among them */
} get_cases[] = {
    {"@503_before.get.1/k", MOLA_OK, 2},
    {"@503_before.get.2/k", MOLA_OK, 3},
    {"@503_before.get/k", MOLA_UNAVAILABLE, 3},
    {"@429_before.get.1/k", MOLA_OK, 2},
    {"@409_before.get.1/k", MOLA_OK, 2},
    {"@400.get.1/k", MOLA_OK, 2},
    {"@reset_before.get.1/k", MOLA_OK, 2},
    {"@reset_after.get.1/k", MOLA_OK, 2},
    {"@reset_after.get/k", MOLA_UNAVAILABLE, 4},
    {"@torn_answer.get.1/k", MOLA_OK, 2},
    {"@torn_answer.get/k", MOLA_UNAVAILABLE, 3},
    {"@torn_head.get/k", MOLA_UNAVAILABLE, 3},
    {"@silent_before.get.1/k", MOLA_OK, 2},
    {"@html_404.get.1/k", MOLA_OK, 2},
    {"@html_404.get/k", MOLA_UNAVAILABLE, 3},
    {"@no_etag.get/k", MOLA_UNAVAILABLE, 3},
    {"@no_bucket.get/k", MOLA_INVALID, 1},
    {"@403.get/k", MOLA_INVALID, 1},
    {"@501.get/k", MOLA_INVALID, 1},
    {"@other_region.get/k", MOLA_INVALID, 1},
    {"@expired.get.1/k", MOLA_UNAVAILABLE, 1},
};

START_TEST(a_get_is_repeated_within_reason)
{
    mola_str key = mola_str_of(get_cases[_i].key);
    open_faulty("");
    ck_err(put(&me, key, K("0123456789")), MOLA_OK);
    int64_t before = count_of(MOLA_M_store_requests_total);
    mola_err err = get(&me, key);
    int64_t sent = count_of(MOLA_M_store_requests_total) - before;
    ck_assert_msg(err == get_cases[_i].outcome && sent == get_cases[_i].requests,
                  "%s: %s, %lld requests", get_cases[_i].key, mola_err_name(err), (long long)sent);
    if (err == MOLA_OK)
        ck_bytes(me.op.bytes, K("0123456789"));
    else
        ck_assert_uint_eq(me.op.bytes.len, 0);
    ck_assert_int_eq(me.why.len > 0, err == MOLA_INVALID);
    close_fresh();
}
END_TEST

START_TEST(a_range_that_the_store_ignores_is_no_answer)
{
    open_faulty("");
    ck_err(put(&me, K("@whole.get/k"), K("0123456789")), MOLA_OK);
    ck_err(get_range(&me, K("@whole.get/k"), 2, 3), MOLA_UNAVAILABLE);
    ck_err(get_range(&me, K("@whole.get/k"), 0, 3), MOLA_UNAVAILABLE);
    ck_err(get_range(&me, K("@whole.get/k"), 0, 10), MOLA_OK);
    ck_bytes(me.op.bytes, K("0123456789"));
    close_fresh();
}
END_TEST

START_TEST(a_region_is_explained)
{
    open_faulty("");
    ck_err(get(&me, K("@other_region.get/k")), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(me.why.text, "region=eu-west-1"));
    close_fresh();
}
END_TEST

START_TEST(a_delete_is_repeated_until_its_time_is_over)
{
    open_faulty("");
    ck_err(put(&me, K("@503_after.delete.1/k"), K("x")), MOLA_OK);
    ck_err(delete_key(&me, K("@503_after.delete.1/k")), MOLA_OK);
    ck_err(get(&me, K("@503_after.delete.1/k")), MOLA_NOT_FOUND);
    ck_err(delete_key(&me, K("@503_before.delete/k")), MOLA_UNKNOWN);
    ck_err(delete_key(&me, K("@403.delete/k")), MOLA_INVALID);
    within_ms(300);
    ck_err(delete_key(&me, K("@silent_before.delete/k")), MOLA_UNKNOWN);
    close_fresh();
}
END_TEST

START_TEST(a_list_is_repeated_and_never_believed_in_pieces)
{
    open_faulty("");
    ck_err(put(&me, K("@503_before.get.1/k"), K("x")), MOLA_OK);
    ck_err(list(&me, K("@503_before.get.1/")), MOLA_OK);
    ck_keys("@503_before.get.1/k");
    ck_err(list(&me, K("@torn_answer.get.1/")), MOLA_OK);
    ck_err(list(&me, K("@garbage.get/")), MOLA_UNAVAILABLE);
    ck_assert_uint_eq(me.op.entry_count, 0);
    ck_err(list(&me, K("@no_bucket.get/")), MOLA_INVALID);
    within_ms(300);
    ck_err(list(&me, K("@silent_before.get/")), MOLA_UNAVAILABLE);
    close_fresh();
}
END_TEST

START_TEST(a_deadline_is_kept)
{
    open_faulty("");
    static const mola_store_verb verbs[] = {MOLA_GET, MOLA_PUT, MOLA_DELETE};
    for (size_t i = 0; i < 3; i++) {
        uint64_t from = mola_boot_ns(env);
        within_ms(400);
        mola_store_op op = {.verb = verbs[i], .key = K("@silent_before/k")};
        ck_err(run_op(&me, op), i ? MOLA_UNKNOWN : MOLA_UNAVAILABLE);
        uint64_t took = mola_boot_ns(env) - from;
        ck_assert_uint_ge(took, 390 * MOLA_MILLISECOND);
        ck_assert_uint_lt(took, 1500 * MOLA_MILLISECOND);
    }
    close_fresh();
}
END_TEST

START_TEST(a_clock_that_is_wrong_is_set_by_the_store)
{
    open_faulty("/@skewed");
    ck_err(put(&me, K("k"), K("x")), MOLA_UNAVAILABLE);
    ck_err(get(&me, K("k")), MOLA_NOT_FOUND); /* what the proxy says to a well dated request */
    ck_err(delete_key(&me, K("k")), MOLA_OK);
    close_fresh();
}
END_TEST

/* --- Slow answers --- */

START_TEST(a_slow_get_is_asked_a_second_time)
{
    open_faulty("");
    ck_err(put(&me, K("k"), K("x")), MOLA_OK);
    ck_err(put(&me, K("@stall_before.get.1/k"), K("slow")), MOLA_OK);
    for (int i = 0; i < 64; i++)
        ck_err(get(&me, K("k")), MOLA_OK);
    int64_t hedges = count_of(MOLA_M_store_hedges_total);
    uint64_t from = mola_boot_ns(env);
    ck_object(K("@stall_before.get.1/k"), K("slow"));
    ck_assert_uint_lt(mola_boot_ns(env) - from, 1500 * MOLA_MILLISECOND);
    ck_assert_int_eq(count_of(MOLA_M_store_hedges_total), hedges + 1);
    ck_assert_int_ge(count_of(MOLA_M_store_hedges_won_total), 1);
    close_fresh();
}
END_TEST

/* When everything is slow, asking twice would only make it slower. */
START_TEST(hedges_and_retries_have_a_budget)
{
    open_faulty("");
    enum { GETS = 400 };
    for (int i = 0; i < 64; i++)
        ck_err(get(&me, K("k")), MOLA_NOT_FOUND);
    mola_store_op ops[GETS];
    char keys[GETS][48];
    for (int i = 0; i < GETS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "@%s.get/%d", i % 2 ? "stall_before" : "503", i);
        ops[i] = (mola_store_op){.verb = MOLA_GET, .key = mola_str_of(keys[i])};
    }
    within_ms(9000);
    int64_t before = count_of(MOLA_M_store_requests_total);
    mola_store_run(store, &me.ctx, ops, GETS);
    int64_t sent = count_of(MOLA_M_store_requests_total) - before;
    ck_assert_int_le(count_of(MOLA_M_store_hedges_total), (64 + GETS) / 20 + 1);
    /* A store that is asked little may be asked again ten times a second, for either reason. */
    ck_assert_int_le(sent, GETS + (64 + GETS) * 4 / 10 + 100 + GETS / 20 + 2 * 10 * 9);
    close_fresh();
}
END_TEST

START_TEST(connections_are_kept)
{
    open_faulty("");
    for (int i = 0; i < 100; i++)
        ck_err(get(&me, K("k")), MOLA_NOT_FOUND);
    ck_assert_int_le(count_of(MOLA_M_store_connections_total), 6); /* a hedge may open one */
    close_fresh();
}
END_TEST

/* --- Large objects --- */

enum { LARGE = (64 << 20) + (5 << 20) + 3 };

static mola_str large_body(void)
{
    char *body = malloc(LARGE);
    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < LARGE; i++)
        body[i] = (char)(i * 2654435761U >> 13);
    return (mola_str){body, LARGE};
}

START_TEST(a_large_put_goes_in_parts)
{
    static const char *const keys[] = {"large", "@503_before.put.1/large",
                                       "@503_after.post.1/large", "@reset_after.put.1/large"};
    open_faulty("");
    mola_str body = large_body();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        me.ctx.deadline_ns = mola_boot_ns(env) + 30 * MOLA_SECOND;
        int64_t before = count_of(MOLA_M_store_requests_total);
        ck_err(put(&me, mola_str_of(keys[i]), body), MOLA_OK);
        ck_assert_int_ge(count_of(MOLA_M_store_requests_total) - before, 7);
        mola_etag etag = me.op.new_etag;
        ck_object(mola_str_of(keys[i]), body);
        ck_assert(same_etag(me.op.new_etag, etag));
        mola_arena_reset(&me.arena);
    }
    free((char *)(uintptr_t)body.data);
    close_fresh();
}
END_TEST

START_TEST(a_large_put_whose_end_was_lost_is_unknown)
{
    open_faulty("");
    mola_str body = large_body();
    me.ctx.deadline_ns = mola_boot_ns(env) + 30 * MOLA_SECOND;
    ck_err(put(&me, K("@complete_lost/large"), body), MOLA_UNKNOWN);
    ck_object(K("@complete_lost/large"), body);
    ck_err(put(&me, K("@403.put/large"), body), MOLA_INVALID);
    ck_err(put(&me, K("@503_before.put/large"), body), MOLA_UNAVAILABLE);
    ck_err(get(&me, K("@503_before.put/large")), MOLA_NOT_FOUND);
    free((char *)(uintptr_t)body.data);
    close_fresh();
}
END_TEST

/* --- The preflight --- */

static const struct {
    const char *prefix;
    mola_err outcome;
} flights[] = {
    {"", MOLA_OK},
    {"/@unconditional", MOLA_INVALID},
    {"/@501.put", MOLA_INVALID},
    {"/@whole.get", MOLA_UNAVAILABLE},
    {"/@no_etag", MOLA_INVALID},
    {"/@503", MOLA_UNAVAILABLE},
    {"/@silent_before", MOLA_UNAVAILABLE},
    {"/@other_region", MOLA_INVALID},
};

START_TEST(the_preflight_refuses_in_time)
{
    mola_preflight out;
    open_faulty(flights[_i].prefix);
    uint64_t from = mola_boot_ns(env);
    within_ms(2000);
    mola_err err = mola_store_preflight(store, &me.ctx, &out);
    ck_assert_msg(err == flights[_i].outcome, "%s: %s: %s", flights[_i].prefix, mola_err_name(err),
                  me.why.text);
    ck_assert_int_eq(me.why.len > 0, err != MOLA_OK);
    ck_assert_uint_lt(mola_boot_ns(env) - from, 4 * MOLA_SECOND);
    close_fresh();
}
END_TEST

/* --- No store at all --- */

static mola_err open_and_get(const char *given)
{
    (void)snprintf(url, sizeof url, "%s", given);
    mola_heap_init(&heap, (size_t)1 << 30);
    env = mola_env_real(&heap, &metrics);
    store = open_store(env);
    caller_init(&me, env, store);
    within_ms(5000);
    return get(&me, K("k"));
}

START_TEST(nobody_there_is_definite)
{
    ck_err(open_and_get("s3://bucket?endpoint=http://127.0.0.1:1&access_key_id=a&"
                        "secret_access_key=b"),
           MOLA_UNAVAILABLE);
    ck_err(put(&me, K("k"), K("x")), MOLA_UNAVAILABLE);
    ck_err(delete_key(&me, K("k")), MOLA_UNAVAILABLE);
    close_fresh();
}
END_TEST

START_TEST(wrong_keys_and_buckets_are_explained)
{
    char given[URL_BYTES];
    const char *options = strchr(faults, '?');
    (void)snprintf(given, sizeof given, "s3://no-such-bucket%s", options);
    ck_err(open_and_get(given), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(me.why.text, "NoSuchBucket"));
    close_fresh();
    (void)snprintf(given, sizeof given, "%s-not", faults);
    memset(&me.why, 0, sizeof me.why);
    ck_err(open_and_get(given), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(me.why.text, "SignatureDoesNotMatch"));
    close_fresh();
}
END_TEST

int main(void)
{
    faults = getenv("MOLA_TEST_S3_FAULTS");
    if (!faults) {
        (void)fprintf(stderr, "MOLA_TEST_S3_FAULTS is not set: run.py sets it\n");
        return 1;
    }
    Suite *suite = suite_create("s3 faults");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_put_is_sent_once_and_its_outcome_is_exact, 0,
                        sizeof put_cases / sizeof *put_cases);
    tcase_add_loop_test(c, a_get_is_repeated_within_reason, 0,
                        sizeof get_cases / sizeof *get_cases);
    tcase_add_loop_test(c, the_preflight_refuses_in_time, 0, sizeof flights / sizeof *flights);
    const TTest *const others[] = {
        a_put_delivered_twice_is_a_conflict_to_be_read_back,
        an_urgent_put_does_not_wait_for_a_stalled_sending,
        many_stalled_sendings_are_not_waited_for,
        a_swap_whose_answer_was_lost_is_unknown,
        a_refusal_after_libcurl_sent_it_twice_proves_nothing,
        a_zombie_lands_when_nobody_waits_for_it,
        a_range_that_the_store_ignores_is_no_answer,
        a_region_is_explained,
        a_delete_is_repeated_until_its_time_is_over,
        a_list_is_repeated_and_never_believed_in_pieces,
        a_deadline_is_kept,
        a_clock_that_is_wrong_is_set_by_the_store,
        a_slow_get_is_asked_a_second_time,
        hedges_and_retries_have_a_budget,
        connections_are_kept,
        a_large_put_goes_in_parts,
        a_large_put_whose_end_was_lost_is_unknown,
        nobody_there_is_definite,
        wrong_keys_and_buckets_are_explained,
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        tcase_add_test(c, others[i]);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
