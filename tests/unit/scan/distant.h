/* distant.h - parts whose rows are not in memory, for tests: the view's reading functions are
 * wrapped by the linker (--wrap) and refuse what the contract of view.h refuses.
 *
 * The first parts of a view become segments by distant_on. Their columns can be had only after a
 * fetch, as copies that are wiped at the release; zones are true, sometimes wider than need be and
 * sometimes unknown. With nothing distant everything goes to the real functions. */
#pragma once
#include "views.h"

typedef struct {
    const mola_part *part;
    uint32_t attr, window, pins;
    mola_column_builder copy;
    mola_column column;
} distant_page;

/* What a request holds: one page, or gathered columns. */
struct mola_pin {
    mola_pin *next;
    distant_page *page;
    mola_column_builder gathered;
};

typedef struct {
    const mola_part *part;
    uint32_t attr, window;
    bool known;
    mola_zone zone;
} distant_zone;

static struct {
    mola_view *view; /* NULL: all is in memory */
    uint32_t parts;  /* the first ones are distant */
    uint64_t dice;
    uint64_t window_bytes; /* what one attribute of a window claims to take; 0: what it does */
    bool no_zones, exact_zones;
    distant_page *pages[4096];
    uint32_t page_count, page_most; /* pinned now; the most at once */
    distant_zone zones[8192];
    uint32_t zone_count;
    uint32_t fetched;  /* pages that were not pinned when they were asked for */
    uint32_t gathers;  /* calls that had to go out */
    uint32_t fail_at;  /* the fetch or gather after so many fails ... */
    mola_err fail_how; /* ... like this; MOLA_OK: none does */
} distant;

static inline uint32_t distant_roll(uint32_t sides)
{
    distant.dice = distant.dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(distant.dice >> 33) % sides;
}

static inline void distant_off(mola_view *view)
{
    MUST(distant.page_count == 0);
    distant.view = NULL;
    distant.parts = 0;
    view->segment_count = 0;
}

/* The first `parts` parts of the view are segments from now on. */
static inline void distant_on(mola_view *view, uint32_t parts, uint64_t seed)
{
    MUST(parts <= view->part_count);
    MUST(distant.page_count == 0);
    memset(&distant, 0, sizeof distant);
    distant.view = view;
    distant.parts = view->segment_count = parts;
    distant.dice = seed;
}

static inline bool is_distant(const mola_part *part)
{
    for (uint32_t p = 0; p < distant.parts; p++) {
        if (distant.view->parts[p].part == part)
            return true;
    }
    return false;
}

/* ---- pages */

mola_err __real_mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                                size_t count);
mola_err __wrap_mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                                size_t count);
uint64_t __real_mola_view_need_bytes(const mola_view *view, const mola_need *need);
uint64_t __wrap_mola_view_need_bytes(const mola_view *view, const mola_need *need);
void __real_mola_view_release(mola_ctx *ctx, mola_pin *mark);
void __wrap_mola_view_release(mola_ctx *ctx, mola_pin *mark);
bool __real_mola_part_column(const mola_part *part, uint32_t attr, uint32_t window,
                             mola_column *out);
bool __wrap_mola_part_column(const mola_part *part, uint32_t attr, uint32_t window,
                             mola_column *out);
bool __real_mola_part_zone(const mola_part *part, uint32_t attr, uint32_t window, mola_zone *out);
bool __wrap_mola_part_zone(const mola_part *part, uint32_t attr, uint32_t window, mola_zone *out);
mola_err __real_mola_view_gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at,
                                 uint32_t count, const uint32_t *attrs, uint32_t attr_count,
                                 mola_column **columns);
mola_err __wrap_mola_view_gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at,
                                 uint32_t count, const uint32_t *attrs, uint32_t attr_count,
                                 mola_column **columns);
mola_err __real_mola_view_locate(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                                 mola_row_at *at);
mola_err __wrap_mola_view_locate(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                                 mola_row_at *at);
bool __real_mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part,
                           uint32_t *row);
bool __wrap_mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part,
                           uint32_t *row);
bool __real_mola_part_whole_column(const mola_part *part, uint32_t attr, mola_column *out);
bool __wrap_mola_part_whole_column(const mola_part *part, uint32_t attr, mola_column *out);

static inline distant_page **distant_find(const mola_part *part, uint32_t attr, uint32_t window)
{
    for (uint32_t i = 0; i < distant.page_count; i++) {
        distant_page *page = distant.pages[i];
        if (page->part == part && page->attr == attr && page->window == window)
            return &distant.pages[i];
    }
    return NULL;
}

/* The rows of a window, if one of them has a value. */
static inline bool distant_rows(const mola_part *part, uint32_t attr, uint32_t window,
                                mola_column *out)
{
    if (!__real_mola_part_column(part, attr, window, out))
        return false;
    for (uint32_t row = 0; row < out->rows; row++) {
        if (mola_column_has(out, row))
            return true;
    }
    return false;
}

