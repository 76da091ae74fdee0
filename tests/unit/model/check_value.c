#include "common.h"

/* Values are what filters compare and clients read: conversion, order and text by reference 3.2, 4.
 */

static const char *through(const char *text, const char *elem)
{
    mola_value v;
    bool full;
    mola_type type = type_of(elem);
    if (!mola_value_from_json(json(text), type.elem, &arena, &v, &full))
        return full ? "full" : "no";
    mola_value_print(&out, &v);
    return printed();
}

START_TEST(scalars_convert_by_the_table)
{
    static const struct {
        const char *elem, *in, *printed;
    } cases[] = {
        {"string", "\"a\\u00e9\\\"\\n\"", "\"a\xc3\xa9\\\"\\n\""},
        {"string", "1", "no"},
        {"int", "-9223372036854775808", "-9223372036854775808"},
        {"int", "9223372036854775807", "9223372036854775807"},
        {"int", "9223372036854775808", "no"},
        {"int", "1.0", "no"},
        {"int", "1e3", "no"},
        {"int", "true", "no"},
        {"int", "\"1\"", "no"},
        {"uint", "18446744073709551615", "18446744073709551615"},
        {"uint", "18446744073709551616", "no"},
        {"uint", "-1", "no"},
        {"uint", "-0", "0"},
        {"float", "1", "1.0"},
        {"float", "0.1", "0.1"},
        {"float", "-1.5e300", "-1.5e300"},
        {"float", "1e999", "no"},
        {"float", "\"1\"", "no"},
        {"bool", "true", "true"},
        {"bool", "0", "no"},
        {"uuid", "\"urn:uuid:AAAAAAAA-bbbb-CCCC-dddd-eeeeeeeeeeee\"",
         "\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\""},
        {"uuid", "\"{aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee}\"",
         "\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\""},
        {"uuid", "\"AAAAAAAABBBBCCCCDDDDEEEEEEEEEEEE\"",
         "\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\""},
        {"uuid", "\"aaaaaaaa\"", "no"},
        {"uuid", "7", "no"},
        {"datetime", "\"2015-01-20\"", "\"2015-01-20T00:00:00.000000000Z\""},
        {"datetime", "\"2015-01-20T12:34:56-04:00\"", "\"2015-01-20T16:34:56.000000000Z\""},
        {"datetime", "\"2015-01-20T12:34:56.987654321Z\"", "\"2015-01-20T12:34:56.987000000Z\""},
        {"datetime", "\"0001-01-01T00:00:00Z\"", "\"0001-01-01T00:00:00.000000000Z\""},
        {"datetime", "\"2015-02-30\"", "no"},
        {"datetime", "1700000000000", "no"},
        {"bytes", "\"aGk=\"", "\"aGk=\""},
        {"bytes", "\"\"", "\"\""},
        {"bytes", "\"aGk\"", "no"},
        {"bytes", "5", "no"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(strcmp(through(cases[i].in, cases[i].elem), cases[i].printed) == 0,
                      "%s of %s", cases[i].elem, cases[i].in);
        drop_docs();
    }
}
END_TEST

START_TEST(a_full_arena_is_told_from_a_wrong_value)
{
    mola_arena none;
    mola_arena_init(&none, &heap, 8);
    mola_value v;
    bool full;
    ck_assert(!mola_value_from_json(json("\"escaped\\n and longer than the arena\""),
                                    MOLA_ELEM_STRING, &none, &v, &full));
    ck_assert(full);
    ck_assert(!mola_value_from_json(json("7"), MOLA_ELEM_STRING, &none, &v, &full));
    ck_assert(!full);
    mola_arena_reset(&none);
}
END_TEST

/* Every pair of each list must compare as its places do. */
START_TEST(values_have_a_total_order)
{
    static const mola_value ints[] = {
        {.elem = MOLA_ELEM_NONE},
        {.elem = MOLA_ELEM_INT, .i = INT64_MIN},
        {.elem = MOLA_ELEM_INT, .i = -1},
        {.elem = MOLA_ELEM_INT, .i = 0},
        {.elem = MOLA_ELEM_INT, .i = INT64_MAX},
    };
    static const mola_value uints[] = {
        {.elem = MOLA_ELEM_UINT, .u = 0},
        {.elem = MOLA_ELEM_UINT, .u = 1},
        {.elem = MOLA_ELEM_UINT, .u = UINT64_MAX},
    };
    static const mola_value floats[] = {
        {.elem = MOLA_ELEM_NONE},
        {.elem = MOLA_ELEM_FLOAT, .f = -1e300},
        {.elem = MOLA_ELEM_FLOAT, .f = -0.5},
        {.elem = MOLA_ELEM_FLOAT, .f = 0.0},
        {.elem = MOLA_ELEM_FLOAT, .f = 5e-324},
    };
    static const mola_value strings[] = {
        {.elem = MOLA_ELEM_NONE},
        {.elem = MOLA_ELEM_STRING, .s = MOLA_STR_C("")},
        {.elem = MOLA_ELEM_STRING, .s = MOLA_STR_C("Z")},
        {.elem = MOLA_ELEM_STRING, .s = MOLA_STR_C("a")},
        {.elem = MOLA_ELEM_STRING, .s = MOLA_STR_C("a\0")},
        {.elem = MOLA_ELEM_STRING, .s = MOLA_STR_C("ab")},
        {.elem = MOLA_ELEM_STRING, .s = MOLA_STR_C("\xc3\xa9")},
    };
    static const mola_value bools[] = {
        {.elem = MOLA_ELEM_NONE}, {.elem = MOLA_ELEM_BOOL}, {.elem = MOLA_ELEM_BOOL, .b = true}};
    static const struct {
        const mola_value *values;
        int count;
    } lists[] = {{ints, 5}, {uints, 3}, {floats, 5}, {strings, 7}, {bools, 3}};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (int i = 0; i < lists[l].count; i++)
            for (int j = 0; j < lists[l].count; j++) {
                int order = mola_value_cmp(&lists[l].values[i], &lists[l].values[j]);
                ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
                ck_assert_int_eq(mola_value_eq(&lists[l].values[i], &lists[l].values[j]), i == j);
            }
}
END_TEST

START_TEST(minus_zero_equals_zero_and_hashes_alike)
{
    mola_value a = {.elem = MOLA_ELEM_FLOAT, .f = 0.0}, b = {.elem = MOLA_ELEM_FLOAT, .f = -0.0};
    ck_assert(mola_value_eq(&a, &b));
    ck_assert_uint_eq(mola_value_hash(&a), mola_value_hash(&b));
    b.f = 1;
    ck_assert_uint_ne(mola_value_hash(&a), mola_value_hash(&b));
}
END_TEST

/* Every kind: equal copies hash alike, and hundreds of different values hardly ever meet. */
START_TEST(hashes_follow_equality)
{
    chance c = {17};
    for (int elem = MOLA_ELEM_STRING; elem <= MOLA_ELEM_BYTES; elem++) {
        mola_value values[100];
        uint32_t met = 0;
        for (int i = 0; i < 100; i++) {
            values[i] = random_value(&c, (mola_elem)elem);
            mola_value copy = values[i];
            if (elem == MOLA_ELEM_STRING || elem == MOLA_ELEM_BYTES)
                ck_assert(mola_arena_copy(&arena, values[i].s, &copy.s));
            ck_assert(mola_value_eq(&values[i], &copy));
            ck_assert_uint_eq(mola_value_hash(&values[i]), mola_value_hash(&copy));
            for (int j = 0; j < i; j++) {
                if (!mola_value_eq(&values[i], &values[j])) {
                    met += mola_value_hash(&values[i]) == mola_value_hash(&values[j]);
                }
            }
        }
        ck_assert_uint_eq(met, 0);
    }
    mola_value null = {.elem = MOLA_ELEM_NONE};
    ck_assert_uint_eq(mola_value_hash(&null), 0);
    ck_assert_uint_eq(mola_value_bytes(&null), 0);
    mola_value_print(&out, &null);
    ck_assert_str_eq(printed(), "null");
}
END_TEST

START_TEST(ids_say_what_is_wrong_with_them)
{
    static const struct {
        mola_elem type;
        const char *in, *words; /* NULL: good */
    } cases[] = {
        {MOLA_ELEM_UINT, "5", NULL},
        {MOLA_ELEM_UINT, "18446744073709551615", NULL},
        {MOLA_ELEM_UINT, "\"5\"", "namespace ID type is uint, but a written ID is a string"},
        {MOLA_ELEM_STRING, "\"\"", NULL},
        {MOLA_ELEM_STRING, "7", "namespace ID type is string, but a written ID is a number"},
        {MOLA_ELEM_UUID, "7", "namespace ID type is uuid, but a written ID is a number"},
        {MOLA_ELEM_UUID, "\"x\"",
         "namespace ID type is uuid, but a written ID could not be parsed as uuid"},
        {MOLA_ELEM_UUID, "\"AAAAAAAABBBBCCCCDDDDEEEEEEEEEEEE\"", NULL},
        {MOLA_ELEM_STRING, "\"0123456789012345678901234567890123456789012345678901234567890123\"",
         NULL},
        {MOLA_ELEM_STRING, "\"01234567890123456789012345678901234567890123456789012345678901234\"",
         "document IDs can be at most 64 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_value v;
        mola_err err = mola_id_from_json(json(cases[i].in), cases[i].type, MOLA_ID_BYTES_MAX,
                                         &arena, &v, &why);
        ck_assert_int_eq(err, cases[i].words ? MOLA_INVALID : MOLA_OK);
        ck_assert_str_eq(said(), cases[i].words ? cases[i].words : "");
    }
}
END_TEST

START_TEST(only_numbers_and_strings_have_the_shape_of_an_id)
{
    ck_assert(mola_id_shape_ok(json("0")));
    ck_assert(mola_id_shape_ok(json("18446744073709551615")));
    ck_assert(mola_id_shape_ok(json("\"x\"")));
    static const char *const others[] = {"-1",   "1.5", "1.0", "true",
                                         "null", "[1]", "{}",  "18446744073709551616"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!mola_id_shape_ok(json(others[i])), "%s", others[i]);
    ck_assert(!mola_id_shape_ok((mola_json){0}));
}
END_TEST

START_TEST(shape_errors_read_like_those_of_serde)
{
#define PREFIX "Failed to deserialize the JSON body into the target type: "
    static const char *const cases[][2] = {
        {"{}", "map"},
        {"[]", "sequence"},
        {"\"x\\ty\"", "string \"x\ty\""},
        {"true", "boolean `true`"},
        {"-5", "integer `-5`"},
        {"-0", "integer `0`"},
        {"2.50", "floating point `2.5`"},
        {"1e2", "floating point `100.0`"},
        {"null", "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[200];
        (void)snprintf(words, sizeof words, PREFIX "rows[0].x: invalid type: %s, expected a thing",
                       cases[i][1]);
        ck_assert_int_eq(mola_fail_type(&why, "rows[0].x", json(cases[i][0]), "a thing"),
                         MOLA_SHAPE);
        ck_assert_str_eq(said(), words);
        mola_json_describe(json(cases[i][0]), &out);
        ck_assert_str_eq(printed(), cases[i][1]);
    }
    ck_assert_int_eq(mola_fail_type(&why, "", (mola_json){0}, "a map"), MOLA_SHAPE);
    ck_assert_str_eq(said(), PREFIX "invalid type: null, expected a map");
    ck_assert_int_eq(mola_fail_shape(&why, "x", "missing field `%s`", "id"), MOLA_SHAPE);
    ck_assert_str_eq(said(), PREFIX "x: missing field `id`");
    static const char *const names[] = {"a", "b", "c"};
    ck_assert_int_eq(mola_fail_variant(&why, "p", json("\"d\""), names, 2), MOLA_SHAPE);
    ck_assert_str_eq(said(), PREFIX "p: unknown variant `d`, expected `a` or `b`");
    ck_assert_int_eq(mola_fail_variant(&why, "p", json("5"), names, 3), MOLA_SHAPE);
    ck_assert_str_eq(said(), PREFIX "p: unknown variant `5`, expected one of `a`, `b`, `c`");
}
END_TEST

START_TEST(words_longer_than_their_room_are_cut)
{
    char text[3000];
    memset(text, 'x', sizeof text);
    text[0] = text[sizeof text - 1] = '"';
    ck_assert_int_eq(mola_fail_type(&why, "p", json_n(text, sizeof text), "y"), MOLA_SHAPE);
    ck_assert_uint_gt(why.len, 900);
    ck_assert_uint_le(why.len, MOLA_WHY_BYTES);
}
END_TEST

/* Table 3-7 of the Unicode standard, from both sides of each border. */
START_TEST(utf8_is_judged_by_the_standard)
{
    static const char *const good[] = {"",
                                       "a",
                                       "12345678",
                                       "12345678\xc3\xa9",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xef\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe1\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf1\x80\x80",
                                      "\xff",
                                      "1234567\xff",
                                      "12345678\xc3",
                                      "\xe1\x80\x41",
                                      "\xf1\x80\x80\x41"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(mola_utf8_ok(mola_str_of(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!mola_utf8_ok(mola_str_of(bad[i])), "bad %zu", i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("value");
    TCase *values = tcase_create("values");
    tcase_add_checked_fixture(values, set_up, tear_down);
    tcase_add_test(values, scalars_convert_by_the_table);
    tcase_add_test(values, a_full_arena_is_told_from_a_wrong_value);
    tcase_add_test(values, values_have_a_total_order);
    tcase_add_test(values, minus_zero_equals_zero_and_hashes_alike);
    tcase_add_test(values, hashes_follow_equality);
    tcase_add_test(values, ids_say_what_is_wrong_with_them);
    tcase_add_test(values, only_numbers_and_strings_have_the_shape_of_an_id);
    tcase_add_test(values, shape_errors_read_like_those_of_serde);
    tcase_add_test(values, words_longer_than_their_room_are_cut);
    tcase_add_test(values, utf8_is_judged_by_the_standard);
    suite_add_tcase(suite, values);
    return run(suite);
}
