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
 * they were. What it pins beside the steps of its operators is the caller's to release. */
mola_err mola_page_make(const mola_asking *asking, const mola_question *question,
                        const mola_filter *filters, mola_page *out) MOLA_NODISCARD;

/* Appends `"rows":[...]`; *bytes grows by what is billed. */
mola_err mola_page_print(const mola_asking *asking, const mola_page *page, mola_buf *out,
                         uint64_t *bytes) MOLA_NODISCARD;

/* ---- printing row by row; rows are named by their place on the page ---- */

/* Of a computed attribute, for each row of the page. */
typedef struct {
    float *numbers;    /* SCORE, VECTOR */
    uint64_t *matches; /* FILTER: bit a row */
    mola_str *texts;   /* HIGHLIGHT: JSON */
} mola_computed_values;

typedef struct {
    const mola_asking *asking;
    const mola_page *page;
    mola_attr_list attrs;
    mola_gathered cells; /* all that the rows of the page show and what that is computed from */
    mola_column ids;
    mola_column *columns; /* as page->columns; rows 0: no row has a value */
    mola_str *labels;     /* `,"name":` of the columns, then of the computed attributes */
    mola_computed_values *computed;
} mola_page_printer;
/* Fetches what the rows of the page show, in one batch; it stays pinned. `scratch` is as it was
 * afterwards. `out` must not be moved. */
mola_err mola_page_prepare(const mola_asking *asking, const mola_page *page, mola_buf *scratch,
                           mola_page_printer *out) MOLA_NODISCARD;
mola_value mola_page_id(const mola_page_printer *p, size_t row);
/* `{"id":..` and, when `dist` is not NULL, `,"$dist":..`; the caller closes the object. */
void mola_print_head(const mola_page_printer *p, size_t row, const double *dist, mola_buf *out);
/* `,"name":value`; nothing for a column that the row has no value in. */
void mola_print_column(const mola_page_printer *p, uint32_t column, size_t row, mola_buf *out);
void mola_print_computed(const mola_page_printer *p, uint32_t computed, size_t row, mola_buf *out);
/* What the rows of the page are billed. */
uint64_t mola_page_bytes(const mola_page_printer *p);

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

/* The live rows that pass the filters (NULL: all). `reads`: what comes next reads of them; fetched
 * along with what the filters read and left pinned when it all fits into one step. */
mola_err mola_filter_rows(const mola_asking *asking, const mola_filter *filters,
                          const mola_attr_list *reads, mola_rowset *rows) MOLA_NODISCARD;
