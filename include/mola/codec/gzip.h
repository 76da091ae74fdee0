/* gzip.h - request and response compression (reference 1.6), with a hard cap on what comes out. */
#pragma once
#include "mola/base/buf.h"

/* Inflates one gzip stream (all its members). MOLA_INVALID: not valid gzip; MOLA_NO_MEMORY: plain size
 * over `size_max` or over the heap. The result is followed by 64 zero bytes that do not count. */
mola_err mola_gzip_inflate(mola_str packed, size_t size_max, mola_buf *out) MOLA_NODISCARD;
mola_err mola_gzip_deflate(mola_str plain, mola_buf *out) MOLA_NODISCARD; /* level 1 */
