#include "model/builder.h"
#include "mola/base/check.h"

static bool has_elements(mola_type type)
{
    return type.form == MOLA_FORM_ARRAY || type.form == MOLA_FORM_MULTI ||
           type.form == MOLA_FORM_SPARSE;
}
/* Elements (or sparse keys) have lengths of their own. */
static bool has_bytes(mola_type type)
{
    return type.elem == MOLA_ELEM_STRING || type.elem == MOLA_ELEM_BYTES ||
           type.form == MOLA_FORM_SPARSE;
}
/* Bytes of data of a fixed-width element, of a row for SCALAR and DENSE; 0: lengths of their own.
 */
static size_t element_bytes(mola_type type)
{
    if (type.form == MOLA_FORM_SPARSE)
        return 0;
    return mola_elem_width(type.elem) * (mola_type_is_vector(type) ? type.dims : 1);
}

void mola_column_builder_init(mola_column_builder *b, mola_heap *heap, mola_type type)
{
    MOLA_ASSERT(mola_type_ok(type));
    *b = (mola_column_builder){.heap = heap, .type = type};
    mola_buf_init(&b->present, heap);
    mola_buf_init(&b->row_from, heap);
    mola_buf_init(&b->byte_from, heap);
    mola_buf_init(&b->data, heap);
    mola_buf_init(&b->weights, heap);
}

void mola_column_builder_free(mola_column_builder *b)
{
    mola_buf_free(&b->present);
    mola_buf_free(&b->row_from);
    mola_buf_free(&b->byte_from);
    mola_buf_free(&b->data);
    mola_buf_free(&b->weights);
}

mola_column_mark mola_column_builder_mark(const mola_column_builder *b)
{
    return (mola_column_mark){b->type,         b->rows,          b->any_absent, b->present.len,
                              b->row_from.len, b->byte_from.len, b->data.len,   b->weights.len};
}

static void cut(mola_buf *buf, size_t len)
{
    MOLA_ASSERT(buf->len >= len);
    buf->len = len;
    buf->failed = false;
}

void mola_column_builder_rewind(mola_column_builder *b, const mola_column_mark *mark)
{
    MOLA_ASSERT(mark->rows <= b->rows);
    b->type = mark->type;
    b->rows = mark->rows;
    b->any_absent = mark->any_absent;
    cut(&b->present, mark->present);
    cut(&b->row_from, mark->row_from);
    cut(&b->byte_from, mark->byte_from);
    cut(&b->data, mark->data);
    cut(&b->weights, mark->weights);
    if (b->any_absent && b->rows % 64) { /* bits beyond the rows are zero */
        uint64_t *words = (uint64_t *)(void *)b->present.data;
        words[b->rows / 64] &= (UINT64_C(1) << b->rows % 64) - 1;
    }
}

/* Offsets stand in a buffer of u32 whose first entry, 0, is added with the first row. */
static uint32_t offset_count(const mola_buf *offsets)
{
    return offsets->len ? (uint32_t)(offsets->len / 4) - 1 : 0;
}

static uint32_t *grow_offsets(mola_buf *offsets, size_t more)
{
    size_t first = offsets->len == 0;
    uint32_t *at = (uint32_t *)(void *)mola_buf_reserve(offsets, (more + first) * 4);
    if (!at)
        return NULL;
    if (first)
        *at = 0;
    offsets->len += (more + first) * 4;
    return at + first;
}

uint32_t mola_builder_elements(const mola_column_builder *b)
{
    if (has_bytes(b->type))
        return offset_count(&b->byte_from);
    size_t width = element_bytes(b->type);
    return width ? (uint32_t)(b->data.len / width) : 0;
}

/* Room for `size` more bytes of data, within 4 GiB. */
static char *grow_data(mola_column_builder *b, size_t size)
{
    return size > UINT32_MAX - b->data.len ? NULL : mola_buf_reserve(&b->data, size);
}

mola_err mola_builder_adopt_bytes(mola_column_builder *b, size_t size)
{
    MOLA_ASSERT(size <= b->data.room - b->data.len && size <= UINT32_MAX - b->data.len);
    uint32_t *end = grow_offsets(&b->byte_from, 1);
    if (!end)
        return MOLA_NO_MEMORY;
    b->data.len += size;
    *end = (uint32_t)b->data.len;
    return MOLA_OK;
}

