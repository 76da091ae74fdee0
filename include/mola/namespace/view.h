/* view.h - a namespace at one sequence number: an immutable list of parts, and the state.
 *
 * Query code knows only views and parts. A part has rows in windows of 4,096. Segments come first,
 * oldest first: their rows stand in the store and are fetched as they are needed. Behind them the
 * log tail: parts in memory, built once per entry and compacted geometrically. Rows of a part that
 * a newer part replaced or deleted are cleared in the view's live mask before any operator runs.
 *
 * Reading takes two steps: an operator declares what it will read and the view fetches all of it in
 * one batch (mola_view_fetch); then it computes over windows. What was fetched is pinned until the
 * request releases it (mola_view_release): a mola_column of a segment may be used so long and no
 * longer. Parts in memory need no fetch, but for postings; it costs nothing, and their columns live
 * as long as the view. A namespace may be larger than memory: operators that read every window go
 * on in steps (mola_scan_windows), fetch, compute, release.
 *
 * Ownership: counted references. Threads: any number of readers. */
#pragma once
#include "mola/base/ctx.h"
#include "mola/format/segment.h"
#include "mola/model/rows.h"

enum { MOLA_WINDOW_ROWS = MOLA_SEGMENT_WINDOW, MOLA_WINDOW_WORDS = MOLA_WINDOW_ROWS / 64 };

enum { MOLA_TRAIL_ENTRIES = 16 };
typedef struct mola_part mola_part;

typedef struct {
    mola_part *part;
    uint32_t rows, live_rows;
    const uint64_t *live; /* bit per row; NULL: all are live. Bits beyond `rows` are zero */
    struct mola_live *live_owner;
} mola_view_part;

typedef struct {
    mola_ref ref;
    mola_heap *heap;
    size_t bytes;      /* of this block; parts are accounted by themselves */
    size_t memory_max; /* what views, parts and pages of segments share: steps are a part of it */
    struct mola_namespaces *home; /* whose budget its parts in memory stand in; NULL: nobody's */
    uint8_t nsid[16];
    uint64_t epoch, seq;                         /* position in the history of the name */
    uint64_t chain;                              /* of entry seq */
    uint64_t time_us;                            /* of entry seq: newest write included */
    uint64_t created_us, updated_us, written_us; /* reference 9.4 */
    uint64_t indexed_seq;                        /* entries up to here are in segments */
    struct mola_held *held;   /* the manifest it was opened from; NULL: of a birth. One reference */
    uint64_t manifest_ver;    /* of that manifest */
    uint64_t leased_until_ns; /* boot clock: no section is asked for afterwards (protocol I7) */
    struct mola_opening *opening; /* its segments are yet to be read: seen in namespace/ only */
    bool sealed;
    mola_state *state;
    uint64_t live_rows;
    uint64_t log_bytes; /* encoded bytes of the entries that are not in segments */
    uint64_t log_rows;  /* and the rows they mention */
    struct mola_touched *trail[MOLA_TRAIL_ENTRIES]; /* what entries were about: mola_view_touched */
    uint32_t
        segment_count; /* of the parts, the first ones; those without a live row are left out */
    uint32_t part_count;
    mola_view_part parts[]; /* oldest first */
} mola_view;

void mola_view_ref(mola_view *view);
void mola_view_unref(mola_view *view);

/* Logical bytes: of segments, less their dead rows, and what the log behind them takes. */
uint64_t mola_view_logical_bytes(const mola_view *view);

/* ---- windows */

/* One declared read: attribute `attr` (MOLA_ATTR_ID: the ids) of windows [first, first + count) of
 * a part. */
typedef struct {
    uint32_t part, attr, window_first, window_count;
} mola_need;
/* Fetches and pins. MOLA_CONFLICT: an object is gone, the collector outran this view: open a newer
 * one and begin again. MOLA_NO_MEMORY, MOLA_UNAVAILABLE, MOLA_CORRUPT with words. After an error
 * nothing new is pinned. */
