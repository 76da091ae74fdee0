/* segment.h - an immutable piece of a namespace: the rows that a run of log entries left behind, in
 * columns. Storage design 1.5, 1.6, 5.1.
 *
 *   keys       d/{owner}/s/{base16}.{rand16}/h.00000000   the head: where everything stands
 *              d/{owner}/s/{base16}.{rand16}/o.{n8}       data objects, n from 0
 *   written by index/ through the writer below             read by namespace/, index/fsck
 *
 * A segment is known by its owner, base and rand; all of its bytes are bound to that place. Its
 * columns are keyed by the stable attribute id: a dropped and re-added name is another column. It
 * has no opinion on which rows are live: delete vectors say that (delete_vector.h).
 *
 * How an attribute is laid out depends on its definition when the segment was written:
 *   PAGES      blocks of 4,096 rows (a window) with a zone map each; wide values make more, smaller
 *              ones of a multiple of 64 rows. A page never crosses a window. Ids, everything that
 *              can be filtered by, multi-vectors, sparse vectors.
 *   VECTORS    one record a row: dims * width bytes and 16 of trailer, each verifying itself
 *   DOCUMENTS  the rest, that is only returned: groups of rows of about 32 KiB, all such attributes
 *              of a row in one block
 *
 * Every section begins on a multiple of 4,096 bytes of its object, pages and groups within one on
 * multiples of 8; what is read in place of `bytes` below is best aligned as it is in its object,
 * else it is copied. The byte maps are in segment_head.c, segment_image.h, segment_page.c,
 * segment_records.c, segment_ids.c and bloom.c. Decoding checks every byte: MOLA_CORRUPT for what
 * is not as mapped; MOLA_INVALID with words when a newer reader is needed; MOLA_NO_MEMORY. */
#pragma once
#include "mola/codec/block.h"
#include "mola/model/sort_key.h"
#include "mola/model/state.h"

enum {
    MOLA_SEGMENT_FMT = 1,
    MOLA_SEGMENT_WINDOW = 4096, /* rows; the same as a window of a part */
    MOLA_SEGMENT_ROWS_MAX = 1 << 24,
    MOLA_SEGMENT_OBJECT_BYTES = 32 << 20, /* a data object is closed once it has so many */
    MOLA_INDEX_PAGE_BYTES = 4096,
};

typedef struct {
    uint8_t owner[16]; /* nsid under which its objects lie */
    uint64_t base, rand;
} mola_segment_id;

typedef struct { /* bytes of one data object */
    uint32_t object;
    uint32_t offset, bytes;
} mola_extent;

/* What the values of a window lie between, as sort keys (model/sort_key.h); for arrays: the
 * elements, and any_value says that there is one. Equal keys of strings and uuids may be different
 * values. */
typedef struct {
    uint64_t least, most; /* when any_value */
    bool any_value, any_null;
} mola_zone;

typedef struct { /* rows [row_first, row_first of the next one) */
    uint32_t row_first;
    mola_extent at; /* PAGES, DOCUMENTS: one block. VECTORS: a run of records */
} mola_segment_page;

typedef enum { MOLA_AS_PAGES, MOLA_AS_VECTORS, MOLA_AS_DOCUMENTS } mola_segment_layout;
typedef struct {
    uint32_t attr;
    mola_type type;
    mola_segment_layout layout;
    uint32_t page_count;
    const mola_segment_page *pages; /* rising; of DOCUMENTS the groups, the same for all of them */
    const mola_zone *zones;         /* one a window; NULL: none (VECTORS, DOCUMENTS, other types) */
    const uint64_t *present;        /* VECTORS: rows that have one; NULL: all */
    bool any_value; /* true: an attribute without any value is not in the head at all */
} mola_segment_attr;

typedef struct {
    uint64_t bytes;
    uint8_t sum[16]; /* xxh3-128 of the whole object, for fsck */
} mola_segment_object;

typedef struct {
    mola_segment_id id;
    uint32_t rows; /* >= 1: a segment without rows has no objects */
    uint32_t attr_count;
    const mola_segment_attr
        *attrs; /* rising attribute ids; attrs[0] are the ids of the documents */
    uint32_t object_count;
    const mola_segment_object *objects;
    uint32_t index_page_count; /* hash pages id -> row, each MOLA_INDEX_PAGE_BYTES, addressed by the
                                  hash of an id */
    uint32_t index_run_count;
    const mola_segment_page *index_runs; /* row_first: the first page of the run */
    uint32_t bloom_words;                /* u64; a multiple of 8 */
    uint32_t bloom_block_count;
    const mola_extent *bloom_blocks;
    uint64_t logical_bytes; /* of the rows, as reference 11 counts */
} mola_segment_head;

/* ---- reading. All pure; what is decoded lives in the arena and may borrow from `bytes`. */

mola_err mola_segment_head_decode(mola_str image, const mola_segment_id *id, mola_arena *arena,
                                  mola_segment_head *out, mola_why *why) MOLA_NODISCARD;
/* NULL: the segment has no such attribute (no row had a value for it, or it was not there yet). */
const mola_segment_attr *mola_segment_find(const mola_segment_head *head, uint32_t attr);
/* The page (PAGES), group (DOCUMENTS) or run (VECTORS) that holds `row`. */
uint32_t mola_segment_page_of(const mola_segment_attr *attr, uint32_t row);
uint32_t mola_segment_page_rows(const mola_segment_head *head, const mola_segment_attr *attr,
                                uint32_t page);

