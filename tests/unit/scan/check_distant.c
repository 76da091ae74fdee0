#include "mola/scan/nearest.h"
#include "mola/scan/order.h"
#include "mola/scan/score.h"
#include "scan/afar.h"

/* An answer must not depend on where rows stand: every operator, over parts that have to be fetched
 * in steps, gives what it gives over the same parts in memory, reads nothing that it has not
 * fetched, and leaves nothing pinned. What the answers in memory are worth, the other checks say.
 */

/* All live rows but some, thinly or thickly. */
static void some_rows(void)
{
    all_rows();
    uint32_t sides = 1 + roll(&d, 40);
    set.count = 0;
    for (uint32_t p = 0; p < view->part_count; p++) {
        for (uint32_t r = 0; set.bits[p] && r < view->parts[p].rows; r++) {
            if (sides > 1 && roll(&d, sides))
                set.bits[p][r >> 6] &= ~((uint64_t)1 << (r & 63));
            set.count += mola_bit(set.bits[p], r);
        }
    }
}

typedef struct {
    mola_hit *hits;
    size_t count;
} ranked;

static void expect_equal(const ranked *far, const ranked *near, const char *what, uint64_t seed)
{
    ck_assert_msg(far->count == near->count, "seed %llu: %s: %zu rows, not %zu",
                  (unsigned long long)seed, what, far->count, near->count);
    for (size_t i = 0; i < far->count; i++) {
        const mola_hit *a = &far->hits[i], *b = &near->hits[i];
        ck_assert_msg(a->part == b->part && a->row == b->row &&
                          memcmp(&a->score, &b->score, sizeof a->score) == 0,
                      "seed %llu: %s: place %zu", (unsigned long long)seed, what, i);
    }
}

/* ---- orders ---- */

static void compare_orders(uint64_t seed, uint32_t count, const char *id_type, part_size size,
                           uint32_t orders)
{
    make_rows(seed, count, id_type, size);
    for (uint32_t i = 0; i < orders; i++) {
        enum { SCALARS = 7 };
        mola_order_key keys[3];
        uint32_t key_count = roll(&d, 4);
        for (uint32_t n = 0; n < key_count; n++) {
            mola_str name = mola_str_of(oracle_attrs[roll(&d, SCALARS)].name);
            keys[n].attr =
                roll(&d, 8) ? mola_state_find(view->state, name)->id : (uint32_t)MOLA_ATTR_ID;
            keys[n].direction = roll(&d, 2) ? MOLA_DESCENDING : MOLA_ASCENDING;
        }
        some_rows();
        size_t ks[] = {1, 3, count / 8 + 1, count + 1};
        for (size_t n = 0; n < sizeof ks / sizeof *ks; n++) {
            ranked near, far;
            ck_assert_int_eq(
                mola_order_run(&f.ctx, &set, keys, key_count, ks[n], &near.hits, &near.count),
                MOLA_OK);
            move_away();
            ck_assert_int_eq(
                mola_order_run(&f.ctx, &set, keys, key_count, ks[n], &far.hits, &far.count),
                MOLA_OK);
            bring_back();
            expect_equal(&far, &near, "order", seed);
        }
    }
}

START_TEST(orders_are_the_same)
{
    compare_orders(0x0d15 + (uint64_t)_i, 200, _i % 2 ? "uint" : "string", FEW_PARTS, 20);
}
END_TEST

START_TEST(orders_over_narrow_zones_are_the_same)
{
    compare_orders(0x0d17 + (uint64_t)_i, 100, _i % 2 ? "uint" : "string", TINY_PARTS, 60);
}
END_TEST

START_TEST(orders_over_many_windows_are_the_same)
{
    compare_orders(0x0d16 + (uint64_t)_i, 30000, _i % 2 ? "uint" : "string", FEW_PARTS, 3);
}
END_TEST

/* ---- filters ---- */

