#include "namespace/part.h"
#include "namespace/segment.h"
#include <stdlib.h>

void mola_load_begin(mola_loading *l, mola_ctx *ctx, const mola_view *view)
{
    *l = (mola_loading){.ctx = ctx, .view = view, .mark = ctx->pins};
    mola_ask_begin(&l->ask, ctx);
}

/* Room for one more in an array of the arena; it doubles. */
static void *grow(mola_arena *arena, void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t wider = *room ? *room * 2 : 32;
    void *grown = mola_arena_alloc(arena, wider, size, 8);
    if (grown && count)
        memcpy(grown, array, count * size);
    if (grown)
        *room = wider;
    return grown;
}

static mola_err add_block(mola_loading *l, uint32_t part, mola_extent at)
{
    mola_segment_block *blocks =
        grow(&l->ask.arena, l->blocks, l->block_count, &l->block_room, sizeof *blocks);
    if (!blocks)
        return MOLA_NO_MEMORY;
    l->blocks = blocks;
    blocks[l->block_count++] =
        (mola_segment_block){.part = part, .segment = l->view->parts[part].part->segment, .at = at};
    return MOLA_OK;
}

mola_cached_page **mola_want_slot(const mola_want *w)
{
    mola_segment *s = w->segment;
    switch (w->kind) {
    case MOLA_WANT_WINDOW:
        return &s->windows[mola_segment_attr_index(s, w->attr)][w->number];
    case MOLA_WANT_SLICE:
        return &s->slices[mola_segment_attr_index(s, w->attr)][w->number];
    case MOLA_WANT_GROUP:
        return &s->groups[w->number];
    case MOLA_WANT_INDEX:
        return &s->index[w->number];
    default:
        return &s->bloom;
    }
}

static mola_err add_want(mola_loading *l, const mola_want *want)
{
    mola_want *wants = grow(&l->ask.arena, l->wants, l->want_count, &l->want_room, sizeof *wants);
    if (!wants)
        return MOLA_NO_MEMORY;
    l->wants = wants;
    wants[l->want_count++] = *want;
    return MOLA_OK;
}

/* Counts something that is not in memory; what stands in the manifest is, all but decoded. */
static void count_miss(mola_ctx *ctx, const mola_segment *segment)
{
    if (segment->objects) {
        ctx->pages_hit++;
    } else {
        ctx->pages_missed++;
    }
}

mola_err mola_load_want(mola_loading *l, mola_want_kind kind, uint32_t part,
                        const mola_segment_attr *attr, uint32_t number)
{
    mola_segment *s = l->view->parts[part].part->segment;
    mola_want want = {.kind = kind, .part = part, .segment = s, .attr = attr, .number = number};
    mola_cached_page *page = mola_pages_pin(&s->all->pages, mola_want_slot(&want));
    if (page) {
        l->ctx->pages_hit++;
        return mola_pin_page(l->ctx, &s->all->pages, page) ? MOLA_OK : MOLA_NO_MEMORY;
    }
    count_miss(l->ctx, s);
    mola_err err = add_want(l, &want);
    if (err || kind != MOLA_WANT_WINDOW || attr->layout != MOLA_AS_DOCUMENTS)
        return err;
    uint32_t first, last;
    mola_segment_pages_of(s, attr, number, &first, &last);
    for (uint32_t g = first; g <= last && !err; g++)
        err = mola_load_want(l, MOLA_WANT_GROUP, part, NULL, g);
    return err;
}

