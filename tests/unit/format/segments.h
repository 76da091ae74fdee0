/* segments.h - segments in memory for tests: random rows written through the real writer in runs of
 * random lengths, and everything read back page by page through the real decoders. */
#pragma once
#include "format/segment_writer.h"
#include "mola/format/segment.h"

#include "../model/random_rows.h" /* its `out` would be shadowed by theirs */

enum { OBJECTS_MAX = 4096, SEGMENT_ATTRS_MAX = 24 };

typedef struct {
    mola_segment_sink sink;
    mola_buf data[OBJECTS_MAX], head;
    uint32_t count;
    int puts_left; /* -1: no end; else the put after so many good ones fails */
} memory_sink;

static mola_err memory_put(mola_segment_sink *sink, char kind, uint32_t number, mola_str bytes)
{
    memory_sink *m = (memory_sink *)(void *)sink;
    if (m->puts_left >= 0 && m->puts_left-- == 0)
        return MOLA_UNAVAILABLE;
    ck_assert_uint_eq(m->head.len, 0); /* the head comes last */
    mola_buf *to = &m->head;
    if (kind == 'o') {
        ck_assert_uint_eq(number, m->count);
        ck_assert_uint_lt(number, OBJECTS_MAX);
        to = &m->data[m->count++];
        mola_buf_init(to, &heap);
    } else {
        ck_assert_int_eq(kind, 'h');
        ck_assert_uint_eq(number, 0);
    }
    mola_buf_add_str(to, bytes);
    ck_assert(!to->failed);
    return MOLA_OK;
}

__attribute__((unused)) static void memory_init(memory_sink *m)
{
    *m = (memory_sink){.sink = {memory_put}, .puts_left = -1};
    mola_buf_init(&m->head, &heap);
}

__attribute__((unused)) static void memory_free(memory_sink *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        mola_buf_free(&m->data[i]);
    mola_buf_free(&m->head);
    m->count = 0;
}

/* The bytes of an extent, in the arena and aligned as they are in their object. */
__attribute__((unused)) static mola_str bytes_at_extent(const memory_sink *m, mola_extent at)
{
    ck_assert_uint_lt(at.object, m->count);
    const mola_buf *object = &m->data[at.object];
    ck_assert_uint_le(at.offset, object->len);
    ck_assert_uint_le(at.bytes, object->len - at.offset);
    char *copy = mola_arena_alloc(&arena, (size_t)at.bytes + 64, 1, 64);
    ck_assert_ptr_nonnull(copy);
    copy += at.offset % 64;
    memcpy(copy, object->data + at.offset, at.bytes);
    return (mola_str){copy, at.bytes};
}

/* What a segment is made of, and what must come out of it again. */
typedef struct {
    mola_segment_id id;
    uint32_t rows, attr_count;
    mola_type id_type;
    mola_column_builder ids;
    mola_attr attrs[SEGMENT_ATTRS_MAX];
    mola_column_builder values[SEGMENT_ATTRS_MAX];
    size_t object_bytes;
} random_segment;

/* Distinct ids of any type. */
__attribute__((unused)) static void random_ids(chance *c, mola_column_builder *b, uint32_t rows)
{
    uint64_t salt = next_u64(c);
    for (uint32_t r = 0; r < rows; r++) {
        char text[MOLA_ID_BYTES_MAX];
        mola_value id = {.elem = b->type.elem};
        uint64_t unique = (r + salt) * 0x9e3779b97f4a7c15U;
        size_t len = (size_t)snprintf(text, sizeof text, "%x", r);
        if (id.elem == MOLA_ELEM_UINT) {
            id.u = salt & 1 ? r + (salt >> 20) : unique;
        } else if (id.elem == MOLA_ELEM_UUID) {
            memcpy(id.uuid, &unique, 8);
            memcpy(id.uuid + 8, &salt, 8);
        } else {
            size_t more = r % 7 == 3 ? below(c, (uint32_t)(sizeof text - len) + 1) : 0;
            memset(text + len, '-', more);
            id.s = (mola_str){text, len + more};
        }
        ck_assert_int_eq(mola_column_add_value(b, &id), MOLA_OK);
    }
}

/* Rows of an attribute: often dense, sometimes in few places or nowhere. */
__attribute__((unused)) static void random_column(chance *c, mola_column_builder *b, uint32_t rows)
{
    uint32_t how = below(c, 6), left = rows;
    if (how == 0) {
        ck_assert_int_eq(mola_column_add_absent(b, rows), MOLA_OK);
        return;
    }
    if (how == 1) {
        uint32_t lead = below(c, rows + 1);
        ck_assert_int_eq(mola_column_add_absent(b, lead), MOLA_OK);
        left -= lead;
    }
    random_rows(c, b, left, how == 2 ? 0 : how == 3 ? 200 : 3);
    drop_docs();
}

