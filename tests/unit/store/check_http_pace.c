/* Budgets of repeated requests: never more than their share, however many are wanted. */
#include "store/http_pace.h"
#include <check.h>
#include <stdlib.h>

static mola_http_pace pace;

START_TEST(retries_are_at_most_two_fifths_in_the_long_run)
{
    enum { REQUESTS = 10000 };
    int granted = 0;
    mola_http_pace_init(&pace, 0);
    for (int i = 0; i < REQUESTS; i++) {
        mola_http_pace_sent(&pace, false);
        granted += mola_http_pace_retry(&pace);
        granted += mola_http_pace_retry(&pace);
    }
    ck_assert_int_ge(granted, REQUESTS * 4 / 10);
    ck_assert_int_le(granted, REQUESTS * 4 / 10 + 101);
}
END_TEST

START_TEST(hedges_are_at_most_a_twentieth_of_the_gets)
{
    enum { GETS = 10000 };
    int granted = 0;
    mola_http_pace_init(&pace, 0);
    for (int i = 0; i < GETS; i++) {
        mola_http_pace_sent(&pace, true);
        mola_http_pace_sent(&pace, false); /* which pays for none */
        granted += mola_http_pace_hedge(&pace);
    }
    ck_assert_int_ge(granted, GETS / 20 - 1);
    ck_assert_int_le(granted, GETS / 20 + 4); /* what there is at first */
}
END_TEST

START_TEST(saved_up_hedges_are_few)
{
    int granted = 0;
    mola_http_pace_init(&pace, 0);
    for (int i = 0; i < 100000; i++)
        mola_http_pace_sent(&pace, true);
    while (mola_http_pace_hedge(&pace))
        granted++;
    ck_assert_int_le(granted, 10);
}
END_TEST

START_TEST(urges_are_at_most_three_quarters_and_some_are_kept_for_the_urgent)
{
    enum { REQUESTS = 10000 };
    int granted = 0, urgent = 0;
    mola_http_pace_init(&pace, 0);
    for (int i = 0; i < REQUESTS; i++) {
        mola_http_pace_sent(&pace, false);
        granted += mola_http_pace_urge(&pace, false);
        (void)mola_http_pace_retry(&pace);
    }
    ck_assert_int_ge(granted, REQUESTS * 3 / 4 - 1);
    ck_assert_int_le(granted, REQUESTS * 3 / 4 + 21);
    while (mola_http_pace_urge(&pace, true))
        urgent++;
    ck_assert_int_ge(urgent, 19);
    ck_assert_int_le(urgent, 21);
}
END_TEST

START_TEST(ten_a_second_are_no_load)
{
    enum { SECONDS = 100 };
    mola_http_pace_init(&pace, 5 * MOLA_SECOND);
    while (mola_http_pace_retry(&pace) || mola_http_pace_urge(&pace, true))
        continue;
    int retries = 0, urges = 0;
    for (uint64_t i = 1; i <= SECONDS * 1000; i++) { /* nothing is sent for the first time */
        mola_http_pace_pass(&pace, 5 * MOLA_SECOND + i * MOLA_MILLISECOND);
        retries += mola_http_pace_retry(&pace);
        urges += mola_http_pace_urge(&pace, true);
    }
    ck_assert_int_ge(retries, 10 * SECONDS - 1);
    ck_assert_int_le(retries, 10 * SECONDS);
    ck_assert_int_eq(urges, retries);
    mola_http_pace_pass(&pace, 10000 * MOLA_SECOND);
    for (retries = 0; mola_http_pace_retry(&pace); retries++)
        continue;
    ck_assert_int_eq(retries, 100); /* what can be saved up */
}
END_TEST

START_TEST(what_is_slow_is_learned_and_forgotten)
{
    mola_http_pace_init(&pace, 0);
    const mola_http_waits *reads = &pace.waits[0], *writes = &pace.waits[1];
    for (uint64_t i = 0; i < 7; i++)
        mola_http_pace_waited(&pace, false, 50 * MOLA_MILLISECOND);
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), MOLA_NEVER);
    mola_http_pace_waited(&pace, false, 60 * MOLA_MILLISECOND);
    ck_assert_uint_eq(reads->slow_after_ns, 60 * MOLA_MILLISECOND);
    for (uint64_t i = 1; i <= 256; i++) /* 1 to 256 ms, in an order that is none */
        mola_http_pace_waited(&pace, false, (i * 101 % 257) * MOLA_MILLISECOND);
    ck_assert_uint_ge(reads->slow_after_ns, 230 * MOLA_MILLISECOND); /* it looks every 16 */
    ck_assert_uint_le(reads->slow_after_ns, 257 * MOLA_MILLISECOND);
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), reads->slow_after_ns);
    while (mola_http_pace_hedge(&pace))
        continue;
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), reads->slow_after_ns * 9 / 8);
    for (uint64_t i = 0; i < 1000; i++) /* many hedges are saved up */
        mola_http_pace_sent(&pace, true);
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), reads->late_after_ns);
    ck_assert_uint_lt(reads->late_after_ns, 240 * MOLA_MILLISECOND);
    for (uint64_t i = 0; i < 272; i++)
        mola_http_pace_waited(&pace, false, 1);
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), 5 * MOLA_MILLISECOND); /* the least */
    ck_assert_uint_eq(writes->slow_after_ns, MOLA_NEVER);
}
END_TEST

/* Two thirds of all answers take seconds: the 95th of 100 is no measure of what is overdue. */
START_TEST(what_is_overdue_is_told_by_the_fastest_quarter)
{
    mola_http_pace_init(&pace, 0);
    uint64_t at_first = pace.waits[1].overdue_after_ns;
    ck_assert_uint_le(at_first, MOLA_SECOND);
    for (uint64_t i = 0; i < 256; i++)
        mola_http_pace_waited(&pace, true, (i % 3 ? 3000 : 100) * MOLA_MILLISECOND);
    ck_assert_uint_eq(pace.waits[1].overdue_after_ns, 600 * MOLA_MILLISECOND);
    ck_assert_uint_ge(pace.waits[1].slow_after_ns, 3 * MOLA_SECOND);
    ck_assert_uint_eq(pace.waits[0].overdue_after_ns, at_first);
    for (uint64_t i = 0; i < 256; i++) /* all of it has become slow: nothing is overdue */
        mola_http_pace_waited(&pace, true, 3000 * MOLA_MILLISECOND);
    ck_assert_uint_eq(pace.waits[1].overdue_after_ns, 18 * MOLA_SECOND);
    for (uint64_t i = 0; i < 256; i++)
        mola_http_pace_waited(&pace, true, 1);
    ck_assert_uint_eq(pace.waits[1].overdue_after_ns, 200 * MOLA_MILLISECOND); /* the least */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http pace");
    TCase *c = tcase_create("all");
    tcase_add_test(c, retries_are_at_most_two_fifths_in_the_long_run);
    tcase_add_test(c, hedges_are_at_most_a_twentieth_of_the_gets);
    tcase_add_test(c, saved_up_hedges_are_few);
    tcase_add_test(c, urges_are_at_most_three_quarters_and_some_are_kept_for_the_urgent);
    tcase_add_test(c, ten_a_second_are_no_load);
    tcase_add_test(c, what_is_slow_is_learned_and_forgotten);
    tcase_add_test(c, what_is_overdue_is_told_by_the_fastest_quarter);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
