#include "mola/text/text.h"
#include "text/normalise.h"
#include "text/stem.h"
#include "text/words.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* What a word is, and its indexed form, decide what a query finds: they must be the same for ever,
 * on every machine, and the same as those of the service whose clients come here. The vectors are
 * Unicode's own, the reference's, and those of the model (record.py). */

static mola_heap heap;
static mola_arena arena;

/* ---- lines of record.py ---- */

enum { LINE_BYTES = 1 << 16, FIELDS_MAX = 512, TEXT_BYTES = 4096 };
static char line[LINE_BYTES];
static char *fields[FIELDS_MAX];
static uint32_t field_count;

static FILE *open_vectors(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", TEXT_VECTORS, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    return file;
}

static bool next_line(FILE *file)
{
    if (!fgets(line, sizeof line, file))
        return false;
    field_count = 0;
    char *rest = NULL;
    for (char *f = strtok_r(line, " \n", &rest); f; f = strtok_r(NULL, " \n", &rest)) {
        ck_assert_uint_lt(field_count, FIELDS_MAX);
        fields[field_count++] = f;
    }
    return true;
}

/* The text that a field has in hexadecimal, into `room`. */
static mola_str text_of(const char *field, char room[TEXT_BYTES])
{
    size_t len = 0;
    if (strcmp(field, "-") == 0)
        return (mola_str){room, 0};
    for (; field[2 * len]; len++) {
        char digits[3] = {field[2 * len], field[2 * len + 1], 0};
        ck_assert_uint_lt(len, TEXT_BYTES);
        room[len] = (char)strtoul(digits, NULL, 16);
    }
    return (mola_str){room, len};
}

/* ---- segmentation ---- */

static void check_segments(const char *kind)
{
    char text[TEXT_BYTES], part[TEXT_BYTES];
    FILE *file = open_vectors("breaks.txt");
    int seen = 0;
    while (next_line(file)) {
        if (strcmp(fields[0], kind) != 0)
            continue;
        size_t len = 0, at = 0;
        for (uint32_t i = 1; i < field_count; i++) {
            mola_str segment = text_of(fields[i], part);
            memcpy(text + len, segment.data, segment.len);
            len += segment.len;
        }
        for (uint32_t i = 1; i < field_count; i++) {
            bool wordlike;
            const uint8_t *start = (const uint8_t *)text;
            size_t until =
                kind[0] == 's'
                    ? mola_sentence_next((mola_str){text, len}, (uint32_t)at).until
                    : (size_t)(mola_word_segment(start + at, start + len, &wordlike) - start);
            ck_assert_msg(until - at == strlen(fields[i]) / 2, "case %d, segment %u", seen, i);
            at = until;
        }
        ck_assert_uint_eq(at, len);
        seen++;
    }
    (void)fclose(file);
    ck_assert_int_eq(seen, kind[0] == 's' ? 512 : 1944);
}

START_TEST(words_break_as_unicode_says)
{
    check_segments("w");
}
END_TEST

START_TEST(sentences_break_as_unicode_says)
{
    check_segments("s");
}
END_TEST

