#include "mola/codec/f16.h"
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* What is stored is the nearest half, the same on every machine: results are compared bit by bit.
 */

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* By the definition of the format, in doubles. */
static double value_of(uint16_t half)
{
    int exponent = half >> 10 & 31;
    double mantissa = half & 0x3ff;
    double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return half & 0x8000 ? -v : v;
}

START_TEST(every_half_widens_exactly_and_narrows_back)
{
    for (uint32_t half = 0; half < 0x10000; half++) {
        float v = mola_f16_to_f32((uint16_t)half);
        bool special = (half >> 10 & 31) == 31;
        if (!special) {
            ck_assert_msg((double)v == value_of((uint16_t)half), "%04x", half);
            ck_assert_int_eq(signbit(v) != 0, half >> 15);
        } else if ((half & 0x3ff) == 0) {
            ck_assert(isinf(v) && (signbit(v) != 0) == half >> 15);
        } else {
            ck_assert(isnan(v) && (bits_of(v) & 0x400000));
        }
        uint32_t quiet = special && (half & 0x3ff) ? 0x200 : 0;
        ck_assert_uint_eq(mola_f16_from_f32(v), half | quiet);
    }
}
END_TEST

/* Exactly between two halves the even one is taken, and a hair to either side the nearer one. */
START_TEST(the_middle_of_two_halves_rounds_to_the_even_one)
{
    for (uint16_t half = 0; half < 0x7c00; half++) {
        double next = half == 0x7bff ? 65536 : value_of((uint16_t)(half + 1));
        float middle = (float)((value_of(half) + next) / 2);
        uint16_t even = half & 1 ? (uint16_t)(half + 1) : half;
        ck_assert_uint_eq(mola_f16_from_f32(middle), even);
        ck_assert_uint_eq(mola_f16_from_f32(-middle), even | 0x8000);
        ck_assert_uint_eq(mola_f16_from_f32(nextafterf(middle, 0)), half);
        ck_assert_uint_eq(mola_f16_from_f32(nextafterf(middle, INFINITY)), half + 1);
    }
}
END_TEST

START_TEST(known_values_narrow_as_the_wire_contract_shows)
{
    ck_assert_uint_eq(mola_f16_from_f32(0.5F), 0x3800);
    ck_assert_uint_eq(mola_f16_from_f32(1), 0x3c00);
    ck_assert(mola_f16_to_f32(mola_f16_from_f32(0.123456789F)) == 0.12347412F);
    ck_assert_uint_eq(mola_f16_from_f32(65504), 0x7bff);
    ck_assert_uint_eq(mola_f16_from_f32(65519.996F), 0x7bff);
    ck_assert_uint_eq(mola_f16_from_f32(65520), 0x7c00);
    ck_assert_uint_eq(mola_f16_from_f32(3.4e38F), 0x7c00);
    ck_assert_uint_eq(mola_f16_from_f32(-INFINITY), 0xfc00);
    ck_assert_uint_eq(mola_f16_from_f32(1e-45F), 0);
    ck_assert_uint_eq(mola_f16_from_f32(-0.0F), 0x8000);
    ck_assert_uint_eq(mola_f16_from_f32(NAN) & 0x7e00, 0x7e00);
}
END_TEST

/* Halves grow with the floats they come from: with exactness at the middles, nothing is missed. */
START_TEST(narrowing_never_falls_when_the_float_rises)
{
    uint16_t last = 0;
    for (uint32_t bits = 0; bits <= 0x7f800000; bits += 977) {
        float v;
        memcpy(&v, &bits, sizeof v);
        uint16_t half = mola_f16_from_f32(v);
        if (half < last || half > 0x7c00)
            ck_abort_msg("%08x gives %04x", bits, half);
        last = half;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("f16");
    TCase *all = tcase_create("f16");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, every_half_widens_exactly_and_narrows_back);
    tcase_add_test(all, the_middle_of_two_halves_rounds_to_the_even_one);
    tcase_add_test(all, known_values_narrow_as_the_wire_contract_shows);
    tcase_add_test(all, narrowing_never_falls_when_the_float_rises);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
