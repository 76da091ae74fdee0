#include "query/ask.h"
#include "scan/distant.h"
#include <check.h>

/* Texts in queries: the scores, rows and fragments of the reference, whatever the parts that rows
 * lie in, with dead rows between them, in memory and from afar. Dead rows must not count. */

static fixture f;

static void set_up(void)
{
    fixture_open(&f);
}

static void tear_down(void)
{
    fixture_close(&f);
}

static const char schema[] =
    "{\"id\":\"uint\",\"t\":{\"type\":\"string\",\"full_text_search\":true},"
    "\"stop\":{\"type\":\"string\",\"full_text_search\":{\"remove_stopwords\":true}},"
    "\"l\":{\"type\":\"[]string\",\"full_text_search\":{\"stemming\":true}},"
    "\"pre\":{\"type\":\"[]string\",\"full_text_search\":{\"tokenizer\":\"pre_tokenized_array\"}},"
    "\"fz\":{\"type\":\"string\",\"fuzzy\":true}}";
static const char rows[] =
    "[{\"id\":1,\"t\":\"fish fish swim\",\"fz\":\"Walruses swim\"},"
    "{\"id\":2,\"t\":\"fish tank water deep blue\",\"stop\":\"visited a caf\\u00e9\","
    "\"pre\":[\"Fish\",\"a b\"]},"
    "{\"id\":3,\"t\":\"swim swim fish\",\"l\":[\"running dogs\",\"cats. The cat ran; foxes run\"],"
    "\"fz\":\"walrs\"},"
    "{\"id\":4,\"t\":\"\",\"l\":[],\"pre\":[\"fish\"]}]";

typedef struct {
    const char *body, *rows;
} example;
#define RANK(clause)   "{\"limit\":9,\"rank_by\":" clause "}"
#define FILTER(filter) "{\"limit\":9,\"filters\":" filter "}"
#define COMPUTE(clause)                                                                            \
    "{\"limit\":1,\"filters\":[\"id\",\"Eq\",3],\"compute_attributes\":{\"c\":" clause "}}"
