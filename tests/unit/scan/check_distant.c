#include "mola/scan/filter.h"
#include "mola/scan/nearest.h"
#include "mola/scan/order.h"
#include "mola/scan/score.h"
#include "scan/distant.h"
#include "scan/oracle.h"
#include "scan/zone.h"

/* An answer must not depend on where rows stand: every operator, over parts that have to be fetched
 * in steps, gives what it gives over the same parts in memory, reads nothing that it has not
 * fetched, and leaves nothing pinned. What the answers in memory are worth, the other checks say.
 */

static fixture f;
static dice d;
static mola_buf text;
static mola_json_doc *types, *rows;
static mola_view *view;
static mola_rowset set; /* all live rows */

static void set_up(void)
{
    fixture_open(&f);
    mola_buf_init(&text, &f.heap);
}

static void tear_down(void)
{
    if (view)
        mola_view_unref(view);
    view = NULL;
    if (types)
        mola_json_free(types);
    if (rows)
        mola_json_free(rows);
    types = rows = NULL;
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

/* Many parts of a few rows each: then zones are narrow, and differ. */
static uint32_t tiny_cuts(cut *cuts, uint32_t max, uint32_t count)
{
    uint32_t made = 0;
    for (uint32_t left = count; left && made < max; made++) {
        cuts[made] = (cut){.rows = 1 + roll(&d, left < 4 ? left : 4), .ghosts = roll(&d, 3)};
        left -= cuts[made].rows;
    }
    return made;
}

typedef enum { FEW_PARTS, TINY_PARTS } part_size;

static void make_rows(uint64_t seed, uint32_t count, const char *id_type, part_size size)
{
    cut cuts[40];
    d.state = seed;
    mola_buf_print(&text, ORACLE_SCHEMA, id_type);
    types = parse_buf();
    random_rows(&d, &text, count, id_type);
    rows = parse_buf();
    uint32_t cut_count =
        size == TINY_PARTS ? tiny_cuts(cuts, 40, count) : random_cuts(&d, cuts, 6, count);
    view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                     mola_json_root(rows), cuts, cut_count);
}

/* Some of the parts become distant; small steps more often than not. */
static void move_away(void)
{
    distant_on(view, 1 + roll(&d, view->part_count), d.state);
    if (roll(&d, 4))
        distant.window_bytes = MOLA_STEP_BYTES / (1 + roll(&d, 8));
    distant.no_zones = roll(&d, 6) == 0;
}

static void bring_back(void)
{
    ck_assert_ptr_null(f.ctx.pins);
    distant_off(view);
}

static void all_rows(void)
{
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
}

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

static const mola_filter *compile(mola_json json)
{
    const mola_filter_tree *tree;
    const mola_filter *filter;
    ck_assert_int_eq(mola_filter_parse(&f.ctx, json, "filters", &tree), MOLA_OK);
    ck_assert_int_eq(mola_filter_compile(&f.ctx, tree, view->state, MOLA_REFS_REFUSED, &filter),
                     MOLA_OK);
    return filter;
}

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

/* ---- zones ---- */

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
        ranked near;
        all_rows();
        distant_on(view, 1, 0);
        distant.exact_zones = true;
        f.ctx.roundtrips = 0;
        ck_assert_int_eq(mola_order_run(&f.ctx, &set, &key, 1, 5, &near.hits, &near.count),
                         MOLA_OK);
        ck_assert_uint_eq(near.count, 5);
        ck_assert_uint_eq(near.hits[4].row, descending ? 12283 : 4);
        ck_assert_uint_eq(distant.fetched, 2); /* n and id */
        ck_assert_uint_eq(f.ctx.roundtrips, 1);
        bring_back();
    }
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
    tcase_add_loop_test(cases, zones_decide_only_what_is_so, 0, 4);
    tcase_add_test(cases, what_zones_decide_is_not_read);
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
