#include "text/words.h"
#include "mola/base/utf8.h"
#include "text/unicode.h"

/* ---- word segmentation, UAX #29 ---- */

typedef struct {
    const uint8_t *next, *end;
    mola_word_break left;           /* of the character before, whatever it is */
    mola_word_break last, previous; /* of the last two that count (WB4) */
    uint32_t regionals;             /* regional indicators at the end of what counts */
} segmenter;

static bool is_one_of(mola_word_break c, uint32_t set)
{
    return set >> c & 1;
}
#define SET1(a)          (1U << MOLA_WB_##a)
#define SET2(a, b)       (SET1(a) | SET1(b))
#define SET3(a, b, c)    (SET2(a, b) | SET1(c))
#define SET4(a, b, c, d) (SET3(a, b, c) | SET1(d))

static const uint32_t newlines = SET3(CR, LF, NEWLINE);
static const uint32_t ignored = SET3(EXTEND, ZWJ, FORMAT);
static const uint32_t letters = SET2(LETTER, HEBREW);
static const uint32_t inside_words = SET3(MID_LETTER, MID_NUM_LET, SINGLE_QUOTE);
static const uint32_t inside_numbers = SET3(MID_NUM, MID_NUM_LET, SINGLE_QUOTE);
static const uint32_t joinable = SET4(LETTER, HEBREW, NUMERIC, KATAKANA);

/* The class of what counts next behind `at`; OTHER at the end. */
static mola_word_break class_behind(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        uint32_t c;
        at = mola_utf8_next(at, end, &c);
        mola_word_break next = mola_word_break_of(mola_property(c));
        if (!is_one_of(next, ignored))
            return next;
    }
    return MOLA_WB_OTHER;
}

/* Rules 5 to 13b: a letter, a number or what joins them. `behind` is what follows `right`. */
static bool joins(const segmenter *s, mola_word_break right, const uint8_t *behind)
{
    mola_word_break last = s->last, previous = s->previous;
    bool is_letter = is_one_of(last, letters), is_number = last == MOLA_WB_NUMERIC;
    bool to_letter = is_one_of(right, letters), to_number = right == MOLA_WB_NUMERIC;
    if ((is_letter || is_number) && (to_letter || to_number))
        return true; /* WB5, WB8, WB9, WB10 */
    if (is_letter && is_one_of(right, inside_words) &&
        is_one_of(class_behind(behind, s->end), letters))
        return true; /* WB6 */
    if (is_one_of(previous, letters) && is_one_of(last, inside_words) && to_letter)
        return true; /* WB7 */
    if (last == MOLA_WB_HEBREW && right == MOLA_WB_SINGLE_QUOTE)
        return true; /* WB7a */
    if (last == MOLA_WB_HEBREW && right == MOLA_WB_DOUBLE_QUOTE)
        return class_behind(behind, s->end) == MOLA_WB_HEBREW; /* WB7b */
    if (previous == MOLA_WB_HEBREW && last == MOLA_WB_DOUBLE_QUOTE && right == MOLA_WB_HEBREW)
        return true; /* WB7c */
    if (previous == MOLA_WB_NUMERIC && is_one_of(last, inside_numbers) && to_number)
        return true; /* WB11 */
    if (is_number && is_one_of(right, inside_numbers))
        return class_behind(behind, s->end) == MOLA_WB_NUMERIC; /* WB12 */
    if (last == MOLA_WB_KATAKANA && right == MOLA_WB_KATAKANA)
        return true; /* WB13 */
    if (right == MOLA_WB_EXTEND_NUM_LET)
        return is_one_of(last, joinable) || last == MOLA_WB_EXTEND_NUM_LET; /* WB13a */
    return last == MOLA_WB_EXTEND_NUM_LET && is_one_of(right, joinable);    /* WB13b */
}

