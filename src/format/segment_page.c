/* segment_page.c - the blocks that hold columns: pages of one attribute, groups of rows of all that
 * are laid out as DOCUMENTS. The plain bytes of a page are one column (segment_image.h); those of a
 * group a column for each attribute that has a value in it, rising attribute ids. */
#include "format/column_check.h"
#include "format/column_image.h"
#include "format/segment_image.h"
#include "mola/base/check.h"

enum { COLUMN_HEAD_BYTES = 16 };

/* -- encoding ---------------------------------------------------------------------------------- */

static bool all_present(const mola_column *c)
{
    if (!c->present)
        return true;
    uint32_t r = 0;
    for (; r + 64 <= c->rows; r += 64) {
        if (~c->present[r / 64])
            return false;
    }
    uint32_t rest = c->rows - r;
    return rest == 0 || (~c->present[r / 64] & ((UINT64_C(1) << rest) - 1)) == 0;
}

void mola_segment_add_column(mola_buf *out, uint32_t attr, const mola_column *column)
{
    mola_column c = *column;
    if (all_present(&c))
        c.present = NULL;
    unsigned flags = c.present ? MOLA_COLUMN_PRESENT : 0;
    mola_column_layout l = mola_column_lay_out(c.type, flags, c.rows, 0);
    uint32_t first = mola_column_first(&c, &l);
    uint32_t elements = l.has_rows ? c.row_from[c.rows] - first : 0;
    l = mola_column_lay_out(c.type, flags, c.rows, elements);
    size_t head = out->len;
    mola_add_u32(out, attr);
    mola_add_u32(out, flags);
    mola_add_u32(out, elements);
    mola_add_u32(out, 0);
    mola_column_add_plain(out, &c, NULL, &l);
    if (l.vectors) {
        mola_buf_pad(out, 8);
        mola_buf_add(out, mola_column_vector(&c, first), l.vectors);
    }
    if (out->failed)
        return;
    size_t bytes = out->len - head - COLUMN_HEAD_BYTES;
    out->failed = bytes > UINT32_MAX;
    uint32_t stored = (uint32_t)bytes;
    memcpy(out->data + head + 12, &stored, sizeof stored);
    mola_buf_pad(out, 8);
}

bool mola_zone_has(mola_type type)
{
    if (type.form == MOLA_FORM_ARRAY)
        return type.elem != MOLA_ELEM_UNKNOWN;
    return mola_type_can_order(type);
}

static void widen_by(mola_zone *zone, const mola_column *c, uint32_t first, uint32_t until)
{
    if (first == until)
        return;
    uint64_t least = zone->any_value ? zone->least : UINT64_MAX, most = zone->most;
    for (uint32_t e = first; e < until; e++) {
        uint64_t key = mola_sort_key(c, e);
        least = key < least ? key : least;
        most = key > most ? key : most;
    }
    *zone = (mola_zone){least, most, true, zone->any_null};
}

void mola_zone_widen(mola_zone *zone, const mola_column *c)
{
    MOLA_ASSERT(mola_zone_has(c->type));
    if (!all_present(c))
        zone->any_null = true;
    if (c->type.form == MOLA_FORM_ARRAY) { /* absent rows have no element */
        widen_by(zone, c, c->row_from[0], c->row_from[c->rows]);
    } else if (all_present(c)) {
        widen_by(zone, c, 0, c->rows);
    } else {
        for (uint32_t r = 0; r < c->rows; r++) {
            if (mola_column_has(c, r))
                widen_by(zone, c, r, r + 1);
        }
    }
}

/* -- decoding ---------------------------------------------------------------------------------- */

/* Plain bytes that columns may point into. */
static mola_err read_aligned(mola_str block, const mola_block_place *place, mola_arena *arena,
                             mola_str *plain)
{
    mola_err err = mola_block_read(block, place, arena, plain);
    if (err || (uintptr_t)plain->data % MOLA_PAGE_ALIGN == 0)
        return err;
    char *copy = mola_arena_alloc(arena, plain->len, 1, 64);
    if (!copy)
        return MOLA_NO_MEMORY;
    memcpy(copy, plain->data, plain->len);
    plain->data = copy;
    return MOLA_OK;
}

