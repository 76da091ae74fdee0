/* topk.h - the k first of many candidates, in a bounded heap.
 *
 * A candidate is ordered by up to two leading components, each a rank (for nulls) and a number that
 * rises in the wanted order; what they leave open is settled by a comparison that looks at the rows
 * themselves. Memory grows with what is held, up to k. */
#pragma once
#include "mola/scan/cell.h"
#include "mola/scan/rowset.h"

typedef struct {
    uint64_t key, tie;
    uint16_t rank, tie_rank;
    uint32_t part, row;
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

/* Ids compared in their order: the last tie of every ranking. */
int mola_compare_ids(const mola_view *view, const mola_candidate *a, const mola_candidate *b);

/* An unsigned number that rises with the element, for the scalar types; for strings and uuids it is
 * their first eight bytes, so that equal numbers say nothing yet (mola_sort_key_decides). */
static inline bool mola_sort_key_decides(mola_elem elem)
{
    return elem != MOLA_ELEM_STRING && elem != MOLA_ELEM_UUID;
}

static inline uint64_t mola_first_bytes(const void *bytes, size_t size)
{
    uint64_t v = 0;
    if (size)
        memcpy(&v, bytes, size < sizeof v ? size : sizeof v);
    return __builtin_bswap64(v);
}

static inline uint64_t mola_float_key(double f)
{
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t bits;
    f += 0.0; /* -0.0 becomes 0.0 */
    memcpy(&bits, &f, sizeof bits);
    return bits & sign ? ~bits : bits | sign;
}

static inline uint64_t mola_sort_key(const mola_column *c, uint32_t element)
{
    switch (c->type.elem) {
    case MOLA_ELEM_UINT:
        return mola_cell_bits(c, element);
    case MOLA_ELEM_INT:
    case MOLA_ELEM_DATETIME:
        return mola_cell_bits(c, element) ^ (uint64_t)1 << 63;
    case MOLA_ELEM_FLOAT: {
        uint64_t bits = mola_cell_bits(c, element);
        double f;
        memcpy(&f, &bits, sizeof f);
        return mola_float_key(f);
    }
    case MOLA_ELEM_BOOL:
        return c->data[element];
    case MOLA_ELEM_UUID:
        return mola_first_bytes(c->data + (size_t)element * 16, 16);
    default: {
        mola_str text = mola_cell_text(c, element);
        return mola_first_bytes(text.data, text.len);
    }
    }
}
