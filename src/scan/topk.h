/* topk.h - the k first of many candidates, in a bounded heap.
 *
 * A candidate is ordered by up to two leading components, each a rank (for nulls) and a number that
 * rises in the wanted order; what they leave open is settled by a comparison that looks at the rows
 * themselves. Memory grows with what is held, up to k. */
#pragma once
#include "mola/model/sort_key.h"
#include "mola/scan/rowset.h"

typedef struct {
    uint64_t key, tie;
    uint16_t rank, tie_rank;
    uint32_t part, row;
    uint32_t kept; /* what keep.h copied of it, from 1; 0: nothing yet */
} mola_candidate;

typedef struct mola_topk mola_topk;
struct mola_topk {
    mola_ctx *ctx;
    const void *of;
    /* Of two candidates with equal leading components: < 0 when a comes first. Never 0 for two
     * rows. */
    int (*settle)(const mola_topk *heap, const mola_candidate *a, const mola_candidate *b);
    size_t k, count, room;
    mola_candidate *held; /* a heap, the last one in order at the root, once it holds k */
};

/* `expected`: how many candidates there can be; k is cut to it. */
mola_err mola_topk_init(mola_topk *heap, mola_ctx *ctx, size_t k, uint64_t expected) MOLA_NODISCARD;
/* Whether the leading components alone keep a candidate out: a cheap test before a row is looked at
 * closely. */
static inline bool mola_topk_refuses_key(const mola_topk *heap, uint16_t rank, uint64_t key)
{
    if (heap->count < heap->k)
        return false;
    const mola_candidate *last = &heap->held[0];
    return rank != last->rank ? rank > last->rank : key > last->key;
}
static inline bool mola_topk_refuses_tie(const mola_topk *heap, const mola_candidate *c)
{
    if (heap->count < heap->k)
        return false;
    const mola_candidate *last = &heap->held[0];
    if (c->rank != last->rank || c->key != last->key)
        return false; /* it is before the last: the key was not refused */
    return c->tie_rank != last->tie_rank ? c->tie_rank > last->tie_rank : c->tie > last->tie;
}
mola_err mola_topk_offer(mola_topk *heap, const mola_candidate *candidate) MOLA_NODISCARD;
/* Puts what is held in order; nothing may be offered afterwards. */
void mola_topk_sort(mola_topk *heap);
