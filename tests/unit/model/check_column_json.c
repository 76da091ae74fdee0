#include "common.h"
#include "mola/codec/base64.h"

/* What a write says about a value that does not fit is read by people and by tests of clients: the
 * texts and the order in which reasons are found are part of the contract (reference 4, 14). */

/* One value through a column: printed, or "status words". */
static const char *through(const char *type, const char *value, bool filterable,
                           mola_vector_text how)
{
    static char text[MOLA_WHY_BYTES + 32];
    mola_column_builder b;
    mola_column_builder_init(&b, &heap, type_of(type));
    ck_assert_int_eq(mola_column_add_absent(&b, 1), MOLA_OK);
    mola_err err = mola_column_add_json(&b, MOLA_STR("x"), filterable, json(value),
                                        &mola_limits_default, &arena, &why);
    if (err) {
        (void)snprintf(text, sizeof text, "%d %s", (int)err, said());
        ck_assert_uint_eq(b.rows, 1);
    } else {
        mola_column c = mola_column_built(&b);
        ck_assert_uint_eq(c.rows, 2);
        if (mola_column_has(&c, 1))
            mola_column_print(&out, &c, 1, how);
        (void)snprintf(text, sizeof text, "%s", printed());
    }
    mola_column_builder_free(&b);
    drop_docs();
    return text;
}

typedef struct {
    const char *type, *value, *result;
} example;

static void check(const example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(through(examples[i].type, examples[i].value, true, MOLA_VECTORS_AS_FLOATS),
                         examples[i].result);
}
#define CHECK(list) check(list, sizeof list / sizeof *(list))
#define BAD_VECTOR  "3 invalid vector value for attribute 'x'"

START_TEST(dense_vectors_follow_the_reference)
{
    static const example examples[] = {
        {"[3]f32", "[0.1,0.2,0.3]", "[0.1,0.2,0.3]"},
        {"[3]f32", "\"zczMPc3MTD6amZk+\"", "[0.1,0.2,0.3]"},
        {"[3]f32", "\"zczMPgAAAD+amRk\\/\"", "[0.4,0.5,0.6]"},
        {"[2]f32", "[1,-2]", "[1.0,-2.0]"},
        {"[1]f32", "[0.7]", "[0.7]"},
        {"[1]f32", "[3.4028236e38]", BAD_VECTOR},
        {"[1]f32", "[1e39]", BAD_VECTOR},
        {"[1]f32", "\"AACAfw==\"", BAD_VECTOR}, /* infinity */
        {"[1]f32", "\"AADAfw==\"", BAD_VECTOR}, /* NaN */
        {"[2]f32", "[1,\"2\"]", BAD_VECTOR},
        {"[2]f32", "[1,null]", BAD_VECTOR},
        {"[2]f32", "[[1],[2]]", BAD_VECTOR},
        {"[2]f32", "{\"a\":1}", BAD_VECTOR},
        {"[2]f32", "5", BAD_VECTOR},
        {"[2]f32", "\"AAAAAA\"", BAD_VECTOR},
        {"[2]f32", "\"AAAAAAA=\"", BAD_VECTOR},
        {"[2]f32", "\"AAAA*AA=\"", BAD_VECTOR},
        {"[2]f32", "\"AAAAAAAA\"", BAD_VECTOR}, /* six bytes */
        {"[2]f32", "[1]", "3 invalid vector length for attribute 'x', expected 2, got 1"},
        {"[2]f32", "[]", "3 invalid vector length for attribute 'x', expected 2, got 0"},
        {"[2]f32", "\"\"", "3 invalid vector length for attribute 'x', expected 2, got 0"},
        {"[2]f32", "[1,2,3]", "3 invalid vector length for attribute 'x', expected 2, got 3"},
        {"[2]f32", "[1,2,true]", BAD_VECTOR},
        {"[2]f32", "\"AAAAPwAAgD8AAAA/\"",
         "3 invalid vector length for attribute 'x', expected 2, got 3"},
        {"[2]f32", "\"AAAAPwAAgD8AAIB/\"", BAD_VECTOR},
        {"[1]f16", "[0.123456789]", "[0.12347412]"},
        {"[2]f16", "\"AAAAPwAAgD8=\"", "[0.5,1.0]"},
        {"[1]f16", "[65504]", "[65504.0]"},
        {"[1]f16", "[65520]", "3 attribute 'x': vector element out of range"},
        {"[3]i8", "[-128,127,0]", "[-128,127,0]"},
        {"[3]i8", "[-0.0,1.0,2e1]", "[0,1,20]"},
        {"[1]i8", "[128]",
         "3 attribute 'x': i8 vector elements must be integers between -128 and 127"},
        {"[1]i8", "[-129]",
         "3 attribute 'x': i8 vector elements must be integers between -128 and 127"},
        {"[1]i8", "[0.5]",
         "3 attribute 'x': i8 vector elements must be integers between -128 and 127"},
        {"[2]i8", "[300]", "3 invalid vector length for attribute 'x', expected 2, got 1"},
        {"[2]f32", "null", ""},
    };
    CHECK(examples);
}
END_TEST

