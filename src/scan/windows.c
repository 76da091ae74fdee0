#include "mola/scan/windows.h"
#include "scan/ahead.h"

/* A place between two windows. */
typedef struct {
    uint32_t part, index; /* walks without an order */
    size_t place;         /* in the order */
} cursor;

/* The needs of one step. Windows that follow each other make one need for each attribute. */
typedef struct {
    mola_need *needs;
    size_t count, room;
    size_t *last; /* for each attribute of the walk: 1 + its newest need; 0: none yet */
    uint64_t bytes;
} step;

typedef struct {
    mola_ctx *ctx;
    const mola_rowset *rows;
    const mola_walk *walk;
    step step, next;   /* what this step needs; and, for the time being, the one after it */
    mola_ahead *ahead; /* the fetch of that; NULL: none */
} walker;

static mola_window window_at(const walker *w, uint32_t part, uint32_t index)
{
    MOLA_ASSERT(part < w->rows->view->part_count);
    uint32_t rows = w->rows->view->parts[part].rows;
    MOLA_ASSERT(index < mola_windows(rows));
    uint64_t *bits = w->rows->bits[part];
    return (mola_window){.part = part,
                         .index = index,
                         .rows = mola_window_rows(rows, index),
                         .bits = bits ? bits + (size_t)index * MOLA_WINDOW_WORDS : NULL};
}

/* The window behind the cursor, in the order of the walk; false: there is none. */
static bool take_window(const walker *w, cursor *at, mola_window *out)
{
    const mola_view *view = w->rows->view;
    if (w->walk->order) {
        if (at->place == w->walk->order_count)
            return false;
        const mola_window_at *next = &w->walk->order[at->place++];
        *out = window_at(w, next->part, next->index);
        return true;
    }
    while (at->part < view->part_count &&
           (!w->rows->bits[at->part] || at->index == mola_windows(view->parts[at->part].rows)))
        *at = (cursor){.part = at->part + 1};
    if (at->part == view->part_count)
        return false;
    *out = window_at(w, at->part, at->index++);
    return true;
}

/* The next window that is to be visited. */
static bool next_window(const walker *w, cursor *at, mola_window *out)
{
    while (take_window(w, at, out)) {
        if (out->bits && mola_any_bit(out->bits, mola_words(out->rows)) &&
            (!w->walk->wanted || w->walk->wanted(w->walk->of, out)))
            return true;
    }
    return false;
}

static bool add_need(const walker *w, step *s, uint32_t index, const mola_need *need)
{
    mola_need *last = s->last[index] ? &s->needs[s->last[index] - 1] : NULL;
    if (last && last->part == need->part &&
        last->window_first + last->window_count == need->window_first) {
        last->window_count++;
        return true;
    }
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        mola_need *needs = mola_new(w->ctx->arena, mola_need, room);
        if (!needs)
            return false;
        if (s->count)
            memcpy(needs, s->needs, s->count * sizeof *needs);
        s->needs = needs;
        s->room = room;
    }
    s->needs[s->count++] = *need;
    s->last[index] = s->count;
    return true;
}

static mola_need need_of(const mola_window *window, uint32_t attr)
{
    return (mola_need){
        .part = window->part, .attr = attr, .window_first = window->index, .window_count = 1};
}

/* Bytes to fetch before the window can be visited. */
static uint64_t bytes_of(const walker *w, const mola_window *window)
{
    const mola_walk *walk = w->walk;
    uint64_t sum = 0;
    for (uint32_t a = 0; a < walk->attrs->count; a++) {
        mola_need need = need_of(window, walk->attrs->attrs[a]);
        uint64_t bytes = mola_view_need_bytes(w->rows->view, &need);
        if (bytes && (!walk->reads || walk->reads(walk->of, window, need.attr)))
            sum += bytes;
    }
    return sum;
}

static bool add_needs(const walker *w, step *s, const mola_window *window)
{
    const mola_walk *walk = w->walk;
    for (uint32_t a = 0; a < walk->attrs->count; a++) {
        mola_need need = need_of(window, walk->attrs->attrs[a]);
        if (mola_view_need_bytes(w->rows->view, &need) &&
            (!walk->reads || walk->reads(walk->of, window, need.attr)) && !add_need(w, s, a, &need))
            return false;
    }
    return true;
}

/* Puts one step together: what the windows from `from` on need, as many as there is room for.
 * *until: behind the last of them. *windows: how many. */
