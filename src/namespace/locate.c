/* From ids to rows: parts in memory answer at once; of segments, the newest one that holds an id
 * decides, for whatever made it newer shadowed the older ones. Bloom filters spare the reading of
 * hash pages where many ids are asked for; a few ids go to the hash pages at once. */
#include "namespace/locate.h"

static mola_err ask_memory(mola_locating *l)
{
    uint32_t count = l->ids->rows;
    l->hashes = mola_new(l->ctx->arena, uint64_t, l->view->segment_count ? count : 0);
    l->open = mola_new(l->ctx->arena, uint32_t, l->view->segment_count ? count : 0);
    if (!l->hashes || !l->open)
        return mola_fail(l->ctx->why, MOLA_NO_MEMORY, "not enough memory to look ids up");
    for (uint32_t i = 0; i < count; i++) {
        if (l->at[i].part != MOLA_NOWHERE)
            continue;
        mola_value id = mola_column_element(l->ids, i);
        if (mola_view_find(l->view, &id, &l->at[i].part, &l->at[i].row) || !l->view->segment_count)
            continue;
        l->hashes[i] = mola_value_hash(&id);
        l->open[l->open_count++] = i;
    }
    return MOLA_OK;
}

/* ------------------------------------------------------------------ segments */
/* Whether reading the filter costs less than reading a hash page for each id. */
static bool filter_pays(const mola_locating *l, const mola_segment *s)
{
    return (uint64_t)l->open_count * MOLA_INDEX_PAGE_BYTES >
           (uint64_t)s->head.bloom_words * sizeof(uint64_t);
}

static mola_err load_filters(mola_locating *l)
{
    mola_loading load;
    mola_load_begin(&load, l->ctx, l->view);
    mola_err err = MOLA_OK;
    for (uint32_t p = 0; p < l->view->segment_count && !err; p++) {
        if (filter_pays(l, mola_locate_segment(l, p)))
            err = mola_load_want(&load, MOLA_WANT_BLOOM, p, NULL, 0);
    }
    if (!err)
        err = mola_load_run(&load);
    return mola_load_end(&load, err);
}

/* The filter, when it is in memory: then it costs nothing. Pinned by the request. */
static mola_err filters_in_memory(mola_locating *l, const uint64_t **filters)
{
    for (uint32_t p = 0; p < l->view->segment_count; p++) {
        mola_segment *s = mola_locate_segment(l, p);
        mola_cached_page *page = mola_pages_pin(&s->all->pages, &s->bloom);
        if (page && !mola_pin_page(l->ctx, &s->all->pages, page))
            return MOLA_NO_MEMORY;
        filters[p] = page ? page->block : NULL;
    }
    return MOLA_OK;
}

static mola_err load_index(mola_locating *l, const uint64_t *const *filters)
{
    mola_loading load;
    mola_load_begin(&load, l->ctx, l->view);
    mola_err err = MOLA_OK;
    for (uint32_t p = 0; p < l->view->segment_count; p++) {
        const mola_segment *s = mola_locate_segment(l, p);
        for (uint32_t i = 0; i < l->open_count && !err; i++) {
            uint64_t hash = l->hashes[l->open[i]];
            if (!mola_locate_may_hold(s, filters[p], (mola_elem)l->ids->type.elem, hash))
                continue;
            err = mola_load_want(&load, MOLA_WANT_INDEX, p, NULL,
                                 mola_segment_index_page(&s->head, hash));
        }
    }
    if (!err)
        err = mola_load_run(&load);
    return mola_load_end(&load, err);
}

mola_err mola_locate_fail(const mola_locating *l, const mola_segment *s, uint32_t page,
                          mola_err err)
{
    mola_key key = mola_key_segment(s->all->org, s->head.id.owner, s->head.id.base, s->head.id.rand,
                                    MOLA_OBJECT_DATA, mola_segment_index_at(&s->head, page).object);
    return mola_fail_object(l->ctx, err, mola_key_str(&key));
}

/* The newest segment that holds the id; its hash pages are pinned. */
static mola_err find_in_segments(const mola_locating *l, const uint64_t *const *filters, uint32_t i)
{
    mola_value id = mola_column_element(l->ids, i);
    for (uint32_t p = l->view->segment_count; p-- > 0;) {
        const mola_segment *s = mola_locate_segment(l, p);
        if (!mola_locate_may_hold(s, filters[p], (mola_elem)id.elem, l->hashes[i]))
            continue;
        uint32_t page = mola_segment_index_page(&s->head, l->hashes[i]), row;
        mola_str bytes = {s->index[page]->block, MOLA_INDEX_PAGE_BYTES};
        bool found;
        mola_err err = mola_segment_index_find(&s->head, page, bytes, &id, &found, &row);
        if (err)
            return mola_locate_fail(l, s, page, err);
        if (!found)
            continue;
        if (mola_bit(l->view->parts[p].live, row))
            l->at[i] = (mola_row_at){.part = p, .row = row};
        return MOLA_OK;
    }
    return MOLA_OK;
}

static mola_err ask_segments(mola_locating *l)
{
    const uint64_t **filters = mola_new(l->ctx->arena, const uint64_t *, l->view->segment_count);
    if (!filters)
        return mola_fail(l->ctx->why, MOLA_NO_MEMORY, "not enough memory to look ids up");
    mola_err err = load_filters(l);
    if (!err)
        err = filters_in_memory(l, filters);
    if (!err && l->open_count > MOLA_LOCATE_FEW)
        return mola_locate_many(l, filters);
    if (!err)
        err = load_index(l, filters);
    for (uint32_t i = 0; i < l->open_count && !err; i++)
        err = find_in_segments(l, filters, l->open[i]);
    return err;
}

mola_err mola_locate_rest(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                          mola_row_at *at)
{
    mola_locating l = {.ctx = ctx, .view = view, .ids = ids, .at = at};
    mola_pin *mark = ctx->pins;
    mola_err err = ask_memory(&l);
    if (!err && l.open_count)
        err = ask_segments(&l);
    mola_view_release(ctx, mark);
    return err;
}

mola_err mola_view_locate(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                          mola_row_at *at)
{
    for (uint32_t i = 0; i < ids->rows; i++)
        at[i] = (mola_row_at){.part = MOLA_NOWHERE};
    return mola_locate_rest(ctx, view, ids, at);
}
