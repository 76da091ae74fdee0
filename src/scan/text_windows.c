#include "scan/text_windows.h"
#include "mola/base/check.h"
#include "mola/format/dictionary.h"
#include "mola/model/cell.h"

/* The terms of one clause in one part. */
typedef struct {
    mola_text_windows *windows;
    uint32_t part;
} job;

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    job *jobs;
    size_t count;
    mola_need *needs; /* of a step */
    size_t need_count, need_room;
} reader;

enum { NEEDS_MAX = 1024 }; /* of a step, and a query's own terms */

static mola_err list_jobs(reader *r, mola_text_windows *const *all, uint32_t count)
{
    uint32_t parts = r->view->part_count, most = 0;
    r->jobs = mola_new(r->ctx->arena, job, (size_t)count * r->view->segment_count);
    if (!r->jobs)
        return mola_scan_no_memory(r->ctx);
    for (uint32_t i = 0; i < count; i++) {
        all[i]->view = r->view;
        all[i]->parts = mola_new(r->ctx->arena, mola_text_part, parts);
        if (!all[i]->parts)
            return mola_scan_no_memory(r->ctx);
        most = all[i]->terms->count > most ? all[i]->terms->count : most;
        for (uint32_t p = 0; p < r->view->segment_count; p++) {
            const mola_segment_head *head = mola_part_segment(r->view->parts[p].part);
            uint32_t column = mola_dictionary_attr(all[i]->of->column);
            if (!head || mola_windows(head->rows) < all[i]->windows_min ||
                !mola_segment_find(head, all[i]->of->column) || !mola_segment_find(head, column))
                continue;
            all[i]->parts[p] = (mola_text_part){.known = true, .windows = mola_windows(head->rows)};
            r->jobs[r->count++] = (job){all[i], p};
        }
    }
    r->need_room = NEEDS_MAX + most;
    r->needs = mola_new(r->ctx->arena, mola_need, r->need_room);
    return r->needs ? MOLA_OK : mola_scan_no_memory(r->ctx);
}

static mola_need need_of(const job *j, uint32_t term)
{
    uint32_t windows = j->windows->parts[j->part].windows;
    return (mola_need){.part = j->part,
                       .attr = mola_dictionary_attr(j->windows->of->column),
                       .window_first =
                           mola_dictionary_shard(j->windows->terms->terms[term], windows),
                       .window_count = 1};
}

/* How much memory the needs of a job take, once they are noted. */
static uint64_t add_needs(reader *r, const job *j)
{
    uint64_t bytes = 0;
    MOLA_ASSERT(r->needs && r->need_count + j->windows->terms->count <= r->need_room);
    for (uint32_t i = 0; i < j->windows->terms->count; i++) {
        mola_need need = need_of(j, i);
        bytes += mola_view_need_bytes(r->view, &need);
        r->needs[r->need_count++] = need;
    }
    return bytes;
}

static mola_err read_term(const reader *r, const job *j, uint32_t term)
{
    const mola_text_windows *w = j->windows;
    mola_text_part *part = &w->parts[j->part];
    mola_need need = need_of(j, term);
    mola_column column;
    mola_dictionary d;
    bool have =
        mola_part_column(r->view->parts[j->part].part, need.attr, need.window_first, &column) &&
        column.type.form == MOLA_FORM_SCALAR && column.type.elem == MOLA_ELEM_BYTES &&
        mola_column_has(&column, 0);
    if (!have || mola_dictionary_open(mola_cell_text(&column, 0), need.window_first, part->windows,
                                      w->of->attr, &w->of->analysis, &d) != MOLA_OK)
        return mola_fail(r->ctx->why, MOLA_CORRUPT, "the dictionary of a segment is damaged");
    part->documents = d.documents;
    part->tokens = d.tokens;
    part->k1 = d.k1;
    part->b = d.b;
    part->average = d.average;
    mola_str list = mola_dictionary_find(&d, w->terms->terms[term]);
    return mola_arena_copy(r->ctx->arena, list, &part->lists[term]) ? MOLA_OK
                                                                    : mola_scan_no_memory(r->ctx);
}

static mola_err read_job(const reader *r, const job *j)
{
    uint32_t terms = j->windows->terms->count;
    mola_text_part *part = &j->windows->parts[j->part];
    part->lists = mola_new(r->ctx->arena, mola_str, terms);
    mola_err err = part->lists ? mola_scan_check(r->ctx) : mola_scan_no_memory(r->ctx);
    for (uint32_t i = 0; i < terms && !err; i++)
        err = read_term(r, j, i);
    return err;
}

