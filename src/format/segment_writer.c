#include "format/segment_writer.h"
#include "mola/base/check.h"

static void init_attr(mola_segment_writer *w, mola_writer_attr *a, uint32_t id, mola_type type,
                      mola_segment_layout layout)
{
    *a = (mola_writer_attr){.attr = id, .type = type, .layout = layout};
    mola_buf_init(&a->pages, w->heap);
    mola_buf_init(&a->zones, w->heap);
    mola_buf_init(&a->bits, w->heap);
}

static size_t writer_size(uint32_t attr_count)
{
    return sizeof(mola_segment_writer) + attr_count * sizeof(mola_writer_attr);
}

mola_err mola_segment_writer_open(mola_heap *heap, const mola_segment_id *id, uint32_t rows,
                                  mola_type id_type, const mola_attr *const *attrs,
                                  uint32_t attr_count, mola_segment_sink *sink,
                                  mola_segment_writer **out)
{
    MOLA_ASSERT(rows > 0 && rows <= MOLA_SEGMENT_ROWS_MAX && mola_segment_id_type_ok(id_type));
    mola_segment_writer *w = mola_alloc(heap, writer_size(attr_count + 1));
    if (!w)
        return MOLA_NO_MEMORY;
    *w = (mola_segment_writer){.heap = heap, .id = *id, .rows = rows, .attr_count = attr_count + 1};
    mola_output_init(&w->output, heap, sink);
    mola_buf_init(&w->plain, heap);
    mola_buf_init(&w->groups, heap);
    mola_column_builder_init(&w->ids, heap, id_type);
    mola_column_builder_init(&w->page, heap, id_type);
    init_attr(w, &w->attrs[0], MOLA_ATTR_ID, id_type, MOLA_AS_PAGES);
    for (uint32_t i = 0; i < attr_count; i++) {
        MOLA_ASSERT(attrs[i]->id > w->attrs[i].attr);
        mola_segment_layout layout = mola_segment_layout_of(attrs[i]);
        init_attr(w, &w->attrs[i + 1], attrs[i]->id, attrs[i]->type, layout);
        w->document_count += layout == MOLA_AS_DOCUMENTS;
    }
    w->group = mola_alloc_array(heap, mola_column_builder, w->document_count);
    if (w->document_count && !w->group) {
        mola_segment_writer_free(w);
        return MOLA_NO_MEMORY;
    }
    for (uint32_t i = 0, document = 0; i < w->attr_count; i++) {
        if (w->attrs[i].layout == MOLA_AS_DOCUMENTS)
            mola_column_builder_init(&w->group[document++], heap, w->attrs[i].type);
    }
    *out = w;
    return MOLA_OK;
}

void mola_segment_writer_free(mola_segment_writer *w)
{
    if (!w)
        return;
    for (uint32_t i = 0; i < w->attr_count; i++) {
        mola_buf_free(&w->attrs[i].pages);
        mola_buf_free(&w->attrs[i].zones);
        mola_buf_free(&w->attrs[i].bits);
    }
    for (uint32_t i = 0; w->group && i < w->document_count; i++)
        mola_column_builder_free(&w->group[i]);
    mola_free(w->heap, w->group, w->document_count * sizeof *w->group);
    mola_column_builder_free(&w->ids);
    mola_column_builder_free(&w->page);
    mola_buf_free(&w->groups);
    mola_buf_free(&w->plain);
    mola_output_free(&w->output);
    mola_free(w->heap, w, writer_size(w->attr_count));
}

void mola_segment_writer_set_object_bytes(mola_segment_writer *w, size_t bytes)
{
    MOLA_ASSERT(w->ids.rows == 0 && bytes > 0);
    w->output.object_bytes = bytes;
}

/* -- what comes in ------------------------------------------------------------------------------
 */

static uint64_t count_present(const mola_column *c)
{
    uint64_t count = 0;
    if (!c->present)
        return c->rows;
    for (uint32_t r = 0; r < c->rows; r += 64) {
        uint64_t word = c->present[r / 64];
        if (c->rows - r < 64)
            word &= (UINT64_C(1) << (c->rows - r)) - 1;
        count += (uint64_t)__builtin_popcountll(word);
    }
    return count;
}

