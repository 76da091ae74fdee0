/* live.h - which rows of a part are live in a view: a counted bitmap, copied before it changes.
 *
 * A mask is shared by all views in which the part has the same live rows. A view that is being
 * built and has just copied a mask is its only owner, and may go on clearing bits in it. */
#pragma once
#include "mola/namespace/view.h"

typedef struct mola_live {
    mola_ref ref;
    mola_heap *heap;
    size_t size; /* of this block */
    uint64_t bits[];
} mola_live;

/* No row is live. NULL: no memory. */
mola_live *mola_live_new(mola_heap *heap, uint32_t rows);
void mola_live_ref(mola_live *live);
void mola_live_unref(mola_live *live); /* NULL: nothing to do */

/* Clears the `count` rows whose bits are set in `rows`, all of them live. As below. */
mola_err mola_live_clear_all(mola_heap *heap, mola_view_part *part, const uint64_t *rows,
                             uint32_t count) MOLA_NODISCARD;

/* Clears live row `row` of a part in a view that nobody else sees yet. MOLA_NO_MEMORY. */
mola_err mola_live_clear(mola_heap *heap, mola_view_part *part, uint32_t row) MOLA_NODISCARD;