START_TEST(words_break_where_the_reference_says)
{
    static const struct {
        const char *text;
        uint8_t ends[5];
    } cases[] = {
        {"e.g. hello", {3, 4, 5, 10}},
        {"example.com", {11}},
        {"won't", {5}},
        {"can'", {3, 4}},
        {"a   c", {1, 4, 5}},
        {"\r\n\r\n", {2, 4}},
        {"a_1", {3}},
        {"123abc", {6}},
        {"\U0001f421\U0001f421", {4, 8}},
        {"\U0001f469\u200d\U0001f467", {11}},
        {"\U0001f1e9\U0001f1ea\U0001f1eb", {8, 12}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *start = (const uint8_t *)cases[i].text, *at = start;
        const uint8_t *end = start + strlen(cases[i].text);
        for (int k = 0; at < end; k++) {
            bool wordlike;
            at = mola_word_segment(at, end, &wordlike);
            ck_assert_int_eq(at - start, cases[i].ends[k]);
        }
    }
}
END_TEST

/* Most text never sees the general algorithm: the short cut through ASCII must agree with it. */
START_TEST(the_short_cut_finds_the_same_words)
{
    static const char *const pieces[] = {"a",  "B", "7", "_",  "'",      ".",      ",",      ":",
                                         ";",  " ", " ", "\r", "\n",     "-",      "\"",     "#",
                                         "\t", "é", "٣", "א",  "\u0301", "\u200d", "\u093f", "字"};
    char text[64];
    for (unsigned seed = 1; seed <= 60000; seed++) {
        srand(seed);
        size_t len = 0, pieces_used = 1 + (size_t)rand() % 10;
        unsigned most = rand() % 3 ? 17 : sizeof pieces / sizeof *pieces;
        for (size_t i = 0; i < pieces_used; i++) {
            const char *piece = pieces[(unsigned)rand() % most];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        const uint8_t *end = (const uint8_t *)text + len, *at = (const uint8_t *)text, *slow = at;
        for (;;) {
            mola_word word = {0};
            bool found = mola_word_next(MOLA_TOKENIZER_WORD_V4, &at, end, &word), wordlike = false;
            const uint8_t *from = slow;
            while (slow < end && !wordlike) {
                from = slow;
                slow = mola_word_segment(from, end, &wordlike);
            }
            ck_assert_msg(found == wordlike, "seed %u", seed);
            if (!found)
                break;
            ck_assert_msg(word.from == from && word.until == slow, "seed %u", seed);
        }
    }
}
END_TEST

/* ---- the whole pipeline ---- */

START_TEST(terms_are_those_of_the_model)
{
    char text[TEXT_BYTES], want[TEXT_BYTES];
    FILE *file = open_vectors("tokens.txt");
    for (int number = 1; next_line(file); number++) {
        const char *flags = fields[2];
        mola_analysis settings = {.tokenizer = (uint8_t)atoi(fields[0]),
                                  .language = (uint8_t)atoi(fields[1]),
                                  .max_token_length = (uint16_t)atoi(fields[3]),
                                  .stemming = flags[0] == '1',
                                  .remove_stopwords = flags[1] == '1',
                                  .ascii_folding = flags[2] == '1',
                                  .case_sensitive = flags[3] == '1'};
        mola_arena_reset(&arena);
        mola_analyzer *a = mola_analyzer_new(&arena, &settings);
        mola_analyzer_begin(a, text_of(fields[4], text), 0);
        mola_token token;
        uint32_t at = 5;
        for (; mola_analyzer_next(a, &token); at++) {
            ck_assert_msg(at < field_count, "line %d: one more", number);
            char *colon = strchr(fields[at], ':');
            ck_assert_ptr_nonnull(colon);
            ck_assert_msg((uint32_t)atoi(fields[at]) == token.position, "line %d, %u", number, at);
            ck_assert_msg(mola_str_eq(text_of(colon + 1, want), token.term), "line %d, %u: %.*s",
                          number, at, (int)token.term.len, token.term.data);
        }
        ck_assert_msg(at == field_count, "line %d: %u of %u", number, at, field_count);
    }
    (void)fclose(file);
}
END_TEST

/* The terms of a text, joined by '|'. */
static const char *terms(const mola_analysis *settings, const char *text)
{
    static char out[TEXT_BYTES];
    size_t len = 0;
    mola_token token;
    mola_analyzer *a = mola_analyzer_new(&arena, settings);
    mola_analyzer_begin(a, mola_str_of(text), 0);
    while (mola_analyzer_next(a, &token)) {
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%.*s", len ? "|" : "",
                                (int)token.term.len, token.term.data);
    }
    out[len] = 0;
    return out;
}

START_TEST(terms_are_those_of_the_reference)
{
    const char *text = "Puffy (🐡) visited a café, e.g. searching for clams. The foxes' e-mail: "
                       "fish@sea.com 3.14 don't U.S.A. 東京タワー naïve Ærø straße";
    static const char *const want[] = {
        "puffy|visited|a|café|e|g|searching|for|clams|the|foxes|e|mail|fish|sea|com|3|14|don|t|u|s|"
        "a|東京タワー|naïve|ærø|straße",
        "puffy|🐡|visited|a|café|e|g|searching|for|clams|the|foxes|e|mail|fish|sea|com|3|14|don|t|u"
        "|s|a|東京タワー|naïve|ærø|straße",
        "puffy|🐡|visited|a|café|e|g|searching|for|clams|the|foxes|e|mail|fish|sea|com|3|14|don|t|u"
        "|s|a|東|京|タワー|naïve|ærø|straße",
        "puffy|🐡|visited|a|café|e.g|searching|for|clams|the|foxes|e|mail|fish|sea.com|3.14|don't|"
        "u.s.a|東|京|タワー|naïve|ærø|straße",
    };
    mola_analysis s = {.language = MOLA_LANGUAGE_ENGLISH, .max_token_length = 39};
    for (uint8_t i = 0; i <= MOLA_TOKENIZER_WORD_V4; i++) {
        s.tokenizer = i;
        ck_assert_str_eq(terms(&s, text), want[i < 4 ? i : 3]);
    }
    s.stemming = s.ascii_folding = true;
    ck_assert_str_eq(terms(&s, "straße strasse café cafe"), "strasse|strass|cafe|cafe");
    s.language = MOLA_LANGUAGE_GERMAN;
    ck_assert_str_eq(terms(&s, "straße strasse"), "strass|strass");
    s = (mola_analysis){.tokenizer = MOLA_TOKENIZER_WORD_V4,
                        .language = MOLA_LANGUAGE_ENGLISH,
                        .max_token_length = 4};
    ck_assert_str_eq(terms(&s, "café cafés"), "café");
    s.max_token_length = 3;
    ck_assert_str_eq(terms(&s, "café"), "");
}
END_TEST

START_TEST(dropped_tokens_take_a_position)
{
    mola_analysis s = {.tokenizer = MOLA_TOKENIZER_WORD_V4,
                       .language = MOLA_LANGUAGE_ENGLISH,
                       .max_token_length = 39,
                       .remove_stopwords = true};
    mola_token token;
    mola_analyzer *a = mola_analyzer_new(&arena, &s);
    mola_analyzer_begin(a, MOLA_STR("the Quick fox the"), 10);
    ck_assert(mola_analyzer_next(a, &token));
    ck_assert(mola_str_eq(token.term, MOLA_STR("quick")));
    ck_assert(token.position == 11 && token.from == 4 && token.until == 9);
    ck_assert(mola_analyzer_next(a, &token) && token.position == 12);
    ck_assert(!mola_analyzer_next(a, &token));
    ck_assert_uint_eq(mola_analyzer_position(a), 14);
}
END_TEST

START_TEST(a_whole_string_is_a_term_when_it_came_as_one)
{
    mola_analysis s = {.tokenizer = MOLA_TOKENIZER_PRE_TOKENIZED,
                       .language = MOLA_LANGUAGE_ENGLISH,
                       .case_sensitive = true,
                       .max_token_length = 39};
    ck_assert_str_eq(terms(&s, "The Quick, fox"), "The Quick, fox");
    mola_token token;
    mola_analyzer *a = mola_analyzer_new(&arena, &s);
    mola_analyzer_begin(a, MOLA_STR(""), 3);
    ck_assert(mola_analyzer_next(a, &token) && token.position == 3 && token.term.len == 0);
    ck_assert(!mola_analyzer_next(a, &token));
}
END_TEST

/* The cache of stems begins after some words: the answers before and after must be the same. */
START_TEST(a_known_word_becomes_what_it_became_at_first)
{
    static char text[1 << 20];
    size_t len = 0;
    for (unsigned i = 0; i < 20000; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "w%usses the Ça%unesses ",
                                i * 7919 % 5000, i % 300);
    }
    mola_analysis s = {.tokenizer = MOLA_TOKENIZER_WORD_V4,
                       .language = MOLA_LANGUAGE_ENGLISH,
                       .max_token_length = 39,
                       .stemming = true,
                       .remove_stopwords = true,
                       .ascii_folding = true};
    mola_token token, alone;
    mola_arena other;
    mola_arena_init(&other, &heap, 1 << 20);
    mola_analyzer *a = mola_analyzer_new(&arena, &s), *fresh = NULL;
    mola_analyzer_begin(a, (mola_str){text, len}, 0);
    uint32_t kept = 0;
    for (; mola_analyzer_next(a, &token); kept++) {
        if (kept % 50 == 0) { /* before it begins to keep words */
            mola_arena_reset(&other);
            fresh = mola_analyzer_new(&other, &s);
        }
        mola_analyzer_begin(fresh, (mola_str){text + token.from, token.until - token.from}, 0);
        ck_assert(mola_analyzer_next(fresh, &alone) && mola_str_eq(alone.term, token.term));
    }
    ck_assert_uint_eq(kept, 2 * mola_analyzer_position(a) / 3);
    mola_arena_reset(&other);
}
END_TEST

