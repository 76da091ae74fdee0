/* rowset.h - which rows of a view an operator is about: a bitmap a part, always within the live
 * rows. */
#pragma once
#include "mola/namespace/view.h"

typedef struct {
    const mola_view *view;
    uint64_t **bits; /* [part_count], each mola_words(rows) words, in the arena; NULL: no row of
                        that part */
    uint64_t count;  /* set bits in all */
} mola_rowset;

/* All live rows. MOLA_NO_MEMORY. */
mola_err mola_rowset_live(mola_ctx *ctx, const mola_view *view, mola_rowset *out) MOLA_NODISCARD;

typedef struct {
    double score; /* distance, or score of a ranking; what the row is ordered by */
    uint32_t part, row;
} mola_hit;
/* The id of a row. The view must hold it (part in memory or fetched). */
mola_value mola_view_id(const mola_view *view, uint32_t part, uint32_t row);
