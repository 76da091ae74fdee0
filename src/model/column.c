#include "mola/model/column.h"
#include "mola/base/check.h"
#include "mola/codec/base64.h"
#include "mola/codec/bytes.h"
#include "mola/codec/f16.h"
#include "mola/codec/print.h"

static bool has_elements(mola_type type)
{
    return type.form == MOLA_FORM_ARRAY || type.form == MOLA_FORM_MULTI ||
           type.form == MOLA_FORM_SPARSE;
}

mola_column mola_column_slice(const mola_column *c, uint32_t from, uint32_t rows)
{
    MOLA_ASSERT(from % 64 == 0);
    MOLA_ASSERT(from <= c->rows && rows <= c->rows - from);
    mola_column slice = *c;
    slice.rows = rows;
    if (c->present)
        slice.present = c->present + from / 64;
    if (has_elements(c->type)) {
        slice.row_from = c->row_from + from;
        return slice;
    }
    size_t width = mola_elem_width(c->type.elem);
    if (c->type.form == MOLA_FORM_DENSE)
        width *= c->type.dims;
    if (width == 0) {
        slice.byte_from = c->byte_from + from;
    } else if (c->data) {
        slice.data = c->data + (size_t)from * width;
    }
    return slice;
}

static mola_str bytes_at(const mola_column *c, uint32_t element)
{
    uint32_t from = c->byte_from[element];
    MOLA_DCHECK(c->byte_from[element + 1] >= from);
    return (mola_str){(const char *)c->data + from, c->byte_from[element + 1] - from};
}

mola_value mola_column_element(const mola_column *c, uint32_t element)
{
    MOLA_DCHECK(c->type.form == MOLA_FORM_SCALAR || c->type.form == MOLA_FORM_ARRAY);
    mola_value v = {.elem = c->type.elem};
    switch (c->type.elem) {
    case MOLA_ELEM_STRING:
    case MOLA_ELEM_BYTES:
        v.s = bytes_at(c, element);
        break;
    case MOLA_ELEM_BOOL:
        v.b = c->data[element] != 0;
        break;
    case MOLA_ELEM_UUID:
        memcpy(v.uuid, c->data + (size_t)element * 16, 16);
        break;
    default:
        memcpy(&v.u, c->data + (size_t)element * 8, 8); /* INT, UINT, FLOAT, DATETIME share it */
    }
    return v;
}

mola_value mola_column_cell(const mola_column *c, uint32_t row)
{
    MOLA_DCHECK(c->type.form == MOLA_FORM_SCALAR && row < c->rows);
    return mola_column_has(c, row) ? mola_column_element(c, row)
                                   : (mola_value){.elem = MOLA_ELEM_NONE};
}

const void *mola_column_vector(const mola_column *c, uint32_t element)
{
    MOLA_DCHECK(mola_type_is_vector(c->type));
    return c->data + (size_t)element * c->type.dims * mola_elem_width(c->type.elem);
}

static void print_vector(mola_buf *out, const mola_column *c, uint32_t element)
{
    const char *p = mola_column_vector(c, element);
    for (uint32_t i = 0; i < c->type.dims; i++) {
        mola_buf_add_char(out, i ? ',' : '[');
        if (c->type.elem == MOLA_ELEM_VEC_I8) {
            mola_print_i64(out, (int8_t)p[i]);
        } else if (c->type.elem == MOLA_ELEM_VEC_F16) {
            mola_print_f32(out, mola_f16_to_f32(mola_load_u16(p + (size_t)i * 2)));
        } else {
            float v;
            memcpy(&v, p + (size_t)i * 4, sizeof v);
            mola_print_f32(out, v);
        }
    }
    mola_buf_add_char(out, ']');
}

static void print_sparse(mola_buf *out, const mola_column *c, uint32_t row)
{
    mola_buf_add_char(out, '{');
    for (uint32_t e = c->row_from[row]; e < c->row_from[row + 1]; e++) {
        if (e > c->row_from[row])
            mola_buf_add_char(out, ',');
        mola_print_string(out, bytes_at(c, e));
        mola_buf_add_char(out, ':');
        mola_print_f32(out, mola_f16_to_f32(c->weights[e]));
    }
    mola_buf_add_char(out, '}');
}

