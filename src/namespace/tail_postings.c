#include "namespace/tail_postings.h"
#include "mola/format/postings.h"
#include "namespace/name.h"

/* The pages of one column of postings of a part, and who makes them. */
typedef struct mola_tail_texts {
    struct mola_tail_texts *next;
    uint32_t column, windows;
    struct {
        mola_cached_page *page;
        bool claim;
    } slots[];
} tail_texts;

static size_t size_of(uint32_t windows)
{
    return sizeof(tail_texts) + windows * sizeof((tail_texts *)NULL)->slots[0];
}

/* The lock of the pages is held. */
static tail_texts *find_texts(const mola_part *part, uint32_t column)
{
    tail_texts *t = part->texts;
    while (t && t->column != column)
        t = t->next;
    return t;
}

/* NULL: no memory. */
static tail_texts *texts_of(mola_part *part, uint32_t column)
{
    mola_lock *lock = &part->home->pages.lock;
    mola_lock_take(lock);
    tail_texts *t = find_texts(part, column);
    mola_lock_give(lock);
    if (t)
        return t;
    uint32_t windows = mola_windows(part->rows);
    tail_texts *fresh = mola_alloc(part->heap, size_of(windows));
    if (!fresh)
        return NULL;
    fresh->column = column;
    fresh->windows = windows;
    mola_lock_take(lock);
    t = find_texts(part, column);
    if (!t) {
        fresh->next = part->texts;
        part->texts = t = fresh;
        fresh = NULL;
    }
    mola_lock_give(lock);
    mola_free(part->heap, fresh, fresh ? size_of(windows) : 0);
    return t;
}

void mola_tail_texts_free(mola_part *part)
{
    for (tail_texts *t = part->texts, *next; t; t = next) {
        next = t->next;
        for (uint32_t w = 0; w < t->windows; w++) {
            MOLA_ASSERT(!t->slots[w].claim);
            mola_pages_drop(&part->home->pages, &t->slots[w].page, 1);
        }
        mola_free(part->heap, t, size_of(t->windows));
    }
    part->texts = NULL;
}

/* ---- what is pinned ---- */

static const mola_cached_page *pinned(const mola_part *part, uint32_t column, uint32_t window)
{
    MOLA_LOCKED(&part->home->pages.lock); /* of the list: others may add to it */
    const tail_texts *t = find_texts(part, column);
    MOLA_ASSERT(t && window < t->windows && t->slots[window].page);
    MOLA_ASSERT(t->slots[window].page->pins > 0); /* what was not fetched cannot be read */
    return t->slots[window].page;
}

bool mola_tail_postings_made(const mola_part *part, uint32_t column, uint32_t window)
{
    return pinned(part, column, window)->column_count > 0;
}

bool mola_tail_postings(const mola_part *part, uint32_t column, uint32_t window, mola_column *out)
{
    const mola_cached_page *page = pinned(part, column, window);
    MOLA_ASSERT(page->column_count == 1);
    *out = page->columns[0].column;
    return out->rows > 0;
}

/* ---- what is to be made ---- */

/* The attribute that a need wants the postings of, when the part is one in memory that has them. */
static const mola_attr *attr_of(const mola_view *view, const mola_need *need)
{
    const mola_part *part = view->parts[need->part].part;
    if (!(need->attr & MOLA_ATTR_DERIVED) || part->segment)
        return NULL;
    for (uint32_t i = 0; i < view->state->attr_count; i++) {
        const mola_attr *attr = &view->state->attrs[i];
        if (!attr->has_fts)
            continue;
        mola_analysis analysis = mola_fts_analysis(&attr->fts);
        if (mola_postings_attr(attr->id, &analysis) == need->attr)
            return mola_part_has_postings(part, attr->id, need->attr) ? attr : NULL;
    }
    return NULL;
}

/* Bytes of texts of rows [first, first + rows). */
static uint64_t text_bytes(const mola_column *texts, uint32_t first, uint32_t rows)
{
    uint32_t from = first, until = first + rows;
    if (texts->row_from) {
        from = texts->row_from[from];
        until = texts->row_from[until];
    }
    return texts->byte_from[until] - texts->byte_from[from];
}

static uint32_t window_rows(const mola_part *part, uint32_t window)
{
    uint32_t left = part->rows - window * MOLA_WINDOW_ROWS;
    return left < MOLA_WINDOW_ROWS ? left : MOLA_WINDOW_ROWS;
}

uint64_t mola_tail_postings_bytes(const mola_view *view, const mola_need *need)
{
    enum { ROW_BYTES = 9, PAGE_BYTES = 1024 }; /* length, offset and bit of each row; the rest */
    const mola_attr *attr = attr_of(view, need);
    if (!attr)
        return 0;
    const mola_part *part = view->parts[need->part].part;
    const mola_column *texts = mola_part_attr_column(part, attr->id);
    uint64_t bytes = 0;
    for (uint32_t w = need->window_first; w < need->window_first + need->window_count; w++) {
        uint32_t rows = window_rows(part, w);
        bytes +=
            text_bytes(texts, w * MOLA_WINDOW_ROWS, rows) + (uint64_t)rows * ROW_BYTES + PAGE_BYTES;
    }
    return bytes;
}

