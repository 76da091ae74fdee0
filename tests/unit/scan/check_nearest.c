#include "mola/scan/nearest.h"
#include "scan/oracle.h"
#include <float.h>
#include <math.h>

/* The nearest rows must be those of a full scan in f64, with the same numbers in the same order:
 * under every kernel, however the rows are cut into parts, and where the kernels' own arithmetic
 * fails: duplicates, neighbours one bit apart, zeros, sums beyond the range of f32. */

enum { ROWS_MAX = 700, VECTORS_MAX = 3 };
typedef enum { PLAIN, CLOSE, ZEROS, EXTREME, SHADES } shade;

typedef struct {
    uint64_t id;
    uint32_t vectors; /* 0: the attribute is absent */
    float *values;    /* vectors * dims */
    bool wanted;      /* in the rowset */
    double score;
} row;

static fixture f;
static mola_buf text;
static dice d;
static row rows[ROWS_MAX];
static row *ranked[ROWS_MAX];
static uint32_t row_count, dims;
static float base[64];

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

/* ---- values that every step from JSON to the column keeps as they are ---- */

static float random_unit(void)
{
    return (float)roll(&d, 1 << 24) * 0x1p-23f - 1.0f;
}

static float round_to(mola_elem elem, float v)
{
    if (elem == MOLA_ELEM_VEC_I8)
        return fminf(127, fmaxf(-128, roundf(v)));
    if (elem == MOLA_ELEM_VEC_F32 || v == 0)
        return v;
    int exponent;
    (void)frexpf(v, &exponent); /* a half: 11 bits, none below 2^-24 */
    int unit = exponent - 11 < -24 ? -24 : exponent - 11;
    float rounded = ldexpf(roundf(ldexpf(v, -unit)), unit);
    return fminf(65504, fmaxf(-65504, rounded));
}

static float element(mola_elem elem, shade look, float scale, uint32_t i)
{
    float v = random_unit();
    if (look == CLOSE) /* a base, some of its elements one step off */
        v = roll(&d, 16) ? base[i] : nextafterf(base[i], roll(&d, 2) ? 2 : -2);
    if (elem == MOLA_ELEM_VEC_I8)
        v *= look == CLOSE ? 3 : 128;
    else
        v *= scale;
    return round_to(elem, v);
}

static void random_vector(mola_elem elem, shade look, float *out)
{
    static const float wide[] = {1e-30f, 1e-19f, 1e-8f, 1, 3e15f, 1e19f, 1e30f};
    static const float half[] = {6e-8f, 1e-5f, 0.01f, 1, 300, 65504};
    float scale = 1;
    if (look == EXTREME)
        scale = elem == MOLA_ELEM_VEC_F32 ? wide[roll(&d, 7)] : half[roll(&d, 6)];
    if (look == CLOSE && elem == MOLA_ELEM_VEC_F32)
        scale = ldexpf(1, (int)roll(&d, 3)); /* parallel ones too */
    bool zero = look == ZEROS && roll(&d, 3) == 0;
    for (uint32_t i = 0; i < dims; i++)
        out[i] = zero ? 0 : element(elem, look, scale, i);
}

static void print_vector(const float *v)
{
    for (uint32_t i = 0; i < dims; i++)
        mola_buf_print(&text, "%s%.9g", i ? "," : "[", (double)v[i]);
    mola_buf_print(&text, "]");
}

static void make_rows(mola_type type, shade look)
{
    for (uint32_t i = 0; i < row_count; i++) {
        row *r = &rows[i];
        *r = (row){.id = (uint64_t)i * 7919 % 1000003 + 1, .wanted = roll(&d, 8) != 0};
        r->vectors = roll(&d, 10) == 0 ? 0 : type.form == MOLA_FORM_MULTI ? 1 + roll(&d, 3) : 1;
        r->values = mola_new(&f.arena, float, (size_t)VECTORS_MAX *dims);
        for (uint32_t v = 0; v < r->vectors; v++)
            random_vector(type.elem, look, r->values + (size_t)v * dims);
        if (i && roll(&d, 6) == 0) { /* a duplicate */
            r->vectors = rows[i - 1].vectors;
            r->values = rows[i - 1].values;
        }
    }
}

static mola_json_doc *rows_as_json(bool multi)
{
    text.len = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        const row *r = &rows[i];
        mola_buf_print(&text, "%s{\"id\":%llu", i ? "," : "[", (unsigned long long)r->id);
        if (r->vectors)
            mola_buf_print(&text, multi ? ",\"v\":[" : ",\"v\":");
        for (uint32_t v = 0; v < r->vectors; v++) {
            mola_buf_print(&text, v ? "," : "");
            print_vector(r->values + (size_t)v * dims);
        }
        mola_buf_print(&text, multi && r->vectors ? "]}" : "}");
    }
    mola_buf_print(&text, "]");
    ck_assert(!text.failed);
    return parse_text(&f, text.data, text.len);
}

/* ---- the oracle: the words of nearest.h, one vector at a time ---- */

