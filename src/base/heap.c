#include "mola/base/heap.h"
#include "mola/base/check.h"
#include <stdlib.h>

static void *take_malloc(mola_heap *heap, size_t size)
{
    (void)heap;
    return malloc(size);
}

static void give_malloc(mola_heap *heap, void *block, size_t size)
{
    (void)heap;
    (void)size;
    free(block);
}

void mola_heap_init(mola_heap *heap, size_t limit)
{
    heap->take = take_malloc;
    heap->give = give_malloc;
    atomic_init(&heap->used, 0);
    heap->limit = limit;
}

static void *take_inner(mola_heap *heap, size_t size)
{
    return mola_realloc(((mola_inner_heap *)heap)->parent, NULL, 0, size);
}

static void give_inner(mola_heap *heap, void *block, size_t size)
{
    mola_free(((mola_inner_heap *)heap)->parent, block, size);
}

void mola_inner_heap_init(mola_inner_heap *inner, mola_heap *parent, size_t limit)
{
    mola_heap_init(&inner->heap, limit);
    inner->heap.take = take_inner;
    inner->heap.give = give_inner;
    inner->parent = parent;
}

/* Taken before memory is touched, so that `used` never passes the limit, not even for a moment. */
static bool charge(mola_heap *heap, size_t size)
{
    size_t used = atomic_load_explicit(&heap->used, memory_order_relaxed);
    do {
        if (used > heap->limit || size > heap->limit - used)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&heap->used, &used, used + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void discharge(mola_heap *heap, size_t size)
{
    size_t before = atomic_fetch_sub_explicit(&heap->used, size, memory_order_relaxed);
    MOLA_ASSERT(before >= size);
}

static void *take(mola_heap *heap, size_t size)
{
    if (size == 0 || !charge(heap, size))
        return NULL;
    void *block = heap->take(heap, size);
    if (!block)
        discharge(heap, size);
    MOLA_DCHECK((uintptr_t)block % 16 == 0);
    return block;
}

void *mola_alloc(mola_heap *heap, size_t size)
{
    void *block = take(heap, size);
    return block ? memset(block, 0, size) : NULL;
}

void *mola_alloc_count(mola_heap *heap, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return mola_alloc(heap, total);
}

void mola_free(mola_heap *heap, void *block, size_t size)
{
    if (!block)
        return;
    MOLA_ASSERT(size > 0);
    heap->give(heap, block, size);
    discharge(heap, size);
}

/* The C library can often move pages instead of bytes, which matters for buffers of many MB. */
static void *move_malloc(mola_heap *heap, void *block, size_t old_size, size_t new_size)
{
    if (new_size > old_size && !charge(heap, new_size - old_size))
        return NULL;
    void *moved = realloc(block, new_size);
    if (moved && new_size < old_size)
        discharge(heap, old_size - new_size);
    if (!moved && new_size > old_size)
        discharge(heap, new_size - old_size);
    return moved;
}

void *mola_realloc(mola_heap *heap, void *block, size_t old_size, size_t new_size)
{
    MOLA_ASSERT(new_size > 0);
    MOLA_ASSERT((block != NULL) == (old_size > 0));
    if (!block)
        return take(heap, new_size);
    if (heap->take == take_malloc)
        return move_malloc(heap, block, old_size, new_size);
    void *moved = take(heap, new_size);
    if (!moved)
        return NULL;
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    mola_free(heap, block, old_size);
    return moved;
}
