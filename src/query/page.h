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

/* ---- printing row by row ---- */

typedef struct {
    const mola_asking *asking;
    const mola_page *page;
    mola_str *labels; /* `,"name":` of the columns, then of the computed attributes */
    mola_scorer **scorers;
} mola_page_printer;
/* Fetches what the rows of the page show. `scratch` is as it was afterwards. */
mola_err mola_page_prepare(const mola_asking *asking, const mola_page *page, mola_buf *scratch,
                           mola_page_printer *out) MOLA_NODISCARD;
/* `{"id":..` and, when `dist` is not NULL, `,"$dist":..`; the caller closes the object. */
void mola_print_head(const mola_asking *asking, const mola_hit *hit, const double *dist,
                     mola_buf *out);
/* `,"name":value`; nothing for a column that the row has no value in. */
void mola_print_column(const mola_page_printer *p, uint32_t column, const mola_hit *hit,
                       mola_buf *out);
void mola_print_computed(const mola_page_printer *p, uint32_t computed, const mola_hit *hit,
                         mola_buf *out);
/* What the rows of the page are billed. It must be prepared. */
uint64_t mola_page_bytes(const mola_asking *asking, const mola_page *page);

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

/* The live rows that pass the filters (NULL: all). What is read of every row, by the filters and
 * beyond
 * (`reads`), is fetched in one batch. */
mola_err mola_filter_rows(const mola_asking *asking, const mola_filter *filters,
                          mola_attr_list *reads, mola_rowset *rows) MOLA_NODISCARD;
