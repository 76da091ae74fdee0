/* nearest.c - selects candidates with a kernel, then gives them their exact distances.
 *
 * Each row gets an interval [lower, upper] that its true distance lies in, from the kernel's answer
 * and its stated error. `bound` is the k-th least upper end so far: a row whose lower end is above
 * it cannot be among the k nearest. What cannot be excluded is kept; the keep list is thinned
 * whenever it doubles. When a step is done, while its vectors are still pinned, those that are kept
 * get their exact distances and are held with their ids, the k nearest of all steps at the most. */
#include "mola/scan/nearest.h"
#include "mola/base/check.h"
#include "scan/keep.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

typedef struct {
    double lower;
    uint32_t part, row;
    uint32_t at; /* of rows that were gathered: which */
} candidate;

/* A row with its exact distance. */
typedef struct {
    double distance;
    uint32_t part, row;
    mola_value id; /* null: it is found in the view */
} near_row;

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
    bool keeps_all; /* multi-vectors, and everything when all rows are wanted: no selection */
    const mola_column *gathered, *gathered_ids; /* what candidate.at counts; NULL: windows */
    near_row *held;
    size_t held_count, held_room;
    bool sorted;    /* `held` is */
    mola_keep keep; /* its arenas hold the texts of ids */
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

double mola_nearest_one(const mola_nearest *what, const mola_column *column, uint32_t row)
{
    if (row >= column->rows || !mola_column_has(column, row))
        return INFINITY;
    return row_distance(what, kernel_kind(what->attr->type), column, row);
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
static __attribute__((noinline)) bool push_upper(search *s, double upper)
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

static __attribute__((noinline)) bool keep(search *s, const candidate *c)
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
    s->kept[s->kept_count++] = *c;
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

/* Where the rows of a column come from: gathered one by one, or a window of a part. */
typedef struct {
    const mola_row_at *rows; /* NULL: a window */
    uint32_t part, first;
} origin;

/* Keeps those of the `asked` rows of word `word` of a column that are not too far. */
static bool select_word(search *s, const mola_column *column, uint32_t word, uint64_t asked,
                        const origin *from)
{
    for (uint64_t left = asked; left; left &= left - 1) {
        uint32_t at = word * 64 + (uint32_t)__builtin_ctzll(left);
        double lower = -INFINITY, upper = INFINITY;
        if (!mola_column_has(column, at))
            continue;
        if (!s->keeps_all)
            interval(s, mola_column_vector(column, at), &lower, &upper);
        if (lower > bound_of(s))
            continue;
        candidate c = {lower, from->part, from->first + at, at};
        if (from->rows) {
            c.part = from->rows[at].part;
            c.row = from->rows[at].row;
        }
        if (!keep(s, &c) || (upper < INFINITY && !push_upper(s, upper)))
            return false;
    }
    return true;
}

static mola_err no_memory(const mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_NO_MEMORY,
                     "the vector search does not fit in the memory of one request");
}

static mola_err scan_window(void *of, const mola_window *window)
{
    search *s = of;
    mola_column column;
    if (!mola_part_column(s->view->parts[window->part].part, s->what->attr->id, window->index,
                          &column))
        return MOLA_OK;
    origin from = {.part = window->part, .first = window->index * MOLA_WINDOW_ROWS};
    for (uint32_t word = 0; word < mola_words(column.rows); word++) {
        if (!select_word(s, &column, word, window->bits[word], &from))
            return no_memory(s->ctx);
    }
    return MOLA_OK;
}

/* ---- what is held from step to step --------------------------------------------------------- */

static mola_value id_of(const search *s, const near_row *row)
{
    return row->id.elem == MOLA_ELEM_NONE ? mola_view_id(s->view, row->part, row->row) : row->id;
}

static int by_distance_then_id(const void *left, const void *right, void *argument)
{
    const near_row *a = left, *b = right;
    const search *s = argument;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    mola_value id_a = id_of(s, a), id_b = id_of(s, b);
    return mola_value_cmp(&id_a, &id_b);
}

static double distance_of(const search *s, const candidate *c)
{
    mola_column column;
    if (s->gathered)
        return mola_nearest_one(s->what, s->gathered, c->at);
    if (!mola_part_column(s->view->parts[c->part].part, s->what->attr->id,
                          c->row / MOLA_WINDOW_ROWS, &column))
        return INFINITY;
    return mola_nearest_one(s->what, &column, c->row % MOLA_WINDOW_ROWS);
}