static inline void distant_wipe(mola_column_builder *b)
{
    mola_buf *all[] = {&b->present, &b->row_from, &b->byte_from, &b->data, &b->weights};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i]->data)
            memset(all[i]->data, 0xDD, all[i]->room);
    }
    mola_column_builder_free(b);
}

static inline mola_pin *distant_pin(mola_ctx *ctx)
{
    mola_pin *pin = mola_alloc(distant.view->heap, sizeof *pin);
    MUST(pin);
    pin->next = ctx->pins;
    ctx->pins = pin;
    return pin;
}

/* Whether it had to be fetched. */
static inline bool distant_pin_page(mola_ctx *ctx, const mola_part *part, uint32_t attr,
                                    uint32_t window, const mola_column *rows)
{
    distant_page **known = distant_find(part, attr, window);
    distant_page *page = known ? *known : mola_alloc(distant.view->heap, sizeof *page);
    MUST(page);
    if (!known) {
        *page = (distant_page){.part = part, .attr = attr, .window = window};
        mola_column_builder_init(&page->copy, distant.view->heap, rows->type);
        MUST(mola_column_add_rows(&page->copy, rows, 0, rows->rows) == MOLA_OK);
        page->column = mola_column_built(&page->copy);
        MUST(distant.page_count < sizeof distant.pages / sizeof *distant.pages);
        distant.pages[distant.page_count++] = page;
        distant.fetched++;
        if (distant.page_most < distant.page_count)
            distant.page_most = distant.page_count;
    }
    page->pins++;
    distant_pin(ctx)->page = page;
    return !known;
}

static inline mola_err distant_fault(mola_ctx *ctx)
{
    if (!distant.fail_how || distant.fail_at--)
        return MOLA_OK;
    mola_err err = distant.fail_how;
    distant.fail_how = MOLA_OK;
    return mola_fail(ctx->why, err, "this read was told to fail");
}

mola_err __wrap_mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                                size_t count)
{
    if (distant.view != view)
        return __real_mola_view_fetch(ctx, view, needs, count);
    bool out = false;
    mola_err err = distant_fault(ctx);
    for (size_t i = 0; i < count && !err; i++) {
        const mola_need *need = &needs[i];
        MUST(need->part < view->part_count);
        for (uint32_t w = 0; w < need->window_count; w++) {
            const mola_part *part = view->parts[need->part].part;
            mola_column rows;
            if (need->part < distant.parts &&
                distant_rows(part, need->attr, need->window_first + w, &rows))
                out |= distant_pin_page(ctx, part, need->attr, need->window_first + w, &rows);
        }
    }
    ctx->roundtrips += out;
    return err;
}

uint64_t __wrap_mola_view_need_bytes(const mola_view *view, const mola_need *need)
{
    uint64_t bytes = 0;
    if (distant.view != view)
        return __real_mola_view_need_bytes(view, need);
    for (uint32_t w = 0; w < need->window_count && need->part < distant.parts; w++) {
        mola_column rows;
        if (distant_rows(view->parts[need->part].part, need->attr, need->window_first + w, &rows))
            bytes += distant.window_bytes ? distant.window_bytes : 16 * rows.rows;
    }
    return bytes;
}

static inline void distant_unpin(mola_pin *pin)
{
    distant_page *page = pin->page;
    if (!page) {
        distant_wipe(&pin->gathered);
    } else if (--page->pins == 0) {
        distant_page **at = distant_find(page->part, page->attr, page->window);
        *at = distant.pages[--distant.page_count];
        distant_wipe(&page->copy);
        mola_free(distant.view->heap, page, sizeof *page);
    }
    mola_free(distant.view->heap, pin, sizeof *pin);
}

void __wrap_mola_view_release(mola_ctx *ctx, mola_pin *mark)
{
    if (!distant.view) {
        __real_mola_view_release(ctx, mark);
        return;
    }
    while (ctx->pins != mark) {
        mola_pin *pin = ctx->pins;
        MUST(pin);
        ctx->pins = pin->next;
        distant_unpin(pin);
    }
}

bool __wrap_mola_part_column(const mola_part *part, uint32_t attr, uint32_t window,
                             mola_column *out)
{
    mola_column rows;
    if (!is_distant(part))
        return __real_mola_part_column(part, attr, window, out);
    if (!distant_rows(part, attr, window, &rows))
        return false;
    distant_page **page = distant_find(part, attr, window);
    MUST(page); /* a window was read that nobody fetched */
    *out = (*page)->column;
    return true;
}

bool __wrap_mola_part_whole_column(const mola_part *part, uint32_t attr, mola_column *out)
{
    MUST(!is_distant(part));
    return __real_mola_part_whole_column(part, attr, out);
}

/* ---- zones */

