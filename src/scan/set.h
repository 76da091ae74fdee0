/* set.h - the operands of In and its kin: a set of scalars of one type. A few are compared one by
 * one, more are hashed. In the arena; immutable once built. */
#pragma once
#include "mola/model/value.h"

typedef struct {
    const mola_value *values; /* distinct */
    uint32_t count;
    uint32_t slot_mask;    /* slots are a power of two; 0: compare one by one */
    const uint32_t *slots; /* index + 1, or 0 */
    /* INT, UINT, DATETIME and FLOAT: the same as bare numbers, for inner loops */
    const uint64_t *bits; /* [count]; NULL: another type */
    uint32_t bits_shift;  /* 64 - log2 of the slots of `bits_slots` */
    const uint32_t *bits_slots;
    /* sort keys, for zones */
    uint64_t key_least, key_most;
    const uint64_t *keys; /* [count], rising; NULL: there are many */
} mola_set;

/* `values` is kept and reordered. false: the arena is full. */
bool mola_set_build(mola_arena *arena, mola_value *values, uint32_t count,
                    mola_set *out) MOLA_NODISCARD;
bool mola_set_has(const mola_set *set, const mola_value *value);

/* What `bits` holds for a stored number: -0.0 and 0.0 are one. */
static inline uint64_t mola_set_bits(mola_elem elem, uint64_t stored)
{
    return elem == MOLA_ELEM_FLOAT && stored == (uint64_t)1 << 63 ? 0 : stored;
}
static inline uint32_t mola_set_hash(uint64_t bits, uint32_t shift)
{
    return (uint32_t)(bits * 0x9e3779b97f4a7c15U >> shift);
}
static inline bool mola_set_has_bits(const mola_set *set, uint64_t bits)
{
    if (!set->bits_slots) {
        for (uint32_t i = 0; i < set->count; i++)
            if (set->bits[i] == bits)
                return true;
        return false;
    }
    uint32_t mask = (uint32_t)(((uint64_t)1 << (64 - set->bits_shift)) - 1);
    uint32_t at = mola_set_hash(bits, set->bits_shift);
    while (set->bits_slots[at] && set->bits[set->bits_slots[at] - 1] != bits)
        at = (at + 1) & mask;
    return set->bits_slots[at] != 0;
}
/* The sort key of a value (model/sort_key.h). */
uint64_t mola_value_key(const mola_value *value);
