/* text_windows.h - what the dictionaries of segments (format/dictionary.h) say of the terms of a
 * query: how many rows have each, in which windows, and what a window can score at the most. */
#pragma once
#include "scan/text_postings.h"
#include "scan/text_terms.h"

/* Queries of more terms have bounds, but are not told which terms do not matter. */
enum { MOLA_TEXT_FEW_TERMS = 64 };

typedef struct {
    bool known; /* the segment has a dictionary. Dead rows count in what it says */
    uint32_t windows;
    mola_str *lists;    /* each term; in the arena of the request */
    uint32_t documents; /* rows with a token, and all their tokens; not when there are no terms */
    uint64_t tokens;
    float k1, b;
    double average;
    double *bounds;    /* each window; NULL: any score is possible */
    uint8_t *impacts;  /* of each window those of the terms, 0: no row has it; NULL: not known */
    uint32_t *numbers; /* beside them: which term of the postings it is, a guess */
    double *each;      /* term: what it can score, by its impact */
} mola_text_part;
typedef struct {
    const mola_postings_of *of;
    const mola_text_terms *terms;
    uint32_t windows_min; /* segments of fewer windows are not asked */
    const mola_view *view;
    mola_text_part *parts; /* each part of the view */
} mola_text_windows;

/* Asks the dictionaries for the terms of all of these, in as few batches as steps allow. `of` and
 * `terms` are set. Errors as mola_view_fetch. */
mola_err mola_text_windows_read(mola_ctx *ctx, const mola_view *view, mola_text_windows *const *all,
                                uint32_t count) MOLA_NODISCARD;

/* BM25 with these parameters, for which norm = k1 * (1 - b + b * tokens / average). */
typedef struct {
    double k1, b, average;
    const double *weights; /* each term: what times / (times + norm) is multiplied with */
    double more;           /* that a row can score beside its terms */
} mola_text_weights;
/* Sets the bounds of the windows, where that can be done. false: no memory. */
bool mola_text_windows_bound(mola_arena *arena, mola_text_windows *w,
                             const mola_text_weights *weights);

/* Which terms matter in a window, one bit each. */
typedef struct {
    uint64_t present;        /* a row has them */
    uint64_t essential;      /* a row that scores `least` or more has one of these */
    const uint32_t *numbers; /* each term: which of the postings it is, a guess */
} mola_text_terms_mask;
/* false: nothing is known, or there are too many. */
bool mola_text_windows_mask(const mola_text_windows *w, uint32_t part, uint32_t window,
                            double least, mola_text_terms_mask *out);
