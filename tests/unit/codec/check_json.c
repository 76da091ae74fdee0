#include "json_cases.h"
#include "json_fixture.h"
#include "naive_json.h"

/* Whatever a client sends, the reader must say the same as a slow reader that shares no code with
 * it, on every instruction set, without reading past the padding. */

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
    for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++) {
        ck_assert_msg(agree(json_cases[i].text) == json_cases[i].good, "case %zu: " MOLA_FMT, i,
                      MOLA_ARG(json_cases[i].text));
    }
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

static const char *pick(const char *const *words, uint32_t count)
{
    return words[chance(count)];
}
#define PICK(...)                                                                                  \
    pick((const char *const[]){__VA_ARGS__}, sizeof(const char *[]){__VA_ARGS__} / sizeof(char *))

static void make_string(mola_buf *b)
{
    mola_buf_add_char(b, '"');
    for (uint32_t n = chance(4) ? chance(4) : chance(100); n > 0; n--) {
        mola_buf_add_str(b,
                         mola_str_of(PICK("a", "b", "id", "\\\\", "\\\"", "\\n", "\\u0061",
                                          "\\u00e9", "\\ud83d\\ude00", "\xc3\xa9", "\xe2\x82\xac",
                                          "{", "]", ":", ",", " ", "\\/", "0123456789abcdef")));
    }
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
    for (size_t i = 0; i < sizeof json_cases / sizeof *json_cases; i++) {
        ck_assert_msg(agree(json_cases[i].text) == json_cases[i].good, "%s, case %zu", names[_i],
                      i);
    }
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
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