START_TEST(vectors_print_as_base64_of_their_own_width)
{
    ck_assert_str_eq(through("[3]f32", "[0.1,0.2,0.3]", false, MOLA_VECTORS_AS_BASE64),
                     "\"zczMPc3MTD6amZk+\"");
    ck_assert_str_eq(through("[2]f32", "[0.5,1.0]", false, MOLA_VECTORS_AS_BASE64),
                     "\"AAAAPwAAgD8=\"");
    ck_assert_str_eq(through("[2]f16", "[0.5,1.0]", false, MOLA_VECTORS_AS_BASE64), "\"ADgAPA==\"");
    ck_assert_str_eq(through("[3]i8", "[1,-1,2]", false, MOLA_VECTORS_AS_BASE64), "\"Af8C\"");
    ck_assert_str_eq(through("[][1]f32", "[[1],[2]]", false, MOLA_VECTORS_AS_BASE64),
                     "[[1.0],[2.0]]");
}
END_TEST

/* Reasons in the order: all are vectors, of one length, of the column's, every number fits. */
START_TEST(multi_vectors_follow_the_reference)
{
#define BAD_MULTI "3 invalid multi-vector value for attribute 'x'"
#define RAGGED    "3 All nested vectors must have the same number of dimensions, got: "
    static const example examples[] = {
        {"[][2]f32", "[[1,2],[3,4.5]]", "[[1.0,2.0],[3.0,4.5]]"},
        {"[][2]f32", "[\"AAAAPwAAgD8=\",[1,2]]", "[[0.5,1.0],[1.0,2.0]]"},
        {"[][1]f16", "[[0.123456789]]", "[[0.12347412]]"},
        {"[][3]f16", "[[1,2,3],[4,5,6],[7,8,9]]", "[[1.0,2.0,3.0],[4.0,5.0,6.0],[7.0,8.0,9.0]]"},
        {"[][2]f32", "[]", BAD_MULTI},
        {"[][2]f32", "[[1,2],[]]", BAD_MULTI},
        {"[][2]f32", "[[1,2],3]", BAD_MULTI},
        {"[][2]f32", "[[1,2],[1,null]]", BAD_MULTI},
        {"[][2]f32", "[[1,2],\"?\"]", BAD_MULTI},
        {"[][2]f32", "[[1,2,3],\"?\"]", BAD_MULTI},
        {"[][2]f32", "\"AAAAPwAAgD8=\"", BAD_MULTI},
        {"[][2]f32", "{}", BAD_MULTI},
        {"[][2]f32", "[[1,2],[1,2,3],[1]]", RAGGED "2 and 3"},
        {"[][2]f32", "[[1,2,3],[1,2]]", RAGGED "3 and 2"},
        {"[][2]f32", "[[1,2,3],[1,2,3]]",
         "3 invalid vector length for attribute 'x', expected 2, got 3"},
        {"[][1]f16", "[[1],[1e6]]", "3 attribute 'x': vector element out of range"},
        {"[][1]f16", "[[1e6],[1,2]]", RAGGED "1 and 2"},
    };
    CHECK(examples);
}
END_TEST

START_TEST(sparse_vectors_follow_the_reference)
{
    static const example examples[] = {
        {"{}f16", "{\"b\":1,\"a\":0.123456789,\"\":2}", "{\"\":2.0,\"a\":0.12347412,\"b\":1.0}"},
        {"{}f16", "{\"a\":1,\"a\":2}", "{\"a\":2.0}"},
        {"{}f16", "{\"a\\u0062\":1,\"aa\":2}", "{\"aa\":2.0,\"ab\":1.0}"},
        {"{}f16", "{}", "{}"},
        {"{}f16", "[]", "3 invalid sparse vector for attribute 'x'"},
        {"{}f16", "{\"a\":\"1\"}", "3 invalid sparse vector for attribute 'x'"},
        {"{}f16", "{\"a\":1e6,\"b\":null}", "3 invalid sparse vector for attribute 'x'"},
        {"{}f16", "{\"a\":1e6}", "3 attribute 'x': sparse weight out of range"},
        {"{}f16", "{\"a\":1e999}", "3 attribute 'x': sparse weight out of range"},
    };
    CHECK(examples);
}
END_TEST

