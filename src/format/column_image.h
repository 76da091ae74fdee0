/* column_image.h - a column as plain bytes: what the blobs of entries and the blocks of segments
 * have inside. The parts, each padded with zeros to 8 bytes but the last:
 *
 *     present    bits of the rows, 8 bytes for 64                  when flagged
 *     given      the same                                          when flagged
 *     row_from   u32 0, then a u32 for each row: its elements      ARRAY, MULTI, SPARSE
 *     byte_from  u32 0, then a u32 for each element: its bytes     STRING, BYTES, SPARSE
 *     weights    u16 each element                                  SPARSE
 *     data       bytes of elements                                 all but DENSE, MULTI
 *
 * Vectors stand beside them: whoever stores the column says where. */
#pragma once
#include "mola/base/buf.h"
#include "mola/model/column.h"

enum { MOLA_COLUMN_PRESENT = 1, MOLA_COLUMN_GIVEN = 2 }; /* flags */

/* Where the parts are; `data` is the number of all bytes before it. */
typedef struct {
    uint64_t present, given, row_from, byte_from, weights, data;
    uint64_t vectors;  /* bytes of raw vectors beside them */
    uint64_t elements; /* of data, weights and byte_from */
    bool has_rows, has_bytes;
    uint64_t width; /* of an element in data; 0: none there, or lengths of their own */
} mola_column_layout;

/* `elements` of ARRAY, MULTI and SPARSE; else they are the rows. */
mola_column_layout mola_column_lay_out(mola_type type, unsigned flags, uint32_t rows,
                                       uint32_t elements);
/* The first of the elements that the rows take. */
static inline uint32_t mola_column_first(const mola_column *c, const mola_column_layout *l)
{
    return l->has_rows ? c->row_from[0] : 0;
}
/* Appends everything but vectors. */
void mola_column_add_plain(mola_buf *out, const mola_column *c, const uint64_t *given,
                           const mola_column_layout *l);
void mola_buf_pad(mola_buf *out, size_t align);

/* Can this be the plain bytes of such a column? Then nothing below reads beyond them. */
bool mola_column_sizes_ok(const mola_column_layout *l, mola_type type, uint32_t elements,
                          uint64_t plain_bytes);
/* Points the column, whose type and rows are set, at its parts but vectors. `plain` is aligned to 8
 * and has passed mola_column_sizes_ok; offsets are made in row_from and byte_from, which have room
 * for one more than rows and elements, and may be where the lengths stand. false: no such column.
 * What is in it is not yet checked. */
bool mola_column_view(const char *plain, uint64_t plain_bytes, const mola_column_layout *l,
                      unsigned flags, uint32_t *row_from, uint32_t *byte_from, mola_column *c,
                      const uint64_t **given);
