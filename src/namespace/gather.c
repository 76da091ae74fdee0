/* Values of single rows: what hits are shown with, what patches are laid over. */
#include "namespace/part.h"
#include "namespace/segment.h"
#include <stdlib.h>

/* Where one value comes from. */
typedef struct {
    enum { ABSENT, COLUMN, RECORD, PAGE } kind;
    const mola_column *column; /* COLUMN; of a pinned page that is made by the run: see `slot` */
    mola_cached_page **slot;   /* COLUMN of a page: it is looked up after the run */
    uint32_t index;            /* of the column in that page */
    uint32_t row;              /* of the column or, RECORD, of the segment */
    const mola_segment_attr *attr;
    size_t block; /* RECORD, PAGE */
    uint32_t page;
} source;

typedef struct {
    mola_loading load;
    const mola_row_at *at;
    uint32_t count;
    uint32_t *order;      /* rows by part and row: neighbours share pages */
    source *sources;      /* of one attribute after the other: [attribute * count + row] */
    mola_column *decoded; /* PAGE blocks that were decoded, by block */
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

/* A vector alone, unless its window is in memory. */
static mola_err want_record(gathering *g, uint32_t part, const mola_segment_attr *a, uint32_t row,
                            source *out)
{
    mola_segment *s = g->load.view->parts[part].part->segment;
    if (a->present && !mola_bit(a->present, row))
        return MOLA_OK;
    uint32_t rows = 1;
    *out = (source){.kind = RECORD, .attr = a, .row = row};
    mola_want window = {.segment = s, .attr = a, .number = row / MOLA_WINDOW_ROWS};
    mola_cached_page **slot = mola_want_slot(&window);
    mola_cached_page *page = mola_pages_pin(&s->all->pages, slot);
    if (page) {
        *out = (source){.kind = COLUMN, .slot = slot, .row = row % MOLA_WINDOW_ROWS};
        g->load.ctx->pages_hit++;
        return mola_pin_page(g->load.ctx, &s->all->pages, page) ? MOLA_OK : MOLA_NO_MEMORY;
    }
    mola_load_missed(g->load.ctx, s);
    return mola_load_block(&g->load, part, mola_segment_records_at(a, row, &rows), &out->block);
}

static mola_err want_page(gathering *g, uint32_t part, const mola_segment_attr *a, uint32_t row,
                          const source *before, source *out)
{
    mola_segment *s = g->load.view->parts[part].part->segment;
    uint32_t window = row / MOLA_WINDOW_ROWS, first, last;
    mola_segment_pages_of(s, a, window, &first, &last);
    if (first == last) {
        mola_want want = {.segment = s, .attr = a, .number = window};
        *out =
            (source){.kind = COLUMN, .slot = mola_want_slot(&want), .row = row % MOLA_WINDOW_ROWS};
        if (before && before->slot == out->slot)
            return MOLA_OK;
        return mola_load_want(&g->load, MOLA_WANT_WINDOW, part, a, window);
    }
    uint32_t page = mola_segment_page_of(a, row); /* wide values: not the whole window */
    *out = (source){.kind = PAGE, .attr = a, .row = row - a->pages[page].row_first, .page = page};
    if (before && before->kind == PAGE && before->attr == a && before->page == page) {
        out->block = before->block;
        return MOLA_OK;
    }
    return mola_load_block(&g->load, part, a->pages[page].at, &out->block);
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
    switch (a->layout) {
    case MOLA_AS_VECTORS:
        return want_record(g, at->part, a, at->row, out);
    case MOLA_AS_PAGES:
        return want_page(g, at->part, a, at->row, before, out);
    default:
        return want_group(g, at->part, a, at->row, out);
    }
}

/* ------------------------------------------------------------------ after the run */
static mola_err add_record(gathering *g, const source *s, mola_column_builder *b)
{
    mola_segment_block *block = &g->load.blocks[s->block];
    const mola_segment_head *head = &block->segment->head;
    size_t bytes = mola_segment_record_bytes(s->attr) - MOLA_BLOCK_TRAILER_BYTES;
    mola_arena scratch;
    mola_arena_init(&scratch, g->load.ctx->env->heap, SIZE_MAX);
    uint8_t *vector = mola_arena_alloc(&scratch, 1, bytes, 64);
    mola_err err = vector ? MOLA_OK : MOLA_NO_MEMORY;
    if (!err) {
        err = mola_segment_records_decode(head, s->attr, s->row, 1, block->bytes, vector);
        if (err == MOLA_CORRUPT) { /* I14: once more */
            err = mola_segment_reread(&g->load.ask, block);
            if (!err)
                err = mola_segment_records_decode(head, s->attr, s->row, 1, block->bytes, vector);
            err = mola_segment_fail(&g->load.ask, block, err);
        }
    }
    if (!err) {
        mola_column one = {.type = s->attr->type, .rows = 1, .data = vector};
        err = mola_part_add_cell(b, &one, 0);
    }
    mola_arena_reset(&scratch);
    return err;
}

static mola_err add_from_page(gathering *g, const source *s, mola_column_builder *b)
{
    mola_segment_block *block = &g->load.blocks[s->block];
    const mola_segment_head *head = &block->segment->head;
    mola_arena *arena = &g->load.ask.arena;
    mola_column *column = &g->decoded[s->block];
    if (column->rows == 0) {
        mola_err err =
            mola_segment_page_decode(head, s->attr, s->page, block->bytes, arena, column);
        if (err == MOLA_CORRUPT) { /* I14: once more */
            err = mola_segment_reread(&g->load.ask, block);
            if (!err)
                err = mola_segment_page_decode(head, s->attr, s->page, block->bytes, arena, column);
        }
        if (err)
            return mola_segment_fail(&g->load.ask, block, err);
    }
    return mola_part_add_cell(b, column, s->row);
}

static mola_err add_value(gathering *g, const source *s, mola_column_builder *b)
{
    switch (s->kind) {
    case COLUMN: {
        const mola_column *column = s->slot ? &(*s->slot)->columns[s->index].column : s->column;
        return mola_part_add_cell(b, column->rows ? column : NULL, s->row);
    }
    case RECORD:
        return add_record(g, s, b);
    case PAGE:
        return add_from_page(g, s, b);
    default:
        return mola_column_add_absent(b, 1);
    }
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
        mola_err err = add_value(g, &sources[i], b);
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
    if (!err) {
        g->decoded = mola_new(&g->load.ask.arena, mola_column, g->load.block_count);
        err = g->decoded ? MOLA_OK : MOLA_NO_MEMORY;
    }
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
