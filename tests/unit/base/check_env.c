/* The real environment: clocks go forward, waits end in time, chance is fair, threads are waited
 * for, and a lock taken in the wrong order is found the first time. */
#include "mola/base/check.h"
#include "mola/base/env.h"
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static mola_heap heap;
static mola_env *env;

static void open_env(void)
{
    mola_heap_init(&heap, SIZE_MAX);
    env = mola_env_real(&heap, NULL);
    ck_assert_ptr_nonnull(env);
}

static void close_env(void)
{
    mola_env_real_free(env);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

START_TEST(clocks_go_forward_and_sleep_is_not_short)
{
    uint64_t boot = mola_boot_ns(env), wall = mola_wall_us(env);
    ck_assert_uint_eq(wall / 1000000 / 100, (uint64_t)time(NULL) / 100);
    mola_sleep_ns(env, 3 * MOLA_MILLISECOND);
    ck_assert_uint_ge(mola_boot_ns(env) - boot, 3 * MOLA_MILLISECOND);
    mola_sleep_ns(env, 0);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline_with_the_lock_held)
{
    mola_lock lock;
    mola_event event;
    mola_lock_init(&lock, env, MOLA_RANK_GROUP);
    mola_event_init(&event, env);
    mola_lock_take(&lock);
    uint64_t deadline = mola_boot_ns(env) + 5 * MOLA_MILLISECOND;
    while (mola_event_wait(&event, &lock, deadline))
        ;
    ck_assert_uint_ge(mola_boot_ns(env), deadline);
    ck_assert(!mola_event_wait(&event, &lock, 0)); /* long past */
    mola_lock_give(&lock);                         /* asserts that it is held */
    mola_event_free(&event);
    mola_lock_free(&lock);
}
END_TEST

typedef struct {
    mola_lock lock; /* guards turns */
    mola_event event;
    uint64_t turns;
} shared;

enum { TURNS = 2000 };

/* Two threads take turns, each waiting for the other: a lost wake-up would hang. */
static void take_turns(shared *s, uint64_t odd)
{
    for (uint64_t i = 0; i < TURNS; i++) {
        MOLA_LOCKED(&s->lock);
        while (s->turns % 2 != odd)
            ck_assert(mola_event_wait(&s->event, &s->lock, mola_boot_ns(env) + 20 * MOLA_SECOND));
        s->turns++;
        mola_event_wake_one(&s->event);
    }
}

static void take_odd_turns(void *argument)
{
    take_turns(argument, 1);
}

START_TEST(two_threads_wake_each_other)
{
    shared s = {0};
    mola_lock_init(&s.lock, env, MOLA_RANK_GROUP);
    mola_event_init(&s.event, env);
    ck_assert_int_eq(env->ops->spawn(env, "a name longer than fits", take_odd_turns, &s), MOLA_OK);
    take_turns(&s, 0);
    mola_lock_take(&s.lock);
    while (s.turns < 2 * (uint64_t)TURNS)
        (void)mola_event_wait(&s.event, &s.lock, mola_boot_ns(env) + MOLA_MILLISECOND);
    mola_lock_give(&s.lock);
    mola_event_free(&s.event);
    mola_lock_free(&s.lock);
}
END_TEST

START_TEST(chance_fills_all_bytes_and_never_repeats)
{
    static unsigned char bytes[10000];
    for (size_t size = 1; size < sizeof bytes; size = size * 3 + 1) {
        memset(bytes, 0, sizeof bytes);
        unsigned char seen = 0;
        for (int i = 0; i < 64 && !seen; i++) { /* the last byte is 0 once in 256 times */
            mola_chance(env, bytes, size);
            seen = bytes[size - 1];
        }
        ck_assert_uint_ne(seen, 0);
        ck_assert_uint_eq(bytes[size], 0);
    }
    enum { COUNT = 2000 };
    static uint64_t drawn[COUNT];
    size_t repeats = 0;
    for (size_t i = 0; i < COUNT; i++) {
        mola_chance(env, &drawn[i], sizeof drawn[i]);
        for (size_t j = 0; j < i; j++)
            repeats += drawn[i] == drawn[j];
    }
    ck_assert_uint_eq(repeats, 0);
}
END_TEST

START_TEST(chance_below_is_below_and_even)
{
    uint32_t seen[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t drawn = mola_chance_below(env, 7);
        if (drawn >= 7)
            ck_abort_msg("%lu is not below 7", (unsigned long)drawn);
        seen[drawn]++;
    }
    for (int i = 0; i < 7; i++) {
        ck_assert_uint_gt(seen[i], 9400); /* 6 standard deviations */
        ck_assert_uint_lt(seen[i], 10600);
    }
    ck_assert_uint_eq(mola_chance_below(env, 1), 0);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_lt(mola_chance_below(env, (1ULL << 63) + 1), (1ULL << 63) + 1);
}
END_TEST

static void wait_in_thread(void *argument)
{
    mola_sleep_ns(env, 20 * MOLA_MILLISECOND);
    atomic_fetch_add((atomic_int *)argument, 1);
}

START_TEST(freeing_the_env_waits_for_its_threads)
{
    static atomic_int ended;
    atomic_store(&ended, 0);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(env->ops->spawn(env, "waiter", wait_in_thread, &ended), MOLA_OK);
    mola_env_real_free(env);
    ck_assert_int_eq(atomic_load(&ended), 8);
    open_env();
}
END_TEST

static void look_at_signals(void *argument)
{
    sigset_t blocked;
    if (pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, SIGTERM) == 1 &&
        sigismember(&blocked, SIGSEGV) == 0)
        atomic_store((atomic_int *)argument, 1);
}

