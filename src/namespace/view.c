#include "namespace/live.h"
#include "namespace/tail.h"

void mola_view_ref(mola_view *view)
{
    mola_ref_take(&view->ref);
}

void mola_view_unref(mola_view *view)
{
    if (!mola_ref_drop(&view->ref))
        return;
    for (uint32_t i = 0; i < view->part_count; i++) {
        mola_live_unref(view->parts[i].live_owner);
        mola_part_unref(view->parts[i].part);
    }
    if (view->state)
        mola_state_unref(view->state);
    mola_free(view->heap, view, view->bytes);
}

mola_view *mola_view_empty(mola_heap *heap, const uint8_t nsid[16], uint64_t epoch)
{
    mola_view *view = mola_alloc(heap, sizeof *view);
    if (!view)
        return NULL;
    mola_ref_init(&view->ref);
    view->heap = heap;
    view->bytes = sizeof *view;
    memcpy(view->nsid, nsid, sizeof view->nsid);
    view->epoch = epoch;
    return view;
}

mola_err mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        const mola_need *need = &needs[i];
        MOLA_ASSERT(need->part < view->part_count);
        uint32_t windows = mola_windows(view->parts[need->part].rows);
        MOLA_ASSERT(need->window_first <= windows);
        MOLA_ASSERT(need->window_count <= windows - need->window_first);
    }
    return MOLA_OK; /* every part of a view is in memory */
}

bool mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part, uint32_t *row)
{
    uint64_t hash = mola_value_hash(id);
    for (uint32_t i = view->part_count; i-- > 0;) {
        const mola_view_part *p = &view->parts[i];
        uint32_t candidate;
        if (mola_part_find(p->part, id, hash, &candidate) && mola_bit(p->live, candidate)) {
            *part = i;
            *row = candidate;
            return true;
        }
    }
    return false;
}
