#include "format/segment_writer.h"
#include "mola/base/check.h"

static bool has_lengths(mola_type type)
{
    return type.form != MOLA_FORM_SCALAR || mola_elem_width(type.elem) == 0;
}

/* Empties a builder and keeps its memory. */
static void clear(mola_column_builder *b, mola_type type)
{
    b->type = type;
    b->rows = 0;
    b->any_absent = false;
    b->present.len = b->row_from.len = b->byte_from.len = b->data.len = b->weights.len = 0;
}

static size_t built_bytes(const mola_column_builder *b)
{
    return b->row_from.len + b->byte_from.len + b->data.len + b->weights.len;
}

/* -- pages ------------------------------------------------------------------------------------- */

static mola_err put_block(mola_segment_writer *w, char kind, uint32_t column, mola_buf *places,
                          uint32_t first)
{
    mola_extent at;
    uint32_t block = (uint32_t)(places->len / sizeof(mola_segment_page));
    mola_block_place place = mola_segment_place(&w->id, kind, column, block);
    if (w->plain.failed)
        return MOLA_NO_MEMORY;
    mola_err err = mola_output_begin(&w->output, MOLA_PAGE_ALIGN, &at);
    if (err)
        return err;
    mola_block_write(&w->output.bytes, &place, MOLA_BLOCK_ZSTD, mola_buf_str(&w->plain));
    err = mola_output_end(&w->output, &at);
    if (err)
        return err;
    mola_places_add(places, first, at);
    return places->failed ? MOLA_NO_MEMORY : MOLA_OK;
}

static mola_err widen_zone(mola_writer_attr *a, const mola_column *c)
{
    if (!mola_zone_has(a->type))
        return MOLA_OK;
    size_t end = (a->done / MOLA_SEGMENT_WINDOW + (size_t)1) * sizeof(mola_zone);
    if (a->zones.len < end)
        mola_buf_add_zeros(&a->zones, end - a->zones.len);
    if (a->zones.failed)
        return MOLA_NO_MEMORY;
    mola_zone_widen((mola_zone *)(void *)(a->zones.data + end) - 1, c);
    return MOLA_OK;
}

mola_err mola_writer_put_page(mola_segment_writer *w, mola_writer_attr *a, const mola_column *c)
{
    MOLA_ASSERT(mola_type_eq(c->type, a->type) && c->rows > 0);
    mola_err err = widen_zone(a, c);
    if (err)
        return err;
    w->plain.len = 0;
    mola_segment_add_column(&w->plain, a->attr, c);
    err = put_block(w, MOLA_KIND_PAGE, a->attr, &a->pages, a->done);
    a->done += c->rows;
    return err;
}

static mola_err flush_page(mola_segment_writer *w, mola_writer_attr *a)
{
    mola_column c = mola_column_built(&w->page);
    mola_err err = mola_writer_put_page(w, a, &c);
    clear(&w->page, a->type);
    return err;
}

mola_err mola_writer_add_pages(mola_segment_writer *w, mola_writer_attr *a, const mola_column *run,
                               uint32_t first, uint32_t rows)
{
    uint32_t grain = has_lengths(a->type) ? 64 : MOLA_SEGMENT_WINDOW;
    if (w->page.rows == 0)
        clear(&w->page, a->type);
    while (rows > 0) {
        uint32_t at = a->done + w->page.rows, step = grain - at % grain;
        if (step > rows)
            step = rows;
        mola_err err = run ? mola_column_add_rows(&w->page, run, first, step)
                           : mola_column_add_absent(&w->page, step);
        at += step;
        bool full = at % MOLA_SEGMENT_WINDOW == 0 || at == w->rows ||
                    (at % 64 == 0 && built_bytes(&w->page) >= MOLA_PAGE_PLAIN_BYTES);
        if (!err && full)
            err = flush_page(w, a);
        if (err)
            return err;
        first += step;
        rows -= step;
    }
    return MOLA_OK;
}

/* -- vectors ----------------------------------------------------------------------------------- */

