#include "mola/codec/print.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What we print, clients read back with parsers of their own: it must be JSON, mean the same value,
 * and not be longer than it has to be. */

static mola_heap heap;
static mola_buf out;

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 26);
    mola_buf_init(&out, &heap);
}

static void tear_down(void)
{
    mola_buf_free(&out);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static const char *text(void)
{
    mola_buf_add_char(&out, '\0');
    ck_assert(!out.failed);
    out.len = 0;
    return out.data;
}

static const char *f32(float v)
{
    mola_print_f32(&out, v);
    return text();
}

static const char *f64(double v)
{
    mola_print_f64(&out, v);
    return text();
}

START_TEST(known_f32s_print_as_people_write_them)
{
    ck_assert_str_eq(f32(0.7F), "0.7");
    ck_assert_str_eq(f32(0.1F), "0.1");
    ck_assert_str_eq(f32(1), "1.0");
    ck_assert_str_eq(f32(256), "256.0");
    ck_assert_str_eq(f32(-3), "-3.0");
    ck_assert_str_eq(f32(0), "0.0");
    ck_assert_str_eq(f32(-0.0F), "-0.0");
    ck_assert_str_eq(f32(0.123456789F), "0.12345679");
    ck_assert_str_eq(f32(-12.5F), "-12.5");
    ck_assert_str_eq(f32(1e-7F), "1e-7");
    ck_assert_str_eq(f32(1e-6F), "0.000001");
    ck_assert_str_eq(f32(1.5e-6F), "0.0000015");
    ck_assert_str_eq(f32(1.5e-7F), "1.5e-7");
    ck_assert_str_eq(f32(16777216), "16777216.0");
    ck_assert_str_eq(f32(1e20F), "100000000000000000000.0");
    ck_assert_str_eq(f32(1e21F), "1e21");
    ck_assert_str_eq(f32(1e30F), "1e30");
    ck_assert_str_eq(f32(3.4028235e38F), "3.4028235e38");
    ck_assert_str_eq(f32(1e-45F), "1e-45");
    ck_assert_str_eq(f32(1.1754944e-38F), "1.1754944e-38");
    ck_assert_str_eq(f32(0.12347412F), "0.12347412");
}
END_TEST

START_TEST(known_f64s_print_as_people_write_them)
{
    ck_assert_str_eq(f64(0.7), "0.7");
    ck_assert_str_eq(f64(0.1 + 0.2), "0.30000000000000004");
    ck_assert_str_eq(f64(123456.789), "123456.789");
    ck_assert_str_eq(f64(9007199254740992.0), "9007199254740992.0");
    ck_assert_str_eq(f64(1e20), "100000000000000000000.0");
    ck_assert_str_eq(f64(1.2345e21), "1.2345e21");
    ck_assert_str_eq(f64(5e-324), "5e-324");
    ck_assert_str_eq(f64(-1.7976931348623157e308), "-1.7976931348623157e308");
    ck_assert_str_eq(f64(0.000001), "0.000001");
    ck_assert_str_eq(f64(1e-7), "1e-7");
    ck_assert_str_eq(f64(-0.0), "-0.0");
}
END_TEST

START_TEST(what_json_cannot_say_is_null)
{
    ck_assert_str_eq(f32(INFINITY), "null");
    ck_assert_str_eq(f32(-INFINITY), "null");
    ck_assert_str_eq(f32(NAN), "null");
    ck_assert_str_eq(f64(HUGE_VAL), "null");
    ck_assert_str_eq(f64(-HUGE_VAL), "null");
    ck_assert_str_eq(f64((double)NAN), "null");
}
END_TEST

static uint64_t chance_state;
static uint64_t chance64(void)
{
    chance_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = chance_state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Significant digits of a printed number: without zeros that only hold the place. */
static int digits_of(const char *printed)
{
    int count = 0, zeros = 0;
    for (const char *p = printed; *p && *p != 'e'; p++) {
        if (*p == '0') {
            zeros += count > 0;
        } else if (*p != '-' && *p != '.') {
            count += zeros + 1;
            zeros = 0;
        }
    }
    return count ? count : 1;
}

START_TEST(random_f32s_read_back_and_no_shorter_text_would)
{
    chance_state = (uint64_t)_i + 1;
    for (int round = 0; round < 20000; round++) {
        uint32_t bits = (uint32_t)chance64();
        float v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        const char *printed = f32(v);
        float back = strtof(printed, NULL);
        ck_assert_msg(memcmp(&back, &v, sizeof v) == 0, "%08x printed as %s", bits, printed);
        char other[64];
        int precision = 0;
        do {
            ck_assert_int_gt(snprintf(other, sizeof other, "%.*e", precision++, (double)v), 0);
        } while (strtof(other, NULL) != v);
        ck_assert_msg(digits_of(printed) <= precision, "%08x printed as %s, not %s", bits, printed,
                      other);
    }
}
END_TEST

START_TEST(random_f64s_read_back_and_no_shorter_text_would)
{
    chance_state = (uint64_t)_i + 1000;
    for (int round = 0; round < 6000; round++) {
        uint64_t bits = chance64();
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        const char *printed = f64(v);
        double back = strtod(printed, NULL);
        ck_assert_msg(memcmp(&back, &v, sizeof v) == 0, "%016llx printed as %s",
                      (unsigned long long)bits, printed);
        char other[64];
        int precision = 0;
        do {
            ck_assert_int_gt(snprintf(other, sizeof other, "%.*e", precision++, v), 0);
        } while (strtod(other, NULL) != v);
        ck_assert_msg(digits_of(printed) <= precision, "%s, not %s", printed, other);
    }
}
END_TEST

/* Ordinary magnitudes have no exponent, and every form is one that JSON has. */
START_TEST(floats_of_every_magnitude_print_as_json_numbers)
{
    for (int exponent = -45; exponent <= 38; exponent++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "1.5e%d", exponent);
        float v = strtof(wanted, NULL);
        const char *printed = f32(v);
        ck_assert(strtof(printed, NULL) == v);
        bool plain = v >= 1e-6F && v < 1e21F;
        ck_assert_msg((strchr(printed, 'e') == NULL) == plain, "%s", printed);
        ck_assert(!plain || strchr(printed, '.'));
        ck_assert(printed[0] >= '0' && printed[0] <= '9' && !strchr(printed, '+'));
        ck_assert(printed[0] != '0' || printed[1] == '.');
        ck_assert(printed[strlen(printed) - 1] != '.');
    }
}
END_TEST

START_TEST(integers_print_whole)
{
    mola_print_u64(&out, 0);
    ck_assert_str_eq(text(), "0");
    mola_print_u64(&out, UINT64_MAX);
    ck_assert_str_eq(text(), "18446744073709551615");
    mola_print_i64(&out, INT64_MIN);
    ck_assert_str_eq(text(), "-9223372036854775808");
    mola_print_i64(&out, INT64_MAX);
    ck_assert_str_eq(text(), "9223372036854775807");
    mola_print_i64(&out, -1);
    ck_assert_str_eq(text(), "-1");
    for (uint64_t v = 1; v < UINT64_MAX / 10; v *= 10) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%llu%llu", (unsigned long long)v - 1,
                 (unsigned long long)v);
        mola_print_u64(&out, v - 1);
        mola_print_u64(&out, v);
        ck_assert_str_eq(text(), wanted);
    }
}
END_TEST

