/* fuzzy.h - values that contain something like a text (reference 8.5.6): a substring within so many
 * insertions, deletions and substitutions of characters.
 *
 * A nondeterministic automaton, a row of bits for each number of edits, all moved on at once with
 * each character of the value: time is linear in the value, whatever the text. In the arena;
 * immutable. */
#pragma once
#include "mola/base/arena.h"

enum { MOLA_FUZZY_EDITS_MAX = 2, MOLA_FUZZY_CHARS_MAX = 1024 };
typedef enum { MOLA_FUZZY_CASE_EXACT, MOLA_FUZZY_CASE_FREE } mola_fuzzy_case;
typedef struct mola_fuzzy mola_fuzzy;

/* Characters of UTF-8. */
size_t mola_fuzzy_chars(mola_str text);
/* `text` has more than `edits` and at most MOLA_FUZZY_CHARS_MAX characters. NULL: no memory. */
const mola_fuzzy *mola_fuzzy_make(mola_arena *arena, mola_str text, uint32_t edits,
                                  mola_fuzzy_case how);
bool mola_fuzzy_matches(const mola_fuzzy *fuzzy, mola_str value);
