/* fuse.h - reciprocal rank fusion (reference 8.11): the rows of several pages of one view as one
 * ranking.
 *
 * A row's score is the sum, over the pages that hold it, of weight / (constant + place), in f64 in
 * the order of the pages, rounded to f32 once. It shows what any of its pages shows; where two name
 * the same thing, the later page's. */
#pragma once
#include "query/page.h"

typedef struct {
    const mola_page *pages;
    uint32_t page_count;   /* at most MOLA_QUERIES_MAX */
    double constant;       /* for mola_fuse_print, as what follows */
    const double *weights; /* [page_count]; NULL: all 1 */
    size_t offset, limit;
} mola_fusion;
/* A row that a model is asked about, printed but for its `$dist`: bytes [from, dist_at) and
 * [dist_at, until) of the buffer. */
typedef struct {
    size_t from, dist_at, until;
    mola_value id;
    mola_str text; /* of the attribute */
    bool has_text;
    float score;
} mola_candidate;
typedef struct mola_candidates {
    mola_candidate *rows;
    size_t count;
} mola_candidates;
/* The rows of all pages, each once, by the first of its pages and its place there; all of it in the
 * arena or in `out`. Every page shows `attr`. *bytes as below. */
mola_err mola_fuse_candidates(const mola_asking *asking, const mola_fusion *fusion,
                              const mola_attr *attr, mola_buf *out, mola_candidates *found,
                              uint64_t *bytes) MOLA_NODISCARD;
/* Appends `"rows":[...]`; *bytes grows by what all rows of all pages are billed. */
mola_err mola_fuse_print(const mola_asking *asking, const mola_fusion *fusion, mola_buf *out,
                         uint64_t *bytes) MOLA_NODISCARD;
