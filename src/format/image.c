#include "format/image.h"
#include "mola/codec/block.h"

mola_err mola_whole_image_damaged(const mola_whole_image *kind, mola_why *why)
{
    return mola_fail(why, MOLA_CORRUPT, "damaged %s", strchr(kind->noun, ' ') + 1);
}

mola_err mola_whole_image_open(const mola_whole_image *kind, mola_str image, mola_cursor *rest,
                               mola_why *why)
{
    uint8_t sum[MOLA_IMAGE_SUM_BYTES];
    if (image.len < kind->header_bytes + sizeof sum ||
        !mola_str_starts(image, mola_str_of(kind->magic)))
        return mola_fail(why, MOLA_CORRUPT, "not %s", kind->noun);
    mola_str summed = {image.data, image.len - sizeof sum};
    mola_sum128(summed, sum);
    if (memcmp(sum, image.data + summed.len, sizeof sum) != 0)
        return mola_fail(why, MOLA_CORRUPT, "checksum mismatch in %s", kind->noun);
    *rest = (mola_cursor){.rest = mola_str_from(summed, 4)};
    uint16_t fmt = mola_take_u16(rest), min_reader = mola_take_u16(rest);
    if (fmt == 0 || min_reader == 0 || min_reader > fmt)
        return mola_whole_image_damaged(kind, why);
    if (fmt > kind->fmt) {
        return mola_fail(why, MOLA_INVALID,
                         "format %u of %s needs a newer mola (this one reads up to %u)",
                         (unsigned)fmt, kind->noun, (unsigned)kind->fmt);
    }
    return MOLA_OK;
}