static bool grow_held(search *s, size_t more)
{
    size_t need = s->held_count + more, room = 2 * s->held_room > need ? 2 * s->held_room : need;
    if (need <= s->held_room)
        return true;
    near_row *grown = mola_new(s->ctx->arena, near_row, room);
    if (!grown)
        return false;
    if (s->held_count)
        memcpy(grown, s->held, s->held_count * sizeof *grown);
    s->held = grown;
    s->held_room = room;
    return true;
}

static void cut_held(search *s)
{
    if (!s->sorted && s->held_count > 1)
        qsort_r(s->held, s->held_count, sizeof *s->held, by_distance_then_id, s);
    s->sorted = true;
    if (s->held_count > s->what->k)
        s->held_count = s->what->k;
}

/* Ids of rows whose windows are about to be released, and those in the arena of the last turn. */
static bool copy_ids(search *s)
{
    if (!s->view->segment_count)
        return true;
    mola_arena *arena = mola_keep_turn(&s->keep);
    for (size_t i = 0; i < s->held_count; i++) {
        near_row *row = &s->held[i];
        mola_value id = id_of(s, row);
        if (!mola_part_in_memory(s->view, row->part) && !mola_keep_copy(arena, &id, &row->id))
            return false;
    }
    return true;
}

static mola_err step_done(void *of)
{
    search *s = of;
    thin(s);
    if (!grow_held(s, s->kept_count))
        return no_memory(s->ctx);
    for (size_t i = 0; i < s->kept_count; i++) {
        const candidate *c = &s->kept[i];
        near_row *row = &s->held[s->held_count++];
        *row = (near_row){.distance = distance_of(s, c), .part = c->part, .row = c->row};
        if (s->gathered)
            row->id = mola_column_element(s->gathered_ids, c->at);
    }
    s->sorted = s->sorted && !s->kept_count;
    s->kept_count = 0;
    if (s->held_count > s->what->k)
        cut_held(s);
    return copy_ids(s) ? MOLA_OK : no_memory(s->ctx);
}

/* ---- rows that lie thinly ------------------------------------------------------------------- */

/* Of a segment's window with so few rows asked for, a vector each is read instead of all. */
enum { THIN_SHARE = 16, BATCH_ROWS_MAX = 1 << 16 };

static bool is_thin(const search *s, const mola_window *window)
{
    return !mola_part_in_memory(s->view, window->part) &&
           mola_count_bits(window->bits, mola_words(window->rows)) * THIN_SHARE <= window->rows;
}

static bool is_thick(void *of, const mola_window *window)
{
    return !is_thin(of, window);
}

/* Rows of thin windows, gathered when a step has room for no more. */
typedef struct {
    search *search;
    const mola_attr_list *attrs;
    mola_row_at *rows;
    uint32_t count, room;
    uint64_t bytes;
} batch;

static mola_err select_gathered(search *s, const batch *b, const mola_gathered *gathered)
{
    mola_column column, ids;
    mola_err err = MOLA_OK;
    if (!mola_gathered_column(gathered, s->what->attr->id, &column))
        return MOLA_OK;
    bool have_ids = mola_gathered_column(gathered, MOLA_ATTR_ID, &ids);
    MOLA_ASSERT(have_ids);
    s->gathered = &column;
    s->gathered_ids = &ids;
    origin from = {.rows = b->rows};
    for (uint32_t word = 0; word < mola_words(b->count) && !err; word++) {
        uint32_t left = b->count - word * 64;
        uint64_t all = left < 64 ? ((uint64_t)1 << left) - 1 : UINT64_MAX;
        err = select_word(s, &column, word, all, &from) ? MOLA_OK : no_memory(s->ctx);
    }
    if (!err)
        err = step_done(s);
    s->gathered = s->gathered_ids = NULL;
    return err;
}

static mola_err run_batch(batch *b)
{
    search *s = b->search;
    mola_pin *mark = s->ctx->pins;
    mola_gathered gathered;
    if (!b->count)
        return MOLA_OK;
    mola_err err = mola_read_rows(s->ctx, s->view, b->attrs, b->rows, b->count, &gathered);
    if (!err)
        err = select_gathered(s, b, &gathered);
    mola_view_release(s->ctx, mark);
    b->count = 0;
    b->bytes = 0;
    return err ? err : mola_scan_check(s->ctx);
}

