/* explain.h - what a filter is going to do to a view, and what it does, for people to read. */
#pragma once
#include "mola/scan/filter.h"

enum { MOLA_EXPLAINED_MAX = 64, MOLA_EXPLAIN_COUNTED_MAX = 16 };
typedef struct {
    const mola_filter *filter;
    uint32_t depth; /* in the tree; the root is 0 */
    uint64_t windows_none, windows_all,
        windows_to_test; /* what zones say; windows with live rows */
    double estimated;    /* rows, by zones and guesses */
    uint64_t matches;    /* rows, counted */
    bool counted;
} mola_filter_line;

/* A line for each node, parents first, children in the order in which they are tested; the first
 * MOLA_EXPLAINED_MAX of *nodes. The first MOLA_EXPLAIN_COUNTED_MAX are run, each for itself, over
 * all live rows. Lines in ctx->arena. Errors as mola_filter_run. */
mola_err mola_filter_explain(mola_ctx *ctx, const mola_filter *filter, const mola_view *view,
                             mola_filter_line **lines, uint32_t *count,
                             uint32_t *nodes) MOLA_NODISCARD;
/* `And`, or a test as it was asked, its operand cut. */
void mola_filter_describe(const mola_filter *filter, mola_buf *out);
