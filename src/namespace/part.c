#include "namespace/part.h"
#include "namespace/segment.h"
#include "namespace/tail_postings.h"
#include <stdlib.h>

enum { IMAGE_ALIGN = 64 };

mola_err mola_image_copy(mola_heap *heap, mola_str bytes, mola_image *out)
{
    size_t size = bytes.len + IMAGE_ALIGN;
    void *block = mola_realloc(heap, NULL, 0, size);
    if (!block)
        return MOLA_NO_MEMORY;
    char *aligned = (char *)block + (IMAGE_ALIGN - (uintptr_t)block % IMAGE_ALIGN) % IMAGE_ALIGN;
    memcpy(aligned, bytes.data, bytes.len);
    *out = (mola_image){
        .heap = heap, .block = block, .block_size = size, .bytes = {aligned, bytes.len}};
    return MOLA_OK;
}

void mola_image_free(mola_image *image)
{
    if (image->memory)
        mola_entry_free(image->heap, image->memory);
    if (image->block)
        mola_free(image->heap, image->block, image->block_size);
    *image = (mola_image){0};
}

static uint64_t slot_of(uint64_t hash, uint32_t row)
{
    return (hash & 0xffffffff00000000u) | (row + 1);
}

/* Enters every live row. At most two thirds of the slots are taken, so a search is short. */
static mola_err index_ids(mola_part *part, const uint64_t *live)
{
    uint64_t wanted = (uint64_t)part->rows + part->rows / 2 + 1;
    part->slot_count = 2;
    while (part->slot_count < wanted)
        part->slot_count *= 2;
    part->slots = mola_alloc_array(part->heap, uint64_t, part->slot_count);
    if (!part->slots)
        return MOLA_NO_MEMORY;
    for (uint32_t row = 0; row < part->rows; row++) {
        if (!mola_bit(live, row))
            continue;
        mola_value id = mola_column_element(&part->ids, row);
        uint64_t hash = mola_value_hash(&id);
        uint64_t at = hash & (part->slot_count - 1);
        while (part->slots[at])
            at = (at + 1) & (part->slot_count - 1);
        part->slots[at] = slot_of(hash, row);
    }
    return MOLA_OK;
}

bool mola_part_find(const mola_part *part, const mola_value *id, uint64_t hash, uint32_t *row)
{
    if (id->elem != part->ids.type.elem)
        return false;
    for (uint64_t at = hash & (part->slot_count - 1); part->slots[at];
         at = (at + 1) & (part->slot_count - 1)) {
        if ((part->slots[at] ^ hash) >> 32)
            continue;
        uint32_t candidate = (uint32_t)part->slots[at] - 1;
        mola_value held = mola_column_element(&part->ids, candidate);
        if (mola_value_eq(&held, id)) {
            *row = candidate;
            return true;
        }
    }
    return false;
}

static mola_part *new_part(mola_heap *heap, uint32_t attr_count, uint32_t builder_count)
{
    size_t size = sizeof(mola_part) + attr_count * sizeof(mola_part_attr) +
                  builder_count * sizeof(mola_column_builder);
    mola_part *part = mola_alloc(heap, size);
    if (!part)
        return NULL;
    mola_ref_init(&part->ref);
    part->heap = heap;
    part->size = size;
    part->attr_count = attr_count;
    part->builders = (mola_column_builder *)(part + 1);
    part->attrs = (mola_part_attr *)(part->builders + builder_count);
    return part;
}

mola_err mola_part_of_rows(mola_heap *heap, const mola_rows *rows, mola_image *image,
                           const uint64_t *live, mola_part **out)
{
    mola_part *part = new_part(heap, rows->column_count, 0);
    if (!part)
        return MOLA_NO_MEMORY;
    part->rows = rows->count;
    part->ids = rows->ids;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        MOLA_ASSERT(rows->columns[i].column.rows == rows->count);
        part->attrs[i] = (mola_part_attr){rows->columns[i].attr, rows->columns[i].column};
    }
    mola_err err = index_ids(part, live);
    if (err) {
        mola_part_unref(part);
        return err;
    }
    part->image = *image;
    *image = (mola_image){0};
    *out = part;
    return MOLA_OK;
}

mola_err mola_part_begin(mola_heap *heap, mola_type id_type, const mola_attr *const *attrs,
                         uint32_t attr_count, mola_part **out)
{
    mola_part *part = new_part(heap, attr_count, attr_count + 1);
    if (!part)
        return MOLA_NO_MEMORY;
    part->builder_count = attr_count + 1;
    mola_column_builder_init(&part->builders[0], heap, id_type);
    for (uint32_t i = 0; i < attr_count; i++) {
        MOLA_ASSERT(i == 0 || attrs[i - 1]->id < attrs[i]->id);
        part->attrs[i].attr = attrs[i]->id;
        mola_column_builder_init(&part->builders[i + 1], heap, attrs[i]->type);
    }
    *out = part;
    return MOLA_OK;
}

static void trim(mola_buf *b)
{
    if (b->len == 0 || b->room - b->len <= b->len / 8)
        return;
    char *data = mola_realloc(b->heap, b->data, b->room, b->len);
    if (!data)
        return;
    b->data = data;
    b->room = b->len;
}

void mola_part_trim(mola_column_builder *b)
{
    trim(&b->present);
    trim(&b->row_from);
    trim(&b->byte_from);
    trim(&b->data);
    trim(&b->weights);
}

