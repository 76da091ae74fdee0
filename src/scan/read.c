#include "mola/scan/read.h"
#include "scan/scan.h"

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

mola_err mola_read_rows(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs,
                        const mola_row_at *at, uint32_t count, mola_gathered *out)
{
    mola_column *columns = NULL;
    *out = (mola_gathered){.attrs = attrs, .rows = count};
    if (attrs->full)
        return mola_scan_no_memory(ctx);
    mola_err err = MOLA_OK;
    if (count) {
        err = mola_view_gather(ctx, view, at, count, attrs->attrs, attrs->count, &columns);
    } else {
        columns = mola_new(ctx->arena, mola_column, attrs->count);
        err = columns ? MOLA_OK : MOLA_NO_MEMORY;
    }
    out->columns = columns;
    return err == MOLA_NO_MEMORY ? mola_scan_no_memory(ctx) : err;
}

mola_err mola_read_hits(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs,
                        const mola_hit *hits, size_t count, mola_gathered *out)
{
    MOLA_ASSERT(count <= UINT32_MAX);
    mola_row_at *at = mola_new(ctx->arena, mola_row_at, count);
    if (!at)
        return mola_scan_no_memory(ctx);
    for (size_t i = 0; i < count; i++)
        at[i] = (mola_row_at){hits[i].part, hits[i].row};
    return mola_read_rows(ctx, view, attrs, at, (uint32_t)count, out);
}

bool mola_gathered_column(const mola_gathered *gathered, uint32_t attr, mola_column *out)
{
    uint32_t i = 0;
    while (i < gathered->attrs->count && gathered->attrs->attrs[i] != attr)
        i++;
    MOLA_ASSERT(i < gathered->attrs->count);
    *out = gathered->columns[i];
    return out->rows > 0;
}
