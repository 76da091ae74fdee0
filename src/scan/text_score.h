/* text_score.h - BM25 over windows. */
#pragma once
#include "scan/text_postings.h"

/* Whether a window is read so (mola_text_reads). */
bool mola_bm25_reads(const mola_bm25 *q, const mola_span *span, uint32_t attr);
uint32_t mola_bm25_postings_attr(const mola_bm25 *q);
/* Adds the scores of the asked rows of a window to `scores`, from its postings, and sets `matched`
 * where something matches. false: it has none, and nothing was done. That they are sound was seen
 * when the clause was bound. */
bool mola_bm25_score_window(const mola_bm25 *q, const mola_span *span, const uint64_t *asked,
                            double *scores, uint64_t *matched);
