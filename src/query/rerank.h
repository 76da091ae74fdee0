/* rerank.h - what must hold before a query is reranked by a model (reference 8.16). */
#pragma once
#include "query/plan.h"

/* There is such a model and such an attribute, and every question returns it; *attr: that one. */
mola_err mola_rerank_check(mola_ctx *ctx, const mola_query *query, const mola_state *state,
                           const mola_attr **attr) MOLA_NODISCARD;
