#include "mola/scan/order.h"
#include "scan/oracle.h"

/* The first k of an order must be what sorting everything would give: nulls, ties and the cut into
 * parts included. Exports page through namespaces by it, so one row out of place is a row lost. */

static fixture f;
static mola_buf text;
static mola_json_doc *types, *rows;
static mola_json *sorted; /* the rows, sorted by the oracle */
static uint32_t row_count;

static void set_up(void)
{
    fixture_open(&f);
    mola_buf_init(&text, &f.heap);
}

static void tear_down(void)
{
    mola_json_free(types);
    mola_json_free(rows);
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

static void make_rows(dice *d, uint32_t count, const char *id_type)
{
    mola_buf_print(&text, ORACLE_SCHEMA, id_type);
    types = parse_buf();
    random_rows(d, &text, count, id_type);
    rows = parse_buf();
    row_count = count;
    sorted = mola_new(&f.arena, mola_json, count);
    uint32_t at = 0;
    for (mola_json v = mola_json_first(mola_json_root(rows)); v.doc;
         v = mola_json_next(mola_json_root(rows), v))
        sorted[at++] = v;
}

typedef struct {
    const oracle_attr *attrs[MOLA_ORDER_KEYS_MAX];
    bool descending[MOLA_ORDER_KEYS_MAX];
    uint32_t count;
    const char *id_type;
} wanted_order;

static int by_wanted(const void *a, const void *b, void *context)
{
    const wanted_order *w = context;
    const mola_json *x = a, *y = b;
    for (uint32_t i = 0; i < w->count; i++) {
        mola_str name = mola_str_of(w->attrs[i]->name);
        int order =
            oracle_compare(&f, w->attrs[i]->elem, mola_json_get(*x, name), mola_json_get(*y, name));
        if (order)
            return w->descending[i] ? -order : order;
    }
    return oracle_compare(&f, w->id_type, mola_json_get(*x, MOLA_STR("id")),
                          mola_json_get(*y, MOLA_STR("id")));
}

static void expect_first(const mola_view *view, const mola_hit *hits, size_t count, size_t k,
                         uint64_t seed)
{
    ck_assert_uint_eq(count, k < row_count ? k : row_count);
    for (size_t i = 0; i < count; i++) {
        mola_value id = mola_view_id(view, hits[i].part, hits[i].row), want;
        ck_assert_int_eq(mola_id_from_json(mola_json_get(sorted[i], MOLA_STR("id")),
                                           (mola_elem)view->state->id_type, MOLA_ID_BYTES_MAX,
                                           &f.arena, &want, &f.why),
                         MOLA_OK);
        ck_assert_msg(mola_value_eq(&id, &want), "seed %llu: place %zu of %zu",
                      (unsigned long long)seed, i, k);
        ck_assert(mola_bit(view->parts[hits[i].part].live, hits[i].row));
    }
}

static void run_orders(uint64_t seed, uint32_t count, const char *id_type, uint32_t orders)
{
    dice d = {seed};
    cut cuts[6];
    make_rows(&d, count, id_type);
    uint32_t cut_count = random_cuts(&d, cuts, 6, count);
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), cuts, cut_count);
    mola_rowset set;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    for (uint32_t i = 0; i < orders; i++) {
        enum { SCALARS = 7 };
        wanted_order w = {.count = roll(&d, 4), .id_type = id_type};
        mola_order_key keys[MOLA_ORDER_KEYS_MAX];
        for (uint32_t n = 0; n < w.count; n++) {
            w.attrs[n] = &oracle_attrs[roll(&d, SCALARS)];
            w.descending[n] = roll(&d, 2);
            keys[n] =
                (mola_order_key){mola_state_find(view->state, mola_str_of(w.attrs[n]->name))->id,
                                 w.descending[n] ? MOLA_DESCENDING : MOLA_ASCENDING};
        }
        qsort_r(sorted, count, sizeof *sorted, by_wanted, &w);
        size_t ks[] = {1, 2, 10, count / 2 + 1, count, SIZE_MAX};
        for (size_t n = 0; n < sizeof ks / sizeof *ks; n++) {
            mola_hit *hits;
            size_t found;
            ck_assert_int_eq(mola_order_run(&f.ctx, &set, keys, w.count, ks[n], &hits, &found),
                             MOLA_OK);
            expect_first(view, hits, found, ks[n], seed);
        }
    }
    mola_view_unref(view);
}

START_TEST(the_first_k_are_those_of_a_full_sort)
{
    run_orders(0x50f7 + (uint64_t)_i, 200, _i % 2 ? "uint" : "string", 40);
}
END_TEST

START_TEST(windows_do_not_show)
{
    run_orders(0x3333, 9000, "uint", 2);
}
END_TEST

START_TEST(ids_descend_too)
{
    dice d = {7};
    make_rows(&d, 50, "uint");
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), &(cut){20, 3}, 1);
    mola_rowset set;
    mola_hit *hits;
    size_t count;
    mola_order_key key = {MOLA_ATTR_ID, MOLA_DESCENDING};
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    ck_assert_int_eq(mola_order_run(&f.ctx, &set, &key, 1, 50, &hits, &count), MOLA_OK);
    ck_assert_uint_eq(count, 50);
    for (size_t i = 1; i < count; i++)
        ck_assert_uint_gt(mola_view_id(view, hits[i - 1].part, hits[i - 1].row).u,
                          mola_view_id(view, hits[i].part, hits[i].row).u);
    mola_view_unref(view);
}
END_TEST

/* Strings share their first eight bytes here, so that the short keys of the heap say nothing. */
START_TEST(long_common_prefixes_are_told_apart)
{
    static const char rows_text[] = "[{\"id\":\"prefix-of-ten-b\",\"s\":\"the same start "
                                    "2\"},{\"id\":\"prefix-of-ten-a\",\"s\":\"the same start 2\"},"
                                    "{\"id\":\"prefix-of-ten\",\"s\":\"the same start "
                                    "1\"},{\"id\":\"x\",\"s\":\"the same start\"},"
                                    "{\"id\":\"y\",\"s\":\"the same\"},{\"id\":\"z\"}]";
    static const char *const want[] = {
        "z", "y", "x", "prefix-of-ten", "prefix-of-ten-a", "prefix-of-ten-b"};
    mola_buf_print(&text, ORACLE_SCHEMA, "string");
    types = parse_buf();
    rows = parse_text(&f, rows_text, strlen(rows_text));
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), &(cut){2, 0}, 1);
    mola_rowset set;
    mola_order_key key = {mola_state_find(view->state, MOLA_STR("s"))->id, MOLA_ASCENDING};
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    for (size_t k = 1; k <= 6; k++) {
        mola_hit *hits;
        size_t count;
        ck_assert_int_eq(mola_order_run(&f.ctx, &set, &key, 1, k, &hits, &count), MOLA_OK);
        ck_assert_uint_eq(count, k);
        for (size_t i = 0; i < k; i++)
            ck_assert(
                mola_str_eq(mola_view_id(view, hits[i].part, hits[i].row).s, mola_str_of(want[i])));
    }
    mola_view_unref(view);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *cases = tcase_create("order");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, the_first_k_are_those_of_a_full_sort, 0, 8);
    tcase_add_test(cases, windows_do_not_show);
    tcase_add_test(cases, ids_descend_too);
    tcase_add_test(cases, long_common_prefixes_are_told_apart);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
