/* segment_image.h - what the files that write and read segments share. */
#pragma once
#include "format/image.h"
#include "mola/format/segment.h"

/* Kinds of blocks, part of their place. Blocks of the index and of the Bloom filter have column 0.
 */
enum {
    MOLA_KIND_PAGE = 'K',   /* block: the page of its attribute */
    MOLA_KIND_VECTOR = 'V', /* a record; block: the row */
    MOLA_KIND_GROUP = 'D',  /* column 0; block: the group */
    MOLA_KIND_INDEX = 'I',  /* block: the hash page */
    MOLA_KIND_BLOOM = 'B',
};
enum {
    MOLA_SECTION_ALIGN = 4096,
    MOLA_PAGE_ALIGN = 8,               /* of blocks in a section of pages or groups */
    MOLA_PAGE_PLAIN_BYTES = 128 << 10, /* a page is cut at the next 64 rows */
    MOLA_GROUP_PLAIN_BYTES = 32 << 10, /* a group is cut behind the row that reaches it */
    MOLA_BLOOM_BLOCK_WORDS = 32 << 10, /* all but the last */
    MOLA_INDEX_PLAIN_BYTES =
        MOLA_INDEX_PAGE_BYTES - MOLA_BLOCK_HEAD_BYTES - MOLA_BLOCK_TRAILER_BYTES,
};

static inline mola_block_place mola_segment_place(const mola_segment_id *id, char kind,
                                                  uint32_t column, uint32_t block)
{
    mola_block_place place = {.base = id->base,
                              .rand = id->rand,
                              .column = column,
                              .block = block,
                              .kind = (uint8_t)kind};
    memcpy(place.nsid, id->owner, sizeof place.nsid);
    return place;
}

/* The plain bytes of a block that is never packed; no memory is taken. */
mola_err mola_segment_block_raw(mola_str block, const mola_block_place *place,
                                mola_str *plain) MOLA_NODISCARD;

static inline uint32_t mola_segment_windows(uint32_t rows)
{
    return (rows + MOLA_SEGMENT_WINDOW - 1) / MOLA_SEGMENT_WINDOW;
}

/* ---- segment_page.c: a column inside the plain bytes of a block
 *
 *      0  u32 attribute id   4  u32 flags: 1 present   8  u32 elements (ARRAY, MULTI, SPARSE; else
 * 0) 12  u32 bytes of the column   16  the column (column_image.h); MULTI: zeros up to a multiple
 * of 8 and the vectors; all of it padded with zeros to a multiple of 8 */
void mola_segment_add_column(mola_buf *out, uint32_t attr, const mola_column *c);
bool mola_zone_has(mola_type type); /* do columns of this type have zones? */
/* Widens the zone by all rows of `c`. */
void mola_zone_widen(mola_zone *zone, const mola_column *c);

/* ---- segment_head.c */
bool mola_segment_id_type_ok(mola_type type);
void mola_segment_head_encode(mola_buf *out, const mola_segment_head *head);

/* ---- segment_ids.c, bloom.c */
uint32_t mola_index_page_of(uint64_t rand, uint32_t page_count, uint64_t hash);
uint32_t mola_bloom_words_for(uint32_t keys);
void mola_bloom_add(uint64_t *words, uint32_t word_count, uint64_t hash);
