#include "patterns.h"
#include "scan/fuzzy.h"

/* Fuzzy filters run over every row: they must find what a table of edit distances finds, in time
 * that does not depend on how alike text and value are. */

static bool finds(const char *text, uint32_t edits, mola_fuzzy_case how, const char *value)
{
    const mola_fuzzy *fuzzy = mola_fuzzy_make(&arena, mola_str_of(text), edits, how);
    ck_assert(fuzzy != NULL);
    return mola_fuzzy_matches(fuzzy, mola_str_of(value));
}

START_TEST(substrings_within_so_many_edits_are_found)
{
    const mola_fuzzy_case exact = MOLA_FUZZY_CASE_EXACT, free_case = MOLA_FUZZY_CASE_FREE;
    ck_assert(finds("walrus", 0, exact, "a walrus sings"));
    ck_assert(!finds("walrus", 0, exact, "a walrvs sings"));
    ck_assert(finds("walrus", 1, exact, "a walrvs sings"));
    ck_assert(finds("walrus", 1, exact, "wlrus"));
    ck_assert(finds("walrus", 1, exact, "walrrus"));
    ck_assert(!finds("walrus", 1, exact, "wlrs"));
    ck_assert(finds("walrus", 2, exact, "wlrs"));
    ck_assert(finds("walrus", 2, exact, "lrus"));
    ck_assert(finds("walrus", 2, exact, "walr"));
    ck_assert(!finds("walrus", 2, exact, "wal"));
    ck_assert(!finds("walrus", 2, exact, ""));
    ck_assert(!finds("walrus", 0, exact, "WALRUS"));
    ck_assert(finds("wAlrus", 0, free_case, "WALRUS"));
    ck_assert(
        finds("\u03c3\u03bf\u03c6\u03cc\u03c2", 0, free_case, "\u03a3\u039f\u03a6\u038c\u03a3"));
    ck_assert(
        finds("\u65e5\u672c\u8a9e", 1, exact, "\u65e5\u672c\u4eba")); /* characters, not bytes */
}
END_TEST

static uint64_t dice;
static uint32_t roll(uint32_t sides)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(dice >> 33) % sides;
}

/* Sellers' table: the least edits from `text` to any substring of `value`. */
static uint32_t least_edits(const char *text, uint32_t length, const char *value, uint32_t size)
{
    static uint32_t column[MOLA_FUZZY_CHARS_MAX + 1];
    for (uint32_t i = 0; i <= length; i++)
        column[i] = i;
    uint32_t best = length;
    for (uint32_t k = 0; k < size; k++) {
        uint32_t diagonal = 0;
        for (uint32_t i = 1; i <= length; i++) {
            uint32_t was = column[i], least = diagonal + (text[i - 1] != value[k]);
            if (column[i - 1] + 1 < least)
                least = column[i - 1] + 1;
            if (was + 1 < least)
                least = was + 1;
            column[i] = least;
            diagonal = was;
        }
        if (column[length] < best)
            best = column[length];
    }
    return best;
}

START_TEST(random_texts_are_found_as_a_table_finds_them)
{
    const char *given = getenv("MOLA_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261127;
    printf("seed %llu (MOLA_SEED)\n", (unsigned long long)seed);
    dice = seed;
    uint32_t found = 0, missed = 0;
    for (int round = 0; round < 20000; round++) {
        char text[200] = {0}, value[300] = {0};
        uint32_t edits = roll(3), length = edits + 1 + roll(round % 20 ? 8 : 180), size = 0;
        for (uint32_t i = 0; i < length; i++)
            text[i] = (char)('a' + roll(3));
        for (uint32_t i = roll(4); i; i--)
            value[size++] = (char)('a' + roll(3));
        for (uint32_t i = 0; i < length; i++) { /* the text, with some damage */
            uint32_t what = roll(length);
            if (what == 1)
                value[size++] = (char)('a' + roll(3));
            if (what != 0)
                value[size++] = what == 2 ? 'x' : text[i];
        }
        const mola_fuzzy *fuzzy =
            mola_fuzzy_make(&arena, (mola_str){text, length}, edits, MOLA_FUZZY_CASE_EXACT);
        ck_assert(fuzzy != NULL);
        bool want = least_edits(text, length, value, size) <= edits;
        ck_assert_msg(mola_fuzzy_matches(fuzzy, (mola_str){value, size}) == want,
                      "`%s` in `%s` with %u: want %d", text, value, edits, want);
        found += want;
        missed += !want;
        mola_arena_reset(&arena);
    }
    ck_assert(found > 2000 && missed > 2000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("scan/fuzzy");
    TCase *c = tcase_create("fuzzy");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, substrings_within_so_many_edits_are_found);
    tcase_add_test(c, random_texts_are_found_as_a_table_finds_them);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
