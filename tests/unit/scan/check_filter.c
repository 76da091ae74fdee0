#include "mola/scan/filter.h"
#include "scan/oracle.h"

/* A filter decides what a client may see and what a delete_by_filter destroys: every operator, on
 * every type, with and without values, must say what a person reading the rows would say, however
 * the rows lie in parts. */

static fixture f;
static mola_buf text;

static void set_up(void)
{
    fixture_open(&f);
    mola_buf_init(&text, &f.heap);
}

static void tear_down(void)
{
    mola_buf_free(&text);
    fixture_close(&f);
}

static mola_json_doc *parse_buf(void)
{
    ck_assert(!text.failed);
    mola_json_doc *doc = parse_text(&f, text.data, text.len);
    text.len = 0;
    return doc;
}

static const mola_filter *compile(mola_json json, const mola_state *state, mola_filter_refs refs)
{
    const mola_filter_tree *tree = NULL;
    const mola_filter *filter = NULL;
    mola_err err = mola_filter_parse(&f.ctx, json, "filters", &tree);
    if (!err)
        err = mola_filter_compile(&f.ctx, tree, state, refs, &filter);
    mola_str raw = mola_json_raw(json);
    ck_assert_msg(!err, "%.*s: %.*s", (int)raw.len, raw.data, (int)f.why.len, f.why.text);
    return filter;
}

/* Whether row `index` of the rows given is in the set: living rows stand in the parts in their
 * order. */
static void check_rows(const mola_view *view, mola_json types, mola_json filter_json,
                       mola_json rows, uint64_t seed)
{
    const mola_filter *filter = compile(filter_json, view->state, MOLA_REFS_REFUSED);
    mola_str raw = mola_json_raw(filter_json);
    mola_json row = mola_json_first(rows);
    mola_rowset set;
    uint64_t count = 0;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    ck_assert_uint_eq(set.count, view->live_rows);
    ck_assert_int_eq(mola_filter_run(&f.ctx, filter, &set), MOLA_OK);
    for (uint32_t p = 0; p < view->part_count; p++) {
        const mola_view_part *part = &view->parts[p];
        for (uint32_t r = 0; r < part->rows; r++) {
            bool found = set.bits[p] && mola_bit(set.bits[p], r);
            if (!mola_bit(part->live, r)) {
                ck_assert_msg(!found, "seed %llu: a dead row matches %.*s",
                              (unsigned long long)seed, (int)raw.len, raw.data);
                continue;
            }
            mola_str shown = mola_json_raw(row);
            bool want = oracle_matches(&f, types, filter_json, row);
            ck_assert_msg(found == want, "seed %llu: %.*s on %.*s is %d", (unsigned long long)seed,
                          (int)raw.len, raw.data, (int)shown.len, shown.data, want);
            mola_document document = mola_view_document(view, p, r);
            ck_assert_msg(mola_filter_matches(filter, &document, NULL) == want,
                          "seed %llu: alone, %.*s on %.*s", (unsigned long long)seed, (int)raw.len,
                          raw.data, (int)shown.len, shown.data);
            count += found;
            row = mola_json_next(rows, row);
        }
    }
    ck_assert_uint_eq(set.count, count);
}

static void compare_with_the_oracle(uint64_t seed, uint32_t row_count, uint32_t filters,
                                    uint32_t depth)
{
    dice d = {seed};
    cut cuts[6];
    mola_buf_print(&text, ORACLE_SCHEMA, "uint");
    mola_json_doc *types = parse_buf();
    random_rows(&d, &text, row_count, "uint");
    mola_json_doc *rows = parse_buf();
    uint32_t cut_count = random_cuts(&d, cuts, 6, row_count);
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), cuts, cut_count);
    for (uint32_t i = 0; i < filters; i++) {
        random_filter(&d, &text, depth);
        mola_json_doc *filter = parse_buf();
        check_rows(view, mola_json_root(types), mola_json_root(filter), mola_json_root(rows), seed);
        mola_json_free(filter);
    }
    mola_view_unref(view);
    mola_json_free(rows);
    mola_json_free(types);
}

START_TEST(random_filters_say_what_the_rows_say)
{
    compare_with_the_oracle(0xf117e4 + (uint64_t)_i, 150, 100, 3);
}
END_TEST

START_TEST(windows_and_their_ends_are_filtered_alike)
{
    static const uint32_t sizes[] = {1, 63, 64, 65, 4095, 4096, 4097, 8200};
    compare_with_the_oracle(0x3140 + (uint64_t)_i, sizes[_i], 12, 2);
}
END_TEST