/* `vector` NULL: zeros. */
static mola_err put_record(mola_segment_writer *w, mola_writer_attr *a, const void *vector,
                           size_t size)
{
    mola_extent at;
    uint8_t sum[MOLA_BLOCK_TRAILER_BYTES];
    mola_buf *bytes = &w->output.bytes;
    mola_err err = mola_output_begin(&w->output, 1, &at);
    if (err)
        return err;
    if (vector) {
        mola_buf_add(bytes, vector, size);
    } else {
        mola_buf_add_zeros(bytes, size);
    }
    if (bytes->failed)
        return MOLA_NO_MEMORY;
    mola_block_place place = mola_segment_place(&w->id, MOLA_KIND_VECTOR, a->attr, a->done);
    mola_block_sum(&place, (mola_str){bytes->data + at.offset, size}, sum);
    mola_buf_add(bytes, sum, sizeof sum);
    err = mola_output_end(&w->output, &at);
    if (err)
        return err;
    mola_places_lengthen(&a->pages, a->done, at);
    a->done++;
    return a->pages.failed ? MOLA_NO_MEMORY : MOLA_OK;
}

mola_err mola_writer_add_vectors(mola_segment_writer *w, mola_writer_attr *a,
                                 const mola_column *run, uint32_t rows)
{
    size_t size = a->type.dims * mola_elem_width(a->type.elem);
    if (a->bits.len == 0)
        mola_buf_add_zeros(&a->bits, mola_words(w->rows) * 8);
    if (a->bits.failed)
        return MOLA_NO_MEMORY;
    uint64_t *bits = (uint64_t *)(void *)a->bits.data;
    for (uint32_t r = 0; r < rows; r++) {
        bool has = run && mola_column_has(run, r);
        a->present += has;
        bits[a->done / 64] |= (uint64_t)has << a->done % 64;
        mola_err err = put_record(w, a, has ? mola_column_vector(run, r) : NULL, size);
        if (err)
            return err;
    }
    return MOLA_OK;
}

/* -- documents --------------------------------------------------------------------------------- */

static mola_err flush_group(mola_segment_writer *w)
{
    uint32_t rows = 0, document = 0;
    w->plain.len = 0;
    for (uint32_t i = 0; i < w->attr_count; i++) {
        mola_writer_attr *a = &w->attrs[i];
        if (a->layout != MOLA_AS_DOCUMENTS)
            continue;
        mola_column_builder *b = &w->group[document++];
        mola_column c = mola_column_built(b);
        rows = c.rows;
        bool any = !c.present;
        for (size_t word = 0; !any && word < mola_words(rows); word++)
            any = c.present[word] != 0;
        if (any) {
            MOLA_ASSERT(mola_type_eq(c.type, a->type));
            mola_segment_add_column(&w->plain, a->attr, &c);
            a->any_value = true;
        }
        clear(b, a->type);
    }
    mola_err err = put_block(w, MOLA_KIND_GROUP, 0, &w->groups, w->group_done);
    w->group_done += rows;
    w->group_bytes = 0;
    return err;
}

/* How many of the rows [first, first + rows) still come into the group; counts their bytes. */
static uint32_t rows_that_fit(mola_segment_writer *w, const mola_column *const *runs,
                              uint32_t first, uint32_t rows)
{
    uint32_t count = 0;
    while (count < rows && w->group_bytes < MOLA_GROUP_PLAIN_BYTES) {
        for (uint32_t i = 0; i < w->document_count; i++) {
            const mola_column *run = runs ? runs[i] : NULL;
            w->group_bytes += run ? mola_column_row_bytes(run, first + count) : 0;
        }
        count++;
    }
    return count;
}

mola_err mola_writer_add_group_rows(mola_segment_writer *w, const mola_column *const *runs,
                                    uint32_t rows)
{
    mola_err err = MOLA_OK;
    for (uint32_t first = 0; first < rows;) {
        uint32_t at = w->group_done + w->group[0].rows;
        uint32_t step = MOLA_SEGMENT_WINDOW - at % MOLA_SEGMENT_WINDOW;
        if (step > rows - first)
            step = rows - first;
        step = rows_that_fit(w, runs, first, step);
        for (uint32_t i = 0; !err && i < w->document_count; i++) {
            const mola_column *run = runs ? runs[i] : NULL;
            err = run ? mola_column_add_rows(&w->group[i], run, first, step)
                      : mola_column_add_absent(&w->group[i], step);
        }
        first += step;
        at += step;
        bool full = at % MOLA_SEGMENT_WINDOW == 0 || at == w->rows ||
                    w->group_bytes >= MOLA_GROUP_PLAIN_BYTES;
        if (!err && full)
            err = flush_group(w);
        if (err)
            return err;
    }
    return MOLA_OK;
}
