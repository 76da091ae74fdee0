/* distinct.h - the distinct values of one attribute, numbered 0, 1, ... in the order they come in.
 *
 * A value is looked up by two words: a number's own bytes, or the first 16 bytes of a text. A
 * longer one goes by its first eight bytes and a hash, and is compared. Null is a value; 0.0 and
 * -0.0 are one, the one that came first. Memory from the arena; nothing is freed. Threads: one. */
#pragma once
#include "mola/base/ctx.h"
#include "mola/model/column.h"

typedef struct {
    uint64_t first, second;
    uint32_t len;
    uint32_t number; /* + 1; 0: free */
} mola_distinct_slot;

typedef struct {
    mola_arena *arena;
    uint64_t seed[2];
    uint32_t *small; /* [MOLA_DISTINCT_SMALL] number + 1 of an integer; 0: it has none yet */
    mola_distinct_slot *slots; /* of all others: open addressing */
    uint32_t slot_count;       /* a power of two */
    mola_value *values;        /* by number */
    uint32_t count, room;
    uint32_t null; /* + 1: the number of null; 0: it has none yet */
    bool copies;   /* texts do not stay where they are: new ones are copied */
} mola_distinct;

enum { MOLA_DISTINCT_SMALL = 4096 };
#define MOLA_DISTINCT_FULL UINT32_MAX

/* `env`: for a seed, so that nobody can make up values that all fall into one slot. false: the
 * arena is full. */
bool mola_distinct_init(mola_distinct *d, mola_arena *arena, mola_env *env) MOLA_NODISCARD;

/* numbers[i]: that of row rows[i] of a SCALAR column. false: the arena is full. */
bool mola_distinct_rows(mola_distinct *d, const mola_column *column, const uint32_t *rows,
                        uint32_t count, uint32_t *numbers) MOLA_NODISCARD;
/* The same of words, whose values are UINT. */
bool mola_distinct_words(mola_distinct *d, const uint64_t *words, uint32_t count,
                         uint32_t *numbers) MOLA_NODISCARD;
/* That of an element of an ARRAY column; of null. MOLA_DISTINCT_FULL: the arena is full. */
uint32_t mola_distinct_element(mola_distinct *d, const mola_column *column, uint32_t element);
uint32_t mola_distinct_null(mola_distinct *d);
