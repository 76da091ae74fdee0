/* fuzzy.c - Wu and Manber's bit-parallel automaton. Bit i of row d: the first i + 1 characters of
 * the text end here, anywhere begun, with at most d edits. */
#include "scan/fuzzy.h"
#include "mola/base/check.h"
#include "mola/base/utf8.h"
#include "scan/fold.h"
#include <stdlib.h>

enum { WORDS_MAX = MOLA_FUZZY_CHARS_MAX / 64, ASCII = 128 };

/* Where a character stands in the text. */
typedef struct {
    uint32_t c, at;
} place;

struct mola_fuzzy {
    uint32_t length, words, edits;
    bool folds;
    const uint64_t *masks; /* [1 + distinct characters][words]: their bits; the first is empty */
    uint16_t ascii[ASCII]; /* which mask; 0: not in the text */
    const place *others;   /* beyond ASCII, rising; `at`: which mask */
    uint32_t other_count;
};

size_t mola_fuzzy_chars(mola_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static int by_char(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->c > y->c) - (x->c < y->c);
}

static void set_masks(mola_fuzzy *f, const place *places, uint64_t *masks, place *others)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < f->length; i++) {
        if (i == 0 || places[i].c != places[i - 1].c) {
            mask++;
            if (places[i].c < ASCII) {
                f->ascii[places[i].c] = (uint16_t)mask;
            } else {
                others[f->other_count++] = (place){places[i].c, mask};
            }
        }
        masks[(size_t)mask * f->words + (places[i].at >> 6)] |= (uint64_t)1 << (places[i].at & 63);
    }
}

const mola_fuzzy *mola_fuzzy_make(mola_arena *arena, mola_str text, uint32_t edits,
                                  mola_fuzzy_case how)
{
    size_t length = mola_fuzzy_chars(text);
    MOLA_ASSERT(edits <= MOLA_FUZZY_EDITS_MAX);
    MOLA_ASSERT(length > edits && length <= MOLA_FUZZY_CHARS_MAX);
    mola_fuzzy *f = mola_new(arena, mola_fuzzy, 1);
    place *places = mola_new(arena, place, length), *others = mola_new(arena, place, length);
    size_t words = (length + 63) / 64;
    uint64_t *masks = mola_new(arena, uint64_t, (length + 1) * words);
    if (!f || !places || !others || !masks)
        return NULL;
    *f = (mola_fuzzy){.length = (uint32_t)length,
                      .words = (uint32_t)words,
                      .edits = edits,
                      .folds = how == MOLA_FUZZY_CASE_FREE,
                      .masks = masks,
                      .others = others};
    uint32_t count = 0;
    for (size_t at = 0; at < text.len && count < length; count++) {
        uint32_t c = mola_utf8_take(text, &at);
        places[count] = (place){f->folds ? mola_fold(c) : c, count};
    }
    MOLA_ASSERT(count == length);
    qsort(places, length, sizeof *places, by_char);
    set_masks(f, places, masks, others);
    return f;
}

static const uint64_t *mask_of(const mola_fuzzy *f, uint32_t c)
{
    uint32_t mask = 0;
    if (c < ASCII) {
        mask = f->ascii[c];
    } else if (f->other_count) {
        const place *found =
            bsearch(&(place){.c = c}, f->others, f->other_count, sizeof *f->others, by_char);
        mask = found ? found->at : 0;
    }
    return f->masks + (size_t)mask * f->words;
}

/* One character: row d from what it was, from row d - 1 as it was (substitution: shifted,
 * insertion: as it stands) and from row d - 1 as it is now (deletion: shifted). */
static bool move_on(const mola_fuzzy *f, uint64_t rows[][WORDS_MAX], const uint64_t *mask)
{
    uint64_t carry_own[MOLA_FUZZY_EDITS_MAX + 1] = {1, 1, 1};
    uint64_t carry_old[MOLA_FUZZY_EDITS_MAX + 1] = {0, 1, 1};
    uint64_t carry_new[MOLA_FUZZY_EDITS_MAX + 1] = {0, 1, 1};
    for (uint32_t w = 0; w < f->words; w++) {
        uint64_t old = 0, now = 0; /* of row d - 1 */
        for (uint32_t d = 0; d <= f->edits; d++) {
            uint64_t was = rows[d][w];
            uint64_t next = (was << 1 | carry_own[d]) & mask[w];
            carry_own[d] = was >> 63;
            if (d) {
                next |= old | (old << 1 | carry_old[d]) | (now << 1 | carry_new[d]);
                carry_old[d] = old >> 63;
                carry_new[d] = now >> 63;
            }
            rows[d][w] = next;
            old = was;
            now = next;
        }
    }
    uint32_t last = f->length - 1;
    return rows[f->edits][last >> 6] >> (last & 63) & 1;
}

bool mola_fuzzy_matches(const mola_fuzzy *f, mola_str value)
{
    uint64_t rows[MOLA_FUZZY_EDITS_MAX + 1][WORDS_MAX];
    for (uint32_t d = 0; d <= f->edits; d++) {
        memset(rows[d], 0, f->words * sizeof rows[d][0]);
        if (d)
            rows[d][0] = ((uint64_t)1 << d) - 1; /* the first d characters may be missing */
    }
    for (size_t at = 0; at < value.len;) {
        uint32_t c = mola_utf8_take(value, &at);
        if (move_on(f, rows, mask_of(f, f->folds ? mola_fold(c) : c)))
            return true;
    }
    return false;
}