static const example examples[] = {
    /* the reference's scores, 6.10 */
    {RANK("[\"t\",\"BM25\",\"fish\"]"), "{\"id\":1,\"$dist\":0.1935006},{\"id\":3,\"$dist\":0."
                                        "1442616},{\"id\":2,\"$dist\":0.1162396}"},
    {RANK("[\"t\",\"BM25\",\"Fish FISH\"]"), "{\"id\":1,\"$dist\":0.3483011},{\"id\":3,\"$dist\":0."
                                             "2596709},{\"id\":2,\"$dist\":0.2092312}"},
    {RANK("[\"t\",\"BM25\",\"fish fish swim\"]"),
     "{\"id\":3,\"$dist\":0.9407540},{\"id\":1,\"$dist\":0.8560728},{\"id\":2,\"$dist\":0."
     "2092312}"},
    {RANK("[\"t\",\"BM25\",\"\"]"), ""},
    {RANK("[\"t\",\"BM25\",\"whale\"]"), ""},
    /* the last token as a prefix: 1, once */
    {RANK("[\"t\",\"BM25\",\"fish sw\",{\"last_as_prefix\":true}]"),
     "{\"id\":1,\"$dist\":1.1935006},{\"id\":3,\"$dist\":1.1442616},{\"id\":2,\"$dist\":0."
     "1162396}"},
    {RANK("[\"t\",\"BM25\",\"\",{\"last_as_prefix\":true}]"), ""},
    {RANK("[\"pre\",\"BM25\",[\"Fi\"],{\"last_as_prefix\":true}]"), "{\"id\":2,\"$dist\":1.0}"},
    {RANK("[\"pre\",\"BM25\",[\"Fish\"]]"), "{\"id\":2,\"$dist\":0.6099695}"},
    /* filters do not change the statistics; clauses are added in order */
    {"{\"limit\":9,\"rank_by\":[\"t\",\"BM25\",\"fish\"],\"filters\":[\"id\",\"Gt\",1]}",
     "{\"id\":3,\"$dist\":0.1442616},{\"id\":2,\"$dist\":0.1162396}"},
    {RANK("[\"Sum\",[[\"t\",\"BM25\",\"fish\"],[\"Product\",2,[\"t\",\"ContainsAnyToken\",\"blue "
          "swim\"]]]]"),
     "{\"id\":1,\"$dist\":2.1935006},{\"id\":3,\"$dist\":2.1442616},{\"id\":2,\"$dist\":2."
     "1162396}"},
    {RANK("[\"Max\",[[\"t\",\"BM25\",\"blue\"],[\"pre\",\"BM25\",[\"fish\"]]]]"),
     "{\"id\":2,\"$dist\":0.8538154},{\"id\":4,\"$dist\":0.8025915}"},
    /* token filters */
    {FILTER("[\"t\",\"ContainsAllTokens\",\"Fish swim\"]"), "{\"id\":1},{\"id\":3}"},
    {FILTER("[\"t\",\"ContainsAllTokens\",\"fish whale\"]"), ""},
    {FILTER("[\"t\",\"ContainsAllTokens\",\"tank wat\",{\"last_as_prefix\":true}]"), "{\"id\":2}"},
    {FILTER("[\"t\",\"ContainsAllTokens\",\"\"]"), ""},
    {FILTER("[\"Not\",[\"t\",\"ContainsAllTokens\",\"\"]]"),
     "{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":4}"},
    {FILTER("[\"t\",\"ContainsAnyToken\",[\"tank\",\"swim\"]]"),
     "{\"id\":1},{\"id\":2},{\"id\":3}"},
    {FILTER("[\"t\",\"ContainsAnyToken\",\"whale b\",{\"last_as_prefix\":true}]"), "{\"id\":2}"},
    {FILTER("[\"t\",\"ContainsTokenSequence\",\"fish swim\"]"), "{\"id\":1}"},
    {FILTER("[\"t\",\"ContainsTokenSequence\",\"swim swim fish\"]"), "{\"id\":3}"},
    {FILTER("[\"l\",\"ContainsTokenSequence\",\"dog cats\"]"), "{\"id\":3}"},
    {FILTER("[\"l\",\"ContainsTokenSequence\",\"cat dog\"]"), ""},
    {FILTER("[\"pre\",\"ContainsAllTokens\",[\"a b\"]]"), "{\"id\":2}"},
    {FILTER("[\"pre\",\"ContainsAnyToken\",[\"a\",\"fish\"]]"), "{\"id\":4}"},
    /* a stop word that was removed leaves its place */
    {FILTER("[\"stop\",\"ContainsTokenSequence\",\"visited the caf\\u00e9\"]"), "{\"id\":2}"},
    {FILTER("[\"stop\",\"ContainsTokenSequence\",\"visited caf\\u00e9\"]"), ""},
    /* fuzzy: a substring within some edits */
    {FILTER("[\"fz\",\"Fuzzy\",\"walrus\",{\"max_edit_distance\":[{\"min_query_chars\":6,"
            "\"distance\":1}]}]"),
     "{\"id\":1},{\"id\":3}"},
    {FILTER("[\"fz\",\"Fuzzy\",\"walrus\",{\"max_edit_distance\":[{\"min_query_chars\":3,"
            "\"distance\":0}]}]"),
     ""},
    {FILTER("[\"fz\",\"Fuzzy\",\"walrus\",{\"max_edit_distance\":[{\"min_query_chars\":3,"
            "\"distance\":0}],\"case_sensitive\":false}]"),
     "{\"id\":1}"},
    {FILTER("[\"fz\",\"Fuzzy\",\"walr\",{\"max_edit_distance\":[{\"min_query_chars\":6,"
            "\"distance\":1}]}]"),
     ""},
    /* computed */
    {COMPUTE("[\"t\",\"BM25\",\"fish\"]"), "{\"id\":3,\"c\":0.1442616}"},
    {COMPUTE("[\"t\",\"ContainsAllTokens\",\"swim\"]"), "{\"id\":3,\"c\":true}"},
    {COMPUTE("[\"Highlight\",\"l\",{\"rank_fragments_by\":[\"$fragment\",\"BM25\",\"run\"]}]"),
     "{\"id\":3,\"c\":[{\"text\":\"running dogs\"},{\"text\":\"The cat ran; foxes run\"}]}"},
    {COMPUTE("[\"Highlight\",\"l\",{\"rank_fragments_by\":[\"$fragment\",\"BM25\",\"run fox\"],"
             "\"fragment_by\":\"none\",\"include_offsets\":\"utf-8\",\"fragment_limit\":1}]"),
     "{\"id\":3,\"c\":[{\"text\":\"cats. The cat ran; foxes run\",\"fragment_range\":[0,28],"
     "\"match_ranges\":[[19,24],[25,28]],\"array_index\":1}]}"},
    {COMPUTE("[\"Highlight\",\"l\",{\"rank_fragments_by\":[\"$fragment\",\"BM25\",\"whale\"]}]"),
     "{\"id\":3,\"c\":[]}"},
    {COMPUTE("[\"Highlight\",\"stop\",{\"rank_fragments_by\":[\"$fragment\",\"BM25\",\"a\"]}]"),
     "{\"id\":3,\"c\":[]}"},
    {"{\"limit\":1,\"rank_by\":[\"stop\",\"BM25\",\"caf\\u00e9\"],\"compute_attributes\":{\"h\":["
     "\"Highlight\",\"stop\",{\"fragment_by\":\"word\",\"include_offsets\":\"codepoints\"}]}}",
     "{\"id\":2,\"$dist\":0.2876821,\"h\":[{\"text\":\"caf\xc3\xa9\",\"fragment_range\":[10,14],"
     "\"match_ranges\":[[10,14]]}]}"},
};

