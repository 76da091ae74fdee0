/* Budgets of repeated requests: never more than their share, however many are wanted. */
#include "store/http_pace.h"
#include <check.h>
#include <stdlib.h>

static mola_http_pace pace;

START_TEST(retries_are_at_most_two_fifths_in_the_long_run)
{
    enum { REQUESTS = 10000 };
    int granted = 0;
    mola_http_pace_init(&pace);
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
    mola_http_pace_init(&pace);
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
    mola_http_pace_init(&pace);
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
    mola_http_pace_init(&pace);
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

START_TEST(what_is_slow_is_learned_and_forgotten)
{
    mola_http_pace_init(&pace);
    const mola_http_waits *reads = &pace.waits[0], *writes = &pace.waits[1];
    for (uint64_t i = 0; i < 15; i++)
        mola_http_pace_waited(&pace, false, 50 * MOLA_MILLISECOND);
    ck_assert_uint_eq(reads->hedge_after_ns, MOLA_NEVER);
    for (uint64_t i = 1; i <= 256; i++) /* 1 to 256 ms, in an order that is none */
        mola_http_pace_waited(&pace, false, (i * 101 % 257) * MOLA_MILLISECOND);
    ck_assert_uint_ge(reads->hedge_after_ns, 243 * MOLA_MILLISECOND);
    ck_assert_uint_le(reads->hedge_after_ns, (uint64_t)(257 * 1.125 * 1e6));
    for (uint64_t i = 0; i < 272; i++) /* it looks every 16 */
        mola_http_pace_waited(&pace, false, 1);
    ck_assert_uint_eq(reads->hedge_after_ns, 5 * MOLA_MILLISECOND); /* the least */
    ck_assert_uint_eq(writes->hedge_after_ns, MOLA_NEVER);
}
END_TEST

/* Two thirds of all answers take seconds: the 95th of 100 is no measure of what is overdue. */
START_TEST(what_is_overdue_is_told_by_the_fastest_quarter)
{
    mola_http_pace_init(&pace);
    uint64_t at_first = pace.waits[1].overdue_after_ns;
    ck_assert_uint_le(at_first, MOLA_SECOND);
    for (uint64_t i = 0; i < 256; i++)
        mola_http_pace_waited(&pace, true, (i % 3 ? 3000 : 100) * MOLA_MILLISECOND);
    ck_assert_uint_eq(pace.waits[1].overdue_after_ns, 600 * MOLA_MILLISECOND);
    ck_assert_uint_ge(pace.waits[1].hedge_after_ns, 3 * MOLA_SECOND);
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
    tcase_add_test(c, what_is_slow_is_learned_and_forgotten);
    tcase_add_test(c, what_is_overdue_is_told_by_the_fastest_quarter);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
