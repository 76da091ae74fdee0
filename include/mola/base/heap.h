/* heap.h - where memory comes from: malloc with a byte count and a limit, or the simulator's heap.
 *
 * Sized: the caller says at mola_free how much it took, so nothing is stored beside the bytes.
 * Threads: any. Errors: NULL when the limit or the system says no; callers report MOLA_NO_MEMORY.
 */
#pragma once
#include "mola/base/err.h"
#include <stdatomic.h>
#include <stddef.h>

typedef struct mola_heap mola_heap;
struct mola_heap { /* take and give only move bytes; mola_alloc and mola_free count them */
    void *(*take)(mola_heap *heap, size_t size); /* 16-byte aligned, not zeroed */
    void (*give)(mola_heap *heap, void *block, size_t size);
    atomic_size_t used; /* bytes out at this moment */
    size_t limit;
};

/* A heap over malloc. */
void mola_heap_init(mola_heap *heap, size_t limit);
/* A heap that takes from another one, with a limit of its own. */
typedef struct {
    mola_heap heap;
    mola_heap *parent;
} mola_inner_heap;
void mola_inner_heap_init(mola_inner_heap *inner, mola_heap *parent, size_t limit);

/* `size` zeroed bytes; NULL over the limit. size 0 gives NULL, which mola_free takes back. */
void *mola_alloc(mola_heap *heap, size_t size) MOLA_NODISCARD;
/* Moves to `new_size` >= 1 bytes; what is added is not zeroed. NULL: the old block is untouched. A
 * NULL block of old_size 0 is a new one. */
void *mola_realloc(mola_heap *heap, void *block, size_t old_size, size_t new_size) MOLA_NODISCARD;
void mola_free(mola_heap *heap, void *block, size_t size);

#define mola_alloc_array(heap, type, count)                                                        \
    ((type *)mola_alloc_count((heap), (count), sizeof(type)))
void *mola_alloc_count(mola_heap *heap, size_t count, size_t size) MOLA_NODISCARD;