/* The same but for the digits of numbers beyond the seventh. */
static bool is_same(const char *got, const char *want)
{
    while (*got && *want) {
        char *got_end, *want_end;
        double a = strtod(got, &got_end), b = strtod(want, &want_end);
        if (got_end == got || want_end == want) {
            if (*got++ != *want++)
                return false;
            continue;
        }
        if (a - b > 2e-7 || b - a > 2e-7)
            return false;
        got = got_end;
        want = want_end;
    }
    return !*got && !*want;
}

START_TEST(answers_are_what_they_should_be)
{
    const example *e = &examples[_i];
    static const cut cuts[][3] = {{{0}}, {{1, 0}, {2, 1}}, {{1, 1}, {1, 1}, {1, 1}}, {{4, 2}}};
    static const uint32_t counts[] = {0, 2, 3, 1};
    char want[1024];
    (void)snprintf(want, sizeof want, "\"rows\":[%s]", e->rows);
    const char *first = NULL;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        world w;
        world_open(&w, &f, schema, rows, MOLA_METRIC_EUCLIDEAN, cuts[i], counts[i]);
        answer near = ask(&w, e->body);
        ck_assert_msg(is_same(near.text, want), "%s: %s", e->body, near.text);
        first = first ? first : near.text;
        ck_assert_str_eq(near.text, first); /* to the last bit, however rows are cut */
        distant_on(w.view, w.view->part_count, i + 1);
        answer far = ask(&w, e->body);
        ck_assert_str_eq(far.text, first);
        distant_off(w.view);
        world_close(&w);
    }
}
END_TEST

/* Offsets count what the client's language counts. */
START_TEST(offsets_are_in_the_unit_asked_for)
{
    static const struct {
        const char *unit, *ranges;
    } cases[] = {
        {"utf-8", "\"fragment_range\":[11,28],\"match_ranges\":[[11,15],[24,28]]"},
        {"utf-16", "\"fragment_range\":[7,20],\"match_ranges\":[[7,9],[16,20]]"},
        {"codepoints", "\"fragment_range\":[6,18],\"match_ranges\":[[6,7],[14,18]]"},
    };
    world w;
    world_open(
        &w, &f, schema,
        "[{\"id\":1,\"t\":\"\\ud83d\\udc21\\u00e9\\u00e9. \\n\\ud83d\\udc21 and \\u65e5 fish\"}]",
        MOLA_METRIC_EUCLIDEAN, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512], want[512];
        (void)snprintf(body, sizeof body,
                       "{\"limit\":1,\"compute_attributes\":{\"h\":[\"Highlight\",\"t\",{"
                       "\"rank_fragments_by\":[\"$fragment\",\"BM25\",\"fish \\ud83d\\udc21\"],"
                       "\"fragment_by\":\"paragraph\",\"fragment_limit\":1,\"include_offsets\":"
                       "\"%s\"}]}}",
                       cases[i].unit);
        (void)snprintf(want, sizeof want,
                       "\"rows\":[{\"id\":1,\"h\":[{\"text\":\"\xf0\x9f\x90\xa1 and \xe6\x97\xa5 "
                       "fish\",%s}]}]",
                       cases[i].ranges);
        ck_assert_str_eq(ask(&w, body).text, want);
    }
    world_close(&w);
}
END_TEST