/* Of all rows, as mola_column_row_bytes counts them; absent rows have no element and no byte. */
static uint64_t bytes_of(const mola_column *c)
{
    uint64_t width = mola_elem_width(c->type.elem);
    uint32_t first = 0, until = c->rows;
    if (c->rows == 0 || c->type.elem == MOLA_ELEM_UNKNOWN)
        return 0;
    if (c->row_from) {
        first = c->row_from[0];
        until = c->row_from[c->rows];
    }
    if (c->type.form == MOLA_FORM_SPARSE)
        return c->byte_from[until] - c->byte_from[first] + (until - first) * width;
    if (width == 0)
        return c->byte_from[until] - c->byte_from[first];
    uint64_t elements = c->row_from ? until - first : count_present(c);
    return elements * width * (mola_type_is_vector(c->type) ? c->type.dims : 1);
}

/* A writer that has failed does nothing more. */
static mola_err keep(mola_segment_writer *w, mola_err err)
{
    w->err = err;
    return err;
}

static mola_err put_ids(mola_segment_writer *w)
{
    mola_column ids = mola_column_built(&w->ids);
    mola_writer_attr *a = &w->attrs[0];
    mola_output_section(&w->output);
    a->any_value = true;
    while (a->done < w->rows) {
        uint32_t left = w->rows - a->done;
        mola_column page = mola_column_slice(
            &ids, a->done, left < MOLA_SEGMENT_WINDOW ? left : MOLA_SEGMENT_WINDOW);
        mola_err err = mola_writer_put_page(w, a, &page);
        if (err)
            return err;
    }
    return MOLA_OK;
}

mola_err mola_segment_add_ids(mola_segment_writer *w, const mola_column *run)
{
    mola_writer_attr *a = &w->attrs[0];
    if (w->err)
        return w->err;
    MOLA_ASSERT(run->rows <= w->rows - a->given && mola_type_eq(run->type, a->type));
    MOLA_ASSERT(count_present(run) == run->rows);
    mola_column all = *run;
    all.present = NULL;
    a->given += run->rows;
    w->logical_bytes += bytes_of(&all);
    mola_err err = mola_column_add_rows(&w->ids, &all, 0, run->rows);
    if (!err && a->given == w->rows)
        err = put_ids(w);
    return keep(w, err);
}

static bool type_fits(mola_type have, mola_type want)
{
    return mola_type_eq(have, want) ||
           (have.form == MOLA_FORM_ARRAY && have.elem == MOLA_ELEM_UNKNOWN &&
            want.form == MOLA_FORM_ARRAY);
}

static mola_err add(mola_segment_writer *w, mola_writer_attr *a, const mola_column *run,
                    uint32_t rows)
{
    if (!a->any_value) {
        if (!run || count_present(run) == 0)
            return MOLA_OK; /* put off */
        a->any_value = true;
        mola_output_section(&w->output);
        uint32_t lead = a->given - rows;
        mola_err err = a->layout == MOLA_AS_VECTORS ? mola_writer_add_vectors(w, a, NULL, lead)
                                                    : mola_writer_add_pages(w, a, NULL, 0, lead);
        if (err)
            return err;
    }
    if (a->layout == MOLA_AS_VECTORS)
        return mola_writer_add_vectors(w, a, run, rows);
    return mola_writer_add_pages(w, a, run, 0, rows);
}

mola_err mola_segment_add(mola_segment_writer *w, uint32_t attr_index, const mola_column *run,
                          uint32_t rows)
{
    uint32_t index = attr_index + 1;
    MOLA_ASSERT(index < w->attr_count);
    mola_writer_attr *a = &w->attrs[index], *before = &w->attrs[w->current];
    if (w->err || rows == 0)
        return w->err;
    MOLA_ASSERT(index >= w->current && w->attrs[0].given == w->rows);
    MOLA_ASSERT(index == w->current || before->given == w->rows);
    MOLA_ASSERT(a->layout != MOLA_AS_DOCUMENTS && rows <= w->rows - a->given);
    MOLA_ASSERT(!run || (run->rows == rows && type_fits(run->type, a->type)));
    w->current = index;
    a->given += rows;
    if (!(a->attr & MOLA_ATTR_DERIVED)) /* nobody wrote it */
        w->logical_bytes += run ? bytes_of(run) : 0;
    return keep(w, add(w, a, run, rows));
}

mola_err mola_segment_add_documents(mola_segment_writer *w, const mola_column *const *runs,
                                    uint32_t rows)
{
    if (w->err || rows == 0 || w->document_count == 0)
        return w->err;
    MOLA_ASSERT(w->attrs[w->current].given == w->rows && rows <= w->rows - w->group_given);
    bool any = false;
    for (uint32_t i = 0; i < w->document_count; i++) {
        MOLA_ASSERT(!runs[i] ||
                    (runs[i]->rows == rows && type_fits(runs[i]->type, w->group[i].type)));
        w->logical_bytes += runs[i] ? bytes_of(runs[i]) : 0;
        any = any || (runs[i] && count_present(runs[i]));
    }
    uint32_t lead = w->group_given;
    w->group_given += rows;
    mola_err err = MOLA_OK;
    if (any && !w->any_document) { /* rows before the first value were put off, as in `add` */
        w->any_document = true;
        mola_output_section(&w->output);
        err = mola_writer_add_group_rows(w, NULL, lead);
    }
    if (!err && w->any_document)
        err = mola_writer_add_group_rows(w, runs, rows);
    return keep(w, err);
}