mola_err mola_builder_add_bytes(mola_column_builder *b, const void *bytes, size_t size)
{
    char *data = grow_data(b, size);
    if (!data)
        return MOLA_NO_MEMORY;
    if (size)
        memcpy(data, bytes, size);
    return mola_builder_adopt_bytes(b, size);
}

mola_err mola_builder_add_scalar(mola_column_builder *b, const mola_value *value)
{
    MOLA_ASSERT(value->elem == b->type.elem);
    if (has_bytes(b->type))
        return mola_builder_add_bytes(b, value->s.data, value->s.len);
    size_t width = mola_elem_width(value->elem);
    char *data = grow_data(b, width);
    if (!data)
        return MOLA_NO_MEMORY;
    if (value->elem == MOLA_ELEM_BOOL) {
        *data = value->b ? 1 : 0;
    } else {
        memcpy(data, value->uuid, width); /* all other members of the union start there too */
    }
    b->data.len += width;
    return MOLA_OK;
}

/* The first bitmap: all rows before it have a value. */
static bool start_present(mola_column_builder *b)
{
    if (b->any_absent)
        return true;
    b->any_absent = mola_bits_append(&b->present, 0, NULL, 0, b->rows);
    return b->any_absent;
}

static bool add_present(mola_column_builder *b, const uint64_t *source, uint32_t from,
                        uint32_t rows)
{
    if (!b->any_absent && !source)
        return true;
    return start_present(b) && mola_bits_append(&b->present, b->rows, source, from, rows);
}

mola_err mola_builder_end_row(mola_column_builder *b)
{
    if (b->rows == UINT32_MAX || !add_present(b, NULL, 0, 1))
        return MOLA_NO_MEMORY;
    if (has_elements(b->type)) {
        uint32_t *end = grow_offsets(&b->row_from, 1);
        if (!end)
            return MOLA_NO_MEMORY;
        *end = mola_builder_elements(b);
    }
    b->rows++;
    return MOLA_OK;
}

static bool repeat_last(mola_buf *offsets, uint32_t count)
{
    uint32_t *at = grow_offsets(offsets, count);
    for (uint32_t i = 0; at && i < count; i++)
        at[i] = at[-1];
    return at != NULL;
}

static bool add_absent_rows(mola_column_builder *b, uint32_t rows)
{
    if (rows > UINT32_MAX - b->rows || !start_present(b) ||
        !mola_bits_append_zeros(&b->present, b->rows, rows))
        return false;
    size_t width = element_bytes(b->type);
    if (has_elements(b->type)) {
        if (!repeat_last(&b->row_from, rows))
            return false;
    } else if (width == 0) {
        if (!repeat_last(&b->byte_from, rows))
            return false;
    } else {
        if ((uint64_t)rows * width > UINT32_MAX - b->data.len)
            return false;
        mola_buf_add_zeros(&b->data, (size_t)rows * width);
        if (b->data.failed)
            return false;
    }
    b->rows += rows;
    return true;
}

mola_err mola_column_add_absent(mola_column_builder *b, uint32_t rows)
{
    if (rows == 0)
        return MOLA_OK;
    mola_column_mark mark = mola_column_builder_mark(b);
    if (add_absent_rows(b, rows))
        return MOLA_OK;
    mola_column_builder_rewind(b, &mark);
    return MOLA_NO_MEMORY;
}

mola_err mola_column_add_value(mola_column_builder *b, const mola_value *value)
{
    MOLA_ASSERT(b->type.form == MOLA_FORM_SCALAR);
    if (value->elem == MOLA_ELEM_NONE)
        return mola_column_add_absent(b, 1);
    mola_column_mark mark = mola_column_builder_mark(b);
    if (mola_builder_add_scalar(b, value) == MOLA_OK && mola_builder_end_row(b) == MOLA_OK)
        return MOLA_OK;
    mola_column_builder_rewind(b, &mark);
    return MOLA_NO_MEMORY;
}

