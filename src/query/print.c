#include "mola/codec/print.h"
#include "query/page.h"

static mola_err read_page(mola_page_printer *p)
{
    const mola_page *page = p->page;
    mola_attr_list *reads = &p->attrs;
    *reads = (mola_attr_list){.arena = p->asking->ctx->arena};
    mola_attr_list_add(reads, MOLA_ATTR_ID);
    for (uint32_t i = 0; i < page->column_count; i++)
        mola_attr_list_add(reads, page->columns[i]->id);
    for (uint32_t i = 0; i < page->computed_count; i++) {
        const mola_computed *c = &page->computed[i];
        if (c->kind == MOLA_COMPUTE_VECTOR) {
            mola_attr_list_add(reads, c->nearest.attr->id);
        } else if (c->kind == MOLA_COMPUTE_FILTER) {
            mola_filter_reads(c->filter, reads);
        } else if (c->kind == MOLA_COMPUTE_HIGHLIGHT) {
            mola_attr_list_add(reads, mola_highlight_attr(c->highlight));
        } else {
            mola_score_reads(c->score, reads);
        }
    }
    return mola_read_hits(p->asking->ctx, p->asking->view, reads, page->hits, page->count,
                          &p->cells);
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

static mola_err make_labels(mola_page_printer *p, mola_buf *scratch)
{
    const mola_page *page = p->page;
    mola_arena *arena = p->asking->ctx->arena;
    p->labels = mola_new(arena, mola_str, page->column_count + page->computed_count);
    bool ok = p->labels;
    for (uint32_t i = 0; i < page->column_count && ok; i++)
        ok = make_label(arena, scratch, page->columns[i]->name, &p->labels[i]);
    for (uint32_t i = 0; i < page->computed_count && ok; i++) {
        ok = make_label(arena, scratch, page->computed[i].name, &p->labels[page->column_count + i]);
    }
    return ok ? MOLA_OK : mola_query_no_memory(p->asking->ctx);
}

static mola_err find_columns(mola_page_printer *p)
{
    const mola_page *page = p->page;
    p->columns = mola_new(p->asking->ctx->arena, mola_column, page->column_count);
    if (!p->columns)
        return mola_query_no_memory(p->asking->ctx);
    bool have_ids = mola_gathered_column(&p->cells, MOLA_ATTR_ID, &p->ids);
    MOLA_ASSERT(have_ids || !page->count);
    for (uint32_t i = 0; i < page->column_count; i++)
        (void)mola_gathered_column(&p->cells, page->columns[i]->id, &p->columns[i]);
    return MOLA_OK;
}

/* The JSON of the fragments of all rows; like a label, each is printed into `scratch` first. */
static mola_err compute_highlights(const mola_page_printer *p, const mola_highlight *h,
                                   mola_str *texts, mola_buf *scratch)
{
    mola_ctx *ctx = p->asking->ctx;
    mola_column column;
    size_t before = scratch->len;
    bool have = mola_gathered_column(&p->cells, mola_highlight_attr(h), &column);
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < p->cells.rows && !err; i++) {
        texts[i] = MOLA_STR("[]");
        if (!have || !mola_column_has(&column, i))
            continue;
        err = mola_highlight_print(ctx, h, &column, i, scratch);
        mola_str text = {scratch->data + before, scratch->len - before};
        if (!err && !mola_arena_copy(ctx->arena, text, &texts[i]))
            err = mola_query_no_memory(ctx);
        scratch->len = before;
        if (!err)
            err = mola_scan_check(ctx);
    }
    return err;
}

