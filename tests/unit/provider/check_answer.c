#include "mola/codec/base64.h"
#include "provider/answer.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What a provider says is stored for ever: a vector in the wrong place, or of the wrong length,
 * would never be noticed again. */

static mola_heap heap;
static mola_arena arena;
static mola_why why;
static uint64_t tokens;
static float out[64];

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 24);
    mola_arena_init(&arena, &heap, 1 << 23);
}

static void tear_down(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static mola_str padded(const char *text)
{
    size_t size = strlen(text);
    char *copy = mola_new(&arena, char, size + MOLA_JSON_PADDING);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, size);
    return (mola_str){copy, size};
}

static mola_err embeddings(const char *text, uint32_t count, uint32_t dims)
{
    mola_why_clear(&why);
    return mola_embedding_answer(&arena, padded(text), count, dims, out, &tokens, &why);
}

static mola_err scores(const char *text, uint32_t count)
{
    mola_why_clear(&why);
    return mola_rerank_answer(&arena, padded(text), count, out, &why);
}

START_TEST(vectors_go_where_their_index_says)
{
    ck_assert_int_eq(embeddings("{\"object\":\"list\",\"data\":["
                                "{\"index\":1,\"embedding\":[3,4e0]},"
                                "{\"embedding\":[1,-2.5],\"index\":0,\"object\":\"embedding\"}],"
                                "\"usage\":{\"prompt_tokens\":1,\"total_tokens\":7}}",
                                2, 2),
                     MOLA_OK);
    ck_assert(out[0] == 1 && out[1] == -2.5f && out[2] == 3 && out[3] == 4);
    ck_assert_uint_eq(tokens, 7);
    ck_assert_int_eq(embeddings("{\"data\":[{\"index\":0,\"embedding\":\"AACAPwAAAMA=\"}]}", 1, 2),
                     MOLA_OK);
    ck_assert(out[0] == 1 && out[1] == -2);
    ck_assert_uint_eq(tokens, 0);
    ck_assert_int_eq(embeddings("{\"data\":[]}", 0, 2), MOLA_OK);
}
END_TEST

START_TEST(embeddings_that_make_no_sense_are_refused)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "it is not JSON"},
        {"<html>", "it is not JSON"},
        {"{\"data\":[{\"index\":0,\"embedding\":[NaN,1]}]}", "it is not JSON"},
        {"{}", "it has no list `data`"},
        {"[]", "it has no list `data`"},
        {"null", "it has no list `data`"},
        {"{\"data\":{}}", "it has no list `data`"},
        {"{\"data\":[]}", "it has 0 elements for 1 texts"},
        {"{\"data\":[1,2]}", "it has 2 elements for 1 texts"},
        {"{\"data\":[1]}", "an element has no index"},
        {"{\"data\":[{\"embedding\":[1,2]}]}", "an element has no index"},
        {"{\"data\":[{\"index\":-1,\"embedding\":[1,2]}]}", "an element has no index"},
        {"{\"data\":[{\"index\":0.0,\"embedding\":[1,2]}]}", "an element has no index"},
        {"{\"data\":[{\"index\":1,\"embedding\":[1,2]}]}", "index 1 is beyond what was sent"},
        {"{\"data\":[{\"index\":18446744073709551615,\"embedding\":[1,2]}]}",
         "index 18446744073709551615 is beyond what was sent"},
        {"{\"data\":[{\"index\":0}]}", "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":null}]}",
         "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1,null]}]}",
         "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1,1e39]}]}",
         "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]}]}",
         "it returned 1 dimensions, the attribute has 2"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1,2,3]}]}",
         "it returned 3 dimensions, the attribute has 2"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AACAPw==\"}]}",
         "it returned 1 dimensions, the attribute has 2"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AACAPwAA\"}]}",
         "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AACAPwAAAM*=\"}]}",
         "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AACAfwAAAMA=\"}]}", /* infinity */
         "an embedding is not a list of finite numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AADAfwAAAMA=\"}]}", /* NaN */
         "an embedding is not a list of finite numbers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(embeddings(cases[i].text, 1, 2), MOLA_INVALID);
        ck_assert_str_eq(why.text, cases[i].words);
    }
    ck_assert_int_eq(embeddings("{\"data\":[{\"index\":0,\"embedding\":[1]},"
                                "{\"index\":0,\"embedding\":[1]}]}",
                                2, 1),
                     MOLA_INVALID);
    ck_assert_str_eq(why.text, "index 0 is there twice");
}
END_TEST

