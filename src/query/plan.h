/* plan.h - a question compiled against the state of a view: names resolved, operands in their
 * stored form. */
#pragma once
#include "mola/scan/nearest.h"
#include "query/text.h"

/* Words for a reference to an attribute that the schema lacks. */
mola_err mola_plan_unknown(const mola_ctx *ctx, mola_str attr);

mola_err mola_plan_score(mola_ctx *ctx, const mola_score_tree *tree, const mola_state *state,
                         const mola_score **out) MOLA_NODISCARD;
/* All of `out` but k and kernel. */
mola_err mola_plan_vector(mola_ctx *ctx, const mola_vector_tree *tree, const mola_state *state,
                          mola_nearest *out) MOLA_NODISCARD;

typedef struct {
    mola_rank_kind kind;
    mola_order_key keys[MOLA_ORDER_KEYS_MAX];
    uint32_t key_count;
    mola_nearest nearest;
    const mola_score *score;
} mola_ranking;
mola_err mola_plan_ranking(mola_ctx *ctx, const mola_question *question, const mola_state *state,
                           mola_ranking *out) MOLA_NODISCARD;

typedef struct {
    mola_str name;
    mola_compute_kind kind;
    const mola_score *score;
    const mola_filter *filter;
    mola_nearest nearest;
    mola_highlight *highlight;
} mola_computed;
mola_err mola_plan_computed(mola_ctx *ctx, const mola_question *question, const mola_state *state,
                            mola_computed **out) MOLA_NODISCARD;

/* Attributes that are returned, and what makes up a key of limit.per. */
mola_err mola_plan_columns(mola_ctx *ctx, const mola_question *question, const mola_state *state,
                           const mola_attr ***out, uint32_t *count) MOLA_NODISCARD;
