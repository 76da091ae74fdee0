/* segment_output.h - the data objects of a segment that is being written: one buffer, given away
 * when it is full. */
#pragma once
#include "format/segment_image.h"

typedef struct {
    mola_segment_sink *sink;
    size_t object_bytes; /* an object is closed once it has so many */
    mola_buf bytes;      /* of the object that is open */
    bool begun;          /* the section has bytes in it already */
    uint32_t number;     /* of the open object */
    mola_buf objects;    /* mola_segment_object each, of those closed */
    uint64_t data_bytes;
} mola_segment_output;

void mola_output_init(mola_segment_output *o, mola_heap *heap, mola_segment_sink *sink);
void mola_output_free(mola_segment_output *o);
/* What comes next is another section. */
static inline void mola_output_section(mola_segment_output *o)
{
    o->begun = false;
}
/* Where the next piece stands: on a multiple of `align`, or where a section may begin. The caller
 * then appends it to o->bytes and calls mola_output_end. */
mola_err mola_output_begin(mola_segment_output *o, size_t align, mola_extent *at) MOLA_NODISCARD;
mola_err mola_output_end(mola_segment_output *o, mola_extent *at) MOLA_NODISCARD;
/* Gives the open object away, if it has any bytes. */
mola_err mola_output_close(mola_segment_output *o) MOLA_NODISCARD;

/* `places` are mola_segment_page each: adds one; the second lengthens the last when the piece
 * follows it in the same object, as for units of one size. */
void mola_places_add(mola_buf *places, uint32_t first, mola_extent at);
void mola_places_lengthen(mola_buf *places, uint32_t first, mola_extent at);

/* segment_index.c: hash pages and Bloom filter of all ids. MOLA_INVALID: so many ids have one hash
 * that they do not fit into a page. `runs` get places of pages, `blocks` are mola_extent each. */
typedef struct {
    mola_buf runs, blocks;
    uint32_t page_count, bloom_words;
} mola_index_places;
mola_err mola_index_write(mola_segment_output *o, const mola_segment_id *id, const mola_column *ids,
                          mola_index_places *out) MOLA_NODISCARD;
