#include "namespace/live.h"
#include "namespace/name.h"
#include "namespace/tail.h"
#include "namespace/trail.h"

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
    mola_opening_free(view->opening);
    mola_held_unref(view->held);
    for (uint32_t i = 0; i < MOLA_TRAIL_ENTRIES; i++)
        mola_touched_unref(view->trail[i]);
    mola_free(view->heap, view, view->bytes);
}

mola_view *mola_view_empty(mola_heap *heap, const uint8_t nsid[16], uint64_t epoch, uint32_t parts)
{
    size_t size = sizeof(mola_view) + parts * sizeof(mola_view_part);
    mola_view *view = mola_alloc(heap, size);
    if (!view)
        return NULL;
    mola_ref_init(&view->ref);
    view->heap = heap;
    view->bytes = size;
    view->memory_max = heap->limit;
    memcpy(view->nsid, nsid, sizeof view->nsid);
    view->epoch = epoch;
    return view;
}

bool mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part, uint32_t *row)
{
    uint64_t hash = mola_value_hash(id);
    for (uint32_t i = view->part_count; i-- > view->segment_count;) {
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

uint64_t mola_view_logical_bytes(const mola_view *view)
{
    double bytes = (double)view->log_bytes;
    for (uint32_t i = 0; i < view->segment_count; i++) {
        const mola_view_part *part = &view->parts[i];
        const mola_segment_head *head = mola_part_segment(part->part);
        if (head)
            bytes += (double)head->logical_bytes * part->live_rows / part->rows;
    }
    return (uint64_t)bytes;
}
