#include "golden.h"
#include "mola/format/dictionary.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

/* Which windows have a term, read back from the shards, against tables kept by hand; no row scores
 * more than the impact of its window says; and no damaged image is read beyond its end. */

static const mola_analysis analysis = {.tokenizer = MOLA_TOKENIZER_WORD_V4,
                                       .language = MOLA_LANGUAGE_ENGLISH,
                                       .max_token_length = 39,
                                       .stemming = true};
static const float k1 = 1.2F, b = 0.75F;

enum { TERMS = 200, WINDOWS = 9, ROWS = 40 };
static struct {
    uint32_t rows_with;
    double best;   /* times / (times + norm) */
    uint32_t term; /* number in the first postings that have it */
} table[TERMS][WINDOWS];
static uint8_t times[ROWS][TERMS];
static uint64_t tokens;
static uint32_t documents;
static double average;

static mola_str text_of(uint32_t term)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "%.*s%u", (int)(term % 13), "aaaaaaaaaaaaa", term);
    return mola_str_of(text);
}

static void make_rows(uint32_t rows)
{
    memset(times, 0, sizeof times);
    for (uint32_t r = 0; r < rows; r++) {
        for (int i = rand() % 4 ? rand() % 30 : 0; i > 0; i--) {
            uint32_t most = 1 + (uint32_t)rand() % TERMS; /* so the first ones are frequent */
            times[r][(uint32_t)rand() % most]++;
        }
    }
}

static void count_row(uint32_t window, uint32_t row, uint32_t length)
{
    tokens += length;
    documents += length > 0;
    for (uint32_t t = 0; t < TERMS; t++) {
        double n = times[row][t],
               norm = (double)k1 * (1 - (double)b + (double)b * length / average);
        table[t][window].rows_with += n > 0;
        if (n > 0)
            table[t][window].best = fmax(table[t][window].best, n / (n + norm));
    }
}

/* Postings of random rows, in pieces, of all windows but the second. */
static void add_windows(mola_dictionary_builder *d)
{
    mola_postings_builder *p = mola_postings_builder_new(&heap, 7, &analysis);
    memset(table, 0, sizeof table);
    tokens = documents = 0;
    average = 0;
    for (uint32_t piece = 0; piece < 2 * WINDOWS; piece++) {
        uint32_t window = piece / 2, rows = 1 + (uint32_t)rand() % ROWS, lengths[ROWS] = {0};
        mola_buf image;
        mola_postings postings;
        if (window == 1)
            continue;
        make_rows(rows);
        for (uint32_t r = 0; r < rows; r++) {
            mola_postings_begin_row(p);
            for (uint32_t t = 0; t < TERMS; t++) {
                for (uint32_t i = 0; i < times[r][t]; i++)
                    ck_assert(!mola_postings_add(p, text_of(t), lengths[r]++));
            }
        }
        mola_buf_init(&image, &heap);
        ck_assert_int_eq(mola_postings_finish(p, &image), MOLA_OK);
        ck_assert_int_eq(mola_postings_open(mola_buf_str(&image), 7, &analysis, &postings),
                         MOLA_OK);
        if (average == 0 && postings.documents)
            average = (double)postings.tokens / postings.documents;
        for (uint32_t t = 0; t < TERMS; t++) {
            uint32_t number;
            if (!table[t][window].rows_with && mola_postings_find(&postings, text_of(t), &number))
                table[t][window].term = number;
        }
        for (uint32_t r = 0; r < rows; r++)
            count_row(window, r, lengths[r]);
        mola_dictionary_add(d, window, &postings);
        mola_buf_free(&image);
    }
    mola_postings_builder_free(p);
}

static void check_term(mola_str shard, uint32_t number, uint32_t term)
{
    mola_dictionary d;
    mola_dictionary_walk walk;
    ck_assert_int_eq(mola_dictionary_open(shard, number, WINDOWS, 7, &analysis, &d), MOLA_OK);
    ck_assert(d.tokens == tokens && d.documents == documents);
    ck_assert(!(d.k1 < k1) && !(d.k1 > k1) && !(d.average < average) && !(d.average > average));
    mola_str list = mola_dictionary_find(&d, text_of(term));
    mola_dictionary_walk_begin(list, WINDOWS, &walk);
    for (uint32_t w = 0; w < WINDOWS; w++) {
        if (!table[term][w].rows_with)
            continue;
        ck_assert(mola_dictionary_next(&walk));
        ck_assert(walk.window == w && walk.rows == table[term][w].rows_with);
        ck_assert_uint_eq(walk.term, table[term][w].term);
        ck_assert(walk.impact >= table[term][w].best * 255);
        ck_assert(walk.impact <= table[term][w].best * 255 + 1.001);
    }
    ck_assert(!mola_dictionary_next(&walk));
    ck_assert_uint_eq(mola_dictionary_find(&d, MOLA_STR("nobody has it")).len, 0);
}

