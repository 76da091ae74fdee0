/* nearest.h - the exact nearest rows of a vector attribute among a rowset: every vector type, every
 * metric.
 *
 * A SIMD kernel selects candidates, with a margin for its error; mola_exact_* then gives each
 * candidate the distance that a client sees: f64 in index order, rounded to f32. For cosine the
 * similarity is rounded to f32 before it is subtracted from 1, so parallel vectors tie at exactly
 * 0; a zero vector is infinitely far. Dot product (an extension): the negated inner product.
 * Multi-vectors: the sum over the query's vectors of the least distance to any stored one. Order:
 * distance, then id. So the answer is the same under every kernel and however the rows are split
 * into parts, bit for bit. */
#pragma once
#include "mola/kernel/kernel.h"
#include "mola/scan/rowset.h"

typedef struct {
    const mola_attr *attr; /* DENSE or MULTI */
    mola_metric_kind metric;
    const float *query;   /* dims floats; MULTI: query_count * dims */
    uint32_t query_count; /* 1 for DENSE */
    size_t k;             /* how many rows are wanted; SIZE_MAX: all */
    const mola_kernel *kernel;
} mola_nearest;

/* Rows without the attribute are left out. `hits` in ctx->arena, best first, at most k; score is
 * the f32 distance. Vectors and ids are fetched in steps and released; where few rows of a window
 * are asked for, those rows alone. Errors as mola_scan_windows. */
mola_err mola_nearest_run(mola_ctx *ctx, const mola_rowset *rows, const mola_nearest *what,
                          mola_hit **hits, size_t *count) MOLA_NODISCARD;
/* The distance of a row of a column of the attribute, as above; infinite when it has no vector. */
double mola_nearest_one(const mola_nearest *what, const mola_column *column, uint32_t row);
