/* builder.h - taking back what was added to a column builder, for those who must leave it as it
 * was. */
#pragma once
#include "mola/model/column.h"

typedef struct {
    mola_type type;
    uint32_t rows;
    bool any_absent;
    size_t present, row_from, byte_from, data, weights; /* lengths */
} mola_column_mark;
mola_column_mark mola_column_builder_mark(const mola_column_builder *b);
/* Also forgets a failed append: the builder is good again. */
void mola_column_builder_rewind(mola_column_builder *b, const mola_column_mark *mark);

/* Appending the pieces of one row: elements into data, byte_from and weights, then
 * mola_builder_end_row, which adds the row's offset and presence. */
mola_err mola_builder_add_bytes(mola_column_builder *b, const void *bytes,
                                size_t size) MOLA_NODISCARD;
/* The `size` bytes that the caller put at data.data + data.len, into room it has reserved. */
mola_err mola_builder_adopt_bytes(mola_column_builder *b, size_t size) MOLA_NODISCARD;
mola_err mola_builder_add_scalar(mola_column_builder *b, const mola_value *value) MOLA_NODISCARD;
mola_err mola_builder_end_row(mola_column_builder *b) MOLA_NODISCARD;
uint32_t mola_builder_elements(const mola_column_builder *b); /* so far; of ARRAY, MULTI, SPARSE */

/* Copies bits [from, from + count) of `source` (NULL: ones) to bits [to, to + count) of `target`.
 */
void mola_bits_copy(uint64_t *target, uint32_t to, const uint64_t *source, uint32_t from,
                    uint32_t count);
/* `bits` holds `rows` bits, those beyond them zero: appends `count` further ones as above. false:
 * no memory. */
bool mola_bits_append(mola_buf *bits, uint32_t rows, const uint64_t *source, uint32_t from,
                      uint32_t count);
/* Zeros instead of a source. */
bool mola_bits_append_zeros(mola_buf *bits, uint32_t rows, uint32_t count);
