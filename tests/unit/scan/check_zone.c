#include "mola/scan/order.h"
#include "scan/afar.h"

/* Zones save reads only as long as they never lie: a window that is left out for nothing is rows
 * that no client sees. */

/* What a zone decides must hold for every row of a window, by the words of the oracle; windows are
 * small here, so that many are decided. */
static uint32_t decided[3];

static void check_zones(uint64_t seed)
{
    make_rows(seed, 1 + roll(&d, 3), "uint", FEW_PARTS);
    for (uint32_t i = 0; i < 200; i++) {
        random_filter(&d, &text, roll(&d, 3));
        mola_json_doc *doc = parse_buf();
        const mola_filter *filter = compile(mola_json_root(doc));
        all_rows();
        mola_json row = mola_json_first(mola_json_root(rows));
        for (uint32_t p = 0; p < view->part_count; p++) {
            if (!view->parts[p].rows)
                continue;
            distant_on(view, view->part_count, d.state + i);
            mola_match match = mola_filter_decided(
                filter, &(mola_span){.part = view->parts[p].part, .rows = view->parts[p].rows});
            distant_off(view);
            decided[match]++;
            for (uint32_t r = 0; r < view->parts[p].rows; r++) {
                if (!mola_bit(view->parts[p].live, r))
                    continue;
                bool want = oracle_matches(&f, mola_json_root(types), mola_json_root(doc), row);
                mola_str raw = mola_json_raw(mola_json_root(doc)), shown = mola_json_raw(row);
                ck_assert_msg(match == MOLA_MATCH_MIXED || want == (match == MOLA_MATCH_ALWAYS),
                              "seed %llu: %.*s on %.*s", (unsigned long long)seed, (int)raw.len,
                              raw.data, (int)shown.len, shown.data);
                row = mola_json_next(mola_json_root(rows), row);
            }
        }
        mola_json_free(doc);
    }
}

START_TEST(zones_decide_only_what_is_so)
{
    uint64_t first = 0x20e5 + (uint64_t)_i * 1000;
    decided[0] = decided[1] = decided[2] = 0;
    for (uint64_t seed = first; seed < first + 20; seed++) {
        d.state = seed;
        check_zones(seed);
        tear_down();
        set_up();
    }
    ck_assert_uint_gt(decided[MOLA_MATCH_NEVER], 200);
    ck_assert_uint_gt(decided[MOLA_MATCH_ALWAYS], 200);
    ck_assert_uint_gt(decided[MOLA_MATCH_MIXED], 200);
}
END_TEST

static const char zone_schema[] = "{\"id\":\"uint\",\"n\":\"int\",\"m\":\"int\",\"none\":"
                                  "\"int\",\"s\":\"string\"}";