START_TEST(signals_are_left_to_the_main_thread)
{
    static atomic_int good;
    atomic_store(&good, 0);
    ck_assert_int_eq(env->ops->spawn(env, "signals", look_at_signals, &good), MOLA_OK);
    mola_env_real_free(env);
    ck_assert_int_eq(atomic_load(&good), 1);
    sigset_t blocked;
    ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    ck_assert_int_eq(sigismember(&blocked, SIGTERM), 0);
    open_env();
}
END_TEST

START_TEST(a_thread_that_finds_no_memory_is_refused)
{
    heap.limit = atomic_load(&heap.used);
    static atomic_int good;
    ck_assert_int_eq(env->ops->spawn(env, "none", look_at_signals, &good), MOLA_UNAVAILABLE);
    mola_heap empty;
    mola_heap_init(&empty, 10);
    ck_assert_ptr_null(mola_env_real(&empty, NULL));
}
END_TEST

START_TEST(a_broken_promise_aborts)
{
    MOLA_ASSERT(env == NULL);
}
END_TEST

START_TEST(a_lock_of_a_lower_rank_second_aborts)
{
    mola_lock outer, inner;
    mola_lock_init(&outer, env, MOLA_RANK_WRITER);
    mola_lock_init(&inner, env, MOLA_RANK_STORE);
    mola_lock_take(&outer);
    mola_lock_take(&inner);
    mola_lock_give(&outer); /* given in any order */
    mola_lock_give(&inner);
    mola_lock_take(&inner);
#ifdef NDEBUG
    abort(); /* ranks are not kept in a release */
#endif
    mola_lock_take(&outer);
}
END_TEST

START_TEST(waiting_with_a_second_lock_in_hand_aborts)
{
    mola_lock outer, inner;
    mola_event event;
    mola_lock_init(&outer, env, MOLA_RANK_WRITER);
    mola_lock_init(&inner, env, MOLA_RANK_STORE);
    mola_event_init(&event, env);
    mola_lock_take(&outer);
    mola_lock_take(&inner);
#ifdef NDEBUG
    abort(); /* ranks are not kept in a release */
#endif
    (void)mola_event_wait(&event, &inner, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("env");
    TCase *cases = tcase_create("env");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, open_env, close_env);
    tcase_add_test(cases, clocks_go_forward_and_sleep_is_not_short);
    tcase_add_test(cases, a_wait_ends_at_its_deadline_with_the_lock_held);
    tcase_add_test(cases, two_threads_wake_each_other);
    tcase_add_test(cases, chance_fills_all_bytes_and_never_repeats);
    tcase_add_test(cases, chance_below_is_below_and_even);
    tcase_add_test(cases, freeing_the_env_waits_for_its_threads);
    tcase_add_test(cases, signals_are_left_to_the_main_thread);
    tcase_add_test(cases, a_thread_that_finds_no_memory_is_refused);
    tcase_add_test_raise_signal(cases, a_broken_promise_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, a_lock_of_a_lower_rank_second_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, waiting_with_a_second_lock_in_hand_aborts, SIGABRT);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
