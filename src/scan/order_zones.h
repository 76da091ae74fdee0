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

/* The windows that can hold one of the first k rows, those with the first rows in front; windows
 * without a zone before all others. *out NULL: no window has a zone, all are to be visited. */
mola_err mola_order_windows(mola_ctx *ctx, const mola_rowset *rows, mola_order_key key, size_t k,
                            const mola_window_at **out, size_t *count) MOLA_NODISCARD;
