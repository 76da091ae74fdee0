#include "json_fixture.h"
#include <math.h>

/* What the values of a parsed text are worth: keys looked up, integers exact, floats the nearest.
 */

/* ------------------------------------------------------------------------------------- looking up
 */

START_TEST(the_last_of_equal_keys_wins_looked_up_or_walked)
{
    mola_json v = parse("{\"a\":1,\"b\":2,\"\\u0061\":[3,4],\"c\":5,\"b\":6}");
    ck_assert_uint_eq(mola_json_count(v), 5);
    ck_assert_int_eq(mola_json_kind_of(mola_json_get(v, MOLA_STR("a"))), MOLA_JSON_ARRAY);
    uint64_t n;
    ck_assert(mola_json_u64(mola_json_get(v, MOLA_STR("b")), &n) && n == 6);
    static const char *const wanted[] = {"a", "c", "b"};
    size_t i = 0;
    for (mola_json m = mola_json_first(v); m.doc; m = mola_json_next(v, m), i++) {
        mola_str key;
        ck_assert(mola_json_key(m, &arena, &key));
        ck_assert(i < 3 && mola_str_eq(key, mola_str_of(wanted[i])));
    }
    ck_assert_uint_eq(i, 3);
}
END_TEST

START_TEST(a_large_object_with_repeated_keys_keeps_the_last)
{
    enum { MEMBERS = 20000, DIFFERENT = 7000 };
    mola_buf b;
    mola_buf_init(&b, &heap);
    for (int i = 0; i < MEMBERS; i++) { /* every other key is written with an escape */
        mola_buf_print(&b, i % 2 ? "%c\"\\u006bey%d\":[%d]" : "%c\"key%d\":[%d]", i ? ',' : '{',
                       i % DIFFERENT, i);
    }
    mola_buf_add_char(&b, '}');
    ck_assert_int_eq(parse_padded(mola_buf_str(&b), '1'), MOLA_OK);
    mola_buf_free(&b);
    mola_json v = mola_json_root(&doc);
    int64_t n, wanted = MEMBERS - DIFFERENT;
    for (mola_json m = mola_json_first(v); m.doc; m = mola_json_next(v, m), wanted++)
        ck_assert(mola_json_i64(mola_json_at(m, 0), &n) && n == wanted);
    ck_assert_int_eq(wanted, MEMBERS);
    ck_assert(mola_json_i64(mola_json_at(mola_json_get(v, MOLA_STR("key0")), 0), &n) && n == 14000);
}
END_TEST

START_TEST(missing_things_are_no_value)
{
    mola_json v = parse("{\"a\":[1,\"\\u0062\",null],\"c\":{}}"), none = {0};
    ck_assert_ptr_null(mola_json_get(v, MOLA_STR("x")).doc);
    ck_assert_ptr_null(mola_json_get(none, MOLA_STR("x")).doc);
    mola_json a = mola_json_get(v, MOLA_STR("a"));
    ck_assert_ptr_null(mola_json_get(a, MOLA_STR("x")).doc);
    ck_assert_ptr_null(mola_json_at(a, 3).doc);
    ck_assert_ptr_null(mola_json_at(v, 0).doc);
    ck_assert_ptr_null(mola_json_first(mola_json_at(a, 0)).doc);
    ck_assert_ptr_null(mola_json_first(mola_json_get(v, MOLA_STR("c"))).doc);
    ck_assert_int_eq(mola_json_kind_of(none), MOLA_JSON_NONE);
    ck_assert(!mola_json_is_set(none) && !mola_json_is_set(mola_json_at(a, 2)) &&
              mola_json_is_set(a));
    ck_assert(mola_json_string_is(mola_json_at(a, 1), MOLA_STR("b")));
    ck_assert(!mola_json_string_is(mola_json_at(a, 1), MOLA_STR("bb")));
    ck_assert(!mola_json_string_is(mola_json_at(a, 1), MOLA_STR("")));
    ck_assert(!mola_json_string_is(mola_json_at(a, 0), MOLA_STR("1")));
    ck_assert(mola_str_eq(mola_json_raw(a), MOLA_STR("[1,\"\\u0062\",null]")));
    ck_assert(mola_str_eq(mola_json_raw(mola_json_at(a, 1)), MOLA_STR("\"\\u0062\"")));
    ck_assert(mola_str_eq(mola_json_raw(mola_json_at(a, 0)), MOLA_STR("1")));
    ck_assert_uint_eq(mola_json_raw(none).len, 0);
}
END_TEST

