#include "http/body.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A body is contiguous, padded, and charged before it is kept; whatever happened, freeing it gives
 * everything back. */

static mola_heap heap;
static mola_env env;
static mola_budget budget;
static mola_metrics metrics;

static void open_world(void)
{
    mola_heap_init(&heap, 64 << 20);
    memset(&metrics, 0, sizeof metrics);
    env = (mola_env){.heap = &heap, .metrics = &metrics};
    budget = (mola_budget){.limit = 16 << 20};
}

static void close_world(void)
{
    ck_assert_uint_eq(atomic_load(&budget.used), 0);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_http_body_bytes]), 0);
}

static mola_body new_body(void)
{
    return (mola_body){.env = &env, .budget = &budget};
}

static void assert_padded(mola_str bytes)
{
    for (size_t i = 0; i < MOLA_BODY_PADDING; i++)
        ck_assert_int_eq(bytes.data[bytes.len + i], 0);
}

START_TEST(an_empty_body_has_a_padding_too)
{
    mola_body body = new_body();
    mola_str bytes = mola_body_finish(&body);
    ck_assert_uint_eq(bytes.len, 0);
    assert_padded(bytes);
    mola_body_free(&body);
}
END_TEST

START_TEST(appended_pieces_of_any_size_make_one_run_of_bytes)
{
    unsigned seed = (unsigned)_i + 1;
    printf("seed %u\n", seed);
    srandom(seed);
    enum { MAX = 3 << 20 };
    static char all[MAX];
    mola_body body = new_body();
    size_t len = 0;
    while (len < MAX && random() % 200) {
        size_t size = (size_t)random() % (random() % 20 ? 3000 : 400000);
        size = size < MAX - len ? size : MAX - len;
        memset(all + len, (int)random(), size);
        ck_assert(mola_body_append(&body, (mola_str){all + len, size}, MAX));
        len += size;
        ck_assert(atomic_load(&budget.used) >= len && body.room <= MAX);
    }
    mola_str bytes = mola_body_finish(&body);
    ck_assert(bytes.len == len && (len == 0 || memcmp(bytes.data, all, len) == 0));
    ck_assert_uint_eq(atomic_load(&budget.used), len);
    assert_padded(bytes);
    mola_body_free(&body);
}
END_TEST

START_TEST(a_known_length_is_charged_whole_before_the_first_byte)
{
    mola_body body = new_body();
    ck_assert(mola_body_reserve(&body, 5 << 20));
    ck_assert_uint_eq(atomic_load(&budget.used), 5 << 20);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_http_body_bytes]), 5 << 20);
    mola_body_free(&body);
}
END_TEST

START_TEST(over_the_budget_nothing_is_kept)
{
    mola_body first = new_body(), second = new_body();
    ck_assert(mola_body_reserve(&first, 10 << 20));
    ck_assert(!mola_body_reserve(&second, 7 << 20));
    ck_assert_uint_eq(atomic_load(&budget.used), 10 << 20);
    ck_assert(mola_body_append(&second, MOLA_STR("abc"), 100));
    mola_body_free(&first);
    ck_assert(mola_body_reserve(&second, 7 << 20));
    ck_assert(second.len == 3 && memcmp(second.data, "abc", 3) == 0);
    mola_body_free(&second);
}
END_TEST

START_TEST(a_size_beyond_all_memory_is_refused)
{
    mola_body body = new_body();
    budget.limit = UINT64_MAX;
    ck_assert(!mola_body_reserve(&body, UINT64_MAX));
    ck_assert(!mola_body_reserve(&body, UINT64_MAX / 2));
    ck_assert_uint_eq(atomic_load(&budget.used), 0);
    mola_body_free(&body);
}
END_TEST

START_TEST(a_heap_that_says_no_gives_the_charge_back)
{
    mola_body body = new_body();
    heap.limit = 1000;
    ck_assert(!mola_body_append(&body, MOLA_STR("abc"), 1 << 20));
    ck_assert_uint_eq(atomic_load(&budget.used), 0);
    mola_body_free(&body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("body");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, open_world, close_world);
    tcase_add_test(all, an_empty_body_has_a_padding_too);
    tcase_add_loop_test(all, appended_pieces_of_any_size_make_one_run_of_bytes, 0, 20);
    tcase_add_test(all, a_known_length_is_charged_whole_before_the_first_byte);
    tcase_add_test(all, over_the_budget_nothing_is_kept);
    tcase_add_test(all, a_size_beyond_all_memory_is_refused);
    tcase_add_test(all, a_heap_that_says_no_gives_the_charge_back);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