static mola_err collect(const walker *w, step *s, const cursor *from, cursor *until,
                        size_t *windows)
{
    uint64_t room = mola_step_bytes(w->rows->view);
    cursor at = *from;
    mola_window window;
    s->count = 0;
    s->bytes = 0;
    memset(s->last, 0, w->walk->attrs->count * sizeof *s->last);
    *until = *from;
    *windows = 0;
    while (next_window(w, &at, &window)) {
        uint64_t bytes = bytes_of(w, &window);
        if (bytes && s->bytes && s->bytes + bytes > room)
            return MOLA_OK;
        if (bytes && !add_needs(w, s, &window))
            return mola_scan_no_memory(w->ctx);
        s->bytes += bytes;
        ++*windows;
        *until = at;
    }
    *until = at;
    return MOLA_OK;
}

static bool is_before(const cursor *a, const cursor *b)
{
    if (a->place != b->place)
        return a->place < b->place;
    return a->part != b->part ? a->part < b->part : a->index < b->index;
}

static mola_err visit_step(const walker *w, cursor *at, const cursor *until)
{
    mola_window window;
    while (is_before(at, until) && next_window(w, at, &window)) {
        /* What was wanted a moment ago may no longer be: then this one is beyond the step. */
        if (is_before(until, at)) {
            *at = *until;
            break;
        }
        mola_err err = mola_scan_check(w->ctx);
        if (!err)
            err = w->walk->visit(w->walk->of, &window);
        if (!err) /* slow tests give up in the middle of a window */
            err = mola_scan_check(w->ctx);
        if (err)
            return err;
    }
    return w->walk->done ? w->walk->done(w->walk->of) : MOLA_OK;
}

static mola_err open_walker(walker *w, mola_ctx *ctx, const mola_rowset *rows,
                            const mola_walk *walk)
{
    *w = (walker){.ctx = ctx, .rows = rows, .walk = walk};
    w->step.last = mola_new(ctx->arena, size_t, walk->attrs->count);
    w->next.last = mola_new(ctx->arena, size_t, walk->attrs->count);
    return w->step.last && w->next.last && !walk->attrs->full ? MOLA_OK : mola_scan_no_memory(ctx);
}

/* Fetches what the step needs. What was fetched ahead of it is there already, and counted. */
static mola_err fetch_step(walker *w)
{
    mola_ctx *ctx = w->ctx;
    mola_ahead *ahead = w->ahead;
    w->ahead = NULL;
    uint64_t hit = ctx->pages_hit, missed = ctx->pages_missed;
    if (ahead && !mola_ahead_wait(ctx, ahead))
        ahead = NULL;
    uint64_t counted = ctx->pages_hit - hit + ctx->pages_missed - missed;
    hit = ctx->pages_hit;
    mola_err err = mola_view_fetch(ctx, w->rows->view, w->step.needs, w->step.count);
    if (ahead) {
        uint64_t again = ctx->pages_hit - hit;
        ctx->pages_hit -= counted < again ? counted : again;
        mola_ahead_end(ctx, ahead);
    }
    return err;
}

static bool reads_ahead(const walker *w)
{
    return w->walk->ahead && w->ctx->job;
}

/* Begins to fetch what the windows from `from` on need. */
static mola_err begin_ahead(walker *w, const cursor *from)
{
    cursor until;
    size_t windows;
    mola_err err = collect(w, &w->next, from, &until, &windows);
    if (!err && w->next.count)
        w->ahead = mola_ahead_begin(w->ctx, w->rows->view, w->next.needs, w->next.count);
    return err;
}

mola_err mola_scan_windows(mola_ctx *ctx, const mola_rowset *rows, const mola_walk *walk)
{
    walker w;
    cursor at = {0}, until;
    mola_err err = open_walker(&w, ctx, rows, walk);
    for (size_t windows = 1; !err && windows;) {
        mola_pin *mark = ctx->pins;
        uint64_t missed = ctx->pages_missed;
        err = collect(&w, &w.step, &at, &until, &windows);
        if (!err && w.step.count)
            err = fetch_step(&w);
        if (!err && reads_ahead(&w) && ctx->pages_missed > missed)
            err = begin_ahead(&w, &until);
        if (!err && windows)
            err = visit_step(&w, &at, &until);
        mola_view_release(ctx, mark);
    }
    if (w.ahead)
        mola_ahead_end(ctx, w.ahead);
    return err;
}

mola_err mola_scan_ahead(mola_ctx *ctx, const mola_rowset *rows, const mola_walk *walk)
{
    walker w;
    cursor at = {0}, until;
    mola_window beyond;
    size_t windows;
    mola_err err = open_walker(&w, ctx, rows, walk);
    if (!err)
        err = collect(&w, &w.step, &at, &until, &windows);
    if (err || !w.step.count || w.step.bytes > mola_step_bytes(rows->view) ||
        next_window(&w, &until, &beyond))
        return err;
    return mola_view_fetch(ctx, rows->view, w.step.needs, w.step.count);
}