/* One fetch. The analyzer is made when the first window is, and serves as long as the attribute
 * stays the same. */
typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    uint64_t own_bytes; /* of the view itself: it stays, whatever else is dropped */
    bool own_known;
    mola_arena arena; /* of the analyzer */
    mola_analyzer *analyzer;
    const mola_attr *attr; /* of the analyzer */
    mola_analysis analysis;
} making;

typedef struct {
    const mola_part *part;
    const mola_attr *attr;
    uint32_t window;
} target;

static bool make_analyzer(making *m, const mola_attr *attr)
{
    if (m->analyzer && m->attr == attr)
        return true;
    mola_arena_reset(&m->arena);
    m->attr = attr;
    m->analysis = mola_fts_analysis(&attr->fts);
    m->analyzer = mola_analyzer_new(&m->arena, &m->analysis);
    return m->analyzer != NULL;
}

/* The rows that the builder has, as an image in the cell of the first of them. */
static mola_err add_image(mola_heap *heap, mola_postings_builder *b, mola_column_builder *out)
{
    uint32_t rows = mola_postings_rows(b);
    if (rows == 0)
        return MOLA_OK;
    mola_buf image;
    mola_buf_init(&image, heap);
    mola_err err = mola_postings_finish(b, &image);
    mola_value cell = {.elem = MOLA_ELEM_BYTES, .s = mola_buf_str(&image)};
    if (!err)
        err = mola_column_add_value(out, &cell);
    if (!err)
        err = mola_column_add_absent(out, rows - 1);
    mola_buf_free(&image);
    return err;
}

/* 0 is none, as for whoever walks over windows. */
static uint64_t deadline_of(const mola_ctx *ctx)
{
    return ctx->deadline_ns ? ctx->deadline_ns : MOLA_NEVER;
}

static mola_err add_texts(making *m, const mola_column *texts, mola_heap *heap,
                          mola_postings_builder *b, mola_column_builder *out)
{
    enum { ROWS_UNCHECKED = 64 };
    mola_err err = MOLA_OK;
    for (uint32_t row = 0; row < texts->rows && !err; row++) {
        if (row % ROWS_UNCHECKED == 0 && mola_boot_ns(m->ctx->env) >= deadline_of(m->ctx))
            return MOLA_UNAVAILABLE;
        mola_postings_begin_row(b);
        if (mola_column_has(texts, row))
            err = mola_postings_add_value(b, m->analyzer, texts, row);
        if (!err && mola_postings_tokens(b) >= MOLA_POSTINGS_TOKENS_MAX)
            err = add_image(heap, b, out);
    }
    return err ? err : add_image(heap, b, out);
}

static bool any_value(const mola_column *texts)
{
    for (uint32_t row = 0; row < texts->rows; row++) {
        if (mola_column_has(texts, row))
            return true;
    }
    return false;
}

/* MOLA_NO_MEMORY; MOLA_UNAVAILABLE: the deadline is over. */
static mola_err fill(making *m, const target *t, mola_cached_page *page)
{
    mola_column texts;
    mola_cached_column *c = &page->columns[0];
    bool have = mola_part_column(t->part, t->attr->id, t->window, &texts);
    MOLA_ASSERT(have);
    if (!any_value(&texts))
        return MOLA_OK;
    mola_postings_builder *b =
        make_analyzer(m, t->attr) ? mola_postings_builder_new(page->heap, t->attr->id, &m->analysis)
                                  : NULL;
    if (!b)
        return MOLA_NO_MEMORY;
    mola_column_builder_init(&c->builder, page->heap,
                             (mola_type){.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_BYTES});
    mola_err err = add_texts(m, &texts, page->heap, b, &c->builder);
    mola_postings_builder_free(b);
    if (err)
        return err;
    mola_part_trim(&c->builder);
    c->column = mola_column_built(&c->builder);
    MOLA_ASSERT(c->column.rows == texts.rows);
    return MOLA_OK;
}

/* What making the postings of a window may take at the most, the page included: a token is a byte
 * and a gap or an element, and takes 12 bytes in a buffer that doubles; an image ends at some
 * number of tokens or with the row that passes it. */
static uint64_t most_bytes(const target *t)
{
    enum { A_TOKEN = 40, A_ROW = 16, AT_LEAST = 64 * 1024 };
    const mola_column *texts = mola_part_attr_column(t->part, t->attr->id);
    uint32_t first = t->window * MOLA_WINDOW_ROWS, rows = window_rows(t->part, t->window);
    uint64_t bytes = 0, longest = 0;
    for (uint32_t row = first; row < first + rows; row++) {
        uint64_t elements = texts->row_from ? texts->row_from[row + 1] - texts->row_from[row] : 1;
        uint64_t here = text_bytes(texts, row, 1) + elements;
        bytes += here;
        longest = here > longest ? here : longest;
    }
    uint64_t tokens = (bytes + 1) / 2, at_once = MOLA_POSTINGS_TOKENS_MAX + (longest + 1) / 2;
    return AT_LEAST + (uint64_t)rows * A_ROW + 2 * bytes +
           A_TOKEN * (tokens < at_once ? tokens : at_once);
}

