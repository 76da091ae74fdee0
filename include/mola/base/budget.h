/* budget.h - a shared number of bytes that may be out at one moment. Taken before memory is
 * touched. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    _Atomic uint64_t used;
    uint64_t limit;
} mola_budget;

static inline bool mola_budget_take(mola_budget *b, uint64_t bytes)
{
    if (bytes <= b->limit && atomic_fetch_add(&b->used, bytes) + bytes <= b->limit)
        return true;
    if (bytes <= b->limit)
        atomic_fetch_sub(&b->used, bytes);
    return false;
}
static inline void mola_budget_give(mola_budget *b, uint64_t bytes)
{
    atomic_fetch_sub(&b->used, bytes);
}
