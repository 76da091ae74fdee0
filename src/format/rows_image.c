#include "format/rows_image.h"
#include "format/blob.h"
#include "format/column_check.h"
#include "format/image.h"
#include "mola/base/check.h"

enum { HEAD_BYTES = 16, VECTOR_ALIGN = 64, HAS_PRESENT = 1, HAS_GIVEN = 2 };

/* What stands in for parts of no bytes. */
static const uint64_t nothing[1] = {0};

/* Where the parts of a column's plain bytes are, each on 8 bytes; `bytes` in all without `data`. */
typedef struct {
    uint64_t present, given, row_from, byte_from, weights, data;
    uint64_t vectors;  /* bytes of raw vectors beside them */
    uint64_t elements; /* of data, weights and byte_from */
    bool has_rows, has_bytes;
    uint64_t width; /* of an element in data; 0: none there, or lengths of their own */
} layout;

static uint64_t part(uint64_t *end, uint64_t size)
{
    uint64_t from = *end;
    *end = (from + size + 7) & ~UINT64_C(7);
    return from;
}

/* rows and elements are 32 bits and dims 14, so nothing here overflows 64. */
static layout lay_out(mola_type type, unsigned flags, uint32_t rows, uint32_t elements)
{
    layout l = {0};
    uint64_t bits = mola_words(rows) * 8, end = 0;
    bool vector = mola_type_is_vector(type);
    l.has_rows = type.form == MOLA_FORM_ARRAY || type.form == MOLA_FORM_MULTI ||
                 type.form == MOLA_FORM_SPARSE;
    l.has_bytes = type.form == MOLA_FORM_SPARSE || type.elem == MOLA_ELEM_STRING ||
                  type.elem == MOLA_ELEM_BYTES;
    l.elements = l.has_rows ? elements : rows;
    l.width = l.has_bytes || vector ? 0 : mola_elem_width(type.elem);
    l.vectors = vector ? l.elements * type.dims * mola_elem_width(type.elem) : 0;
    l.present = part(&end, flags & HAS_PRESENT ? bits : 0);
    l.given = part(&end, flags & HAS_GIVEN ? bits : 0);
    l.row_from = part(&end, l.has_rows ? ((uint64_t)rows + 1) * 4 : 0);
    l.byte_from = part(&end, l.has_bytes ? (l.elements + 1) * 4 : 0);
    l.weights = part(&end, type.form == MOLA_FORM_SPARSE ? l.elements * 2 : 0);
    l.data = end;
    return l;
}

/* -- encoding ---------------------------------------------------------------------------------- */

static void add_bits(mola_buf *out, const uint64_t *bits, uint32_t rows)
{
    if (!bits)
        return;
    size_t from = out->len;
    mola_buf_add(out, bits, mola_words(rows) * 8);
    if (!out->failed && rows % 64) { /* beyond the rows a slice has bits of others */
        uint64_t *words = (uint64_t *)(void *)(out->data + from);
        words[rows / 64] &= (UINT64_C(1) << rows % 64) - 1;
    }
}

static void pad(mola_buf *out, size_t align)
{
    mola_buf_add_zeros(out, (align - out->len % align) % align);
}

/* Offsets as lengths behind a zero, which pack better and turn back into offsets in place. */
static void add_lengths(mola_buf *out, const uint32_t *offsets, uint32_t count)
{
    char *at = mola_buf_reserve(out, ((size_t)count + 1) * 4);
    if (!at)
        return;
    memset(at, 0, 4);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = offsets[i + 1] - offsets[i];
        memcpy(at + ((size_t)i + 1) * 4, &length, 4);
    }
    out->len += ((size_t)count + 1) * 4;
    pad(out, 8);
}

