/* filter_run.h - evaluating a compiled filter over one window. */
#pragma once
#include "scan/filter_program.h"
#include "scan/scan.h"

/* Scratch masks that mola_filter_window needs. */
static inline size_t mola_filter_scratch_words(const mola_filter *filter)
{
    return (size_t)filter->depth * MOLA_WINDOW_WORDS;
}
/* Clears, in `mask`, the rows of the span that do not match. Leaves that zones decide are not read:
 * their columns need not be there. `known`: a leaf that all rows of the mask match; NULL: none. */
void mola_filter_window(const mola_filter *filter, const mola_filter *known, const mola_span *span,
                        uint64_t *mask, uint64_t *scratch);
