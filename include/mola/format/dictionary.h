/* dictionary.h - which windows of a segment have a term, how many rows of each, and what the best
 * of them could score: what a text search asks before it reads postings.
 *
 * A dictionary stands in a segment as a column of its own beside that of the postings (SCALAR
 * BYTES, laid out as PAGES), in as many shards as the segment has windows: the cell of the first
 * row of window s holds shard s, with the terms whose hash says so (mola_dictionary_shard). So a
 * term is one page away, whatever the size of the segment. Segments of one window have none, and
 * neither have those whose dictionary would take too much memory to build: then the postings are
 * asked.
 *
 *      0  u32 magic "TDC1"   4  12 bytes: the attribute and its analysis, as in postings.h
 *     16  u32 shard   20  u32 windows   24  f32 k1   28  f32 b   32  f64 average
 *     40  u64 tokens of all rows of the segment   48  u32 rows with a token   52  u32 slots, a
 *         power of two   56  u64 zero
 *     64  slots x u32: 1 + where the entry of a term begins, 0: none. A term stands in the first
 *         slot from its hash on that nobody had taken
 *         the entries: varint length of the term, the term, varint length of the list, the list
 * A list has for each window that has the term, rising: varint window - (window before + 1), varint
 * how many rows have it (>= 1), u8 impact, varint number of the term in the (first) postings of the
 * window that have it. No row of the window has times / (times + norm) above impact / 255, with
 * norm = k1 * (1 - b + b * tokens of the row / average).
 *
 * What is inside lists is checked as it is read: a damaged one ends early. */
#pragma once
#include "mola/format/postings.h"

/* Columns of postings do not have this bit of their id, their dictionaries do. */
#define MOLA_ATTR_DICTIONARY UINT32_C(0x40000000)
static inline uint32_t mola_dictionary_attr(uint32_t postings_attr)
{
    return postings_attr | MOLA_ATTR_DICTIONARY;
}
/* Which of the shards has a term. */
uint32_t mola_dictionary_shard(mola_str term, uint32_t windows);

/* ---- reading. Borrows from the image. */

typedef struct {
    uint32_t windows, documents;
    uint64_t tokens;
    float k1, b;
    double average;
    uint32_t slot_count;
    const char *slots;
    mola_str entries;
} mola_dictionary;
/* MOLA_CORRUPT: not this shard of a segment of so many windows, attribute and analysis. */
mola_err mola_dictionary_open(mola_str image, uint32_t shard, uint32_t windows, uint32_t attr,
                              const mola_analysis *analysis, mola_dictionary *out) MOLA_NODISCARD;
/* The list of a term that belongs into the shard; empty: no row has it. */
mola_str mola_dictionary_find(const mola_dictionary *d, mola_str term);

typedef struct {
    const uint8_t *at, *end;
    uint32_t windows, next_window;
    uint32_t window, rows; /* the one at hand */
    uint8_t impact;
    uint32_t term; /* a hint for mola_postings_find_at */
} mola_dictionary_walk;
void mola_dictionary_walk_begin(mola_str list, uint32_t windows, mola_dictionary_walk *walk);
bool mola_dictionary_next(mola_dictionary_walk *walk);

/* ---- writing */

typedef struct mola_dictionary_builder mola_dictionary_builder;
/* With more than about bytes_max it is full, and so it is when there is no memory: it gives up what
 * it has. A window of a term takes 12 bytes, a term about 40. NULL: no memory. */
mola_dictionary_builder *mola_dictionary_builder_new(mola_heap *heap, uint32_t attr,
                                                     const mola_analysis *analysis, float k1,
                                                     float b, size_t bytes_max);
void mola_dictionary_builder_free(mola_dictionary_builder *d); /* NULL: nothing to do */
/* Postings of rows of a window; windows rise, one may come in several pieces. */
void mola_dictionary_add(mola_dictionary_builder *d, uint32_t window,
                         const mola_postings *postings);
bool mola_dictionary_is_full(const mola_dictionary_builder *d);
/* All has been added. Then a shard after the other; the same rows make the same bytes. */
mola_err mola_dictionary_arrange(mola_dictionary_builder *d, uint32_t windows) MOLA_NODISCARD;
mola_err mola_dictionary_print(mola_dictionary_builder *d, uint32_t shard,
                               mola_buf *out) MOLA_NODISCARD;
