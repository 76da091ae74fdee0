/* text_score.h - BM25 over windows. */
#pragma once
#include "scan/text_postings.h"

/* Whether a window is read so (mola_text_reads). */
bool mola_bm25_reads(const mola_bm25 *q, const mola_span *span, uint32_t attr);
uint32_t mola_bm25_postings_attr(const mola_bm25 *q);
/* Whether the postings of a window are sound, if it has them. */
mola_err mola_bm25_check(mola_ctx *ctx, const mola_bm25 *q, const mola_span *span) MOLA_NODISCARD;
/* No row of the window scores more; infinite: nothing is known, 0: no row has a term. */
double mola_bm25_bound(const mola_bm25 *q, const mola_view *view, uint32_t part, uint32_t window);
/* Which window of a view it is, and what the rows that are wanted score: those that score less may
 * be left out. */
typedef struct {
    const mola_view *view; /* NULL: of none */
    uint32_t part;
    double least;
} mola_text_wanted;
/* Adds the scores of the asked rows of a window to `scores`, from its postings, and sets `matched`
 * where something matches. false: it has none, and nothing was done. That they are sound was seen
 * before. */
bool mola_bm25_score_window(const mola_bm25 *q, const mola_span *span,
                            const mola_text_wanted *wanted, const uint64_t *asked, double *scores,
                            uint64_t *matched);
