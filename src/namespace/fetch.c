/* Declared reads: windows are pinned where they are in memory, the rest is read in one batch. */
#include "namespace/part.h"
#include "namespace/segment.h"
#include "namespace/tail_postings.h"

/* The attribute of a need, when there is something to fetch. */
static const mola_segment_attr *attr_of(const mola_view *view, const mola_need *need)
{
    MOLA_ASSERT(need->part < view->part_count);
    const mola_part *part = view->parts[need->part].part;
    uint32_t windows = mola_windows(part->rows);
    MOLA_ASSERT(need->window_first <= windows);
    MOLA_ASSERT(need->window_count <= windows - need->window_first);
    const mola_segment_attr *a =
        part->segment ? mola_segment_find(&part->segment->head, need->attr) : NULL;
    return a && a->any_value ? a : NULL;
}

mola_err mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs, size_t count)
{
    mola_loading l;
    mola_load_begin(&l, ctx, view);
    mola_err err = MOLA_OK;
    for (size_t i = 0; i < count && !err; i++) {
        const mola_need *need = &needs[i];
        const mola_segment_attr *a = attr_of(view, need);
        for (uint32_t w = 0; a && w < need->window_count && !err; w++)
            err = mola_load_want(&l, MOLA_WANT_WINDOW, need->part, a, need->window_first + w);
    }
    if (!err)
        err = mola_load_run(&l);
    if (!err)
        err = mola_tail_postings_fetch(ctx, view, needs, count);
    return mola_load_end(&l, err);
}

/* About what a page takes once it is unpacked. */
static uint64_t page_bytes(const mola_segment *s, const mola_segment_attr *a, uint32_t page)
{
    enum { UNPACKED = 3 }; /* texts and lists, of what is stored: a guess */
    size_t width = mola_elem_width((mola_elem)a->type.elem);
    if (a->type.form == MOLA_FORM_SCALAR && width)
        return mola_segment_page_rows(&s->head, a, page) * width;
    return UNPACKED * (uint64_t)a->pages[page].at.bytes;
}

uint64_t mola_view_need_bytes(const mola_view *view, const mola_need *need)
{
    const mola_segment_attr *a = attr_of(view, need);
    if (!a)
        return mola_tail_postings_bytes(view, need);
    const mola_segment *s = view->parts[need->part].part->segment;
    uint64_t bytes = 0;
    for (uint32_t w = need->window_first; w < need->window_first + need->window_count; w++) {
        if (a->layout == MOLA_AS_VECTORS) {
            bytes += (uint64_t)mola_segment_window_rows(s, w) * mola_segment_record_bytes(a);
            continue;
        }
        uint32_t first, last;
        mola_segment_pages_of(s, a, w, &first, &last);
        for (uint32_t page = first; page <= last; page++)
            bytes += page_bytes(s, a, page);
    }
    return bytes;
}
