#include "http/wheel.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A timer fires after its deadline, within a tick of it, exactly once, however often it was moved.
 * The oracle is an array that is searched whole. */

enum { TIMERS = 200 };
#define TICK MOLA_WHEEL_TICK_NS

static mola_wheel wheel;
static mola_timer timers[TIMERS];

static void open_wheel(void)
{
    memset(timers, 0, sizeof timers);
    mola_wheel_init(&wheel, 1000 * TICK + 7);
}

START_TEST(nothing_fires_early_and_nothing_a_tick_late)
{
    uint64_t now = 1000 * TICK + 7;
    for (size_t i = 0; i < TIMERS; i++) {
        mola_wheel_set(&wheel, &timers[i],
                       now + i * TICK / 2); /* up to 100 ticks: more than a round */
    }
    size_t fired = 0;
    for (int step = 0; step < 110; step++, now += TICK) {
        for (mola_timer *t; (t = mola_wheel_next(&wheel, now)); fired++) {
            ck_assert(t->deadline_ns <= now && !t->node.next);
            ck_assert(t->deadline_ns + 2 * TICK > now);
        }
    }
    ck_assert_uint_eq(fired, TIMERS);
}
END_TEST

START_TEST(a_deadline_moved_later_fires_later)
{
    uint64_t now = 1000 * TICK + 7;
    mola_wheel_set(&wheel, &timers[0], now + 2 * TICK);
    mola_wheel_set(&wheel, &timers[0], now + 20 * TICK);
    ck_assert_ptr_null(mola_wheel_next(&wheel, now + 19 * TICK));
    ck_assert_ptr_eq(mola_wheel_next(&wheel, now + 21 * TICK), &timers[0]);
    ck_assert_ptr_null(mola_wheel_next(&wheel, now + 100 * TICK));
}
END_TEST

START_TEST(a_deadline_moved_earlier_fires_earlier)
{
    uint64_t now = 1000 * TICK + 7;
    mola_wheel_set(&wheel, &timers[0], now + 40 * TICK);
    mola_wheel_set(&wheel, &timers[0], now + 2 * TICK);
    ck_assert_ptr_eq(mola_wheel_next(&wheel, now + 3 * TICK), &timers[0]);
}
END_TEST

START_TEST(never_does_not_fire_and_can_become_a_deadline)
{
    uint64_t now = 1000 * TICK + 7;
    mola_wheel_set(&wheel, &timers[0], UINT64_MAX);
    ck_assert_ptr_null(mola_wheel_next(&wheel, now + 10000 * TICK));
    mola_wheel_set(&wheel, &timers[0], now + 10001 * TICK);
    ck_assert_ptr_eq(mola_wheel_next(&wheel, now + 10002 * TICK), &timers[0]);
}
END_TEST

/* As after SIGSTOP: the clock has gone on for longer than a round of the wheel. */
START_TEST(after_a_long_pause_all_that_is_due_fires_at_once)
{
    uint64_t now = 1000 * TICK + 7;
    for (size_t i = 0; i < TIMERS; i++)
        mola_wheel_set(&wheel, &timers[i], now + (i % 2 ? i * TICK : 5000 * TICK));
    size_t fired = 0;
    while (mola_wheel_next(&wheel, now + 1000 * TICK))
        fired++;
    ck_assert_uint_eq(fired, TIMERS / 2);
}
END_TEST

START_TEST(random_sets_and_cuts_agree_with_a_search_through_all)
{
    unsigned seed = (unsigned)_i + 1;
    printf("seed %u\n", seed);
    srandom(seed);
    uint64_t now = 1000 * TICK + 7;
    bool is_set[TIMERS] = {0};
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)random() % TIMERS;
        if (random() % 8 == 0) {
            mola_node_cut(&timers[i].node);
            is_set[i] = false;
        } else if (random() % 2) {
            mola_wheel_set(&wheel, &timers[i], now + (uint64_t)random() % (100 * TICK));
            is_set[i] = true;
        }
        now += (uint64_t)random() % (random() % 100 ? TICK / 4 : 90 * TICK);
        for (mola_timer *t; (t = mola_wheel_next(&wheel, now));) {
            ck_assert(is_set[t - timers] && t->deadline_ns <= now);
            is_set[t - timers] = false;
        }
        size_t late = 0;
        for (size_t k = 0; k < TIMERS; k++)
            late += is_set[k] && timers[k].deadline_ns + 2 * TICK <= now;
        ck_assert_uint_eq(late, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wheel");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, open_wheel, NULL);
    tcase_add_test(all, nothing_fires_early_and_nothing_a_tick_late);
    tcase_add_test(all, a_deadline_moved_later_fires_later);
    tcase_add_test(all, a_deadline_moved_earlier_fires_earlier);
    tcase_add_test(all, never_does_not_fire_and_can_become_a_deadline);
    tcase_add_test(all, after_a_long_pause_all_that_is_due_fires_at_once);
    tcase_add_loop_test(all, random_sets_and_cuts_agree_with_a_search_through_all, 0, 5);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
