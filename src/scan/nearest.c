/* nearest.c - selects candidates with a kernel, then gives them their exact distances.
 *
 * Each row gets an interval [lower, upper] that its true distance lies in, from the kernel's answer
 * and its stated error. `bound` is the k-th least upper end so far: a row whose lower end is above
 * it cannot be among the k nearest. What cannot be excluded is kept; the keep list is thinned
 * whenever it doubles. */
#include "mola/scan/nearest.h"
#include "mola/base/check.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    double lower;
    uint32_t part, row;
} candidate;

typedef struct {
    mola_ctx *ctx;
    const mola_nearest *what;
    const mola_view *view;
    mola_kernel_kind kind;
    double eps;        /* relative error of a kernel's sum, rounding to f32 included */
    double query_norm; /* |query| */
    double *uppers;    /* max-heap of the k least upper ends */
    size_t upper_count, upper_room;
    candidate *kept;
    size_t kept_count, kept_room;
    size_t thin_at; /* thin the keep list when it reaches this */
} search;

static mola_kernel_kind kernel_kind(mola_type type)
{
    return type.elem == MOLA_ELEM_VEC_F16  ? MOLA_KERNEL_F16
           : type.elem == MOLA_ELEM_VEC_I8 ? MOLA_KERNEL_I8
                                           : MOLA_KERNEL_F32;
}

/* ---- exact ---------------------------------------------------------------------------------- */

static double exact_distance(const mola_nearest *what, mola_kernel_kind kind, const float *query,
                             const void *stored)
{
    size_t dim = what->attr->type.dims;
    if (what->metric == MOLA_METRIC_EUCLIDEAN)
        return mola_exact_l2sq(query, stored, kind, dim);
    double dot = mola_exact_dot(query, stored, kind, dim);
    if (what->metric == MOLA_METRIC_DOT)
        return -dot;
    double norms = sqrt(mola_exact_norm2(query, MOLA_KERNEL_F32, dim)) *
                   sqrt(mola_exact_norm2(stored, kind, dim));
    if (!(norms > 0))
        return INFINITY;
    return 1.0 - (double)(float)(dot / norms);
}

static double row_distance(const mola_nearest *what, mola_kernel_kind kind,
                           const mola_column *column, uint32_t row)
{
    if (column->type.form == MOLA_FORM_DENSE) {
        return (double)(float)exact_distance(what, kind, what->query,
                                             mola_column_vector(column, row));
    }
    double sum = 0;
    for (uint32_t q = 0; q < what->query_count; q++) {
        double least = INFINITY;
        for (uint32_t e = column->row_from[row]; e < column->row_from[row + 1]; e++) {
            const float *query = what->query + (size_t)q * what->attr->type.dims;
            double d = exact_distance(what, kind, query, mola_column_vector(column, e));
            least = d < least ? d : least;
        }
        sum += least;
    }
    return (double)(float)sum;
}

double mola_nearest_one(const mola_view *view, const mola_nearest *what, uint32_t part,
                        uint32_t row)
{
    mola_column column;
    uint32_t in_window = row % MOLA_WINDOW_ROWS;
    if (!mola_part_column(view->parts[part].part, what->attr->id, row / MOLA_WINDOW_ROWS,
                          &column) ||
        !mola_column_has(&column, in_window))
        return INFINITY;
    return row_distance(what, kernel_kind(what->attr->type), &column, in_window);
}

/* ---- selection ------------------------------------------------------------------------------ */

static double bound_of(const search *s)
{
    if (s->upper_count < s->what->k)
        return INFINITY;
    MOLA_ASSERT(s->uppers != NULL);
    return s->uppers[0];
}

