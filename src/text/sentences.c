#include "mola/base/utf8.h"
#include "mola/text/text.h"
#include "text/unicode.h"

/* UAX #29, rules SB1 to SB998, in one walk: where behind the end of a sentence are we? */
typedef enum {
    INSIDE,
    TERMINATED, /* behind a terminator and closing marks */
    SPACED,     /* and behind spaces too */
} phase;

typedef struct {
    phase phase;
    bool by_aterm;                 /* the terminator is one that abbreviations have too */
    bool cased;                    /* a cased letter stands right before it */
    mola_sentence_break raw, last; /* of the character before; of the last one that counts (SB5) */
} walk;

static bool is_paragraph_end(mola_sentence_break c)
{
    return c == MOLA_SB_SEP || c == MOLA_SB_CR || c == MOLA_SB_LF;
}

static bool is_ignored(mola_sentence_break c)
{
    return c == MOLA_SB_EXTEND || c == MOLA_SB_FORMAT;
}

static bool is_terminator(mola_sentence_break c)
{
    return c == MOLA_SB_ATERM || c == MOLA_SB_STERM;
}

static mola_sentence_break class_at(const uint8_t *at, const uint8_t *end, const uint8_t **behind)
{
    uint32_t c;
    *behind = mola_utf8_next(at, end, &c);
    return mola_sentence_break_of(mola_property(c));
}

/* SB8: a lower case letter comes before any other letter or the end of a sentence. */
static bool goes_on_lower(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        mola_sentence_break c = class_at(at, end, &at);
        if (c == MOLA_SB_LOWER)
            return true;
        if (c == MOLA_SB_LETTER || c == MOLA_SB_UPPER || is_paragraph_end(c) || is_terminator(c))
            return false;
    }
    return false;
}

/* A sentence begins with the character of class `c` at `at`. */
static bool breaks(const walk *w, mola_sentence_break c, const uint8_t *at, const uint8_t *end)
{
    if (is_paragraph_end(w->raw))
        return w->raw != MOLA_SB_CR || c != MOLA_SB_LF; /* SB3, SB4 */
    if (is_ignored(c) || w->phase == INSIDE)
        return false; /* SB5, SB998 */
    if (c == MOLA_SB_SPACE || is_paragraph_end(c))
        return false; /* SB9, SB10 */
    if (c == MOLA_SB_CLOSE && w->phase == TERMINATED)
        return false; /* SB9 */
    if (c == MOLA_SB_CONTINUE || is_terminator(c))
        return false; /* SB8a */
    if (w->by_aterm && w->last == MOLA_SB_ATERM &&
        (c == MOLA_SB_NUMERIC || (w->cased && c == MOLA_SB_UPPER)))
        return false;                               /* SB6, SB7 */
    return !w->by_aterm || !goes_on_lower(at, end); /* SB8, SB11 */
}

static void advance(walk *w, mola_sentence_break c)
{
    w->raw = c;
    if (is_ignored(c))
        return;
    if (is_terminator(c)) {
        w->phase = TERMINATED;
        w->by_aterm = c == MOLA_SB_ATERM;
        w->cased = w->last == MOLA_SB_LOWER || w->last == MOLA_SB_UPPER;
    } else if (w->phase != INSIDE && c == MOLA_SB_SPACE) {
        w->phase = SPACED;
    } else if (w->phase != TERMINATED || c != MOLA_SB_CLOSE) {
        w->phase = INSIDE;
    }
    w->last = c;
}

mola_text_range mola_sentence_next(mola_str text, uint32_t from)
{
    const uint8_t *start = (const uint8_t *)text.data, *end = start + text.len;
    const uint8_t *at = start + from, *behind;
    walk w = {0};
    advance(&w, class_at(at, end, &behind));
    for (at = behind; at < end; at = behind) {
        mola_sentence_break c = class_at(at, end, &behind);
        if (breaks(&w, c, at, end))
            break;
        advance(&w, c);
    }
    return (mola_text_range){from, (uint32_t)(at - start)};
}

mola_text_range mola_text_trim(mola_str text, mola_text_range range)
{
    const uint8_t *start = (const uint8_t *)text.data, *behind;
    const uint8_t *from = start + range.from, *end = start + range.until;
    uint32_t c;
    for (; from < end; from = behind) {
        behind = mola_utf8_next(from, end, &c);
        if (!(mola_property(c) & MOLA_IS_SPACE))
            break;
    }
    const uint8_t *until = from;
    for (const uint8_t *at = from; at < end; at = behind) {
        behind = mola_utf8_next(at, end, &c);
        if (!(mola_property(c) & MOLA_IS_SPACE))
            until = behind;
    }
    return (mola_text_range){(uint32_t)(from - start), (uint32_t)(until - start)};
}