static bool breaks(const segmenter *s, uint16_t property, const uint8_t *behind)
{
    mola_word_break right = mola_word_break_of(property);
    if (s->left == MOLA_WB_CR && right == MOLA_WB_LF)
        return false; /* WB3 */
    if (is_one_of(s->left, newlines) || is_one_of(right, newlines))
        return true; /* WB3a, WB3b */
    if (s->left == MOLA_WB_ZWJ && (property & MOLA_IS_PICTOGRAPH))
        return false; /* WB3c */
    if (s->left == MOLA_WB_SPACE && right == MOLA_WB_SPACE)
        return false; /* WB3d */
    if (is_one_of(right, ignored))
        return false; /* WB4 */
    if (s->last == MOLA_WB_REGIONAL && right == MOLA_WB_REGIONAL)
        return s->regionals % 2 == 0; /* WB15, WB16 */
    return !joins(s, right, behind);
}

const uint8_t *mola_word_segment(const uint8_t *at, const uint8_t *end, bool *wordlike)
{
    uint32_t c;
    segmenter s = {.end = end};
    const uint8_t *behind = mola_utf8_next(at, end, &c);
    uint16_t property = mola_property(c);
    s.left = s.last = mola_word_break_of(property);
    s.regionals = s.last == MOLA_WB_REGIONAL;
    *wordlike = property & MOLA_IS_WORDLIKE;
    for (at = behind; at < end; at = behind) {
        behind = mola_utf8_next(at, end, &c);
        property = mola_property(c);
        if (breaks(&s, property, behind))
            break;
        *wordlike = *wordlike || (property & MOLA_IS_WORDLIKE);
        s.left = mola_word_break_of(property);
        if (is_one_of(s.left, ignored))
            continue;
        s.previous = s.last;
        s.last = s.left;
        s.regionals = s.last == MOLA_WB_REGIONAL ? s.regionals + 1 : 0;
    }
    return at;
}

/* ---- the same over ASCII: most text needs no more ---- */

enum {
    UPPER = 1,
    LETTER = 2,
    DIGIT = 4,
    UNDERSCORE = 8,
    MID_LETTER = 16, /* joins letters: ' . : */
    MID_NUM = 32,    /* joins digits: ' . , ; */
    SPACE = 64,
    BEYOND = 128, /* not ASCII */
    WORD = LETTER | DIGIT | UNDERSCORE,
};

#define TIMES_2(k)  k, k
#define TIMES_8(k)  TIMES_2(k), TIMES_2(k), TIMES_2(k), TIMES_2(k)
#define TIMES_10(k) TIMES_8(k), TIMES_2(k)
#define TIMES_26(k) TIMES_8(k), TIMES_8(k), TIMES_10(k)
#define TIMES_128(k)                                                                               \
    TIMES_26(k), TIMES_26(k), TIMES_26(k), TIMES_26(k), TIMES_8(k), TIMES_8(k), TIMES_8(k)

static const uint8_t kinds[256] = {
    [' '] = SPACE,
    ['\''] = MID_LETTER | MID_NUM,
    [','] = MID_NUM,
    ['.'] = MID_LETTER | MID_NUM,
    ['0'] = TIMES_10(DIGIT),
    [':'] = MID_LETTER,
    [';'] = MID_NUM,
    ['A'] = TIMES_26(LETTER | UPPER),
    ['_'] = UNDERSCORE,
    ['a'] = TIMES_26(LETTER),
    [128] = TIMES_128(BEYOND),
};

/* The end of the segment that begins with a letter, digit or underscore; *seen: the kinds in it.
 * NULL: other than ASCII characters have a say in where it ends. */
static const uint8_t *ascii_word(const uint8_t *at, const uint8_t *end, uint8_t *seen)
{
    uint8_t all = 0;
    for (;;) {
        uint8_t kind = 0;
        while (at < end && ((kind = kinds[*at]) & WORD)) {
            all |= kind;
            at++;
        }
        *seen = all;
        if (at == end)
            return at;
        if (kind & BEYOND)
            return NULL;
        if (!(kind & (MID_LETTER | MID_NUM)) || at + 1 == end)
            return at;
        uint8_t before = kinds[at[-1]], behind = kinds[at[1]];
        if (behind & BEYOND)
            return NULL;
        bool in_word = (kind & MID_LETTER) && (before & LETTER) && (behind & LETTER);
        bool in_number = (kind & MID_NUM) && (before & DIGIT) && (behind & DIGIT);
        if (!in_word && !in_number)
            return at;
        at++;
    }
}

