#include "mola/codec/block.h"
#include "mola/base/check.h"
#include "mola/codec/bytes.h"
#define XXH_STATIC_LINKING_ONLY /* the state's size, to have it on the stack */
#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { LEVEL = 1, ZSTD_RATIO_MAX = 32768 };
_Static_assert(sizeof(XXH128_canonical_t) == MOLA_BLOCK_TRAILER_BYTES, "the trailer is the digest");

void mola_sum128(mola_str bytes, uint8_t out[16])
{
    XXH128_canonicalFromHash((XXH128_canonical_t *)out, XXH3_128bits(bytes.data, bytes.len));
}

uint64_t mola_hash64(mola_str bytes)
{
    return XXH3_64bits(bytes.data, bytes.len);
}

bool mola_zstd_pack(mola_buf *out, mola_str plain, int level)
{
    size_t room = ZSTD_compressBound(plain.len);
    char *at = ZSTD_isError(room) ? NULL : mola_buf_reserve(out, room);
    if (!at)
        return false;
    size_t made = ZSTD_compress(at, room, plain.data, plain.len, level);
    if (ZSTD_isError(made)) {
        out->failed = true;
        return false;
    }
    out->len += made;
    return true;
}

mola_err mola_zstd_unpack(mola_str packed, void *out, size_t plain_bytes)
{
    if (ZSTD_getFrameContentSize(packed.data, packed.len) != plain_bytes)
        return MOLA_CORRUPT;
    size_t made = ZSTD_decompress(out, plain_bytes, packed.data, packed.len);
    if (ZSTD_isError(made)) {
        return ZSTD_getErrorCode(made) == ZSTD_error_memory_allocation ? MOLA_NO_MEMORY
                                                                       : MOLA_CORRUPT;
    }
    return made == plain_bytes ? MOLA_OK : MOLA_CORRUPT;
}

void mola_block_place_bytes(const mola_block_place *place, uint8_t out[MOLA_BLOCK_PLACE_BYTES])
{
    memcpy(out, place->nsid, 16);
    memcpy(out + 16, &place->base, 8);
    memcpy(out + 24, &place->rand, 8);
    memcpy(out + 32, &place->column, 4);
    memcpy(out + 36, &place->block, 4);
    out[40] = place->kind;
}

void mola_block_sum(const mola_block_place *place, mola_str bytes,
                    uint8_t out[MOLA_BLOCK_TRAILER_BYTES])
{
    uint8_t image[MOLA_BLOCK_PLACE_BYTES];
    mola_block_place_bytes(place, image);
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    (void)XXH3_128bits_reset(&state);
    (void)XXH3_128bits_update(&state, image, sizeof image);
    (void)XXH3_128bits_update(&state, bytes.data, bytes.len);
    XXH128_canonicalFromHash((XXH128_canonical_t *)out, XXH3_128bits_digest(&state));
}

void mola_block_write(mola_buf *out, const mola_block_place *place, mola_block_codec wanted,
                      mola_str plain)
{
    MOLA_ASSERT(plain.len <= UINT32_MAX);
    size_t from = out->len;
    mola_add_u32(out, (uint32_t)plain.len);
    mola_add_u8(out, MOLA_BLOCK_RAW);
    mola_add_u8(out, 0);
    mola_add_u16(out, 0);
    bool gained = wanted == MOLA_BLOCK_ZSTD && mola_zstd_pack(out, plain, LEVEL) &&
                  out->len - from - MOLA_BLOCK_HEAD_BYTES < plain.len;
    if (out->failed)
        return;
    if (gained) {
        out->data[from + 4] = MOLA_BLOCK_ZSTD;
    } else {
        out->len = from + MOLA_BLOCK_HEAD_BYTES;
        mola_buf_add_str(out, plain);
        if (out->failed)
            return;
    }
    uint8_t sum[MOLA_BLOCK_TRAILER_BYTES];
    mola_block_sum(place, (mola_str){out->data + from, out->len - from}, sum);
    mola_buf_add(out, sum, sizeof sum);
}

mola_err mola_block_read(mola_str block, const mola_block_place *place, mola_arena *arena,
                         mola_str *plain)
{
    if (block.len < MOLA_BLOCK_HEAD_BYTES + MOLA_BLOCK_TRAILER_BYTES)
        return MOLA_CORRUPT;
    mola_str summed = {block.data, block.len - MOLA_BLOCK_TRAILER_BYTES};
    uint8_t sum[MOLA_BLOCK_TRAILER_BYTES];
    mola_block_sum(place, summed, sum);
    if (memcmp(sum, block.data + summed.len, sizeof sum) != 0)
        return MOLA_CORRUPT;
    mola_cursor head = {.rest = summed};
    uint32_t plain_bytes = mola_take_u32(&head);
    uint8_t codec = mola_take_u8(&head), seal = mola_take_u8(&head);
    uint16_t reserved = mola_take_u16(&head);
    if (head.bad || seal || reserved || codec > MOLA_BLOCK_ZSTD)
        return MOLA_CORRUPT;
    if (codec == MOLA_BLOCK_RAW) {
        *plain = head.rest;
        return head.rest.len == plain_bytes ? MOLA_OK : MOLA_CORRUPT;
    }
    if (plain_bytes / ZSTD_RATIO_MAX > head.rest.len ||
        ZSTD_getFrameContentSize(head.rest.data, head.rest.len) != plain_bytes)
        return MOLA_CORRUPT; /* before so much memory is asked for */
    char *bytes = mola_arena_alloc(arena, plain_bytes, 1, 64);
    if (!bytes)
        return MOLA_NO_MEMORY;
    *plain = (mola_str){bytes, plain_bytes};
    return mola_zstd_unpack(head.rest, bytes, plain_bytes);
}
