/* image.h - what the decoders of images share. */
#pragma once
#include "mola/codec/bytes.h"

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