/* Ids among other tests: some that exist, some that do not. */
static void random_id_filter(void)
{
    mola_buf_print(&text, "[\"And\",[");
    if (roll(&d, 2)) {
        random_filter(&d, &text, 1);
        mola_buf_add_char(&text, ',');
    }
    mola_buf_print(&text, "[\"id\",\"In\",[");
    for (uint32_t i = 0, n = 1 + roll(&d, 20); i < n; i++) {
        mola_buf_print(&text, "%s%u", i ? "," : "",
                       (uint32_t)(((uint64_t)roll(&d, 300) * 7919 + 13) % 1000003));
    }
    mola_buf_print(&text, "]]]]");
}

static void expect_same_set(const mola_rowset *far, const mola_rowset *near, mola_json filter,
                            uint64_t seed)
{
    mola_str raw = mola_json_raw(filter);
    ck_assert_msg(far->count == near->count, "seed %llu: %.*s: %llu rows, not %llu",
                  (unsigned long long)seed, (int)raw.len, raw.data, (unsigned long long)far->count,
                  (unsigned long long)near->count);
    for (uint32_t p = 0; p < view->part_count; p++) {
        for (uint32_t r = 0; r < view->parts[p].rows; r++) {
            bool a = far->bits[p] && mola_bit(far->bits[p], r);
            bool b = near->bits[p] && mola_bit(near->bits[p], r);
            ck_assert_msg(a == b, "seed %llu: %.*s: part %u row %u", (unsigned long long)seed,
                          (int)raw.len, raw.data, p, r);
        }
    }
}

static void compare_filters(uint64_t seed, uint32_t count, uint32_t filters, uint32_t depth)
{
    make_rows(seed, count, "uint", seed % 2 ? TINY_PARTS : FEW_PARTS);
    mola_attr_list ahead = {.arena = &f.arena};
    mola_attr_list_add(&ahead, MOLA_ATTR_ID);
    mola_attr_list_add(&ahead, mola_state_find(view->state, MOLA_STR("x"))->id);
    for (uint32_t i = 0; i < filters; i++) {
        if (roll(&d, 5) == 0)
            random_id_filter();
        else
            random_filter(&d, &text, depth);
        mola_json_doc *doc = parse_buf();
        const mola_filter *filter = compile(mola_json_root(doc));
        all_rows();
        mola_rowset near = set;
        ck_assert_int_eq(mola_filter_run(&f.ctx, filter, &near), MOLA_OK);
        all_rows();
        move_away();
        bool reads_ahead = roll(&d, 2);
        ck_assert_int_eq(mola_filter_run_ahead(&f.ctx, filter, reads_ahead ? &ahead : NULL, &set),
                         MOLA_OK);
        ck_assert(reads_ahead || !f.ctx.pins);
        mola_view_release(&f.ctx, NULL);
        bring_back();
        expect_same_set(&set, &near, mola_json_root(doc), seed);
        mola_json_free(doc);
    }
}

START_TEST(filters_are_the_same)
{
    compare_filters(0xf11 + (uint64_t)_i, 200, 150, 3);
}
END_TEST

START_TEST(filters_over_many_windows_are_the_same)
{
    compare_filters(0xf12 + (uint64_t)_i, 20000, 20, 2);
}
END_TEST

/* ---- vectors ---- */

static void make_vectors(uint64_t seed, uint32_t count, bool multi, const char *id_type)
{
    d.state = seed;
    mola_buf_print(&text, "{\"id\":\"%s\",\"v\":{\"type\":\"%s[3]f32\"%s}}", id_type,
                   multi ? "[]" : "", multi ? "" : ",\"ann\":true");
    types = parse_buf();
    mola_buf_add_char(&text, '[');
    for (uint32_t i = 0; i < count; i++) {
        mola_buf_print(&text, "%s{\"id\":", i ? "," : "");
        mola_buf_print(&text, strcmp(id_type, "uint") == 0 ? "%u" : "\"name %u\"",
                       (uint32_t)(((uint64_t)i * 7919 + 13) % 1000003));
        if (roll(&d, 9)) { /* few different ones: ties are what is hard */
            mola_buf_print(&text, ",\"v\":%s[%u,%u,%u]%s", multi ? "[" : "", roll(&d, 5),
                           roll(&d, 5), roll(&d, 5), multi ? ",[0,0,1]]" : "");
        }
        mola_buf_add_char(&text, '}');
    }
    mola_buf_add_char(&text, ']');
    rows = parse_buf();
    cut cuts[6];
    uint32_t cut_count = random_cuts(&d, cuts, 6, count);
    view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_COSINE),
                     mola_json_root(rows), cuts, cut_count);
}

