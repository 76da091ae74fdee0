/* base64.h - standard alphabet with padding (RFC 4648 section 4), strict: no white space, no
 * missing padding, no stray bits. */
#pragma once
#include "mola/base/buf.h"

/* Bytes that decoding `text` gives. false: not base64 by its length and padding. */
bool mola_base64_decoded_size(mola_str text, size_t *size);
/* `out` has room for that many. false: a character that does not belong. */
bool mola_base64_decode(mola_str text, void *out) MOLA_NODISCARD;
/* The same for little-endian f32; false also when one of them is not finite. */
bool mola_base64_decode_f32(mola_str text, void *out) MOLA_NODISCARD;
/* Appends the text, without quotes. */
void mola_base64_print(mola_buf *out, const void *bytes, size_t size);