static uint64_t bytes_of_a_row(const batch *b, const mola_window *window)
{
    uint64_t bytes = 0;
    for (uint32_t a = 0; a < b->attrs->count; a++) {
        mola_need need = {.part = window->part,
                          .attr = b->attrs->attrs[a],
                          .window_first = window->index,
                          .window_count = 1};
        bytes += mola_view_need_bytes(b->search->view, &need);
    }
    return bytes / window->rows;
}

static mola_err add_thin_window(batch *b, const mola_window *window)
{
    uint64_t bytes = bytes_of_a_row(b, window);
    for (uint32_t word = 0; word < mola_words(window->rows); word++) {
        for (uint64_t left = window->bits[word]; left; left &= left - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(left);
            bool is_full =
                b->count == b->room || b->bytes + bytes > mola_step_bytes(b->search->view);
            mola_err err = is_full ? run_batch(b) : MOLA_OK;
            if (err)
                return err;
            b->rows[b->count++] =
                (mola_row_at){window->part, window->index * MOLA_WINDOW_ROWS + row};
            b->bytes += bytes;
        }
    }
    return MOLA_OK;
}

static mola_err run_thin(search *s, const mola_rowset *rows, const mola_attr_list *attrs)
{
    batch b = {.search = s,
               .attrs = attrs,
               .room = rows->count < BATCH_ROWS_MAX ? (uint32_t)rows->count : BATCH_ROWS_MAX};
    for (uint32_t p = 0; p < s->view->segment_count; p++) {
        uint32_t part_rows = s->view->parts[p].rows;
        for (uint32_t w = 0; rows->bits[p] && w < mola_windows(part_rows); w++) {
            mola_window window = {.part = p,
                                  .index = w,
                                  .rows = mola_window_rows(part_rows, w),
                                  .bits = rows->bits[p] + (size_t)w * MOLA_WINDOW_WORDS};
            if (!is_thin(s, &window))
                continue;
            if (!b.rows)
                b.rows = mola_new(s->ctx->arena, mola_row_at, b.room);
            mola_err err = b.rows ? add_thin_window(&b, &window) : no_memory(s->ctx);
            if (err)
                return err;
        }
    }
    return run_batch(&b);
}

/* ---- all ------------------------------------------------------------------------------------ */

static mola_err run_all(search *s, const mola_rowset *rows)
{
    mola_attr_list attrs = {.arena = s->ctx->arena};
    mola_attr_list_add(&attrs, s->what->attr->id);
    mola_attr_list_add(&attrs, MOLA_ATTR_ID);
    mola_walk walk = {.attrs = &attrs,
                      .of = s,
                      .visit = scan_window,
                      .wanted = is_thick,
                      .done = step_done,
                      .ahead = true};
    mola_err err = mola_scan_windows(s->ctx, rows, &walk);
    if (!err)
        err = run_thin(s, rows, &attrs);
    if (!err)
        cut_held(s);
    return err;
}

mola_err mola_nearest_run(mola_ctx *ctx, const mola_rowset *rows, const mola_nearest *what,
                          mola_hit **hits, size_t *count)
{
    MOLA_ASSERT(mola_type_is_vector(what->attr->type) && what->k > 0 && what->query_count > 0);
    search s = {.ctx = ctx,
                .what = what,
                .view = rows->view,
                .kind = kernel_kind(what->attr->type),
                .thin_at = 4096,
                .keeps_all = what->attr->type.form == MOLA_FORM_MULTI || what->k >= rows->count,
                .keep = {.ctx = ctx, .view = rows->view}};
    s.eps = (4.0 * what->attr->type.dims + 4) * (double)FLT_EPSILON;
    s.query_norm = sqrt(mola_exact_norm2(what->query, MOLA_KERNEL_F32, what->attr->type.dims));
    mola_keep_open(&s.keep);
    mola_err err = run_all(&s, rows);
    mola_hit *out = err ? NULL : mola_new(ctx->arena, mola_hit, s.held_count);
    mola_keep_close(&s.keep);
    if (err)
        return err;
    if (!out)
        return no_memory(ctx);
    for (size_t i = 0; i < s.held_count; i++) {
        const near_row *row = &s.held[i];
        out[i] = (mola_hit){.score = row->distance, .part = row->part, .row = row->row};
    }
    *hits = out;
    *count = s.held_count;
    return MOLA_OK;
}
