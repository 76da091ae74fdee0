/* trail.h - which documents the newest entries of a view's log were about: for writers, who need
 * not evaluate again what others' entries have not touched. Private to namespace/; asked by
 * mola_view_touched. */
#pragma once
#include "mola/namespace/view.h"

/* Of one entry. Immutable, counted. */
typedef struct mola_touched {
    mola_ref ref;
    mola_heap *heap;
    size_t size;
    uint64_t seq;
    uint32_t count;
    uint64_t hashes[]; /* of the ids, mola_value_hash */
} mola_touched;
void mola_touched_unref(mola_touched *touched); /* NULL: nothing to do */

/* Notes, in a view that nobody else sees yet and that is at entry `seq`, what that entry was about.
 * It never fails: what is not noted is not known. */
void mola_trail_add(mola_view *view, uint64_t seq, const mola_rows *rows);
/* Counts one more view that has the trail. */
void mola_trail_ref(const mola_view *view);