/* Other things make room before the work begins, and not when half of it is done. false: there is
 * none. */
static bool make_room(making *m, const target *t)
{
    mola_namespaces *all = t->part->home;
    mola_heap *heap = &all->views.heap;
    uint64_t wanted = most_bytes(t);
    for (uint32_t i = m->view->segment_count; !m->own_known && i < m->view->part_count; i++)
        m->own_bytes += mola_part_bytes(m->view->parts[i].part);
    m->own_known = true;
    if (wanted > heap->limit || m->own_bytes > heap->limit - wanted)
        return false; /* whatever is dropped */
    for (uint32_t round = 0;; round++) {
        size_t used = atomic_load_explicit(&heap->used, memory_order_relaxed);
        if (used <= heap->limit && heap->limit - used >= wanted)
            return true;
        if (!mola_evict_beside(all, m->view->nsid, round))
            return false;
    }
}

static mola_err make(making *m, const target *t, mola_cached_page **out)
{
    mola_heap *heap = &t->part->home->views.heap;
    mola_metrics *metrics = m->ctx->env->metrics;
    mola_cached_page *page = make_room(m, t) ? mola_cached_page_new(heap, 1, 0) : NULL;
    mola_err err = page ? fill(m, t, page) : MOLA_NO_MEMORY;
    if (err && page)
        mola_cached_page_discard(page);
    if (err == MOLA_NO_MEMORY) {
        page = mola_cached_page_new(heap, 0, 0);
        err = page ? MOLA_OK : MOLA_NO_MEMORY;
        mola_count(metrics, MOLA_M_tail_postings_refused_total, 1);
    } else if (!err) {
        mola_count(metrics, MOLA_M_tail_postings_total, 1);
    }
    *out = page;
    return err;
}

/* ---- the fetch ---- */

typedef enum { LEAVE, AWAIT } patience; /* with a window that another thread is making */

static mola_err await(making *m, mola_pages *pages, const bool *claim)
{
    mola_job_pause(m->ctx->job);
    bool in_time = mola_pages_await(pages, claim, deadline_of(m->ctx));
    mola_job_resume(m->ctx->job);
    return in_time ? MOLA_OK : MOLA_UNAVAILABLE;
}

/* *left: it was left to another thread. */
static mola_err fetch_window(making *m, const target *t, tail_texts *texts, patience how,
                             bool *left)
{
    mola_pages *pages = &t->part->home->pages;
    mola_cached_page **slot = &texts->slots[t->window].page;
    bool *claim = &texts->slots[t->window].claim;
    for (;;) {
        bool ours;
        mola_err err = MOLA_OK;
        mola_cached_page *page = mola_pages_claim(pages, slot, claim, &ours);
        if (page)
            return mola_pin_page(m->ctx, pages, page) ? MOLA_OK : MOLA_NO_MEMORY;
        if (ours) {
            err = make(m, t, &page);
            if (!err)
                page = mola_pages_add(pages, slot, page);
            mola_pages_unclaim(pages, claim);
            if (!err)
                err = mola_pin_page(m->ctx, pages, page) ? MOLA_OK : MOLA_NO_MEMORY;
            return err;
        }
        *left = true;
        if (how == AWAIT)
            err = await(m, pages, claim);
        if (err || how == LEAVE)
            return err;
    }
}

/* What others are making is left to the second round, so that threads that come together share
 * the work. What the first one pinned is pinned twice then. */
static mola_err fetch_round(making *m, const mola_need *needs, size_t count, patience how,
                            bool *left)
{
    for (size_t i = 0; i < count; i++) {
        const mola_need *need = &needs[i];
        const mola_attr *attr = attr_of(m->view, need);
        mola_part *part = m->view->parts[need->part].part;
        tail_texts *texts = attr ? texts_of(part, need->attr) : NULL;
        if (attr && !texts)
            return MOLA_NO_MEMORY;
        for (uint32_t w = 0; attr && w < need->window_count; w++) {
            target t = {.part = part, .attr = attr, .window = need->window_first + w};
            mola_err err = fetch_window(m, &t, texts, how, left);
            if (err)
                return err;
        }
    }
    return MOLA_OK;
}

mola_err mola_tail_postings_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                                  size_t count)
{
    making m = {.ctx = ctx, .view = view};
    bool left = false;
    mola_arena_init(&m.arena, ctx->env->heap, SIZE_MAX);
    mola_err err = fetch_round(&m, needs, count, LEAVE, &left);
    if (!err && left)
        err = fetch_round(&m, needs, count, AWAIT, &left);
    mola_arena_reset(&m.arena);
    if (err == MOLA_UNAVAILABLE)
        return mola_fail(ctx->why, err, "the query took longer than a request may take");
    return err;
}