/* Behind the segments at `at` that are ASCII without a letter, a digit or an underscore. */
static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
    while (at < end && !(kinds[*at] & (WORD | BEYOND))) {
        const uint8_t *behind = at + 1;
        while (*at == ' ' && behind < end && *behind == ' ') /* spaces are one segment */
            behind++;
        if (behind < end && (kinds[*behind] & BEYOND))
            break; /* it may belong to the segment */
        at = behind;
    }
    return at;
}

static bool next_segment(const uint8_t **at, const uint8_t *end, mola_word *word)
{
    const uint8_t *from = *at, *until = NULL;
    for (;;) {
        uint8_t seen = 0;
        from = skip_ascii(from, end);
        if (from == end)
            break;
        until = kinds[*from] & WORD ? ascii_word(from, end, &seen) : NULL;
        bool is_ascii = until, wordlike = seen & (LETTER | DIGIT);
        if (!is_ascii)
            until = mola_word_segment(from, end, &wordlike);
        if (wordlike) {
            *word = (mola_word){from, until, is_ascii, seen & UPPER};
            *at = until;
            return true;
        }
        from = until;
    }
    *at = end;
    return false;
}

/* ---- the older tokenizers: runs of letters and numbers ---- */

static uint16_t property_at(const uint8_t *at, const uint8_t *end, uint32_t *c,
                            const uint8_t **behind)
{
    *behind = mola_utf8_next(at, end, c);
    return mola_property(*c);
}

/* Behind a pictograph at `at` with what modifies it; NULL: there is none. */
static const uint8_t *pictograph(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *behind, *next;
    uint32_t c;
    if (at == end || !(property_at(at, end, &c, &behind) & MOLA_IS_PICTOGRAPH))
        return NULL;
    if (behind < end) {
        (void)property_at(behind, end, &c, &next);
        if ((c >= 0x1f3fb && c <= 0x1f3ff) || c == 0xfe0f) /* a skin tone, or "as a picture" */
            behind = next;
    }
    return behind;
}

/* Behind the emoji at `at`: a flag, or pictographs that are joined; NULL: there is none. */
static const uint8_t *emoji(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *behind, *next;
    uint32_t c;
    if (mola_word_break_of(property_at(at, end, &c, &behind)) == MOLA_WB_REGIONAL) {
        if (behind == end ||
            mola_word_break_of(property_at(behind, end, &c, &next)) != MOLA_WB_REGIONAL)
            return NULL;
        return next;
    }
    const uint8_t *until = pictograph(at, end);
    while (until && until < end) {
        (void)property_at(until, end, &c, &behind);
        const uint8_t *more = c == 0x200d ? pictograph(behind, end) : NULL;
        if (!more)
            break;
        until = more;
    }
    return until;
}

static bool is_run(mola_tokenizer tokenizer, uint16_t property)
{
    if (tokenizer == MOLA_TOKENIZER_WORD_V2)
        return (property & (MOLA_IS_ALNUM_16 | MOLA_IS_IDEOGRAPH_16)) == MOLA_IS_ALNUM_16;
    return property & MOLA_IS_ALNUM_10;
}

static bool next_run(mola_tokenizer tokenizer, const uint8_t **at, const uint8_t *end,
                     mola_word *word)
{
    const uint8_t *from = *at, *behind;
    uint32_t c;
    *at = end;
    for (; from < end; from = behind) {
        const uint8_t *until = tokenizer == MOLA_TOKENIZER_WORD_V0 ? NULL : emoji(from, end);
        uint16_t property = property_at(from, end, &c, &behind);
        if (!until && tokenizer == MOLA_TOKENIZER_WORD_V2 && (property & MOLA_IS_IDEOGRAPH_16))
            until = behind;
        if (!until && is_run(tokenizer, property)) {
            for (until = behind; until < end; until = behind) {
                if (!is_run(tokenizer, property_at(until, end, &c, &behind)))
                    break;
            }
        }
        if (until) {
            *word = (mola_word){.from = from, .until = until};
            *at = until;
            return true;
        }
    }
    return false;
}

bool mola_word_next(mola_tokenizer tokenizer, const uint8_t **at, const uint8_t *end,
                    mola_word *word)
{
    return tokenizer >= MOLA_TOKENIZER_WORD_V3 ? next_segment(at, end, word)
                                               : next_run(tokenizer, at, end, word);
}
