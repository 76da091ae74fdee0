/* Decoding the bytes of a segment into a page: every byte is checked on the way. */
#include "namespace/part.h"
#include "namespace/segment.h"

static const mola_segment_block *block_of(const mola_loading *l, const mola_want *w, size_t i)
{
    MOLA_ASSERT(i < w->block_count);
    return &l->blocks[w->block_first + i];
}

static size_t vector_bytes(const mola_want *w)
{
    return mola_segment_record_bytes(w->attr) - MOLA_BLOCK_TRAILER_BYTES;
}

/* The rows [*first, *first + count) of a window or slice. */
static uint32_t rows_of(const mola_want *w, uint32_t *first)
{
    if (w->kind == MOLA_WANT_SLICE)
        return mola_segment_slice_rows(w->segment, w->attr, w->number, first);
    *first = w->number * MOLA_WINDOW_ROWS;
    return mola_segment_window_rows(w->segment, w->number);
}

/* A slice does not say which rows have a vector: nobody asks it for another. */
static mola_err fill_vectors(mola_loading *l, const mola_want *w, mola_cached_page *page)
{
    uint32_t row, left = rows_of(w, &row);
    bool masked = w->kind == MOLA_WANT_WINDOW && w->attr->present;
    char *out = page->block;
    page->columns[0].column = (mola_column){.type = w->attr->type,
                                            .rows = left,
                                            .present = masked ? w->attr->present + row / 64 : NULL,
                                            .data = page->block};
    for (size_t i = 0; i < w->block_count; i++) {
        uint32_t rows = left;
        (void)mola_segment_records_at(w->attr, row, &rows);
        mola_err err = mola_segment_records_decode(&w->segment->head, w->attr, row, rows,
                                                   block_of(l, w, i)->bytes, out);
        if (err)
            return mola_segment_fail(&l->ask, block_of(l, w, i), err);
        out += rows * vector_bytes(w);
        row += rows;
        left -= rows;
    }
    return MOLA_OK;
}

static mola_err add_page(const mola_loading *l, const mola_want *w, uint32_t page, mola_str bytes,
                         mola_column_builder *b)
{
    mola_arena scratch;
    mola_column column;
    mola_arena_init(&scratch, l->ctx->env->heap, SIZE_MAX);
    mola_err err =
        mola_segment_page_decode(&w->segment->head, w->attr, page, bytes, &scratch, &column);
    if (!err)
        err = mola_column_add_rows(b, &column, 0, column.rows);
    mola_arena_reset(&scratch);
    return err;
}

static mola_err fill_from_pages(mola_loading *l, const mola_want *w, mola_cached_page *page)
{
    mola_cached_column *c = &page->columns[0];
    uint32_t first = w->number, last = w->number;
    if (w->kind == MOLA_WANT_WINDOW)
        mola_segment_pages_of(w->segment, w->attr, w->number, &first, &last);
    mola_column_builder_init(&c->builder, page->heap, w->attr->type);
    for (uint32_t i = first; i <= last; i++) {
        const mola_segment_block *b = block_of(l, w, i - first);
        mola_err err = add_page(l, w, i, b->bytes, &c->builder);
        if (err)
            return mola_segment_fail(&l->ask, b, err);
    }
    c->column = mola_column_built(&c->builder);
    return MOLA_OK;
}

/* Of an attribute that is kept with the documents: from their groups, which are pinned already. */
static mola_err fill_from_groups(const mola_want *w, mola_cached_page *page)
{
    mola_cached_column *c = &page->columns[0];
    uint32_t first, last, index = mola_segment_document_index(w->segment, w->attr);
    uint32_t row = w->number * MOLA_WINDOW_ROWS;
    uint32_t until = row + mola_segment_window_rows(w->segment, w->number);
    mola_segment_pages_of(w->segment, w->attr, w->number, &first, &last);
    mola_column_builder_init(&c->builder, page->heap, w->attr->type);
    mola_err err = MOLA_OK;
    for (uint32_t g = first; g <= last && !err; g++) {
        uint32_t from = w->attr->pages[g].row_first;
        uint32_t end = from + mola_segment_page_rows(&w->segment->head, w->attr, g);
        end = end < until ? end : until;
        const mola_column *column = &w->segment->groups[g]->columns[index].column;
        err = mola_part_add_cells(&c->builder, column->rows ? column : NULL, row - from, end - row);
        row = end;
    }
    c->column = mola_column_built(&c->builder);
    return err;
}