/* ---- the table of reference 8.5.3, and other single cases ---- */

typedef struct {
    const char *filter, *matches; /* which of the rows below, by their ids */
} single;
static const char single_schema[] =
    "{\"id\":\"uint\",\"n\":\"int\",\"s\":\"string\",\"t\":\"[]"
    "string\",\"d\":\"datetime\",\"e\":\"[]unknown\",\"r\":{\"type\":\"string\",\"regex\":true},"
    "\"z\":{\"type\":\"[]string\",\"fuzzy\":true}}";
#define DISTANCES                                                                                  \
    "{\"max_edit_distance\":[{\"min_query_chars\":6,\"distance\":1},"                              \
    "{\"min_query_chars\":3,\"distance\":0}]}"
#define FREE_CASE                                                                                  \
    "{\"max_edit_distance\":[{\"min_query_chars\":3,\"distance\":0}],\"case_sensitive\":false}"
static const char single_rows[] =
    "[{\"id\":1},{\"id\":2,\"r\":\"caf\u00e9\",\"z\":[\"no\",\"Walrus\"],\"n\":3,\"s\":\"a/"
    "b\",\"t\":[]},"
    "{\"id\":3,\"r\":\"a "
    "Fox\",\"z\":[],\"n\":7,\"s\":\"Ab\",\"t\":[\"x\",\"Yy\"],\"d\":\"2024-01-01\",\"e\":[]}]";
static const single singles[] = {
    {"[\"n\",\"Lt\",5]", "12"},
    {"[\"n\",\"Lte\",5]", "12"},
    {"[\"n\",\"Gt\",5]", "3"},
    {"[\"n\",\"Gte\",5]", "3"},
    {"[\"n\",\"Lt\",null]", ""},
    {"[\"n\",\"Lte\",null]", "1"},
    {"[\"n\",\"Gt\",null]", "23"},
    {"[\"n\",\"Gte\",null]", "123"},
    {"[\"Not\",[\"n\",\"Gt\",5]]", "12"},
    {"[\"n\",\"NotEq\",3]", "13"},
    {"[\"n\",\"Eq\",null]", "1"},
    {"[\"n\",\"NotEq\",null]", "23"},
    {"[\"n\",\"NotIn\",[3]]", "13"},
    {"[\"n\",\"NotIn\",[]]", "123"},
    {"[\"n\",\"In\",3]", "2"},
    {"[\"t\",\"In\",\"x\"]", "3"},
    {"[\"n\",\"Lt\",-9223372036854775808]", "1"},
    {"[\"n\",\"Gt\",9223372036854775807]", ""},
    {"[\"And\",[]]", "123"},
    {"[\"Or\",[]]", ""},
    {"[\"id\",\"Gt\",1]", "23"},
    {"[\"id\",\"In\",[1,3,9]]", "13"},
    {"[\"id\",\"In\",[1,3]]", "13"},
    {"[\"id\",\"Eq\",2]", "2"},
    {"[\"id\",\"NotEq\",2]", "13"},
    {"[\"id\",\"NotIn\",[2,3]]", "1"},
    {"[\"And\",[[\"id\",\"In\",[2,3]],[\"n\",\"Eq\",3]]]", "2"},
    {"[\"Or\",[[\"id\",\"Eq\",2],[\"n\",\"Eq\",7]]]", "23"},
    {"[\"Not\",[\"id\",\"Eq\",2]]", "13"},
    {"[\"s\",\"Glob\",\"*\"]", "23"},
    {"[\"s\",\"NotGlob\",\"*\"]", "1"},
    {"[\"s\",\"IGlob\",\"A*\"]", "23"},
    {"[\"s\",\"Glob\",\"A*\"]", "3"},
    {"[\"s\",\"NotIGlob\",\"a*\"]", "1"},
    {"[\"t\",\"Glob\",\"?\"]", "3"},
    {"[\"t\",\"NotGlob\",\"*\"]", "12"},
    {"[\"t\",\"IGlob\",\"yY\"]", "3"},
    {"[\"t\",\"Eq\",[]]", "2"},
    {"[\"t\",\"Eq\",[\"x\",\"Yy\"]]", "3"},
    {"[\"t\",\"Eq\",[\"Yy\",\"x\"]]", ""},
    {"[\"t\",\"AnyLt\",\"z\"]", "3"},
    {"[\"t\",\"NotContains\",\"x\"]", "12"},
    {"[\"d\",\"Eq\",\"2024-01-01T01:00:00+01:00\"]", "3"},
    {"[\"e\",\"Eq\",[]]", "3"},
    {"[\"e\",\"NotEq\",null]", "3"},
    {"[\"e\",\"ContainsAny\",[]]", ""},
    {"[\"r\",\"Regex\",\"(?i)\\\\bfox\\\\b\"]", "3"},
    {"[\"r\",\"Regex\",\"f.$\"]", "2"},
    {"[\"r\",\"Regex\",\"\"]", "23"}, /* null never matches */
    {"[\"Not\",[\"r\",\"Regex\",\"\"]]", "1"},
    {"[\"z\",\"Fuzzy\",\"Walnus\"," DISTANCES "]", "2"},
    {"[\"z\",\"Fuzzy\",\"Walnu\"," DISTANCES "]", ""}, /* too short for an edit */
    {"[\"z\",\"Fuzzy\",\"Wa\"," DISTANCES "]", ""},    /* too short at all */
    {"[\"z\",\"Fuzzy\",\"RUS\"," DISTANCES "]", ""},
    {"[\"z\",\"Fuzzy\",\"RUS\"," FREE_CASE "]", "2"},
};

