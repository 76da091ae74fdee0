/* recall.c - how good is the vector index? Asks it for the neighbours of stored vectors, searches
 * them exactly as well, and compares (reference 9.11). */
#include "mola/codec/f16.h"
#include "mola/codec/print.h"
#include "query/page.h"

enum { NUM_DEFAULT = 25, TOP_K_DEFAULT = 10 };

struct mola_recall {
    int64_t num, top_k;
    bool has_num, has_rank, shows_truth;
    const mola_filter_tree *filters; /* NULL: none */
    mola_rank_tree rank;
};

static mola_json member(mola_json object, const char *name)
{
    mola_json value = mola_json_get(object, mola_str_of(name));
    return mola_json_is_set(value) ? value : (mola_json){0};
}

/* ------------------------------------------------------------------ parsing */
static mola_err take_integer(mola_ctx *ctx, mola_json body, const char *name, int64_t *out)
{
    mola_json value = member(body, name);
    if (!value.doc)
        return MOLA_OK;
    if (!mola_json_is_integer(value))
        return mola_fail_type(ctx->why, name, value, "usize");
    if (!mola_json_i64(value, out))
        *out = 0; /* beyond i64: out of range, whatever it is */
    return MOLA_OK;
}

mola_err mola_recall_parse(mola_ctx *ctx, mola_json body, mola_recall **out)
{
    mola_recall *r = mola_new(ctx->arena, mola_recall, 1);
    if (!r)
        return mola_query_no_memory(ctx);
    r->num = NUM_DEFAULT;
    r->top_k = TOP_K_DEFAULT;
    *out = r;
    if (!body.doc)
        return MOLA_OK;
    if (mola_json_kind_of(body) != MOLA_JSON_OBJECT)
        return mola_fail_type(ctx->why, "", body, "struct RecallRequest");
    mola_err err = take_integer(ctx, body, "num", &r->num);
    if (!err)
        err = take_integer(ctx, body, "top_k", &r->top_k);
    mola_json truth = member(body, "include_ground_truth");
    if (!err && truth.doc && mola_json_kind_of(truth) != MOLA_JSON_BOOL)
        err = mola_fail_type(ctx->why, "include_ground_truth", truth, "a boolean");
    mola_json filters = member(body, "filters"), rank_by = member(body, "rank_by");
    if (!err && filters.doc)
        err = mola_filter_parse(ctx, filters, "filters", &r->filters);
    if (!err && rank_by.doc)
        err = mola_parse_rank(ctx, rank_by, &r->rank);
    r->has_num = member(body, "num").doc;
    r->has_rank = rank_by.doc;
    r->shows_truth = !err && truth.doc && mola_json_bool(truth);
    return err;
}

/* ------------------------------------------------------------------ the query vectors */
typedef struct {
    mola_asking asking;
    const mola_recall *what;
    mola_rowset rows; /* that pass the filters */
    mola_nearest nearest;
    uint32_t query_count;
    const float **queries;
    double recalled;      /* sum of the ratios */
    uint64_t found, near; /* rows of the exact searches, and of the index */
    mola_buf *truth;      /* JSON of the ground truth; NULL: not asked for */
} measuring;

/* The vector attribute that is measured: the first one of a vector for each row. */
static const mola_attr *first_vector(const mola_state *state)
{
    for (uint32_t i = 0; i < state->attr_count; i++) {
        if (state->attrs[i].type.form == MOLA_FORM_DENSE)
            return &state->attrs[i];
    }
    return NULL;
}

/* Where the n-th row of the set is, for `count` rising n. */
static void find_rows(const mola_rowset *rows, const uint64_t *numbers, uint32_t count,
                      mola_row_at *at)
{
    uint64_t seen = 0;
    uint32_t next = 0;
    for (uint32_t p = 0; p < rows->view->part_count && next < count; p++) {
        size_t words = rows->bits[p] ? mola_words(rows->view->parts[p].rows) : 0;
        for (size_t w = 0; w < words && next < count; w++) {
            uint64_t left = rows->bits[p][w];
            uint64_t until = seen + (uint64_t)__builtin_popcountll(left);
            for (; next < count && numbers[next] < until; next++) {
                uint64_t bits = left;
                for (uint64_t skip = numbers[next] - seen; skip; skip--)
                    bits &= bits - 1;
                at[next] = (mola_row_at){.part = p,
                                         .row = (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(bits)};
            }
            seen = until;
        }
    }
}

/* `count` different numbers below `limit`, rising (Floyd's sample, kept sorted). */
static void sample(mola_env *env, uint64_t limit, uint32_t count, uint64_t *out)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t most = limit - count + i, pick = mola_chance_below(env, most + 1);
        uint32_t at = 0;
        while (at < i && out[at] < pick)
            at++;
        if (at < i && out[at] == pick) { /* taken: then `most`, which is above all others */
            out[i] = most;
            continue;
        }
        memmove(&out[at + 1], &out[at], (i - at) * sizeof *out);
        out[at] = pick;
    }
}