/* ---- stems ---- */

static mola_stem_env stemmer;

START_TEST(stems_are_those_of_rust_stemmers)
{
    char word[TEXT_BYTES], want[TEXT_BYTES];
    FILE *file = open_vectors("stems.txt");
    int seen = 0;
    for (; next_line(file); seen++) {
        mola_str stem = mola_stem(&stemmer, (uint8_t)atoi(fields[0]), text_of(fields[1], word));
        ck_assert_msg(mola_str_eq(stem, text_of(fields[2], want)), "%s %s: %.*s", fields[0],
                      fields[1], (int)stem.len, stem.data);
    }
    (void)fclose(file);
    ck_assert_int_gt(seen, 4000);
}
END_TEST

/* Words may be anything: no algorithm may run for ever or leave its buffers. */
START_TEST(no_word_is_too_strange_for_a_stemmer)
{
    char known[TEXT_BYTES], word[TEXT_BYTES];
    FILE *file = open_vectors("stems.txt");
    for (unsigned seed = 1; next_line(file); seed++) {
        size_t len = 0;
        srand(seed);
        mola_str text = text_of(fields[1], known);
        for (int parts = 1 + rand() % 60; parts > 0 && len < 2000 - text.len; parts--) {
            size_t from = (size_t)rand() % text.len;
            while (from && (text.data[from] & 0xc0) == 0x80)
                from--;
            memcpy(word + len, text.data + from, text.len - from);
            len += text.len - from;
        }
        mola_str stem = mola_stem(&stemmer, (uint8_t)atoi(fields[0]), (mola_str){word, len});
        ck_assert_msg(stem.len <= MOLA_STEM_ROOM, "seed %u", seed);
    }
    (void)fclose(file);
}
END_TEST

