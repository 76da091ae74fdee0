#include "patterns.h"
#include "scan/regex.h"

/* Regexes come from clients and run over every row: they must mean what they mean to Rust's regex
 * crate, be refused where they cannot, and take linear time and little memory whatever they are. */

static const mola_regex *compile(mola_str pattern)
{
    const mola_regex *regex = NULL;
    const char *why = NULL;
    mola_regex_result result = mola_regex_compile(&arena, pattern, &regex, &why);
    ck_assert_msg(result == MOLA_REGEX_OK, "`" MOLA_FMT "` does not compile: %d %s",
                  MOLA_ARG(pattern), (int)result, why);
    return regex;
}

static bool matches(const mola_regex *regex, mola_str text)
{
    return mola_regex_matches(regex, text, NULL);
}

typedef struct {
    const char *pattern, *text;
    bool matches;
} example;

static const example examples[] = {
    {"", "", true},
    {"", "x", true},
    {"fox", "the fox runs", true},
    {"fox", "the fo x", false},
    {"^fox", "fox", true},
    {"^fox", "a fox", false},
    {"fox$", "a fox", true},
    {"fox$", "foxes", false},
    {"fox$", "fox\n", false}, /* unlike Perl's */
    {"^$", "", true},
    {"^$", "\n", false},
    {"(?m)^b$", "a\nb\nc", true},
    {"(?m)b$", "b\n", true},
    {"\\Ab", "a\nb", false},
    {"(?m)\\Ab", "a\nb", false},
    {"b\\z", "ab", true},
    {"a.c", "abc", true},
    {"a.c", "a\nc", false},
    {"(?s)a.c", "a\nc", true},
    {"a(?s:.)c", "a\nc", true},
    {"a(?s:.).c", "a\n\nc", false},
    {"a.c", "a\u00e9c", true},
    {"^..$", "\u65e5\U0001f600", true},
    {"a|b|", "", true},
    {"^(a|bc)$", "bc", true},
    {"^(a|bc)$", "ac", false},
    {"^a*b+c?$", "bb", true},
    {"^a{2}$", "aa", true},
    {"^a{2}$", "aaa", false},
    {"^a{2,}$", "aaaaa", true},
    {"^a{2,}$", "a", false},
    {"^a{0}$", "", true},
    {"^a{1,3}$", "aaa", true},
    {"^a{1,3}$", "aaaa", false},
    {"^(ab){2}c$", "ababc", true},
    {"^a*?b??$", "aab", true},
    {"^(a*)*$", "aaaa", true},
    {"^(|a)+$", "aaa", true},
    {"^(a?){3}b$", "aab", true},
    {"^a**$", "aaa", true},
    {"\\d+\\.\\d", "pi is 3.14", true},
    {"^\\d$", "\u0663", true}, /* an Arabic digit */
    {"^(?-u:\\d)$", "\u0663", false},
    {"^\\w+$", "na\u00efve_2", true},
    {"^\\w+$", "\u65e5\u672c\u8a9e", true},
    {"^\\w$", "\u0301", true}, /* a mark */
    {"^\\W$", "-", true},
    {"^\\s$", "\u2003", true},
    {"^\\S+$", "a b", false},
    {"\\bfox\\b", "a fox.", true},
    {"\\bfox\\b", "foxes", false},
    {"\\bfox\\b", "\u00e9fox", false}, /* a word boundary is Unicode's, not ASCII's */
    {"(?-u:\\b)fox", "\u00e9fox", true},
    {"\\Box", "fox", true},
    {"\\bx", "x", true},
    {"\\B", "", true},
    {"\\b", "", false},
    {"\\b\\b\\bfox", "fox", true},
    {"\\<fox\\>", "the fox", true},
    {"\\b{start}ox", "fox", false},
    {"fo\\b{end}", "fox", false},
    {"fox\\b{end}", "fox", true},
    {"o\\b{end-half}", "fo!", true},
    {"\\b{start-half}o", "fo", false},
    {"[a-c]+z*", "xxbxx", true},
    {"^[^a-c]$", "d", true},
    {"^[^a-c]$", "b", false},
    {"^[]a]$", "]", true},
    {"^[^]a]$", "b", true},
    {"^[-a]$", "-", true},
    {"^[a-]$", "-", true},
    {"^[a\\-c]$", "-", true},
    {"^[a\\-c]$", "b", false},
    {"^[\\d\\s]$", "7", true},
    {"^[\\D]$", "7", false},
    {"^[[:alpha:]_]$", "Q", true},
    {"^[[:^digit:]]$", "1", false},
    {"^[[:word:]]$", "\u00e9", false}, /* ASCII only */
    {"^[a-z&&[^aeiou]]$", "b", true},
    {"^[a-z&&[^aeiou]]$", "e", false},
    {"^[a-z--[aeiou]]$", "e", false},
    {"^[a-z--aeiou]$", "f", true},
    {"^[a-c~~b-d]$", "d", true},
    {"^[a-c~~b-d]$", "b", false},
    {"^[\\w--\\d]$", "4", false},
    {"^[[a-c][x-z]]$", "y", true},
    {"^\\pL$", "\u00e9", true},
    {"^\\p{L}\\p{Lu}$", "a\u00c9", true},
    {"^\\p{Greek}$", "\u03b1", true},
    {"^\\p{Script=Greek}$", "a", false},
    {"^\\P{Greek}$", "a", true},
    {"^\\p{sc!=Greek}$", "a", true},
    {"^\\p{gc=Decimal_Number}$", "9", true},
    {"^\\p{Uppercase Letter}$", "Q", true},
    {"^\\p{any}$", "\n", true},
    {"^[\\p{Cyrillic}\\p{Han}]+$", "\u0436\u6f22", true},
    {"(?i)THE", "in the", true},
    {"(?i)stra\u00dfe", "STRA\u1e9eE", true},
    {"(?i)k", "\u212a", true}, /* the Kelvin sign */
    {"(?i-u)k", "\u212a", false},
    {"(?i)[k]", "\u212a", true},
    {"(?i)[^x]", "X", false},
    {"(?i)\\p{Lu}", "a", true},
    {"(?i)\u03c3", "\u03c2", true},
    {"a(?i)b|c(?-i)d", "aB", true},
    {"a(?i)b|c(?-i)d", "Cd", true},
    {"a(?i)b|c(?-i)d", "CD", false},
    {"(a(?i)b)c", "aBC", false},
    {"(?x) f o x # comment\n \\ y", "fox y", true},
    {"(?x)[a b]", " ", false},
    {"(?P<name>a)(?<b2>b)(?:c)", "abc", true},
    {"ca(f|p)\u00e9", "caf\u00e9", true},
    {"\\x41\\x{42}\\u0043\\u{44}\\U00000045", "ABCDE", true},
    {"\\t\\n\\a\\f\\r\\v", "\t\n\a\f\r\v", true},
    {"^\\.\\*\\+\\?\\(\\)\\[\\]\\{\\}\\^\\$\\|\\\\\\-\\#\\&\\~\\/$", ".*+?()[]{}^$|\\-#&~/", true},
    {"a}b]", "a}b]", true},
    {"^Photo.*plants$", "Photo of some plants", true},
    {"a$b", "ab", false},
    {"[^\\s\\S]", "abc", false},
};

