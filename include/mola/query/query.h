/* query.h - a question and a view, give me ranked rows (reference section 8).
 *
 * Parsing needs no namespace: it finds everything that is a 422. Compiling against the view's state
 * finds the 400s. What is not built yet is refused with MOLA_INVALID and words that name it, never
 * ignored. */
#pragma once
#include "mola/codec/json.h"
#include "mola/kernel/kernel.h"
#include "mola/namespace/namespace.h"
#include "mola/provider/provider.h"

/* In the arena it was parsed into; the JSON document must outlive it. */
typedef struct mola_query mola_query;
mola_err mola_query_parse(mola_ctx *ctx, mola_json body, mola_query **out) MOLA_NODISCARD;
const mola_freshness *mola_query_freshness(const mola_query *query);
/* How many slots of a namespace it takes (reference 1.11): a query 1, a kNN query 2, an aggregation
 * 4; those of a multi-query together. */
uint32_t mola_query_weight(const mola_query *query);

/* Before a query is run: whatever a provider has to say about it. Other errors of a query are left
 * to its run. `provider`: NULL is one without models; it must outlive the query. */
mola_err mola_query_prepare(mola_ctx *ctx, const mola_state *state, mola_provider *provider,
                            mola_query *query, mola_model_usage *usage) MOLA_NODISCARD;

typedef struct {
    /* The members of the answer before billing: `"rows":[...]`, `"aggregations":{...}`,
     * `"aggregation_groups":[...]` or `"results":[...]`. Freed by the caller; empty after an error.
     */
    mola_buf members;
    uint64_t bytes_returned; /* billable, reference 11 */
    uint64_t rows_exhausted; /* exhaustive_search_count: rows of the parts without an index */
    struct mola_candidates *candidates; /* of the request's arena: mola_query_rerank is to follow.
                                           Else NULL */
} mola_query_result;
/* What it pins it releases. MOLA_CONFLICT: the collector outran the view; a newer one is to be
 * asked. */
mola_err mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                        const mola_query *query, mola_query_result *out) MOLA_NODISCARD;

/* The second stage of a query that is reranked by a model (reference 8.16): its candidates in the
 * order of their scores become the members of the answer. Needs no view any more. */
mola_err mola_query_rerank(mola_ctx *ctx, const mola_query *query, mola_query_result *result,
                           mola_model_usage *usage) MOLA_NODISCARD;

/* ---- recall (reference 9.11): what a vector search finds of what an exact one does ---- */

typedef struct mola_recall mola_recall; /* as a mola_query */
/* `body` may be {0}: nothing was sent. */
mola_err mola_recall_parse(mola_ctx *ctx, mola_json body, mola_recall **out) MOLA_NODISCARD;
/* Appends the answer. Errors as mola_query_run. */
mola_err mola_recall_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                         const mola_recall *recall, mola_buf *out) MOLA_NODISCARD;

/* Runs a single query and appends its plan to `out`, as text for people (reference 9.3): parts,
 * what zones prune, estimated and true counts of its filters, what the run took. Counting runs each
 * test of the filters once more, which is not part of what is reported. Errors as mola_query_run.
 */
mola_err mola_query_explain(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                            const mola_query *query, mola_buf *out) MOLA_NODISCARD;
