#include "mola/model/schema.h"
#include "query/page.h"

/* Up to this many rows a namespace is always searched whole; a larger one reports the rows of its
 * parts without an index once it has any index, and 0 until then. */
enum { SMALL_NAMESPACE_ROWS = 128 };

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

static mola_err refuse_aggregates(const mola_ctx *ctx, const mola_question *q)
{
    if (q->include == MOLA_INCLUDE_ALL || q->included.count || q->excluded.given ||
        q->computed_count)
        return mola_fail(
            ctx->why, MOLA_INVALID,
            "aggregate_by cannot be combined with include_attributes, exclude_attributes or "
            "compute_attributes");
    if (q->limit.has_total && !q->group_count)
        return mola_fail(ctx->why, MOLA_INVALID,
                         "limit requires group_by when used with aggregate_by");
    return mola_fail(ctx->why, MOLA_INVALID, "aggregate_by is not supported by this version yet");
}

/* Appends the members of one result. */
static mola_err answer(const mola_asking *asking, const mola_question *q, mola_buf *out,
                       uint64_t *bytes)
{
    mola_ctx *ctx = asking->ctx;
    const mola_filter *filters = NULL;
    mola_page page;
    mola_err err = check_metric(asking, q);
    if (!err && q->filters)
        err =
            mola_filter_compile(ctx, q->filters, asking->view->state, MOLA_REFS_REFUSED, &filters);
    if (!err && q->limit.has_total && (q->limit.total < 1 || q->limit.total > MOLA_LIMIT_MAX))
        err = mola_fail(ctx->why, MOLA_INVALID, "top_k must be between 1 and %d", MOLA_LIMIT_MAX);
    if (!err && q->aggregates)
        err = refuse_aggregates(ctx, q);
    if (!err)
        err = mola_page_make(asking, q, filters, &page);
    return err ? err : mola_page_print(asking, &page, out, bytes);
}

static mola_err answer_all(const mola_asking *asking, const mola_query *query, mola_buf *out,
                           uint64_t *bytes)
{
    mola_ctx *ctx = asking->ctx;
    if (query->by_model)
        return mola_fail(ctx->why, MOLA_INVALID,
                         "reranking by a model is not supported by this version yet");
    if (!query->is_multi)
        return answer(asking, query->questions, out, bytes);
    if (query->offset && (!query->fused || !query->limit.has_total))
        return mola_fail(ctx->why, MOLA_INVALID,
                         "offset at the root of a multi-query requires rerank_by and limit");
    if (query->question_count < 1 || query->question_count > MOLA_QUERIES_MAX)
        return mola_fail(ctx->why, MOLA_INVALID,
                         "multi-query requests must contain between 1 and %d queries",
                         MOLA_QUERIES_MAX);
    return mola_fail(ctx->why, MOLA_INVALID,
                     "multi-query requests are not supported by this version yet");
}

mola_err mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                        const mola_query *query, mola_query_result *out)
{
    mola_asking asking = {.ctx = ctx, .view = view, .kernel = kernel, .encoding = query->encoding};
    *out = (mola_query_result){0};
    mola_buf_init(&out->members, ctx->env->heap);
    if (view->live_rows <= SMALL_NAMESPACE_ROWS)
        out->rows_exhausted = view->live_rows;
    mola_err err = answer_all(&asking, query, &out->members, &out->bytes_returned);
    if (err)
        mola_buf_free(&out->members);
    return err;
}
