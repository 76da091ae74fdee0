/* postings.h - the columns of postings and of their dictionaries (format/postings.h, dictionary.h)
 * that a new segment gets: one of each for each attribute with full-text search. */
#pragma once
#include "mola/format/dictionary.h"
#include "mola/format/segment.h"

/* The attributes of a state, behind them their columns of postings, then those of the dictionaries,
 * all in rising order, as a segment writer wants them. In the arena. */
typedef struct {
    const mola_attr **attrs;
    uint32_t own_count; /* of the state; then there are so many columns of each kind: */
    uint32_t text_count;
    const mola_attr **texts; /* what the columns own_count + i and own_count + text_count + i are
                                made from */
} mola_written_attrs;
static inline uint32_t mola_written_count(const mola_written_attrs *attrs)
{
    return attrs->own_count + 2 * attrs->text_count;
}
mola_err mola_written_attrs_of(const mola_state *state, mola_arena *arena,
                               mola_written_attrs *out) MOLA_NODISCARD;

/* Rows of a text attribute, in their order, into its column of postings. Memory: about three times
 * a value or a few megabytes of text. */
typedef struct mola_postings_feed mola_postings_feed;
/* `attr_index`: of the column, as the writer knows it. `dictionary`: what the postings are told to
 * as well. NULL: no memory. */
mola_postings_feed *mola_postings_feed_new(mola_heap *heap, const mola_attr *text,
                                           mola_segment_writer *writer, uint32_t attr_index,
                                           mola_dictionary_builder *dictionary);
void mola_postings_feed_free(mola_postings_feed *feed); /* NULL: nothing to do */
/* `run` NULL: absent rows. */
mola_err mola_postings_feed_rows(mola_postings_feed *feed, const mola_column *run,
                                 uint32_t rows) MOLA_NODISCARD;
mola_err mola_postings_feed_end(mola_postings_feed *feed) MOLA_NODISCARD;

mola_dictionary_builder *mola_dictionary_of(mola_heap *heap, const mola_attr *text,
                                            size_t bytes_max); /* NULL: no memory */
/* Its column, for a segment of so many rows; without a value where there is to be none. */
mola_err mola_dictionary_write(mola_heap *heap, mola_dictionary_builder *dictionary, uint32_t rows,
                               mola_segment_writer *writer, uint32_t attr_index) MOLA_NODISCARD;