/* `bytes`: the block of page `page`. The column has the rows of the page. */
mola_err mola_segment_page_decode(const mola_segment_head *head, const mola_segment_attr *attr,
                                  uint32_t page, mola_str bytes, mola_arena *arena,
                                  mola_column *out) MOLA_NODISCARD;
/* `bytes`: the block of group `group`. `out` gets one column for each DOCUMENTS attribute of the
 * head, in their order; rows 0 of them: no row of the group has a value. */
uint32_t mola_segment_document_attrs(const mola_segment_head *head);
mola_err mola_segment_group_decode(const mola_segment_head *head, uint32_t group, mola_str bytes,
                                   mola_arena *arena, mola_column *out) MOLA_NODISCARD;

/* Bytes of one record: dims * width + 16. */
size_t mola_segment_record_bytes(const mola_segment_attr *attr);
/* Where the records of rows [row, row + *rows) stand; *rows is cut at the end of the run. */
mola_extent mola_segment_records_at(const mola_segment_attr *attr, uint32_t row, uint32_t *rows);
/* Verifies `rows` records, which `bytes` is exactly, and writes the vectors to `out` one behind the
 * other: absent rows are zero. `out` has rows * dims * width bytes. */
mola_err mola_segment_records_decode(const mola_segment_head *head, const mola_segment_attr *attr,
                                     uint32_t row, uint32_t rows, mola_str bytes,
                                     void *out) MOLA_NODISCARD;

/* The hash page that would hold an id; `hash` is mola_value_hash(id). */
uint32_t mola_segment_index_page(const mola_segment_head *head, uint64_t hash);
mola_extent mola_segment_index_at(const mola_segment_head *head, uint32_t page);
/* Whether the bytes are that page, undamaged. */
mola_err mola_segment_index_check(const mola_segment_head *head, uint32_t page,
                                  mola_str bytes) MOLA_NODISCARD;
/* Looks in the bytes of that page. *found false: the segment does not hold the id. MOLA_CORRUPT
 * also when the ids of the segment are of another type. */
mola_err mola_segment_index_find(const mola_segment_head *head, uint32_t page, mola_str bytes,
                                 const mola_value *id, bool *found, uint32_t *row) MOLA_NODISCARD;
/* The same in two steps, where many ids are looked for on one page: its bytes are verified once.
 * What is opened borrows from them. */
typedef struct {
    mola_str entries;
    uint32_t count;
} mola_index_page;
mola_err mola_segment_index_open(const mola_segment_head *head, uint32_t page, mola_str bytes,
                                 mola_index_page *out) MOLA_NODISCARD;
mola_err mola_index_page_find(const mola_segment_head *head, const mola_index_page *page,
                              const mola_value *id, bool *found, uint32_t *row) MOLA_NODISCARD;
/* Block `block` of the Bloom filter, decoded to where its words belong in `words` (bloom_words). */
mola_err mola_segment_bloom_decode(const mola_segment_head *head, uint32_t block, mola_str bytes,
                                   uint64_t *words) MOLA_NODISCARD;
bool mola_bloom_may_have(const uint64_t *words, uint32_t word_count, uint64_t hash);

/* ---- writing. Memory: one data object, the ids of all rows, and what the head needs. */

mola_segment_layout mola_segment_layout_of(const mola_attr *attr);

/* Takes finished objects: kind 'o' with number 0, 1, ..., at last kind 'h' with number 0. `bytes`
 * are valid during the call only. An error ends the writing with it. */
typedef struct mola_segment_sink mola_segment_sink;
struct mola_segment_sink {
    mola_err (*put)(mola_segment_sink *sink, char kind, uint32_t number, mola_str bytes);
};

typedef struct {
    uint64_t head_bytes, data_bytes; /* of the head object; of all data objects */
    uint32_t object_count;
    uint64_t logical_bytes;
} mola_segment_made;

typedef struct mola_segment_writer mola_segment_writer;
/* `attrs`: what columns there may be, rising ids (without the document id). rows >= 1. */
mola_err mola_segment_writer_open(mola_heap *heap, const mola_segment_id *id, uint32_t rows,
                                  mola_type id_type, const mola_attr *const *attrs,
                                  uint32_t attr_count, mola_segment_sink *sink,
                                  mola_segment_writer **out) MOLA_NODISCARD;
/* First the ids, which are distinct, then attribute after attribute in the order given, those laid
 * out as DOCUMENTS left out: each gets all `rows` rows in runs of any length. `run` NULL: `rows`
 * absent rows. */
mola_err mola_segment_add_ids(mola_segment_writer *writer, const mola_column *run) MOLA_NODISCARD;
mola_err mola_segment_add(mola_segment_writer *writer, uint32_t attr_index, const mola_column *run,
                          uint32_t rows) MOLA_NODISCARD;
/* Then the documents, all their attributes side by side: `runs[i]` is the run of the i-th
 * DOCUMENTS attribute, NULL: absent in these rows. */
mola_err mola_segment_add_documents(mola_segment_writer *writer, const mola_column *const *runs,
                                    uint32_t rows) MOLA_NODISCARD;
/* Writes the index of ids, the Bloom filter, the last data object and the head. The same rows make
 * the same bytes, however they were cut into runs. MOLA_INVALID: more ids of one hash than a page
 * of the index holds, at least 58; chance does not make them. */
mola_err mola_segment_finish(mola_segment_writer *writer, mola_segment_made *out) MOLA_NODISCARD;
void mola_segment_writer_free(mola_segment_writer *writer); /* NULL: nothing to do */
