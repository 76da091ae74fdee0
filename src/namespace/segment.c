#include "namespace/segment.h"
#include "namespace/part.h"

uint32_t mola_segment_attr_index(const mola_segment *segment, const mola_segment_attr *attr)
{
    size_t index = (size_t)(attr - segment->head.attrs);
    MOLA_ASSERT(index < segment->head.attr_count);
    return (uint32_t)index;
}

uint32_t mola_segment_document_index(const mola_segment *segment, const mola_segment_attr *attr)
{
    uint32_t index = 0;
    for (const mola_segment_attr *a = segment->head.attrs; a < attr; a++)
        index += a->layout == MOLA_AS_DOCUMENTS;
    return index;
}

/* A power of two of vectors, about as many as one read of a disk or a store takes without being
 * slower than for one of them. */
static uint32_t vectors_of_slice(const mola_segment_attr *a)
{
    enum { SLICE_BYTES = 16 << 10 };
    uint32_t rows = MOLA_WINDOW_ROWS;
    while (rows > 1 && rows * mola_segment_record_bytes(a) > SLICE_BYTES)
        rows /= 2;
    return rows;
}

uint32_t mola_segment_slices(const mola_segment *s, const mola_segment_attr *a)
{
    if (a->layout == MOLA_AS_VECTORS)
        return (s->head.rows + vectors_of_slice(a) - 1) / vectors_of_slice(a);
    bool several = a->layout == MOLA_AS_PAGES && a->page_count > mola_windows(s->head.rows);
    return several ? a->page_count : 0;
}

uint32_t mola_segment_slice_of(const mola_segment_attr *a, uint32_t row)
{
    return a->layout == MOLA_AS_VECTORS ? row / vectors_of_slice(a) : mola_segment_page_of(a, row);
}

uint32_t mola_segment_slice_rows(const mola_segment *s, const mola_segment_attr *a, uint32_t slice,
                                 uint32_t *first)
{
    if (a->layout != MOLA_AS_VECTORS) {
        *first = a->pages[slice].row_first;
        return mola_segment_page_rows(&s->head, a, slice);
    }
    uint32_t rows = vectors_of_slice(a);
    *first = slice * rows;
    return s->head.rows - *first < rows ? s->head.rows - *first : rows;
}

/* Slots for everything that may be held of the segment. */
static bool make_slots(mola_segment *s)
{
    const mola_segment_head *head = &s->head;
    s->windows = mola_new(&s->arena, mola_cached_page **, head->attr_count);
    s->slices = mola_new(&s->arena, mola_cached_page **, head->attr_count);
    s->index = mola_new(&s->arena, mola_cached_page *, head->index_page_count);
    for (uint32_t i = 0; s->windows && s->slices && i < head->attr_count; i++) {
        uint32_t slices = mola_segment_slices(s, &head->attrs[i]);
        s->windows[i] = mola_new(&s->arena, mola_cached_page *, mola_windows(head->rows));
        s->slices[i] = mola_new(&s->arena, mola_cached_page *, slices);
        if (!s->windows[i] || !s->slices[i])
            return false;
        if (head->attrs[i].layout == MOLA_AS_DOCUMENTS && head->attrs[i].page_count)
            s->documents = &head->attrs[i];
    }
    s->group_count = s->documents ? s->documents->page_count : 0;
    s->groups = mola_new(&s->arena, mola_cached_page *, s->group_count);
    return s->windows && s->slices && s->index && s->groups;
}

static bool copy_objects(mola_segment *s, const mola_str *objects)
{
    s->objects = mola_new(&s->arena, mola_str, s->head.object_count);
    for (uint32_t i = 0; s->objects && i < s->head.object_count; i++) {
        if (!mola_arena_copy(&s->arena, objects[i], &s->objects[i]))
            return false;
    }
    return s->objects != NULL;
}

static mola_err open_segment(mola_segment *s, const mola_segment_id *id,
                             const mola_segment_info *info, mola_str image, const mola_str *objects,
                             mola_why *why)
{
    mola_err err = mola_segment_head_decode(image, id, &s->arena, &s->head, why);
    if (err)
        return err;
    uint64_t data_bytes = 0;
    for (uint32_t i = 0; i < s->head.object_count; i++)
        data_bytes += s->head.objects[i].bytes;
    if (s->head.rows != info->rows || s->head.object_count != info->object_count ||
        data_bytes != info->data_bytes || image.len != info->head_bytes)
        return mola_fail(why, MOLA_CORRUPT, "the head of a segment is not what the manifest says");
    if (!make_slots(s) || (objects && !copy_objects(s, objects)))
        return MOLA_NO_MEMORY;
    return MOLA_OK;
}

mola_err mola_segment_part(mola_namespaces *all, const mola_segment_id *id,
                           const mola_segment_info *info, mola_str image, const mola_str *objects,
                           mola_part **out, mola_why *why)
{
    mola_heap *heap = &all->views.heap;
    mola_part *part = mola_alloc(heap, sizeof *part);
    mola_segment *segment = mola_alloc(heap, sizeof *segment);
    mola_err err = part && segment ? MOLA_OK : MOLA_NO_MEMORY;
    if (segment) {
        segment->all = all;
        mola_arena_init(&segment->arena, heap, SIZE_MAX);
        if (!err)
            err = open_segment(segment, id, info, image, objects, why);
    }
    if (err) {
        if (segment)
            mola_arena_reset(&segment->arena);
        mola_free(heap, segment, segment ? sizeof *segment : 0);
        mola_free(heap, part, part ? sizeof *part : 0);
        return err;
    }
    mola_ref_init(&part->ref);
    part->heap = heap;
    part->size = sizeof *part;
    part->rows = segment->head.rows;
    part->segment = segment;
    *out = part;
    return MOLA_OK;
}

void mola_segment_close(mola_segment *segment)
{
    mola_pages *pages = &segment->all->pages;
    const mola_segment_head *head = &segment->head;
    for (uint32_t i = 0; i < head->attr_count; i++) {
        mola_pages_drop(pages, segment->windows[i], mola_windows(head->rows));
        mola_pages_drop(pages, segment->slices[i], mola_segment_slices(segment, &head->attrs[i]));
    }
    mola_pages_drop(pages, segment->groups, segment->group_count);
    mola_pages_drop(pages, segment->index, head->index_page_count);
    mola_pages_drop(pages, &segment->bloom, 1);
    mola_heap *heap = segment->arena.heap;
    mola_arena_reset(&segment->arena);
    mola_free(heap, segment, sizeof *segment);
}

const mola_segment_head *mola_part_segment(const mola_part *part)
{
    return part->segment ? &part->segment->head : NULL;
}

bool mola_part_zone(const mola_part *part, uint32_t attr, uint32_t window, mola_zone *out)
{
    if (!part->segment)
        return false;
    MOLA_ASSERT(window < mola_windows(part->rows));
    const mola_segment_attr *a = mola_segment_find(&part->segment->head, attr);
    if (!a || !a->any_value) {
        *out = (mola_zone){.any_null = true};
        return true;
    }
    if (!a->zones)
        return false;
    *out = a->zones[window];
    return true;
}
