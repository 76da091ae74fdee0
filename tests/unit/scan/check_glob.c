#include "patterns.h"
#include "scan/fold.h"
#include "scan/glob.h"

/* Globs come from clients and run over every row: they must mean what globset means, and take
 * linear time for every pattern. */

static const mola_glob *compile(const char *pattern, mola_glob_case how)
{
    const mola_glob *glob = NULL;
    mola_glob_result result = mola_glob_compile(&arena, mola_str_of(pattern), how, &glob);
    ck_assert_msg(result == MOLA_GLOB_OK, "`%s` does not compile: %d", pattern, (int)result);
    return glob;
}

static bool matches(const mola_glob *glob, mola_str text)
{
    return mola_glob_matches(glob, text, NULL);
}

typedef struct {
    const char *pattern, *text;
    bool matches;
} example;

static const example exact[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "a", true},
    {"a", "A", false},
    {"a", "ab", false},
    {"*", "", true},
    {"*", "a/b", true},
    {"a*", "a", true},
    {"a*c", "abcabc", true},
    {"a*c", "abcab", false},
    {"*b*", "abc", true},
    {"?", "a", true},
    {"?", "/", true},
    {"?", "", false},
    {"?", "\u00e9", true},
    {"??", "\u65e5\u672c", true},
    {"[ab]*", "b", true},
    {"[ab]*", "c", false},
    {"[!a]*", "ba", true},
    {"[^a]*", "ab", false},
    {"[!a]", "\u65e5", true},
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[a-]", "-", true},
    {"[-a]", "-", true},
    {"[]a]", "]", true},
    {"[!]a]", "b", true},
    {"[a-c-e]", "-", false}, /* the range goes on to e */
    {"[a-c-e]", "d", true},
    {"[\\]", "\\", true}, /* no escapes in classes */
    {"{a,b}", "b", true},
    {"{a,b}", "ab", false},
    {"{a,b{c,d}}e", "bde", true},
    {"{a,b{c,d}}e", "be", false},
    {"z{e,f}ta", "zfta", true},
    {"x{,a}", "x", false}, /* an empty alternative is none */
    {"x{,a}", "xa", true},
    {"x{}", "x", true},
    {"x{,}y", "xy", true},
    {"{a*,*b}", "xb", true},
    {"{*,a}", "zz", true},
    {"a,b", "a,b", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a\\*", "a*", true},
    {"\\{a\\}", "{a}", true},
    {"**", "", true},
    {"**", "a/b/c", true},
    {"**/x", "x", true},
    {"**/x", "a/b/x", true},
    {"**/x", "ax", false},
    {"**/b.tsx", "src/a/b.tsx", true},
    {"a/**", "a/b", true},
    {"a/**", "a/", true},
    {"a/**", "a", false},
    {"a/**", "ab", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "ab", false},
    {"a/**/b", "a/xb", false},
    {"**/**/x", "x", true},
    {"**/**/x", "a/x", true},
    {"a/**/**/b", "a/b", true},
    {"**.tsx", "src/a/b.tsx", true},
    {"a**b", "a/x/b", true},
    {"src/**/*.ts", "src/c.ts", true},
    {"src/**/*.ts", "src/x/y/c.ts", true},
    {"src/**/*.ts", "lib/c.ts", false},
    {"{src/**,lib}", "src/a/b", true},
    {"{**/x,y}", "a/x", true},
    {"**a", "xa", true},
};

START_TEST(examples_match_as_globset_does)
{
    const example *e = &exact[_i];
    const mola_glob *glob = compile(e->pattern, MOLA_GLOB_CASE_EXACT);
    ck_assert_msg(matches(glob, mola_str_of(e->text)) == e->matches, "`%s` on `%s`", e->pattern,
                  e->text);
}
END_TEST

static const example folded[] = {
    {"SRC/*", "src/a", true},
    {"src/*", "SRC/a", true},
    {"*B*", "abc", true},
    {"[a-c]", "B", true},
    {"[A-C]", "b", true},
    {"[!A-C]", "b", false},
    {"\u00c9", "\u00e9", true},
    {"[\u00e0-\u00ef]", "\u00c9", true},
    {"STRASSE", "stra\u00dfe", false}, /* simple folding: one character for one */
    {"\u03a3", "\u03c2", true},
    {"k", "\u212a", true}, /* the Kelvin sign */
    {"[\u212a]", "k", true},
    {"i", "\u0130", false},
};

START_TEST(folded_examples_ignore_case)
{
    const example *e = &folded[_i];
    const mola_glob *glob = compile(e->pattern, MOLA_GLOB_CASE_FOLDED);
    ck_assert_msg(matches(glob, mola_str_of(e->text)) == e->matches, "`%s` on `%s`", e->pattern,
                  e->text);
}
END_TEST

static const char *const invalid[] = {"[a",     "[", "[]", "[!]", "[b-a]", "{a",
                                      "{a,{b}", "}", "a}", "a\\", "{\\",   "[a-"};

START_TEST(invalid_patterns_are_refused)
{
    const mola_glob *glob;
    ck_assert_int_eq(
        mola_glob_compile(&arena, mola_str_of(invalid[_i]), MOLA_GLOB_CASE_EXACT, &glob),
        MOLA_GLOB_INVALID);
}
END_TEST

