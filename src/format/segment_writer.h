/* segment_writer.h - the state of a writer, for its files and for tests. */
#pragma once
#include "format/segment_output.h"

typedef struct {
    uint32_t attr;
    mola_type type;
    mola_segment_layout layout;
    bool any_value;
    uint32_t given;   /* rows that were added */
    uint32_t done;    /* and are not put off: leading rows without a value wait for the first that
                         has one, so that nothing is written for an attribute without any */
    uint32_t present; /* VECTORS: rows that have one */
    mola_buf pages, zones, bits; /* mola_segment_page, mola_zone; VECTORS: presence */
} mola_writer_attr;

struct mola_segment_writer {
    mola_heap *heap;
    mola_segment_id id;
    uint32_t rows;
    mola_segment_output output;
    mola_err err; /* the first error: nothing is done after it */
    mola_buf plain;
    mola_column_builder ids;  /* of all rows */
    mola_column_builder page; /* rows of attrs[current] that are not written yet */
    uint32_t current;
    uint64_t logical_bytes;
    /* documents: the group that is being filled */
    uint32_t document_count, group_given, group_done;
    bool any_document;
    uint64_t group_bytes;
    mola_buf groups;
    mola_column_builder *group; /* [document_count] */
    uint32_t attr_count;        /* the ids included */
    mola_writer_attr attrs[];
};

/* Closes objects at this size instead of MOLA_SEGMENT_OBJECT_BYTES; before anything is added. */
void mola_segment_writer_set_object_bytes(mola_segment_writer *writer, size_t bytes);

/* ---- segment_columns.c: rows into blocks and records */

/* Rows [first, first + rows) of `run` (NULL: absent ones) to an attribute that is written so. */
mola_err mola_writer_add_pages(mola_segment_writer *w, mola_writer_attr *a, const mola_column *run,
                               uint32_t first, uint32_t rows) MOLA_NODISCARD;
mola_err mola_writer_add_vectors(mola_segment_writer *w, mola_writer_attr *a,
                                 const mola_column *run, uint32_t rows) MOLA_NODISCARD;
mola_err mola_writer_add_group_rows(mola_segment_writer *w, const mola_column *const *runs,
                                    uint32_t rows) MOLA_NODISCARD;
/* One page, whose first row is a->done. */
mola_err mola_writer_put_page(mola_segment_writer *w, mola_writer_attr *a,
                              const mola_column *c) MOLA_NODISCARD;