/* Everything of a column but its vectors. */
static void add_plain(mola_buf *out, const mola_row_column *rc, const layout *l, uint32_t first)
{
    const mola_column *c = &rc->column;
    uint32_t count = (uint32_t)l->elements;
    add_bits(out, c->present, c->rows);
    add_bits(out, rc->given, c->rows);
    if (l->has_rows)
        add_lengths(out, c->row_from, c->rows);
    if (l->has_bytes)
        add_lengths(out, c->byte_from + first, count);
    if (c->type.form == MOLA_FORM_SPARSE) {
        mola_buf_add(out, c->weights + first, (size_t)count * 2);
        pad(out, 8);
    }
    MOLA_ASSERT(out->failed || out->len == l->data);
    if (l->has_bytes && count) {
        mola_buf_add(out, c->data + c->byte_from[first],
                     c->byte_from[first + count] - c->byte_from[first]);
    } else if (l->width) {
        mola_buf_add(out, c->data + first * l->width, count * l->width);
    }
}

static void encode_column(mola_buf *out, mola_buf *scratch, const mola_row_column *rc)
{
    const mola_column *c = &rc->column;
    unsigned flags = (c->present ? HAS_PRESENT : 0) | (rc->given ? HAS_GIVEN : 0);
    bool has_rows = lay_out(c->type, flags, c->rows, 0).has_rows;
    uint32_t first = has_rows ? c->row_from[0] : 0;
    uint32_t elements = has_rows ? c->row_from[c->rows] - first : 0;
    layout l = lay_out(c->type, flags, c->rows, elements);
    mola_add_u32(out, rc->attr);
    mola_add_u8(out, c->type.form);
    mola_add_u8(out, c->type.elem);
    mola_add_u16(out, (uint16_t)flags);
    mola_add_u32(out, c->type.dims);
    mola_add_u32(out, elements);
    scratch->len = 0;
    add_plain(scratch, rc, &l, first);
    mola_blob_add(out, mola_buf_str(scratch));
    if (l.vectors) {
        pad(out, VECTOR_ALIGN);
        mola_buf_add(out, mola_column_vector(c, first), l.vectors);
    }
}

void mola_rows_encode(mola_buf *out, const mola_rows *rows)
{
    if (rows->count == 0)
        return;
    mola_buf scratch;
    mola_buf_init(&scratch, out->heap);
    mola_blob_add(out, (mola_str){(const char *)rows->ops, rows->count});
    mola_row_column ids = {.attr = MOLA_ATTR_ID, .column = rows->ids};
    MOLA_ASSERT(rows->ids.rows == rows->count);
    encode_column(out, &scratch, &ids);
    for (uint32_t i = 0; i < rows->column_count; i++) {
        const mola_row_column *rc = &rows->columns[i];
        MOLA_ASSERT(rc->attr > (i ? rows->columns[i - 1].attr : MOLA_ATTR_ID));
        MOLA_ASSERT(rc->column.rows == rows->count);
        encode_column(out, &scratch, rc);
    }
    out->failed = out->failed || scratch.failed;
    mola_buf_free(&scratch);
}

/* -- decoding ---------------------------------------------------------------------------------- */

mola_entry_memory *mola_entry_memory_new(mola_heap *heap, uint32_t room)
{
    size_t size = sizeof(mola_entry_memory) + room * sizeof(mola_entry_block);
    mola_entry_memory *memory = mola_alloc(heap, size);
    if (!memory)
        return NULL;
    memory->size = memory->bytes = size;
    memory->room = room;
    return memory;
}

void *mola_entry_take(mola_heap *heap, mola_entry_memory *memory, size_t size)
{
    MOLA_ASSERT(memory->count < memory->room);
    size += size == 0;
    void *bytes = mola_realloc(heap, NULL, 0, size); /* unlike mola_alloc: not zeroed */
    if (!bytes)
        return NULL;
    memory->blocks[memory->count++] = (mola_entry_block){bytes, size};
    memory->bytes += size;
    return bytes;
}