START_TEST(single_cases_match_as_the_reference_says)
{
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_json_doc *rows = parse_text(&f, single_rows, strlen(single_rows));
    mola_json_doc *filter = parse_text(&f, singles[_i].filter, strlen(singles[_i].filter));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), NULL, 0);
    const mola_filter *compiled = compile(mola_json_root(filter), view->state, MOLA_REFS_REFUSED);
    mola_rowset set;
    char found[4] = "", *next = found;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    ck_assert_int_eq(mola_filter_run(&f.ctx, compiled, &set), MOLA_OK);
    for (uint32_t r = 0; r < 3; r++)
        if (mola_bit(set.bits[0], r))
            *next++ = (char)('1' + r);
    ck_assert_msg(strcmp(found, singles[_i].matches) == 0, "%s matches %s, not %s",
                  singles[_i].filter, found, singles[_i].matches);
    mola_view_unref(view);
    mola_json_free(filter);
    mola_json_free(rows);
    mola_json_free(types);
}
END_TEST

START_TEST(a_hundred_thousand_operands_are_one_set)
{
    enum { OPERANDS = 120000 };
    static const char rows_text[] =
        "[{\"id\":1,\"n\":119999},{\"id\":2,\"n\":120000},{\"id\":3,\"s\":\"7\"}]";
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_json_doc *rows = parse_text(&f, rows_text, strlen(rows_text));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), NULL, 0);
    for (int strings = 0; strings < 2; strings++) {
        mola_buf_print(&text, strings ? "[\"s\",\"In\",[" : "[\"n\",\"In\",[");
        for (int i = 0; i < OPERANDS; i++)
            mola_buf_print(&text, strings ? "%s\"%d\"" : "%s%d", i ? "," : "", i);
        mola_buf_print(&text, "]]");
        mola_json_doc *filter = parse_buf();
        mola_rowset set;
        ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
        ck_assert_int_eq(
            mola_filter_run(&f.ctx, compile(mola_json_root(filter), view->state, MOLA_REFS_REFUSED),
                            &set),
            MOLA_OK);
        ck_assert_uint_eq(set.bits[0][0], strings ? 4 : 1);
        mola_json_free(filter);
    }
    mola_view_unref(view);
    mola_json_free(rows);
    mola_json_free(types);
}
END_TEST

START_TEST(a_filter_has_at_most_1024_nodes)
{
    for (uint32_t leaves = MOLA_FILTER_NODES_MAX - 1; leaves <= MOLA_FILTER_NODES_MAX; leaves++) {
        const mola_filter_tree *tree;
        mola_buf_print(&text, "[\"Or\",[");
        for (uint32_t i = 0; i < leaves; i++)
            mola_buf_print(&text, "%s[\"n\",\"Eq\",1]", i ? "," : "");
        mola_buf_print(&text, "]]");
        mola_json_doc *filter = parse_buf();
        mola_err err = mola_filter_parse(&f.ctx, mola_json_root(filter), "filters", &tree);
        ck_assert_int_eq(err, leaves < MOLA_FILTER_NODES_MAX ? MOLA_OK : MOLA_INVALID);
        mola_json_free(filter);
    }
}
END_TEST

