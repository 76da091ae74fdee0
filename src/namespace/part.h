/* part.h - rows of the log in memory: columns, ids, and the way from an id to its row. Or a
 * segment: then `segment` is set, its rows stand in the store (segment.h), and the rest means
 * nothing.
 *
 * A part is immutable. Its columns stand either in the image of the log entry they came with
 * (nothing is copied) or in builders (rows that were patched or merged). Which rows are live is not
 * the part's business but the view's: see live.h.
 *
 * Ownership: counted; all memory from the heap it was made with. Threads: any number of readers. */
#pragma once
#include "mola/format/entry.h"
#include "mola/namespace/view.h"

/* The image of an entry or payload and what was decoded from it. Zeroed: none. */
typedef struct {
    mola_heap *heap;
    void *block; /* as taken from the heap; `bytes` is 64-byte aligned in it */
    size_t block_size;
    mola_str bytes;
    mola_entry_memory *memory;
} mola_image;

/* A copy of `bytes` on the heap. MOLA_NO_MEMORY. */
mola_err mola_image_copy(mola_heap *heap, mola_str bytes, mola_image *out) MOLA_NODISCARD;
void mola_image_free(mola_image *image);

typedef struct {
    uint32_t attr;
    mola_column column;
} mola_part_attr;

struct mola_part {
    mola_ref ref;
    mola_heap *heap;
    size_t size; /* of this block, which holds attrs and builders too */
    uint32_t rows;
    struct mola_segment *segment;  /* NULL: rows in memory, as follows */
    struct mola_namespaces *home;  /* has the pages of postings; NULL: there are none */
    struct mola_tail_texts *texts; /* their slots (tail_postings.h); the lock of the pages */
    mola_column ids;
    uint32_t attr_count;
    mola_part_attr *attrs; /* rising attribute ids */
    uint64_t *slots; /* open addressing: hash of the id in the high half, row + 1 in the low one; 0:
                        free */
    uint64_t slot_count; /* a power of two */
    mola_image image;
    uint32_t builder_count; /* attr_count + 1, the ids first; 0: the columns stand in the image */
    mola_column_builder *builders;
};

/* The rows of a decoded entry as they stand. `image` is what they stand in; it belongs to the part
 * when this succeeds. `live` says which rows can be found by their id; NULL: all. Ids of live rows
 * are distinct. */
mola_err mola_part_of_rows(mola_heap *heap, const mola_rows *rows, mola_image *image,
                           const uint64_t *live, mola_part **out) MOLA_NODISCARD;

/* Building column by column: begin, fill builders[0] (ids) and builders[1 + i] (attribute i of
 * `attrs`) with equally many rows, finish. `attrs` are rising. A part that was begun and not
 * finished is dropped by unref. */
mola_err mola_part_begin(mola_heap *heap, mola_type id_type, const mola_attr *const *attrs,
                         uint32_t attr_count, mola_part **out) MOLA_NODISCARD;
mola_err mola_part_finish(mola_part *part) MOLA_NODISCARD;
/* One cell of `from` (NULL: the part has no such column) into a builder, whose type may be younger
 * than the column's: a []unknown has become concrete. */
mola_err mola_part_add_cell(mola_column_builder *b, const mola_column *from,
                            uint32_t row) MOLA_NODISCARD;

/* Growing left up to half of the room of a builder empty: gives back what is much. */
void mola_part_trim(mola_column_builder *b);

void mola_part_ref(mola_part *part);
void mola_part_unref(mola_part *part);
size_t mola_part_bytes(const mola_part *part); /* of everything it owns */

/* Of a part in memory; NULL: it has no such column. */
const mola_column *mola_part_attr_column(const mola_part *part, uint32_t attr);
/* Some row may have a value of the attribute. */
bool mola_part_has_attr(const mola_part *part, uint32_t attr);
/* The row that held the document when the part was made. `hash` is mola_value_hash(id). */
bool mola_part_find(const mola_part *part, const mola_value *id, uint64_t hash, uint32_t *row);
