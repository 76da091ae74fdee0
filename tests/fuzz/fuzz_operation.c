/* Any bytes as an operation, with the sum they have and with a right one: what reads can be
 * written, and is the same image again. */
#include "fuzz.h"
#include "mola/codec/block.h"
#include "mola/format/operation.h"

enum { SUM_BYTES = 16 };

static void read_operation(mola_heap *heap, mola_str image)
{
    mola_operation operation;
    mola_err err = mola_operation_decode(image, &operation, NULL);
    FUZZ_CHECK(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
    if (err)
        return;
    mola_buf out;
    mola_buf_init(&out, heap);
    mola_operation_encode(&out, &operation);
    FUZZ_CHECK(!out.failed && mola_str_eq(mola_buf_str(&out), image));
    mola_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_heap_init(&heap, 1 << 27);
    char *copy = fuzz_copy(data, size, SUM_BYTES, 0);
    mola_sum128((mola_str){copy, size}, (uint8_t *)copy + size);
    read_operation(&heap, (mola_str){copy, size});
    read_operation(&heap, (mola_str){copy, size + SUM_BYTES});
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
