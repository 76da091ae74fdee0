/* Any bytes as gzip: never more than the cap; where zlib reads them too, the same; and back again.
 */
#include "fuzz.h"
#include "mola/codec/gzip.h"
#include <zlib.h>

enum { CAP = 1 << 20, PADDING = 64 };

/* All members by zlib, up to CAP bytes. false: invalid, or more than that. */
static bool inflate_by_zlib(const uint8_t *data, size_t size, unsigned char *out, size_t *made)
{
    z_stream z = {0};
    unsigned char *copy = (unsigned char *)fuzz_copy(data, size, 0, 0);
    z.next_in = copy;
    z.avail_in = (unsigned)size;
    z.next_out = out;
    z.avail_out = CAP;
    int result = Z_STREAM_END;
    while (result == Z_STREAM_END && z.avail_in > 0) {
        FUZZ_CHECK(inflateInit2(&z, 15 + 16) == Z_OK);
        result = inflate(&z, Z_FINISH);
        FUZZ_CHECK(inflateEnd(&z) == Z_OK);
    }
    *made = CAP - z.avail_out;
    bool all = result == Z_STREAM_END && size > 0;
    free(copy);
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char by_zlib[CAP];
    mola_heap heap;
    mola_heap_init(&heap, CAP + PADDING + 4096);
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_buf out;
    mola_buf_init(&out, &heap);
    mola_err err = mola_gzip_inflate((mola_str){copy, size}, CAP, &out);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_INVALID || err == MOLA_NO_MEMORY);
    FUZZ_CHECK(err == MOLA_OK ? out.len <= CAP : out.len == 0);
    size_t made;
    if (!err && inflate_by_zlib(data, size, by_zlib, &made))
        FUZZ_CHECK(mola_str_eq(mola_buf_str(&out), (mola_str){(char *)by_zlib, made}));
    mola_buf_free(&out);

    mola_buf packed;
    mola_buf_init(&packed, &heap);
    FUZZ_CHECK(mola_gzip_deflate((mola_str){copy, size}, &packed) == MOLA_OK);
    FUZZ_CHECK(mola_gzip_inflate(mola_buf_str(&packed), size, &out) == MOLA_OK);
    FUZZ_CHECK(mola_str_eq(mola_buf_str(&out), (mola_str){copy, size}));
    FUZZ_CHECK(inflate_by_zlib((uint8_t *)packed.data, packed.len, by_zlib, &made) && made == size);
    FUZZ_CHECK(size == 0 || memcmp(by_zlib, copy, size) == 0);
    mola_buf_free(&out);
    mola_buf_free(&packed);
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
