#include "mola/codec/gzip.h"
#include "mola/base/check.h"
#include "mola/codec/bytes.h"
#include <libdeflate.h>

enum {
    PADDING = 64,
    RATIO_MAX = 1032, /* deflate cannot gain more */
    ROOM_FIRST = 4096,
    GROWTH = 4,
    LEVEL = 1,
    MEMBER_MIN = 18, /* bytes of the smallest one: header and trailer */
};

/* A first guess of what one member inflates to: the size in the trailer of the last one, as far as
 * so few bytes could give it. It is only a guess (the trailer lies, or is of another member). */
static size_t guess_size(mola_str packed)
{
    if (packed.len < MEMBER_MIN)
        return ROOM_FIRST;
    size_t said = mola_load_u32(packed.data + packed.len - 4);
    size_t possible = packed.len < SIZE_MAX / RATIO_MAX ? packed.len * RATIO_MAX : SIZE_MAX;
    size_t guess = said < possible ? said : possible;
    return guess < ROOM_FIRST ? ROOM_FIRST : guess;
}

/* Inflates the member at the start of *packed behind what `out` holds and takes it off. libdeflate
 * wants room for all of it at once, so a member that does not fit is begun again with more. */
static mola_err inflate_member(struct libdeflate_decompressor *d, mola_str *packed, size_t size_max,
                               mola_buf *out)
{
    size_t left = size_max - out->len;
    size_t room = guess_size(*packed);
    for (;;) {
        if (room > left)
            room = left;
        if (out->len == 0)
            mola_buf_free(out); /* nothing in it is worth moving */
        char *at = mola_buf_reserve(out, room + PADDING);
        if (!at)
            return MOLA_NO_MEMORY;
        size_t taken, made;
        switch (
            libdeflate_gzip_decompress_ex(d, packed->data, packed->len, at, room, &taken, &made)) {
        case LIBDEFLATE_SUCCESS:
            MOLA_ASSERT(taken > 0 && taken <= packed->len && made <= room);
            *packed = mola_str_from(*packed, taken);
            out->len += made;
            return MOLA_OK;
        case LIBDEFLATE_INSUFFICIENT_SPACE:
            if (room == left)
                return MOLA_NO_MEMORY;
            room = room > left / GROWTH ? left : room * GROWTH;
            break;
        case LIBDEFLATE_BAD_DATA:
        case LIBDEFLATE_SHORT_OUTPUT:
            return MOLA_INVALID;
        }
    }
}

mola_err mola_gzip_inflate(mola_str packed, size_t size_max, mola_buf *out)
{
    MOLA_ASSERT(out->len == 0);
    MOLA_ASSERT(size_max <= SIZE_MAX - PADDING);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d)
        return MOLA_NO_MEMORY;
    mola_err err = packed.len ? MOLA_OK : MOLA_INVALID;
    while (!err && packed.len)
        err = inflate_member(d, &packed, size_max, out);
    libdeflate_free_decompressor(d);
    if (err) {
        bool no_room = out->failed;
        mola_buf_free(out);
        out->failed = no_room;
        return err;
    }
    memset(out->data + out->len, 0, PADDING);
    return MOLA_OK;
}

mola_err mola_gzip_deflate(mola_str plain, mola_buf *out)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(LEVEL);
    if (!c)
        return MOLA_NO_MEMORY;
    size_t room = libdeflate_gzip_compress_bound(c, plain.len);
    char *at = mola_buf_reserve(out, room);
    size_t made = at ? libdeflate_gzip_compress(c, plain.data, plain.len, at, room) : 0;
    libdeflate_free_compressor(c);
    if (!at)
        return MOLA_NO_MEMORY;
    MOLA_ASSERT(made > 0);
    out->len += made;
    return MOLA_OK;
}
