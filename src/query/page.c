#include "query/page.h"
#include "mola/codec/print.h"

/* ---- ranking ---- */

void mola_ranking_reads(const mola_ranking *ranking, mola_attr_list *attrs)
{
    mola_attr_list_add(attrs, MOLA_ATTR_ID); /* ties */
    for (uint32_t i = 0; i < ranking->key_count; i++)
        mola_attr_list_add(attrs, ranking->keys[i].attr);
    if (ranking->kind == MOLA_RANK_VECTOR)
        mola_attr_list_add(attrs, ranking->nearest.attr->id);
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
    if (q->offset > MOLA_LIMIT_MAX || q->offset + q->limit.total > MOLA_LIMIT_MAX)
        return mola_fail(ctx->why, MOLA_INVALID, "offset + limit must be at most %d",
                         MOLA_LIMIT_MAX);
    return MOLA_OK;
}

/* The filters narrow the live rows; everything read of every row is fetched in one batch. */
static mola_err filter_rows(const mola_asking *asking, const mola_filter *filters,
                            const mola_ranking *ranking, mola_rowset *rows)
{
    mola_ctx *ctx = asking->ctx;
    mola_attr_list reads = {.arena = ctx->arena};
    if (filters)
        mola_filter_reads(filters, &reads);
    mola_ranking_reads(ranking, &reads);
    mola_err err = mola_read_parts(ctx, asking->view, &reads);
    if (!err)
        err = mola_rowset_live(ctx, asking->view, rows);
    if (!err && filters)
        err = mola_filter_run(ctx, filters, rows);
    return err;
}

mola_err mola_page_make(const mola_asking *asking, const mola_question *q,
                        const mola_filter *filters, mola_page *out)
{
    mola_ctx *ctx = asking->ctx;
    const mola_state *state = asking->view->state;
    mola_ranking ranking = {0};
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
        err = filter_rows(asking, filters, &ranking, &rows);
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

/* ---- printing ---- */

typedef struct {
    const mola_asking *asking;
    const mola_page *page;
    mola_str *labels; /* `,"name":` of the columns, then of the computed attributes */
    mola_scorer **scorers;
} printer;

static mola_err read_page(const mola_asking *asking, const mola_page *page)
{
    mola_attr_list reads = {.arena = asking->ctx->arena};
    mola_attr_list_add(&reads, MOLA_ATTR_ID);
    for (uint32_t i = 0; i < page->column_count; i++)
        mola_attr_list_add(&reads, page->columns[i]->id);
    for (uint32_t i = 0; i < page->computed_count; i++) {
        const mola_computed *c = &page->computed[i];
        if (c->kind == MOLA_COMPUTE_VECTOR)
            mola_attr_list_add(&reads, c->nearest.attr->id);
        else if (c->kind == MOLA_COMPUTE_FILTER)
            mola_filter_reads(c->filter, &reads);
        else
            mola_score_reads(c->score, &reads);
    }
    return mola_read_hits(asking->ctx, asking->view, &reads, page->hits, page->count);
}

/* The label is printed into `out` and taken away again: it borrows its memory for a moment. */
static bool make_label(mola_arena *arena, mola_buf *out, mola_str name, mola_str *label)
{
    size_t before = out->len;
    mola_buf_add_char(out, ',');
    mola_print_string(out, name);
    mola_buf_add_char(out, ':');
    if (out->failed)
        return false;
    bool ok = mola_arena_copy(arena, (mola_str){out->data + before, out->len - before}, label);
    out->len = before;
    return ok;
}

static mola_err prepare(printer *p, mola_buf *out)
{
    mola_ctx *ctx = p->asking->ctx;
    const mola_page *page = p->page;
    p->labels = mola_new(ctx->arena, mola_str, page->column_count + page->computed_count);
    p->scorers = mola_new(ctx->arena, mola_scorer *, page->computed_count);
    if (!p->labels || !p->scorers)
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < page->column_count; i++)
        if (!make_label(ctx->arena, out, page->columns[i]->name, &p->labels[i]))
            return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < page->computed_count; i++) {
        const mola_computed *c = &page->computed[i];
        if (!make_label(ctx->arena, out, c->name, &p->labels[page->column_count + i]))
            return mola_query_no_memory(ctx);
        mola_err err = MOLA_OK;
        if (c->kind == MOLA_COMPUTE_SCORE)
            err = mola_scorer_new(ctx, p->asking->view, c->score, &p->scorers[i]);
        if (err)
            return err;
    }
    return MOLA_OK;
}

static void print_bool(mola_buf *out, bool value)
{
    mola_buf_add_str(out, value ? MOLA_STR("true") : MOLA_STR("false"));
}

static void print_computed(const printer *p, uint32_t index, const mola_hit *hit, mola_buf *out)
{
    const mola_computed *c = &p->page->computed[index];
    const mola_view *view = p->asking->view;
    mola_document document = mola_view_document(view, hit->part, hit->row);
    mola_buf_add_str(out, p->labels[p->page->column_count + index]);
    switch (c->kind) {
    case MOLA_COMPUTE_FILTER:
        print_bool(out, mola_filter_matches(c->filter, &document, NULL));
        break;
    case MOLA_COMPUTE_VECTOR:
        mola_print_f32(out, (float)mola_nearest_one(view, &c->nearest, hit->part, hit->row));
        break;
    default:
        mola_print_f32(out, mola_scorer_row(p->scorers[index], hit->part, hit->row));
    }
}

static void print_row(const printer *p, const mola_hit *hit, mola_buf *out, uint64_t *bytes)
{
    const mola_page *page = p->page;
    const mola_view *view = p->asking->view;
    mola_value id = mola_view_id(view, hit->part, hit->row);
    mola_buf_add_str(out, MOLA_STR("{\"id\":"));
    mola_value_print(out, &id);
    *bytes += mola_value_bytes(&id);
    if (page->has_dist) {
        mola_buf_add_str(out, MOLA_STR(",\"$dist\":"));
        mola_print_f32(out, (float)hit->score);
        *bytes += sizeof(float);
    }
    for (uint32_t i = 0; i < page->column_count; i++) {
        mola_column column;
        uint32_t row;
        if (!mola_view_column(view, hit->part, hit->row, page->columns[i]->id, &column, &row))
            continue;
        mola_buf_add_str(out, p->labels[i]);
        mola_column_print(out, &column, row, p->asking->encoding);
        *bytes += mola_column_row_bytes(&column, row);
    }
    for (uint32_t i = 0; i < page->computed_count; i++)
        print_computed(p, i, hit, out);
    mola_buf_add_char(out, '}');
}

mola_err mola_page_print(const mola_asking *asking, const mola_page *page, mola_buf *out,
                         uint64_t *bytes)
{
    printer p = {.asking = asking, .page = page};
    mola_err err = read_page(asking, page);
    if (!err)
        err = prepare(&p, out);
    if (err)
        return err;
    mola_buf_add_str(out, MOLA_STR("\"rows\":["));
    for (size_t i = 0; i < page->count; i++) {
        if (i)
            mola_buf_add_char(out, ',');
        print_row(&p, &page->hits[i], out, bytes);
    }
    mola_buf_add_char(out, ']');
    return out->failed ? mola_query_no_memory(asking->ctx) : MOLA_OK;
}