static void compare_nearest(uint64_t seed, uint32_t count, bool multi, const char *id_type)
{
    float query[3];
    make_vectors(seed, count, multi, id_type);
    for (int i = 0; i < 3; i++)
        query[i] = (float)roll(&d, 5);
    for (mola_metric_kind metric = MOLA_METRIC_COSINE; metric <= MOLA_METRIC_DOT; metric++) {
        some_rows();
        size_t ks[] = {1, 10, count / 3 + 1, SIZE_MAX};
        for (size_t n = 0; n < sizeof ks / sizeof *ks; n++) {
            mola_nearest what = {.attr = mola_state_find(view->state, MOLA_STR("v")),
                                 .metric = metric,
                                 .query = query,
                                 .query_count = 1,
                                 .k = ks[n],
                                 .kernel = mola_kernel_select(NULL)};
            ranked near, far;
            ck_assert_int_eq(mola_nearest_run(&f.ctx, &set, &what, &near.hits, &near.count),
                             MOLA_OK);
            move_away();
            ck_assert_int_eq(mola_nearest_run(&f.ctx, &set, &what, &far.hits, &far.count), MOLA_OK);
            bring_back();
            expect_equal(&far, &near, "nearest", seed);
        }
    }
}

START_TEST(nearest_rows_are_the_same)
{
    compare_nearest(0xd157 + (uint64_t)_i, 1 + (uint32_t)_i * 40, _i % 3 == 0,
                    _i % 2 ? "uint" : "string");
}
END_TEST

START_TEST(nearest_rows_of_many_windows_are_the_same)
{
    compare_nearest(0xd158 + (uint64_t)_i, 25000, _i % 3 == 0, _i % 2 ? "uint" : "string");
}
END_TEST

/* Vectors are large: of windows with few rows asked for, those rows alone are read. */
START_TEST(few_vectors_are_read_alone)
{
    float query[3] = {1, 2, 3};
    ranked out;
    make_vectors(0xfe3, 20000, false, "uint");
    all_rows();
    for (uint32_t p = 0; p < view->part_count; p++) {
        uint32_t seen = 0;
        for (uint32_t r = 0; set.bits[p] && r < view->parts[p].rows; r++) {
            if (mola_bit(set.bits[p], r) && seen++)
                set.bits[p][r >> 6] &= ~((uint64_t)1 << (r & 63));
        }
    }
    set.count = view->part_count;
    mola_nearest what = {.attr = mola_state_find(view->state, MOLA_STR("v")),
                         .metric = MOLA_METRIC_EUCLIDEAN,
                         .query = query,
                         .query_count = 1,
                         .k = 2,
                         .kernel = mola_kernel_select(NULL)};
    distant_on(view, view->part_count, 1);
    f.ctx.roundtrips = 0;
    ck_assert_int_eq(mola_nearest_run(&f.ctx, &set, &what, &out.hits, &out.count), MOLA_OK);
    ck_assert_uint_eq(distant.fetched, 0);
    ck_assert_uint_eq(distant.gathers, 1);
    ck_assert_uint_eq(f.ctx.roundtrips, 1);
    bring_back();
}
END_TEST

/* ---- scores ---- */

START_TEST(scores_are_the_same)
{
    uint64_t seed = 0x5c04e + (uint64_t)_i;
    make_rows(seed, _i % 4 ? 300 : 15000, _i % 2 ? "uint" : "string", FEW_PARTS);
    for (uint32_t i = 0; i < 10; i++) {
        random_filter(&d, &text, 1);
        mola_json_doc *doc = parse_buf();
        mola_score clauses[2] = {
            {.kind = MOLA_SCORE_ATTRIBUTE,
             .dense = true,
             .attr = mola_state_find(view->state, mola_str_of(i % 2 ? "u" : "x"))->id},
            {.kind = MOLA_SCORE_FILTER, .filter = compile(mola_json_root(doc))}};
        const mola_score *children[2] = {&clauses[0], &clauses[1]};
        mola_score sum = {.kind = MOLA_SCORE_SUM,
                          .dense = true,
                          .children = children,
                          .child_count = 2,
                          .depth = 1};
        const mola_score *score = i % 3 ? &sum : &clauses[1];
        size_t ks[] = {1, 7, SIZE_MAX};
        some_rows();
        for (size_t n = 0; n < sizeof ks / sizeof *ks; n++) {
            ranked near, far;
            ck_assert_int_eq(mola_score_run(&f.ctx, &set, score, ks[n], &near.hits, &near.count),
                             MOLA_OK);
            move_away();
            ck_assert_int_eq(mola_score_run(&f.ctx, &set, score, ks[n], &far.hits, &far.count),
                             MOLA_OK);
            bring_back();
            expect_equal(&far, &near, "score", seed);
        }
        mola_json_free(doc);
    }
}
END_TEST

