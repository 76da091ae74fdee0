/* countdown.h - a heap that fails once, at a chosen allocation: for walking every way out of a
 * function.
 *
 *     for (int n = 0; ; n++) {
 *         countdown_heap c;
 *         countdown_init(&c, n);      // the allocation after n good ones fails
 *         ... run it on &c.heap, free everything ...
 *         countdown_check_empty(&c);
 *         if (!c.failed)
 *             break;                  // n is past the last allocation
 *     }
 *
 * Blocks are poisoned with 0xA5, so what relies on zeroed or old bytes shows. */
#pragma once
#include "mola/base/heap.h"
#include <check.h>
#include <stdlib.h>

typedef struct {
    mola_heap heap; /* first */
    int left;       /* good allocations before the one that fails */
    bool failed;
    size_t blocks; /* out at this moment */
} countdown_heap;

static inline void *countdown_take(mola_heap *heap, size_t size)
{
    countdown_heap *c = (countdown_heap *)(void *)heap;
    if (c->left-- == 0) {
        c->failed = true;
        return NULL;
    }
    void *block = malloc(size);
    ck_assert_ptr_nonnull(block);
    c->blocks++;
    return memset(block, 0xA5, size);
}

static inline void countdown_give(mola_heap *heap, void *block, size_t size)
{
    countdown_heap *c = (countdown_heap *)(void *)heap;
    memset(block, 0xA5, size); /* also proves that the caller knows the size */
    free(block);
    c->blocks--;
}

static inline void countdown_init(countdown_heap *c, int good)
{
    *c = (countdown_heap){
        .heap = {.take = countdown_take, .give = countdown_give, .limit = SIZE_MAX}, .left = good};
}

static inline void countdown_check_empty(const countdown_heap *c)
{
    ck_assert_uint_eq(c->blocks, 0);
    ck_assert_uint_eq(atomic_load(&c->heap.used), 0);
}