void mola_entry_free(mola_heap *heap, mola_entry_memory *memory)
{
    if (!memory)
        return;
    for (uint32_t i = 0; i < memory->count; i++)
        mola_free(heap, memory->blocks[i].bytes, memory->blocks[i].size);
    mola_free(heap, memory, memory->size);
}

size_t mola_entry_memory_bytes(const mola_entry_memory *memory)
{
    return memory->bytes;
}

/* Lengths behind a zero to offsets, in place. false: they are not `count` lengths of `total` in
 * all. */
static bool sum_lengths(uint32_t *offsets, uint64_t count, uint64_t total)
{
    uint64_t sum = 0;
    if (offsets[0] != 0)
        return false;
    for (uint64_t i = 1; i <= count; i++) {
        sum += offsets[i];
        if (sum > total)
            return false;
        offsets[i] = (uint32_t)sum;
    }
    return sum == total;
}

/* The padding behind each part: what is not mapped is zero. */
static bool gaps_ok(const char *plain, const layout *l, mola_type type, uint32_t rows)
{
    uint64_t row_end = l->row_from + (l->has_rows ? ((uint64_t)rows + 1) * 4 : 0);
    uint64_t byte_end = l->byte_from + (l->has_bytes ? (l->elements + 1) * 4 : 0);
    uint64_t weight_end = l->weights + (type.form == MOLA_FORM_SPARSE ? l->elements * 2 : 0);
    return mola_is_zero(plain + row_end, l->byte_from - row_end) &&
           mola_is_zero(plain + byte_end, l->weights - byte_end) &&
           mola_is_zero(plain + weight_end, l->data - weight_end);
}

typedef struct {
    mola_heap *heap;
    mola_str image;
    mola_cursor *c;
    mola_entry_memory *memory;
    uint32_t rows;
} decoder;

/* Points the column at its parts. `plain` holds plain_bytes that lay_out has explained. */
static bool view_parts(const decoder *d, char *plain, uint64_t plain_bytes, const layout *l,
                       unsigned flags, mola_row_column *rc)
{
    mola_column *c = &rc->column;
    uint64_t data_bytes = plain_bytes - l->data;
    if (!gaps_ok(plain, l, c->type, d->rows))
        return false;
    if (flags & HAS_PRESENT)
        c->present = (const uint64_t *)(const void *)(plain + l->present);
    if (flags & HAS_GIVEN)
        rc->given = (const uint64_t *)(const void *)(plain + l->given);
    if (l->has_rows) {
        uint32_t *row_from = (uint32_t *)(void *)(plain + l->row_from);
        if (!sum_lengths(row_from, d->rows, l->elements))
            return false;
        c->row_from = row_from;
    }
    if (l->has_bytes) {
        uint32_t *byte_from = (uint32_t *)(void *)(plain + l->byte_from);
        if (!sum_lengths(byte_from, l->elements, data_bytes))
            return false;
        c->byte_from = byte_from;
    }
    c->data = (const uint8_t *)(data_bytes ? plain + l->data : (const char *)nothing);
    c->weights = (const uint16_t *)(const void *)nothing;
    if (c->type.form == MOLA_FORM_SPARSE && l->elements)
        c->weights = (const uint16_t *)(const void *)(plain + l->weights);
    return true;
}

static bool view_vectors(const decoder *d, const layout *l, mola_column *c)
{
    if (l->vectors == 0)
        return true;
    size_t at = (size_t)(d->c->rest.data - d->image.data);
    mola_str gap = mola_take(d->c, (VECTOR_ALIGN - at % VECTOR_ALIGN) % VECTOR_ALIGN);
    if (d->c->bad || l->vectors > d->c->rest.len || !mola_is_zero(gap.data, gap.len))
        return false;
    c->data = (const uint8_t *)mola_take(d->c, (size_t)l->vectors).data;
    return true;
}

