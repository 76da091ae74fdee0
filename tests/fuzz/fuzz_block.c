/* Any bytes as a block, with the sum they have and with a right one; and any bytes written and
 * read. */
#include "fuzz.h"
#include "mola/codec/block.h"

enum { PLACE_BYTES = 41 };
static const mola_block_place place = {
    .nsid = {1, 2, 3}, .base = 4, .rand = 5, .column = 6, .block = 7};

static mola_err read_block(mola_heap *heap, mola_str block)
{
    mola_arena arena;
    mola_arena_init(&arena, heap, 1 << 24);
    mola_str plain = {0};
    mola_err err = mola_block_read(block, &place, &arena, &plain);
    uint32_t sum = 0;
    for (size_t i = 0; !err && i < plain.len; i++) /* all of it is there to be read */
        sum += (unsigned char)plain.data[i];
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_NO_MEMORY);
    FUZZ_CHECK(sum <= plain.len * 255);
    mola_arena_reset(&arena);
    return err;
}

/* Behind the check of the sum lie the head and zstd. */
static void read_with_right_sum(mola_heap *heap, const uint8_t *data, size_t size)
{
    char *image = malloc(PLACE_BYTES + size + MOLA_BLOCK_TRAILER_BYTES);
    FUZZ_CHECK(image != NULL);
    memcpy(image, place.nsid, 16);
    memcpy(image + 16, &place.base, 8);
    memcpy(image + 24, &place.rand, 8);
    memcpy(image + 32, &place.column, 4);
    memcpy(image + 36, &place.block, 4);
    image[40] = (char)place.kind;
    if (size)
        memcpy(image + PLACE_BYTES, data, size);
    mola_sum128((mola_str){image, PLACE_BYTES + size}, (uint8_t *)image + PLACE_BYTES + size);
    (void)read_block(heap, (mola_str){image + PLACE_BYTES, size + MOLA_BLOCK_TRAILER_BYTES});
    free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, 1 << 26);
    char *copy = fuzz_copy(data, size, 0, 0);
    mola_str bytes = {copy, size};
    (void)read_block(&heap, bytes);
    read_with_right_sum(&heap, data, size);
    for (int codec = MOLA_BLOCK_RAW; codec <= MOLA_BLOCK_ZSTD; codec++) {
        mola_buf out;
        mola_buf_init(&out, &heap);
        mola_block_write(&out, &place, (mola_block_codec)codec, bytes);
        FUZZ_CHECK(!out.failed);
        mola_arena arena;
        mola_arena_init(&arena, &heap, 1 << 24);
        mola_str plain;
        FUZZ_CHECK(mola_block_read(mola_buf_str(&out), &place, &arena, &plain) == MOLA_OK);
        FUZZ_CHECK(mola_str_eq(plain, bytes));
        out.data[size % out.len] ^= (char)(1 << size % 8);
        FUZZ_CHECK(read_block(&heap, mola_buf_str(&out)) == MOLA_CORRUPT);
        mola_arena_reset(&arena);
        mola_buf_free(&out);
    }
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
