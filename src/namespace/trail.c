#include "namespace/trail.h"
#include "mola/base/check.h"
#include "mola/namespace/log.h"

enum { ROWS_MAX = 1024 }; /* of an entry: more are not noted */

void mola_touched_unref(mola_touched *touched)
{
    if (touched && mola_ref_drop(&touched->ref))
        mola_free(touched->heap, touched, touched->size);
}

void mola_trail_ref(const mola_view *view)
{
    for (uint32_t i = 0; i < MOLA_TRAIL_ENTRIES; i++) {
        if (view->trail[i])
            mola_ref_take(&view->trail[i]->ref);
    }
}

static mola_touched *touched_new(mola_heap *heap, uint64_t seq, const mola_rows *rows)
{
    if (rows->count > ROWS_MAX)
        return NULL;
    size_t size = sizeof(mola_touched) + rows->count * sizeof(uint64_t);
    mola_touched *touched = mola_alloc(heap, size);
    if (!touched)
        return NULL;
    mola_ref_init(&touched->ref);
    touched->heap = heap;
    touched->size = size;
    touched->seq = seq;
    touched->count = rows->count;
    for (uint32_t row = 0; row < rows->count; row++) {
        mola_value id = mola_column_element(&rows->ids, row);
        touched->hashes[row] = mola_value_hash(&id);
    }
    return touched;
}

void mola_trail_add(mola_view *view, uint64_t seq, const mola_rows *rows)
{
    mola_touched **place = &view->trail[seq % MOLA_TRAIL_ENTRIES];
    mola_touched_unref(*place);
    *place = touched_new(view->heap, seq, rows);
}

bool mola_view_touched(const mola_view *view, uint64_t seq, mola_buf *hashes)
{
    MOLA_ASSERT(seq <= view->seq);
    for (; seq < view->seq; seq++) {
        const mola_touched *touched = view->trail[(seq + 1) % MOLA_TRAIL_ENTRIES];
        if (!touched || touched->seq != seq + 1)
            return false;
        if (touched->count)
            mola_buf_add(hashes, touched->hashes, touched->count * sizeof(uint64_t));
    }
    return !hashes->failed;
}
