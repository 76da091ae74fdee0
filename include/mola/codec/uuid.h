/* uuid.h - 16 bytes and their text forms (reference 3.2). */
#pragma once
#include "mola/base/buf.h"

/* Hyphenated in any case, 32 hex digits, in braces, or after `urn:uuid:`. */
bool mola_uuid_parse(mola_str text, uint8_t out[16]);
void mola_uuid_print(mola_buf *out, const uint8_t uuid[16]); /* lower case, hyphenated, no quotes */
