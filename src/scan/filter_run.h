/* filter_run.h - evaluating a compiled filter over one window. */
#pragma once
#include "scan/filter_program.h"
#include "scan/scan.h"

/* Scratch masks that mola_filter_window needs. */
static inline size_t mola_filter_scratch_words(const mola_filter *filter)
{
    return (size_t)filter->depth * MOLA_WINDOW_WORDS;
}
/* Clears, in `mask`, the rows of the window that do not match. */
void mola_filter_window(const mola_filter *filter, const mola_part *part, uint32_t window,
                        uint32_t rows, uint64_t *mask, uint64_t *scratch);
