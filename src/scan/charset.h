/* charset.h - sets of characters, as ranges: what the classes of a Regex are made of.
 *
 * In the arena. A function that says bool returns false when the arena is full, or when a set would
 * have more than MOLA_CHARSET_RANGES_MAX ranges. */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/check.h"

enum { MOLA_CHAR_LAST = 0x10ffff, MOLA_CHARSET_RANGES_MAX = 1 << 14 };
typedef struct {
    uint32_t first, last;
} mola_char_range;

typedef struct {
    mola_char_range *ranges;
    uint32_t count, room;
} mola_charset;

/* Adding may leave ranges out of order and touching; sealing puts that right. All functions below
 * these two take and give sealed sets. */
bool mola_charset_add(mola_arena *arena, mola_charset *set, uint32_t first,
                      uint32_t last) MOLA_NODISCARD;
void mola_charset_seal(mola_charset *set);

/* Adds all of `other`; the set is sealed afterwards. */
bool mola_charset_join(mola_arena *arena, mola_charset *set,
                       const mola_charset *other) MOLA_NODISCARD;
bool mola_charset_negate(mola_arena *arena, mola_charset *set) MOLA_NODISCARD;
bool mola_charset_intersect(mola_arena *arena, mola_charset *set,
                            const mola_charset *other) MOLA_NODISCARD;
/* Adds every character that is another one's capital, small or title form (fold.h). */
bool mola_charset_fold(mola_arena *arena, mola_charset *set) MOLA_NODISCARD;
bool mola_charset_has(const mola_charset *set, uint32_t c);
static inline bool mola_charset_eq(const mola_charset *a, const mola_charset *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->ranges, b->ranges, a->count * sizeof *a->ranges) == 0);
}

/* ---- properties.c: what Unicode 17 says of characters */

/* `name`: a general category or a script, as \p{...} names them; case, spaces, '-' and '_' do not
 * count. *known: false when it is neither. */
bool mola_property_set(mola_arena *arena, mola_str name, mola_charset *out,
                       bool *known) MOLA_NODISCARD;
/* \d, \s, \w: `class` is the letter. */
bool mola_perl_set(mola_arena *arena, char class, mola_charset *out) MOLA_NODISCARD;
bool mola_is_word(uint32_t c); /* what \w matches */
