/* segment_records.c - vectors: a record for each row, `dims * width` bytes (zeros for a row that
 * has none) and the digest of its place and of these bytes, as at the end of a block. */
#include "format/column_check.h"
#include "format/segment_image.h"
#include "mola/base/check.h"

size_t mola_segment_record_bytes(const mola_segment_attr *attr)
{
    MOLA_ASSERT(attr->layout == MOLA_AS_VECTORS);
    return attr->type.dims * mola_elem_width(attr->type.elem) + MOLA_BLOCK_TRAILER_BYTES;
}

mola_extent mola_segment_records_at(const mola_segment_attr *attr, uint32_t row, uint32_t *rows)
{
    size_t size = mola_segment_record_bytes(attr);
    const mola_segment_page *run = &attr->pages[mola_segment_page_of(attr, row)];
    uint32_t skipped = row - run->row_first, left = (uint32_t)(run->at.bytes / size) - skipped;
    MOLA_ASSERT(left > 0);
    if (*rows > left)
        *rows = left;
    return (mola_extent){.object = run->at.object,
                         .offset = run->at.offset + skipped * (uint32_t)size,
                         .bytes = *rows * (uint32_t)size};
}

/* Short records are hashed from a copy behind their place, in one go: the digest is the same, and
 * for some hundred bytes a streaming state costs more than the hash. */
enum { COPY_BYTES_MAX = 4096 };

static bool verify(const mola_block_place *first, uint32_t rows, const char *in, size_t vector,
                   uint8_t *out)
{
    mola_block_place place = *first;
    uint8_t sum[MOLA_BLOCK_TRAILER_BYTES];
    for (uint32_t i = 0; i < rows; i++, place.block++) {
        const char *record = in + i * (vector + sizeof sum);
        mola_block_sum(&place, (mola_str){record, vector}, sum);
        if (memcmp(sum, record + vector, sizeof sum) != 0)
            return false;
        memcpy(out + i * vector, record, vector);
    }
    return true;
}

static bool verify_short(const mola_block_place *first, uint32_t rows, const char *in,
                         size_t vector, uint8_t *out)
{
    uint8_t copy[MOLA_BLOCK_PLACE_BYTES + COPY_BYTES_MAX], sum[MOLA_BLOCK_TRAILER_BYTES];
    mola_block_place place = *first;
    for (uint32_t i = 0; i < rows; i++, place.block++) {
        const char *record = in + i * (vector + sizeof sum);
        mola_block_place_bytes(&place, copy);
        memcpy(copy + MOLA_BLOCK_PLACE_BYTES, record, vector);
        mola_sum128((mola_str){(const char *)copy, MOLA_BLOCK_PLACE_BYTES + vector}, sum);
        if (memcmp(sum, record + vector, sizeof sum) != 0)
            return false;
        memcpy(out + i * vector, copy + MOLA_BLOCK_PLACE_BYTES, vector);
    }
    return true;
}

static bool absent_are_zero(const mola_segment_attr *attr, uint32_t row, uint32_t rows,
                            const uint8_t *vectors, size_t vector)
{
    for (uint32_t i = 0; attr->present && i < rows; i++) {
        if (!mola_bit(attr->present, row + i) && !mola_is_zero(vectors + i * vector, vector))
            return false;
    }
    return true;
}

mola_err mola_segment_records_decode(const mola_segment_head *head, const mola_segment_attr *attr,
                                     uint32_t row, uint32_t rows, mola_str bytes, void *out)
{
    size_t size = mola_segment_record_bytes(attr), vector = size - MOLA_BLOCK_TRAILER_BYTES;
    MOLA_ASSERT(row < head->rows && rows <= head->rows - row);
    if (bytes.len != rows * size)
        return MOLA_CORRUPT;
    mola_block_place first = mola_segment_place(&head->id, MOLA_KIND_VECTOR, attr->attr, row);
    bool good = vector <= COPY_BYTES_MAX ? verify_short(&first, rows, bytes.data, vector, out)
                                         : verify(&first, rows, bytes.data, vector, out);
    mola_column c = {.type = attr->type, .rows = rows, .data = out};
    return good && absent_are_zero(attr, row, rows, out, vector) && mola_column_ok(&c)
               ? MOLA_OK
               : MOLA_CORRUPT;
}