/* Large strings are not copied: a body of base64 must not take its size again. */
START_TEST(only_strings_with_escapes_are_copied)
{
    mola_json v = parse("[\"plain\",\"\\u0061\",\"plain\",{\"key\":1,\"\\\\\":2},\"plain\"]");
    mola_json object = mola_json_at(v, 3);
    mola_str s;
    for (uint32_t i = 0; i < 5; i++) {
        size_t before = arena.used;
        if (i != 3) {
            ck_assert(mola_json_string(mola_json_at(v, i), &arena, &s));
            ck_assert(mola_str_eq(s, i == 1 ? MOLA_STR("a") : MOLA_STR("plain")));
            ck_assert_int_eq(arena.used > before, i == 1);
        }
    }
    size_t before = arena.used;
    ck_assert(mola_json_key(mola_json_first(object), &arena, &s) &&
              mola_str_eq(s, MOLA_STR("key")));
    ck_assert_uint_eq(arena.used, before);
    ck_assert(mola_json_key(mola_json_get(object, MOLA_STR("\\")), &arena, &s));
    ck_assert(mola_str_eq(s, MOLA_STR("\\")));
}
END_TEST

START_TEST(raw_text_of_a_container_ends_at_its_own_bracket)
{
    mola_json v = parse("[[\"]\\\"]\",{\"}\":[ ]}] ,2]");
    ck_assert(mola_str_eq(mola_json_raw(mola_json_at(v, 0)), MOLA_STR("[\"]\\\"]\",{\"}\":[ ]}]")));
}
END_TEST

/* ---------------------------------------------------------------------------------------- numbers
 */

START_TEST(integers_are_exact_to_64_bits)
{
    static const struct {
        const char *text;
        bool is_i64, is_u64;
        int64_t i64;
        uint64_t u64;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"-1", true, false, -1, 0},
        {"9007199254740993", true, true, 9007199254740993, 9007199254740993},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", false, true, 0, UINT64_C(9223372036854775808)},
        {"-9223372036854775808", true, false, INT64_MIN, 0},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", false, true, 0, UINT64_MAX},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999999", false, false, 0, 0},
        {"1.0", false, false, 0, 0},
        {"1e2", false, false, 0, 0},
        {"\"1\"", false, false, 0, 0},
        {"null", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_json v = parse(cases[i].text);
        int64_t i64;
        uint64_t u64;
        ck_assert_msg(mola_json_i64(v, &i64) == cases[i].is_i64, "%s", cases[i].text);
        ck_assert_msg(mola_json_u64(v, &u64) == cases[i].is_u64, "%s", cases[i].text);
        ck_assert(!cases[i].is_i64 || i64 == cases[i].i64);
        ck_assert(!cases[i].is_u64 || u64 == cases[i].u64);
    }
    ck_assert(mola_json_is_integer(parse("99999999999999999999999")));
    ck_assert(!mola_json_is_integer(parse("1.0")) && !mola_json_is_integer(parse("1e0")));
    ck_assert(!mola_json_is_integer(parse("0.12345678")) && !mola_json_is_integer(parse("true")));
}
END_TEST

START_TEST(doubles_are_the_nearest_ones)
{
    static const char *const texts[] = {"0.1",
                                        "-0.0",
                                        "1e-400",
                                        "4.9e-324",
                                        "2.2250738585072011e-308",
                                        "1.7976931348623157e308",
                                        "9007199254740993",
                                        "0.3e-5",
                                        "123456789.125e+3"};
    double d;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert(mola_json_f64(parse(texts[i]), &d));
        double wanted = strtod(texts[i], NULL);
        ck_assert(memcmp(&d, &wanted, sizeof d) == 0);
    }
    ck_assert(!mola_json_f64(parse("1e400"), &d));
    ck_assert(!mola_json_f64(parse("-1.8e308"), &d));
    ck_assert(!mola_json_f64(parse("\"1\""), &d));
}
END_TEST

