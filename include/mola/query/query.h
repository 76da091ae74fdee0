/* query.h - a question and a view, give me ranked rows (reference section 8).
 *
 * Parsing needs no namespace: it finds everything that is a 422. Compiling against the view's state
 * finds the 400s. What is not built yet is refused with MOLA_INVALID and words that name it, never
 * ignored. */
#pragma once
#include "mola/codec/json.h"
#include "mola/kernel/kernel.h"
#include "mola/namespace/namespace.h"

typedef struct mola_query
    mola_query; /* in the arena it was parsed into; the JSON document must outlive it */
mola_err mola_query_parse(mola_ctx *ctx, mola_json body, mola_query **out) MOLA_NODISCARD;
const mola_freshness *mola_query_freshness(const mola_query *query);

typedef struct {
    mola_buf
        members; /* `"rows":[...]`: the members of the answer before billing; freed by the caller */
    uint64_t bytes_returned; /* billable, reference 11 */
    uint64_t rows_exhausted; /* exhaustive_search_count by rulings.md */
} mola_query_result;
mola_err mola_query_run(mola_ctx *ctx, const mola_view *view, const mola_kernel *kernel,
                        const mola_query *query, mola_query_result *out) MOLA_NODISCARD;
