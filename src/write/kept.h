/* kept.h - the rows of a batch that take effect, as a batch of their own.
 *
 * Patches and deletes of documents that are not there do nothing; they stay out of the log. Copies:
 * the batch it was made from may go. */
#pragma once
#include "mola/model/rows.h"

typedef struct mola_write_kept mola_write_kept;
/* The `count` rows whose bits are set in `keep`. NULL: no memory. */
mola_write_kept *mola_write_kept_new(mola_heap *heap, const mola_rows *rows, const uint64_t *keep,
                                     uint32_t count);
void mola_write_kept_free(mola_write_kept *kept);
const mola_rows *mola_write_kept_rows(const mola_write_kept *kept);
