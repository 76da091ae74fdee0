/* segment.h - a segment on this node: its head, and the pages of it that are in memory.
 *
 * One mola_part stands for it in all views that have it. Private to namespace/. */
#pragma once
#include "namespace/name.h"
#include "namespace/pages.h"

typedef struct mola_segment {
    mola_namespaces *all;
    mola_arena arena; /* of what follows */
    mola_segment_head head;
    mola_str *objects;           /* inline ones, by number; NULL: they have keys */
    bool kept;                   /* its namespace is pinned: guarded by the lock of all->pages */
    mola_cached_page ***windows; /* [attribute of the head][window] */
    mola_cached_page ***slices;  /* [attribute of the head][slice] */
    mola_cached_page **groups;   /* of documents */
    mola_cached_page **index;    /* hash pages */
    mola_cached_page *bloom;
    uint32_t group_count;
    const mola_segment_attr *documents; /* one of them, for their groups; NULL: there is none */
} mola_segment;

/* The part of a segment whose head is `image`. `objects`: the inline data objects, which are
 * copied; NULL: it has keys. MOLA_CORRUPT, MOLA_INVALID with words; MOLA_NO_MEMORY. */
mola_err mola_segment_part(mola_namespaces *all, const mola_segment_id *id,
                           const mola_segment_info *info, mola_str image, const mola_str *objects,
                           mola_part **out, mola_why *why) MOLA_NODISCARD;
void mola_segment_close(mola_segment *segment); /* of a part that nobody has any more */

/* Index of an attribute in the head, and of its place among the documents. */
uint32_t mola_segment_attr_index(const mola_segment *segment, const mola_segment_attr *attr);
uint32_t mola_segment_document_index(const mola_segment *segment, const mola_segment_attr *attr);

/* ---- blocks.c: bytes of segments, many in one batch */
typedef struct {
    uint32_t part; /* of the view; orders the reads */
    const mola_segment *segment;
    mola_extent at;
    mola_str bytes; /* what came back; in the arena of the ask, or inline */
} mola_segment_block;
/* Reads all of them in one batch, neighbours together. MOLA_CONFLICT: an object is gone, or the
 * lease of the view is over. */
mola_err mola_segment_read(mola_ask *ask, const mola_view *view, mola_segment_block *blocks,
                           size_t count) MOLA_NODISCARD;
/* I14: a block whose bytes were damaged is asked for once more, past the disk cache. Errors as
 * mola_segment_read. */
mola_err mola_segment_reread(mola_ask *ask, mola_segment_block *block) MOLA_NODISCARD;
/* Words for a block that is not what it should be. */
mola_err mola_segment_fail(mola_ask *ask, const mola_segment_block *block, mola_err err);

/* MOLA_WITH_ROOM where no name is at hand. */
#define MOLA_WITH_PAGES(all, err, call)                                                            \
    do {                                                                                           \
        mola_eviction mola_eviction_ = {0};                                                        \
        do                                                                                         \
            (err) = (call);                                                                        \
        while ((err) == MOLA_NO_MEMORY && mola_evict_one((all), NULL, &mola_eviction_));           \
    } while (0)

/* ---- load.c: from what a step wants to pinned pages, in one batch */
typedef enum {
    MOLA_WANT_WINDOW,
    MOLA_WANT_SLICE,
    MOLA_WANT_GROUP,
    MOLA_WANT_INDEX,
    MOLA_WANT_BLOOM
} mola_want_kind;
typedef struct {
    mola_want_kind kind;
    uint32_t part;
    mola_segment *segment;
    const mola_segment_attr *attr; /* WINDOW, SLICE */
    uint32_t number;               /* of the window, slice, group or hash page */
    size_t block_first, block_count;
} mola_want;
typedef struct {
    mola_ctx *ctx; /* whose pins the pages become */
    const mola_view *view;
    mola_pin *mark;
    mola_ask ask;
    mola_want *wants;
    size_t want_count, want_room;
    mola_segment_block *blocks;
    size_t block_count, block_room;
} mola_loading;
void mola_load_begin(mola_loading *l, mola_ctx *ctx, const mola_view *view);
/* Pins the thing if it is in memory, else notes that it is wanted. A window of an attribute that is
 * kept with the documents wants its groups too. MOLA_NO_MEMORY. */
mola_err mola_load_want(mola_loading *l, mola_want_kind kind, uint32_t part,
                        const mola_segment_attr *attr, uint32_t number) MOLA_NODISCARD;
/* Reads, makes and pins everything that is wanted. */
mola_err mola_load_run(mola_loading *l) MOLA_NODISCARD;
/* Gives `err` back, with words. After an error nothing stays pinned. */
mola_err mola_load_end(mola_loading *l, mola_err err);

/* Where the page of a want stands once it is pinned. */
mola_cached_page **mola_want_slot(const mola_want *want);
/* ---- page_make.c: the page of a want, from its blocks. MOLA_CORRUPT with words; MOLA_NO_MEMORY */
mola_err mola_cached_page_make(mola_loading *l, const mola_want *want,
                               mola_cached_page **out) MOLA_NODISCARD;

static inline uint32_t mola_segment_window_rows(const mola_segment *s, uint32_t window)
{
    uint32_t rest = s->head.rows - window * MOLA_WINDOW_ROWS;
    return rest < MOLA_WINDOW_ROWS ? rest : MOLA_WINDOW_ROWS;
}
/* Single rows of wide values are read and kept in slices, far smaller than windows: some
 * neighbouring vectors, or one page where several make a window. 0: the attribute has none. */
uint32_t mola_segment_slices(const mola_segment *s, const mola_segment_attr *a);
uint32_t mola_segment_slice_of(const mola_segment_attr *a, uint32_t row);
/* The rows [*first, *first + count) of a slice. */
uint32_t mola_segment_slice_rows(const mola_segment *s, const mola_segment_attr *a, uint32_t slice,
                                 uint32_t *first);
/* The pages, groups or runs that hold rows of a window. */
static inline void mola_segment_pages_of(const mola_segment *s, const mola_segment_attr *a,
                                         uint32_t window, uint32_t *first, uint32_t *last)
{
    uint32_t row = window * MOLA_WINDOW_ROWS;
    *first = mola_segment_page_of(a, row);
    *last = mola_segment_page_of(a, row + mola_segment_window_rows(s, window) - 1);
}
