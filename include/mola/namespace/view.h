/* view.h - a namespace at one sequence number: an immutable list of parts, and the state.
 *
 * Query code knows only views and parts. A part has rows in windows of 4,096; a log tail is a part
 * (in memory, built once per entry and compacted geometrically), a segment will be one. Rows of a
 * part that a newer part replaced or deleted are cleared in the view's live mask before any
 * operator runs.
 *
 * Reading takes two steps: an operator declares what it will read and the view fetches all of it in
 * one batch (mola_view_fetch); then it computes over windows. Parts in memory need no fetch, and it
 * costs nothing.
 *
 * Ownership: counted references. Threads: any number of readers. */
#pragma once
#include "mola/base/ctx.h"
#include "mola/model/rows.h"

enum { MOLA_WINDOW_ROWS = 4096, MOLA_WINDOW_WORDS = MOLA_WINDOW_ROWS / 64 };

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
    size_t bytes; /* of this block; parts are accounted by themselves */
    uint8_t nsid[16];
    uint64_t epoch, seq;                         /* position in the history of the name */
    uint64_t chain;                              /* of entry seq */
    uint64_t time_us;                            /* of entry seq: newest write included */
    uint64_t created_us, updated_us, written_us; /* reference 9.4 */
    bool sealed;
    mola_state *state;
    uint64_t live_rows;
    uint64_t log_bytes; /* encoded bytes of the entries that are not in segments */
    uint32_t part_count;
    mola_view_part parts[]; /* oldest first */
} mola_view;

void mola_view_ref(mola_view *view);
void mola_view_unref(mola_view *view);

/* One declared read: attribute `attr` (MOLA_ATTR_ID: the ids) of windows [first, first + count) of
 * a part. */
typedef struct {
    uint32_t part, attr, window_first, window_count;
} mola_need;
mola_err mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                         size_t count) MOLA_NODISCARD;

/* Attribute `attr` of the rows of window `window` (row window * 4096 is row 0 of the column).
 * false: no row of the part has the attribute. The column lives as long as the view. */
bool mola_part_column(const mola_part *part, uint32_t attr, uint32_t window, mola_column *out);
static inline uint32_t mola_windows(uint32_t rows)
{
    return (rows + MOLA_WINDOW_ROWS - 1) / MOLA_WINDOW_ROWS;
}

/* The live row that holds a document. false: no such document. */
bool mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part, uint32_t *row);
/* The whole column, for a part in memory (row lookups by mola_view_find). false as above. */
bool mola_part_whole_column(const mola_part *part, uint32_t attr, mola_column *out);
