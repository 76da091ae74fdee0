#include "format/blob.h"
#include "mola/codec/block.h"

enum { HEAD_BYTES = 16, WORTH_PACKING = 256, RATIO_MAX = 32768, LEVEL = 1 };

void mola_blob_add(mola_buf *out, mola_str plain)
{
    size_t head = out->len;
    mola_buf_add_zeros(out, HEAD_BYTES);
    bool packed = plain.len >= WORTH_PACKING && mola_zstd_pack(out, plain, LEVEL) && !out->failed &&
                  out->len - head - HEAD_BYTES < plain.len;
    if (out->failed)
        return;
    if (!packed) {
        out->len = head + HEAD_BYTES;
        mola_buf_add_str(out, plain);
        if (out->failed)
            return;
    }
    uint64_t sizes[2] = {plain.len, out->len - head - HEAD_BYTES};
    memcpy(out->data + head, sizes, sizeof sizes);
}

bool mola_blob_take(mola_cursor *c, mola_blob *out)
{
    uint64_t plain = mola_take_u64(c), stored = mola_take_u64(c);
    if (c->bad || stored > c->rest.len || stored > plain || plain / RATIO_MAX > stored)
        return false;
    out->stored = mola_take(c, (size_t)stored);
    out->plain_bytes = (size_t)plain;
    return !c->bad;
}

mola_err mola_blob_unpack(const mola_blob *blob, void *out)
{
    if (blob->stored.len < blob->plain_bytes)
        return mola_zstd_unpack(blob->stored, out, blob->plain_bytes);
    if (blob->plain_bytes)
        memcpy(out, blob->stored.data, blob->plain_bytes);
    return MOLA_OK;
}
