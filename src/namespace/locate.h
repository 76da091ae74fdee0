/* locate.h - from ids to rows, between the files that do it. Private to namespace/. */
#pragma once
#include "namespace/part.h"
#include "namespace/segment.h"

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    const mola_column *ids;
    mola_row_at *at;
    uint64_t *hashes;
    uint32_t *open; /* rows of `ids` that no part in memory holds */
    uint32_t open_count;
} mola_locating;

/* mola_view_locate for the rows whose `at` is nowhere; where the others stand is known already. */
mola_err mola_locate_rest(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                          mola_row_at *at) MOLA_NODISCARD;

static inline mola_segment *mola_locate_segment(const mola_locating *l, uint32_t part)
{
    return l->view->parts[part].part->segment;
}
/* The segment may hold an id of this hash. `filter` NULL: it is not in memory. */
static inline bool mola_locate_may_hold(const mola_segment *s, const uint64_t *filter,
                                        mola_elem elem, uint64_t hash)
{
    if (s->head.attrs[0].type.elem != elem)
        return false;
    return !filter || mola_bloom_may_have(filter, s->head.bloom_words, hash);
}
/* A hash page is not what it should be. */
mola_err mola_locate_fail(const mola_locating *l, const mola_segment *s, uint32_t page,
                          mola_err err);

/* ---- locate_many.c: for more ids than this */
enum { MOLA_LOCATE_FEW = 8192 };
/* Finds the open rows in segments; filters[p] is that of segment p, or NULL. Errors as
 * mola_view_fetch. */
mola_err mola_locate_many(mola_locating *l, const uint64_t *const *filters) MOLA_NODISCARD;