/* A window that zones decide is not fetched at all. */
START_TEST(what_zones_decide_is_not_read)
{
    static const struct {
        const char *filter;
        uint32_t pages, rows; /* fetched; that match */
    } cases[] = {
        {"[\"n\",\"Lt\",0]", 0, 0},
        {"[\"n\",\"Gte\",0]", 0, 12288},
        {"[\"n\",\"NotEq\",99999]", 0, 12288},
        {"[\"Not\",[\"n\",\"In\",[-1,99999]]]", 0, 12288},
        {"[\"n\",\"Lt\",4096]", 0, 4096},
        {"[\"n\",\"Lt\",5000]", 1, 5000},
        {"[\"n\",\"Eq\",8191]", 1, 1},
        {"[\"n\",\"In\",[1,2,12287]]", 2, 3},
        {"[\"And\",[[\"n\",\"Lt\",4096],[\"m\",\"Eq\",1]]]", 1, 2048},
        {"[\"And\",[[\"n\",\"Lt\",4097],[\"m\",\"Eq\",1]]]", 3, 2048},
        {"[\"Or\",[[\"n\",\"Lt\",4096],[\"m\",\"Eq\",1]]]", 2, 4096 + 4096},
        {"[\"Or\",[[\"n\",\"Gte\",0],[\"m\",\"Eq\",1]]]", 0, 12288},
        {"[\"m\",\"Gt\",null]", 0, 12288},
        {"[\"none\",\"Eq\",null]", 0, 12288},
        {"[\"none\",\"Eq\",3]", 0, 0},
        {"[\"s\",\"Gt\",\"longer text\"]", 0, 0},
        {"[\"s\",\"Eq\",\"long text\"]", 3, 12288},
        {"[\"s\",\"Lt\",\"m\"]", 0, 12288},
    };
    types = parse_text(&f, zone_schema, strlen(zone_schema));
    for (uint32_t i = 0; i < 12288; i++) {
        mola_buf_print(&text, "%s{\"id\":%u,\"n\":%u,\"m\":%u,\"s\":\"long text\"}", i ? "," : "[",
                       i, i, i & 1);
    }
    mola_buf_add_char(&text, ']');
    rows = parse_buf();
    view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                     mola_json_root(rows), NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_json_doc *doc = parse_text(&f, cases[i].filter, strlen(cases[i].filter));
        const mola_filter *filter = compile(mola_json_root(doc));
        all_rows();
        distant_on(view, 1, 0);
        distant.exact_zones = true;
        f.ctx.roundtrips = 0;
        ck_assert_int_eq(mola_filter_run(&f.ctx, filter, &set), MOLA_OK);
        ck_assert_msg(distant.fetched == cases[i].pages, "%s: %u pages", cases[i].filter,
                      distant.fetched);
        ck_assert_uint_eq(f.ctx.roundtrips, cases[i].pages > 0);
        ck_assert_msg(set.count == cases[i].rows, "%s", cases[i].filter);
        bring_back();
        mola_json_free(doc);
    }
    /* the first rows of an order lie in one window */
    for (int descending = 0; descending < 2; descending++) {
        mola_order_key key = {mola_state_find(view->state, MOLA_STR("n"))->id,
                              descending ? MOLA_DESCENDING : MOLA_ASCENDING};
        mola_hit *hits;
        size_t count;
        all_rows();
        distant_on(view, 1, 0);
        distant.exact_zones = true;
        f.ctx.roundtrips = 0;
        ck_assert_int_eq(mola_order_run(&f.ctx, &set, &key, 1, 5, &hits, &count), MOLA_OK);
        ck_assert_uint_eq(count, 5);
        ck_assert_uint_eq(hits[4].row, descending ? 12283 : 4);
        ck_assert_uint_eq(distant.fetched, 2); /* n and id */
        ck_assert_uint_eq(f.ctx.roundtrips, 1);
        bring_back();
    }
}
END_TEST

/* The newest rows are in memory: who asks for them does not wait for the store. */
START_TEST(rows_in_memory_may_show_that_nothing_is_to_be_read)
{
    types = parse_text(&f, zone_schema, strlen(zone_schema));
    for (uint32_t i = 0; i < 10000; i++)
        mola_buf_print(&text, "%s{\"id\":%u,\"n\":%u}", i ? "," : "[", i, i);
    mola_buf_add_char(&text, ']');
    rows = parse_buf();
    view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                     mola_json_root(rows), &(cut){9900, 0}, 1);
    mola_order_key key = {mola_state_find(view->state, MOLA_STR("n"))->id, MOLA_DESCENDING};
    all_rows();
    for (uint32_t k = 99; k <= 101; k++) {
        mola_hit *hits;
        size_t count;
        distant_on(view, 1, 0);
        distant.exact_zones = true;
        f.ctx.roundtrips = 0;
        ck_assert_int_eq(mola_order_run(&f.ctx, &set, &key, 1, k, &hits, &count), MOLA_OK);
        ck_assert_uint_eq(f.ctx.roundtrips, k > 100);
        ck_assert_uint_eq(distant.fetched, k > 100 ? 2 : 0);
        ck_assert_uint_eq(count, k);
        ck_assert_uint_eq(hits[0].row, 99);
        bring_back();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zone");
    TCase *cases = tcase_create("zone");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, zones_decide_only_what_is_so, 0, 4);
    tcase_add_test(cases, what_zones_decide_is_not_read);
    tcase_add_test(cases, rows_in_memory_may_show_that_nothing_is_to_be_read);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
