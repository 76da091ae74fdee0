#include "model/builder.h"
#include "mola/base/check.h"

static uint64_t low_mask(uint32_t bits)
{
    MOLA_DCHECK(bits <= 64);
    return bits == 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
}

/* `count` <= 64 bits from any position; reads no word that holds none of them. */
static uint64_t bits_at(const uint64_t *bits, uint32_t from, uint32_t count)
{
    if (!bits)
        return low_mask(count);
    uint32_t shift = from & 63;
    uint64_t v = bits[from >> 6] >> shift;
    if (shift && shift + count > 64)
        v |= bits[(from >> 6) + 1] << (64 - shift);
    return v & low_mask(count);
}

void mola_bits_copy(uint64_t *target, uint32_t to, const uint64_t *source, uint32_t from,
                    uint32_t count)
{
    while (count > 0) {
        uint32_t shift = to & 63, step = 64 - shift < count ? 64 - shift : count;
        uint64_t *word = &target[to >> 6];
        *word = (*word & ~(low_mask(step) << shift)) | bits_at(source, from, step) << shift;
        to += step;
        from += step;
        count -= step;
    }
}

bool mola_bits_append_zeros(mola_buf *bits, uint32_t rows, uint32_t count)
{
    MOLA_ASSERT(count <= UINT32_MAX - rows);
    size_t words = mola_words(rows + count);
    MOLA_ASSERT(bits->len <= words * 8);
    mola_buf_add_zeros(bits, words * 8 - bits->len);
    return !bits->failed;
}

bool mola_bits_append(mola_buf *bits, uint32_t rows, const uint64_t *source, uint32_t from,
                      uint32_t count)
{
    if (!mola_bits_append_zeros(bits, rows, count))
        return false;
    if (count > 0)
        mola_bits_copy((uint64_t *)(void *)bits->data, rows, source, from, count);
    return true;
}
