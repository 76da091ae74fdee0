/* gzip.h - request and response compression (reference 1.6), with a hard cap on what comes out. */
#pragma once
#include "mola/base/buf.h"

/* Inflates one gzip stream (all its members) into `out`, which is empty. The result is followed by
 * 64 zero bytes that do not count. MOLA_INVALID: not valid gzip; MOLA_NO_MEMORY: the plain size is
 * over `size_max`, or (then out->failed) over the heap. After an error `out` is empty. */
mola_err mola_gzip_inflate(mola_str packed, size_t size_max, mola_buf *out) MOLA_NODISCARD;
/* Appends one member, level 1. */
mola_err mola_gzip_deflate(mola_str plain, mola_buf *out) MOLA_NODISCARD;
