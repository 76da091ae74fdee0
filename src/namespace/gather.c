/* Values of single rows: what hits are shown with, what patches are laid over. */
#include "namespace/part.h"
#include "namespace/segment.h"
#include <stdlib.h>

/* Where one value comes from. */
typedef struct {
    enum { ABSENT, COLUMN } kind;
    const mola_column *column; /* NULL: of a page, see `slot` */
    mola_cached_page **slot;   /* the page, which is pinned, at the latest after the run */
    uint32_t index;            /* of the column in that page */
    uint32_t row;              /* of the column */
} source;

typedef struct {
    mola_loading load;
    const mola_row_at *at;
    uint32_t count;
    uint32_t *order; /* rows by part and row: neighbours share pages */
    source *sources; /* of one attribute after the other: [attribute * count + row] */
} gathering;

static int by_row(const void *a, const void *b, void *argument)
{
    const mola_row_at *at = ((const gathering *)argument)->at;
    const mola_row_at *x = &at[*(const uint32_t *)a], *y = &at[*(const uint32_t *)b];
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static mola_err begin(gathering *g, uint32_t attr_count)
{
    mola_arena *arena = &g->load.ask.arena;
    g->order = mola_new(arena, uint32_t, g->count);
    g->sources = mola_new(arena, source, (size_t)g->count * attr_count);
    if (!g->order || !g->sources)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < g->count; i++)
        g->order[i] = i;
    if (g->count)
        qsort_r(g->order, g->count, sizeof *g->order, by_row, g);
    return MOLA_OK;
}

/* The window, if it is in memory. *out stays as it is when it is not. */
static mola_err take_window(gathering *g, mola_segment *s, const mola_segment_attr *a, uint32_t row,
                            source *out)
{
    mola_want window = {.segment = s, .attr = a, .number = row / MOLA_WINDOW_ROWS};
    mola_cached_page **slot = mola_want_slot(&window);
    mola_cached_page *page = mola_pages_pin(&s->all->pages, slot);
    if (!page)
        return MOLA_OK;
    *out = (source){.kind = COLUMN, .slot = slot, .row = row % MOLA_WINDOW_ROWS};
    g->load.ctx->pages_hit++;
    return mola_pin_page(g->load.ctx, &s->all->pages, page) ? MOLA_OK : MOLA_NO_MEMORY;
}

/* From the window where a window is one page or is in memory, else from a slice of it. */
static mola_err want_value(gathering *g, uint32_t part, const mola_segment_attr *a, uint32_t row,
                           const source *before, source *out)
{
    mola_segment *s = g->load.view->parts[part].part->segment;
    if (a->present && !mola_bit(a->present, row))
        return MOLA_OK;
    mola_want want = {.segment = s, .attr = a, .number = row / MOLA_WINDOW_ROWS};
    uint32_t first = want.number * MOLA_WINDOW_ROWS;
    if (mola_segment_slices(s, a)) {
        mola_err err = take_window(g, s, a, row, out);
        if (err || out->kind == COLUMN)
            return err;
        want.kind = MOLA_WANT_SLICE;
        want.number = mola_segment_slice_of(a, row);
        (void)mola_segment_slice_rows(s, a, want.number, &first);
    }
    *out = (source){.kind = COLUMN, .slot = mola_want_slot(&want), .row = row - first};
    if (before && before->slot == out->slot)
        return MOLA_OK;
    return mola_load_want(&g->load, want.kind, part, a, want.number);
}

static mola_err want_group(gathering *g, uint32_t part, const mola_segment_attr *a, uint32_t row,
                           source *out)
{
    mola_segment *s = g->load.view->parts[part].part->segment;
    uint32_t group = mola_segment_page_of(a, row);
    *out = (source){.kind = COLUMN,
                    .slot = &s->groups[group],
                    .index = mola_segment_document_index(s, a),
                    .row = row - a->pages[group].row_first};
    return mola_load_want(&g->load, MOLA_WANT_GROUP, part, NULL, group);
}

static mola_err want(gathering *g, uint32_t attr, const mola_row_at *at, const source *before,
                     source *out)
{
    MOLA_ASSERT(at->part < g->load.view->part_count);
    const mola_part *part = g->load.view->parts[at->part].part;
    MOLA_ASSERT(at->row < part->rows);
    if (!part->segment) {
        const mola_column *column = mola_part_attr_column(part, attr);
        if (column)
            *out = (source){.kind = COLUMN, .column = column, .row = at->row};
        return MOLA_OK;
    }
    const mola_segment_attr *a = mola_segment_find(&part->segment->head, attr);
    if (!a || !a->any_value)
        return MOLA_OK;
    return a->layout == MOLA_AS_DOCUMENTS ? want_group(g, at->part, a, at->row, out)
                                          : want_value(g, at->part, a, at->row, before, out);
}

/* ------------------------------------------------------------------ after the run */
static mola_err add_value(const source *s, mola_column_builder *b)
{
    if (s->kind == ABSENT)
        return mola_column_add_absent(b, 1);
    const mola_column *column = s->slot ? &(*s->slot)->columns[s->index].column : s->column;
    return mola_part_add_cell(b, column->rows ? column : NULL, s->row);
}

static mola_err build(gathering *g, uint32_t attr, const source *sources, mola_column *out)
{
    const mola_state *state = g->load.view->state;
    const mola_attr *a = attr == MOLA_ATTR_ID ? NULL : mola_state_attr(state, attr);
    *out = (mola_column){0};
    if (!a && attr != MOLA_ATTR_ID) /* dropped: nothing shows old values */
        return MOLA_OK;
    mola_type type = a ? a->type : (mola_type){.form = MOLA_FORM_SCALAR, .elem = state->id_type};
    mola_column_builder *b = mola_pin_builder(g->load.ctx, g->load.ctx->env->heap, type);
    if (!b)
        return MOLA_NO_MEMORY;
    bool any = false;
    for (uint32_t i = 0; i < g->count; i++) {
        mola_err err = add_value(&sources[i], b);
        if (err)
            return err;
        any = any || sources[i].kind != ABSENT;
    }
    if (any)
        *out = mola_column_built(b);
    return MOLA_OK;
}

static mola_err gather(gathering *g, const uint32_t *attrs, uint32_t attr_count,
                       mola_column *columns)
{
    mola_err err = begin(g, attr_count);
    for (uint32_t a = 0; a < attr_count && !err; a++) {
        source *sources = g->sources + (size_t)a * g->count;
        const source *before = NULL;
        for (uint32_t i = 0; i < g->count && !err; i++) {
            uint32_t row = g->order[i];
            err = want(g, attrs[a], &g->at[row], before, &sources[row]);
            before = &sources[row];
        }
    }
    if (!err)
        err = mola_load_run(&g->load);
    for (uint32_t a = 0; a < attr_count && !err; a++)
        err = build(g, attrs[a], g->sources + (size_t)a * g->count, &columns[a]);
    return err;
}

mola_err mola_view_gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at,
                          uint32_t count, const uint32_t *attrs, uint32_t attr_count,
                          mola_column **columns)
{
    *columns = mola_new(ctx->arena, mola_column, attr_count);
    gathering g = {.at = at, .count = count};
    mola_load_begin(&g.load, ctx, view);
    mola_err err = *columns ? gather(&g, attrs, attr_count, *columns) : MOLA_NO_MEMORY;
    return mola_load_end(&g.load, err);
}