__attribute__((unused)) static void random_segment_init(chance *c, random_segment *s, uint32_t rows,
                                                        uint32_t attrs)
{
    static const char *const ids[] = {"uint", "uuid", "string"};
    *s = (random_segment){.rows = rows, .attr_count = attrs, .id_type = type_of(ids[below(c, 3)])};
    memcpy(s->id.owner, "owner of segment", 16);
    s->id.base = next_u64(c) >> 20;
    s->id.rand = next_u64(c);
    mola_column_builder_init(&s->ids, &heap, s->id_type);
    random_ids(c, &s->ids, rows);
    uint32_t attr = 0;
    for (uint32_t i = 0; i < attrs; i++) {
        attr += 1 + below(c, 3);
        s->attrs[i] = (mola_attr){.id = attr, .type = random_type(c), .filterable = below(c, 2)};
        mola_column_builder_init(&s->values[i], &heap, s->attrs[i].type);
        random_column(c, &s->values[i], rows);
    }
    s->object_bytes = below(c, 2) ? MOLA_SEGMENT_OBJECT_BYTES : (size_t)1 << (12 + below(c, 8));
}

__attribute__((unused)) static void random_segment_free(random_segment *s)
{
    mola_column_builder_free(&s->ids);
    for (uint32_t i = 0; i < s->attr_count; i++)
        mola_column_builder_free(&s->values[i]);
}

/* Rows [first, first + rows) as a column that is not aligned to anything. */
static mola_column run_of(const mola_column_builder *from, mola_column_builder *run, uint32_t first,
                          uint32_t rows)
{
    mola_column all = mola_column_built(from);
    if (first % 64 == 0 && first % 128 == 0)
        return mola_column_slice(&all, first, rows);
    mola_column_builder_free(run);
    mola_column_builder_init(run, &heap, from->type);
    ck_assert_int_eq(mola_column_add_rows(run, &all, first, rows), MOLA_OK);
    return mola_column_built(run);
}

static uint32_t run_length(chance *c, uint32_t left)
{
    uint32_t most = below(c, 3) ? left : left < 100 ? left : 100;
    return 1 + below(c, most);
}

/* Has no row of the run a value? Then the writer may be told so. */
static bool is_absent(const mola_column *run)
{
    for (uint32_t r = 0; r < run->rows; r++)
        if (mola_column_has(run, r))
            return false;
    return true;
}

static mola_err write_documents(chance *c, const random_segment *s, mola_segment_writer *w)
{
    mola_column_builder runs[SEGMENT_ATTRS_MAX];
    mola_column columns[SEGMENT_ATTRS_MAX];
    const mola_column *given[SEGMENT_ATTRS_MAX];
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < s->attr_count; i++)
        mola_column_builder_init(&runs[i], &heap, s->attrs[i].type);
    for (uint32_t first = 0, rows; !err && first < s->rows; first += rows) {
        uint32_t count = 0;
        rows = run_length(c, s->rows - first);
        for (uint32_t i = 0; i < s->attr_count; i++) {
            if (mola_segment_layout_of(&s->attrs[i]) != MOLA_AS_DOCUMENTS)
                continue;
            columns[count] = run_of(&s->values[i], &runs[i], first, rows);
            given[count] = below(c, 2) && is_absent(&columns[count]) ? NULL : &columns[count];
            count++;
        }
        err = mola_segment_add_documents(w, given, rows);
    }
    for (uint32_t i = 0; i < s->attr_count; i++)
        mola_column_builder_free(&runs[i]);
    return err;
}

static mola_err write_column(chance *c, const random_segment *s, mola_segment_writer *w, int attr)
{
    const mola_column_builder *from = attr < 0 ? &s->ids : &s->values[attr];
    mola_column_builder run;
    mola_err err = MOLA_OK;
    mola_column_builder_init(&run, &heap, from->type);
    for (uint32_t first = 0, rows; !err && first < s->rows; first += rows) {
        rows = run_length(c, s->rows - first);
        mola_column column = run_of(from, &run, first, rows);
        bool absent = below(c, 2) && is_absent(&column);
        err = attr < 0 ? mola_segment_add_ids(w, &column)
                       : mola_segment_add(w, (uint32_t)attr, absent ? NULL : &column, rows);
    }
    mola_column_builder_free(&run);
    return err;
}

__attribute__((unused)) static mola_err write_segment_on(mola_heap *of, chance *c,
                                                         const random_segment *s, memory_sink *sink,
                                                         mola_segment_made *made)
{
    const mola_attr *attrs[SEGMENT_ATTRS_MAX];
    mola_segment_writer *w = NULL;
    for (uint32_t i = 0; i < s->attr_count; i++)
        attrs[i] = &s->attrs[i];
    mola_err err = mola_segment_writer_open(of, &s->id, s->rows, s->id_type, attrs, s->attr_count,
                                            &sink->sink, &w);
    if (err)
        return err;
    mola_segment_writer_set_object_bytes(w, s->object_bytes);
    err = write_column(c, s, w, -1);
    for (uint32_t i = 0; !err && i < s->attr_count; i++)
        if (mola_segment_layout_of(&s->attrs[i]) != MOLA_AS_DOCUMENTS)
            err = write_column(c, s, w, (int)i);
    if (!err)
        err = write_documents(c, s, w);
    if (!err)
        err = mola_segment_finish(w, made);
    mola_segment_writer_free(w);
    return err;
}

