/* text_postings.h - reading the postings of windows (format/postings.h). */
#pragma once
#include "mola/format/postings.h"
#include "mola/scan/text.h"
#include "scan/scan.h"

/* What says which column has the postings of an attribute as it is analysed now. */
typedef struct {
    uint32_t attr, column;
    mola_analysis analysis;
} mola_postings_of;
mola_postings_of mola_postings_of_attr(const mola_attr *attr);

/* The part has them: they are what is to be fetched, and not the texts. */
static inline bool mola_span_offers_postings(const mola_span *span, const mola_postings_of *of)
{
    return span->part && mola_part_has_postings(span->part, of->attr, of->column);
}
/* What was fetched of this window are postings. Otherwise the texts are read; those of a part in
 * memory need not be asked for. */
static inline bool mola_span_has_postings(const mola_span *span, const mola_postings_of *of)
{
    return mola_span_offers_postings(span, of) &&
           mola_part_postings_made(span->part, of->column, span->index);
}
/* Texts of the window are to be fetched (`attr` is the attribute), or postings (`attr` is their
 * column). */
static inline bool mola_text_reads(const mola_span *span, const mola_postings_of *of, uint32_t attr)
{
    return mola_span_offers_postings(span, of) ? attr == of->column : attr == of->attr;
}

/* Walks over the images of a window whose postings are pinned. */
typedef struct {
    mola_column column;
    uint32_t row, rows; /* of the window */
    mola_postings image;
    uint32_t first; /* row 0 of the image in the window */
} mola_postings_walk;
/* false: no row of the window has a term. */
bool mola_postings_walk_begin(const mola_span *span, const mola_postings_of *of,
                              mola_postings_walk *walk);
/* *more false: there are no more. MOLA_CORRUPT. */
mola_err mola_postings_walk_next(mola_postings_walk *walk, const mola_postings_of *of, bool *more);
/* Whether all images of the window are sound: who asks first need not look at errors any more. */
mola_err mola_postings_check(mola_ctx *ctx, const mola_span *span,
                             const mola_postings_of *of) MOLA_NODISCARD;

/* Sets the bits of the window's rows that have the term, or one that begins with `prefix`. */
void mola_postings_mark(const mola_postings_walk *walk, uint32_t term, uint64_t *bits);
void mola_postings_mark_prefix(const mola_postings_walk *walk, mola_str prefix, uint64_t *bits);