START_TEST(patterns_beyond_the_limits_are_refused)
{
    static char text[MOLA_GLOB_BYTES_MAX + 1];
    const mola_glob *glob;
    memset(text, 'a', sizeof text);
    mola_str pattern = {text, sizeof text};
    ck_assert_int_eq(mola_glob_compile(&arena, pattern, MOLA_GLOB_CASE_EXACT, &glob),
                     MOLA_GLOB_TOO_LONG);
    pattern.len--;
    ck_assert_int_eq(mola_glob_compile(&arena, pattern, MOLA_GLOB_CASE_EXACT, &glob), MOLA_GLOB_OK);
    ck_assert(matches(glob, pattern));
    memset(text, '{', 100);
    memset(text + 100, '}', 100);
    pattern.len = 200;
    ck_assert_int_eq(mola_glob_compile(&arena, pattern, MOLA_GLOB_CASE_EXACT, &glob),
                     MOLA_GLOB_TOO_LONG);
}
END_TEST

/* Backtracking would need more steps than there are atoms. */
START_TEST(hostile_patterns_take_linear_time)
{
    static char pattern[2 * 60 + 2], text[8192];
    for (int i = 0; i < 60; i++)
        memcpy(pattern + (ptrdiff_t)2 * i, "a*", 2);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'b';
    strcat(pattern, "c");
    const mola_glob *glob = compile(pattern, MOLA_GLOB_CASE_EXACT);
    ck_assert(!matches(glob, (mola_str){text, sizeof text}));
}
END_TEST

/* ---- random patterns against a matcher that tries everything ---- */

static uint64_t dice_state;
static uint32_t roll(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* Matches `p` (no braces) by trying every length for each '*'. */
static bool tries_all(const char *p, const char *t)
{
    if (!*p)
        return !*t;
    if (*p == '*')
        return tries_all(p + 1, t) || (*t && tries_all(p, t + 1));
    if (!*t)
        return false;
    if (*p == '?')
        return tries_all(p + 1, t + 1);
    if (*p == '[') {
        const char *end = strchr(p, ']');
        bool negated = p[1] == '!', in = false;
        for (const char *c = p + 1 + negated; c < end; c++)
            in = in || *c == *t;
        return in != negated && tries_all(end + 1, t + 1);
    }
    return *p == *t && tries_all(p + 1, t + 1);
}

/* Replaces the first group by each of its alternatives in turn. */
static bool expands_and_tries(const char *p, const char *t)
{
    const char *open = strchr(p, '{');
    if (!open)
        return tries_all(p, t);
    const char *close = strchr(open, '}');
    for (const char *from = open + 1; from < close;) {
        const char *until = from;
        while (*until != ',' && *until != '}')
            until++;
        char expanded[256];
        int n = snprintf(expanded, sizeof expanded, "%.*s%.*s%s", (int)(open - p), p,
                         (int)(until - from), from, close + 1);
        ck_assert_int_lt(n, (int)sizeof expanded);
        if (expands_and_tries(expanded, t))
            return true;
        from = until + 1;
    }
    return false;
}

static void random_pattern(char *out)
{
    static const char *const pieces[] = {"a",    "b",    "c",      "*",      "?",
                                         "[ab]", "[!b]", "{a,bc}", "{b*,c}", "{a?,[!a]}"};
    *out = '\0';
    for (uint32_t n = roll(7); n; n--) {
        const char *piece = pieces[roll(sizeof pieces / sizeof *pieces)];
        /* two stars in a row would be another token */
        if (*piece == '*' && *out && out[strlen(out) - 1] == '*')
            continue;
        strcat(out, piece);
    }
}

START_TEST(random_patterns_agree_with_a_matcher_that_tries_everything)
{
    dice_state = 20261121 + (uint64_t)_i;
    uint32_t matched = 0;
    for (int round = 0; round < 2000; round++) {
        char pattern[128], text[16] = "";
        random_pattern(pattern);
        for (uint32_t n = roll(9), i = 0; i < n; i++)
            text[i] = "abc"[roll(3)];
        bool want = expands_and_tries(pattern, text);
        const mola_glob *glob = compile(pattern, MOLA_GLOB_CASE_EXACT);
        ck_assert_msg(matches(glob, mola_str_of(text)) == want, "seed %d: `%s` on `%s`", _i,
                      pattern, text);
        matched += want;
    }
    ck_assert_uint_gt(matched, 100);
}
END_TEST

START_TEST(folding_is_idempotent_and_the_table_rises)
{
    for (uint32_t i = 0; i < mola_fold_count(); i++) {
        mola_fold_pair pair = mola_fold_at(i);
        ck_assert_uint_eq(mola_fold(pair.from), pair.to);
        ck_assert_uint_eq(mola_fold(pair.to), pair.to);
        ck_assert(i == 0 || mola_fold_at(i - 1).from < pair.from);
    }
    ck_assert_uint_gt(mola_fold_count(), 1400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("glob");
    TCase *cases = tcase_create("glob");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, examples_match_as_globset_does, 0, sizeof exact / sizeof *exact);
    tcase_add_loop_test(cases, folded_examples_ignore_case, 0, sizeof folded / sizeof *folded);
    tcase_add_loop_test(cases, invalid_patterns_are_refused, 0, sizeof invalid / sizeof *invalid);
    tcase_add_test(cases, patterns_beyond_the_limits_are_refused);
    tcase_add_test(cases, hostile_patterns_take_linear_time);
    tcase_add_loop_test(cases, random_patterns_agree_with_a_matcher_that_tries_everything, 0, 5);
    tcase_add_test(cases, folding_is_idempotent_and_the_table_rises);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
