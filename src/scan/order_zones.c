#include "scan/order_zones.h"
#include <stdlib.h>

typedef struct {
    mola_order_bounds bounds;
    mola_window_at at;
    bool known, near;
    uint32_t rows; /* set ones */
} bounded_window;

bool mola_order_bounds_of(const mola_view *view, mola_order_key key, const mola_window *window,
                          mola_order_bounds *out)
{
    mola_zone zone;
    if (!mola_part_zone(view->parts[window->part].part, key.attr, window->index, &zone))
        return false;
    bool descending = key.direction == MOLA_DESCENDING;
    mola_order_place null = {.rank = descending ? 2 : 0};
    mola_order_place least = {1, descending ? ~zone.most : zone.least};
    mola_order_place most = {1, descending ? ~zone.least : zone.most};
    *out = (mola_order_bounds){zone.any_value ? least : null, zone.any_value ? most : null};
    if (zone.any_null && descending)
        out->last = null;
    if (zone.any_null && !descending)
        out->first = null;
    return true;
}

static int compare_places(mola_order_place a, mola_order_place b)
{
    if (a.rank != b.rank)
        return a.rank < b.rank ? -1 : 1;
    return (a.key > b.key) - (a.key < b.key);
}

static int by_last(const void *a, const void *b)
{
    const bounded_window *left = a, *right = b;
    if (left->known != right->known)
        return left->known ? -1 : 1;
    return compare_places(left->bounds.last, right->bounds.last);
}

static int by_first(const void *a, const void *b)
{
    const bounded_window *left = a, *right = b;
    if (left->near != right->near)
        return left->near ? -1 : 1;
    if (left->known != right->known)
        return left->known ? 1 : -1;
    int order = compare_places(left->bounds.first, right->bounds.first);
    if (order)
        return order;
    if (left->at.part != right->at.part)
        return left->at.part < right->at.part ? -1 : 1;
    return (left->at.index > right->at.index) - (left->at.index < right->at.index);
}

/* The windows with set rows. NULL: no memory. */
static bounded_window *list_windows(mola_ctx *ctx, const mola_rowset *rows, mola_order_key key,
                                    size_t *count, size_t *known)
{
    const mola_view *view = rows->view;
    size_t room = 0;
    for (uint32_t p = 0; p < view->part_count; p++)
        room += mola_windows(view->parts[p].rows);
    bounded_window *all = mola_new(ctx->arena, bounded_window, room);
    *count = *known = 0;
    for (uint32_t p = 0; all && p < view->part_count; p++) {
        for (uint32_t w = 0; rows->bits[p] && w < mola_windows(view->parts[p].rows); w++) {
            mola_window window = {.part = p,
                                  .index = w,
                                  .rows = mola_window_rows(view->parts[p].rows, w),
                                  .bits = rows->bits[p] + (size_t)w * MOLA_WINDOW_WORDS};
            uint64_t set = mola_count_bits(window.bits, mola_words(window.rows));
            if (!set)
                continue;
            bounded_window *next = &all[(*count)++];
            *next = (bounded_window){
                .at = {p, w}, .near = mola_part_in_memory(view, p), .rows = (uint32_t)set};
            next->known = mola_order_bounds_of(view, key, &window, &next->bounds);
            *known += next->known;
        }
    }
    return all;
}

/* Drops the windows whose first row comes after k rows of others: taken by their last rows, those
 * windows that together have k rows say how far at most the k-th lies. Returns how many are left.
 */
static size_t drop_hopeless(bounded_window *all, size_t count, size_t known, size_t k)
{
    uint64_t rows = 0;
    size_t at = 0, left = 0;
    qsort(all, count, sizeof *all, by_last);
    while (at < known && rows < k)
        rows += all[at++].rows;
    if (rows < k)
        return count;
    mola_order_place bound = all[at - 1].bounds.last;
    for (size_t i = 0; i < count; i++) {
        if (!all[i].known || compare_places(all[i].bounds.first, bound) <= 0)
            all[left++] = all[i];
    }
    return left;
}

mola_err mola_order_windows(mola_ctx *ctx, const mola_rowset *rows, mola_order_key key, size_t k,
                            mola_order_plan *out)
{
    size_t known, count;
    *out = (mola_order_plan){0};
    if (!rows->view->segment_count || !k)
        return MOLA_OK;
    bounded_window *all = list_windows(ctx, rows, key, &count, &known);
    if (!all)
        return mola_scan_no_memory(ctx);
    if (!known)
        return MOLA_OK;
    count = drop_hopeless(all, count, known, k);
    qsort(all, count, sizeof *all, by_first);
    mola_window_at *windows = mola_new(ctx->arena, mola_window_at, count);
    if (!windows)
        return mola_scan_no_memory(ctx);
    for (size_t i = 0; i < count; i++) {
        windows[i] = all[i].at;
        out->near += all[i].near;
    }
    out->windows = windows;
    out->count = count;
    return MOLA_OK;
}
