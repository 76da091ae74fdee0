#include "index/postings.h"
#include "mola/base/check.h"
#include <stdlib.h>

static int by_id(const void *a, const void *b)
{
    const mola_attr *left = *(const mola_attr *const *)a, *right = *(const mola_attr *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

mola_err mola_written_attrs_of(const mola_state *state, mola_arena *arena, mola_written_attrs *out)
{
    uint32_t own = state->attr_count, more = 0;
    const mola_attr **sorted = mola_state_sorted(state, arena);
    const mola_attr **made_from = mola_new(arena, const mola_attr *, own);
    mola_attr *columns = mola_new(arena, mola_attr, own);
    *out = (mola_written_attrs){.attrs = mola_new(arena, const mola_attr *, (size_t)2 * own),
                                .own_count = own,
                                .texts = mola_new(arena, const mola_attr *, own)};
    if (!sorted || !made_from || !columns || !out->attrs || !out->texts)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < own; i++) {
        out->attrs[i] = sorted[i];
        if (!sorted[i]->has_fts)
            continue;
        mola_analysis analysis = mola_fts_analysis(&sorted[i]->fts);
        columns[more] = (mola_attr){.id = mola_postings_attr(sorted[i]->id, &analysis),
                                    .type = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_BYTES},
                                    .filterable = true}; /* so it gets pages of its own */
        made_from[more] = sorted[i];
        out->attrs[own + more] = &columns[more];
        more++;
    }
    if (more)
        qsort(out->attrs + own, more, sizeof(const mola_attr *), by_id);
    out->count = own;
    for (uint32_t i = own; i < own + more; i++) {
        const mola_attr *column = out->attrs[i];
        /* two of one id: the chance is 2^-31 a pair, and one goes without */
        if (out->count > own && out->attrs[out->count - 1]->id == column->id)
            continue;
        out->texts[out->count - own] = made_from[column - columns];
        out->attrs[out->count++] = column;
    }
    return MOLA_OK;
}

struct mola_postings_feed {
    mola_heap *heap;
    mola_arena arena; /* of the analyzer */
    mola_analyzer *analyzer;
    mola_postings_builder *builder;
    mola_segment_writer *writer;
    uint32_t attr_index;
    uint32_t given; /* rows */
    bool any_value; /* among those of the builder */
};

mola_postings_feed *mola_postings_feed_new(mola_heap *heap, const mola_attr *text,
                                           mola_segment_writer *writer, uint32_t attr_index)
{
    mola_analysis analysis = mola_fts_analysis(&text->fts);
    mola_postings_feed *f = mola_alloc(heap, sizeof *f);
    if (!f)
        return NULL;
    *f = (mola_postings_feed){.heap = heap, .writer = writer, .attr_index = attr_index};
    mola_arena_init(&f->arena, heap, SIZE_MAX);
    f->analyzer = mola_analyzer_new(&f->arena, &analysis);
    f->builder = mola_postings_builder_new(heap, text->id, &analysis);
    if (f->analyzer && f->builder)
        return f;
    mola_postings_feed_free(f);
    return NULL;
}

void mola_postings_feed_free(mola_postings_feed *f)
{
    if (!f)
        return;
    mola_postings_builder_free(f->builder);
    mola_arena_reset(&f->arena);
    mola_free(f->heap, f, sizeof *f);
}

/* The image of the builder's rows as the cell of the first of them. */
static mola_err add_image(mola_postings_feed *f, mola_str image, uint32_t rows)
{
    mola_column_builder b;
    mola_column_builder_init(&b, f->heap,
                             (mola_type){.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_BYTES});
    mola_err err = mola_column_add_value(&b, &(mola_value){.elem = MOLA_ELEM_BYTES, .s = image});
    if (!err)
        err = mola_column_add_absent(&b, rows - 1);
    mola_column run = mola_column_built(&b);
    if (!err)
        err = mola_segment_add(f->writer, f->attr_index, &run, rows);
    mola_column_builder_free(&b);
    return err;
}

static mola_err flush(mola_postings_feed *f)
{
    uint32_t rows = mola_postings_rows(f->builder);
    if (rows == 0)
        return MOLA_OK;
    mola_buf image;
    mola_buf_init(&image, f->heap);
    bool any = f->any_value;
    mola_err err = mola_postings_finish(f->builder, &image);
    if (!err) {
        err = any ? add_image(f, mola_buf_str(&image), rows)
                  : mola_segment_add(f->writer, f->attr_index, NULL, rows);
    }
    mola_buf_free(&image);
    f->any_value = false;
    return err;
}

mola_err mola_postings_feed_rows(mola_postings_feed *f, const mola_column *run, uint32_t rows)
{
    mola_err err = MOLA_OK;
    MOLA_ASSERT(!run || run->rows == rows);
    for (uint32_t row = 0; row < rows && !err; row++) {
        mola_postings_begin_row(f->builder);
        if (run && mola_column_has(run, row) && run->type.elem == MOLA_ELEM_STRING) {
            f->any_value = true;
            err = mola_postings_add_value(f->builder, f->analyzer, run, row);
        }
        f->given++;
        bool full = f->given % MOLA_SEGMENT_WINDOW == 0 ||
                    mola_postings_tokens(f->builder) >= MOLA_POSTINGS_TOKENS_MAX;
        if (!err && full)
            err = flush(f);
    }
    return err;
}

mola_err mola_postings_feed_end(mola_postings_feed *f)
{
    return flush(f);
}
