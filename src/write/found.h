/* found.h - operations by filter (reference 7.5): the documents of a view that match, and what
 * becomes of them, as rows of a log entry.
 *
 * First the deletes, then the patches, each in the order in which the view holds them. A replay
 * needs no filter: what was found stands in the rows. Memory from the heap given. Threads: one. */
#pragma once
#include "mola/namespace/log.h"
#include "mola/scan/rowset.h"
#include "write/plan.h"

typedef struct mola_write_found {
    mola_heap *heap;
    uint32_t deletes, patches;
    bool remaining;   /* there were more matches than a request may touch */
    mola_rowset gone; /* what is deleted, in the view; in the arena of mola_write_find's ctx */
    mola_rows rows;   /* count 0: nothing was found */
    uint64_t encoded_bytes;
    /* where they stand in the segments of the view, so that nobody looks them up again */
    mola_view *view;         /* one reference */
    uint64_t **bits[2];      /* deleted and patched: [view->segment_count]; NULL: none */
    uint32_t in_segments[2]; /* how many; they are the first ones of their kind */
    /* where the rows stand */
    uint8_t *ops;
    mola_column_builder ids;
    mola_row_column *columns;
    mola_column_builder *builders;
    uint64_t *given; /* of removed attributes: the patches; NULL: none is removed */
    uint32_t column_count;
} mola_write_found;

/* Carries out delete_by_filter, then patch_by_filter, which does not see what the former deleted.
 * `view` has the state from this write on. MOLA_INVALID with words in ctx->why: more matches than
 * the limits allow, and the request does not take a part of them. Errors of mola_scan_windows. */
mola_err mola_write_find(mola_ctx *ctx, mola_heap *heap, mola_view *view,
                         const mola_write_plan *plan, const mola_write_request *request,
                         const mola_write_limits *limits, mola_write_found **out) MOLA_NODISCARD;
/* What is known of the rows, when the first of them is row `first` of a change: so many ranges.
 * They live as long as `found`. */
uint32_t mola_write_found_known(const mola_write_found *found, uint32_t first,
                                mola_known_rows out[2]);
void mola_write_found_free(mola_write_found *found); /* NULL: nothing to do */
