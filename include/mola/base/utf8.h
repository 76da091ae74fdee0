/* utf8.h - characters of text that is known to be well-formed: characters of anything else mean
 * nothing, but they end with the text. */
#pragma once
#include "mola/base/str.h"
#include <stddef.h>
#include <stdint.h>

/* The character at `at`, which is below `end`; returns where the next one starts. */
static inline const uint8_t *mola_utf8_next(const uint8_t *at, const uint8_t *end, uint32_t *c)
{
    uint32_t first = *at++;
    if (first < 0x80) {
        *c = first;
        return at;
    }
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    uint32_t value = first & (0x3fU >> more);
    for (; more > 0 && at < end; more--)
        value = value << 6 | (*at++ & 0x3f);
    *c = value < 0x110000 ? value : 0xfffd;
    return at;
}

/* The character at *at < text.len; *at goes on to the next. */
static inline uint32_t mola_utf8_take(mola_str text, size_t *at)
{
    const uint8_t *begin = (const uint8_t *)text.data;
    uint32_t c;
    *at = (size_t)(mola_utf8_next(begin + *at, begin + text.len, &c) - begin);
    return c;
}

/* At most 4 bytes; returns how many. */
static inline size_t mola_utf8_put(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}
