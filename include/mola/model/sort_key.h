/* sort_key.h - scalars as unsigned numbers that keep their order: for heaps and for zone maps. */
#pragma once
#include "mola/model/cell.h"

/* An unsigned number that rises with the element, for the scalar types; for strings and uuids it is
 * their first eight bytes, so that equal numbers say nothing yet (mola_sort_key_decides). */
static inline bool mola_sort_key_decides(mola_elem elem)
{
    return elem != MOLA_ELEM_STRING && elem != MOLA_ELEM_UUID;
}

static inline uint64_t mola_first_bytes(const void *bytes, size_t size)
{
    uint64_t v = 0;
    if (size)
        memcpy(&v, bytes, size < sizeof v ? size : sizeof v);
    return __builtin_bswap64(v);
}

static inline uint64_t mola_float_key(double f)
{
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits;
    f += 0.0; /* -0.0 becomes 0.0 */
    memcpy(&bits, &f, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

static inline uint64_t mola_sort_key(const mola_column *c, uint32_t element)
{
    switch (c->type.elem) {
    case MOLA_ELEM_UINT:
        return mola_cell_bits(c, element);
    case MOLA_ELEM_INT:
    case MOLA_ELEM_DATETIME:
        return mola_cell_bits(c, element) ^ (uint64_t)1 << 63;
    case MOLA_ELEM_FLOAT: {
        uint64_t bits = mola_cell_bits(c, element);
        double f;
        memcpy(&f, &bits, sizeof f);
        return mola_float_key(f);
    }
    case MOLA_ELEM_BOOL:
        return c->data[element];
    case MOLA_ELEM_UUID:
        return mola_first_bytes(c->data + (size_t)element * 16, 16);
    default: {
        mola_str text = mola_cell_text(c, element);
        return mola_first_bytes(text.data, text.len);
    }
    }
}
