#include "format/column_image.h"
#include "format/image.h"
#include "mola/base/check.h"

/* What stands in for parts of no bytes. */
static const uint64_t nothing[1] = {0};

static uint64_t part(uint64_t *end, uint64_t size)
{
    uint64_t from = *end;
    *end = (from + size + 7) & ~UINT64_C(7);
    return from;
}

/* rows and elements are 32 bits and dims 14, so nothing here overflows 64. */
mola_column_layout mola_column_lay_out(mola_type type, unsigned flags, uint32_t rows,
                                       uint32_t elements)
{
    mola_column_layout l = {0};
    uint64_t bits = mola_words(rows) * 8, end = 0;
    bool vector = mola_type_is_vector(type);
    l.has_rows = type.form == MOLA_FORM_ARRAY || type.form == MOLA_FORM_MULTI ||
                 type.form == MOLA_FORM_SPARSE;
    l.has_bytes = type.form == MOLA_FORM_SPARSE || type.elem == MOLA_ELEM_STRING ||
                  type.elem == MOLA_ELEM_BYTES;
    l.elements = l.has_rows ? elements : rows;
    l.width = l.has_bytes || vector ? 0 : mola_elem_width(type.elem);
    l.vectors = vector ? l.elements * type.dims * mola_elem_width(type.elem) : 0;
    l.present = part(&end, flags & MOLA_COLUMN_PRESENT ? bits : 0);
    l.given = part(&end, flags & MOLA_COLUMN_GIVEN ? bits : 0);
    l.row_from = part(&end, l.has_rows ? ((uint64_t)rows + 1) * 4 : 0);
    l.byte_from = part(&end, l.has_bytes ? (l.elements + 1) * 4 : 0);
    l.weights = part(&end, type.form == MOLA_FORM_SPARSE ? l.elements * 2 : 0);
    l.data = end;
    return l;
}

/* -- encoding ---------------------------------------------------------------------------------- */

static void add_bits(mola_buf *out, const uint64_t *bits, uint32_t rows)
{
    if (!bits)
        return;
    size_t from = out->len;
    mola_buf_add(out, bits, mola_words(rows) * 8);
    if (!out->failed && rows % 64) { /* beyond the rows a slice has bits of others */
        uint64_t *words = (uint64_t *)(void *)(out->data + from);
        words[rows / 64] &= (UINT64_C(1) << rows % 64) - 1;
    }
}

void mola_buf_pad(mola_buf *out, size_t align)
{
    mola_buf_add_zeros(out, (align - out->len % align) % align);
}

/* Offsets as lengths behind a zero, which pack better and turn back into offsets in place. */
static void add_lengths(mola_buf *out, const uint32_t *offsets, uint32_t count)
{
    char *at = mola_buf_reserve(out, ((size_t)count + 1) * 4);
    if (!at)
        return;
    memset(at, 0, 4);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = offsets[i + 1] - offsets[i];
        memcpy(at + ((size_t)i + 1) * 4, &length, 4);
    }
    out->len += ((size_t)count + 1) * 4;
    mola_buf_pad(out, 8);
}

void mola_column_add_plain(mola_buf *out, const mola_column *c, const uint64_t *given,
                           const mola_column_layout *l)
{
    MOLA_ASSERT(out->failed || out->len % 8 == 0);
    size_t start = out->len;
    uint32_t first = mola_column_first(c, l), count = (uint32_t)l->elements;
    add_bits(out, c->present, c->rows);
    add_bits(out, given, c->rows);
    if (l->has_rows)
        add_lengths(out, c->row_from, c->rows);
    if (l->has_bytes)
        add_lengths(out, c->byte_from + first, count);
    if (c->type.form == MOLA_FORM_SPARSE) {
        mola_buf_add(out, c->weights + first, (size_t)count * 2);
        mola_buf_pad(out, 8);
    }
    MOLA_ASSERT(out->failed || out->len - start == l->data);
    if (l->has_bytes && count) {
        mola_buf_add(out, c->data + c->byte_from[first],
                     c->byte_from[first + count] - c->byte_from[first]);
    } else if (l->width) {
        mola_buf_add(out, c->data + first * l->width, count * l->width);
    }
}

/* -- decoding ---------------------------------------------------------------------------------- */

bool mola_column_sizes_ok(const mola_column_layout *l, mola_type type, uint32_t elements,
                          uint64_t plain_bytes)
{
    uint64_t fixed = l->data + l->elements * l->width;
    bool good = l->has_bytes ? plain_bytes >= fixed : plain_bytes == fixed;
    return good && (l->has_rows || !elements) && (type.elem != MOLA_ELEM_UNKNOWN || !elements) &&
           plain_bytes - l->data <= UINT32_MAX && l->vectors <= UINT32_MAX;
}

/* Lengths behind a zero to offsets; in place too. false: they are not `count` lengths of `total` in
 * all. Then no offset may be used; the sum itself cannot overflow. */
static bool sum_lengths(const char *lengths, uint64_t count, uint64_t total, uint32_t *offsets)
{
    uint64_t sum = 0;
    if (mola_load_u32(lengths) != 0)
        return false;
    offsets[0] = 0;
    for (uint64_t i = 1; i <= count; i++) {
        sum += mola_load_u32(lengths + i * 4);
        offsets[i] = (uint32_t)sum;
    }
    return sum == total;
}

/* The padding behind each part: what is not mapped is zero. */
static bool gaps_ok(const char *plain, const mola_column_layout *l, mola_type type, uint32_t rows)
{
    uint64_t row_end = l->row_from + (l->has_rows ? ((uint64_t)rows + 1) * 4 : 0);
    uint64_t byte_end = l->byte_from + (l->has_bytes ? (l->elements + 1) * 4 : 0);
    uint64_t weight_end = l->weights + (type.form == MOLA_FORM_SPARSE ? l->elements * 2 : 0);
    return mola_is_zero(plain + row_end, l->byte_from - row_end) &&
           mola_is_zero(plain + byte_end, l->weights - byte_end) &&
           mola_is_zero(plain + weight_end, l->data - weight_end);
}

bool mola_column_view(const char *plain, uint64_t plain_bytes, const mola_column_layout *l,
                      unsigned flags, uint32_t *row_from, uint32_t *byte_from, mola_column *c,
                      const uint64_t **given)
{
    uint64_t data_bytes = plain_bytes - l->data;
    if (!gaps_ok(plain, l, c->type, c->rows))
        return false;
    if (flags & MOLA_COLUMN_PRESENT)
        c->present = (const uint64_t *)(const void *)(plain + l->present);
    if (flags & MOLA_COLUMN_GIVEN)
        *given = (const uint64_t *)(const void *)(plain + l->given);
    if (l->has_rows) {
        if (!sum_lengths(plain + l->row_from, c->rows, l->elements, row_from))
            return false;
        c->row_from = row_from;
    }
    if (l->has_bytes) {
        if (!sum_lengths(plain + l->byte_from, l->elements, data_bytes, byte_from))
            return false;
        c->byte_from = byte_from;
    }
    c->data = (const uint8_t *)(data_bytes ? plain + l->data : (const char *)nothing);
    c->weights = (const uint16_t *)(const void *)nothing;
    if (c->type.form == MOLA_FORM_SPARSE && l->elements)
        c->weights = (const uint16_t *)(const void *)(plain + l->weights);
    return true;
}
