/* uuid.h - 16 bytes and their text forms (reference 3.2). */
#pragma once
#include "mola/base/buf.h"

/* Hyphenated in any case, 32 hex digits, in braces, or after `urn:uuid:`. */
bool mola_uuid_parse(mola_str text, uint8_t out[16]);
/* 2 * count lower-case digits to `out`, without an end. */
void mola_hex_print(const uint8_t *bytes, size_t count, char *out);
void mola_uuid_print(mola_buf *out, const uint8_t uuid[16]); /* lower case, hyphenated, no quotes */
