#include "mola/scan/read.h"
#include "scan/scan.h"
#include <stdlib.h>

void mola_attr_list_add(mola_attr_list *list, uint32_t attr)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->attrs[i] == attr)
            return;
    }
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 16;
        uint32_t *attrs = mola_new(list->arena, uint32_t, room);
        if (!attrs) {
            list->full = true;
            return;
        }
        if (list->count)
            memcpy(attrs, list->attrs, list->count * sizeof *attrs);
        list->attrs = attrs;
        list->room = room;
    }
    list->attrs[list->count++] = attr;
}

mola_err mola_read_parts(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs)
{
    size_t count = 0;
    mola_need *needs = mola_new(ctx->arena, mola_need, (size_t)view->part_count * attrs->count);
    if (!needs || attrs->full)
        return mola_scan_no_memory(ctx);
    for (uint32_t p = 0; p < view->part_count; p++) {
        for (uint32_t a = 0; a < attrs->count && view->parts[p].live_rows; a++) {
            needs[count++] = (mola_need){.part = p,
                                         .attr = attrs->attrs[a],
                                         .window_count = mola_windows(view->parts[p].rows)};
        }
    }
    return mola_view_fetch(ctx, view, needs, count);
}

typedef struct {
    uint32_t part, window;
} place;

static int by_place(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->part != right->part)
        return left->part < right->part ? -1 : 1;
    return (left->window > right->window) - (left->window < right->window);
}

mola_err mola_read_hits(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs,
                        const mola_hit *hits, size_t count)
{
    place *places = mola_new(ctx->arena, place, count);
    if (!places || attrs->full)
        return mola_scan_no_memory(ctx);
    for (size_t i = 0; i < count; i++)
        places[i] = (place){hits[i].part, hits[i].row / MOLA_WINDOW_ROWS};
    if (count)
        qsort(places, count, sizeof *places, by_place);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++) {
        if (!distinct || by_place(&places[distinct - 1], &places[i]) != 0)
            places[distinct++] = places[i];
    }
    mola_need *needs = mola_new(ctx->arena, mola_need, distinct * attrs->count);
    if (!needs)
        return mola_scan_no_memory(ctx);
    size_t filled = 0;
    for (uint32_t a = 0; a < attrs->count; a++) {
        for (size_t i = 0; i < distinct; i++) {
            needs[filled++] = (mola_need){.part = places[i].part,
                                          .attr = attrs->attrs[a],
                                          .window_first = places[i].window,
                                          .window_count = 1};
        }
    }
    return mola_view_fetch(ctx, view, needs, filled);
}
