/* The gate: never more at once than there are slots, first come first served, and nobody waits for
 * longer than the setting says. */
#include "api/gate.h"
#include <check.h>
#include <stdatomic.h>

static mola_heap heap;
static mola_metrics metrics;
static mola_env *env;
static mola_gate *gate;
#define NAME MOLA_STR("books")

static void begin(uint32_t slots, uint64_t wait_ms)
{
    mola_heap_init(&heap, SIZE_MAX);
    env = mola_env_real(&heap, &metrics);
    mola_gate_config config = {.env = env, .slots = slots, .wait_ns = wait_ms * MOLA_MILLISECOND};
    ck_assert_int_eq(mola_gate_open(&config, &gate), MOLA_OK);
}
static void end(void)
{
    mola_gate_close(gate); /* which asserts that nobody is left */
    mola_env_real_free(env);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}
static mola_err enter(uint32_t weight)
{
    mola_why why;
    mola_why_clear(&why);
    mola_err err = mola_gate_enter(gate, NULL, NAME, weight, &why);
    if (err)
        ck_assert_str_eq(why.text, "Too many concurrent queries to a single namespace");
    return err;
}

START_TEST(who_finds_no_slot_is_refused_after_the_wait)
{
    begin(3, 50);
    ck_assert_int_eq(enter(2), MOLA_OK);
    ck_assert_int_eq(enter(1), MOLA_OK);
    uint64_t before = mola_boot_ns(env);
    ck_assert_int_eq(enter(1), MOLA_BUSY);
    ck_assert_uint_ge(mola_boot_ns(env) - before, 50 * MOLA_MILLISECOND);
    mola_why why;
    mola_why_clear(&why);
    ck_assert_int_eq(mola_gate_enter(gate, NULL, MOLA_STR("other"), 3, &why), MOLA_OK);
    mola_gate_leave(gate, MOLA_STR("other"), 3);
    mola_gate_leave(gate, NAME, 1);
    ck_assert_int_eq(enter(1), MOLA_OK);
    mola_gate_leave(gate, NAME, 1);
    mola_gate_leave(gate, NAME, 2);
    end();
}
END_TEST

START_TEST(what_is_too_heavy_runs_alone)
{
    begin(4, 1);
    ck_assert_int_eq(enter(64), MOLA_OK);
    ck_assert_int_eq(enter(1), MOLA_BUSY);
    mola_gate_leave(gate, NAME, 64);
    ck_assert_int_eq(enter(1), MOLA_OK);
    ck_assert_int_eq(enter(64), MOLA_BUSY);
    mola_gate_leave(gate, NAME, 1);
    end();
}
END_TEST

enum { THREADS = 24, TURNS = 60, SLOTS = 5 };
static atomic_uint inside, most, refused, ended;
static void visit(void *argument)
{
    uint32_t weight = 1 + (uint32_t)(uintptr_t)argument % 4;
    for (int i = 0; i < TURNS; i++) {
        if (enter(weight) == MOLA_OK) {
            uint32_t now = atomic_fetch_add(&inside, weight) + weight;
            for (uint32_t seen = atomic_load(&most);
                 now > seen && !atomic_compare_exchange_weak(&most, &seen, now);)
                ;
            mola_sleep_ns(env, 10000);
            atomic_fetch_sub(&inside, weight);
            mola_gate_leave(gate, NAME, weight);
        } else {
            atomic_fetch_add(&refused, 1);
        }
    }
    atomic_fetch_add(&ended, 1);
}

START_TEST(there_are_never_more_than_slots)
{
    begin(SLOTS, _i ? 60000 : 0);
    atomic_store(&most, 0);
    atomic_store(&refused, 0);
    atomic_store(&ended, 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(env->ops->spawn(env, "visitor", visit, (void *)i), MOLA_OK);
    while (atomic_load(&ended) < THREADS)
        mola_sleep_ns(env, MOLA_MILLISECOND);
    ck_assert_uint_le(atomic_load(&most), SLOTS);
    ck_assert_uint_ge(atomic_load(&most), 4);
    ck_assert_uint_eq(atomic_load(&inside), 0);
    if (_i) /* with patience everybody has his turn, the heavy ones too */
        ck_assert_uint_eq(atomic_load(&refused), 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *all = tcase_create("gate");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, who_finds_no_slot_is_refused_after_the_wait);
    tcase_add_test(all, what_is_too_heavy_runs_alone);
    tcase_add_loop_test(all, there_are_never_more_than_slots, 0, 2);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