static void print_elements(mola_buf *out, const mola_column *c, uint32_t row)
{
    mola_buf_add_char(out, '[');
    for (uint32_t e = c->row_from[row]; e < c->row_from[row + 1]; e++) {
        if (e > c->row_from[row])
            mola_buf_add_char(out, ',');
        if (c->type.form == MOLA_FORM_MULTI) {
            print_vector(out, c, e);
        } else {
            mola_value v = mola_column_element(c, e);
            mola_value_print(out, &v);
        }
    }
    mola_buf_add_char(out, ']');
}

void mola_column_print(mola_buf *out, const mola_column *c, uint32_t row, mola_vector_text how)
{
    MOLA_ASSERT(row < c->rows && mola_column_has(c, row));
    if (c->type.form == MOLA_FORM_SCALAR) {
        mola_value v = mola_column_element(c, row);
        mola_value_print(out, &v);
    } else if (c->type.form == MOLA_FORM_SPARSE) {
        print_sparse(out, c, row);
    } else if (c->type.form != MOLA_FORM_DENSE) {
        print_elements(out, c, row);
    } else if (how == MOLA_VECTORS_AS_BASE64) {
        mola_buf_add_char(out, '"');
        mola_base64_print(out, mola_column_vector(c, row),
                          c->type.dims * mola_elem_width(c->type.elem));
        mola_buf_add_char(out, '"');
    } else {
        print_vector(out, c, row);
    }
}

uint64_t mola_column_row_bytes(const mola_column *c, uint32_t row)
{
    MOLA_ASSERT(row < c->rows);
    if (!mola_column_has(c, row))
        return 0;
    uint32_t first = row, until = row + 1;
    if (has_elements(c->type)) {
        first = c->row_from[row];
        until = c->row_from[row + 1];
    }
    uint64_t width = mola_elem_width(c->type.elem), count = until - first;
    if (mola_type_is_vector(c->type))
        return count * c->type.dims * width;
    if (c->type.elem == MOLA_ELEM_UNKNOWN || count == 0)
        return 0;
    if (c->type.form == MOLA_FORM_SPARSE)
        return c->byte_from[until] - c->byte_from[first] + count * width;
    return width ? count * width : c->byte_from[until] - c->byte_from[first];
}

static bool elements_eq(const mola_column *a, uint32_t element_a, const mola_column *b,
                        uint32_t element_b)
{
    if (mola_type_is_vector(a->type)) {
        return memcmp(mola_column_vector(a, element_a), mola_column_vector(b, element_b),
                      a->type.dims * mola_elem_width(a->type.elem)) == 0;
    }
    if (a->type.form == MOLA_FORM_SPARSE) {
        return a->weights[element_a] == b->weights[element_b] &&
               mola_str_eq(bytes_at(a, element_a), bytes_at(b, element_b));
    }
    mola_value left = mola_column_element(a, element_a), right = mola_column_element(b, element_b);
    return mola_value_eq(&left, &right);
}

bool mola_column_row_eq(const mola_column *a, uint32_t row_a, const mola_column *b, uint32_t row_b)
{
    MOLA_ASSERT(row_a < a->rows && row_b < b->rows);
    bool has = mola_column_has(a, row_a);
    if (!has || !mola_column_has(b, row_b))
        return has == mola_column_has(b, row_b);
    if (!has_elements(a->type))
        return elements_eq(a, row_a, b, row_b);
    uint32_t from_a = a->row_from[row_a], from_b = b->row_from[row_b];
    uint32_t count = a->row_from[row_a + 1] - from_a;
    if (count != b->row_from[row_b + 1] - from_b)
        return false;
    MOLA_ASSERT(count == 0 || mola_type_eq(a->type, b->type));
    for (uint32_t i = 0; i < count; i++) {
        if (!elements_eq(a, from_a + i, b, from_b + i))
            return false;
    }
    return true;
}
