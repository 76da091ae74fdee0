#include "mola/codec/print.h"
#include "query/page.h"

static mola_err read_page(const mola_asking *asking, const mola_page *page)
{
    mola_attr_list reads = {.arena = asking->ctx->arena};
    mola_attr_list_add(&reads, MOLA_ATTR_ID);
    for (uint32_t i = 0; i < page->column_count; i++)
        mola_attr_list_add(&reads, page->columns[i]->id);
    for (uint32_t i = 0; i < page->computed_count; i++) {
        const mola_computed *c = &page->computed[i];
        if (c->kind == MOLA_COMPUTE_VECTOR) {
            mola_attr_list_add(&reads, c->nearest.attr->id);
        } else if (c->kind == MOLA_COMPUTE_FILTER) {
            mola_filter_reads(c->filter, &reads);
        } else {
            mola_score_reads(c->score, &reads);
        }
    }
    return mola_read_hits(asking->ctx, asking->view, &reads, page->hits, page->count);
}

/* The label is printed into `scratch` and taken away again: it borrows its memory for a moment. */
static bool make_label(mola_arena *arena, mola_buf *scratch, mola_str name, mola_str *label)
{
    size_t before = scratch->len;
    mola_buf_add_char(scratch, ',');
    mola_print_string(scratch, name);
    mola_buf_add_char(scratch, ':');
    if (scratch->failed)
        return false;
    mola_str text = {scratch->data + before, scratch->len - before};
    bool ok = mola_arena_copy(arena, text, label);
    scratch->len = before;
    return ok;
}

mola_err mola_page_prepare(const mola_asking *asking, const mola_page *page, mola_buf *scratch,
                           mola_page_printer *out)
{
    mola_ctx *ctx = asking->ctx;
    *out = (mola_page_printer){.asking = asking, .page = page};
    mola_err err = read_page(asking, page);
    out->labels = mola_new(ctx->arena, mola_str, page->column_count + page->computed_count);
    out->scorers = mola_new(ctx->arena, mola_scorer *, page->computed_count);
    if (err)
        return err;
    if (!out->labels || !out->scorers)
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < page->column_count; i++) {
        if (!make_label(ctx->arena, scratch, page->columns[i]->name, &out->labels[i]))
            return mola_query_no_memory(ctx);
    }
    for (uint32_t i = 0; i < page->computed_count && !err; i++) {
        const mola_computed *c = &page->computed[i];
        if (!make_label(ctx->arena, scratch, c->name, &out->labels[page->column_count + i]))
            return mola_query_no_memory(ctx);
        if (c->kind == MOLA_COMPUTE_SCORE)
            err = mola_scorer_new(ctx, asking->view, c->score, &out->scorers[i]);
    }
    return err;
}

void mola_print_head(const mola_asking *asking, const mola_hit *hit, const double *dist,
                     mola_buf *out)
{
    mola_value id = mola_view_id(asking->view, hit->part, hit->row);
    mola_buf_add_str(out, MOLA_STR("{\"id\":"));
    mola_value_print(out, &id);
    if (!dist)
        return;
    mola_buf_add_str(out, MOLA_STR(",\"$dist\":"));
    mola_print_f32(out, (float)*dist);
}

void mola_print_column(const mola_page_printer *p, uint32_t column, const mola_hit *hit,
                       mola_buf *out)
{
    mola_column values;
    uint32_t row;
    if (!mola_view_column(p->asking->view, hit->part, hit->row, p->page->columns[column]->id,
                          &values, &row))
        return;
    mola_buf_add_str(out, p->labels[column]);
    mola_column_print(out, &values, row, p->asking->encoding);
}

void mola_print_computed(const mola_page_printer *p, uint32_t computed, const mola_hit *hit,
                         mola_buf *out)
{
    const mola_computed *c = &p->page->computed[computed];
    const mola_view *view = p->asking->view;
    mola_buf_add_str(out, p->labels[p->page->column_count + computed]);
    if (c->kind == MOLA_COMPUTE_FILTER) {
        mola_document document = mola_view_document(view, hit->part, hit->row);
        bool matches = mola_filter_matches(c->filter, &document, NULL);
        mola_buf_add_str(out, matches ? MOLA_STR("true") : MOLA_STR("false"));
    } else if (c->kind == MOLA_COMPUTE_VECTOR) {
        mola_print_f32(out, (float)mola_nearest_one(view, &c->nearest, hit->part, hit->row));
    } else {
        mola_print_f32(out, mola_scorer_row(p->scorers[computed], hit->part, hit->row));
    }
}

uint64_t mola_page_bytes(const mola_asking *asking, const mola_page *page)
{
    uint64_t bytes = page->has_dist ? page->count * sizeof(float) : 0;
    for (size_t i = 0; i < page->count; i++) {
        const mola_hit *hit = &page->hits[i];
        mola_value id = mola_view_id(asking->view, hit->part, hit->row);
        bytes += mola_value_bytes(&id);
        for (uint32_t c = 0; c < page->column_count; c++) {
            mola_column values;
            uint32_t row;
            if (mola_view_column(asking->view, hit->part, hit->row, page->columns[c]->id, &values,
                                 &row))
                bytes += mola_column_row_bytes(&values, row);
        }
    }
    return bytes;
}

mola_err mola_page_print(const mola_asking *asking, const mola_page *page, mola_buf *out,
                         uint64_t *bytes)
{
    mola_page_printer p;
    mola_err err = mola_page_prepare(asking, page, out, &p);
    if (err)
        return err;
    mola_buf_add_str(out, MOLA_STR("\"rows\":["));
    for (size_t i = 0; i < page->count; i++) {
        const mola_hit *hit = &page->hits[i];
        if (i)
            mola_buf_add_char(out, ',');
        mola_print_head(asking, hit, page->has_dist ? &hit->score : NULL, out);
        for (uint32_t c = 0; c < page->column_count; c++)
            mola_print_column(&p, c, hit, out);
        for (uint32_t c = 0; c < page->computed_count; c++)
            mola_print_computed(&p, c, hit, out);
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
    *bytes += mola_page_bytes(asking, page);
    return out->failed ? mola_query_no_memory(asking->ctx) : MOLA_OK;
}