START_TEST(what_was_put_in_comes_out)
{
    for (unsigned seed = 1; seed <= 20; seed++) {
        mola_buf shards[WINDOWS];
        srand(seed);
        mola_dictionary_builder *d =
            mola_dictionary_builder_new(&heap, 7, &analysis, k1, b, SIZE_MAX);
        add_windows(d);
        ck_assert_int_eq(mola_dictionary_arrange(d, WINDOWS), MOLA_OK);
        for (uint32_t s = 0; s < WINDOWS; s++) {
            mola_buf_init(&shards[s], &heap);
            ck_assert_int_eq(mola_dictionary_print(d, s, &shards[s]), MOLA_OK);
        }
        mola_dictionary_builder_free(d);
        for (uint32_t term = 0; term < TERMS; term++) {
            uint32_t s = mola_dictionary_shard(text_of(term), WINDOWS);
            ck_assert_uint_lt(s, WINDOWS);
            check_term(mola_buf_str(&shards[s]), s, term);
        }
        for (uint32_t s = 0; s < WINDOWS; s++)
            mola_buf_free(&shards[s]);
    }
}
END_TEST

/* It takes so much memory and not much more, and says so; nothing is left of it then. */
START_TEST(too_many_terms_make_it_full)
{
    srand(1);
    mola_dictionary_builder *d = mola_dictionary_builder_new(&heap, 7, &analysis, k1, b, 9000);
    add_windows(d);
    ck_assert(mola_dictionary_is_full(d));
    mola_dictionary_builder_free(d);
    d = mola_dictionary_builder_new(&heap, 7, &analysis, k1, b, 90000);
    add_windows(d);
    ck_assert(!mola_dictionary_is_full(d));
    mola_dictionary_builder_free(d);
}
END_TEST

/* Ten terms in two windows, always the same: shard 0 of 2. */
static void print_small(mola_buf *shard)
{
    mola_dictionary_builder *d = mola_dictionary_builder_new(&heap, 5, &analysis, k1, b, SIZE_MAX);
    mola_postings_builder *p = mola_postings_builder_new(&heap, 5, &analysis);
    for (uint32_t window = 0; window < 2; window++) {
        mola_buf image;
        mola_postings postings;
        mola_buf_init(&image, &heap);
        for (uint32_t row = 0; row < 3; row++) {
            mola_postings_begin_row(p);
            for (uint32_t i = 0; i <= row * 3; i++)
                ck_assert(!mola_postings_add(p, text_of(i * (window + 1)), i));
        }
        ck_assert_int_eq(mola_postings_finish(p, &image), MOLA_OK);
        ck_assert_int_eq(mola_postings_open(mola_buf_str(&image), 5, &analysis, &postings),
                         MOLA_OK);
        mola_dictionary_add(d, window, &postings);
        mola_buf_free(&image);
    }
    ck_assert_int_eq(mola_dictionary_arrange(d, 2), MOLA_OK);
    ck_assert_int_eq(mola_dictionary_print(d, 0, shard), MOLA_OK);
    mola_postings_builder_free(p);
    mola_dictionary_builder_free(d);
}

static void read_all(const mola_dictionary *d)
{
    for (uint32_t term = 0; term < 20; term++) {
        mola_dictionary_walk walk;
        mola_dictionary_walk_begin(mola_dictionary_find(d, text_of(term)), d->windows, &walk);
        while (mola_dictionary_next(&walk))
            ck_assert_uint_lt(walk.window, d->windows);
    }
}

START_TEST(no_damage_leads_astray)
{
    mola_buf image;
    mola_dictionary d;
    mola_buf_init(&image, &heap);
    print_small(&image);
    char *exact = malloc(image.len);
    for (size_t cut = 0; cut < image.len; cut++) {
        memcpy(exact, image.data, cut);
        if (mola_dictionary_open((mola_str){exact, cut}, 0, 2, 5, &analysis, &d) == MOLA_OK)
            read_all(&d);
    }
    for (size_t bit = 0; bit < image.len * 8; bit++) {
        memcpy(exact, image.data, image.len);
        exact[bit / 8] = (char)(exact[bit / 8] ^ 1 << bit % 8);
        if (mola_dictionary_open((mola_str){exact, image.len}, 0, 2, 5, &analysis, &d) == MOLA_OK)
            read_all(&d);
    }
    free(exact);
    mola_str made = mola_buf_str(&image);
    ck_assert_int_eq(mola_dictionary_open(made, 1, 2, 5, &analysis, &d), MOLA_CORRUPT);
    ck_assert_int_eq(mola_dictionary_open(made, 0, 3, 5, &analysis, &d), MOLA_CORRUPT);
    ck_assert_int_eq(mola_dictionary_open(made, 0, 2, 6, &analysis, &d), MOLA_CORRUPT);
    mola_buf_free(&image);
}
END_TEST

/* The first version of the format. It stands beside this file, not among the images that find every
 * damage themselves: the block around it does that. */
START_TEST(the_golden_image_is_written_and_read_as_ever)
{
    mola_buf image;
    mola_buf_init(&image, &heap);
    print_small(&image);
    mola_str made = mola_buf_str(&image), kept = golden("../unit/format/dictionary_1.bin", made);
    ck_assert(mola_str_eq(made, kept));
    mola_buf_free(&image);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dictionary");
    TCase *all = tcase_create("dictionary");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, what_was_put_in_comes_out);
    tcase_add_test(all, too_many_terms_make_it_full);
    tcase_add_test(all, no_damage_leads_astray);
    tcase_add_test(all, the_golden_image_is_written_and_read_as_ever);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
