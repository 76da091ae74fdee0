#include "json_cases.h"
#include "mola/base/buf.h"
#include "naive_json.h"
#include <check.h>
#include <math.h>
#include <stdio.h>

/* Whatever a client sends, the reader must say the same as a slow reader that shares no code with
 * it, on every instruction set, without reading past the padding. */

static mola_heap heap;
static mola_arena arena;
static mola_json_doc doc;
static mola_why why;
static char *held; /* the text of `doc`, padded with what would be read as more of it */

static void set_up(void)
{
    mola_heap_init(&heap, (size_t)1 << 32);
    mola_arena_init(&arena, &heap, (size_t)1 << 30);
}

static void let_go(void)
{
    mola_json_free(&doc);
    mola_arena_reset(&arena);
    free(held);
    held = NULL;
    mola_why_clear(&why);
}

static void tear_down(void)
{
    let_go();
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static mola_err parse_padded(mola_str text, char padding)
{
    let_go();
    held = malloc(text.len + MOLA_JSON_PADDING);
    ck_assert_ptr_nonnull(held);
    if (text.len)
        memcpy(held, text.data, text.len);
    memset(held + text.len, padding, MOLA_JSON_PADDING);
    return mola_json_parse(&heap, (mola_str){held, text.len}, &doc, &why);
}

static mola_json parse(const char *text)
{
    ck_assert_int_eq(parse_padded(mola_str_of(text), '1'), MOLA_OK);
    return mola_json_root(&doc);
}

/* Parses with paddings that could pass for a part of the text, and compares with the slow reader.
 */
static bool agree(mola_str text)
{
    static const char paddings[] = {'1', '"', ']', '}', ' ', '\\', '\0', 'e', ',', (char)0x80};
    naive_text wanted = {0}, got = {0};
    bool good = naive_json(text, &wanted);
    for (size_t i = 0; i < sizeof paddings; i++) {
        mola_err err = parse_padded(text, paddings[i]);
        ck_assert_msg(err == (good ? MOLA_OK : MOLA_INVALID), "%s, %s, padding %02x: " MOLA_FMT,
                      mola_err_name(err), why.text, (unsigned char)paddings[i], MOLA_ARG(text));
        if (!good)
            continue;
        got.len = 0;
        ck_assert(naive_render(mola_json_root(&doc), &arena, &got));
        ck_assert_msg(got.len == wanted.len && memcmp(got.data, wanted.data, got.len) == 0,
                      MOLA_FMT "\n read as " MOLA_FMT "\n not as  " MOLA_FMT, MOLA_ARG(text),
                      (int)got.len, got.data, (int)wanted.len, wanted.data);
        mola_str raw = mola_json_raw(mola_json_root(&doc));
        ck_assert(memmem(text.data, text.len, raw.data, raw.len) != NULL);
    }
    free(wanted.data);
    free(got.data);
    return good;
}

START_TEST(known_tricky_texts_are_judged_rightly)
{
    ck_assert_uint_ge(sizeof json_cases / sizeof *json_cases, 250);
    for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++)
        ck_assert_msg(agree(json_cases[i].text) == json_cases[i].good, "case %zu: " MOLA_FMT, i,
                      MOLA_ARG(json_cases[i].text));
}
END_TEST

/* A text is also judged rightly where it straddles the 64-byte blocks of the structural pass. */
START_TEST(tricky_texts_are_judged_alike_at_any_offset)
{
    static char text[2048];
    for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++) {
        const json_case *c = &json_cases[i];
        for (size_t spaces = 0; spaces <= 65; spaces += 1 + i % 3) {
            memset(text, ' ', sizeof text);
            memcpy(text + spaces, c->text.data, c->text.len);
            size_t size = spaces + c->text.len;
            ck_assert(agree((mola_str){text, size}) == c->good);
            text[size] = ' ';
            if (c->text.len) {
                text[spaces ? spaces - 1 : 0] = '[';
                memcpy(text + (spaces ? spaces : 1), c->text.data, c->text.len);
                text[(spaces ? spaces : 1) + c->text.len] = ']';
                (void)agree((mola_str){text, (spaces ? spaces : 1) + c->text.len + 1});
            }
        }
    }
}
END_TEST

/* ------------------------------------------------------------------ made-up texts, and broken ones
 */

static uint64_t chance_state;
static uint32_t chance(uint32_t limit)
{
    chance_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = chance_state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32) % limit;
}

static const char *pick(const char *const *words, uint32_t count)
{
    return words[chance(count)];
}
#define PICK(...)                                                                                  \
    pick((const char *const[]){__VA_ARGS__}, sizeof(const char *[]){__VA_ARGS__} / sizeof(char *))