static mola_err fill_group(mola_loading *l, const mola_want *w, mola_cached_page *page)
{
    const mola_segment_block *b = block_of(l, w, 0);
    mola_arena scratch;
    mola_arena_init(&scratch, l->ctx->env->heap, SIZE_MAX);
    mola_column *columns = mola_new(&scratch, mola_column, page->column_count);
    mola_err err = columns ? MOLA_OK : MOLA_NO_MEMORY;
    if (!err) {
        err = mola_segment_group_decode(&w->segment->head, w->number, b->bytes, &scratch, columns);
        err = mola_segment_fail(&l->ask, b, err);
    }
    for (uint32_t i = 0; i < page->column_count && !err; i++) {
        mola_cached_column *c = &page->columns[i];
        if (columns[i].rows == 0)
            continue;
        mola_column_builder_init(&c->builder, page->heap, columns[i].type);
        err = mola_column_add_rows(&c->builder, &columns[i], 0, columns[i].rows);
        c->column = mola_column_built(&c->builder);
    }
    mola_arena_reset(&scratch);
    return err;
}

/* A hash page is kept as it came; the search in it reads it as a block each time. */
static mola_err fill_index(mola_loading *l, const mola_want *w, mola_cached_page *page)
{
    const mola_segment_block *b = block_of(l, w, 0);
    MOLA_ASSERT(b->bytes.len == page->block_size);
    mola_err err = mola_segment_index_check(&w->segment->head, w->number, b->bytes);
    if (err)
        return mola_segment_fail(&l->ask, b, err);
    memcpy(page->block, b->bytes.data, b->bytes.len);
    return MOLA_OK;
}

static mola_err fill_bloom(mola_loading *l, const mola_want *w, mola_cached_page *page)
{
    for (uint32_t i = 0; i < w->block_count; i++) {
        const mola_segment_block *b = block_of(l, w, i);
        mola_err err = mola_segment_bloom_decode(&w->segment->head, i, b->bytes, page->block);
        if (err)
            return mola_segment_fail(&l->ask, b, err);
    }
    return MOLA_OK;
}

static mola_cached_page *new_page(const mola_want *w)
{
    mola_heap *heap = &w->segment->all->views.heap;
    const mola_segment_head *head = &w->segment->head;
    switch (w->kind) {
    case MOLA_WANT_WINDOW:
    case MOLA_WANT_SLICE: {
        bool vectors = w->attr->layout == MOLA_AS_VECTORS;
        uint32_t first, rows = rows_of(w, &first);
        return mola_cached_page_new(heap, 1, vectors ? rows * vector_bytes(w) : 0);
    }
    case MOLA_WANT_GROUP:
        return mola_cached_page_new(heap, mola_segment_document_attrs(head), 0);
    case MOLA_WANT_INDEX:
        return mola_cached_page_new(heap, 0, MOLA_INDEX_PAGE_BYTES);
    default:
        return mola_cached_page_new(heap, 0, head->bloom_words * sizeof(uint64_t));
    }
}

static mola_err fill(mola_loading *l, const mola_want *w, mola_cached_page *page)
{
    switch (w->kind) {
    case MOLA_WANT_WINDOW:
    case MOLA_WANT_SLICE:
        return w->attr->layout == MOLA_AS_VECTORS ? fill_vectors(l, w, page)
               : w->attr->layout == MOLA_AS_PAGES ? fill_from_pages(l, w, page)
                                                  : fill_from_groups(w, page);
    case MOLA_WANT_GROUP:
        return fill_group(l, w, page);
    case MOLA_WANT_INDEX:
        return fill_index(l, w, page);
    default:
        return fill_bloom(l, w, page);
    }
}

mola_err mola_cached_page_make(mola_loading *l, const mola_want *want, mola_cached_page **out)
{
    mola_cached_page *page = new_page(want);
    if (!page)
        return MOLA_NO_MEMORY;
    mola_err err = fill(l, want, page);
    if (err) {
        mola_cached_page_discard(page);
        return err;
    }
    *out = page;
    return MOLA_OK;
}