/* -- the end ----------------------------------------------------------------------------------- */

static void describe(const mola_segment_writer *w, const mola_writer_attr *a,
                     mola_segment_attr *out)
{
    const mola_buf *pages = a->layout == MOLA_AS_DOCUMENTS ? &w->groups : &a->pages;
    *out = (mola_segment_attr){.attr = a->attr,
                               .type = a->type,
                               .layout = a->layout,
                               .page_count = (uint32_t)(pages->len / sizeof(mola_segment_page)),
                               .pages = (const mola_segment_page *)(const void *)pages->data,
                               .any_value = true};
    if (a->zones.len)
        out->zones = (const mola_zone *)(const void *)a->zones.data;
    if (a->layout == MOLA_AS_VECTORS && a->present < w->rows)
        out->present = (const uint64_t *)(const void *)a->bits.data;
}

static void check_complete(const mola_segment_writer *w)
{
    MOLA_ASSERT(w->attrs[0].given == w->rows);
    for (uint32_t i = 1; i < w->attr_count; i++) {
        const mola_writer_attr *a = &w->attrs[i];
        MOLA_IMPLIES(a->layout != MOLA_AS_DOCUMENTS, a->given == w->rows || a->given == 0);
        MOLA_IMPLIES(a->layout != MOLA_AS_DOCUMENTS && a->any_value, a->done == w->rows);
    }
    MOLA_ASSERT(w->group_given == w->rows || w->group_given == 0);
    MOLA_IMPLIES(w->any_document, w->group_done == w->rows);
}

static mola_err put_head(mola_segment_writer *w, const mola_index_places *index,
                         mola_segment_attr *attrs, mola_segment_made *out)
{
    const mola_segment_output *o = &w->output;
    mola_segment_head head = {
        .id = w->id,
        .rows = w->rows,
        .attrs = attrs,
        .object_count = o->number,
        .objects = (const mola_segment_object *)(const void *)o->objects.data,
        .index_page_count = index->page_count,
        .index_run_count = (uint32_t)(index->runs.len / sizeof(mola_segment_page)),
        .index_runs = (const mola_segment_page *)(const void *)index->runs.data,
        .bloom_words = index->bloom_words,
        .bloom_block_count = (uint32_t)(index->blocks.len / sizeof(mola_extent)),
        .bloom_blocks = (const mola_extent *)(const void *)index->blocks.data,
        .logical_bytes = w->logical_bytes,
    };
    for (uint32_t i = 0; i < w->attr_count; i++) {
        if (w->attrs[i].any_value)
            describe(w, &w->attrs[i], &attrs[head.attr_count++]);
    }
    w->plain.len = 0;
    mola_segment_head_encode(&w->plain, &head);
    if (w->plain.failed)
        return MOLA_NO_MEMORY;
    *out = (mola_segment_made){.head_bytes = w->plain.len,
                               .data_bytes = o->data_bytes,
                               .object_count = o->number,
                               .logical_bytes = w->logical_bytes};
    return o->sink->put(o->sink, 'h', 0, mola_buf_str(&w->plain));
}

static mola_err finish(mola_segment_writer *w, mola_index_places *index, mola_segment_made *out)
{
    mola_column ids = mola_column_built(&w->ids);
    mola_err err = mola_index_write(&w->output, &w->id, &ids, index);
    if (!err)
        err = mola_output_close(&w->output);
    if (err)
        return err;
    mola_segment_attr *attrs = mola_alloc_array(w->heap, mola_segment_attr, w->attr_count);
    if (!attrs)
        return MOLA_NO_MEMORY;
    err = put_head(w, index, attrs, out);
    mola_free(w->heap, attrs, w->attr_count * sizeof *attrs);
    return err;
}

mola_err mola_segment_finish(mola_segment_writer *w, mola_segment_made *out)
{
    if (w->err)
        return w->err;
    check_complete(w);
    mola_index_places index = {0};
    mola_buf_init(&index.runs, w->heap);
    mola_buf_init(&index.blocks, w->heap);
    mola_err err = finish(w, &index, out);
    mola_buf_free(&index.runs);
    mola_buf_free(&index.blocks);
    return keep(w, err);
}