/* As many jobs from `first` on as a step has room for, at least one. *until: behind them. */
static mola_err read_step(reader *r, size_t first, size_t *until)
{
    uint64_t bytes = 0, room = mola_step_bytes(r->view);
    mola_pin *mark = r->ctx->pins;
    size_t at = first;
    r->need_count = 0;
    while (at < r->count &&
           (at == first ||
            (bytes < room && r->need_count + r->jobs[at].windows->terms->count <= r->need_room)))
        bytes += add_needs(r, &r->jobs[at++]);
    mola_err err = mola_view_fetch(r->ctx, r->view, r->needs, r->need_count);
    for (size_t i = first; i < at && !err; i++)
        err = read_job(r, &r->jobs[i]);
    mola_view_release(r->ctx, mark);
    *until = at;
    return err;
}

mola_err mola_text_windows_read(mola_ctx *ctx, const mola_view *view, mola_text_windows *const *all,
                                uint32_t count)
{
    reader r = {.ctx = ctx, .view = view};
    mola_err err = list_jobs(&r, all, count);
    for (size_t at = 0; at < r.count && !err;)
        err = read_step(&r, at, &at);
    return err;
}

/* ---- bounds ---- */

static bool is_same(double a, double b)
{
    return !(a < b) && !(a > b);
}

enum { IMPACT_MAX = 255 };
/* Sums of f64 in another order than a score's. */
static const double rounding = 1 + 1e-9;

/* Impacts were counted by the average then. By a larger one now, times / (times + norm) is larger
 * by not more than as many times, for norm is smaller by not more. */
static bool bound_part(mola_arena *arena, const mola_text_terms *terms, mola_text_part *part,
                       const mola_text_weights *q)
{
    double scale = q->average > part->average ? q->average / part->average : 1;
    part->bounds = mola_new(arena, double, part->windows);
    part->each = mola_new(arena, double, terms->count);
    bool few = terms->count <= MOLA_TEXT_FEW_TERMS;
    if (few) {
        part->impacts = mola_new(arena, uint8_t, (size_t)part->windows * terms->count);
        part->numbers = mola_new(arena, uint32_t, (size_t)part->windows * terms->count);
    }
    if (!part->bounds || !part->each || (few && (!part->impacts || !part->numbers)))
        return false;
    for (uint32_t i = 0; i < terms->count; i++) {
        double each = part->each[i] = q->weights[i] * scale / IMPACT_MAX;
        mola_dictionary_walk walk;
        mola_dictionary_walk_begin(part->lists[i], part->windows, &walk);
        while (mola_dictionary_next(&walk)) {
            part->bounds[walk.window] += each * walk.impact;
            size_t at = (size_t)walk.window * terms->count + i;
            if (few) {
                part->impacts[at] = walk.impact;
                part->numbers[at] = walk.term;
            }
        }
    }
    for (uint32_t w = 0; w < part->windows; w++)
        part->bounds[w] = part->bounds[w] * rounding + q->more;
    return true;
}

bool mola_text_windows_bound(mola_arena *arena, mola_text_windows *w, const mola_text_weights *q)
{
    for (uint32_t p = 0; p < w->view->segment_count; p++) {
        mola_text_part *part = &w->parts[p];
        bool counted_so = part->known && (w->terms->count == 0 ||
                                          (is_same(part->k1, q->k1) && is_same(part->b, q->b) &&
                                           part->average > 0 && q->b >= 0 && q->b <= 1));
        if (counted_so && !bound_part(arena, w->terms, part, q))
            return false;
    }
    return true;
}

/* The terms that can score least are not essential, as long as all of them together stay below
 * `least`. */
bool mola_text_windows_mask(const mola_text_windows *w, uint32_t number, uint32_t window,
                            double least, mola_text_terms_mask *out)
{
    const mola_text_part *part = &w->parts[number];
    uint32_t count = w->terms->count;
    double together = 0;
    if (!part->impacts)
        return false;
    const uint8_t *impacts = part->impacts + (size_t)window * count;
    *out = (mola_text_terms_mask){.numbers = part->numbers + (size_t)window * count};
    for (uint32_t i = 0; i < count; i++)
        out->present |= (uint64_t)(impacts[i] > 0) << i;
    out->essential = out->present;
    while (out->essential) {
        uint32_t smallest = MOLA_NO_TERM;
        double score = 0;
        for (uint64_t rest = out->essential; rest; rest &= rest - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(rest);
            double own = part->each[i] * impacts[i];
            if (smallest == MOLA_NO_TERM || own < score) {
                smallest = i;
                score = own;
            }
        }
        together += score;
        if ((double)(float)(together * rounding) >= least)
            break;
        out->essential &= ~((uint64_t)1 << smallest);
    }
    return true;
}
