#include "query/aggregate.h"
#include "query/fuse.h"
#include "query/rerank.h"

static mola_err check_metric(const mola_asking *asking, const mola_question *q)
{
    mola_metric_kind have = (mola_metric_kind)asking->view->state->metric;
    if (q->metric == MOLA_METRIC_NONE || q->metric == have)
        return MOLA_OK;
    return mola_fail(asking->ctx->why, MOLA_INVALID,
                     "Distance metric mismatch: namespace uses %s, query uses %s",
                     have == MOLA_METRIC_NONE ? "none" : mola_metric_name(have),
                     mola_metric_name(q->metric));
}

/* What comes before a question is answered in its own way. */
static mola_err begin(const mola_asking *asking, const mola_question *q,
                      const mola_filter **filters)
{
    mola_ctx *ctx = asking->ctx;
    *filters = NULL;
    mola_err err = check_metric(asking, q);
    if (!err && q->filters)
        err = mola_filter_compile(ctx, q->filters, asking->view->state, MOLA_REFS_REFUSED, filters);
    uint64_t most = mola_limits_of(ctx->env)->result_rows;
    if (!err && q->limit.has_total && (q->limit.total < 1 || q->limit.total > most))
        err = mola_query_fail_limit(ctx);
    return err;
}

static mola_err answer_pinning(const mola_asking *asking, const mola_question *q, mola_buf *out,
                               uint64_t *bytes)
{
    const mola_filter *filters;
    mola_page page;
    mola_err err = begin(asking, q, &filters);
    if (err)
        return err;
    if (q->aggregates)
        return mola_aggregate_print(asking, q, filters, out);
    err = mola_page_make(asking, q, filters, &page);
    return err ? err : mola_page_print(asking, &page, out, bytes);
}

/* Appends the members of one result. What it read of segments is pinned until it is printed. */
static mola_err answer(const mola_asking *asking, const mola_question *q, mola_buf *out,
                       uint64_t *bytes)
{
    mola_pin *mark = asking->ctx->pins;
    mola_err err = answer_pinning(asking, q, out, bytes);
    mola_view_release(asking->ctx, mark);
    return err;
}

static mola_err check_multi(const mola_ctx *ctx, const mola_query *query)
{
    bool reranked = query->fused || query->by_model;
    if (query->offset && (!reranked || !query->limit.has_total)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "offset at the root of a multi-query requires rerank_by and limit");
    }
    uint64_t most = mola_limits_of(ctx->env)->subqueries;
    MOLA_ASSERT(most <= MOLA_QUERIES_MAX);
    if (query->question_count < 1 || query->question_count > most) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "multi-query requests must contain between 1 and %llu queries",
                         (unsigned long long)most);
    }
    return MOLA_OK;
}

