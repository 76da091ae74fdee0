/* scan.h - what the operators of this folder share. */
#pragma once
#include "mola/scan/read.h"

mola_err mola_scan_no_memory(const mola_ctx *ctx);

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