/* One computed attribute of all rows of the page. */
static mola_err compute(const mola_page_printer *p, const mola_computed *c, mola_buf *scratch,
                        mola_computed_values *out)
{
    mola_ctx *ctx = p->asking->ctx;
    uint32_t rows = p->cells.rows;
    mola_column vectors;
    if (c->kind == MOLA_COMPUTE_FILTER) {
        out->matches = mola_new(ctx->arena, uint64_t, mola_words(rows));
        if (!out->matches)
            return mola_query_no_memory(ctx);
        for (uint32_t i = 0; i < rows; i++)
            out->matches[i >> 6] |= (uint64_t)1 << (i & 63);
        return mola_filter_gathered(ctx, c->filter, &p->cells, out->matches);
    }
    if (c->kind == MOLA_COMPUTE_HIGHLIGHT) {
        out->texts = mola_new(ctx->arena, mola_str, rows);
        return out->texts ? compute_highlights(p, c->highlight, out->texts, scratch)
                          : mola_query_no_memory(ctx);
    }
    out->numbers = mola_new(ctx->arena, float, rows);
    if (!out->numbers)
        return mola_query_no_memory(ctx);
    if (c->kind == MOLA_COMPUTE_SCORE)
        return mola_score_gathered(ctx, c->score, &p->cells, out->numbers);
    (void)mola_gathered_column(&p->cells, c->nearest.attr->id, &vectors);
    for (uint32_t i = 0; i < rows; i++)
        out->numbers[i] = (float)mola_nearest_one(&c->nearest, &vectors, i);
    return MOLA_OK;
}

mola_err mola_page_prepare(const mola_asking *asking, const mola_page *page, mola_buf *scratch,
                           mola_page_printer *out)
{
    *out = (mola_page_printer){.asking = asking, .page = page};
    mola_err err = read_page(out);
    if (!err)
        err = make_labels(out, scratch);
    if (!err)
        err = find_columns(out);
    if (err)
        return err;
    out->computed = mola_new(asking->ctx->arena, mola_computed_values, page->computed_count);
    if (!out->computed)
        return mola_query_no_memory(asking->ctx);
    for (uint32_t i = 0; i < page->computed_count && !err; i++)
        err = compute(out, &page->computed[i], scratch, &out->computed[i]);
    return err;
}

mola_value mola_page_id(const mola_page_printer *p, size_t row)
{
    MOLA_ASSERT(row < p->page->count);
    return mola_column_element(&p->ids, (uint32_t)row);
}

void mola_print_head(const mola_page_printer *p, size_t row, const double *dist, mola_buf *out)
{
    mola_value id = mola_page_id(p, row);
    mola_buf_add_str(out, MOLA_STR("{\"id\":"));
    mola_value_print(out, &id);
    if (!dist)
        return;
    mola_buf_add_str(out, MOLA_STR(",\"$dist\":"));
    mola_print_f32(out, (float)*dist);
}

static bool has_value(const mola_column *column, size_t row)
{
    return row < column->rows && mola_column_has(column, (uint32_t)row);
}

void mola_print_column(const mola_page_printer *p, uint32_t column, size_t row, mola_buf *out)
{
    const mola_column *values = &p->columns[column];
    if (!has_value(values, row))
        return;
    mola_buf_add_str(out, p->labels[column]);
    mola_column_print(out, values, (uint32_t)row, p->asking->encoding);
}

void mola_print_computed(const mola_page_printer *p, uint32_t computed, size_t row, mola_buf *out)
{
    const mola_computed_values *values = &p->computed[computed];
    mola_buf_add_str(out, p->labels[p->page->column_count + computed]);
    if (values->matches) {
        bool matches = values->matches[row >> 6] >> (row & 63) & 1;
        mola_buf_add_str(out, matches ? MOLA_STR("true") : MOLA_STR("false"));
    } else if (values->texts) {
        mola_buf_add_str(out, values->texts[row]);
    } else {
        mola_print_f32(out, values->numbers[row]);
    }
}

uint64_t mola_page_bytes(const mola_page_printer *p)
{
    const mola_page *page = p->page;
    uint64_t bytes = page->has_dist ? page->count * sizeof(float) : 0;
    for (size_t i = 0; i < page->count; i++) {
        mola_value id = mola_page_id(p, i);
        bytes += mola_value_bytes(&id);
        for (uint32_t c = 0; c < page->column_count; c++) {
            if (has_value(&p->columns[c], i))
                bytes += mola_column_row_bytes(&p->columns[c], (uint32_t)i);
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
        mola_print_head(&p, i, page->has_dist ? &hit->score : NULL, out);
        for (uint32_t c = 0; c < page->column_count; c++)
            mola_print_column(&p, c, i, out);
        for (uint32_t c = 0; c < page->computed_count; c++)
            mola_print_computed(&p, c, i, out);
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
    *bytes += mola_page_bytes(&p);
    return out->failed ? mola_query_no_memory(asking->ctx) : MOLA_OK;
}
