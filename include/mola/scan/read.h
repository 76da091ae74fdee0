/* read.h - which attributes an operator will read, so that one batch can fetch them (view.h). */
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

/* Fetches these attributes, in one batch: every window of every part, or the windows that hold the
 * hits. MOLA_NO_MEMORY, or what the view says. */
mola_err mola_read_parts(mola_ctx *ctx, const mola_view *view,
                         const mola_attr_list *attrs) MOLA_NODISCARD;
mola_err mola_read_hits(mola_ctx *ctx, const mola_view *view, const mola_attr_list *attrs,
                        const mola_hit *hits, size_t count) MOLA_NODISCARD;

/* Where one value is found: `false` when the row has none. */
bool mola_view_column(const mola_view *view, uint32_t part, uint32_t row, uint32_t attr,
                      mola_column *column, uint32_t *column_row);

/* MOLA_UNAVAILABLE once the request's deadline has passed; asked once a window. */
mola_err mola_scan_check(const mola_ctx *ctx) MOLA_NODISCARD;