static double dot(const float *a, const float *b)
{
    double sum = 0;
    for (uint32_t i = 0; i < dims; i++) {
        volatile double product = (double)a[i] * (double)b[i]; /* volatile: never fused */
        sum += product;
    }
    return sum;
}

static double distance(mola_metric_kind metric, const float *query, const float *stored)
{
    if (metric == MOLA_METRIC_DOT)
        return -dot(query, stored);
    if (metric == MOLA_METRIC_COSINE) {
        double norms = sqrt(dot(query, query)) * sqrt(dot(stored, stored));
        return norms > 0 ? 1 - (double)(float)(dot(query, stored) / norms) : INFINITY;
    }
    double sum = 0;
    for (uint32_t i = 0; i < dims; i++) {
        double step = (double)query[i] - (double)stored[i];
        volatile double square = step * step;
        sum += square;
    }
    return sum;
}

static double row_score(mola_metric_kind metric, const float *queries, uint32_t count, const row *r)
{
    double sum = 0;
    for (uint32_t q = 0; q < count; q++) {
        double least = INFINITY;
        for (uint32_t v = 0; v < r->vectors; v++)
            least = fmin(
                least, distance(metric, queries + (size_t)q * dims, r->values + (size_t)v * dims));
        sum += least;
    }
    return (double)(float)sum;
}

static int by_score(const void *left, const void *right)
{
    const row *a = *(row *const *)left, *b = *(row *const *)right;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static uint32_t rank_rows(mola_metric_kind metric, const float *queries, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < row_count; i++)
        if (rows[i].wanted && rows[i].vectors) {
            rows[i].score = row_score(metric, queries, count, &rows[i]);
            ranked[found++] = &rows[i];
        }
    qsort(ranked, found, sizeof(row *), by_score);
    return found;
}

/* ---- the comparison ---- */

static mola_view *cut_view(mola_json schema, mola_json list)
{
    cut cuts[6];
    uint32_t count = roll(&d, 6), left = row_count;
    for (uint32_t i = 0; i < count; i++) {
        cuts[i] = (cut){.rows = roll(&d, left / 2 + 1), .ghosts = roll(&d, 4)};
        left -= cuts[i].rows;
    }
    return make_view(&f, make_state(&f, schema, MOLA_METRIC_COSINE), list, cuts, count);
}

/* All live rows but those that the oracle does not want. */
static void choose_rows(const mola_view *view, mola_rowset *set)
{
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, set), MOLA_OK);
    for (uint32_t i = 0; i < row_count; i++) {
        mola_value id = {.elem = MOLA_ELEM_UINT, .u = rows[i].id};
        uint32_t part, at;
        if (rows[i].wanted)
            continue;
        bool found = false;
        for (part = 0; part < view->part_count && !found; part++)
            for (at = 0; at < view->parts[part].rows && !found; at++) {
                mola_value other = mola_view_id(view, part, at);
                found = mola_value_cmp(&id, &other) == 0;
                if (found)
                    set->bits[part][at >> 6] &= ~((uint64_t)1 << (at & 63));
            }
        ck_assert(found);
        set->count--;
    }
}

static void expect_ranked(const mola_view *view, const mola_nearest *what, const mola_hit *hits,
                          size_t count, uint32_t all, uint64_t seed)
{
    size_t want = what->k < all ? what->k : all;
    ck_assert_msg(count == want, "seed %llu: %zu of %zu rows", (unsigned long long)seed, count,
                  want);
    for (size_t i = 0; i < count; i++) {
        uint64_t id = mola_view_id(view, hits[i].part, hits[i].row).u;
        ck_assert_msg(id == ranked[i]->id && hits[i].score == ranked[i]->score,
                      "seed %llu, %s, k %zu, place %zu: %llu at %.17g, not %llu at %.17g",
                      (unsigned long long)seed, what->kernel->name, what->k, i,
                      (unsigned long long)id, hits[i].score, (unsigned long long)ranked[i]->id,
                      ranked[i]->score);
    }
}

