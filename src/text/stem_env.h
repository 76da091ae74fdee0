/* stem_env.h - what the translated stemmers of stem/ run on: a word that is cut and changed in
 * place. The behaviour is that of the runtime of rust-stemmers, whose code they are; where that one
 * would have panicked, the word counts as broken and is left as it was. */
#pragma once
#include "mola/base/check.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    MOLA_STEM_WORD_BYTES = 2048, /* longer words are not stemmed */
    MOLA_STEM_ROOM = 2 * MOLA_STEM_WORD_BYTES,
};

typedef struct {
    uint8_t text[MOLA_STEM_ROOM];
    int32_t cursor, limit, limit_backward, bra, ket; /* limit: the length */
    bool broken;
    /* variables of the algorithms */
    int32_t i_length, i_p1, i_p2, i_pV, i_strlen, i_word_len, i_x;
    bool b_Y_found, b_continue_stemming_noun_suffixes, b_e_found, b_ending_removed, b_found_a_match,
        b_found_vetrumai_urupu, b_found_wrong_ending, b_is_defined, b_is_noun, b_is_verb,
        b_standard_suffix_removed, b_test1;
    char kept[MOLA_STEM_ROOM];
    int32_t kept_len;
} mola_stem_env;

/* One string of a search table, sorted by its bytes (backwards: by its reversed bytes). */
typedef struct {
    const char *text;
    int32_t len, link, result; /* link: the longest entry that this one starts (ends) with, or -1 */
    bool (*test)(mola_stem_env *env);
} mola_stem_among_entry;

#define S(text)      text, (int32_t)(sizeof(text) - 1)
#define AMONG(table) table, (int32_t)(sizeof(table) / sizeof *(table))

bool mola_stem_eq(mola_stem_env *env, const char *text, int32_t len);
bool mola_stem_eq_b(mola_stem_env *env, const char *text, int32_t len);
/* Replaces [bra, ket). */
bool mola_stem_slice(mola_stem_env *env, const char *text, int32_t len);
void mola_stem_insert(mola_stem_env *env, int32_t bra, int32_t ket, const char *text, int32_t len);
void mola_stem_keep(mola_stem_env *env); /* kept = [bra, ket) */
int32_t mola_stem_among(mola_stem_env *env, const mola_stem_among_entry *entries, int32_t count);
int32_t mola_stem_among_b(mola_stem_env *env, const mola_stem_among_entry *entries, int32_t count);
/* Steps over the next (previous) character when it is (is not) in a set of characters from `least`
 * to `most`: a bit each. */
bool mola_stem_in(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most);
bool mola_stem_in_b(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most);
bool mola_stem_out(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most);
bool mola_stem_out_b(mola_stem_env *env, const uint8_t *set, uint32_t least, uint32_t most);
int32_t mola_stem_hop(const mola_stem_env *env, int32_t characters); /* from the cursor */
void mola_stem_next(mola_stem_env *env);
void mola_stem_previous(mola_stem_env *env);
int32_t mola_stem_chars(const mola_stem_env *env);

bool mola_stem_arabic(mola_stem_env *env);
bool mola_stem_danish(mola_stem_env *env);
bool mola_stem_dutch(mola_stem_env *env);
bool mola_stem_english(mola_stem_env *env);
bool mola_stem_finnish(mola_stem_env *env);
bool mola_stem_french(mola_stem_env *env);
bool mola_stem_german(mola_stem_env *env);
bool mola_stem_greek(mola_stem_env *env);
bool mola_stem_hungarian(mola_stem_env *env);
bool mola_stem_italian(mola_stem_env *env);
bool mola_stem_norwegian(mola_stem_env *env);
bool mola_stem_portuguese(mola_stem_env *env);
bool mola_stem_romanian(mola_stem_env *env);
bool mola_stem_russian(mola_stem_env *env);
bool mola_stem_spanish(mola_stem_env *env);
bool mola_stem_swedish(mola_stem_env *env);
bool mola_stem_tamil(mola_stem_env *env);
bool mola_stem_turkish(mola_stem_env *env);