START_TEST(strings_escape_what_must_be_and_nothing_else)
{
    mola_print_string(&out, MOLA_STR("a\"b\\c/d\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80</>"));
    ck_assert_str_eq(
        text(), "\"a\\\"b\\\\c/d\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\xf0\x9f\x98\x80</>\"");
    mola_print_string(&out, MOLA_STR(""));
    ck_assert_str_eq(text(), "\"\"");
    mola_print_string(&out, MOLA_STR("\0"));
    ck_assert_str_eq(text(), "\"\\u0000\"");
}
END_TEST

/* The scan goes eight bytes at a time: each byte value is put at each place of it. */
START_TEST(any_byte_at_any_place_is_escaped_alike)
{
    for (int byte = 0; byte < 256; byte++) {
        for (size_t len = 1; len <= 20; len++) {
            for (size_t at = 0; at < len; at++) {
                char in[32], wanted[64];
                memset(in, byte == 'a' ? 'b' : 'a', sizeof in);
                in[at] = (char)byte;
                if (at + 1 < len)
                    in[at + 1] = (char)0xff;
                static const char *const named[128] = {
                    ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
                    ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t"};
                char escape[8];
                if (byte < 128 && named[byte]) {
                    snprintf(escape, sizeof escape, "%s", named[byte]);
                } else if (byte < 32) {
                    snprintf(escape, sizeof escape, "\\u%04x", byte);
                } else {
                    snprintf(escape, sizeof escape, "%c", byte);
                }
                snprintf(wanted, sizeof wanted, "\"%.*s%s%.*s\"", (int)at, in, escape,
                         (int)(len - at - 1), in + at + 1);
                mola_print_string(&out, (mola_str){in, len});
                ck_assert_str_eq(text(), wanted);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("print");
    TCase *all = tcase_create("print");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, known_f32s_print_as_people_write_them);
    tcase_add_test(all, known_f64s_print_as_people_write_them);
    tcase_add_test(all, what_json_cannot_say_is_null);
    tcase_add_loop_test(all, random_f32s_read_back_and_no_shorter_text_would, 0, 4);
    tcase_add_loop_test(all, random_f64s_read_back_and_no_shorter_text_would, 0, 4);
    tcase_add_test(all, floats_of_every_magnitude_print_as_json_numbers);
    tcase_add_test(all, integers_print_whole);
    tcase_add_test(all, strings_escape_what_must_be_and_nothing_else);
    tcase_add_test(all, any_byte_at_any_place_is_escaped_alike);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