/* Texts that a detour over doubles would round wrongly are among them. */
START_TEST(an_array_of_numbers_gives_the_nearest_f32s)
{
    static const char *const fixed[] = {"0.7",
                                        "-0.7",
                                        "0",
                                        "-0",
                                        "-0.0",
                                        "16777217",
                                        "16777219",
                                        "3.4028235e38",
                                        "3.4028235677973366e38",
                                        "1e-45",
                                        "7e-46",
                                        "7.006492321624085e-46",
                                        "1.17549435e-38",
                                        "0.00000000000000000000000000000000001",
                                        "1.00000005960464477540",
                                        "1.0000000596046448",
                                        "1.00000017881393432617187499",
                                        "8388609.5",
                                        "1.000000178813934326171875",
                                        "0.1000000014901161",
                                        "123456789",
                                        "1e38",
                                        "100000000000000000000",
                                        "0.500000029802322",
                                        "0.5000000298023224",
                                        "0.50000002980232238769531250",
                                        "5.960464477539063e-8"};
    mola_buf b;
    mola_buf_init(&b, &heap);
    enum { FIXED = sizeof fixed / sizeof *fixed, COUNT = 20000 };
    chance_state = 4711;
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits = chance(UINT32_MAX);
        float f;
        memcpy(&f, &bits, sizeof f);
        mola_buf_add_char(&b, i ? ',' : '[');
        if (i < FIXED) {
            mola_buf_add_str(&b, mola_str_of(fixed[i]));
        } else if (i % 4 == 0 && isfinite(f)) {
            mola_buf_print(&b, "%.*g", (int)chance(20), f);
        } else if (i % 4 == 1) { /* just above, at and below the middle of two f32s */
            mola_buf_print(&b, "%.*f", 12 + (int)chance(15),
                           1 + (2 * (double)chance(1 << 20) + 1) / (1 << 24) +
                               (chance(3) - 1.0) * 1e-16);
        } else {
            mola_buf_print(&b, "%.*f", 1 + (int)chance(18), (chance(2000001) - 1e6) / 1e6);
        }
    }
    mola_buf_add_char(&b, ']');
    ck_assert_int_eq(parse_padded(mola_buf_str(&b), '1'), MOLA_OK);
    float *out = malloc(COUNT * sizeof *out);
    size_t count;
    mola_json v = mola_json_root(&doc);
    ck_assert(mola_json_f32_array(v, out, COUNT, &count));
    ck_assert_uint_eq(count, COUNT);
    mola_json m = mola_json_first(v);
    for (int i = 0; i < COUNT; i++, m = mola_json_next(v, m)) {
        char text[128];
        mola_str s = mola_json_number_text(m);
        ck_assert_uint_lt(s.len, sizeof text);
        memcpy(text, s.data, s.len);
        text[s.len] = '\0';
        float wanted = strtof(text, NULL);
        ck_assert_msg(memcmp(&wanted, &out[i], sizeof wanted) == 0, "%s: %.9g, not %.9g", text,
                      (double)out[i], (double)wanted);
    }
    ck_assert(!mola_json_f32_array(v, out, COUNT - 1, &count));
    ck_assert_uint_eq(count, COUNT);
    free(out);
    mola_buf_free(&b);
}
END_TEST

START_TEST(an_array_with_something_else_in_it_is_no_f32_array)
{
    static const char *const texts[] = {
        "[1,null]",  "[1,\"2\"]", "[1,[2]]",     "[1,{}]",
        "[1,true]",  "1",         "[1,1e39]",    "[1,-1e400]",
        "{\"a\":1}", "\"AAAA\"",  "[1,2,3,4,5]", "[1,340282356779733661637539395458142568448]"};
    float out[4];
    size_t count;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!mola_json_f32_array(parse(texts[i]), out, 4, &count), "%s", texts[i]);
    ck_assert(!mola_json_f32_array(parse("[1,[2,3],4]"), out, 4, &count));
    ck_assert_uint_eq(count, 3);
    ck_assert(mola_json_f32_array(parse("[]"), out, 4, &count));
    ck_assert_uint_eq(count, 0);
}
END_TEST

/* ----------------------------------------------------------------------------------------- memory
 */

START_TEST(a_heap_without_room_is_an_error_and_nothing_leaks)
{
    static const char text[] =
        "{\"a\":[1,2,3,4,5,6,7,8],\"b\":{\"c\":\"d\"},\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,"
        "\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1,\"\\u0072\":1,\"s\":1}";
    bool parsed = false;
    for (size_t limit = 0; limit < 8192; limit += 16) {
        heap.limit = limit;
        mola_err err = parse_padded(MOLA_STR(text), '1');
        ck_assert(err == MOLA_OK ||
                  (err == MOLA_NO_MEMORY && !parsed && mola_why_text(&why).len > 0));
        parsed = err == MOLA_OK;
        let_go();
        ck_assert_uint_eq(atomic_load(&heap.used), 0);
    }
    ck_assert(parsed);
}
END_TEST

/* What is taken is meant to follow what is in the text, not how long it could be. */
START_TEST(a_long_text_with_little_structure_takes_little_memory)
{
    size_t size = 8 << 20;
    char *text = malloc(size);
    memset(text, 'A', size);
    memcpy(text, "{\"vector\":\"", 11);
    memcpy(text + size - 2, "\"}", 2);
    heap.limit = 4096;
    ck_assert_int_eq(parse_padded((mola_str){text, size}, '1'), MOLA_OK);
    ck_assert_uint_eq(doc.tape_bytes, 3 * 8);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_value");
    TCase *value = tcase_create("values");
    tcase_add_checked_fixture(value, set_up, tear_down);
    tcase_add_test(value, the_last_of_equal_keys_wins_looked_up_or_walked);
    tcase_add_test(value, a_large_object_with_repeated_keys_keeps_the_last);
    tcase_add_test(value, missing_things_are_no_value);
    tcase_add_test(value, only_strings_with_escapes_are_copied);
    tcase_add_test(value, raw_text_of_a_container_ends_at_its_own_bracket);
    tcase_add_test(value, integers_are_exact_to_64_bits);
    tcase_add_test(value, doubles_are_the_nearest_ones);
    tcase_add_test(value, an_array_of_numbers_gives_the_nearest_f32s);
    tcase_add_test(value, an_array_with_something_else_in_it_is_no_f32_array);
    tcase_add_test(value, a_heap_without_room_is_an_error_and_nothing_leaks);
    tcase_add_test(value, a_long_text_with_little_structure_takes_little_memory);
    suite_add_tcase(suite, value);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