static mola_err view(mola_str bytes, const mola_column_layout *l, uint32_t flags, mola_arena *arena,
                     mola_column *c)
{
    uint64_t plain_bytes = l->vectors ? l->data : bytes.len;
    uint32_t *row_from = NULL, *byte_from = NULL;
    if (l->has_rows) {
        row_from = mola_new(arena, uint32_t, (size_t)c->rows + 1);
        if (!row_from)
            return MOLA_NO_MEMORY;
    }
    if (l->has_bytes) {
        byte_from = mola_new(arena, uint32_t, l->elements + 1);
        if (!byte_from)
            return MOLA_NO_MEMORY;
    }
    if (!mola_column_view(bytes.data, plain_bytes, l, flags, row_from, byte_from, c, NULL))
        return MOLA_CORRUPT;
    if (l->vectors)
        c->data = (const uint8_t *)bytes.data + l->data;
    return MOLA_OK;
}

/* The column of `attr` that the cursor stands at, all of it checked. */
static mola_err take_column(mola_cursor *c, const mola_segment_attr *attr, uint32_t rows,
                            mola_arena *arena, mola_column *out)
{
    uint32_t id = mola_take_u32(c), flags = mola_take_u32(c), elements = mola_take_u32(c);
    mola_str bytes = mola_take(c, mola_take_u32(c));
    bool padded = mola_take_zeros(c, (8 - bytes.len % 8) % 8);
    if (c->bad || !padded || id != attr->attr || (flags & ~(uint32_t)MOLA_COLUMN_PRESENT))
        return MOLA_CORRUPT;
    mola_column_layout l = mola_column_lay_out(attr->type, flags, rows, elements);
    if (l.vectors > bytes.len || (l.vectors && bytes.len - l.vectors != l.data) ||
        !mola_column_sizes_ok(&l, attr->type, elements, bytes.len - l.vectors))
        return MOLA_CORRUPT;
    mola_column column = {.type = attr->type, .rows = rows};
    mola_err err = view(bytes, &l, flags, arena, &column);
    if (err)
        return err;
    bool good = id == MOLA_ATTR_ID ? mola_ids_ok(&column) : mola_column_ok(&column);
    if (!good)
        return MOLA_CORRUPT;
    *out = column;
    return MOLA_OK;
}

mola_err mola_segment_page_decode(const mola_segment_head *head, const mola_segment_attr *attr,
                                  uint32_t page, mola_str bytes, mola_arena *arena,
                                  mola_column *out)
{
    MOLA_ASSERT(attr->layout == MOLA_AS_PAGES && page < attr->page_count);
    mola_str plain;
    mola_block_place place = mola_segment_place(&head->id, MOLA_KIND_PAGE, attr->attr, page);
    mola_err err = read_aligned(bytes, &place, arena, &plain);
    if (err)
        return err;
    mola_cursor c = {.rest = plain};
    err = take_column(&c, attr, mola_segment_page_rows(head, attr, page), arena, out);
    return err || c.rest.len == 0 ? err : MOLA_CORRUPT;
}

uint32_t mola_segment_document_attrs(const mola_segment_head *head)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < head->attr_count; i++)
        count += head->attrs[i].layout == MOLA_AS_DOCUMENTS;
    return count;
}

mola_err mola_segment_group_decode(const mola_segment_head *head, uint32_t group, mola_str bytes,
                                   mola_arena *arena, mola_column *out)
{
    mola_str plain;
    mola_block_place place = mola_segment_place(&head->id, MOLA_KIND_GROUP, 0, group);
    mola_err err = read_aligned(bytes, &place, arena, &plain);
    if (err)
        return err;
    mola_cursor c = {.rest = plain};
    for (uint32_t i = 0; i < head->attr_count; i++) {
        const mola_segment_attr *attr = &head->attrs[i];
        if (attr->layout != MOLA_AS_DOCUMENTS)
            continue;
        MOLA_ASSERT(group < attr->page_count);
        *out = (mola_column){.type = attr->type};
        if (c.rest.len >= 4 && mola_load_u32(c.rest.data) == attr->attr)
            err = take_column(&c, attr, mola_segment_page_rows(head, attr, group), arena, out);
        if (err)
            return err;
        out++;
    }
    return c.rest.len == 0 ? MOLA_OK : MOLA_CORRUPT;
}
