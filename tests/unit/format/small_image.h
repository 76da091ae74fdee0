/* small_image.h - damage to images that end in their sum and fit into a test whole. */
#pragma once
#include "golden.h"
#include "mola/codec/block.h"

typedef mola_err (*decode_image)(mola_str image, mola_why *why);

/* A copy with another byte. */
static inline char *changed(mola_str image, size_t at, uint8_t byte)
{
    char *bad = mola_arena_alloc(&arena, image.len, 1, 8);
    ck_assert_ptr_nonnull(bad);
    memcpy(bad, image.data, image.len);
    bad[at] = (char)byte;
    return bad;
}

/* What becomes of every flipped bit and every cut. */
static inline void expect_damage_is_corrupt(mola_str image, decode_image decode)
{
    for (size_t bit = 0; bit < image.len * 8; bit++) {
        uint8_t byte = (uint8_t)(image.data[bit / 8] ^ 1 << bit % 8);
        mola_str bad = {changed(image, bit / 8, byte), image.len};
        ck_assert_int_eq(decode(bad, NULL), MOLA_CORRUPT);
    }
    for (size_t len = 0; len < image.len; len++)
        ck_assert_int_eq(decode((mola_str){image.data, len}, NULL), MOLA_CORRUPT);
}

/* Of bytes that carry a right sum and are wrong all the same. */
static inline mola_err decode_with(mola_str image, size_t at, uint8_t byte, decode_image decode)
{
    enum { SUM_BYTES = 16 };
    char *bad = changed(image, at, byte);
    size_t summed = image.len - SUM_BYTES;
    mola_sum128((mola_str){bad, summed}, (uint8_t *)bad + summed);
    mola_why_clear(&why);
    mola_err err = decode((mola_str){bad, image.len}, &why);
    ck_assert(!err || why.len > 0);
    return err;
}

typedef struct {
    size_t at;
    uint8_t byte;
    mola_err err;
} wrong_byte;

static inline void expect_wrong_bytes(mola_str image, const wrong_byte *bytes, size_t count,
                                      decode_image decode)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(decode_with(image, bytes[i].at, bytes[i].byte, decode) == bytes[i].err,
                      "byte %zu of %zu", i, count);
    }
}