static void make_string(mola_buf *b)
{
    mola_buf_add_char(b, '"');
    for (uint32_t n = chance(4) ? chance(4) : chance(100); n > 0; n--)
        mola_buf_add_str(b,
                         mola_str_of(PICK("a", "b", "id", "\\\\", "\\\"", "\\n", "\\u0061",
                                          "\\u00e9", "\\ud83d\\ude00", "\xc3\xa9", "\xe2\x82\xac",
                                          "{", "]", ":", ",", " ", "\\/", "0123456789abcdef")));
    mola_buf_add_char(b, '"');
}

static void make_space(mola_buf *b)
{
    if (chance(8) == 0)
        mola_buf_add_str(b, mola_str_of(PICK(" ", "\n", "\t", "\r\n", "        ")));
}

static void make_value(mola_buf *b, int depth)
{
    make_space(b);
    uint32_t kind = chance(depth > 0 ? 8 : 5);
    if (kind < 2) {
        mola_buf_add_str(
            b, mola_str_of(PICK("0", "-0", "1", "17", "-3.5", "0.12345678", "-0.1234567890123456",
                                "1e-7", "18446744073709551615", "2.5E+3", "0.0")));
    } else if (kind == 2) {
        mola_buf_add_str(b, mola_str_of(PICK("true", "false", "null")));
    } else if (kind < 5) {
        make_string(b);
    } else {
        bool object = kind == 7;
        mola_buf_add_char(b, object ? '{' : '[');
        uint32_t n = chance(16) ? chance(5) : chance(60);
        for (uint32_t i = 0; i < n; i++) {
            if (i)
                mola_buf_add_char(b, ',');
            make_space(b);
            if (object) {
                make_string(b);
                make_space(b);
                mola_buf_add_char(b, ':');
            }
            make_value(b, depth - 1);
        }
        mola_buf_add_char(b, object ? '}' : ']');
    }
    make_space(b);
}

static void break_it(mola_buf *b)
{
    for (uint32_t n = 1 + chance(3); n > 0 && b->len > 1; n--) {
        uint32_t at = chance((uint32_t)b->len);
        switch (chance(5)) {
        case 0:
            b->data[at] = (char)chance(256);
            break;
        case 1:
            b->data[at] ^= (char)(1 << chance(8));
            break;
        case 2: /* leave one out */
            memmove(b->data + at, b->data + at + 1, b->len - at - 1);
            b->len--;
            break;
        case 3: /* cut */
            b->len = at + 1;
            break;
        default:
            b->data[at] = *PICK("\"", "\\", "{", "}", "[", "]", ",", ":", " ", "0", "-", ".", "e");
        }
    }
}

START_TEST(made_up_texts_read_as_the_slow_reader_reads_them)
{
    chance_state = (uint64_t)_i * 7919 + 17;
    mola_buf b;
    mola_buf_init(&b, &heap);
    for (int round = 0; round < 300; round++) {
        uint64_t seed = chance_state;
        b.len = 0;
        make_value(&b, 5);
        ck_assert_msg(agree(mola_buf_str(&b)), "seed %llu: refused " MOLA_FMT,
                      (unsigned long long)seed, (int)b.len, b.data);
        break_it(&b);
        (void)agree(mola_buf_str(&b));
    }
    mola_buf_free(&b);
}
END_TEST

START_TEST(every_truncation_of_a_document_is_refused)
{
    static const char text[] = "{\"upsert_rows\":[{\"id\":1,\"vector\":[0.1,-0.25,3.5e-3],\"name\":"
                               "\"caf\xc3\xa9 \\ud83d\\ude00 \\\\\","
                               "\"ok\":true,\"gone\":null,\"nested\":{\"a\":[[],{}],\"a\":false}}],"
                               "\"distance_metric\":\"cosine_distance\"}";
    for (size_t size = 0; size < sizeof text - 1; size++)
        ck_assert(!agree((mola_str){text, size}));
    ck_assert(agree(MOLA_STR(text)));
}
END_TEST

/* Depth is what a hostile text would blow the stack with. */
START_TEST(nesting_of_128_levels_is_read_and_129_refused)
{
    static const char *const kinds[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"b\":", "}]"}};
    for (size_t k = 0; k < 3; k++) {
        uint32_t levels = k == 2 ? 2 : 1;
        for (uint32_t depth = 126; depth <= 131; depth++) {
            mola_buf b;
            mola_buf_init(&b, &heap);
            for (uint32_t i = 0; i < depth / levels; i++)
                mola_buf_add_str(&b, mola_str_of(kinds[k][0]));
            mola_buf_add_char(&b, '1');
            for (uint32_t i = 0; i < depth / levels; i++)
                mola_buf_add_str(&b, mola_str_of(kinds[k][1]));
            ck_assert_int_eq(agree(mola_buf_str(&b)), depth / levels * levels <= 128);
            mola_buf_free(&b);
        }
    }
}
END_TEST

START_TEST(a_million_open_brackets_are_refused_at_the_129th)
{
    size_t size = 1 << 20;
    char *text = malloc(size);
    memset(text, '[', size);
    ck_assert_int_eq(parse_padded((mola_str){text, size}, '['), MOLA_INVALID);
    ck_assert_str_eq(
        why.text,
        "Failed to parse the request body as JSON: nested deeper than 128 levels at byte 128");
    free(text);
}
END_TEST

