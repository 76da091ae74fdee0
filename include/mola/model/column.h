/* column.h - the values of one attribute for a run of rows, column by column.
 *
 * A column is a view over memory that somebody else owns (an image, a part, a builder). A slice
 * keeps the offsets of the whole: row_from[0] and byte_from[0] need not be 0. Pointers that the
 * form has are never NULL but for `present`. A column of []unknown holds empty lists only and has
 * no byte_from; bits of `present` beyond the rows mean nothing.
 *
 *   form     element r                              data
 *   SCALAR   row r                                  width * rows bytes, or for lengths of their own
 *                                                   bytes [byte_from[r], byte_from[r+1])
 *   DENSE    row r                                  dims * width * rows; absent rows are zero
 *   ARRAY    [row_from[r], row_from[r+1]) of row r  elements as SCALAR, byte_from per element
 *   MULTI    the same; an element is a vector       dims * width bytes an element
 *   SPARSE   the same; an element is key and weight keys by byte_from, f16 weights in `weights`
 *
 * Offsets are u32: a column holds less than 4 GiB and 2^32 elements; builders refuse more. Sparse
 * keys of a row are in byte order and distinct. 64-byte alignment of DENSE data is usual, not
 * promised. */
#pragma once
#include "mola/base/limits.h"
#include "mola/model/value.h"

typedef struct {
    mola_type type;
    uint32_t rows;
    const uint64_t *present;   /* bit r: row r has a value; NULL: all have */
    const uint32_t *row_from;  /* ARRAY, MULTI, SPARSE: rows + 1 */
    const uint32_t *byte_from; /* STRING, BYTES elements and SPARSE keys: elements + 1 */
    const uint8_t *data;
    const uint16_t *weights; /* SPARSE */
} mola_column;

static inline bool mola_bit(const uint64_t *bits, uint32_t i)
{
    return !bits || (bits[i >> 6] >> (i & 63) & 1);
}
static inline bool mola_column_has(const mola_column *c, uint32_t row)
{
    return mola_bit(c->present, row);
}
static inline size_t mola_words(uint32_t bits)
{
    return ((size_t)bits + 63) / 64;
}

/* Rows [from, from + rows) as a column of its own; `from` is a multiple of 64. */
mola_column mola_column_slice(const mola_column *c, uint32_t from, uint32_t rows);
/* Element `element` of a SCALAR or ARRAY column (for SCALAR: the row, whether present or not). */
mola_value mola_column_element(const mola_column *c, uint32_t element);
/* Cell of a SCALAR column; null when absent. */
mola_value mola_column_cell(const mola_column *c, uint32_t row);
/* The vector of row (DENSE) or element (MULTI). */
const void *mola_column_vector(const mola_column *c, uint32_t element);
/* As JSON; the row must have a value. base64: vectors as base64 of their own element width. */
typedef enum { MOLA_VECTORS_AS_FLOATS, MOLA_VECTORS_AS_BASE64 } mola_vector_text;
void mola_column_print(mola_buf *out, const mola_column *c, uint32_t row, mola_vector_text how);
/* Logical bytes of a row's value (reference 11); 0 when absent. */
uint64_t mola_column_row_bytes(const mola_column *c, uint32_t row);
/* Both columns have equal values (or both none) at these rows; same type. */
bool mola_column_row_eq(const mola_column *a, uint32_t row_a, const mola_column *b, uint32_t row_b);

/* Building, row after row. Memory from the heap given; freed by mola_column_builder_free. The
 * column got from it borrows the builder's memory and is valid until the next change. */
typedef struct {
    mola_heap *heap;
    mola_type type;
    uint32_t rows;
    bool any_absent;
    mola_buf present, row_from, byte_from, data, weights;
} mola_column_builder;
void mola_column_builder_init(mola_column_builder *b, mola_heap *heap, mola_type type);
void mola_column_builder_free(mola_column_builder *b);
/* MOLA_NO_MEMORY: over the heap's limit, or over 4 GiB. */
mola_err mola_column_add_absent(mola_column_builder *b, uint32_t rows) MOLA_NODISCARD;
/* Of a SCALAR column; null adds an absent row. */
mola_err mola_column_add_value(mola_column_builder *b, const mola_value *value) MOLA_NODISCARD;
/* `from` has the builder's type; []unknown goes with every array type, and a builder of []unknown
 * takes the type of the first other column it meets. */
mola_err mola_column_add_row(mola_column_builder *b, const mola_column *from,
                             uint32_t row) MOLA_NODISCARD;
mola_err mola_column_add_rows(mola_column_builder *b, const mola_column *from, uint32_t first,
                              uint32_t rows) MOLA_NODISCARD;
/* A JSON value (null = absent) of attribute `name`, by all rules of reference 4: conversion, vector
 * lengths, base64, and `limits` of sizes. MOLA_INVALID with words. `arena` is scratch. A builder is
 * as it was before any of these calls that fails. */
mola_err mola_column_add_json(mola_column_builder *b, mola_str name, bool filterable,
                              mola_json json, const mola_limits *limits, mola_arena *arena,
                              mola_why *why) MOLA_NODISCARD;
/* The vector of a row: type.dims finite numbers, into a DENSE column. MOLA_INVALID: one does not
 * fit its elements. */
mola_err mola_column_add_floats(mola_column_builder *b, mola_str name, const float *vector,
                                mola_why *why) MOLA_NODISCARD;
mola_column mola_column_built(const mola_column_builder *b);
