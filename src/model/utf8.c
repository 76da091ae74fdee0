#include "mola/codec/bytes.h"
#include "mola/model/value.h"

/* Length of the well-formed sequence at p (Unicode table 3-7), 0: none. */
static size_t sequence_at(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < len)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

bool mola_utf8_ok(mola_str text)
{
    const uint8_t *p = (const uint8_t *)text.data;
    size_t at = 0;
    while (at < text.len) {
        if (text.len - at >= 8 && (mola_load_u64(p + at) & 0x8080808080808080U) == 0) {
            at += 8;
            continue;
        }
        size_t len = sequence_at(p + at, text.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}
