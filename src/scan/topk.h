/* topk.h - the k smallest of many candidates, in a bounded heap.
 *
 * A candidate is ordered by (rank, key), both rising; ties are settled by a comparison that may
 * look at the rows themselves. Memory grows with what is held, up to k. */
#pragma once
#include "mola/scan/rowset.h"

typedef struct {
    uint64_t key;
    uint32_t rank;
    uint32_t part, row;
} mola_candidate;

typedef struct mola_topk mola_topk;
struct mola_topk {
    mola_ctx *ctx;
    const void *of;
    /* Of two candidates with equal rank and key: < 0 when a comes first. Never 0 for two rows. */
    int (*settle)(const mola_topk *heap, const mola_candidate *a, const mola_candidate *b);
    size_t k, count, room;
    mola_candidate *held; /* a heap, the last one in order at the root, once it holds k */
};

/* `expected`: how many candidates there can be; k is cut to it. */
mola_err mola_topk_init(mola_topk *heap, mola_ctx *ctx, size_t k, uint64_t expected) MOLA_NODISCARD;
/* Would be refused whatever its ties say: a cheap test before a row is looked at closely. */
static inline bool mola_topk_refuses(const mola_topk *heap, uint32_t rank, uint64_t key)
{
    if (heap->count < heap->k)
        return false;
    const mola_candidate *last = &heap->held[0];
    return rank != last->rank ? rank > last->rank : key > last->key;
}
mola_err mola_topk_offer(mola_topk *heap, const mola_candidate *candidate) MOLA_NODISCARD;
/* Puts what is held in order; nothing may be offered afterwards. */
void mola_topk_sort(mola_topk *heap);

/* Ids compared in their order: the last tie of every ranking. */
int mola_compare_ids(const mola_view *view, const mola_candidate *a, const mola_candidate *b);

/* An unsigned number that rises with the value, for the scalar types; for strings and uuids it is
 * their first eight bytes, so that equal numbers say nothing yet. */
uint64_t mola_sort_key(const mola_value *value);
