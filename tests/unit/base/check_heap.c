/* The heap's count is what every memory limit of the server rests on: it must be exact, and the
 * limit must hold at every moment, also between threads. */
#include "mola/base/env.h"
#include "mola/base/heap.h"
#include <check.h>

enum { LIMIT = 1 << 20 };
static mola_heap heap;

static void open_heap(void)
{
    mola_heap_init(&heap, LIMIT);
}

static void close_heap(void)
{
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

START_TEST(what_is_taken_is_zeroed_aligned_and_counted)
{
    for (size_t size = 1; size < 5000; size = size * 2 + 1) {
        unsigned char *block = mola_alloc(&heap, size);
        ck_assert_ptr_nonnull(block);
        ck_assert_uint_eq((uintptr_t)block % 16, 0);
        size_t zeros = 0;
        for (size_t i = 0; i < size; i++)
            zeros += block[i] == 0;
        ck_assert_uint_eq(zeros, size);
        memset(block, 0xFF, size); /* the next round must not see this */
        ck_assert_uint_eq(atomic_load(&heap.used), size);
        mola_free(&heap, block, size);
        ck_assert_uint_eq(atomic_load(&heap.used), 0);
    }
}
END_TEST

START_TEST(nothing_is_given_past_the_limit)
{
    void *all = mola_alloc(&heap, LIMIT);
    ck_assert_ptr_nonnull(all);
    ck_assert_ptr_null(mola_alloc(&heap, 1));
    mola_free(&heap, all, LIMIT);
    ck_assert_ptr_null(mola_alloc(&heap, LIMIT + 1));
    ck_assert_ptr_null(mola_alloc(&heap, SIZE_MAX));
    void *most = mola_alloc(&heap, LIMIT - 1);
    ck_assert_ptr_null(mola_alloc(&heap, 2));
    void *rest = mola_alloc(&heap, 1);
    ck_assert_ptr_nonnull(rest);
    mola_free(&heap, most, LIMIT - 1);
    mola_free(&heap, rest, 1);
}
END_TEST

START_TEST(a_size_that_overflows_is_refused)
{
    ck_assert_ptr_null(mola_alloc_count(&heap, SIZE_MAX / 2 + 1, 2));
    ck_assert_ptr_null(mola_alloc_count(&heap, 1ULL << 33, 1ULL << 33));
    uint64_t *three = mola_alloc_array(&heap, uint64_t, 3);
    ck_assert_ptr_nonnull(three);
    ck_assert_uint_eq(atomic_load(&heap.used), 24);
    mola_free(&heap, three, 24);
}
END_TEST

START_TEST(zero_bytes_are_null_and_null_is_taken_back)
{
    ck_assert_ptr_null(mola_alloc(&heap, 0));
    mola_free(&heap, NULL, 0);
}
END_TEST

START_TEST(moving_keeps_bytes_and_counts_the_difference)
{
    unsigned char *block = mola_realloc(&heap, NULL, 0, 100);
    ck_assert_ptr_nonnull(block);
    for (unsigned char i = 0; i < 100; i++)
        block[i] = i;
    block = mola_realloc(&heap, block, 100, 300000);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(atomic_load(&heap.used), 300000);
    block = mola_realloc(&heap, block, 300000, 50);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq(atomic_load(&heap.used), 50);
    for (unsigned char i = 0; i < 50; i++)
        ck_assert_uint_eq(block[i], i);
    ck_assert_ptr_null(mola_realloc(&heap, block, 50, LIMIT + 1));
    ck_assert_uint_eq(block[49], 49); /* untouched */
    ck_assert_uint_eq(atomic_load(&heap.used), 50);
    mola_free(&heap, block, 50);
}
END_TEST

static atomic_int takers_left;

static atomic_bool limit_passed;

static void take_and_give(void *argument)
{
    mola_heap *own = argument;
    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)(i % 7) * 200 + 1;
        void *block = mola_alloc(own, size);
        if (atomic_load(&own->used) > own->limit)
            atomic_store(&limit_passed, true);
        mola_free(own, block, block ? size : 0);
    }
    atomic_fetch_sub(&takers_left, 1);
}

START_TEST(the_limit_holds_between_threads)
{
    mola_heap own;
    mola_heap_init(&own, 2000);
    mola_env *env = mola_env_real(&heap, NULL);
    atomic_store(&takers_left, 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(env->ops->spawn(env, "taker", take_and_give, &own), MOLA_OK);
    mola_env_real_free(env); /* waits for them */
    ck_assert_int_eq(atomic_load(&takers_left), 0);
    ck_assert(!atomic_load(&limit_passed));
    ck_assert_uint_eq(atomic_load(&own.used), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *cases = tcase_create("heap");
    tcase_add_checked_fixture(cases, open_heap, close_heap);
    tcase_add_test(cases, what_is_taken_is_zeroed_aligned_and_counted);
    tcase_add_test(cases, nothing_is_given_past_the_limit);
    tcase_add_test(cases, a_size_that_overflows_is_refused);
    tcase_add_test(cases, zero_bytes_are_null_and_null_is_taken_back);
    tcase_add_test(cases, moving_keeps_bytes_and_counts_the_difference);
    tcase_add_test(cases, the_limit_holds_between_threads);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
