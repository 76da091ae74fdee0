/* read.h - which attributes an operator reads, and rows picked one by one. */
#pragma once
#include "mola/scan/rowset.h"

/* A set of attribute ids, in the arena. A list that ran out of memory stays so: `full`. */
typedef struct {
    mola_arena *arena;
    uint32_t *attrs;
    uint32_t count, room;
    bool full;
} mola_attr_list;
void mola_attr_list_add(mola_attr_list *list, uint32_t attr);

/* The values of some rows side by side: row i of each column is that of the i-th hit. They are
 * pinned like windows (view.h). */
typedef struct {
    const mola_attr_list *attrs;
    const mola_column *columns; /* of each attribute; rows 0: no row has a value */
    uint32_t rows;
} mola_gathered;
/* In one batch. MOLA_NO_MEMORY, or what the view says. */
mola_err mola_read_rows(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs,
                        const mola_row_at *at, uint32_t count, mola_gathered *out) MOLA_NODISCARD;
mola_err mola_read_hits(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs,
                        const mola_hit *hits, size_t count, mola_gathered *out) MOLA_NODISCARD;
/* false: no row has a value. The attribute must be one of those gathered. */
bool mola_gathered_column(const mola_gathered *gathered, uint32_t attr, mola_column *out);

/* Where one value is found: `false` when the row has none. Its window is in memory or pinned. */
bool mola_view_column(const mola_view *view, uint32_t part, uint32_t row, uint32_t attr,
                      mola_column *column, uint32_t *column_row);

/* MOLA_UNAVAILABLE once the request's deadline has passed; asked once a window. */
mola_err mola_scan_check(const mola_ctx *ctx) MOLA_NODISCARD;