START_TEST(a_sparse_vector_holds_1024_entries)
{
    for (int entries = 1024; entries <= 1025; entries++) {
        mola_buf text;
        mola_buf_init(&text, &heap);
        for (int i = 0; i < entries; i++)
            mola_buf_print(&text, "%c\"%d\":1", i ? ',' : '{', i);
        mola_buf_add_str(&text, MOLA_STR("}"));
        mola_buf_add_char(&text, '\0');
        const char *result = through("{}f16", text.data, false, MOLA_VECTORS_AS_FLOATS);
        if (entries == 1025)
            ck_assert_str_eq(result,
                             "3 sparse vector for attribute 'x' has more than 1024 entries");
        else
            ck_assert_int_eq(result[0], '{');
        mola_buf_free(&text);
    }
}
END_TEST

START_TEST(scalars_and_arrays_say_what_they_expected)
{
    static const example examples[] = {
        {"string", "5", "3 attribute 'x' expects string, got int"},
        {"int", "1.0", "3 attribute 'x' expects int, got float"},
        {"int", "\"a\"", "3 attribute 'x' expects int, got string"},
        {"int", "9223372036854775808", "3 attribute 'x' expects int, got int"},
        {"bool", "{}", "3 attribute 'x' expects bool, got object"},
        {"bool", "[]", "3 attribute 'x' expects bool, got []unknown"},
        {"string", "[[true]]", "3 attribute 'x' expects string, got [][]bool"},
        {"string", "[null]", "3 attribute 'x' expects string, got []null"},
        {"uuid", "\"x\"", "3 attribute 'x' expects uuid, got string"},
        {"bytes", "\"aGk=\"", "\"aGk=\""},
        {"bytes", "\"aGk\"", "3 attribute 'x' expects bytes, got string"},
        {"bytes", "\"a?k=\"", "3 attribute 'x' expects bytes, got string"},
        {"bytes", "7", "3 attribute 'x' expects bytes, got int"},
        {"[]int", "[1,2]", "[1,2]"},
        {"[]int", "[]", "[]"},
        {"[]int", "5", "3 attribute 'x' expects []int, got int"},
        {"[]int", "[1,\"2\"]", "3 attribute 'x' expects []int, but an element does not fit"},
        {"[]int", "[1,null]", "3 attribute 'x' expects []int, but an element does not fit"},
        {"[]string", "[\"a\",\"\"]", "[\"a\",\"\"]"},
        {"[]bool", "[true,false]", "[true,false]"},
        {"[]datetime", "[\"2015-01-20\"]", "[\"2015-01-20T00:00:00.000000000Z\"]"},
        {"[]unknown", "[]", "[]"},
        {"[]unknown", "[1]", "3 attribute 'x' has no element type yet"},
        {"[]unknown", "1", "3 attribute 'x' has no element type yet"},
        {"float", "1", "1.0"},
        {"string", "null", ""},
    };
    CHECK(examples);
}
END_TEST

static const char *sized(const char *type, size_t bytes, int copies, bool filterable)
{
    mola_buf text;
    mola_buf_init(&text, &heap);
    bool list = type[0] == '[';
    for (int i = 0; i < copies; i++) {
        mola_buf_add_str(&text, mola_str_of(i ? ",\"" : list ? "[\"" : "\""));
        char *at = mola_buf_reserve(&text, bytes);
        ck_assert_ptr_nonnull(at);
        memset(at, 'a', bytes);
        text.len += bytes;
        mola_buf_add_char(&text, '"');
    }
    mola_buf_add_str(&text, mola_str_of(list ? "]" : ""));
    mola_buf_add_char(&text, '\0');
    const char *result = through(type, text.data, filterable, MOLA_VECTORS_AS_FLOATS);
    mola_buf_free(&text);
    return result;
}

