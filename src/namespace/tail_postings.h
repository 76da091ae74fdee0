/* tail_postings.h - postings of texts in memory (format/postings.h), a page for each window.
 *
 * A part in memory has texts; what a text search reads is made of them when it is fetched first, so
 * writes of what nobody searches pay nothing. From then on it is a page like those of segments:
 * pinned by requests, dropped when its memory is wanted, shared by all views that have the part,
 * and gone with the part. Pages of other analyses of the same texts stand beside each other, as the
 * id of the column says how it was made.
 *
 * A page without a column says that there was no room: the request reads the texts. Private to
 * namespace/. Threads: any; a window is made by one of them while the others wait or make others.
 */
#pragma once
#include "namespace/part.h"

/* About what the postings of the windows of a need take; 0: it is about something else. */
uint64_t mola_tail_postings_bytes(const mola_view *view, const mola_need *need);
/* Makes and pins what the needs want of parts in memory. MOLA_NO_MEMORY; MOLA_UNAVAILABLE with
 * words: the deadline is over. What was pinned before an error stays so. */
mola_err mola_tail_postings_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                                  size_t count) MOLA_NODISCARD;

/* Of a window that is pinned: there are some. */
bool mola_tail_postings_made(const mola_part *part, uint32_t column, uint32_t window);
/* The column of a pinned window, as mola_part_column. */
bool mola_tail_postings(const mola_part *part, uint32_t column, uint32_t window, mola_column *out);

void mola_tail_texts_free(mola_part *part); /* nothing of it is pinned any more */