static inline void distant_measure(const mola_part *part, uint32_t attr, uint32_t window,
                                   mola_zone *out)
{
    mola_column c;
    *out = (mola_zone){.least = UINT64_MAX};
    if (!__real_mola_part_column(part, attr, window, &c)) {
        out->any_null = true;
        return;
    }
    for (uint32_t row = 0; row < c.rows; row++) {
        bool is_list = c.type.form == MOLA_FORM_ARRAY;
        if (!mola_column_has(&c, row)) {
            out->any_null = true;
            continue;
        }
        uint32_t from = is_list ? c.row_from[row] : row;
        uint32_t until = is_list ? c.row_from[row + 1] : row + 1;
        for (uint32_t e = from; e < until; e++) {
            uint64_t key = mola_sort_key(&c, e);
            out->any_value = true;
            out->least = key < out->least ? key : out->least;
            out->most = key > out->most ? key : out->most;
        }
    }
    if (!out->any_value)
        out->least = 0;
}

static inline void distant_widen(mola_zone *zone)
{
    uint64_t by = (uint64_t)1 << distant_roll(64);
    if (distant_roll(4) == 0 && zone->any_value)
        zone->least = zone->least > by ? zone->least - by : 0;
    if (distant_roll(4) == 0 && zone->any_value)
        zone->most = zone->most < UINT64_MAX - by ? zone->most + by : UINT64_MAX;
    if (distant_roll(8) == 0)
        zone->any_null = true;
}

bool __wrap_mola_part_zone(const mola_part *part, uint32_t attr, uint32_t window, mola_zone *out)
{
    if (!is_distant(part) || distant.no_zones)
        return false;
    mola_column c;
    if (__real_mola_part_column(part, attr, window, &c) && c.type.form != MOLA_FORM_SCALAR &&
        c.type.form != MOLA_FORM_ARRAY)
        return false;
    for (uint32_t i = 0; i < distant.zone_count; i++) {
        const distant_zone *z = &distant.zones[i];
        if (z->part == part && z->attr == attr && z->window == window) {
            *out = z->zone;
            return z->known;
        }
    }
    MUST(distant.zone_count < sizeof distant.zones / sizeof *distant.zones);
    distant_zone *z = &distant.zones[distant.zone_count++];
    *z = (distant_zone){part, attr, window, distant.exact_zones || distant_roll(8) != 0, {0}};
    distant_measure(part, attr, window, &z->zone);
    if (!distant.exact_zones)
        distant_widen(&z->zone);
    *out = z->zone;
    return z->known;
}

/* ---- rows */

static inline bool distant_gather(mola_ctx *ctx, const mola_row_at *at, uint32_t count,
                                  uint32_t attr, mola_column *out)
{
    const mola_view *view = distant.view;
    const mola_attr *a = mola_state_attr(view->state, attr);
    mola_pin *pin = distant_pin(ctx);
    mola_type type = a ? a->type : (mola_type){.elem = view->state->id_type};
    mola_column_builder_init(&pin->gathered, view->heap, type);
    bool any = false, far = false;
    for (uint32_t i = 0; i < count; i++) {
        MUST(at[i].part < view->part_count && at[i].row < view->parts[at[i].part].rows);
        const mola_part *part = view->parts[at[i].part].part;
        uint32_t window = at[i].row / MOLA_WINDOW_ROWS, row = at[i].row % MOLA_WINDOW_ROWS;
        mola_column c;
        bool have = distant_rows(part, attr, window, &c);
        far = far || (have && at[i].part < distant.parts && !distant_find(part, attr, window));
        any = any || (have && mola_column_has(&c, row));
        MUST(mola_part_add_cell(&pin->gathered, have ? &c : NULL, row) == MOLA_OK);
    }
    *out = any ? mola_column_built(&pin->gathered) : (mola_column){0};
    return far;
}

mola_err __wrap_mola_view_gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at,
                                 uint32_t count, const uint32_t *attrs, uint32_t attr_count,
                                 mola_column **columns)
{
    if (distant.view != view)
        return __real_mola_view_gather(ctx, view, at, count, attrs, attr_count, columns);
    mola_err err = distant_fault(ctx);
    bool far = false;
    *columns = mola_new(ctx->arena, mola_column, attr_count);
    if (!*columns)
        return MOLA_NO_MEMORY;
    for (uint32_t a = 0; a < attr_count && !err; a++)
        far |= distant_gather(ctx, at, count, attrs[a], &(*columns)[a]);
    ctx->roundtrips += far;
    distant.gathers += far;
    return err;
}

mola_err __wrap_mola_view_locate(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                                 mola_row_at *at)
{
    if (distant.view != view)
        return __real_mola_view_locate(ctx, view, ids, at);
    ctx->roundtrips++;
    distant.view->segment_count = 0; /* for a moment, all is in memory */
    for (uint32_t i = 0; i < ids->rows; i++) {
        mola_value id = mola_column_element(ids, i);
        if (!__real_mola_view_find(view, &id, &at[i].part, &at[i].row))
            at[i] = (mola_row_at){.part = MOLA_NOWHERE};
    }
    distant.view->segment_count = distant.parts;
    return MOLA_OK;
}

bool __wrap_mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part,
                           uint32_t *row)
{
    MUST(distant.view != view); /* ids of segments are looked up in batches */
    return __real_mola_view_find(view, id, part, row);
}