/* One set of rows, cut twice, every metric, every kernel, many k. */
static void compare(const char *name, shade look, uint64_t seed)
{
    d.state = seed;
    mola_type type;
    bool multi = name[0] == '[';
    char type_text[32], schema_text[128];
    int len = snprintf(type_text, sizeof type_text, "%s[%u]%s", multi ? "[]" : "", dims,
                       multi ? name + 2 : name);
    ck_assert_int_eq(mola_type_parse((mola_str){type_text, (size_t)len}, &type, &f.why), MOLA_OK);
    len = snprintf(schema_text, sizeof schema_text, "{\"id\":\"uint\",\"v\":{\"type\":\"%s\"%s}}",
                   type_text, multi ? "" : ",\"ann\":true");
    mola_json_doc *schema = parse_text(&f, schema_text, (size_t)len);
    for (uint32_t i = 0; i < dims; i++)
        base[i] = random_unit();
    make_rows(type, look);
    mola_json_doc *list = rows_as_json(multi);
    const mola_kernel *kernels[MOLA_KERNELS_MAX];
    size_t kernel_count = mola_kernel_list(kernels);
    uint32_t queries = type.form == MOLA_FORM_MULTI ? 1 + roll(&d, 3) : 1;
    float *query = mola_new(&f.arena, float, (size_t)queries *dims);
    for (uint32_t q = 0; q < queries; q++)
        random_vector(MOLA_ELEM_VEC_F32, look, query + (size_t)q * dims);
    for (uint32_t round = 0; round < 2; round++) {
        mola_view *view = cut_view(mola_json_root(schema), mola_json_root(list));
        mola_rowset set;
        choose_rows(view, &set);
        for (mola_metric_kind metric = MOLA_METRIC_COSINE; metric <= MOLA_METRIC_DOT; metric++) {
            uint32_t all = rank_rows(metric, query, queries);
            size_t ks[] = {1, 2, 10, row_count / 2, all ? all - 1 : 1, all + 1, SIZE_MAX};
            for (size_t n = 0; n < kernel_count * (sizeof ks / sizeof *ks); n++) {
                mola_nearest what = {.attr = mola_state_find(view->state, MOLA_STR("v")),
                                     .metric = metric,
                                     .query = query,
                                     .query_count = queries,
                                     .k = ks[n / kernel_count] ? ks[n / kernel_count] : 1,
                                     .kernel = kernels[n % kernel_count]};
                mola_hit *hits;
                size_t count;
                ck_assert_int_eq(mola_nearest_run(&f.ctx, &set, &what, &hits, &count), MOLA_OK);
                expect_ranked(view, &what, hits, count, all, seed);
            }
        }
        mola_view_unref(view);
    }
    mola_json_free(list);
    mola_json_free(schema);
}

static const struct {
    const char *type;
    uint32_t dims;
} shapes[] = {{"f32", 1}, {"f32", 7}, {"f32", 64},  {"f16", 3},    {"f16", 40},
              {"i8", 2},  {"i8", 33}, {"[]f32", 5}, {"[]f16", 16}, {"f16", 64}};
enum { SHAPES = sizeof shapes / sizeof *shapes, ROUNDS = 3 };

START_TEST(the_nearest_are_those_of_a_full_scan_in_f64)
{
    dims = shapes[_i % SHAPES].dims;
    row_count = _i / SHAPES % ROUNDS == 0 ? 1 + (uint32_t)_i % 5 : 100 + (uint32_t)_i % 7 * 100;
    compare(shapes[_i % SHAPES].type, (shade)(_i / (SHAPES * ROUNDS)), 0x4ea7e57 + (uint64_t)_i);
}
END_TEST

/* So many that the list of candidates is thinned, in more than one window. */
START_TEST(thinning_the_candidates_loses_none)
{
    enum { MANY = 9000, K = 25 };
    static float values[MANY];
    d.state = 99;
    static const char schema_text[] = "{\"id\":\"uint\",\"v\":{\"type\":\"[1]f32\",\"ann\":true}}";
    mola_buf_print(&text, "[");
    for (uint32_t i = 0; i < MANY; i++) { /* nearer and nearer: each is a candidate when it comes */
        values[i] = (float)(MANY - i) + 0.25f * (float)roll(&d, 4);
        mola_buf_print(&text, "%s{\"id\":%u,\"v\":[%.9g]}", i ? "," : "", i, (double)values[i]);
    }
    mola_buf_print(&text, "]");
    mola_json_doc *schema = parse_text(&f, schema_text, strlen(schema_text));
    mola_json_doc *list = parse_text(&f, text.data, text.len);
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(schema), MOLA_METRIC_EUCLIDEAN),
                                mola_json_root(list), &(cut){500, 3}, 1);
    mola_rowset set;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    const mola_kernel *kernels[MOLA_KERNELS_MAX];
    float zero = 0;
    for (size_t n = mola_kernel_list(kernels); n-- > 0;) {
        mola_nearest what = {.attr = mola_state_find(view->state, MOLA_STR("v")),
                             .metric = MOLA_METRIC_EUCLIDEAN,
                             .query = &zero,
                             .query_count = 1,
                             .k = K,
                             .kernel = kernels[n]};
        mola_hit *hits;
        size_t count;
        ck_assert_int_eq(mola_nearest_run(&f.ctx, &set, &what, &hits, &count), MOLA_OK);
        ck_assert_uint_eq(count, K);
        for (uint32_t i = 0; i < K; i++) {
            uint64_t id = mola_view_id(view, hits[i].part, hits[i].row).u;
            ck_assert_uint_eq(id, MANY - 1 - i);
            ck_assert(hits[i].score == (double)(values[id] * values[id]));
        }
    }
    mola_view_unref(view);
    mola_json_free(list);
    mola_json_free(schema);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nearest");
    TCase *cases = tcase_create("nearest");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, the_nearest_are_those_of_a_full_scan_in_f64, 0,
                        SHAPES * ROUNDS * SHADES);
    tcase_add_test(cases, thinning_the_candidates_loses_none);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