static mola_err answer_each(const mola_asking *asking, const mola_query *query, mola_buf *out,
                            uint64_t *bytes)
{
    mola_buf_add_str(out, MOLA_STR("\"results\":["));
    for (uint32_t i = 0; i < query->question_count; i++) {
        mola_buf_add_str(out, i ? MOLA_STR(",{") : MOLA_STR("{"));
        mola_err err = answer(asking, &query->questions[i], out, bytes);
        if (err)
            return err;
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
    return out->failed ? mola_query_no_memory(asking->ctx) : MOLA_OK;
}

/* A subquery with aggregates cannot be fused, but its own errors come first. */
static mola_err make_pages(const mola_asking *asking, const mola_query *query, mola_page *pages,
                           bool *aggregates, mola_buf *scratch)
{
    for (uint32_t i = 0; i < query->question_count; i++) {
        const mola_question *q = &query->questions[i];
        const mola_filter *filters;
        mola_pin *mark = asking->ctx->pins;
        mola_err err = begin(asking, q, &filters);
        if (!err && q->aggregates) {
            size_t before = scratch->len;
            err = mola_aggregate_print(asking, q, filters, scratch);
            scratch->len = before;
            *aggregates = true;
        } else if (!err) {
            err = mola_page_make(asking, q, filters, &pages[i]);
        }
        mola_view_release(asking->ctx, mark); /* a page refers to rows, not to windows */
        if (err)
            return err;
    }
    return MOLA_OK;
}

/* limit and offset at the root. */
static mola_err check_cut(const mola_ctx *ctx, const mola_query *query)
{
    const mola_limit_tree *limit = &query->limit;
    uint64_t total = limit->has_total ? limit->total : 0;
    uint64_t most = mola_limits_of(ctx->env)->result_rows;
    if (limit->has_total && (total < 1 || total > most)) {
        return mola_fail(ctx->why, MOLA_INVALID, "limit must be between 1 and %llu",
                         (unsigned long long)most);
    }
    if (query->offset > most || query->offset + total > most)
        return mola_query_fail_offset(ctx);
    return MOLA_OK;
}

static mola_err check_fusion(const mola_ctx *ctx, const mola_query *query, bool aggregates)
{
    mola_err err = check_cut(ctx, query);
    if (err)
        return err;
    if (query->question_count < 2)
        return mola_fail(ctx->why, MOLA_INVALID, "rerank_by requires at least 2 queries");
    if (aggregates)
        return mola_fail(ctx->why, MOLA_INVALID, "rerank_by does not support aggregation queries");
    if (query->weight_count && query->weight_count != query->question_count) {
        return mola_fail(ctx->why, MOLA_INVALID, "RRF got %u weights for %u queries",
                         query->weight_count, query->question_count);
    }
    return MOLA_OK;
}

static mola_err answer_fused(const mola_asking *asking, const mola_query *query, mola_buf *out,
                             uint64_t *bytes)
{
    mola_page *pages = mola_new(asking->ctx->arena, mola_page, query->question_count);
    bool aggregates = false;
    if (!pages)
        return mola_query_no_memory(asking->ctx);
    mola_err err = make_pages(asking, query, pages, &aggregates, out);
    if (!err)
        err = check_fusion(asking->ctx, query, aggregates);
    if (err)
        return err;
    mola_fusion fusion = {.pages = pages,
                          .page_count = query->question_count,
                          .constant = query->rank_constant,
                          .weights = query->weight_count ? query->weights : NULL,
                          .offset = (size_t)query->offset,
                          .limit = query->limit.has_total
                                       ? (size_t)query->limit.total
                                       : (size_t)mola_limits_of(asking->ctx->env)->result_rows};
    mola_buf_add_str(out, MOLA_STR("\"results\":[{"));
    err = mola_fuse_print(asking, &fusion, out, bytes);
    mola_buf_add_str(out, MOLA_STR("}]"));
    return err || !out->failed ? err : mola_query_no_memory(asking->ctx);
}

/* The first stage of a reranking; the model is asked when the view is given back. */
static mola_err answer_candidates(const mola_asking *asking, const mola_query *query,
                                  mola_query_result *out)
{
    mola_ctx *ctx = asking->ctx;
    const mola_attr *attr;
    mola_err err = mola_rerank_check(ctx, query, asking->view->state, &attr);
    if (!err && query->is_multi)
        err = check_multi(ctx, query);
    if (!err)
        err = check_cut(ctx, query);
    mola_page *pages = mola_new(ctx->arena, mola_page, MOLA_QUERIES_MAX);
    mola_candidates *found = mola_new(ctx->arena, mola_candidates, 1);
    if (err)
        return err;
    if (!pages || !found)
        return mola_query_no_memory(ctx);
    bool aggregates = false;
    err = make_pages(asking, query, pages, &aggregates, &out->members);
    if (err)
        return err;
    if (aggregates)
        return mola_fail(ctx->why, MOLA_INVALID, "rerank_by does not support aggregation queries");
    mola_fusion all = {.pages = pages, .page_count = query->question_count};
    out->candidates = found;
    return mola_fuse_candidates(asking, &all, attr, &out->members, found, &out->bytes_returned);
}

static mola_err answer_all(const mola_asking *asking, const mola_query *query,
                           mola_query_result *result)
{
    mola_ctx *ctx = asking->ctx;
    mola_buf *out = &result->members;
    uint64_t *bytes = &result->bytes_returned;
    if (query->by_model)
        return answer_candidates(asking, query, result);
    if (!query->is_multi)
        return answer(asking, query->questions, out, bytes);
    mola_err err = check_multi(ctx, query);
    if (err)
        return err;
    return query->fused ? answer_fused(asking, query, out, bytes)
                        : answer_each(asking, query, out, bytes);
}

uint32_t mola_query_weight(const mola_query *query)
{
    uint32_t weight = 0;
    for (uint32_t i = 0; i < query->question_count && i < MOLA_QUERIES_MAX; i++) {
        const mola_question *q = &query->questions[i];
        bool exact = q->rank.kind == MOLA_RANK_VECTOR && q->rank.vector.op == MOLA_VECTOR_KNN;
        weight += q->aggregates ? 4 : exact ? 2 : 1;
    }
    return weight ? weight : 1;
}

mola_err mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                        const mola_query *query, mola_query_result *out)
{
    mola_asking asking = {.ctx = ctx, .view = view, .kernel = kernel, .encoding = query->encoding};
    *out = (mola_query_result){0};
    mola_buf_init(&out->members, ctx->env->heap);
    out->rows_exhausted =
        view->live_rows; /* no part has an index yet: all of them are searched whole */
    mola_pin *mark = ctx->pins;
    mola_err err = answer_all(&asking, query, out);
    mola_view_release(ctx, mark);
    if (err)
        mola_buf_free(&out->members);
    return err;
}