/* Keeps the k least upper ends in a max-heap. false: no memory. */
static bool push_upper(search *s, double upper)
{
    double *heap = s->uppers;
    if (s->upper_count == s->what->k) { /* replace the greatest */
        if (upper >= heap[0])
            return true;
        size_t i = 0;
        for (size_t child; (child = 2 * i + 1) < s->upper_count; i = child) {
            if (child + 1 < s->upper_count && heap[child + 1] > heap[child])
                child++;
            if (heap[child] <= upper)
                break;
            heap[i] = heap[child];
        }
        heap[i] = upper;
        return true;
    }
    if (s->upper_count == s->upper_room) {
        size_t room = s->upper_room ? s->upper_room * 2 : 256;
        double *grown = mola_new(s->ctx->arena, double, room);
        if (!grown)
            return false;
        if (s->upper_count)
            memcpy(grown, heap, s->upper_count * sizeof *heap);
        s->uppers = heap = grown;
        s->upper_room = room;
    }
    size_t i = s->upper_count++;
    for (; i && heap[(i - 1) / 2] < upper; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = upper;
    return true;
}

static void thin(search *s)
{
    double bound = bound_of(s);
    size_t kept = 0;
    for (size_t i = 0; i < s->kept_count; i++) {
        if (s->kept[i].lower <= bound)
            s->kept[kept++] = s->kept[i];
    }
    s->kept_count = kept;
    s->thin_at = kept * 2 > 4096 ? kept * 2 : 4096;
}

static bool keep(search *s, double lower, uint32_t part, uint32_t row)
{
    if (s->kept_count >= s->thin_at)
        thin(s);
    if (s->kept_count == s->kept_room) {
        size_t room = s->kept_room ? s->kept_room * 2 : 1024;
        candidate *grown = mola_new(s->ctx->arena, candidate, room);
        if (!grown)
            return false;
        if (s->kept_count)
            memcpy(grown, s->kept, s->kept_count * sizeof *grown);
        s->kept = grown;
        s->kept_room = room;
    }
    s->kept[s->kept_count++] = (candidate){lower, part, row};
    return true;
}

/* Where the distance to `stored` lies. Nothing is claimed (-inf, +inf) when f32 may have over- or
 * underflowed, here or in the rounding of the exact distance. */
static void interval(const search *s, const void *stored, double *lower, double *upper)
{
    enum {
        LEAST_EXPONENT = -100
    }; /* sums of squares below 2^-100 may have lost terms to underflow */
    const mola_nearest *what = s->what;
    size_t dim = what->attr->type.dims;
    *lower = -INFINITY;
    *upper = INFINITY;
    if (what->metric == MOLA_METRIC_EUCLIDEAN) {
        double d = (double)what->kernel->l2sq[s->kind](what->query, stored, dim);
        if (d < FLT_MAX / 2 && d > ldexp(1, LEAST_EXPONENT)) {
            *lower = d * (1 - s->eps);
            *upper = d * (1 + 2 * s->eps);
        }
        return;
    }
    double dot = (double)what->kernel->dot[s->kind](what->query, stored, dim);
    double norm2 = (double)what->kernel->norm2[s->kind](stored, dim);
    if (!isfinite(dot) || !isfinite(norm2) || norm2 < ldexp(1, LEAST_EXPONENT) ||
        s->query_norm < ldexp(1, LEAST_EXPONENT / 2))
        return;
    double norms = s->query_norm * sqrt(norm2);
    bool cosine = what->metric == MOLA_METRIC_COSINE;
    double distance = cosine ? 1 - dot / norms : -dot;
    double error =
        cosine ? 4 * s->eps : 2 * s->eps * norms; /* |q_i s_i| sums to |q||s| at the most */
    if (!(fabs(distance) + error < FLT_MAX / 2))
        return;
    *lower = distance - error;
    *upper = distance + error;
}

static mola_err scan_window(search *s, const mola_column *column, const uint64_t *bits,
                            uint32_t part, uint32_t first)
{
    for (uint32_t word = 0; word < mola_words(column->rows); word++) {
        for (uint64_t left = bits[word]; left; left &= left - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (!mola_column_has(column, row))
                continue;
            double lower, upper;
            interval(s, mola_column_vector(column, row), &lower, &upper);
            if (lower > bound_of(s))
                continue;
            if (!keep(s, lower, part, first + row) || (upper < INFINITY && !push_upper(s, upper)))
                return MOLA_NO_MEMORY;
        }
    }
    return MOLA_OK;
}

/* Every row that may be among the k nearest, into s->kept. */
static mola_err select_candidates(search *s, const mola_rowset *rows)
{
    for (uint32_t p = 0; p < rows->view->part_count; p++) {
        const mola_view_part *part = &rows->view->parts[p];
        for (uint32_t w = 0; rows->bits[p] && w < mola_windows(part->rows); w++) {
            mola_column column;
            if (!mola_part_column(part->part, s->what->attr->id, w, &column))
                continue;
            mola_err err = scan_window(s, &column, rows->bits[p] + (size_t)w * MOLA_WINDOW_WORDS, p,
                                       w * MOLA_WINDOW_ROWS);
            if (err)
                return err;
        }
    }
    thin(s);
    return MOLA_OK;
}

/* Multi-vectors, and everything when all rows are wanted: no selection. */
static mola_err keep_all(search *s, const mola_rowset *rows)
{
    for (uint32_t p = 0; p < rows->view->part_count; p++) {
        for (uint32_t word = 0; rows->bits[p] && word < mola_words(rows->view->parts[p].rows);
             word++) {
            for (uint64_t left = rows->bits[p][word]; left; left &= left - 1) {
                uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(left);
                mola_column column;
                if (mola_part_column(rows->view->parts[p].part, s->what->attr->id,
                                     row / MOLA_WINDOW_ROWS, &column) &&
                    mola_column_has(&column, row % MOLA_WINDOW_ROWS) && !keep(s, -INFINITY, p, row))
                    return MOLA_NO_MEMORY;
            }
        }
    }
    return MOLA_OK;
}

/* ---- order ---------------------------------------------------------------------------------- */

static int by_distance_then_id(const void *left, const void *right, void *argument)
{
    const mola_hit *a = left, *b = right;
    const mola_view *view = ((const search *)argument)->view;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    mola_value id_a = mola_view_id(view, a->part, a->row),
               id_b = mola_view_id(view, b->part, b->row);
    return mola_value_cmp(&id_a, &id_b);
}

static mola_err fetch(mola_ctx *ctx, const mola_view *view, uint32_t attr)
{
    mola_need *needs = mola_new(ctx->arena, mola_need, (size_t)view->part_count * 2);
    if (!needs)
        return MOLA_NO_MEMORY;
    for (uint32_t p = 0; p < view->part_count; p++) {
        uint32_t windows = mola_windows(view->parts[p].rows);
        needs[(size_t)2 * p] = (mola_need){.part = p, .attr = attr, .window_count = windows};
        needs[(size_t)2 * p + 1] =
            (mola_need){.part = p, .attr = MOLA_ATTR_ID, .window_count = windows};
    }
    return mola_view_fetch(ctx, view, needs, (size_t)view->part_count * 2);
}

mola_err mola_nearest_run(mola_ctx *ctx, const mola_rowset *rows, const mola_nearest *what,
                          mola_hit **hits, size_t *count)
{
    MOLA_ASSERT(mola_type_is_vector(what->attr->type) && what->k > 0 && what->query_count > 0);
    search s = {.ctx = ctx,
                .what = what,
                .view = rows->view,
                .kind = kernel_kind(what->attr->type),
                .thin_at = 4096};
    s.eps = (4.0 * what->attr->type.dims + 4) * (double)FLT_EPSILON;
    s.query_norm = sqrt(mola_exact_norm2(what->query, MOLA_KERNEL_F32, what->attr->type.dims));
    mola_err err = fetch(ctx, rows->view, what->attr->id);
    if (!err && (what->attr->type.form == MOLA_FORM_MULTI || what->k >= rows->count)) {
        err = keep_all(&s, rows);
    } else if (!err) {
        err = select_candidates(&s, rows);
    }
    if (err) {
        return mola_fail(ctx->why, err,
                         "the vector search does not fit in the memory of one request");
    }
    mola_hit *out = mola_new(ctx->arena, mola_hit, s.kept_count);
    if (!out) {
        return mola_fail(ctx->why, MOLA_NO_MEMORY,
                         "the vector search does not fit in the memory of one request");
    }
    for (size_t i = 0; i < s.kept_count; i++) {
        out[i] =
            (mola_hit){.score = mola_nearest_one(rows->view, what, s.kept[i].part, s.kept[i].row),
                       .part = s.kept[i].part,
                       .row = s.kept[i].row};
    }
    qsort_r(out, s.kept_count, sizeof *out, by_distance_then_id, &s);
    *hits = out;
    *count = s.kept_count < what->k ? s.kept_count : what->k;
    return MOLA_OK;
}
