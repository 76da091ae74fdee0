/* text.h - BM25 clauses and highlights of a question. */
#pragma once
#include "mola/scan/score.h"
#include "query/tree.h"

/* A BM25 clause as a MOLA_SCORE_TEXT. */
mola_err mola_plan_bm25(mola_ctx *ctx, const mola_score_tree *tree, const mola_state *state,
                        mola_score *out) MOLA_NODISCARD;

/* The BM25 clauses of score expressions, in the arena. */
typedef struct {
    mola_bm25 **clauses;
    uint32_t count, room;
} mola_bm25_list;
mola_err mola_bm25_list_add(mola_ctx *ctx, const mola_score *score,
                            mola_bm25_list *list) MOLA_NODISCARD;

/* What is shown of one attribute of a row: its best fragments (reference 8.8.1). */
typedef struct mola_highlight mola_highlight;
mola_err mola_plan_highlight(mola_ctx *ctx, const mola_compute_tree *tree,
                             const mola_question *question, const mola_state *state,
                             mola_highlight **out) MOLA_NODISCARD;
uint32_t mola_highlight_attr(const mola_highlight *highlight);
/* Appends the array of fragments of row `row`, which has a value. MOLA_NO_MEMORY. */
mola_err mola_highlight_print(mola_ctx *ctx, const mola_highlight *highlight,
                              const mola_column *column, uint32_t row,
                              mola_buf *out) MOLA_NODISCARD;
