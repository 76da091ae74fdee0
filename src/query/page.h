/* page.h - the rows that answer a question, and their JSON. */
#pragma once
#include "query/plan.h"

/* What a question is asked of. */
typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    const mola_kernel *kernel;
    mola_vector_text encoding;
} mola_asking;

typedef struct {
    const mola_hit *hits;
    size_t count;
    bool has_dist;
    const mola_attr **columns;
    uint32_t column_count;
    mola_computed *computed;
    uint32_t computed_count;
} mola_page;

/* Answers a question that has no aggregates; `rows` are those that pass its filters, `filters` what
 * they were. */
mola_err mola_page_make(const mola_asking *asking, const mola_question *question,
                        const mola_filter *filters, mola_page *out) MOLA_NODISCARD;

/* Appends `"rows":[...]`; *bytes grows by what is billed. */
mola_err mola_page_print(const mola_asking *asking, const mola_page *page, mola_buf *out,
                         uint64_t *bytes) MOLA_NODISCARD;

/* ---- parts of making one ---- */

/* The best k rows by a ranking. */
mola_err mola_rank_rows(const mola_asking *asking, const mola_ranking *ranking,
                        const mola_rowset *rows, size_t k, mola_hit **hits,
                        size_t *count) MOLA_NODISCARD;

/* limit.per: the attributes whose values make up a key, resolved. */
typedef struct {
    uint32_t *attrs;
    uint32_t attr_count;
    uint64_t limit; /* rows kept of each key */
} mola_per;
mola_err mola_per_plan(mola_ctx *ctx, const mola_limit_tree *limit, const mola_state *state,
                       mola_per *out) MOLA_NODISCARD;
/* The first `wanted` rows in rank order, at most per->limit of each key. */
mola_err mola_per_rank(const mola_asking *asking, const mola_ranking *ranking,
                       const mola_rowset *rows, const mola_per *per, size_t wanted, mola_hit **hits,
                       size_t *count) MOLA_NODISCARD;

/* Attributes that a ranking reads of every row. */
void mola_ranking_reads(const mola_ranking *ranking, mola_attr_list *attrs);
