/* filter_run.h - evaluating a compiled filter over one window. */
#pragma once
#include "scan/filter_program.h"
#include "scan/scan.h"

/* Columns of postings that a filter may read instead of texts. */
void mola_filter_add_postings(const mola_filter *filter, mola_attr_list *attrs);
/* Whether running it over a window reads the attribute (or column of postings). */
bool mola_filter_reads_of(const mola_filter *filter, const mola_span *span, uint32_t attr);
bool mola_leaf_reads_of(const mola_filter *leaf, const mola_span *span, uint32_t attr);
/* Whether what it will read of the window, which is pinned, is sound. MOLA_CORRUPT. */
mola_err mola_filter_check(mola_ctx *ctx, const mola_filter *filter,
                           const mola_span *span) MOLA_NODISCARD;

/* Scratch masks that mola_filter_window needs. */
static inline size_t mola_filter_scratch_words(const mola_filter *filter)
{
    return (size_t)filter->depth * MOLA_WINDOW_WORDS;
}
/* Clears, in `mask`, the rows of the span that do not match. Leaves that zones decide are not read:
 * their columns need not be there. `known`: a leaf that all rows of the mask match; NULL: none. */
void mola_filter_window(const mola_filter *filter, const mola_filter *known, const mola_span *span,
                        uint64_t *mask, uint64_t *scratch);
