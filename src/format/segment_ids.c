/* segment_ids.c - from an id to its row: hash pages of exactly 4,096 bytes, blocks that are never
 * packed. Which page an id is on follows from its hash and from the `rand` of the segment: nobody
 * can choose ids that crowd one page of a segment that is still to be made. The plain bytes of a
 * page:
 *
 *      0  u32 count   4  u32 0
 *      8  UINT:    count x u64 id, count x u32 row
 *         UUID:    count x u8[16] id, count x u32 row
 *         STRING:  count x u32 row, count x u8 bytes, then the ids one behind the other
 *         zeros up to 4,072 bytes */
#include "format/segment_image.h"
#include "mola/base/check.h"
#include "mola/format/segment.h"

enum { PAGE_HEAD_BYTES = 8, ROOM = MOLA_INDEX_PLAIN_BYTES - PAGE_HEAD_BYTES };

mola_err mola_segment_block_raw(mola_str block, const mola_block_place *place, mola_str *plain)
{
    if (block.len < MOLA_BLOCK_HEAD_BYTES || block.data[4] != MOLA_BLOCK_RAW)
        return MOLA_CORRUPT;
    return mola_block_read(block, place, NULL, plain);
}

uint32_t mola_index_page_of(uint64_t rand, uint32_t page_count, uint64_t hash)
{
    uint64_t v = (hash ^ rand) * 0xff51afd7ed558ccdU;
    v = (v ^ v >> 33) * 0xc4ceb9fe1a85ec53U;
    return (uint32_t)((v >> 32) * page_count >> 32);
}

uint32_t mola_segment_index_page(const mola_segment_head *head, uint64_t hash)
{
    return mola_index_page_of(head->id.rand, head->index_page_count, hash);
}

mola_extent mola_segment_index_at(const mola_segment_head *head, uint32_t page)
{
    MOLA_ASSERT(page < head->index_page_count);
    uint32_t run = head->index_run_count - 1;
    while (head->index_runs[run].row_first > page)
        run--;
    const mola_segment_page *at = &head->index_runs[run];
    return (mola_extent){.object = at->at.object,
                         .offset = at->at.offset + (page - at->row_first) * MOLA_INDEX_PAGE_BYTES,
                         .bytes = MOLA_INDEX_PAGE_BYTES};
}

/* Entry of the id; `count` when it is not there. */
static uint32_t find_fixed(const char *ids, uint32_t count, size_t width, const void *id)
{
    uint32_t at = 0;
    while (at < count && memcmp(ids + at * width, id, width) != 0)
        at++;
    return at;
}

static uint32_t find_u64(const char *ids, uint32_t count, uint64_t id)
{
    uint32_t at = 0;
    while (at < count && mola_load_u64(ids + (size_t)at * 8) != id)
        at++;
    return at;
}

/* Goes over all entries, whose lengths `page` must hold. *used: bytes of the page that they take.
 */
static bool find_text(mola_str page, uint32_t count, mola_str id, uint32_t *found, size_t *used)
{
    const uint8_t *lengths = (const uint8_t *)page.data + (size_t)count * 4;
    size_t at = (size_t)count * 5;
    *found = count;
    for (uint32_t i = 0; i < count; i++) {
        if (lengths[i] > MOLA_ID_BYTES_MAX || lengths[i] > page.len - at)
            return false;
        if (*found == count && mola_str_eq(id, (mola_str){page.data + at, lengths[i]}))
            *found = i;
        at += lengths[i];
    }
    *used = at;
    return true;
}

static bool find_on_page(mola_str page, uint32_t count, const mola_value *id, bool *found,
                         uint32_t *row)
{
    uint32_t at;
    size_t width = mola_elem_width(id->elem), used = count * (4 + (width ? width : 1));
    if (count > ROOM || used > page.len)
        return false;
    const char *rows = page.data + count * width;
    if (width == 8) {
        at = find_u64(page.data, count, id->u);
    } else if (width) {
        at = find_fixed(page.data, count, width, id->uuid);
    } else if (!find_text(page, count, id->s, &at, &used)) {
        return false;
    }
    *found = at < count;
    if (*found)
        *row = mola_load_u32(rows + (size_t)at * 4);
    return mola_is_zero(page.data + used, page.len - used);
}

static mola_err open_page(const mola_segment_head *head, uint32_t page, mola_str bytes,
                          mola_str *plain)
{
    MOLA_ASSERT(page < head->index_page_count);
    mola_block_place place = mola_segment_place(&head->id, MOLA_KIND_INDEX, 0, page);
    mola_err err = mola_segment_block_raw(bytes, &place, plain);
    if (err)
        return err;
    if (plain->len != MOLA_INDEX_PLAIN_BYTES || mola_load_u32(plain->data + 4) != 0)
        return MOLA_CORRUPT;
    return MOLA_OK;
}

mola_err mola_segment_index_check(const mola_segment_head *head, uint32_t page, mola_str bytes)
{
    mola_str plain;
    return open_page(head, page, bytes, &plain);
}

mola_err mola_segment_index_open(const mola_segment_head *head, uint32_t page, mola_str bytes,
                                 mola_index_page *out)
{
    mola_str plain;
    mola_err err = open_page(head, page, bytes, &plain);
    if (!err) {
        *out = (mola_index_page){.entries = mola_str_from(plain, PAGE_HEAD_BYTES),
                                 .count = mola_load_u32(plain.data)};
    }
    return err;
}

mola_err mola_index_page_find(const mola_segment_head *head, const mola_index_page *page,
                              const mola_value *id, bool *found, uint32_t *row)
{
    uint32_t at = 0;
    if (id->elem != head->attrs[0].type.elem) /* it was asked for what its namespace has */
        return MOLA_CORRUPT;
    if (!find_on_page(page->entries, page->count, id, found, &at))
        return MOLA_CORRUPT;
    if (*found)
        *row = at;
    return *found && at >= head->rows ? MOLA_CORRUPT : MOLA_OK;
}

mola_err mola_segment_index_find(const mola_segment_head *head, uint32_t page, mola_str bytes,
                                 const mola_value *id, bool *found, uint32_t *row)
{
    mola_index_page open;
    mola_err err = mola_segment_index_open(head, page, bytes, &open);
    return err ? err : mola_index_page_find(head, &open, id, found, row);
}
