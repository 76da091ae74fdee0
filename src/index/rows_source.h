/* rows_source.h - the live rows of some parts of a view, in their order, into a new segment.
 *
 * Attribute after attribute, and of each a step of windows after the other: fetched, copied,
 * released. Memory: the pages of one step and a window of copies. Parts in memory need no fetch.
 * Attributes that the state no longer has are left behind. */
#pragma once
#include "index/postings.h"
#include "mola/namespace/view.h"

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    uint32_t part_first, part_until;
    mola_heap *heap;           /* of the copies */
    uint64_t step_bytes;       /* about what one step has pinned */
    uint64_t dictionary_bytes; /* what dictionaries may take; segments of more terms go without */
    /* Called between two steps; an error ends the writing with it. */
    mola_err (*pause)(void *argument);
    void *argument;
} mola_rows_source;

uint64_t mola_rows_live(const mola_rows_source *source);
/* Everything but the finish. The writer was opened with mola_rows_live() rows and these attributes.
 */
mola_err mola_rows_write(const mola_rows_source *source, mola_segment_writer *writer,
                         const mola_written_attrs *attrs) MOLA_NODISCARD;