START_TEST(values_are_searched_as_rust_does)
{
    const example *e = &examples[_i];
    ck_assert_msg(matches(compile(mola_str_of(e->pattern)), mola_str_of(e->text)) == e->matches,
                  "`%s` in `%s`", e->pattern, e->text);
}
END_TEST

static const char *const refused[] = {
    "(",           "(a",
    ")",           "a)",
    "[",           "[a",
    "[]",          "[]a&&",
    "[z-a]",       "*",
    "a|*",         "+",
    "?",           "{2}",
    "a{",          "a{x}",
    "a{,2}",       "a{3,2}",
    "a{2",         "(?=a)",
    "(?!a)",       "(?<=a)",
    "(?<!a)",      "(?>a)",
    "(?#a)",       "(?",
    "(?i",         "(?)",
    "(?-)",        "(?y)",
    "(?R)",        "(?i--s)",
    "(?i)*",       "(?P<a",
    "(?P<>a)",     "(?P<1>a)",
    "(?P=a)",      "\\1",
    "\\0",         "(a)\\2",
    "\\k<a>",      "\\Z",
    "\\G",         "\\K",
    "\\X",         "\\R",
    "\\q",         "\\",
    "\\x",         "\\x4",
    "\\x{}",       "\\x{110000}",
    "\\x{d800}",   "\\u12",
    "\\p",         "\\p{",
    "\\p{Nope}",   "\\p{gc=Greek}",
    "\\p{sc=Lu}",  "[\\b]",
    "[a-\\d]",     "(?-u).",
    "(?-u)\\W",    "(?-u)[^a]",
    "(?-u)\u00e9", "(?-u)\\B",
    "(?-u)\\pL",   "[[:^alpha:]",
    "\\c",         "\\e",
};

START_TEST(what_rust_refuses_and_what_is_not_taken_is_invalid)
{
    const mola_regex *regex;
    const char *why;
    mola_regex_result result = mola_regex_compile(&arena, mola_str_of(refused[_i]), &regex, &why);
    ck_assert_msg(result == MOLA_REGEX_INVALID, "`%s`: %d", refused[_i], (int)result);
    ck_assert(why && *why);
}
END_TEST

