#include "scan/score_bounds.h"
#include "scan/scan.h"
#include "scan/text_score.h"
#include <math.h>
#include <stdlib.h>

static double bound_of(const mola_score *s, const mola_view *view, uint32_t part, uint32_t window)
{
    double bound = 0;
    switch (s->kind) {
    case MOLA_SCORE_TEXT:
        return mola_bm25_bound(s->text, view, part, window);
    case MOLA_SCORE_NUMBER: /* it counts where something else matches */
        return s->number;
    case MOLA_SCORE_FILTER:
        return 1;
    case MOLA_SCORE_SUM:
    case MOLA_SCORE_MAX:
        for (uint32_t i = 0; i < s->child_count; i++) {
            double child = bound_of(s->children[i], view, part, window);
            bound = s->kind == MOLA_SCORE_SUM ? bound + child : child > bound ? child : bound;
        }
        return bound;
    case MOLA_SCORE_PRODUCT:
        bound = bound_of(s->children[0], view, part, window);
        return isinf(bound) || !(s->number >= 0) ? HUGE_VAL : s->number * bound;
    default: /* SATURATE keeps the order, but not the size; the others are dense, or not known */
        return HUGE_VAL;
    }
}

double mola_score_bound(const mola_score *score, const mola_view *view, uint32_t part,
                        uint32_t window)
{
    return score->dense ? HUGE_VAL : bound_of(score, view, part, window);
}

typedef struct {
    double bound;
    mola_window_at at;
} bounded_window;

static int by_bound(const void *a, const void *b)
{
    const bounded_window *left = a, *right = b;
    if (left->bound < right->bound || left->bound > right->bound)
        return left->bound > right->bound ? -1 : 1;
    if (left->at.part != right->at.part)
        return left->at.part < right->at.part ? -1 : 1;
    return (left->at.index > right->at.index) - (left->at.index < right->at.index);
}

/* Lists the windows whose bound is not 0. Returns how many of them have one. */
static size_t list_windows(const mola_rowset *rows, const mola_score *score, bounded_window *all,
                           size_t *count)
{
    const mola_view *view = rows->view;
    size_t known = 0;
    *count = 0;
    for (uint32_t p = 0; p < view->part_count; p++) {
        for (uint32_t w = 0; rows->bits[p] && w < mola_windows(view->parts[p].rows); w++) {
            double bound = mola_score_bound(score, view, p, w);
            known += !isinf(bound);
            if (bound > 0)
                all[(*count)++] = (bounded_window){bound, {p, w}};
        }
    }
    return known;
}

mola_err mola_score_windows(mola_ctx *ctx, const mola_rowset *rows, const mola_score *score,
                            const mola_window_at **order, size_t *count)
{
    size_t room = 0;
    for (uint32_t p = 0; p < rows->view->part_count; p++)
        room += mola_windows(rows->view->parts[p].rows);
    bounded_window *all = mola_new(ctx->arena, bounded_window, room);
    *order = NULL;
    if (!all)
        return mola_scan_no_memory(ctx);
    if (list_windows(rows, score, all, count) == 0)
        return MOLA_OK;
    mola_window_at *windows = mola_new(ctx->arena, mola_window_at, *count);
    if (!windows)
        return mola_scan_no_memory(ctx);
    qsort(all, *count, sizeof *all, by_bound);
    for (size_t i = 0; i < *count; i++)
        windows[i] = all[i].at;
    *order = windows;
    return MOLA_OK;
}
