/* windows.h - walking over the windows of a rowset in steps, so that a namespace may be larger than
 * memory.
 *
 * A step is as many windows as mola_step_bytes have room for, at least one; parts in memory take no
 * room. What a step reads is fetched in one batch, its windows are visited one after the other,
 * and everything is released again. So a column of a segment must not be used after its step:
 * what is kept of one is copied when the step is done. */
#pragma once
#include "mola/scan/read.h"

enum { MOLA_STEP_BYTES = 32 << 20, MOLA_STEP_SHARE = 8 };
/* What one step may pin: a part of the memory for views, where that is small. */
static inline uint64_t mola_step_bytes(const mola_view *view)
{
    size_t share = view->memory_max / MOLA_STEP_SHARE;
    return share < MOLA_STEP_BYTES ? share : MOLA_STEP_BYTES;
}

typedef struct {
    uint32_t part, index, rows;
    uint64_t *bits; /* of the rowset: mola_words(rows) words */
} mola_window;

typedef struct {
    uint32_t part, index;
} mola_window_at;

typedef struct {
    const mola_attr_list *attrs; /* what a visit reads */
    void *of;
    mola_err (*visit)(void *of, const mola_window *window);
    /* NULL: every window is. One that is not wanted once must not be wanted later: it is asked as a
     * step is put together and again just before the visit. */
    bool (*wanted)(void *of, const mola_window *window);
    /* NULL: every attribute is read of every window. */
    bool (*reads)(void *of, const mola_window *window, uint32_t attr);
    /* Just before the columns of a step are released; NULL: nothing is to be done then. */
    mola_err (*done)(void *of);
    const mola_window_at *order; /* the windows in the order wanted; NULL: all, as they stand */
    size_t order_count;
    /* All windows will be visited, or nearly: the next step is fetched while this one is computed
     * on, so two of them are pinned. */
    bool ahead;
} mola_walk;

/* Windows without a set bit are passed over. Errors: what the view says, what a visit says,
 * MOLA_UNAVAILABLE once the deadline has passed. */
mola_err mola_scan_windows(mola_ctx *ctx, const mola_rowset *rows,
                           const mola_walk *walk) MOLA_NODISCARD;
/* Fetches all that the walk would and leaves it pinned, if one step has room for it: several
 * operators that go over the same rows then wait for the store once. Otherwise nothing happens. */
mola_err mola_scan_ahead(mola_ctx *ctx, const mola_rowset *rows,
                         const mola_walk *walk) MOLA_NODISCARD;
