#include "format/column_check.h"
#include "format/image.h"

enum { SPARSE_ENTRIES_MAX = 1024 };

static bool tail_is_zero(const uint64_t *bits, uint32_t rows)
{
    return !bits || rows % 64 == 0 || bits[rows / 64] >> rows % 64 == 0;
}

/* No infinity, no NaN: an exponent of all ones. Written so that the loops vectorize. */
static bool finite_f32(const uint8_t *p, size_t count)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= (mola_load_u32(p + i * 4) & 0x7f800000U) == 0x7f800000U;
    return !bad;
}

static bool finite_f16(const uint8_t *p, size_t count)
{
    uint16_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= (mola_load_u16(p + i * 2) & 0x7c00) == 0x7c00;
    return !bad;
}

static bool finite_f64(const uint8_t *p, size_t count)
{
    uint64_t bad = 0;
    for (size_t i = 0; i < count; i++)
        bad |= (mola_load_u64(p + i * 8) & 0x7ff0000000000000U) == 0x7ff0000000000000U;
    return !bad;
}

/* UTF-8 as a whole, and no element begins inside a sequence: then each is UTF-8. */
static bool texts_ok(const mola_column *c, uint32_t first, uint32_t until)
{
    uint32_t from = c->byte_from[first], to = c->byte_from[until];
    const uint8_t *data = c->data;
    for (uint32_t e = first; e < until; e++) {
        if (c->byte_from[e] < to && (data[c->byte_from[e]] & 0xc0) == 0x80)
            return false;
    }
    return mola_utf8_ok((mola_str){(const char *)data + from, to - from});
}

/* Years 0001 to 9999: what can be written. */
static bool datetimes_ok(const mola_column *c, uint32_t first, uint32_t until)
{
    bool good = true;
    for (uint32_t e = first; e < until; e++) {
        int64_t ms = (int64_t)mola_load_u64(c->data + (size_t)e * 8);
        good = good && ms >= INT64_C(-62135596800000) && ms < INT64_C(253402300800000);
    }
    return good;
}

/* Elements [first, until) of a column that holds scalars. */
static bool scalars_ok(const mola_column *c, uint32_t first, uint32_t until)
{
    if (c->type.elem == MOLA_ELEM_UNKNOWN || first == until)
        return first == until;
    if (c->type.elem == MOLA_ELEM_STRING)
        return texts_ok(c, first, until);
    if (c->type.elem == MOLA_ELEM_FLOAT)
        return finite_f64(c->data + (size_t)first * 8, until - first);
    if (c->type.elem == MOLA_ELEM_DATETIME)
        return datetimes_ok(c, first, until);
    bool good = true;
    if (c->type.elem == MOLA_ELEM_BOOL) {
        for (uint32_t e = first; e < until; e++)
            good = good && c->data[e] <= 1;
    }
    return good;
}

static bool vectors_ok(const mola_column *c, uint32_t first, uint32_t until)
{
    size_t width = mola_elem_width(c->type.elem) * c->type.dims;
    size_t count = (size_t)(until - first) * c->type.dims;
    const uint8_t *p = c->data + first * width;
    if (c->type.elem == MOLA_ELEM_VEC_F32)
        return finite_f32(p, count);
    return c->type.elem == MOLA_ELEM_VEC_I8 || finite_f16(p, count);
}

static bool entries_ok(const mola_column *c, uint32_t first, uint32_t until)
{
    if (until - first > SPARSE_ENTRIES_MAX)
        return false;
    for (uint32_t e = first; e < until; e++) {
        uint32_t from = c->byte_from[e], to = c->byte_from[e + 1];
        mola_str key = {(const char *)c->data + from, to - from};
        if (e > first) {
            uint32_t before = c->byte_from[e - 1];
            if (mola_str_cmp((mola_str){(const char *)c->data + before, from - before}, key) >= 0)
                return false;
        }
        if (!mola_utf8_ok(key) || (c->weights[e] & 0x7c00) == 0x7c00)
            return false;
    }
    return true;
}

/* An absent row takes no element, no byte, or zeros of its fixed width. */
static bool absent_ok(const mola_column *c, uint32_t row)
{
    if (c->row_from)
        return c->row_from[row] == c->row_from[row + 1];
    if (c->byte_from)
        return c->byte_from[row] == c->byte_from[row + 1];
    size_t width = mola_elem_width(c->type.elem);
    if (c->type.form == MOLA_FORM_DENSE)
        width *= c->type.dims;
    return mola_is_zero(c->data + row * width, width);
}

bool mola_column_ok(const mola_column *c)
{
    if (!mola_type_ok(c->type) || !tail_is_zero(c->present, c->rows))
        return false;
    for (uint32_t r = 0; c->present && r < c->rows; r++) {
        if (!mola_bit(c->present, r) && !absent_ok(c, r))
            return false;
    }
    switch (c->type.form) {
    case MOLA_FORM_DENSE:
        return vectors_ok(c, 0, c->rows);
    case MOLA_FORM_MULTI:
        return vectors_ok(c, c->row_from[0], c->row_from[c->rows]);
    case MOLA_FORM_ARRAY:
        return scalars_ok(c, c->row_from[0], c->row_from[c->rows]);
    case MOLA_FORM_SPARSE:
        for (uint32_t r = 0; r < c->rows; r++) {
            if (!entries_ok(c, c->row_from[r], c->row_from[r + 1]))
                return false;
        }
        return true;
    default:
        return scalars_ok(c, 0, c->rows);
    }
}

bool mola_row_column_ok(const mola_row_column *c, const uint8_t *ops)
{
    if (c->attr == MOLA_ATTR_ID || !tail_is_zero(c->given, c->column.rows))
        return false;
    for (uint32_t r = 0; r < c->column.rows; r++) {
        bool present = mola_column_has(&c->column, r);
        bool given = c->given ? mola_bit(c->given, r) : present;
        if ((present && !given) || (given && ops[r] == MOLA_OP_DELETE) ||
            (given && !present && ops[r] == MOLA_OP_UPSERT))
            return false;
    }
    return mola_column_ok(&c->column);
}

bool mola_ids_ok(const mola_column *ids)
{
    if (ids->present || ids->type.form != MOLA_FORM_SCALAR || !mola_column_ok(ids))
        return false;
    if (ids->type.elem != MOLA_ELEM_STRING)
        return ids->type.elem == MOLA_ELEM_UINT || ids->type.elem == MOLA_ELEM_UUID;
    for (uint32_t r = 0; r < ids->rows; r++) {
        if (ids->byte_from[r + 1] - ids->byte_from[r] > MOLA_ID_BYTES_MAX)
            return false;
    }
    return true;
}