mola_err mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                         size_t count) MOLA_NODISCARD;
/* About how many bytes of memory a need takes when it is pinned; 0: nothing to fetch. */
uint64_t mola_view_need_bytes(const mola_view *view, const mola_need *need);
/* Gives up all that was pinned since `mark` was taken from ctx->pins; NULL: everything. Whoever
 * makes a ctx for requests releases it at the end. */
typedef struct mola_pin mola_pin;
void mola_view_release(mola_ctx *ctx, mola_pin *mark);

/* Attribute `attr` of the rows of window `window` (row window * 4096 is row 0 of the column), which
 * must be pinned when the part is a segment. false: no row of the window has the attribute. */
bool mola_part_column(const mola_part *part, uint32_t attr, uint32_t window, mola_column *out);
/* The head of a segment, which says where everything stands; NULL: a part in memory. */
const mola_segment_head *mola_part_segment(const mola_part *part);
/* What the values of a window lie between, dead rows included. false: not known. No I/O. */
bool mola_part_zone(const mola_part *part, uint32_t attr, uint32_t window, mola_zone *out);
/* Column `column` of the part has the postings of attribute `attr` (format/postings.h). A segment
 * was written with them or not. Those of a part in memory are made of its texts when they are
 * fetched first, and are then pages like those of segments; what a view without a home holds has
 * none. */
bool mola_part_has_postings(const mola_part *part, uint32_t attr, uint32_t column);
/* Whether those of a window, which must be pinned, can be read: false when there was no room to
 * make them, and the texts must do. */
bool mola_part_postings_made(const mola_part *part, uint32_t column, uint32_t window);
/* Rows [first, first + rows) of `from` (NULL: absent ones) into a builder of the attribute's type
 * now, which may be younger than the column's: a []unknown has become concrete. MOLA_NO_MEMORY;
 * MOLA_CORRUPT: any other type. */
mola_err mola_part_add_cells(mola_column_builder *b, const mola_column *from, uint32_t first,
                             uint32_t rows) MOLA_NODISCARD;
static inline uint32_t mola_windows(uint32_t rows)
{
    return (rows + MOLA_WINDOW_ROWS - 1) / MOLA_WINDOW_ROWS;
}

/* ---- rows picked one by one */

#define MOLA_NOWHERE UINT32_MAX
typedef struct {
    uint32_t part, row; /* part MOLA_NOWHERE: no such row */
} mola_row_at;

/* The values of some attributes of some rows, fetched in one batch: row i of columns[a] is
 * attribute attrs[a] of at[i]. A column without any value has rows 0. They are pinned like windows.
 * Errors as mola_view_fetch. */
mola_err mola_view_gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at,
                          uint32_t count, const uint32_t *attrs, uint32_t attr_count,
                          mola_column **columns) MOLA_NODISCARD;

/* The live rows that hold these documents: at[i] for row i of `ids` (SCALAR, all present; any id
 * type). Parts in memory are asked first, then segments, by Bloom filter and hash page: two batches
 * at the most, one when there are few ids. Errors as mola_view_fetch. */
mola_err mola_view_locate(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                          mola_row_at *at) MOLA_NODISCARD;

/* Rows that are about to be applied, by whoever has them. */
typedef struct {
    const mola_rows *rows;
    bool is_conditional; /* the documents of all rows are read, not only of patches */
} mola_foreseen;
/* Brings into memory what applying all of these, one after the other, will look up in segments, so
 * that it costs two or three batches and not as many for each. A hint: what does not fit is left
 * out. Errors as mola_view_fetch, but for MOLA_NO_MEMORY. */
mola_err mola_view_foresee(mola_ctx *ctx, const mola_view *view, const mola_foreseen *rows_ahead,
                           size_t count) MOLA_NODISCARD;

/* The live row that holds a document, in a part in memory. false: there is none. */
bool mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part, uint32_t *row);
/* The whole column, for a part in memory. false: it has none. */
bool mola_part_whole_column(const mola_part *part, uint32_t attr, mola_column *out);

/* Brings what stands in segments into the caches, up to about `bytes_max` bytes: for hints. */
mola_err mola_view_warm(mola_ctx *ctx, const mola_view *view, uint64_t bytes_max) MOLA_NODISCARD;
