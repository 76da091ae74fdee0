/* ref.h - a count of owners, for immutable things that are shared between threads. */
#pragma once
#include "mola/base/check.h"
#include <stdatomic.h>
#include <stdbool.h>

typedef struct {
    atomic_uint count;
} mola_ref;

static inline void mola_ref_init(mola_ref *r)
{
    atomic_init(&r->count, 1);
}

static inline void mola_ref_take(mola_ref *r)
{
    unsigned before = atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
    MOLA_ASSERT(before > 0);
}

/* true: that was the last owner, free the thing. */
static inline bool mola_ref_drop(mola_ref *r)
{
    unsigned before = atomic_fetch_sub_explicit(&r->count, 1, memory_order_acq_rel);
    MOLA_ASSERT(before > 0);
    return before == 1;
}
