#include "common.h"

/* Type texts are the wire's; they must read back, and nothing else may pass for one. */

START_TEST(every_type_of_the_reference_reads_and_prints)
{
    static const char *const texts[] = {
        "string",   "int",         "uint",     "float",      "bool",      "uuid",
        "datetime", "bytes",       "[]string", "[]int",      "[]uint",    "[]float",
        "[]bool",   "[]uuid",      "[1]f32",   "[10752]f32", "[1024]f16", "[3]i8",
        "[][1]f32", "[][3072]f16", "{}f16",    "[]datetime", "[]unknown",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mola_type type = type_of(texts[i]);
        char text[MOLA_TYPE_TEXT_BYTES];
        ck_assert_uint_eq(mola_type_print(type, text), strlen(texts[i]));
        ck_assert_str_eq(text, texts[i]);
        ck_assert(mola_type_ok(type));
        ck_assert(mola_type_eq(type, type_of(text)));
    }
}
END_TEST

START_TEST(other_texts_are_no_types)
{
    static const char *const texts[] = {
        "",         "String",     "i64",   "[]bytes", "[][]string", "unknown",
        "[0]f32",   "[01]f32",    "[]f32", "[2]f64",  "[2]",        "[-1]f32",
        "[2]f32 ",  "[][2]i8",    "{}f32", "{}",      "[2]int",     "[x]f32",
        "[][0]f32", "[][][2]f32", "vec",   "[",       "[2",         "[]",
        "[ 2]f32",  "none",       "f32",   "[]none",  "[]i8",       "[2][2]f32",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        mola_type type;
        char words[100];
        (void)snprintf(words, sizeof words, "invalid attribute type `%s`", texts[i]);
        ck_assert_int_eq(mola_type_parse(mola_str_of(texts[i]), &type, &why), MOLA_INVALID);
        ck_assert_str_eq(said(), words);
    }
}
END_TEST

START_TEST(too_many_dimensions_name_the_limit)
{
    static const char *const cases[][2] = {
        {"[10753]f32", "vector has 10753 dimensions, the limit is 10752"},
        {"[][3073]f32", "multi-vector has 3073 dimensions, the limit is 3072"},
        {"[99999999999999999999999]i8",
         "vector has 99999999999999999999999 dimensions, the limit is 10752"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_type type;
        ck_assert_int_eq(mola_type_parse(mola_str_of(cases[i][0]), &type, &why), MOLA_INVALID);
        ck_assert_str_eq(said(), cases[i][1]);
    }
}
END_TEST

START_TEST(filters_and_orders_take_what_the_table_says)
{
    static const struct {
        const char *text;
        bool filter, order, vector;
    } rows[] = {
        {"string", true, true, false},   {"float", true, true, false},
        {"bytes", false, false, false},  {"[]int", true, false, false},
        {"[2]f32", false, false, true},  {"[][2]f32", false, false, true},
        {"{}f16", false, false, false},  {"[]unknown", true, false, false},
        {"datetime", true, true, false}, {"uuid", true, true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mola_type type = type_of(rows[i].text);
        ck_assert_int_eq(mola_type_can_filter(type), rows[i].filter);
        ck_assert_int_eq(mola_type_can_order(type), rows[i].order);
        ck_assert_int_eq(mola_type_is_vector(type), rows[i].vector);
    }
}
END_TEST

/* Images are checked with mola_type_ok: it must accept exactly what a text can make. */
START_TEST(only_types_with_a_text_are_ok)
{
    for (int form = 0; form < 8; form++) {
        for (int elem = 0; elem < 16; elem++) {
            static const uint32_t dims[] = {0, 1, 3072, 3073, 10752, 10753, UINT32_MAX};
            for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
                mola_type type = {(uint8_t)form, (uint8_t)elem, 0, dims[d]}, again;
                char text[MOLA_TYPE_TEXT_BYTES];
                size_t len = mola_type_print(type, text);
                bool same = mola_type_parse((mola_str){text, len}, &again, NULL) == MOLA_OK &&
                            memcmp(&type, &again, sizeof type) == 0;
                ck_assert_msg(mola_type_ok(type) == same, "form %d elem %d dims %u", form, elem,
                              dims[d]);
            }
        }
    }
    ck_assert(!mola_type_ok((mola_type){.elem = MOLA_ELEM_INT, .reserved = 1}));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("type");
    TCase *types = tcase_create("types");
    tcase_add_checked_fixture(types, set_up, tear_down);
    tcase_add_test(types, every_type_of_the_reference_reads_and_prints);
    tcase_add_test(types, other_texts_are_no_types);
    tcase_add_test(types, too_many_dimensions_name_the_limit);
    tcase_add_test(types, filters_and_orders_take_what_the_table_says);
    tcase_add_test(types, only_types_with_a_text_are_ok);
    suite_add_tcase(suite, types);
    return run(suite);
}
