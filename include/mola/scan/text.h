/* text.h - BM25 over the rows of a view (reference 6.10), and documents as terms.
 *
 * A clause is made of a query's terms, then bound to what it counts over: the live rows of a view
 * that have the attribute and at least one token, or the fragments of one value. From then on it
 * scores any value of the attribute. Statistics are exact: each live row counts once, however rows
 * are split into parts. All arithmetic is f64 in one order, so scores are the same bits everywhere.
 *
 * A clause belongs to one request: it keeps counts of the value that it looks at. */
#pragma once
#include "mola/model/tokens.h"
#include "mola/scan/rowset.h"

/* ---- BM25 */

typedef struct mola_bm25 mola_bm25;

/* A clause over an attribute that has full-text search. `texts` are analysed as a value is;
 * last_as_prefix: the last token matches every term that it begins, for a score of 1. NULL: no
 * memory. What it is made of lives in the arena. */
mola_bm25 *mola_bm25_new(mola_ctx *ctx, const mola_attr *attr, const mola_str *texts,
                         uint32_t count, bool last_as_prefix);

/* Counts over all live rows of the view, in steps; each attribute is read once. Errors as
 * mola_scan_windows. */
mola_err mola_bm25_bind(mola_ctx *ctx, const mola_view *view, mola_bm25 *const *clauses,
                        uint32_t count) MOLA_NODISCARD;
/* The same over all rows of a column in memory. */
void mola_bm25_bind_column(mola_bm25 *clause, const mola_column *column);

/* What a value of the attribute scores. false: nothing matches, the score is 0. Bound before. */
bool mola_bm25_score(mola_bm25 *clause, const mola_column *column, uint32_t row, double *score);
/* The clause has the term: one of its own, or one that its prefix begins. */
bool mola_bm25_has(const mola_bm25 *clause, mola_str term);