__attribute__((unused)) static void write_segment(chance *c, const random_segment *s,
                                                  memory_sink *sink, mola_segment_made *made)
{
    ck_assert_int_eq(write_segment_on(&heap, c, s, sink, made), MOLA_OK);
}

/* -- reading ----------------------------------------------------------------------------------- */

static void read_pages(const memory_sink *m, const mola_segment_head *h, const mola_segment_attr *a,
                       mola_column_builder *back)
{
    for (uint32_t page = 0; page < a->page_count; page++) {
        mola_column c;
        ck_assert_uint_eq(a->pages[page].row_first, back->rows);
        ck_assert_uint_eq(mola_segment_page_of(a, back->rows), page);
        ck_assert_int_eq(
            mola_segment_page_decode(h, a, page, bytes_at_extent(m, a->pages[page].at), &arena, &c),
            MOLA_OK);
        ck_assert_uint_eq(c.rows, mola_segment_page_rows(h, a, page));
        ck_assert_int_eq(mola_column_add_rows(back, &c, 0, c.rows), MOLA_OK);
    }
}

static void read_records(chance *c, const memory_sink *m, const mola_segment_head *h,
                         const mola_segment_attr *a, mola_column_builder *back)
{
    size_t vector = mola_segment_record_bytes(a) - 16;
    while (back->rows < h->rows) {
        uint32_t rows = 1 + below(c, h->rows - back->rows), asked = rows;
        mola_extent at = mola_segment_records_at(a, back->rows, &rows);
        ck_assert_uint_le(rows, asked);
        uint8_t *vectors = mola_arena_alloc(&arena, rows, vector, 64);
        ck_assert_int_eq(
            mola_segment_records_decode(h, a, back->rows, rows, bytes_at_extent(m, at), vectors),
            MOLA_OK);
        mola_column one = {.type = a->type, .rows = rows, .data = vectors};
        for (uint32_t r = 0; r < rows; r++) {
            bool has = mola_bit(a->present, back->rows);
            ck_assert_int_eq(has ? mola_column_add_row(back, &one, r)
                                 : mola_column_add_absent(back, 1),
                             MOLA_OK);
        }
    }
}

static void read_groups(const memory_sink *m, const mola_segment_head *h,
                        const mola_segment_attr *a, mola_column_builder *back)
{
    mola_column *columns = mola_new(&arena, mola_column, mola_segment_document_attrs(h));
    uint32_t index = 0;
    for (const mola_segment_attr *before = h->attrs; before < a; before++)
        index += before->layout == MOLA_AS_DOCUMENTS;
    for (uint32_t group = 0; group < a->page_count; group++) {
        uint32_t rows = mola_segment_page_rows(h, a, group);
        mola_str bytes = bytes_at_extent(m, a->pages[group].at);
        ck_assert_int_eq(mola_segment_group_decode(h, group, bytes, &arena, columns), MOLA_OK);
        mola_column *c = &columns[index];
        ck_assert(c->rows == 0 || c->rows == rows);
        ck_assert_int_eq(c->rows ? mola_column_add_rows(back, c, 0, rows)
                                 : mola_column_add_absent(back, rows),
                         MOLA_OK);
    }
}

/* All rows of an attribute, in pieces as they come. */
__attribute__((unused)) static void read_attr(chance *c, const memory_sink *m,
                                              const mola_segment_head *h,
                                              const mola_segment_attr *a, mola_column_builder *back)
{
    if (a->layout == MOLA_AS_PAGES)
        read_pages(m, h, a, back);
    else if (a->layout == MOLA_AS_VECTORS)
        read_records(c, m, h, a, back);
    else
        read_groups(m, h, a, back);
    ck_assert_uint_eq(back->rows, h->rows);
}

__attribute__((unused)) static bool find_id(const memory_sink *m, const mola_segment_head *h,
                                            const mola_value *id, uint32_t *row)
{
    bool found;
    uint32_t page = mola_segment_index_page(h, mola_value_hash(id));
    mola_extent at = mola_segment_index_at(h, page);
    ck_assert_uint_eq(at.bytes, MOLA_INDEX_PAGE_BYTES);
    ck_assert_uint_eq(at.offset % MOLA_INDEX_PAGE_BYTES, 0);
    ck_assert_int_eq(mola_segment_index_find(h, page, bytes_at_extent(m, at), id, &found, row),
                     MOLA_OK);
    return found;
}
