/* delete_vector.c
 *
 *      0  char[4] magic "DEL1"   4  u16 fmt   6  u16 min_reader_fmt   8  u32 flags = 0
 *     12  u32 header_bytes = 96   16  u8[16] owner   32  u64 base   40  u64 rand: its own place
 *     48  u8[16] owner   64  u64 base   72  u64 rand: of the segment
 *     80  u32 rows   84  u32 dead rows   88  u64 reserved, zero
 *     96  bits of the rows, 8 bytes for 64: raw, or one zstd frame when that is less
 *         then xxh3-128 of all before */
#include "mola/format/delete_vector.h"
#include "format/image.h"
#include "mola/base/check.h"

enum { FMT = 1, HEADER_BYTES = 96, SUM_BYTES = 16 };

/* false: bits beyond the rows are set. */
static bool count_bits(const uint64_t *bits, uint32_t rows, uint32_t *count)
{
    size_t words = mola_words(rows);
    *count = 0;
    for (size_t i = 0; i < words; i++)
        *count += (uint32_t)__builtin_popcountll(bits[i]);
    return rows % 64 == 0 || bits[words - 1] >> rows % 64 == 0;
}

static void add_bits(mola_buf *out, mola_str bits)
{
    size_t from = out->len;
    if (mola_zstd_pack(out, bits, 1) && out->len - from < bits.len)
        return;
    if (out->failed)
        return;
    out->len = from;
    mola_buf_add_str(out, bits);
}

void mola_delete_vector_encode(mola_buf *out, const mola_delete_vector_id *id,
                               const mola_segment_id *of, uint32_t rows, const uint64_t *dead)
{
    uint32_t count;
    uint8_t sum[SUM_BYTES];
    MOLA_ASSERT(out->len == 0 && rows > 0 && rows <= MOLA_SEGMENT_ROWS_MAX);
    MOLA_ASSERT(count_bits(dead, rows, &count));
    mola_buf_add_str(out, MOLA_STR("DEL1"));
    mola_add_u16(out, FMT);
    mola_add_u16(out, FMT);
    mola_add_u32(out, 0);
    mola_add_u32(out, HEADER_BYTES);
    mola_buf_add(out, id->owner, sizeof id->owner);
    mola_add_u64(out, id->base);
    mola_add_u64(out, id->rand);
    mola_buf_add(out, of->owner, sizeof of->owner);
    mola_add_u64(out, of->base);
    mola_add_u64(out, of->rand);
    mola_add_u32(out, rows);
    mola_add_u32(out, count);
    mola_add_u64(out, 0);
    MOLA_ASSERT(out->failed || out->len == HEADER_BYTES);
    add_bits(out, (mola_str){(const char *)dead, mola_words(rows) * 8});
    if (out->failed)
        return;
    mola_sum128(mola_buf_str(out), sum);
    mola_buf_add(out, sum, sizeof sum);
}

/* The first 16 bytes, and the sum. The cursor then ends before the sum. */
static mola_err open_image(mola_cursor *c, mola_str image, bool *newer, mola_why *why)
{
    uint8_t sum[SUM_BYTES];
    if (image.len < HEADER_BYTES + SUM_BYTES || !mola_str_starts(image, MOLA_STR("DEL1")))
        return mola_fail(why, MOLA_CORRUPT, "not a delete vector");
    mola_str summed = {image.data, image.len - SUM_BYTES};
    mola_sum128(summed, sum);
    if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)
        return mola_fail(why, MOLA_CORRUPT, "checksum mismatch in a delete vector");
    c->rest = mola_str_from(summed, 4);
    uint16_t fmt = mola_take_u16(c), min_reader = mola_take_u16(c);
    if (fmt == 0 || min_reader == 0 || min_reader > fmt)
        return MOLA_CORRUPT;
    if (min_reader > FMT) {
        return mola_fail(why, MOLA_INVALID,
                         "format %u of a delete vector needs a newer mola (this one reads up to "
                         "%d)",
                         (unsigned)min_reader, FMT);
    }
    *newer = fmt > FMT;
    uint32_t flags = mola_take_u32(c), header_bytes = mola_take_u32(c);
    return header_bytes != HEADER_BYTES || (flags && !*newer) ? MOLA_CORRUPT : MOLA_OK;
}

static bool take_place(mola_cursor *c, const uint8_t owner[16], uint64_t base, uint64_t rand)
{
    mola_str found = mola_take(c, 16);
    uint64_t found_base = mola_take_u64(c), found_rand = mola_take_u64(c);
    return !c->bad && memcmp(found.data, owner, 16) == 0 && found_base == base &&
           found_rand == rand;
}

static mola_err take_bits(mola_cursor *c, uint32_t rows, uint32_t count, mola_arena *arena,
                          uint64_t **out)
{
    uint32_t found;
    size_t words = mola_words(rows);
    uint64_t *bits = mola_new(arena, uint64_t, words);
    if (!bits)
        return MOLA_NO_MEMORY;
    if (c->rest.len == words * 8) {
        memcpy(bits, c->rest.data, c->rest.len);
    } else {
        mola_err err =
            c->rest.len > words * 8 ? MOLA_CORRUPT : mola_zstd_unpack(c->rest, bits, words * 8);
        if (err)
            return err;
    }
    *out = bits;
    return count_bits(bits, rows, &found) && found == count ? MOLA_OK : MOLA_CORRUPT;
}

static mola_err decode(mola_str image, const mola_delete_vector_id *id, const mola_segment_id *of,
                       uint32_t rows, mola_arena *arena, uint64_t **dead, uint32_t *dead_count,
                       mola_why *why)
{
    mola_cursor c = {0};
    bool newer = false;
    mola_err err = open_image(&c, image, &newer, why);
    if (err)
        return err;
    bool here = take_place(&c, id->owner, id->base, id->rand);
    bool of_it = take_place(&c, of->owner, of->base, of->rand);
    uint32_t found_rows = mola_take_u32(&c), count = mola_take_u32(&c);
    uint64_t reserved = mola_take_u64(&c);
    if (!here || !of_it || found_rows != rows)
        return mola_fail(why, MOLA_CORRUPT, "a delete vector of another place or segment");
    if (reserved && !newer)
        return MOLA_CORRUPT;
    *dead_count = count;
    return take_bits(&c, rows, count, arena, dead);
}

mola_err mola_delete_vector_decode(mola_str image, const mola_delete_vector_id *id,
                                   const mola_segment_id *of, uint32_t rows, mola_arena *arena,
                                   uint64_t **dead, uint32_t *dead_count, mola_why *why)
{
    MOLA_ASSERT(rows > 0 && rows <= MOLA_SEGMENT_ROWS_MAX);
    mola_err err = decode(image, id, of, rows, arena, dead, dead_count, why);
    if (err == MOLA_CORRUPT)
        return mola_fail(why, err, "damaged delete vector");
    if (err == MOLA_NO_MEMORY)
        return mola_fail(why, err, "out of memory for a delete vector");
    return err;
}
