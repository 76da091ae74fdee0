/* Any bytes as an operation (image.h). */
#include "image.h"
#include "mola/format/operation.h"

static mola_err again(mola_str image, mola_buf *out)
{
    mola_operation operation;
    mola_err err = mola_operation_decode(image, &operation, NULL);
    if (!err)
        mola_operation_encode(out, &operation);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_bytes(data, size, again);
    return 0;
}
