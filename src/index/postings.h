/* postings.h - the columns of postings (format/postings.h) that a new segment gets: one for each
 * attribute with full-text search. */
#pragma once
#include "mola/format/postings.h"
#include "mola/format/segment.h"

/* The attributes of a state with their columns of postings behind them, in rising order, as a
 * segment writer wants them. In the arena. */
typedef struct {
    const mola_attr **attrs;
    uint32_t count, own_count; /* the first own_count are the state's */
    const mola_attr **texts;   /* of attrs[own_count + i]: the attribute it is made from */
} mola_written_attrs;
mola_err mola_written_attrs_of(const mola_state *state, mola_arena *arena,
                               mola_written_attrs *out) MOLA_NODISCARD;

/* Rows of a text attribute, in their order, into its column of postings. Memory: about three times
 * a value or a few megabytes of text. */
typedef struct mola_postings_feed mola_postings_feed;
/* `attr_index`: of the column, as the writer knows it. NULL: no memory. */
mola_postings_feed *mola_postings_feed_new(mola_heap *heap, const mola_attr *text,
                                           mola_segment_writer *writer, uint32_t attr_index);
void mola_postings_feed_free(mola_postings_feed *feed); /* NULL: nothing to do */
/* `run` NULL: absent rows. */
mola_err mola_postings_feed_rows(mola_postings_feed *feed, const mola_column *run,
                                 uint32_t rows) MOLA_NODISCARD;
mola_err mola_postings_feed_end(mola_postings_feed *feed) MOLA_NODISCARD;
