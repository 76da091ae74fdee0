/* Views of bytes are compared and cut everywhere; the empty one, with or without a pointer, is
 * where such code goes wrong. */
#include "mola/base/err.h"
#include "mola/base/str.h"
#include <check.h>

static const mola_str none = {NULL, 0};

START_TEST(equal_means_the_same_bytes)
{
    ck_assert(mola_str_eq(none, MOLA_STR("")));
    ck_assert(mola_str_eq(MOLA_STR("a\0b"), (mola_str){"a\0bc", 3}));
    ck_assert(!mola_str_eq(MOLA_STR("a\0b"), MOLA_STR("a\0c")));
    ck_assert(!mola_str_eq(MOLA_STR("a"), MOLA_STR("ab")));
    ck_assert(mola_str_eq(mola_str_of("xyz"), MOLA_STR("xyz")));
}
END_TEST

START_TEST(the_order_is_that_of_bytes_and_a_prefix_comes_first)
{
    static const mola_str sorted[] = {MOLA_STR_C(""),    MOLA_STR_C("\0"),   MOLA_STR_C("A"),
                                      MOLA_STR_C("a"),   MOLA_STR_C("a\0"),  MOLA_STR_C("ab"),
                                      MOLA_STR_C("b"),   MOLA_STR_C("\x7F"), MOLA_STR_C("\x80"),
                                      MOLA_STR_C("\xFF")};
    enum { COUNT = sizeof sorted / sizeof *sorted };
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            int order = mola_str_cmp(sorted[i], sorted[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
        }
    ck_assert_int_eq(mola_str_cmp(none, MOLA_STR("")), 0);
    ck_assert_int_lt(mola_str_cmp(none, MOLA_STR("a")), 0);
}
END_TEST

START_TEST(starts_and_from)
{
    ck_assert(mola_str_starts(MOLA_STR("mola"), MOLA_STR("mo")));
    ck_assert(mola_str_starts(MOLA_STR("mola"), MOLA_STR("mola")));
    ck_assert(mola_str_starts(none, none));
    ck_assert(!mola_str_starts(MOLA_STR("mo"), MOLA_STR("mola")));
    ck_assert(!mola_str_starts(MOLA_STR("mola"), MOLA_STR("la")));
    ck_assert(mola_str_eq(mola_str_from(MOLA_STR("mola"), 2), MOLA_STR("la")));
    ck_assert_uint_eq(mola_str_from(MOLA_STR("mola"), 4).len, 0);
}
END_TEST

START_TEST(cut_splits_at_the_first_separator)
{
    static const struct {
        mola_str text, parts[4];
        size_t count;
    } cases[] = {
        {MOLA_STR_C("a,b,c"), {MOLA_STR_C("a"), MOLA_STR_C("b"), MOLA_STR_C("c")}, 3},
        {MOLA_STR_C("a"), {MOLA_STR_C("a")}, 1},
        {MOLA_STR_C("a,"), {MOLA_STR_C("a")}, 1},
        {MOLA_STR_C(",,b"), {MOLA_STR_C(""), MOLA_STR_C(""), MOLA_STR_C("b")}, 3},
        {MOLA_STR_C(""), {MOLA_STR_C("")}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_str rest = cases[i].text;
        size_t count = 0;
        for (; rest.len > 0; count++)
            ck_assert(mola_str_eq(mola_str_cut(&rest, ','), cases[i].parts[count]));
        ck_assert_uint_eq(count, cases[i].count);
    }
    mola_str rest = none;
    ck_assert_uint_eq(mola_str_cut(&rest, ',').len, 0);
}
END_TEST

START_TEST(the_first_words_of_an_error_win)
{
    mola_why why = {0};
    ck_assert_int_eq(mola_fail(&why, MOLA_CORRUPT, "block %d", 7), MOLA_CORRUPT);
    ck_assert_int_eq(mola_fail(&why, MOLA_UNAVAILABLE, "outer"), MOLA_UNAVAILABLE);
    ck_assert(mola_str_eq(mola_why_text(&why), MOLA_STR("block 7")));
    mola_why_clear(&why);
    ck_assert_uint_eq(mola_why_text(&why).len, 0);
    ck_assert_int_eq(mola_fail(NULL, MOLA_BUSY, "unheard"), MOLA_BUSY);
}
END_TEST

/* A client's JSON parser would refuse an error body that ends in half a character. */
START_TEST(words_too_long_are_cut_between_characters)
{
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\xA1"};
    for (size_t c = 0; c < 4; c++) {
        size_t size = strlen(characters[c]);
        for (size_t offset = 0; offset < 4; offset++) {
            char text[2 * MOLA_WHY_BYTES] = {0};
            memset(text, 'a', offset);
            for (size_t at = offset; at + size < sizeof text; at += size)
                memcpy(text + at, characters[c], size);
            mola_why why = {0};
            (void)mola_fail(&why, MOLA_INVALID, "%s", text);
            mola_str words = mola_why_text(&why);
            ck_assert_uint_gt(words.len, MOLA_WHY_BYTES - 1 - size);
            ck_assert_uint_lt(words.len, MOLA_WHY_BYTES);
            ck_assert_uint_eq((words.len - offset) % size, 0);
            ck_assert_int_eq(memcmp(words.data, text, words.len), 0);
        }
    }
}
END_TEST

START_TEST(every_error_has_a_name_of_its_own)
{
    for (int i = MOLA_OK; i <= MOLA_NO_MEMORY; i++)
        for (int j = MOLA_OK; j < i; j++)
            ck_assert_str_ne(mola_err_name((mola_err)i), mola_err_name((mola_err)j));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("str");
    TCase *cases = tcase_create("str");
    tcase_add_test(cases, equal_means_the_same_bytes);
    tcase_add_test(cases, the_order_is_that_of_bytes_and_a_prefix_comes_first);
    tcase_add_test(cases, starts_and_from);
    tcase_add_test(cases, cut_splits_at_the_first_separator);
    tcase_add_test(cases, the_first_words_of_an_error_win);
    tcase_add_test(cases, words_too_long_are_cut_between_characters);
    tcase_add_test(cases, every_error_has_a_name_of_its_own);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