static const float *as_floats(mola_arena *arena, const mola_column *column, uint32_t row)
{
    uint32_t dims = column->type.dims;
    float *out = mola_new(arena, float, dims);
    const uint8_t *stored = mola_column_vector(column, row);
    for (uint32_t i = 0; out && i < dims; i++) {
        uint16_t half;
        switch (column->type.elem) {
        case MOLA_ELEM_VEC_F16:
            memcpy(&half, stored + i * sizeof half, sizeof half);
            out[i] = mola_f16_to_f32(half);
            break;
        case MOLA_ELEM_VEC_I8:
            out[i] = (float)(int8_t)stored[i];
            break;
        default:
            memcpy(&out[i], stored + i * sizeof out[i], sizeof out[i]);
            break;
        }
    }
    return out;
}

static mola_err choose_queries(measuring *m)
{
    mola_ctx *ctx = m->asking.ctx;
    uint64_t rows = m->rows.count, num = (uint64_t)m->what->num;
    uint32_t count = (uint32_t)(num < rows ? num : rows);
    uint64_t *numbers = mola_new(ctx->arena, uint64_t, count);
    mola_row_at *at = mola_new(ctx->arena, mola_row_at, count);
    m->queries = mola_new(ctx->arena, const float *, count);
    if (!numbers || !at || !m->queries)
        return mola_query_no_memory(ctx);
    if (count == 0)
        return MOLA_OK;
    sample(ctx->env, rows, count, numbers);
    find_rows(&m->rows, numbers, count, at);
    mola_column *column;
    mola_err err =
        mola_view_gather(ctx, m->asking.view, at, count, &m->nearest.attr->id, 1, &column);
    if (err)
        return err == MOLA_NO_MEMORY ? mola_query_no_memory(ctx) : err;
    for (uint32_t i = 0; i < count; i++) {
        if (!column->rows || !mola_column_has(column, i))
            continue; /* a row without a vector asks for nothing */
        m->queries[m->query_count] = as_floats(ctx->arena, column, i);
        if (!m->queries[m->query_count++])
            return mola_query_no_memory(ctx);
    }
    return MOLA_OK;
}

/* ------------------------------------------------------------------ one query vector */
static size_t overlap(const mola_hit *a, size_t a_count, const mola_hit *b, size_t b_count)
{
    size_t both = 0;
    for (size_t i = 0; i < a_count; i++) {
        size_t j = 0;
        while (j < b_count && (a[i].part != b[j].part || a[i].row != b[j].row))
            j++;
        both += j < b_count;
    }
    return both;
}

