/* Any bytes as a holder (image.h). */
#include "image.h"
#include "mola/format/holder.h"

static mola_err again(mola_str image, mola_buf *out)
{
    mola_holder holder;
    mola_err err = mola_holder_decode(image, &holder, NULL);
    if (!err)
        mola_holder_encode(out, &holder);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_bytes(data, size, again);
    return 0;
}