/* ------------------------------------------------------------------ the run */
/* By part and number; groups before the windows that are made of them. */
static int by_kind(const void *a, const void *b)
{
    const mola_want *x = a, *y = b;
    int kind_x = x->kind == MOLA_WANT_WINDOW ? 9 : (int)x->kind,
        kind_y = y->kind == MOLA_WANT_WINDOW ? 9 : (int)y->kind;
    if (kind_x != kind_y)
        return kind_x < kind_y ? -1 : 1;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    uint32_t attr_x = x->attr ? x->attr->attr : 0, attr_y = y->attr ? y->attr->attr : 0;
    if (attr_x != attr_y)
        return attr_x < attr_y ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static void drop_repeated(mola_loading *l)
{
    size_t kept = 0;
    if (l->want_count)
        qsort(l->wants, l->want_count, sizeof *l->wants, by_kind);
    for (size_t i = 0; i < l->want_count; i++) {
        if (!kept || by_kind(&l->wants[kept - 1], &l->wants[i]) != 0)
            l->wants[kept++] = l->wants[i];
    }
    l->want_count = kept;
}

static mola_err add_record_blocks(mola_loading *l, const mola_want *w, uint32_t row, uint32_t left)
{
    mola_err err = MOLA_OK;
    while (left && !err) { /* cut where a run of records ends */
        uint32_t rows = left;
        err = add_block(l, w->part, mola_segment_records_at(w->attr, row, &rows));
        row += rows;
        left -= rows;
    }
    return err;
}

static mola_err add_page_blocks(mola_loading *l, const mola_want *w, uint32_t first, uint32_t last)
{
    mola_err err = MOLA_OK;
    for (uint32_t page = first; page <= last && !err; page++) {
        err = add_block(l, w->part, w->attr->pages[page].at);
    }
    return err;
}

static mola_err add_window_blocks(mola_loading *l, const mola_want *w)
{
    uint32_t first, last;
    switch (w->attr->layout) {
    case MOLA_AS_VECTORS:
        return add_record_blocks(l, w, w->number * MOLA_WINDOW_ROWS,
                                 mola_segment_window_rows(w->segment, w->number));
    case MOLA_AS_PAGES:
        mola_segment_pages_of(w->segment, w->attr, w->number, &first, &last);
        return add_page_blocks(l, w, first, last);
    default: /* the groups are wanted by themselves */
        return MOLA_OK;
    }
}

static mola_err add_slice_blocks(mola_loading *l, const mola_want *w)
{
    uint32_t first, rows = mola_segment_slice_rows(w->segment, w->attr, w->number, &first);
    return w->attr->layout == MOLA_AS_VECTORS ? add_record_blocks(l, w, first, rows)
                                              : add_page_blocks(l, w, w->number, w->number);
}

static mola_err add_blocks(mola_loading *l, mola_want *w)
{
    const mola_segment_head *head = &w->segment->head;
    mola_err err = MOLA_OK;
    w->block_first = l->block_count;
    switch (w->kind) {
    case MOLA_WANT_WINDOW:
        err = add_window_blocks(l, w);
        break;
    case MOLA_WANT_SLICE:
        err = add_slice_blocks(l, w);
        break;
    case MOLA_WANT_GROUP:
        err = add_block(l, w->part, w->segment->documents->pages[w->number].at);
        break;
    case MOLA_WANT_INDEX:
        err = add_block(l, w->part, mola_segment_index_at(head, w->number));
        break;
    case MOLA_WANT_BLOOM:
        for (uint32_t i = 0; i < head->bloom_block_count && !err; i++)
            err = add_block(l, w->part, head->bloom_blocks[i]);
        break;
    }
    w->block_count = l->block_count - w->block_first;
    return err;
}

/* I14: damaged bytes are read once more, and then reported. */
static mola_err make_page(mola_loading *l, const mola_want *w, mola_cached_page **page)
{
    mola_namespaces *all = w->segment->all;
    mola_err err;
    MOLA_WITH_PAGES(all, err, mola_cached_page_make(l, w, page));
    if (err != MOLA_CORRUPT || w->block_count == 0)
        return err;
    err = MOLA_OK;
    for (size_t i = 0; i < w->block_count && !err; i++)
        err = mola_segment_reread(&l->ask, &l->blocks[w->block_first + i]);
    if (!err)
        MOLA_WITH_PAGES(all, err, mola_cached_page_make(l, w, page));
    return err;
}

mola_err mola_load_run(mola_loading *l)
{
    drop_repeated(l);
    mola_err err = MOLA_OK;
    for (size_t i = 0; i < l->want_count && !err; i++)
        err = add_blocks(l, &l->wants[i]);
    if (!err && l->block_count)
        err = mola_segment_read(&l->ask, l->view, l->blocks, l->block_count);
    for (size_t i = 0; i < l->want_count && !err; i++) {
        const mola_want *w = &l->wants[i];
        mola_namespaces *all = w->segment->all;
        mola_cached_page *page;
        err = make_page(l, w, &page);
        if (err)
            break;
        page = mola_pages_add(&all->pages, mola_want_slot(w), page, &w->segment->kept);
        if (!mola_pin_page(l->ctx, &all->pages, page))
            err = MOLA_NO_MEMORY;
    }
    return err;
}

mola_err mola_load_end(mola_loading *l, mola_err err)
{
    err = mola_ask_end(&l->ask, err);
    if (err)
        mola_view_release(l->ctx, l->mark);
    if (err == MOLA_NO_MEMORY) {
        return mola_fail(l->ctx->why, err,
                         "what is asked for does not fit in the memory of this server");
    }
    return err;
}