static mola_err print_truth(measuring *m, const float *query, const mola_hit *hits, size_t count)
{
    mola_buf *out = m->truth;
    mola_buf_add_str(out,
                     out->len ? MOLA_STR(",{\"query_vector\":[") : MOLA_STR("{\"query_vector\":["));
    for (uint32_t i = 0; i < m->nearest.attr->type.dims; i++) {
        if (i)
            mola_buf_add_char(out, ',');
        mola_print_f32(out, query[i]);
    }
    mola_buf_add_str(out, MOLA_STR("],\"nearest_neighbors\":["));
    mola_page page = {.hits = hits, .count = count, .has_dist = true};
    mola_page_printer printer;
    mola_buf scratch;
    mola_buf_init(&scratch, out->heap);
    mola_err err = mola_page_prepare(&m->asking, &page, &scratch, &printer);
    mola_buf_free(&scratch);
    for (size_t i = 0; i < count && !err; i++) {
        if (i)
            mola_buf_add_char(out, ',');
        mola_print_head(&printer, i, &hits[i].score, out);
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_str(out, MOLA_STR("]}"));
    return err;
}

/* Without an index of vectors the ranking is the exact search, and then its recall is 1. */
static mola_err measure_one(measuring *m, const float *query)
{
    mola_ctx *ctx = m->asking.ctx;
    mola_pin *mark = ctx->pins;
    mola_ranking ranking = {.kind = MOLA_RANK_VECTOR, .nearest = m->nearest};
    ranking.nearest.query = query;
    mola_nearest exact = ranking.nearest;
    exact.k = (size_t)m->what->top_k;
    exact.kernel = m->asking.kernel;
    mola_hit *near, *found;
    size_t near_count, found_count;
    mola_err err = mola_rank_rows(&m->asking, &ranking, &m->rows, exact.k, &near, &near_count);
    if (!err)
        err = mola_nearest_run(ctx, &m->rows, &exact, &found, &found_count);
    if (err)
        return err;
    m->near += near_count;
    m->found += found_count;
    m->recalled += found_count
                       ? (double)overlap(found, found_count, near, near_count) / (double)found_count
                       : 1;
    if (m->truth)
        err = print_truth(m, query, found, found_count);
    mola_view_release(ctx, mark);
    return err;
}

/* ------------------------------------------------------------------ all of it */
static mola_err plan(measuring *m)
{
    mola_ctx *ctx = m->asking.ctx;
    const mola_recall *r = m->what;
    const mola_state *state = m->asking.view->state;
    int64_t most = (int64_t)mola_limits_of(ctx->env)->recall_rows;
    if (r->num < 1 || r->num > most || r->top_k < 1 || r->top_k > most) {
        return mola_fail(ctx->why, MOLA_INVALID, "num and top_k must be between 1 and %lld",
                         (long long)most);
    }
    bool asks_ann = r->rank.kind == MOLA_RANK_VECTOR && r->rank.vector.op == MOLA_VECTOR_ANN;
    if (r->has_rank && (!asks_ann || (r->has_num && r->num != 1)))
        return mola_fail(ctx->why, MOLA_INVALID, "recall: query type not supported");
    if (r->has_rank && mola_is_embed(r->rank.vector.operand))
        return mola_fail(ctx->why, MOLA_INVALID, "recall takes a vector, not a text");
    if (r->has_rank) {
        mola_err err = mola_plan_vector(ctx, &r->rank.vector, state, &m->nearest);
        if (!err && m->nearest.attr->type.form != MOLA_FORM_DENSE)
            err = mola_fail(ctx->why, MOLA_INVALID, "recall: query type not supported");
        return err;
    }
    m->nearest = (mola_nearest){
        .attr = first_vector(state), .metric = (mola_metric_kind)state->metric, .query_count = 1};
    if (!m->nearest.attr)
        return mola_fail(ctx->why, MOLA_INVALID, "recall requires a namespace with vectors");
    return MOLA_OK;
}

static mola_err find_rows_asked_about(measuring *m)
{
    mola_ctx *ctx = m->asking.ctx;
    const mola_filter *filters = NULL;
    mola_attr_list reads = {.arena = ctx->arena};
    mola_err err = MOLA_OK;
    if (m->what->filters) {
        err = mola_filter_compile(ctx, m->what->filters, m->asking.view->state, MOLA_REFS_REFUSED,
                                  &filters);
    }
    return err ? err : mola_filter_rows(&m->asking, filters, &reads, &m->rows);
}

static mola_err measure(measuring *m)
{
    mola_err err = plan(m);
    if (!err)
        err = find_rows_asked_about(m);
    if (!err && m->what->has_rank) {
        m->queries = &m->nearest.query;
        m->query_count = 1;
    } else if (!err) {
        err = choose_queries(m);
    }
    for (uint32_t i = 0; i < m->query_count && !err; i++) {
        err = mola_scan_check(m->asking.ctx);
        if (!err)
            err = measure_one(m, m->queries[i]);
    }
    return err;
}

static void print(const measuring *m, mola_buf *out)
{
    double count = m->query_count ? m->query_count : 1;
    mola_buf_add_str(out, MOLA_STR("{\"avg_recall\":"));
    mola_print_f64(out, m->query_count ? m->recalled / count : 1);
    mola_buf_add_str(out, MOLA_STR(",\"avg_exhaustive_count\":"));
    mola_print_f64(out, (double)m->found / count);
    mola_buf_add_str(out, MOLA_STR(",\"avg_ann_count\":"));
    mola_print_f64(out, (double)m->near / count);
    if (m->truth) {
        mola_buf_add_str(out, MOLA_STR(",\"ground_truth\":["));
        mola_buf_add_str(out, mola_buf_str(m->truth));
        mola_buf_add_char(out, ']');
    }
    mola_buf_add_char(out, '}');
}

mola_err mola_recall_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                         const mola_recall *recall, mola_buf *out)
{
    mola_buf truth;
    mola_buf_init(&truth, ctx->env->heap);
    measuring m = {.asking = {.ctx = ctx, .view = view, .kernel = kernel},
                   .what = recall,
                   .truth = recall->shows_truth ? &truth : NULL};
    mola_pin *mark = ctx->pins;
    mola_err err = measure(&m);
    mola_view_release(ctx, mark);
    if (!err)
        print(&m, out);
    bool full = truth.failed || out->failed;
    mola_buf_free(&truth);
    return !err && full ? mola_query_no_memory(ctx) : err;
}
