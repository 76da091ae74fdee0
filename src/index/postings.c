#include "index/postings.h"
#include "mola/base/check.h"
#include <stdlib.h>

static const mola_type image_type = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_BYTES};

static int by_id(const void *a, const void *b)
{
    const mola_attr *left = *(const mola_attr *const *)a, *right = *(const mola_attr *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

static mola_attr column_of(uint32_t id)
{
    return (mola_attr){
        .id = id, .type = image_type, .filterable = true}; /* so it gets pages of its own */
}

/* The columns of `out->attrs` behind the attributes. postings[i] is made from made_from[i]. */
static void add_columns(mola_written_attrs *out, const mola_attr *postings,
                        const mola_attr *const *made_from, uint32_t count, mola_attr *dictionaries)
{
    const mola_attr **columns = out->attrs + out->own_count;
    for (uint32_t i = 0; i < count; i++)
        columns[i] = &postings[i];
    if (count)
        qsort(columns, count, sizeof(const mola_attr *), by_id);
    for (uint32_t i = 0; i < count; i++) {
        /* two of one id: the chance is 2^-30 a pair, and one goes without */
        if (out->text_count && columns[out->text_count - 1]->id == columns[i]->id)
            continue;
        out->texts[out->text_count] = made_from[columns[i] - postings];
        columns[out->text_count++] = columns[i];
    }
    for (uint32_t i = 0; i < out->text_count; i++) {
        dictionaries[i] = column_of(mola_dictionary_attr(columns[i]->id));
        columns[out->text_count + i] = &dictionaries[i];
    }
}

mola_err mola_written_attrs_of(const mola_state *state, mola_arena *arena, mola_written_attrs *out)
{
    uint32_t own = state->attr_count, count = 0;
    const mola_attr **sorted = mola_state_sorted(state, arena);
    const mola_attr **made_from = mola_new(arena, const mola_attr *, own);
    mola_attr *columns = mola_new(arena, mola_attr, (size_t)2 * own);
    *out = (mola_written_attrs){.attrs = mola_new(arena, const mola_attr *, (size_t)3 * own),
                                .own_count = own,
                                .texts = mola_new(arena, const mola_attr *, own)};
    if (!sorted || !made_from || !columns || !out->attrs || !out->texts)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < own; i++) {
        out->attrs[i] = sorted[i];
        if (!sorted[i]->has_fts)
            continue;
        mola_analysis analysis = mola_fts_analysis(&sorted[i]->fts);
        columns[count] = column_of(mola_postings_attr(sorted[i]->id, &analysis));
        made_from[count++] = sorted[i];
    }
    add_columns(out, columns, made_from, count, columns + own);
    return MOLA_OK;
}

struct mola_postings_feed {
    mola_heap *heap;
    mola_arena arena; /* of the analyzer */
    mola_analyzer *analyzer;
    mola_postings_builder *builder;
    mola_dictionary_builder *dictionary;
    uint32_t attr; /* what the images are of */
    mola_analysis analysis;
    mola_segment_writer *writer;
    uint32_t attr_index;
    uint32_t given; /* rows */
    bool any_value; /* among those of the builder */
};

mola_postings_feed *mola_postings_feed_new(mola_heap *heap, const mola_attr *text,
                                           mola_segment_writer *writer, uint32_t attr_index,
                                           mola_dictionary_builder *dictionary)
{
    mola_analysis analysis = mola_fts_analysis(&text->fts);
    mola_postings_feed *f = mola_alloc(heap, sizeof *f);
    if (!f)
        return NULL;
    *f = (mola_postings_feed){.heap = heap,
                              .dictionary = dictionary,
                              .attr = text->id,
                              .analysis = analysis,
                              .writer = writer,
                              .attr_index = attr_index};
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

/* An image as the cell of the first of some rows. */
static mola_err add_image(mola_heap *heap, mola_segment_writer *writer, uint32_t attr_index,
                          mola_str image, uint32_t rows)
{
    mola_column_builder b;
    mola_column_builder_init(&b, heap, image_type);
    mola_err err = mola_column_add_value(&b, &(mola_value){.elem = MOLA_ELEM_BYTES, .s = image});
    if (!err)
        err = mola_column_add_absent(&b, rows - 1);
    mola_column run = mola_column_built(&b);
    if (!err)
        err = mola_segment_add(writer, attr_index, &run, rows);
    mola_column_builder_free(&b);
    return err;
}

/* The builder's rows, with a value among them. */
static mola_err write_image(mola_postings_feed *f, mola_str image, uint32_t rows)
{
    mola_postings postings;
    uint32_t window = (f->given - 1) / MOLA_SEGMENT_WINDOW;
    mola_err err = mola_postings_open(image, f->attr, &f->analysis, &postings);
    MOLA_ASSERT(!err && postings.rows == rows);
    mola_dictionary_add(f->dictionary, window, &postings);
    return add_image(f->heap, f->writer, f->attr_index, image, rows);
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
        err = any ? write_image(f, mola_buf_str(&image), rows)
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

mola_dictionary_builder *mola_dictionary_of(mola_heap *heap, const mola_attr *text,
                                            size_t bytes_max)
{
    mola_analysis analysis = mola_fts_analysis(&text->fts);
    return mola_dictionary_builder_new(heap, text->id, &analysis, text->fts.k1, text->fts.b,
                                       bytes_max);
}

mola_err mola_dictionary_write(mola_heap *heap, mola_dictionary_builder *dictionary, uint32_t rows,
                               mola_segment_writer *writer, uint32_t attr_index)
{
    uint32_t windows = (rows + MOLA_SEGMENT_WINDOW - 1) / MOLA_SEGMENT_WINDOW;
    if (windows == 1 || mola_dictionary_is_full(dictionary))
        return mola_segment_add(writer, attr_index, NULL, rows);
    mola_err err = mola_dictionary_arrange(dictionary, windows);
    for (uint32_t s = 0; s < windows && !err; s++) {
        uint32_t left = rows - s * MOLA_SEGMENT_WINDOW;
        mola_buf image;
        mola_buf_init(&image, heap);
        err = mola_dictionary_print(dictionary, s, &image);
        if (!err) {
            err = add_image(heap, writer, attr_index, mola_buf_str(&image),
                            left < MOLA_SEGMENT_WINDOW ? left : MOLA_SEGMENT_WINDOW);
        }
        mola_buf_free(&image);
    }
    return err;
}
