/* Filling the caches of a view ahead of its queries: filters and hash pages of ids, columns,
 * documents, vectors, in this order, as much as is wanted; and emptying them. */
#include "mola/store/cache.h"
#include "namespace/part.h"
#include "namespace/segment.h"

#define STEP_BYTES ((uint64_t)16 << 20)

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    uint64_t left; /* bytes that may still be fetched */
    mola_loading load;
    uint64_t step; /* bytes of the open step */
} warming;

static mola_err end_step(warming *w, mola_err err)
{
    mola_pin *mark = w->load.mark;
    if (!err)
        err = mola_load_run(&w->load);
    err = mola_load_end(&w->load, err);
    if (!err)
        mola_view_release(w->ctx, mark); /* it stays in memory as long as there is room */
    w->step = 0;
    mola_load_begin(&w->load, w->ctx, w->view);
    return err;
}

/* MOLA_BUSY: enough was fetched. */
static mola_err want(warming *w, mola_want_kind kind, uint32_t part, const mola_segment_attr *attr,
                     uint32_t number, uint64_t bytes)
{
    if (bytes > w->left)
        return MOLA_BUSY;
    w->left -= bytes;
    mola_err err = MOLA_OK;
    if (w->step && w->step + bytes > STEP_BYTES)
        err = end_step(w, MOLA_OK);
    w->step += bytes;
    return err ? err : mola_load_want(&w->load, kind, part, attr, number);
}

static mola_err warm_ids(warming *w, uint32_t part)
{
    const mola_segment_head *head = mola_part_segment(w->view->parts[part].part);
    mola_err err = want(w, MOLA_WANT_BLOOM, part, NULL, 0, head->bloom_words * sizeof(uint64_t));
    for (uint32_t i = 0; i < head->index_page_count && !err; i++)
        err = want(w, MOLA_WANT_INDEX, part, NULL, i, MOLA_INDEX_PAGE_BYTES);
    return err;
}

static mola_err warm_attr(warming *w, uint32_t part, const mola_segment_attr *a)
{
    uint32_t windows = mola_windows(w->view->parts[part].rows);
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < windows && !err; i++) {
        mola_need need = {.part = part, .attr = a->attr, .window_first = i, .window_count = 1};
        err = want(w, MOLA_WANT_WINDOW, part, a, i, mola_view_need_bytes(w->view, &need));
    }
    return err;
}

static mola_err warm_documents(warming *w, uint32_t part)
{
    const mola_segment *s = w->view->parts[part].part->segment;
    mola_err err = MOLA_OK;
    for (uint32_t g = 0; g < s->group_count && !err; g++)
        err = want(w, MOLA_WANT_GROUP, part, NULL, g, s->documents->pages[g].at.bytes);
    return err;
}

static mola_err warm_layout(warming *w, mola_segment_layout layout)
{
    mola_err err = MOLA_OK;
    for (uint32_t p = 0; p < w->view->segment_count && !err; p++) {
        const mola_segment_head *head = mola_part_segment(w->view->parts[p].part);
        if (layout == MOLA_AS_DOCUMENTS)
            err = warm_documents(w, p);
        for (uint32_t a = 0; layout != MOLA_AS_DOCUMENTS && a < head->attr_count && !err; a++) {
            if (head->attrs[a].layout == layout && head->attrs[a].any_value)
                err = warm_attr(w, p, &head->attrs[a]);
        }
    }
    return err;
}

mola_err mola_view_warm(mola_ctx *ctx, const mola_view *view, uint64_t bytes_max, uint64_t *bytes)
{
    warming w = {.ctx = ctx, .view = view, .left = bytes_max};
    mola_load_begin(&w.load, ctx, view);
    mola_err err = MOLA_OK;
    for (uint32_t p = 0; p < view->segment_count && !err; p++)
        err = warm_ids(&w, p);
    static const mola_segment_layout order[] = {MOLA_AS_PAGES, MOLA_AS_DOCUMENTS, MOLA_AS_VECTORS};
    for (size_t i = 0; i < 3 && !err; i++)
        err = warm_layout(&w, order[i]);
    if (bytes)
        *bytes = err == MOLA_BUSY ? bytes_max + 1 : bytes_max - w.left;
    err = end_step(&w, err == MOLA_BUSY ? MOLA_OK : err);
    return mola_load_end(&w.load, err);
}

/* ------------------------------------------------------------------ the other way */
/* The disk cache forgets what stands in the segments of the view. What of it is in memory goes with
 * the last view that has them. */
static void chill(mola_ctx *ctx, const mola_view *view)
{
    for (uint32_t p = 0; p < view->segment_count; p++) {
        const mola_segment *s = view->parts[p].part->segment;
        const mola_segment_id *id = &s->head.id;
        for (uint32_t i = 0; i < s->head.object_count && !s->objects; i++) {
            mola_key key =
                mola_key_segment(s->all->org, id->owner, id->base, id->rand, MOLA_OBJECT_DATA, i);
            mola_cache_forget(ctx->env->cache, mola_key_str(&key), s->head.objects[i].bytes);
        }
        mola_key head =
            mola_key_segment(s->all->org, id->owner, id->base, id->rand, MOLA_OBJECT_HEAD, 0);
        const mola_manifest *m = view->held ? &view->held->manifest : NULL;
        for (uint32_t i = 0; m && i < m->segment_count; i++) {
            if (m->segments[i].rand == id->rand && m->segments[i].base == id->base)
                mola_cache_forget(ctx->env->cache, mola_key_str(&head), m->infos[i].head_bytes);
        }
    }
}

mola_err mola_namespace_purge(mola_ctx *ctx, mola_namespaces *all, mola_str text)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view;
    mola_err err = mola_namespace_read(ctx, all, text, &strong, &view);
    if (err)
        return err;
    chill(ctx, view);
    mola_view_unref(view);
    mola_name *name = mola_name_open(all, text);
    if (!name)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory to open a namespace");
    mola_view_forget(name);
    mola_hold_drop(name);
    mola_name_close(name);
    return MOLA_OK;
}
