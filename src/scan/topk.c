#include "scan/topk.h"
#include "scan/scan.h"

enum { FIRST_ROOM = 1024 };

static bool comes_before(const mola_topk *heap, const mola_candidate *a, const mola_candidate *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->key != b->key)
        return a->key < b->key;
    if (a->tie_rank != b->tie_rank)
        return a->tie_rank < b->tie_rank;
    if (a->tie != b->tie)
        return a->tie < b->tie;
    return heap->settle(heap, a, b) < 0;
}

/* The hole at `at` is filled with `candidate`, or with the later child, on and on. */
static void sift_down(mola_topk *heap, size_t at, size_t count, mola_candidate candidate)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && comes_before(heap, &heap->held[child], &heap->held[child + 1]))
            child++;
        if (!comes_before(heap, &candidate, &heap->held[child]))
            break;
        heap->held[at] = heap->held[child];
        at = child;
    }
    heap->held[at] = candidate;
}

static void make_heap(mola_topk *heap)
{
    for (size_t i = heap->count / 2; i-- > 0;)
        sift_down(heap, i, heap->count, heap->held[i]);
}

static mola_err grow(mola_topk *heap)
{
    size_t room = heap->room ? 2 * heap->room : FIRST_ROOM;
    if (room > heap->k)
        room = heap->k;
    mola_candidate *held = mola_new(heap->ctx->arena, mola_candidate, room);
    if (!held)
        return mola_scan_no_memory(heap->ctx);
    if (heap->count)
        memcpy(held, heap->held, heap->count * sizeof *held);
    heap->held = held;
    heap->room = room;
    return MOLA_OK;
}

mola_err mola_topk_init(mola_topk *heap, mola_ctx *ctx, size_t k, uint64_t expected)
{
    heap->ctx = ctx;
    heap->k = k < expected ? k : (size_t)expected;
    heap->count = heap->room = 0;
    heap->held = NULL;
    return heap->k ? grow(heap) : MOLA_OK;
}

mola_err mola_topk_offer(mola_topk *heap, const mola_candidate *candidate)
{
    if (heap->count < heap->k) {
        if (heap->count == heap->room) {
            mola_err err = grow(heap);
            if (err)
                return err;
        }
        heap->held[heap->count++] = *candidate;
        if (heap->count == heap->k)
            make_heap(heap);
        return MOLA_OK;
    }
    if (heap->k && comes_before(heap, candidate, &heap->held[0]))
        sift_down(heap, 0, heap->count, *candidate);
    return MOLA_OK;
}

void mola_topk_sort(mola_topk *heap)
{
    if (heap->count < heap->k)
        make_heap(heap);
    for (size_t left = heap->count; left > 1; left--) {
        mola_candidate last = heap->held[left - 1];
        heap->held[left - 1] = heap->held[0];
        sift_down(heap, 0, left - 1, last);
    }
}
