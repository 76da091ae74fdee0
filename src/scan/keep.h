/* keep.h - what held candidates are compared by once the windows they came from are released: a few
 * values of each, copied when a step is done.
 *
 * Memory is bounded by what is held: two arenas are used in turn, each step copies what is still
 * held into the other one. Candidates of parts in memory are never copied: their columns stay. */
#pragma once
#include "scan/scan.h"
#include "scan/topk.h"

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    uint32_t values_each;
    /* Value `index` of a candidate whose window is pinned or in memory. */
    mola_value (*read)(const void *of, const mola_candidate *candidate, uint32_t index);
    const void *of;
    mola_arena arenas[2];
    uint32_t turn;
    mola_value *values; /* values_each of the candidate with kept 1, 2, ... */
} mola_keep;

/* `keep` has ctx, view, values_each, read and of. It must be closed. */
void mola_keep_open(mola_keep *keep);
void mola_keep_close(mola_keep *keep);
/* Copies what is held. */
mola_err mola_keep_held(mola_keep *keep, mola_topk *heap) MOLA_NODISCARD;
static inline mola_value mola_keep_value(const mola_keep *keep, const mola_candidate *candidate,
                                         uint32_t index)
{
    if (candidate->kept)
        return keep->values[(size_t)(candidate->kept - 1) * keep->values_each + index];
    return keep->read(keep->of, candidate, index);
}

/* The arena whose turn it is to be filled, emptied first; what was copied before stays until the
 * next turn. For users with candidates of their own. */
mola_arena *mola_keep_turn(mola_keep *keep);
/* Text and bytes get their memory from `arena`. false: it is full. */
bool mola_keep_copy(mola_arena *arena, const mola_value *value, mola_value *out);
