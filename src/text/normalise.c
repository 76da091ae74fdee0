#include "text/normalise.h"
#include "mola/base/utf8.h"
#include "text/unicode.h"

size_t mola_text_lower(mola_str text, uint8_t *out)
{
    const uint8_t *at = (const uint8_t *)text.data, *end = at + text.len;
    uint8_t *to = out;
    while (at < end) {
        uint32_t c = *at;
        if (c < 0x80) {
            *to++ = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 0x20 : c);
            at++;
            continue;
        }
        at = mola_utf8_next(at, end, &c);
        if (c == 0x130) { /* I with a dot: the only one that becomes two */
            to += mola_utf8_put('i', to);
            to += mola_utf8_put(0x307, to);
        } else {
            to += mola_utf8_put(mola_lower_of(c), to);
        }
    }
    return (size_t)(to - out);
}

typedef struct {
    uint32_t from;
    const char *to;
} folding;

static const folding foldings[] = {
/* rising */
#include "text/folding_table.inc"
};
enum { FOLDINGS = sizeof foldings / sizeof *foldings };

/* What a character becomes; NULL: it stays. */
static const char *find_folding(uint32_t c)
{
    size_t low = 0, high = FOLDINGS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (foldings[middle].from < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < FOLDINGS && foldings[low].from == c ? foldings[low].to : NULL;
}

size_t mola_text_fold(mola_str text, uint8_t *out)
{
    const uint8_t *at = (const uint8_t *)text.data, *end = at + text.len;
    uint8_t *to = out;
    while (at < end) {
        uint32_t c;
        const uint8_t *from = at;
        at = mola_utf8_next(at, end, &c);
        const char *folded = c < 0x80 ? NULL : find_folding(c);
        if (!folded) {
            memcpy(to, from, (size_t)(at - from));
            to += at - from;
        }
        while (folded && *folded)
            *to++ = (uint8_t)*folded++;
    }
    return (size_t)(to - out);
}