/* As deep as JSON may nest: the recursion that is left must fit the stack of an executor thread. */
START_TEST(the_deepest_filter_runs)
{
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_json_doc *rows = parse_text(&f, single_rows, strlen(single_rows));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), NULL, 0);
    int depth = MOLA_JSON_DEPTH_MAX - 1;
    for (int i = 0; i < depth; i++)
        mola_buf_print(&text, "[\"Not\",");
    mola_buf_print(&text, "[\"n\",\"Eq\",3]");
    for (int i = 0; i < depth; i++)
        mola_buf_print(&text, "]");
    mola_json_doc *filter = parse_buf();
    mola_rowset set;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    ck_assert_int_eq(
        mola_filter_run(&f.ctx, compile(mola_json_root(filter), view->state, MOLA_REFS_REFUSED),
                        &set),
        MOLA_OK);
    ck_assert_uint_eq(set.bits[0][0], depth % 2 ? 5 : 2);
    mola_json_free(filter);
    mola_view_unref(view);
    mola_json_free(rows);
    mola_json_free(types);
}
END_TEST

/* ---- $ref_new: stored row 0 .. 2 against each as the fresh one ---- */

static bool ref_matches(const char *filter_text, const mola_view *view, uint32_t stored,
                        uint32_t fresh)
{
    mola_json_doc *filter = parse_text(&f, filter_text, strlen(filter_text));
    mola_document old = mola_view_document(view, 0, stored),
                  young = mola_view_document(view, 0, fresh);
    bool matches = mola_filter_matches(
        compile(mola_json_root(filter), view->state, MOLA_REFS_ALLOWED), &old, &young);
    mola_json_free(filter);
    return matches;
}

START_TEST(references_take_their_operand_from_the_fresh_document)
{
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_json_doc *rows = parse_text(&f, single_rows, strlen(single_rows));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), NULL, 0);
    /* n is null, 3, 7 in rows 0, 1, 2 */
    for (uint32_t old = 0; old < 3; old++) {
        for (uint32_t young = 0; young < 3; young++) {
            ck_assert(ref_matches("[\"n\",\"Lt\",{\"$ref_new\":\"n\"}]", view, old, young) ==
                      (old < young));
            ck_assert(ref_matches("[\"n\",\"Gte\",{\"$ref_new\":\"n\"}]", view, old, young) ==
                      (old >= young));
            ck_assert(ref_matches("[\"n\",\"Eq\",{\"$ref_new\":\"n\"}]", view, old, young) ==
                      (old == young));
            ck_assert(ref_matches("[\"t\",\"NotEq\",{\"$ref_new\":\"t\"}]", view, old, young) ==
                      (old != young));
            ck_assert(ref_matches("[\"n\",\"In\",{\"$ref_new\":\"n\"}]", view, old, young) ==
                      (old == young && old));
            ck_assert(ref_matches("[\"id\",\"Eq\",{\"$ref_new\":\"id\"}]", view, old, young) ==
                      (old == young));
        }
    }
    mola_view_unref(view);
    mola_json_free(rows);
    mola_json_free(types);
}
END_TEST

START_TEST(references_are_checked_like_operands)
{
    static const struct {
        const char *filter;
        mola_filter_refs refs;
        mola_err err;
        const char *words;
    } cases[] = {
        {"[\"n\",\"Eq\",{\"$ref_new\":\"n\"}]", MOLA_REFS_REFUSED, MOLA_INVALID,
         "an object is not a valid value"},
        {"[\"n\",\"Eq\",{\"x\":1}]", MOLA_REFS_ALLOWED, MOLA_INVALID,
         "an object is not a valid value"},
        {"[\"n\",\"Eq\",{\"$ref_new\":\"n\",\"x\":1}]", MOLA_REFS_ALLOWED, MOLA_INVALID,
         "an object is not a valid value"},
        {"[\"n\",\"Eq\",{\"$ref_new\":1}]", MOLA_REFS_ALLOWED, MOLA_SHAPE,
         "must be an attribute name"},
        {"[\"n\",\"Eq\",{\"$ref_new\":\"zz\"}]", MOLA_REFS_ALLOWED, MOLA_INVALID,
         "not found in schema, cannot be used in"},
        {"[\"n\",\"Eq\",{\"$ref_new\":\"s\"}]", MOLA_REFS_ALLOWED, MOLA_INVALID,
         "`s` is string, but `n` is int"},
        {"[\"s\",\"Glob\",{\"$ref_new\":\"s\"}]", MOLA_REFS_ALLOWED, MOLA_INVALID,
         "Glob expects string"},
        {"[\"t\",\"Contains\",{\"$ref_new\":\"t\"}]", MOLA_REFS_ALLOWED, MOLA_INVALID,
         "does not take a `$ref_new`"},
    };
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_state *state = make_state(&f, mola_json_root(types), MOLA_METRIC_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_json_doc *doc = parse_text(&f, cases[i].filter, strlen(cases[i].filter));
        const mola_filter_tree *tree;
        const mola_filter *filter;
        mola_why_clear(&f.why);
        ck_assert_int_eq(mola_filter_parse(&f.ctx, mola_json_root(doc), "filters", &tree), MOLA_OK);
        ck_assert_int_eq(mola_filter_compile(&f.ctx, tree, state, cases[i].refs, &filter),
                         cases[i].err);
        ck_assert_msg(strstr(f.why.text, cases[i].words), "%s: %s", cases[i].filter, f.why.text);
        mola_json_free(doc);
    }
    mola_state_unref(state);
    mola_json_free(types);
}
END_TEST

