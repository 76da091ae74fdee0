#include "query/sum.h"
#include <check.h>
#include <math.h>
#include <stdio.h>

/* A sum over rows must not depend on the order in which parts give them: the same bits for every
 * order, and the nearest number to the true sum. */

static mola_heap heap;
static mola_arena arena;

static void set_up(void)
{
    mola_heap_init(&heap, (size_t)1 << 26);
    mola_arena_init(&arena, &heap, (size_t)1 << 26);
}

static void tear_down(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static double sum_of(const double *v, size_t count)
{
    mola_sum sum = {0};
    for (size_t i = 0; i < count; i++) {
        mola_value value = {.elem = MOLA_ELEM_FLOAT, .f = v[i]};
        ck_assert(mola_sum_add(&sum, &arena, &value));
    }
    return mola_sum_float(&sum);
}
#define SUM(...)                                                                                   \
    sum_of((const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

START_TEST(known_sums_are_exact)
{
    ck_assert(sum_of(NULL, 0) == 0);
    ck_assert(SUM(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0) == 5.5);
    ck_assert(SUM(1e16, 1, -1e16) == 1);
    ck_assert(SUM(1e100, 1, -1e100, 1e-30) == 1);
    ck_assert(SUM(1e308, 1e308, -1e308, -1e308, 3) == 3);
    ck_assert(SUM(1.7e308, 1.7e308, -1.7e308) == 1.7e308);
    ck_assert(isinf(SUM(1.7e308, 1.7e308)));
    ck_assert(SUM(-0.0) == 0);
    /* half way between two doubles, and a little more: ties alone go to even */
    ck_assert(SUM(1, 0x1p-53) == 1);
    ck_assert(SUM(1, 0x1p-53, 0x1p-200) == 1 + 0x1p-52);
    ck_assert(SUM(1, 0x1p-53, -0x1p-200) == 1);
    ck_assert(SUM(5e-324, 5e-324) == 1e-323);
}
END_TEST

START_TEST(every_order_gives_the_same_bits)
{
    enum { COUNT = 60 };
    uint64_t state = 0x5eed + (uint64_t)_i;
    double v[COUNT];
    for (int i = 0; i < COUNT; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        v[i] = ldexp((double)(int64_t)state, (int)(state >> 40) % 1000 - 563);
    }
    double want = sum_of(v, COUNT);
    for (int round = 0; round < 50; round++) {
        for (int i = COUNT - 1; i > 0; i--) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            int k = (int)((state >> 33) % (uint64_t)(i + 1));
            double swap = v[i];
            v[i] = v[k];
            v[k] = swap;
        }
        double got = sum_of(v, COUNT);
        ck_assert_msg(memcmp(&got, &want, sizeof got) == 0, "seed %d: %a and %a", _i, got, want);
    }
}
END_TEST

static void expect_whole(const mola_value *values, size_t count, const char *want)
{
    mola_sum sum = {0};
    mola_buf out;
    mola_buf_init(&out, &heap);
    for (size_t i = 0; i < count; i++)
        ck_assert(mola_sum_add(&sum, &arena, &values[i]));
    mola_sum_print_whole(&out, &sum);
    mola_buf_add_char(&out, '\0');
    ck_assert_str_eq(out.data, want);
    mola_buf_free(&out);
}

START_TEST(whole_numbers_do_not_wrap)
{
    const mola_value most = {.elem = MOLA_ELEM_UINT, .u = UINT64_MAX},
                     least = {.elem = MOLA_ELEM_INT, .i = INT64_MIN};
    const mola_value one = {.elem = MOLA_ELEM_INT, .i = 1};
    expect_whole(NULL, 0, "0");
    expect_whole((const mola_value[]){most, most}, 2, "36893488147419103230");
    expect_whole((const mola_value[]){least, least, one}, 3, "-18446744073709551615");
    expect_whole((const mola_value[]){least}, 1, "-9223372036854775808");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sum");
    TCase *cases = tcase_create("sum");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, known_sums_are_exact);
    tcase_add_loop_test(cases, every_order_gives_the_same_bits, 0, 20);
    tcase_add_test(cases, whole_numbers_do_not_wrap);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