/* ---- fragments ---- */

START_TEST(fragments_lose_the_white_space_around_them)
{
    mola_str text = MOLA_STR("  \u3000a b\u00a0\n");
    mola_text_range all = {0, (uint32_t)text.len}, core = mola_text_trim(text, all);
    ck_assert(core.from == 5 && core.until == 8);
    core = mola_text_trim(MOLA_STR(" \n "), (mola_text_range){0, 3});
    ck_assert(core.from == core.until);
}
END_TEST

START_TEST(a_stop_word_is_in_the_list_of_its_language)
{
    const char *const *words;
    ck_assert_uint_eq(mola_stop_words(MOLA_LANGUAGE_ENGLISH, &words), 33);
    ck_assert_uint_eq(mola_stop_words(MOLA_LANGUAGE_ARABIC, &words), 0);
    for (int language = 0; language < MOLA_TEXT_LANGUAGES; language++) {
        uint32_t count = mola_stop_words((mola_text_language)language, &words);
        for (uint32_t i = 0; i < count; i++)
            ck_assert(mola_is_stop_word((mola_text_language)language, mola_str_of(words[i])));
        ck_assert(!mola_is_stop_word((mola_text_language)language, MOLA_STR("turbopuffer")));
    }
}
END_TEST

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 28);
    mola_arena_init(&arena, &heap, 1 << 28);
}

static void tear_down(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *all = tcase_create("text");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, words_break_as_unicode_says);
    tcase_add_test(all, sentences_break_as_unicode_says);
    tcase_add_test(all, words_break_where_the_reference_says);
    tcase_add_test(all, the_short_cut_finds_the_same_words);
    tcase_add_test(all, terms_are_those_of_the_model);
    tcase_add_test(all, terms_are_those_of_the_reference);
    tcase_add_test(all, dropped_tokens_take_a_position);
    tcase_add_test(all, a_whole_string_is_a_term_when_it_came_as_one);
    tcase_add_test(all, a_known_word_becomes_what_it_became_at_first);
    tcase_add_test(all, stems_are_those_of_rust_stemmers);
    tcase_add_test(all, no_word_is_too_strange_for_a_stemmer);
    tcase_add_test(all, fragments_lose_the_white_space_around_them);
    tcase_add_test(all, a_stop_word_is_in_the_list_of_its_language);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