static mola_err decode_column(const decoder *d, mola_row_column *rc)
{
    mola_type type = {0};
    mola_blob blob;
    uint32_t attr = mola_take_u32(d->c);
    type.form = mola_take_u8(d->c);
    type.elem = mola_take_u8(d->c);
    uint16_t flags = mola_take_u16(d->c);
    type.dims = mola_take_u32(d->c);
    uint32_t elements = mola_take_u32(d->c);
    if (d->c->bad || (flags & ~(HAS_PRESENT | HAS_GIVEN)) || !mola_type_ok(type) ||
        !mola_blob_take(d->c, &blob))
        return MOLA_CORRUPT;
    layout l = lay_out(type, flags, d->rows, elements);
    uint64_t fixed = l.data + l.elements * l.width;
    bool good = l.has_bytes ? blob.plain_bytes >= fixed : blob.plain_bytes == fixed;
    if (!good || (!l.has_rows && elements) || (type.elem == MOLA_ELEM_UNKNOWN && elements) ||
        blob.plain_bytes - l.data > UINT32_MAX || l.vectors > UINT32_MAX)
        return MOLA_CORRUPT;
    char *plain = mola_entry_take(d->heap, d->memory, blob.plain_bytes);
    if (!plain)
        return MOLA_NO_MEMORY;
    mola_err err = mola_blob_unpack(&blob, plain);
    if (err)
        return err;
    *rc = (mola_row_column){.attr = attr, .column = {.type = type, .rows = d->rows}};
    if (!view_parts(d, plain, blob.plain_bytes, &l, flags, rc) || !view_vectors(d, &l, &rc->column))
        return MOLA_CORRUPT;
    return MOLA_OK;
}

static bool ops_ok(const uint8_t *ops, uint32_t count)
{
    bool good = true;
    for (uint32_t i = 0; i < count; i++)
        good = good && ops[i] >= MOLA_OP_UPSERT && ops[i] <= MOLA_OP_DELETE;
    return good;
}

static mola_err decode_ops(const decoder *d, const uint8_t **out)
{
    mola_blob blob;
    if (!mola_blob_take(d->c, &blob) || blob.plain_bytes != d->rows)
        return MOLA_CORRUPT;
    uint8_t *ops = mola_entry_take(d->heap, d->memory, blob.plain_bytes);
    if (!ops)
        return MOLA_NO_MEMORY;
    mola_err err = mola_blob_unpack(&blob, ops);
    *out = ops;
    return err || ops_ok(ops, d->rows) ? err : MOLA_CORRUPT;
}

static mola_err decode_columns(const decoder *d, mola_rows *out)
{
    mola_row_column *columns =
        mola_entry_take(d->heap, d->memory, out->column_count * sizeof *columns);
    if (!columns)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < out->column_count; i++) {
        mola_err err = decode_column(d, &columns[i]);
        if (err)
            return err;
        if ((i && columns[i].attr <= columns[i - 1].attr) ||
            !mola_row_column_ok(&columns[i], out->ops))
            return MOLA_CORRUPT;
    }
    out->columns = columns;
    return MOLA_OK;
}

mola_err mola_rows_decode(mola_heap *heap, mola_str image, mola_cursor *c, uint32_t ops,
                          uint32_t columns, mola_entry_memory *memory, mola_rows *out)
{
    decoder d = {heap, image, c, memory, ops};
    *out = (mola_rows){.count = ops, .column_count = columns};
    if (ops == 0)
        return columns == 0 && c->rest.len == 0 ? MOLA_OK : MOLA_CORRUPT;
    if (columns > c->rest.len / HEAD_BYTES)
        return MOLA_CORRUPT;
    mola_row_column ids;
    mola_err err = decode_ops(&d, &out->ops);
    if (!err)
        err = decode_column(&d, &ids);
    if (!err && (ids.attr != MOLA_ATTR_ID || ids.given || !mola_ids_ok(&ids.column)))
        err = MOLA_CORRUPT;
    if (!err) {
        out->ids = ids.column;
        err = decode_columns(&d, out);
    }
    return !err && c->rest.len != 0 ? MOLA_CORRUPT : err;
}