START_TEST(sizes_of_values_are_limited)
{
    const char *large = "3 attribute 'x' exceeds the maximum value size of 8 MiB";
    const char *filterable = "3 filterable attribute 'x' exceeds the maximum value size of 4 KiB";
    ck_assert_int_eq(*sized("string", 8 << 20, 1, false), '"');
    ck_assert_str_eq(sized("string", (8 << 20) + 1, 1, false), large);
    ck_assert_str_eq(sized("string", (8 << 20) + 1, 1, true), large);
    ck_assert_int_eq(*sized("string", 4096, 1, true), '"');
    ck_assert_str_eq(sized("string", 4097, 1, true), filterable);
    ck_assert_int_eq(*sized("[]string", 4096, 3, true), '[');
    ck_assert_str_eq(sized("[]string", 4097, 1, true), filterable);
    ck_assert_str_eq(sized("[]string", 3 << 20, 3, false), large);
    ck_assert_int_eq(*sized("bytes", 8000, 1, true), '"');
    ck_assert_int_eq(*sized("bytes", (8 << 20) / 3 * 4, 1, false), '"');
    ck_assert_str_eq(sized("bytes", ((8 << 20) + 1) / 3 * 4, 1, false), large);
}
END_TEST

/* f16 and i8 columns end between two floats; rows of such widths must not disturb one another. */
START_TEST(rows_of_odd_widths_stand_side_by_side)
{
    for (uint32_t dims = 1; dims <= 9; dims++) {
        for (int e = 0; e < 3; e++) {
            mola_column_builder b;
            mola_elem elem = (mola_elem)(MOLA_ELEM_VEC_F32 + e);
            mola_column_builder_init(&b, &heap,
                                     (mola_type){MOLA_FORM_DENSE, (uint8_t)elem, 0, dims});
            for (uint32_t r = 0; r < 9; r++) {
                for (uint32_t i = 0; i < dims; i++)
                    mola_buf_print(&out, "%c%u", i ? ',' : '[', r * dims + i);
                mola_buf_add_char(&out, ']');
                ck_assert_int_eq(mola_column_add_json(&b, MOLA_STR("x"), false,
                                                      json_n(out.data, out.len),
                                                      &mola_limits_default, &arena, &why),
                                 0);
                out.len = 0;
            }
            mola_column c = mola_column_built(&b);
            for (uint32_t r = 0; r < 9; r++) {
                mola_column_print(&out, &c, r, MOLA_VECTORS_AS_FLOATS);
                mola_json row = json_n(out.data, out.len);
                out.len = 0;
                for (uint32_t i = 0; i < dims; i++) {
                    double number;
                    ck_assert(mola_json_f64(mola_json_at(row, i), &number));
                    ck_assert_double_eq(number, r * dims + i);
                }
            }
            mola_column_builder_free(&b);
            drop_docs();
        }
    }
}
END_TEST

START_TEST(a_full_arena_is_no_fault_of_the_value)
{
    mola_arena none;
    mola_arena_init(&none, &heap, 16);
    static const char *const cases[][2] = {
        {"string", "\"escaped \\n text that needs a copy\""},
        {"bytes", "\"aGVsbG8gd29ybGQsIGhlbGxvIHdvcmxkLCBoZWxsbw\\u003d=\""},
        {"[4]f32", "\"AAAAPwAAgD8AAAA/AACAPwAAAD8AAI\\u0041/\""},
        {"{}f16", "{\"a key with an escape \\n in it\":1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_column_builder b;
        mola_column_builder_init(&b, &heap, type_of(cases[i][0]));
        ck_assert_int_eq(mola_column_add_json(&b, MOLA_STR("x"), false, json(cases[i][1]),
                                              &mola_limits_default, &none, &why),
                         MOLA_NO_MEMORY);
        ck_assert_uint_eq(b.rows, 0);
        mola_column_builder_free(&b);
    }
    mola_arena_reset(&none);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("column_json");
    TCase *values = tcase_create("values");
    tcase_add_checked_fixture(values, set_up, tear_down);
    tcase_set_timeout(values, 60);
    tcase_add_test(values, dense_vectors_follow_the_reference);
    tcase_add_test(values, vectors_print_as_base64_of_their_own_width);
    tcase_add_test(values, multi_vectors_follow_the_reference);
    tcase_add_test(values, sparse_vectors_follow_the_reference);
    tcase_add_test(values, a_sparse_vector_holds_1024_entries);
    tcase_add_test(values, scalars_and_arrays_say_what_they_expected);
    tcase_add_test(values, sizes_of_values_are_limited);
    tcase_add_test(values, rows_of_odd_widths_stand_side_by_side);
    tcase_add_test(values, a_full_arena_is_no_fault_of_the_value);
    suite_add_tcase(suite, values);
    return run(suite);
}
