/* score.h - score expressions over rows (reference 8.4.1, 8.4.2).
 *
 * A tree of clauses, compiled by query/. Scores are computed in f64, clause by clause in the order
 * given, and rounded to f32 once, at the root: what a client sees and what rows are ordered by. NaN
 * (infinity minus infinity) counts as 0. Immutable but for clauses over texts, which belong to one
 * request. */
#pragma once
#include "mola/scan/filter.h"
#include "mola/scan/text.h"

typedef enum {
    MOLA_SCORE_SUM,
    MOLA_SCORE_MAX,
    MOLA_SCORE_PRODUCT,   /* number * child */
    MOLA_SCORE_SATURATE,  /* x^e / (x^e + m^e): number is m */
    MOLA_SCORE_DECAY,     /* m^e / (x^e + m^e) */
    MOLA_SCORE_ATTRIBUTE, /* INT, UINT or FLOAT; 0 when absent */
    MOLA_SCORE_DIST,      /* |value - origin|; infinite when absent */
    MOLA_SCORE_SPARSE,    /* dot product of sparse vectors, at least 0 */
    MOLA_SCORE_FILTER,    /* 1 when it matches, else 0 */
    MOLA_SCORE_TEXT,      /* BM25; 0 when nothing matches */
    MOLA_SCORE_NUMBER,    /* a floor inside MAX */
} mola_score_kind;

typedef struct { /* in byte order of keys, distinct */
    mola_str key;
    double weight;
} mola_sparse_term;

typedef struct mola_score mola_score;
struct mola_score {
    mola_score_kind kind;
    bool dense; /* an attribute-derived clause is in it: every row is a result, also with score 0 */
    const mola_score **children;
    uint32_t child_count;
    uint32_t depth; /* 1 + the largest of the children */
    double number, exponent;
    uint32_t attr;
    mola_value origin; /* DIST: of the attribute's type, or FLOAT for an integer beyond it */
    const mola_sparse_term *terms;
    uint32_t term_count;
    const mola_filter *filter;
    mola_bm25 *text; /* bound before the tree is run */
};

void mola_score_reads(const mola_score *score, mola_attr_list *attrs);
/* The best k rows: score descending, then id ascending. Rows without a match or (unless dense) with
 * score 0 are left out. Hits in ctx->arena; hit.score is the f32. MOLA_NO_MEMORY. */
mola_err mola_score_run(mola_ctx *ctx, const mola_rowset *rows, const mola_score *score, size_t k,
                        mola_hit **hits, size_t *count) MOLA_NODISCARD;

/* The same scores for rows that were gathered: `out` has one for each. All that the score reads is
 * gathered. MOLA_NO_MEMORY. */
mola_err mola_score_gathered(mola_ctx *ctx, const mola_score *score, const mola_gathered *gathered,
                             float *out) MOLA_NODISCARD;
