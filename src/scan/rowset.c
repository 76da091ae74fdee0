#include "mola/scan/rowset.h"
#include "mola/scan/read.h"
#include "scan/scan.h"

mola_err mola_scan_no_memory(const mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_NO_MEMORY, "the query does not fit in the memory of a request");
}

bool mola_scan_late(const mola_ctx *ctx)
{
    return ctx->deadline_ns && ctx->deadline_ns != MOLA_NEVER &&
           mola_boot_ns(ctx->env) >= ctx->deadline_ns;
}

mola_err mola_scan_check(const mola_ctx *ctx)
{
    if (!mola_scan_late(ctx))
        return MOLA_OK;
    return mola_fail(ctx->why, MOLA_UNAVAILABLE, "the query took longer than a request may take");
}

mola_err mola_rowset_live(mola_ctx *ctx, const mola_view *view, mola_rowset *out)
{
    *out = (mola_rowset){.view = view, .bits = mola_new(ctx->arena, uint64_t *, view->part_count)};
    if (!out->bits)
        return mola_scan_no_memory(ctx);
    for (uint32_t p = 0; p < view->part_count; p++) {
        const mola_view_part *part = &view->parts[p];
        if (!part->live_rows)
            continue;
        size_t words = mola_words(part->rows);
        uint64_t *bits = mola_new(ctx->arena, uint64_t, words);
        if (!bits)
            return mola_scan_no_memory(ctx);
        if (part->live) {
            memcpy(bits, part->live, words * sizeof *bits);
        } else {
            mola_bits_first(bits, part->rows);
        }
        out->bits[p] = bits;
        out->count += part->live_rows;
    }
    return MOLA_OK;
}

bool mola_view_column(const mola_view *view, uint32_t part, uint32_t row, uint32_t attr,
                      mola_column *column, uint32_t *column_row)
{
    *column_row = row % MOLA_WINDOW_ROWS;
    return mola_part_column(view->parts[part].part, attr, row / MOLA_WINDOW_ROWS, column) &&
           mola_column_has(column, *column_row);
}

mola_value mola_view_id(const mola_view *view, uint32_t part, uint32_t row)
{
    mola_column ids;
    uint32_t at;
    bool found = mola_view_column(view, part, row, MOLA_ATTR_ID, &ids, &at);
    MOLA_ASSERT(found);
    return mola_column_element(&ids, at);
}

bool mola_span_column(const mola_span *span, uint32_t attr, mola_column *out)
{
    if (span->part)
        return mola_part_column(span->part, attr, span->index, out);
    mola_column whole;
    if (!mola_gathered_column(span->gathered, attr, &whole))
        return false;
    *out = mola_column_slice(&whole, span->first, span->rows);
    return true;
}

bool mola_span_zone(const mola_span *span, uint32_t attr, mola_zone *out)
{
    return span->part && mola_part_zone(span->part, attr, span->index, out);
}
