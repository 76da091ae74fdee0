#include "scan/keep.h"

void mola_keep_open(mola_keep *keep)
{
    mola_arena *arena = keep->ctx->arena;
    for (uint32_t i = 0; i < 2; i++)
        mola_arena_init(&keep->arenas[i], arena->heap, arena->limit - arena->used);
}

void mola_keep_close(mola_keep *keep)
{
    mola_arena_reset(&keep->arenas[0]);
    mola_arena_reset(&keep->arenas[1]);
}

mola_arena *mola_keep_turn(mola_keep *keep)
{
    keep->turn ^= 1;
    mola_arena_reset(&keep->arenas[keep->turn]);
    return &keep->arenas[keep->turn];
}

bool mola_keep_copy(mola_arena *arena, const mola_value *value, mola_value *out)
{
    *out = *value;
    if (value->elem != MOLA_ELEM_STRING && value->elem != MOLA_ELEM_BYTES)
        return true;
    return mola_arena_copy(arena, value->s, &out->s);
}

mola_err mola_keep_held(mola_keep *keep, mola_topk *heap)
{
    size_t copied = 0, distant = 0;
    for (size_t i = 0; keep->view->segment_count && i < heap->count; i++)
        distant += !mola_part_in_memory(keep->view, heap->held[i].part);
    if (!distant)
        return MOLA_OK;
    MOLA_ASSERT(distant < UINT32_MAX);
    mola_arena *arena = mola_keep_turn(keep);
    mola_value *values = mola_new(arena, mola_value, distant * keep->values_each);
    if (!values)
        return mola_scan_no_memory(keep->ctx);
    for (size_t i = 0; i < heap->count; i++) {
        mola_candidate *c = &heap->held[i];
        if (mola_part_in_memory(keep->view, c->part))
            continue;
        for (uint32_t k = 0; k < keep->values_each; k++) {
            mola_value value = mola_keep_value(keep, c, k);
            if (!mola_keep_copy(arena, &value, &values[copied * keep->values_each + k]))
                return mola_scan_no_memory(keep->ctx);
        }
        copied++;
    }
    /* Only now: until here the old numbers were looked up. */
    keep->values = values;
    copied = 0;
    for (size_t i = 0; i < heap->count; i++) {
        if (!mola_part_in_memory(keep->view, heap->held[i].part))
            heap->held[i].kept = (uint32_t)++copied;
    }
    return MOLA_OK;
}