/* ---- failing reads ---- */

/* Any read may fail: the operator hands the error on and leaves nothing pinned. */
START_TEST(reads_may_fail_anywhere)
{
    static const mola_err ways[] = {MOLA_CONFLICT, MOLA_UNAVAILABLE, MOLA_CORRUPT, MOLA_NO_MEMORY};
    static const char filter_text[] = "[\"Or\",[[\"n\",\"Gt\",0],[\"s\",\"Eq\",\"a\"]]]";
    make_rows(0xbad + (uint64_t)_i, 9000, "string", FEW_PARTS);
    mola_json_doc *doc = parse_text(&f, filter_text, strlen(filter_text));
    const mola_filter *filter = compile(mola_json_root(doc));
    mola_order_key key = {mola_state_find(view->state, MOLA_STR("s"))->id, MOLA_DESCENDING};
    mola_err err = ways[_i];
    uint32_t failed = 0;
    for (uint32_t at = 0; err; at++) {
        ranked out;
        all_rows();
        distant_on(view, view->part_count, 7);
        distant.window_bytes = MOLA_STEP_BYTES / 2;
        distant.fail_at = at;
        distant.fail_how = ways[_i];
        err = mola_filter_run(&f.ctx, filter, &set);
        if (!err)
            err = mola_order_run(&f.ctx, &set, &key, 1, 100, &out.hits, &out.count);
        ck_assert(!err || err == ways[_i]);
        failed += err != MOLA_OK;
        bring_back();
    }
    ck_assert_uint_gt(failed, 3);
    mola_json_free(doc);
}
END_TEST

/* What is pinned at once is a step, not the namespace. */
START_TEST(steps_are_bounded)
{
    make_rows(0x57e9, 60000, "uint", FEW_PARTS);
    all_rows();
    mola_order_key key = {mola_state_find(view->state, MOLA_STR("g"))->id, MOLA_ASCENDING};
    ranked out;
    distant_on(view, view->part_count, 1);
    distant.window_bytes = MOLA_STEP_BYTES / 4;
    distant.no_zones = true;
    f.ctx.roundtrips = 0;
    ck_assert_int_eq(mola_order_run(&f.ctx, &set, &key, 1, 1000, &out.hits, &out.count), MOLA_OK);
    ck_assert_uint_eq(distant.page_most, 4);
    ck_assert_uint_ge(f.ctx.roundtrips, 60000 / 4096 / 2);
    bring_back();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("distant");
    TCase *cases = tcase_create("distant");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, orders_are_the_same, 0, 8);
    tcase_add_loop_test(cases, orders_over_narrow_zones_are_the_same, 0, 8);
    tcase_add_loop_test(cases, orders_over_many_windows_are_the_same, 0, 2);
    tcase_add_loop_test(cases, filters_are_the_same, 0, 4);
    tcase_add_loop_test(cases, filters_over_many_windows_are_the_same, 0, 2);
    tcase_add_loop_test(cases, nearest_rows_are_the_same, 0, 12);
    tcase_add_loop_test(cases, nearest_rows_of_many_windows_are_the_same, 0, 3);
    tcase_add_test(cases, few_vectors_are_read_alone);
    tcase_add_loop_test(cases, scores_are_the_same, 0, 8);
    tcase_add_loop_test(cases, reads_may_fail_anywhere, 0, 4);
    tcase_add_test(cases, steps_are_bounded);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