/* What would be exponential for a backtracking matcher, in time or in states. */
START_TEST(hostile_patterns_are_bounded)
{
    static char text[100000], pattern[MOLA_REGEX_BYTES_MAX + 2];
    static const char *const slow[] = {"(a*)*b",       "(a|a)*b",         "(a|aa)+$b",
                                       "(.*a){8}b",    ".*a.{40}b",       "(x+x+)+y|(a+)+b",
                                       "(\\w*\\s*)*!", "(a?){300}a{300}b"};
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        const mola_regex *regex = compile(mola_str_of(slow[i]));
        ck_assert(!matches(
            regex, (mola_str){text, i + 1 < sizeof slow / sizeof *slow ? sizeof text : 5000}));
    }
    static const char *const large[] = {"a{5000}", "((a{100}){100}){100}", "(\\w{1000}){1000}",
                                        "a{4294967296}", "(a|b){4096}"};
    const mola_regex *regex;
    const char *why;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        ck_assert(mola_regex_compile(&arena, mola_str_of(large[i]), &regex, &why) ==
                  MOLA_REGEX_TOO_LARGE);
    memset(pattern, 'a', sizeof pattern);
    ck_assert(mola_regex_compile(&arena, (mola_str){pattern, sizeof pattern}, &regex, &why) ==
              MOLA_REGEX_TOO_LARGE);
    for (size_t i = 0; i < sizeof pattern - 4; i += 2)
        memcpy(pattern + i, i % 4 ? "\\w" : "|", 2); /* not to crash is enough */
    (void)mola_regex_compile(&arena, (mola_str){pattern, MOLA_REGEX_BYTES_MAX}, &regex, &why);
    memset(pattern, '(', sizeof pattern);
    ck_assert(mola_regex_compile(&arena, (mola_str){pattern, 2000}, &regex, &why) ==
              MOLA_REGEX_INVALID);
    memset(pattern, '[', sizeof pattern);
    ck_assert(mola_regex_compile(&arena, (mola_str){pattern, 2000}, &regex, &why) ==
              MOLA_REGEX_INVALID);
    /* repetitions of nothing */
    ck_assert(matches(compile(MOLA_STR("((((){4000}){4000}){4000}){4000}")), MOLA_STR("x")));
}
END_TEST

/* ---- against a matcher that tries everything ---- */

static uint64_t dice;
static uint32_t roll(uint32_t sides)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(dice >> 33) % sides;
}

/* A random pattern over a, b and what they can be asked by; the oracle reads the same text. */
static void grow(char *out, size_t *len, int depth)
{
    static const char *const atoms[] = {"a", "b", ".", "[ab]", "[^a]", "^", "$", "\\b", "\\B"};
    uint32_t parts = roll(3) + 1;
    for (uint32_t i = 0; i < parts; i++) {
        bool group = depth > 0 && roll(3) == 0;
        if (group) {
            out[(*len)++] = '(';
            grow(out, len, depth - 1);
            if (roll(2)) {
                out[(*len)++] = '|';
                grow(out, len, depth - 1);
            }
            out[(*len)++] = ')';
        } else {
            const char *atom = atoms[roll(9)];
            memcpy(out + *len, atom, strlen(atom));
            *len += strlen(atom);
        }
        static const char *const repeats[] = {"*", "+", "?", "{2}", "{1,2}", "{2,}"};
        if (roll(3) == 0) {
            const char *repeat = repeats[roll(6)];
            memcpy(out + *len, repeat, strlen(repeat));
            *len += strlen(repeat);
        }
    }
}

/* The set of places, as bits, that a pattern can end at when it begins at one of `from`; texts are
 * shorter than 32 characters. Reads the pattern from *at up to ')' , '|' or the end. */
typedef struct {
    const char *p;
    const char *text;
    uint32_t length;
} oracle;

static uint32_t ends_of_choice(oracle *o, size_t *at, uint32_t from);

static bool is_word_at(const oracle *o, int i)
{
    return i >= 0 && i < (int)o->length && (o->text[i] == 'a' || o->text[i] == 'b');
}

