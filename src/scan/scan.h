/* scan.h - what the operators of this folder share. */
#pragma once
#include "mola/scan/windows.h"

mola_err mola_scan_no_memory(const mola_ctx *ctx);
bool mola_scan_late(const mola_ctx *ctx); /* the deadline has passed */
/* How much of its work, in steps of about a nanosecond or two, a slow test does between two looks
 * at the clock. */
enum { MOLA_LATE_STEPS = 1 << 22 };

/* Rows of window `window`, of a part of `rows` rows. */
static inline uint32_t mola_window_rows(uint32_t rows, uint32_t window)
{
    uint32_t left = rows - window * MOLA_WINDOW_ROWS;
    return left < MOLA_WINDOW_ROWS ? left : MOLA_WINDOW_ROWS;
}
static inline bool mola_any_bit(const uint64_t *bits, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (bits[i])
            return true;
    return false;
}
static inline uint64_t mola_count_bits(const uint64_t *bits, size_t words)
{
    uint64_t count = 0;
    for (size_t i = 0; i < words; i++)
        count += (uint64_t)__builtin_popcountll(bits[i]);
    return count;
}
/* Sets the first `rows` bits and clears the rest of their last word. */
static inline void mola_bits_first(uint64_t *bits, uint32_t rows)
{
    memset(bits, 0xff, mola_words(rows) * sizeof *bits);
    if (rows & 63)
        bits[rows >> 6] = ((uint64_t)1 << (rows & 63)) - 1;
}
/* The columns of the part live as long as the view does. */
static inline bool mola_part_in_memory(const mola_view *view, uint32_t part)
{
    return part >= view->segment_count;
}

/* Up to MOLA_WINDOW_ROWS rows whose columns stand side by side: a window of a part that is pinned,
 * or rows [first, first + rows) of what was gathered. */
typedef struct {
    const mola_part *part;  /* NULL: gathered */
    uint32_t number, index; /* of the part in its view, of the window in the part */
    const mola_gathered *gathered;
    uint32_t first; /* a multiple of 64 */
    uint32_t rows;
    const mola_ctx *ctx; /* slow tests give up at its deadline, with any result; NULL: never */
} mola_span;
static inline mola_span mola_span_of(const mola_view *view, const mola_window *window)
{
    return (mola_span){.part = view->parts[window->part].part,
                       .number = window->part,
                       .index = window->index,
                       .rows = window->rows};
}
/* As mola_part_column and mola_part_zone. */
bool mola_span_column(const mola_span *span, uint32_t attr, mola_column *out);
bool mola_span_zone(const mola_span *span, uint32_t attr, mola_zone *out);