mola_err mola_part_finish(mola_part *part)
{
    for (uint32_t i = 0; i < part->builder_count; i++)
        mola_part_trim(&part->builders[i]); /* a part keeps its size for long */
    part->ids = mola_column_built(&part->builders[0]);
    part->rows = part->ids.rows;
    for (uint32_t i = 0; i < part->attr_count; i++) {
        part->attrs[i].column = mola_column_built(&part->builders[i + 1]);
        MOLA_ASSERT(part->attrs[i].column.rows == part->rows);
    }
    return index_ids(part, NULL);
}

/* What an attribute held before its type was known: only empty lists. */
static bool is_empty_list(const mola_column *from)
{
    return from->type.form == MOLA_FORM_ARRAY && from->type.elem == MOLA_ELEM_UNKNOWN;
}

mola_err mola_part_add_cell(mola_column_builder *b, const mola_column *from, uint32_t row)
{
    if (!from || !mola_column_has(from, row))
        return mola_column_add_absent(b, 1);
    if (mola_type_eq(from->type, b->type))
        return mola_column_add_row(b, from, row);
    if (!is_empty_list(from))
        return MOLA_CORRUPT; /* no writer of ours changes a type: the entry is not to be trusted */
    static const uint32_t zeros[2];
    const mola_column empty = {.type = b->type,
                               .rows = 1,
                               .row_from = zeros,
                               .byte_from = zeros,
                               .data = (const uint8_t *)zeros};
    return mola_column_add_row(b, &empty, 0);
}

mola_err mola_part_add_cells(mola_column_builder *b, const mola_column *from, uint32_t first,
                             uint32_t rows)
{
    if (!from)
        return mola_column_add_absent(b, rows);
    if (mola_type_eq(from->type, b->type))
        return mola_column_add_rows(b, from, first, rows);
    mola_err err = MOLA_OK;
    for (uint32_t row = first; row < first + rows && !err; row++)
        err = mola_part_add_cell(b, from, row);
    return err;
}

void mola_part_ref(mola_part *part)
{
    mola_ref_take(&part->ref);
}

void mola_part_unref(mola_part *part)
{
    if (!mola_ref_drop(&part->ref))
        return;
    if (part->segment)
        mola_segment_close(part->segment);
    mola_tail_texts_free(part);
    for (uint32_t i = 0; i < part->builder_count; i++)
        mola_column_builder_free(&part->builders[i]);
    mola_image_free(&part->image);
    mola_free(part->heap, part->slots, part->slots ? part->slot_count * sizeof *part->slots : 0);
    mola_free(part->heap, part, part->size);
}

size_t mola_part_bytes(const mola_part *part)
{
    size_t bytes = part->size + part->slot_count * sizeof *part->slots + part->image.block_size;
    if (part->image.memory)
        bytes += mola_entry_memory_bytes(part->image.memory);
    for (uint32_t i = 0; i < part->builder_count; i++) {
        const mola_column_builder *b = &part->builders[i];
        bytes +=
            b->present.room + b->row_from.room + b->byte_from.room + b->data.room + b->weights.room;
    }
    return bytes;
}

static int by_attr(const void *key, const void *element)
{
    uint32_t attr = *(const uint32_t *)key, other = ((const mola_part_attr *)element)->attr;
    return (attr > other) - (attr < other);
}

const mola_column *mola_part_attr_column(const mola_part *part, uint32_t attr)
{
    MOLA_ASSERT(!part->segment);
    if (attr == MOLA_ATTR_ID)
        return &part->ids;
    const mola_part_attr *hit =
        bsearch(&attr, part->attrs, part->attr_count, sizeof *part->attrs, by_attr);
    return hit ? &hit->column : NULL;
}

bool mola_part_has_attr(const mola_part *part, uint32_t attr)
{
    if (!part->segment)
        return mola_part_attr_column(part, attr) != NULL;
    const mola_segment_attr *a = mola_segment_find(&part->segment->head, attr);
    return a && a->any_value;
}

bool mola_part_whole_column(const mola_part *part, uint32_t attr, mola_column *out)
{
    const mola_column *column = mola_part_attr_column(part, attr);
    if (!column)
        return false;
    *out = *column;
    return true;
}

bool mola_part_has_postings(const mola_part *part, uint32_t attr, uint32_t column)
{
    if (part->segment)
        return mola_segment_find(&part->segment->head, column) != NULL;
    const mola_column *texts = part->home ? mola_part_attr_column(part, attr) : NULL;
    return texts && texts->type.elem == MOLA_ELEM_STRING;
}

bool mola_part_postings_made(const mola_part *part, uint32_t column, uint32_t window)
{
    return part->segment || mola_tail_postings_made(part, column, window);
}

static bool pinned_column(const mola_segment *segment, uint32_t attr, uint32_t window,
                          mola_column *out)
{
    const mola_segment_attr *a = mola_segment_find(&segment->head, attr);
    if (!a || !a->any_value)
        return false;
    const mola_cached_page *page = segment->windows[mola_segment_attr_index(segment, a)][window];
    MOLA_ASSERT(page); /* what was not fetched cannot be read */
    *out = page->columns[0].column;
    return out->rows > 0;
}

bool mola_part_column(const mola_part *part, uint32_t attr, uint32_t window, mola_column *out)
{
    MOLA_ASSERT(window < mola_windows(part->rows));
    if (part->segment)
        return pinned_column(part->segment, attr, window, out);
    if (attr & MOLA_ATTR_DERIVED)
        return part->home && mola_tail_postings(part, attr, window, out);
    const mola_column *column = mola_part_attr_column(part, attr);
    if (!column)
        return false;
    uint32_t first = window * MOLA_WINDOW_ROWS, rest = part->rows - first;
    *out = mola_column_slice(column, first, rest < MOLA_WINDOW_ROWS ? rest : MOLA_WINDOW_ROWS);
    return true;
}
