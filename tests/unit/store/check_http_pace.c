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
    ck_assert_int_le(granted, GETS / 20 + 1);
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

START_TEST(what_is_slow_is_learned_and_forgotten)
{
    mola_http_pace_init(&pace);
    for (uint64_t i = 0; i < 31; i++)
        mola_http_pace_waited(&pace, 50 * MOLA_MILLISECOND);
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), MOLA_NEVER);
    for (uint64_t i = 1; i <= 256; i++) /* 1 to 256 ms, in an order that is none */
        mola_http_pace_waited(&pace, (i * 101 % 257) * MOLA_MILLISECOND);
    uint64_t after = mola_http_pace_hedge_after(&pace);
    ck_assert_uint_ge(after, 243 * MOLA_MILLISECOND);
    ck_assert_uint_le(after, (uint64_t)(257 * 1.125 * 1e6));
    for (uint64_t i = 0; i < 272; i++) /* it looks every 16 */
        mola_http_pace_waited(&pace, 1);
    ck_assert_uint_eq(mola_http_pace_hedge_after(&pace), 5 * MOLA_MILLISECOND); /* the least */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http pace");
    TCase *c = tcase_create("all");
    tcase_add_test(c, retries_are_at_most_two_fifths_in_the_long_run);
    tcase_add_test(c, hedges_are_at_most_a_twentieth_of_the_gets);
    tcase_add_test(c, saved_up_hedges_are_few);
    tcase_add_test(c, what_is_slow_is_learned_and_forgotten);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