START_TEST(errors_name_the_byte)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "expected a value at byte 0"},
        {"  ", "expected a value at byte 2"},
        {"{\"a\": x}", "expected a value at byte 6"},
        {"[1, 01]", "invalid number at byte 4"},
        {"[tru]", "expected a value at byte 1"},
        {"[1 2]", "expected `,` or `]` at byte 3"},
        {"{\"a\":1", "expected `,` or `}` at byte 6"},
        {"{\"a\" 1}", "expected `:` at byte 5"},
        {"{1:1}", "expected a string as key at byte 1"},
        {"[1] 2", "trailing characters at byte 4"},
        {"[\"ab\\x\"]", "invalid escape at byte 4"},
        {"[\"\\ud800\"]", "lone surrogate at byte 2"},
        {"[\"\\u12\"]", "invalid \\u escape at byte 2"},
        {"[\"\xff\"]", "invalid UTF-8 at byte 2"},
        {"[\"a\nb\"]", "control character in a string at byte 3"},
        {"[1,\"abc", "string without an end at byte 3"},
        {"\xef\xbb\xbf[]", "expected a value at byte 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(parse_padded(mola_str_of(cases[i].text), '1'), MOLA_INVALID);
        mola_str words = mola_why_text(&why),
                 start = MOLA_STR("Failed to parse the request body as JSON: ");
        ck_assert(mola_str_starts(words, start));
        words = mola_str_from(words, start.len);
        ck_assert_msg(mola_str_eq(words, mola_str_of(cases[i].words)), "%s: " MOLA_FMT,
                      cases[i].text, MOLA_ARG(words));
    }
}
END_TEST

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
    for (int i = 0; i < MEMBERS; i++) /* every other key is written with an escape */
        mola_buf_print(&b, i % 2 ? "%c\"\\u006bey%d\":[%d]" : "%c\"key%d\":[%d]", i ? ',' : '{',
                       i % DIFFERENT, i);
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
        if (i < FIXED)
            mola_buf_add_str(&b, mola_str_of(fixed[i]));
        else if (i % 4 == 0 && isfinite(f))
            mola_buf_print(&b, "%.*g", (int)chance(20), f);
        else if (i % 4 == 1) /* just above, at and below the middle of two f32s */
            mola_buf_print(&b, "%.*f", 12 + (int)chance(15),
                           1 + (2 * (double)chance(1 << 20) + 1) / (1 << 24) +
                               (chance(3) - 1.0) * 1e-16);
        else
            mola_buf_print(&b, "%.*f", 1 + (int)chance(18), (chance(2000001) - 1e6) / 1e6);
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

/* Every instruction set that simdjson was built for and this CPU has must agree. */
START_TEST(each_implementation_judges_alike)
{
    static const char *const names[] = {"fallback", "westmere", "haswell", "icelake"};
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool runs[] = {true, __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"),
                   __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"),
                   __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw")};
#else
    bool runs[] = {true, false, false, false};
#endif
    if (!runs[_i])
        return;
    setenv("SIMDJSON_FORCE_IMPLEMENTATION", names[_i], 1); /* read once, when it is first called */
    for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++)
        ck_assert_msg(agree(json_cases[i].text) == json_cases[i].good, "%s, case %zu", names[_i],
                      i);
    chance_state = 99;
    mola_buf b;
    mola_buf_init(&b, &heap);
    for (int round = 0; round < 300; round++) {
        b.len = 0;
        make_value(&b, 5);
        ck_assert(agree(mola_buf_str(&b)));
        break_it(&b);
        (void)agree(mola_buf_str(&b));
    }
    mola_buf_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *text = tcase_create("texts");
    tcase_set_timeout(text, 60);
    tcase_add_checked_fixture(text, set_up, tear_down);
    tcase_add_test(text, known_tricky_texts_are_judged_rightly);
    tcase_add_test(text, tricky_texts_are_judged_alike_at_any_offset);
    tcase_add_loop_test(text, made_up_texts_read_as_the_slow_reader_reads_them, 0, 8);
    tcase_add_test(text, every_truncation_of_a_document_is_refused);
    tcase_add_test(text, nesting_of_128_levels_is_read_and_129_refused);
    tcase_add_test(text, a_million_open_brackets_are_refused_at_the_129th);
    tcase_add_test(text, errors_name_the_byte);
    tcase_add_loop_test(text, each_implementation_judges_alike, 0, 4);
    suite_add_tcase(suite, text);
    TCase *value = tcase_create("values");
    tcase_add_checked_fixture(value, set_up, tear_down);
    tcase_add_test(value, the_last_of_equal_keys_wins_looked_up_or_walked);
    tcase_add_test(value, a_large_object_with_repeated_keys_keeps_the_last);
    tcase_add_test(value, missing_things_are_no_value);
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