START_TEST(a_passed_deadline_ends_the_scan)
{
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_json_doc *rows = parse_text(&f, single_rows, strlen(single_rows));
    mola_json_doc *filter = parse_text(&f, "[\"n\",\"Eq\",3]", strlen("[\"n\",\"Eq\",3]"));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), NULL, 0);
    mola_rowset set;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    f.ctx.deadline_ns = 1;
    ck_assert_int_eq(
        mola_filter_run(&f.ctx, compile(mola_json_root(filter), view->state, MOLA_REFS_REFUSED),
                        &set),
        MOLA_UNAVAILABLE);
    mola_json_free(filter);
    mola_view_unref(view);
    mola_json_free(rows);
    mola_json_free(types);
}
END_TEST

/* One window of texts that no table fits is minutes of work: a request must not be that long. */
START_TEST(a_deadline_ends_a_slow_test_in_the_middle_of_a_window)
{
    enum { ROWS = 256, LETTERS = 100000 };
    static const char hostile[] = "[\"r\",\"Regex\",\"([ab]*a[ab]{700}){4}c\"]";
    char *letters = malloc(LETTERS);
    ck_assert_ptr_nonnull(letters);
    memset(letters, 'a', LETTERS);
    mola_buf_add_char(&text, '[');
    for (int i = 0; i < ROWS; i++) {
        mola_buf_print(&text, "%s{\"id\":%d,\"r\":\"", i ? "," : "", i);
        mola_buf_add(&text, letters, LETTERS);
        mola_buf_print(&text, "\"}");
    }
    mola_buf_add_char(&text, ']');
    free(letters);
    mola_json_doc *rows = parse_buf();
    mola_json_doc *types = parse_text(&f, single_schema, strlen(single_schema));
    mola_json_doc *filter = parse_text(&f, hostile, strlen(hostile));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), NULL, 0);
    const mola_filter *compiled = compile(mola_json_root(filter), view->state, MOLA_REFS_REFUSED);
    mola_rowset set;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    uint64_t began_ns = mola_boot_ns(f.ctx.env);
    f.ctx.deadline_ns = began_ns + 50 * MOLA_MILLISECOND;
    ck_assert_int_eq(mola_filter_run(&f.ctx, compiled, &set), MOLA_UNAVAILABLE);
    double seconds = (double)(mola_boot_ns(f.ctx.env) - began_ns) / 1e9;
    printf("given up after %.1f s\n", seconds);
    mola_json_free(filter);
    mola_view_unref(view);
    mola_json_free(rows);
    mola_json_free(types);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("filter");
    TCase *cases = tcase_create("filter");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, random_filters_say_what_the_rows_say, 0, 12);
    tcase_add_loop_test(cases, windows_and_their_ends_are_filtered_alike, 0, 8);
    tcase_add_loop_test(cases, single_cases_match_as_the_reference_says, 0,
                        sizeof singles / sizeof *singles);
    tcase_add_test(cases, a_hundred_thousand_operands_are_one_set);
    tcase_add_test(cases, a_filter_has_at_most_1024_nodes);
    tcase_add_test(cases, the_deepest_filter_runs);
    tcase_add_test(cases, references_take_their_operand_from_the_fresh_document);
    tcase_add_test(cases, references_are_checked_like_operands);
    tcase_add_test(cases, a_passed_deadline_ends_the_scan);
    tcase_add_test(cases, a_deadline_ends_a_slow_test_in_the_middle_of_a_window);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
