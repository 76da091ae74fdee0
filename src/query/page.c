#include "query/page.h"

enum { FEW_ROWS = 64 };

/* ---- ranking ---- */

/* Attributes that a ranking reads of every row, without vectors: those are read by themselves, once
 * it is known how few rows are left. */
static void ranking_reads(const mola_ranking *ranking, mola_attr_list *attrs)
{
    mola_attr_list_add(attrs, MOLA_ATTR_ID); /* ties */
    for (uint32_t i = 0; i < ranking->key_count; i++)
        mola_attr_list_add(attrs, ranking->keys[i].attr);
    if (ranking->kind == MOLA_RANK_SCORE)
        mola_score_reads(ranking->score, attrs);
}

mola_err mola_rank_rows(const mola_asking *asking, const mola_ranking *ranking,
                        const mola_rowset *rows, size_t k, mola_hit **hits, size_t *count)
{
    mola_ctx *ctx = asking->ctx;
    mola_nearest nearest = ranking->nearest;
    switch (ranking->kind) {
    case MOLA_RANK_VECTOR:
        nearest.k = k;
        nearest.kernel = asking->kernel;
        return mola_nearest_run(ctx, rows, &nearest, hits, count);
    case MOLA_RANK_SCORE:
        return mola_score_run(ctx, rows, ranking->score, k, hits, count);
    case MOLA_RANK_NONE:
    case MOLA_RANK_ORDERS:
        break;
    }
    return mola_order_run(ctx, rows, ranking->keys, ranking->key_count, k, hits, count);
}

/* ---- making ---- */

static mola_err check_limits(const mola_ctx *ctx, const mola_question *q)
{
    if (!q->limit.has_total)
        return mola_fail(ctx->why, MOLA_INVALID, "rank_by queries must specify top_k or limit");
    if (q->offset > 0 && q->rank.kind == MOLA_RANK_NONE)
        return mola_fail(ctx->why, MOLA_INVALID, "offset requires rank_by");
    uint64_t most = mola_limits_of(ctx->env)->result_rows;
    bool fits = q->offset <= most && q->offset + q->limit.total <= most;
    return fits ? MOLA_OK : mola_query_fail_offset(ctx);
}

mola_err mola_filter_rows(const mola_asking *asking, const mola_filter *filters,
                          const mola_attr_list *reads, mola_rowset *rows)
{
    mola_err err = mola_rowset_live(asking->ctx, asking->view, rows);
    if (!err && filters)
        err = mola_filter_run_ahead(asking->ctx, filters, reads, rows);
    return err;
}

/* The few rows that a filter left are read at once, with all that ranks and shows them: what comes
 * next finds it in memory. Vectors are left out, they are not kept one by one. */
static mola_err read_few_ahead(const mola_asking *asking, const mola_rowset *rows,
                               const mola_attr_list *ranks, const mola_page *page)
{
    mola_ctx *ctx = asking->ctx;
    const mola_view *view = asking->view;
    if (!view->segment_count || rows->count == 0 || rows->count > FEW_ROWS)
        return MOLA_OK;
    mola_row_at at[FEW_ROWS];
    uint32_t count = 0;
    for (uint32_t p = 0; p < view->part_count; p++) {
        for (size_t w = 0; rows->bits[p] && w < mola_words(view->parts[p].rows); w++) {
            for (uint64_t left = rows->bits[p][w]; left; left &= left - 1) {
                at[count++] = (mola_row_at){
                    .part = p, .row = (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(left)};
            }
        }
    }
    MOLA_ASSERT(count == rows->count);
    mola_attr_list attrs = {.arena = ctx->arena};
    for (uint32_t i = 0; i < ranks->count; i++) {
        const mola_attr *a = mola_state_attr(view->state, ranks->attrs[i]);
        if (!a || a->type.form != MOLA_FORM_DENSE)
            mola_attr_list_add(&attrs, ranks->attrs[i]);
    }
    for (uint32_t i = 0; i < page->column_count; i++) {
        if (page->columns[i]->type.form != MOLA_FORM_DENSE)
            mola_attr_list_add(&attrs, page->columns[i]->id);
    }
    if (attrs.full)
        return mola_query_no_memory(ctx);
    mola_column *columns;
    mola_err err = mola_view_gather(ctx, view, at, count, attrs.attrs, attrs.count, &columns);
    return err == MOLA_NO_MEMORY ? mola_query_no_memory(ctx) : err;
}

/* BM25 scores need the statistics of the whole view, whatever the filters leave of it. */
static mola_err bind_texts(const mola_asking *asking, const mola_ranking *ranking,
                           const mola_page *page)
{
    mola_ctx *ctx = asking->ctx;
    mola_bm25_list list = {0};
    mola_err err = MOLA_OK;
    if (ranking->kind == MOLA_RANK_SCORE)
        err = mola_bm25_list_add(ctx, ranking->score, &list);
    for (uint32_t i = 0; i < page->computed_count && !err; i++) {
        if (page->computed[i].kind == MOLA_COMPUTE_SCORE)
            err = mola_bm25_list_add(ctx, page->computed[i].score, &list);
    }
    if (!err)
        err = mola_bm25_bind(ctx, asking->view, list.clauses, list.count);
    return err == MOLA_NO_MEMORY ? mola_query_no_memory(ctx) : err;
}

mola_err mola_page_make(const mola_asking *asking, const mola_question *q,
                        const mola_filter *filters, mola_page *out)
{
    mola_ctx *ctx = asking->ctx;
    const mola_state *state = asking->view->state;
    mola_ranking ranking = {0};
    mola_attr_list reads = {.arena = ctx->arena};
    mola_rowset rows;
    mola_per per;
    mola_hit *hits = NULL;
    size_t count = 0;
    *out = (mola_page){.computed_count = q->computed_count};
    mola_err err = check_limits(ctx, q);
    if (!err)
        err = mola_plan_columns(ctx, q, state, &out->columns, &out->column_count);
    if (!err)
        err = mola_plan_computed(ctx, q, state, &out->computed);
    if (!err)
        err = mola_plan_ranking(ctx, q, state, &ranking);
    if (!err && q->limit.has_per)
        err = mola_per_plan(ctx, &q->limit, state, &per);
    if (!err)
        err = bind_texts(asking, &ranking, out);
    if (err)
        return err;
    ranking_reads(&ranking, &reads);
    err = mola_filter_rows(asking, filters, &reads, &rows);
    if (!err && filters)
        err = read_few_ahead(asking, &rows, &reads, out);
    if (err)
        return err;
    size_t wanted = (size_t)(q->offset + q->limit.total), offset = (size_t)q->offset;
    err = q->limit.has_per ? mola_per_rank(asking, &ranking, &rows, &per, wanted, &hits, &count)
                           : mola_rank_rows(asking, &ranking, &rows, wanted, &hits, &count);
    out->has_dist = ranking.kind == MOLA_RANK_VECTOR || ranking.kind == MOLA_RANK_SCORE;
    if (!err && count > offset) {
        out->hits = hits + offset;
        out->count = count - offset;
    }
    return err;
}