static uint32_t ends_of_atom(oracle *o, size_t *at, uint32_t from)
{
    uint32_t to = 0;
    const char *p = o->p + *at;
    if (*p == '(') {
        ++*at;
        to = ends_of_choice(o, at, from);
        ++*at;
        return to;
    }
    size_t size = *p == '[' ? strcspn(p, "]") + 1 : *p == '\\' ? 2 : 1;
    for (uint32_t i = 0; i <= o->length; i++) {
        if (!(from >> i & 1))
            continue;
        char c = i < o->length ? o->text[i] : '\0';
        bool takes = c && (*p == '.'   ? c != '\n'
                           : *p == '[' ? (p[1] == '^' ? c != 'a' : c == 'a' || c == 'b')
                                       : *p == c);
        bool place = *p == '^'   ? i == 0
                     : *p == '$' ? i == o->length
                     : *p == '\\'
                         ? (is_word_at(o, (int)i - 1) != is_word_at(o, (int)i)) == (p[1] == 'b')
                         : false;
        if (*p == '^' || *p == '$' || *p == '\\') {
            to |= place ? (uint32_t)1 << i : 0;
        } else if (takes) {
            to |= (uint32_t)1 << (i + 1);
        }
    }
    *at += size;
    return to;
}

static uint32_t ends_of_sequence(oracle *o, size_t *at, uint32_t from)
{
    while (o->p[*at] && o->p[*at] != ')' && o->p[*at] != '|') {
        size_t atom = *at;
        uint32_t once = ends_of_atom(o, at, from);
        const char *r = o->p + *at;
        uint32_t least = 1, most = 1;
        size_t size = 1;
        if (*r == '*' || *r == '+' || *r == '?') {
            least = *r == '+';
            most = *r == '?' ? 1 : 64;
        } else if (*r == '{') {
            least = (uint32_t)(r[1] - '0');
            most = r[2] == '}' ? least : r[3] == '}' ? 64 : (uint32_t)(r[3] - '0');
            size = strcspn(r, "}") + 1;
        } else {
            size = 0;
        }
        (void)once;
        uint32_t now = from, all = least == 0 ? from : 0;
        for (uint32_t i = 1; i <= most; i++) {
            size_t again = atom;
            now = ends_of_atom(o, &again, now);
            if (i >= least)
                all |= now;
        }
        *at += size;
        from = all;
    }
    return from;
}

static uint32_t ends_of_choice(oracle *o, size_t *at, uint32_t from)
{
    uint32_t to = ends_of_sequence(o, at, from);
    while (o->p[*at] == '|') {
        ++*at;
        to |= ends_of_sequence(o, at, from);
    }
    return to;
}

START_TEST(random_patterns_match_what_a_dumb_matcher_matches)
{
    const char *given = getenv("MOLA_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261127;
    printf("seed %llu (MOLA_SEED)\n", (unsigned long long)seed);
    dice = seed;
    for (int round = 0; round < 1000; round++) {
        char pattern[4096] = {0}, text[16] = {0};
        size_t len = 0;
        grow(pattern, &len, 2);
        if (len > 200)
            continue;
        const mola_regex *regex = compile(mola_str_of(pattern));
        for (int t = 0; t < 20; t++) {
            oracle o = {.p = pattern, .text = text, .length = roll(8)};
            for (uint32_t i = 0; i < o.length; i++)
                text[i] = "aab-\n"[roll(5)];
            size_t at = 0;
            bool want = ends_of_choice(&o, &at, ((uint32_t)1 << (o.length + 1)) - 1) != 0;
            ck_assert_msg(matches(regex, (mola_str){text, o.length}) == want,
                          "`%s` in `%.*s`: want %d", pattern, (int)o.length, text, want);
        }
        mola_arena_reset(&arena);
    }
}
END_TEST

/* With a heap that gives less and less, compiling fails cleanly or succeeds. */
START_TEST(little_memory_is_no_memory)
{
    for (size_t limit = 0; limit < 60000; limit += 997) {
        mola_heap small;
        mola_arena little;
        const mola_regex *regex;
        const char *why;
        mola_heap_init(&small, limit);
        mola_arena_init(&little, &small, limit);
        mola_regex_result result = mola_regex_compile(
            &little, MOLA_STR("(?i)\\b[\\w--\\d]+@(foo|bar){1,3}\\.com$"), &regex, &why);
        ck_assert(result == MOLA_REGEX_OK || result == MOLA_REGEX_NO_MEMORY ||
                  result == MOLA_REGEX_TOO_LARGE);
        if (result == MOLA_REGEX_OK)
            ck_assert(matches(regex, MOLA_STR("Me.You@FOObar.com")));
        mola_arena_reset(&little);
        ck_assert_uint_eq(atomic_load(&small.used), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scan/regex");
    TCase *c = tcase_create("regex");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, values_are_searched_as_rust_does, 0, sizeof examples / sizeof *examples);
    tcase_add_loop_test(c, what_rust_refuses_and_what_is_not_taken_is_invalid, 0,
                        sizeof refused / sizeof *refused);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, hostile_patterns_are_bounded);
    tcase_add_test(c, random_patterns_match_what_a_dumb_matcher_matches);
    tcase_add_test(c, little_memory_is_no_memory);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
