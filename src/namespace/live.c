#include "namespace/live.h"

mola_live *mola_live_new(mola_heap *heap, uint32_t rows)
{
    size_t size = sizeof(mola_live) + mola_words(rows) * sizeof(uint64_t);
    mola_live *live = mola_alloc(heap, size);
    if (!live)
        return NULL;
    mola_ref_init(&live->ref);
    live->heap = heap;
    live->size = size;
    return live;
}

void mola_live_ref(mola_live *live)
{
    mola_ref_take(&live->ref);
}

void mola_live_unref(mola_live *live)
{
    if (live && mola_ref_drop(&live->ref))
        mola_free(live->heap, live, live->size);
}

/* The mask of `part`, owned by it alone. */
static mola_live *own(mola_heap *heap, mola_view_part *part)
{
    mola_live *old = part->live_owner;
    if (old && atomic_load_explicit(&old->ref.count, memory_order_acquire) == 1)
        return old;
    mola_live *live = mola_live_new(heap, part->rows);
    if (!live)
        return NULL;
    size_t words = mola_words(part->rows);
    if (old) {
        memcpy(live->bits, old->bits, words * sizeof *live->bits);
        mola_live_unref(old);
    } else {
        memset(live->bits, 0xff, words * sizeof *live->bits);
        if (part->rows % 64)
            live->bits[words - 1] = ((uint64_t)1 << part->rows % 64) - 1;
    }
    part->live_owner = live;
    part->live = live->bits;
    return live;
}

mola_err mola_live_clear(mola_heap *heap, mola_view_part *part, uint32_t row)
{
    MOLA_ASSERT(row < part->rows && part->live_rows > 0);
    MOLA_ASSERT(mola_bit(part->live, row));
    mola_live *live = own(heap, part);
    if (!live)
        return MOLA_NO_MEMORY;
    live->bits[row / 64] &= ~((uint64_t)1 << row % 64);
    part->live_rows--;
    return MOLA_OK;
}

mola_err mola_live_clear_all(mola_heap *heap, mola_view_part *part, const uint64_t *rows,
                             uint32_t count)
{
    MOLA_ASSERT(count <= part->live_rows);
    mola_live *live = own(heap, part);
    if (!live)
        return MOLA_NO_MEMORY;
    for (size_t w = 0; w < mola_words(part->rows); w++) {
        MOLA_ASSERT((rows[w] & ~live->bits[w]) == 0);
        live->bits[w] &= ~rows[w];
    }
    part->live_rows -= count;
    return MOLA_OK;
}
