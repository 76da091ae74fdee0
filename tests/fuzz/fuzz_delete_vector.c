/* Any bytes as a delete vector, with the sum they have and with a right one: what reads says the
 * number of its dead rows, and is written as the same again. */
#include "fuzz.h"
#include "mola/codec/bytes.h"
#include "mola/format/delete_vector.h"

enum { SUM_BYTES = 16, HEADER_BYTES = 96 };

static void write_again(mola_heap *heap, const mola_delete_vector_id *id, const mola_segment_id *of,
                        uint32_t rows, const uint64_t *dead, uint32_t count)
{
    mola_buf out;
    mola_arena arena;
    uint64_t *back;
    uint32_t back_count;
    mola_buf_init(&out, heap);
    mola_arena_init(&arena, heap, 1 << 24);
    mola_delete_vector_encode(&out, id, of, rows, dead);
    FUZZ_CHECK(!out.failed);
    FUZZ_CHECK(mola_delete_vector_decode(mola_buf_str(&out), id, of, rows, &arena, &back,
                                         &back_count, NULL) == MOLA_OK);
    FUZZ_CHECK(back_count == count && memcmp(back, dead, mola_words(rows) * 8) == 0);
    mola_arena_reset(&arena);
    mola_buf_free(&out);
}

static void read_vector(mola_heap *heap, mola_str image)
{
    mola_arena arena;
    mola_delete_vector_id id = {.base = 0};
    mola_segment_id of = {.base = 0};
    uint32_t rows = 1, count;
    uint64_t *dead;
    if (image.len >= HEADER_BYTES) {
        memcpy(&id, image.data + 16, sizeof id);
        memcpy(&of, image.data + 48, sizeof of);
        rows = mola_load_u32(image.data + 80);
    }
    if (rows == 0 || rows > MOLA_SEGMENT_ROWS_MAX)
        rows = 1;
    mola_arena_init(&arena, heap, 1 << 24);
    mola_err err = mola_delete_vector_decode(image, &id, &of, rows, &arena, &dead, &count, NULL);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID ||
               err == MOLA_NO_MEMORY);
    if (!err) {
        FUZZ_CHECK(count <= rows);
        write_again(heap, &id, &of, rows, dead, count);
    }
    mola_arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, 1 << 26);
    char *copy = fuzz_copy(data, size, SUM_BYTES, 0);
    mola_sum128((mola_str){copy, size}, (uint8_t *)copy + size);
    read_vector(&heap, (mola_str){copy, size});
    read_vector(&heap, (mola_str){copy, size + SUM_BYTES});
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
