/* blob.h - bytes inside an image, zstd-1 when that gains.
 *
 *      0  u64 plain_bytes   8  u64 stored_bytes (= plain_bytes: raw; less: one zstd frame)
 *     16  the stored bytes */
#pragma once
#include "mola/base/arena.h"
#include "mola/codec/bytes.h"

void mola_blob_add(mola_buf *out, mola_str plain);

/* Decoding: the head and the stored bytes are taken off the cursor; *plain_bytes is what they
 * unpack to, known before anything is allocated and at most 32,768 times the stored bytes (all that
 * zstd can do). false: the image ends too early, or the two sizes cannot be. */
typedef struct {
    mola_str stored;
    size_t plain_bytes;
} mola_blob;
bool mola_blob_take(mola_cursor *c, mola_blob *out);
/* Into `out`, which has room for plain_bytes. MOLA_CORRUPT, MOLA_NO_MEMORY. */
mola_err mola_blob_unpack(const mola_blob *blob, void *out) MOLA_NODISCARD;