START_TEST(scores_go_where_their_index_says)
{
    ck_assert_int_eq(scores("{\"results\":[{\"index\":2,\"relevance_score\":0.5,\"document\":{}},"
                            "{\"index\":0,\"relevance_score\":-3},{\"index\":1,"
                            "\"relevance_score\":1e-7}]}",
                            3),
                     MOLA_OK);
    ck_assert(out[0] == -3 && out[1] == 1e-7f && out[2] == 0.5f);
    ck_assert_int_eq(scores("{\"data\":[{\"index\":0,\"score\":2}]}", 1), MOLA_OK);
    ck_assert(out[0] == 2);
}
END_TEST

START_TEST(scores_that_make_no_sense_are_refused)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"results\":[{\"index\":0,\"relevance_score\":0.5}", "it is not JSON"},
        {"[{\"index\":0,\"score\":0.5}]", "it has no list `results`"},
        {"{\"results\":null,\"data\":[{\"index\":0,\"score\":1}]}", "it has no list `results`"},
        {"{\"results\":[]}", "it has 0 elements for 2 texts"},
        {"{\"results\":[{\"index\":0,\"relevance_score\":1},{\"index\":0,\"relevance_score\":1}]}",
         "index 0 is there twice"},
        {"{\"results\":[{\"index\":0,\"relevance_score\":1},{\"index\":2,\"relevance_score\":1}]}",
         "index 2 is beyond what was sent"},
        {"{\"results\":[{\"index\":0,\"relevance_score\":1},{\"index\":1}]}",
         "a score is not a finite number"},
        {"{\"results\":[{\"index\":0,\"relevance_score\":\"1\"},{\"index\":1,\"score\":1}]}",
         "a score is not a finite number"},
        {"{\"results\":[{\"index\":0,\"relevance_score\":1e39},{\"index\":1,\"score\":1}]}",
         "a score is not a finite number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(scores(cases[i].text, 2), MOLA_INVALID);
        ck_assert_str_eq(why.text, cases[i].words);
    }
}
END_TEST

START_TEST(words_of_errors_are_found_in_every_form_and_cut)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{\"error\":{\"message\":\"too long\",\"code\":3}}", "too long"},
        {"{\"error\":\"bad\\ninput\"}", "bad input"},
        {"{\"message\":\"no\"}", "no"},
        {"{\"detail\":\"0123456789abcdef\"}", "0123456789"},
        {"{\"detail\":\"012345678\xc3\xa4\"}", "012345678"}, /* no half characters */
        {"{\"error\":{}}", ""},
        {"{\"error\":3}", ""},
        {"<html>secret</html>", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[11] = "";
        size_t size = mola_answer_words(&arena, padded(cases[i].text), words, 10);
        words[size] = '\0';
        ck_assert_str_eq(words, cases[i].words);
    }
}
END_TEST

/* As an answer of many texts in any order, as numbers or base64, against the vectors it was made
 * of.
 */
START_TEST(answers_in_any_order_read_as_what_they_were_made_of)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 200; round++) {
        uint32_t count = 1 + (uint32_t)rand() % 8, dims = 1 + (uint32_t)rand() % 8;
        float made[64];
        uint32_t order[8];
        mola_buf text;
        mola_buf_init(&text, &heap);
        for (uint32_t i = 0; i < count * dims; i++)
            made[i] = (float)(rand() % 2000 - 1000) / 16;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = (uint32_t)rand() % (i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        mola_buf_print(&text, "{\"data\":[");
        for (uint32_t i = 0; i < count; i++) {
            const float *vector = made + order[i] * dims;
            mola_buf_print(&text, "%s{\"index\":%u,\"embedding\":", i ? "," : "", order[i]);
            bool numbers = rand() % 2;
            mola_buf_add_char(&text, numbers ? '[' : '"');
            for (uint32_t d = 0; d < dims && numbers; d++)
                mola_buf_print(&text, "%s%.4f", d ? "," : "", (double)vector[d]);
            if (!numbers)
                mola_base64_print(&text, vector, dims * sizeof *vector);
            mola_buf_print(&text, "%s}", numbers ? "]" : "\"");
        }
        mola_buf_print(&text, "]}");
        mola_buf_add_char(&text, '\0');
        ck_assert_int_eq(embeddings(text.data, count, dims), MOLA_OK);
        ck_assert_mem_eq(out, made, count * dims * sizeof *made);
        mola_buf_free(&text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answers of models");
    TCase *tests = tcase_create("answers");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, vectors_go_where_their_index_says);
    tcase_add_test(tests, embeddings_that_make_no_sense_are_refused);
    tcase_add_test(tests, scores_go_where_their_index_says);
    tcase_add_test(tests, scores_that_make_no_sense_are_refused);
    tcase_add_test(tests, words_of_errors_are_found_in_every_form_and_cut);
    tcase_add_test(tests, answers_in_any_order_read_as_what_they_were_made_of);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
