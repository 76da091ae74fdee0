/* utf8_take.h - characters of text that is known to be UTF-8. */
#pragma once
#include "mola/base/str.h"

/* The character at *at, which is not the end; *at goes on to the next. */
static inline uint32_t mola_take_char(mola_str text, size_t *at)
{
    const unsigned char *p = (const unsigned char *)text.data + *at;
    uint32_t c = p[0];
    size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (size > text.len - *at)
        size = 1;
    if (size == 2) {
        c = (c & 0x1fU) << 6 | (p[1] & 0x3fU);
    } else if (size == 3) {
        c = (c & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
    } else if (size == 4) {
        c = (c & 0x07U) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6 | (p[3] & 0x3fU);
    }
    *at += size;
    return c;
}
