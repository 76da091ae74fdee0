/* cell.h - element access for inner loops: mola_column_element without the call. The same answers.
 */
#pragma once
#include "mola/codec/bytes.h"
#include "mola/model/column.h"

/* The 8 bytes of an INT, UINT, DATETIME or FLOAT element, as they are stored. */
static inline uint64_t mola_cell_bits(const mola_column *c, uint32_t element)
{
    return mola_load_u64(c->data + (size_t)element * 8);
}

static inline mola_str mola_cell_text(const mola_column *c, uint32_t element)
{
    uint32_t from = c->byte_from[element];
    return (mola_str){(const char *)c->data + from, c->byte_from[element + 1] - from};
}

static inline mola_value mola_cell(const mola_column *c, uint32_t element)
{
    mola_value v = {.elem = c->type.elem};
    switch (c->type.elem) {
    case MOLA_ELEM_INT:
    case MOLA_ELEM_UINT:
    case MOLA_ELEM_DATETIME:
    case MOLA_ELEM_FLOAT:
        v.u = mola_cell_bits(c, element);
        return v;
    case MOLA_ELEM_STRING:
        v.s = mola_cell_text(c, element);
        return v;
    default:
        return mola_column_element(c, element);
    }
}
