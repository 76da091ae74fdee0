/* set.h - the operands of In and its kin: a set of scalars of one type. A few are compared one by
 * one, more are hashed. In the arena; immutable once built. */
#pragma once
#include "mola/model/value.h"

typedef struct {
    const mola_value *values; /* distinct */
    uint32_t count;
    uint32_t slot_mask;    /* slots are a power of two; 0: compare one by one */
    const uint32_t *slots; /* index + 1, or 0 */
} mola_set;

/* `values` is kept and reordered. false: the arena is full. */
bool mola_set_build(mola_arena *arena, mola_value *values, uint32_t count,
                    mola_set *out) MOLA_NODISCARD;
bool mola_set_has(const mola_set *set, const mola_value *value);