/* The guide's example: more often beats shorter. */
START_TEST(the_order_is_that_of_the_guide)
{
    world w;
    world_open(&w, &f, schema,
               "[{\"id\":1,\"t\":\"turbopuffer b c d e f g h i j k l m\"},"
               "{\"id\":2,\"t\":\"turbopuffer b c d e f g h i j k l m n\"},"
               "{\"id\":3,\"t\":\"turbopuffer turbopuffer c d e f g h i j k l m n o p\"}]",
               MOLA_METRIC_EUCLIDEAN, NULL, 0);
    answer a = ask(&w, RANK("[\"t\",\"BM25\",\"turbopuffer\"]"));
    ck_assert_msg(is_same(a.text, "\"rows\":[{\"id\":3,\"$dist\":0.1777913},{\"id\":1,\"$dist\":"
                                  "0.1388140},{\"id\":2,\"$dist\":0.1348140}]"),
                  "%s", a.text);
    world_close(&w);
}
END_TEST

START_TEST(memory_may_end_anywhere)
{
    static const char body[] =
        "{\"limit\":4,\"rank_by\":[\"Sum\",[[\"t\",\"BM25\",\"fish "
        "swim\"],[\"l\",\"BM25\",\"cat\"]]],"
        "\"filters\":[\"Or\",[[\"t\",\"ContainsAllTokens\",\"fish\"],[\"fz\",\"Fuzzy\",\"walrus\","
        "{\"max_edit_distance\":[{\"min_query_chars\":6,\"distance\":1}]}]]],"
        "\"compute_attributes\":{\"h\":[\"Highlight\",\"t\"],\"b\":[\"l\",\"BM25\",\"dog\"]}}";
    world w;
    uint32_t refused = 0;
    world_open(&w, &f, schema, rows, MOLA_METRIC_EUCLIDEAN, NULL, 0);
    mola_json_doc *doc = parse_text(&f, body, strlen(body));
    mola_err err = MOLA_NO_MEMORY;
    for (size_t limit = 1024; err; limit += limit / 4) {
        mola_arena arena;
        mola_ctx ctx = f.ctx;
        mola_query *query;
        mola_query_result result;
        mola_arena_init(&arena, &f.heap, limit);
        ctx.arena = &arena;
        mola_why_clear(&f.why);
        err = mola_query_parse(&ctx, mola_json_root(doc), &query);
        if (!err)
            err = mola_query_run(&ctx, w.view, mola_kernel_select(NULL), query, &result);
        ck_assert_msg(!err || err == MOLA_NO_MEMORY, "limit %zu: %s", limit, f.why.text);
        ck_assert(!err || f.why.len > 0);
        refused += err != MOLA_OK;
        if (!err)
            mola_buf_free(&result.members);
        mola_arena_reset(&arena);
        ck_assert_uint_lt(limit, (size_t)1 << 24);
    }
    ck_assert_uint_gt(refused, 10);
    mola_json_free(doc);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *cases = tcase_create("text");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, answers_are_what_they_should_be, 0,
                        sizeof examples / sizeof *examples);
    tcase_add_test(cases, offsets_are_in_the_unit_asked_for);
    tcase_add_test(cases, the_order_is_that_of_the_guide);
    tcase_add_test(cases, memory_may_end_anywhere);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
