/* image.h - any bytes as an image that ends in its sum, with the sum they have and with a right
 * one: what reads can be written, and is the same image again. */
#pragma once
#include "fuzz.h"
#include "mola/base/buf.h"
#include "mola/codec/block.h"

/* Decodes `image` and encodes what it found into `out`. */
typedef mola_err (*write_again)(mola_str image, mola_buf *out);

static inline void check_image(mola_heap *heap, mola_str image, write_again again)
{
    mola_buf out;
    mola_buf_init(&out, heap);
    mola_err err = again(image, &out);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
    FUZZ_CHECK(err || (!out.failed && mola_str_eq(mola_buf_str(&out), image)));
    mola_buf_free(&out);
}

static inline void check_bytes(const uint8_t *data, size_t size, write_again again)
{
    enum { SUM_BYTES = 16 };
    mola_heap heap;
    mola_heap_init(&heap, 1 << 27);
    char *copy = fuzz_copy(data, size, SUM_BYTES, 0);
    mola_sum128((mola_str){copy, size}, (uint8_t *)copy + size);
    check_image(&heap, (mola_str){copy, size}, again);
    check_image(&heap, (mola_str){copy, size + SUM_BYTES}, again);
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
}
