/* order_zones.h - which windows the first k rows of an order can lie in, by their zones alone. */
#pragma once
#include "mola/scan/order.h"
#include "scan/scan.h"

/* A place in the order of one key: a rank (nulls 0 ascending, 2 descending; values 1) and a number
 * that rises in the wanted direction. */
typedef struct {
    uint16_t rank;
    uint64_t key;
} mola_order_place;
/* Every row of a window lies between these two. */
typedef struct {
    mola_order_place first, last;
} mola_order_bounds;

/* false: its zone is not known. */
bool mola_order_bounds_of(const mola_view *view, mola_order_key key, const mola_window *window,
                          mola_order_bounds *out);

/* The windows that can hold one of the first k rows: `near` ones of parts in memory, then those of
 * segments, the ones without a zone before all others and those with the first rows next. The near
 * ones are for a walk of their own: they cost nothing to look at, and may show that the others are
 * not needed. *windows NULL: no window has a zone, all are to be visited. */
typedef struct {
    const mola_window_at *windows;
    size_t near, count;
} mola_order_plan;
mola_err mola_order_windows(mola_ctx *ctx, const mola_rowset *rows, mola_order_key key, size_t k,
                            mola_order_plan *out) MOLA_NODISCARD;
