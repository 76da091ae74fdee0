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
    uint32_t page_count; /* at most MOLA_QUERIES_MAX */
    double constant;
    const double *weights; /* [page_count]; NULL: all 1 */
    size_t offset, limit;
} mola_fusion;
/* Appends `"rows":[...]`; *bytes grows by what all rows of all pages are billed. */
mola_err mola_fuse_print(const mola_asking *asking, const mola_fusion *fusion, mola_buf *out,
                         uint64_t *bytes) MOLA_NODISCARD;
