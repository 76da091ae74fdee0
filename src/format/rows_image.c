#include "format/rows_image.h"
#include "format/blob.h"
#include "format/column_check.h"
#include "format/column_image.h"
#include "format/image.h"
#include "mola/base/check.h"

enum { HEAD_BYTES = 16, VECTOR_ALIGN = 64 };

/* -- encoding ---------------------------------------------------------------------------------- */

static void encode_column(mola_buf *out, mola_buf *scratch, const mola_row_column *rc)
{
    const mola_column *c = &rc->column;
    unsigned flags = (c->present ? MOLA_COLUMN_PRESENT : 0) | (rc->given ? MOLA_COLUMN_GIVEN : 0);
    mola_column_layout l = mola_column_lay_out(c->type, flags, c->rows, 0);
    uint32_t first = mola_column_first(c, &l);
    uint32_t elements = l.has_rows ? c->row_from[c->rows] - first : 0;
    l = mola_column_lay_out(c->type, flags, c->rows, elements);
    mola_add_u32(out, rc->attr);
    mola_add_u8(out, c->type.form);
    mola_add_u8(out, c->type.elem);
    mola_add_u16(out, (uint16_t)flags);
    mola_add_u32(out, c->type.dims);
    mola_add_u32(out, elements);
    scratch->len = 0;
    mola_column_add_plain(scratch, c, rc->given, &l);
    mola_blob_add(out, mola_buf_str(scratch));
    if (l.vectors) {
        mola_buf_pad(out, VECTOR_ALIGN);
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

typedef struct {
    mola_heap *heap;
    mola_str image;
    mola_cursor *c;
    mola_entry_memory *memory;
    uint32_t rows;
} decoder;

static bool view_vectors(const decoder *d, const mola_column_layout *l, mola_column *c)
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
    if (d->c->bad || (flags & ~(MOLA_COLUMN_PRESENT | MOLA_COLUMN_GIVEN)) || !mola_type_ok(type) ||
        !mola_blob_take(d->c, &blob))
        return MOLA_CORRUPT;
    mola_column_layout l = mola_column_lay_out(type, flags, d->rows, elements);
    if (!mola_column_sizes_ok(&l, type, elements, blob.plain_bytes))
        return MOLA_CORRUPT;
    char *plain = mola_entry_take(d->heap, d->memory, blob.plain_bytes);
    if (!plain)
        return MOLA_NO_MEMORY;
    mola_err err = mola_blob_unpack(&blob, plain);
    if (err)
        return err;
    *rc = (mola_row_column){.attr = attr, .column = {.type = type, .rows = d->rows}};
    uint32_t *row_from = (uint32_t *)(void *)(plain + l.row_from);
    uint32_t *byte_from = (uint32_t *)(void *)(plain + l.byte_from);
    bool good = mola_column_view(plain, blob.plain_bytes, &l, flags, row_from, byte_from,
                                 &rc->column, &rc->given);
    return good && view_vectors(d, &l, &rc->column) ? MOLA_OK : MOLA_CORRUPT;
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