/* Appends offsets `from[1..count]`, moved so that from[0] becomes the last one we have. */
static bool add_offsets(mola_buf *offsets, const uint32_t *from, uint32_t count)
{
    uint32_t *at = grow_offsets(offsets, count);
    if (!at)
        return false;
    uint32_t base = at[-1];
    if (from[count] - from[0] > UINT32_MAX - base)
        return false;
    for (uint32_t i = 0; i < count; i++)
        at[i] = base + (from[i + 1] - from[0]);
    return true;
}

static bool add_data(mola_column_builder *b, const uint8_t *data, size_t size)
{
    char *at = grow_data(b, size);
    if (!at)
        return false;
    if (size)
        memcpy(at, data, size);
    b->data.len += size;
    return true;
}

static bool copy_elements(mola_column_builder *b, const mola_column *from, uint32_t first,
                          uint32_t count)
{
    if (count == 0)
        return true;
    if (b->type.form == MOLA_FORM_SPARSE)
        mola_buf_add(&b->weights, from->weights + first, (size_t)count * sizeof *from->weights);
    if (b->weights.failed)
        return false;
    if (has_bytes(b->type)) {
        const uint32_t *bytes = from->byte_from + first;
        return add_offsets(&b->byte_from, bytes, count) &&
               add_data(b, from->data + bytes[0], bytes[count] - bytes[0]);
    }
    size_t width = element_bytes(b->type);
    return add_data(b, from->data + first * width, count * width);
}

static bool copy_rows(mola_column_builder *b, const mola_column *from, uint32_t first,
                      uint32_t rows)
{
    if (rows > UINT32_MAX - b->rows || !add_present(b, from->present, first, rows))
        return false;
    if (!has_elements(b->type)) {
        if (!copy_elements(b, from, first, rows))
            return false;
    } else {
        const uint32_t *elements = from->row_from + first;
        if (!add_offsets(&b->row_from, elements, rows) ||
            !copy_elements(b, from, elements[0], elements[rows] - elements[0]))
            return false;
    }
    b->rows += rows;
    return true;
}

/* Lists that were all empty meet the type that their attribute got later. */
static void settle_type(mola_column_builder *b, const mola_column *from)
{
    if (mola_type_eq(b->type, from->type))
        return;
    MOLA_ASSERT(b->type.form == MOLA_FORM_ARRAY && from->type.form == MOLA_FORM_ARRAY);
    MOLA_ASSERT(b->type.elem == MOLA_ELEM_UNKNOWN || from->type.elem == MOLA_ELEM_UNKNOWN);
    if (b->type.elem == MOLA_ELEM_UNKNOWN)
        b->type = from->type;
}

mola_err mola_column_add_rows(mola_column_builder *b, const mola_column *from, uint32_t first,
                              uint32_t rows)
{
    MOLA_ASSERT(first <= from->rows && rows <= from->rows - first);
    if (rows == 0)
        return MOLA_OK;
    mola_column_mark mark = mola_column_builder_mark(b);
    settle_type(b, from);
    if (copy_rows(b, from, first, rows))
        return MOLA_OK;
    mola_column_builder_rewind(b, &mark);
    return MOLA_NO_MEMORY;
}

mola_err mola_column_add_row(mola_column_builder *b, const mola_column *from, uint32_t row)
{
    if (!mola_column_has(from, row))
        return mola_column_add_absent(b, 1);
    mola_column one = *from; /* its presence is known: do not start a bitmap for it */
    one.present = NULL;
    return mola_column_add_rows(b, &one, row, 1);
}

/* What stands in for buffers that nothing was added to: offsets of no element, and no data. */
static const uint32_t no_offsets[1] = {0};

static const uint32_t *built_offsets(const mola_buf *offsets)
{
    return offsets->len ? (const uint32_t *)(const void *)offsets->data : no_offsets;
}

mola_column mola_column_built(const mola_column_builder *b)
{
    mola_column c = {.type = b->type, .rows = b->rows};
    if (b->any_absent)
        c.present = (const uint64_t *)(const void *)b->present.data;
    if (has_elements(b->type))
        c.row_from = built_offsets(&b->row_from);
    if (has_bytes(b->type))
        c.byte_from = built_offsets(&b->byte_from);
    c.data = (const uint8_t *)(b->data.len ? (const void *)b->data.data : no_offsets);
    c.weights = b->weights.len ? (const void *)b->weights.data : (const void *)no_offsets;
    return c;
}
