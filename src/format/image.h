/* image.h - what the decoders of images share. */
#pragma once
#include "mola/codec/bytes.h"

/* An image that a reader knows wholly or not at all, for it is written again whole, or what is not
 * known in it would count: magic, fmt, min_reader_fmt, the rest of a header, ..., xxh3-128. */
typedef struct {
    const char *magic; /* 4 bytes */
    const char *noun;  /* "a holder": for words */
    size_t header_bytes;
    uint16_t fmt; /* the newest that is known */
} mola_whole_image;
enum { MOLA_IMAGE_SUM_BYTES = 16 };
/* Checks sum, magic and format; *rest goes from behind the format to before the sum. MOLA_CORRUPT;
 * MOLA_INVALID: a newer format. */
mola_err mola_whole_image_open(const mola_whole_image *kind, mola_str image, mola_cursor *rest,
                               mola_why *why) MOLA_NODISCARD;
mola_err mola_whole_image_damaged(const mola_whole_image *kind, mola_why *why) MOLA_NODISCARD;

static inline bool mola_is_zero(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= p[i];
    return any == 0;
}

/* Takes `count` bytes; false when there are fewer, or one of them is not zero. */
static inline bool mola_take_zeros(mola_cursor *c, size_t count)
{
    mola_str zeros = mola_take(c, count);
    return !c->bad && mola_is_zero(zeros.data, zeros.len);
}

/* Takes `size` bytes into `out`, which stays as it is when there are fewer. */
static inline void mola_take_into(mola_cursor *c, void *out, size_t size)
{
    mola_str bytes = mola_take(c, size);
    if (!c->bad)
        memcpy(out, bytes.data, size);
}
