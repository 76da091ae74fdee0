/* chunks.h - the framing of a chunked body (RFC 9112, section 7.1), read strictly.
 *
 * A state machine over one byte at a time, so the answer cannot depend on how the bytes were cut
 * into packets. Sizes end in CR LF with nothing but an extension before it; extensions and trailers
 * are ignored, and are limited over the whole body. */
#pragma once
#include "mola/base/str.h"

enum {
    MOLA_CHUNKS_EXTRA_MAX = 16 << 10
}; /* bytes of extensions and trailers of one body together */

typedef enum {
    MOLA_CHUNK_SIZE,
    MOLA_CHUNK_EXTENSION,
    MOLA_CHUNK_SIZE_LF,
    MOLA_CHUNK_DATA,
    MOLA_CHUNK_DATA_CR,
    MOLA_CHUNK_DATA_LF,
    MOLA_TRAILER_LINE,
    MOLA_TRAILER_NAME,
    MOLA_TRAILER_VALUE,
    MOLA_TRAILER_LF,
    MOLA_CHUNKS_LF,
    MOLA_CHUNKS_DONE,
} mola_chunk_state;

typedef struct {
    mola_chunk_state state;
    int status;             /* 0, or the HTTP status the body is refused with */
    uint32_t digits, extra; /* hex digits of this size; extension and trailer bytes so far */
    uint64_t left;          /* bytes of this chunk still to come */
    uint64_t room;          /* body bytes that may still come; the caller sets it to the limit */
} mola_chunks;

/* Takes framing bytes up to and including the next run of data, which comes back in `data` (may be
 * empty). Returns the number of bytes taken: all of `in`, unless data was found, the body ended or
 * chunks->status was set. */
size_t mola_chunks_next(mola_chunks *chunks, mola_str in, mola_str *data);
const char *mola_chunks_why(int status);
