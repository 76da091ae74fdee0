#include "namespace/live.h"
#include "namespace/tail.h"

void mola_view_ref(mola_view *view)
{
    mola_ref_take(&view->ref);
}

void mola_view_unref(mola_view *view)
{
    if (!mola_ref_drop(&view->ref))
        return;
    for (uint32_t i = 0; i < view->part_count; i++) {
        mola_live_unref(view->parts[i].live_owner);
        mola_part_unref(view->parts[i].part);
    }
    if (view->state)
        mola_state_unref(view->state);
    mola_free(view->heap, view, view->bytes);
}

mola_view *mola_view_empty(mola_heap *heap, const uint8_t nsid[16], uint64_t epoch)
{
    mola_view *view = mola_alloc(heap, sizeof *view);
    if (!view)
        return NULL;
    mola_ref_init(&view->ref);
    view->heap = heap;
    view->bytes = sizeof *view;
    memcpy(view->nsid, nsid, sizeof view->nsid);
    view->epoch = epoch;
    return view;
}

mola_err mola_view_fetch(mola_ctx *ctx, const mola_view *view, const mola_need *needs, size_t count)
{
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        const mola_need *need = &needs[i];
        MOLA_ASSERT(need->part < view->part_count);
        uint32_t windows = mola_windows(view->parts[need->part].rows);
        MOLA_ASSERT(need->window_first <= windows);
        MOLA_ASSERT(need->window_count <= windows - need->window_first);
    }
    return MOLA_OK; /* every part of a view is in memory */
}

uint64_t mola_view_need_bytes(const mola_view *view, const mola_need *need)
{
    (void)view;
    (void)need;
    return 0;
}

bool mola_part_zone(const mola_part *part, uint32_t attr, uint32_t window, mola_zone *out)
{
    (void)part;
    (void)attr;
    (void)window;
    (void)out;
    return false;
}

const mola_segment_head *mola_part_segment(const mola_part *part)
{
    (void)part;
    return NULL;
}

/* What a request holds on to: memory of gathered columns, pages of segments. */
struct mola_pin {
    mola_pin *next; /* pinned before it */
    mola_column_builder builder;
};

void mola_view_release(mola_ctx *ctx, mola_pin *mark)
{
    while (ctx->pins != mark) {
        mola_pin *pin = ctx->pins;
        ctx->pins = pin->next;
        mola_column_builder_free(&pin->builder);
    }
}

static mola_err gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at, uint32_t count,
                       uint32_t attr, mola_column *out)
{
    const mola_attr *a = mola_state_attr(view->state, attr);
    mola_pin *pin = mola_new(ctx->arena, mola_pin, 1);
    if (!pin)
        return MOLA_NO_MEMORY;
    mola_type type = a ? a->type : (mola_type){.elem = view->state->id_type};
    mola_column_builder_init(&pin->builder, ctx->env->heap, type);
    pin->next = ctx->pins;
    ctx->pins = pin;
    bool any = false;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        MOLA_ASSERT(at[i].part < view->part_count);
        const mola_column *from = mola_part_attr_column(view->parts[at[i].part].part, attr);
        any = any || (from && mola_column_has(from, at[i].row));
        err = mola_part_add_cell(&pin->builder, from, at[i].row);
    }
    *out = any ? mola_column_built(&pin->builder) : (mola_column){0};
    return err;
}

mola_err mola_view_gather(mola_ctx *ctx, const mola_view *view, const mola_row_at *at,
                          uint32_t count, const uint32_t *attrs, uint32_t attr_count,
                          mola_column **columns)
{
    *columns = mola_new(ctx->arena, mola_column, attr_count);
    mola_err err = *columns ? MOLA_OK : MOLA_NO_MEMORY;
    mola_pin *mark = ctx->pins;
    for (uint32_t a = 0; a < attr_count && !err; a++)
        err = gather(ctx, view, at, count, attrs[a], &(*columns)[a]);
    if (err)
        mola_view_release(ctx, mark);
    return err;
}

bool mola_view_find(const mola_view *view, const mola_value *id, uint32_t *part, uint32_t *row)
{
    uint64_t hash = mola_value_hash(id);
    for (uint32_t i = view->part_count; i-- > 0;) {
        const mola_view_part *p = &view->parts[i];
        uint32_t candidate;
        if (mola_part_find(p->part, id, hash, &candidate) && mola_bit(p->live, candidate)) {
            *part = i;
            *row = candidate;
            return true;
        }
    }
    return false;
}

mola_err mola_view_locate(mola_ctx *ctx, const mola_view *view, const mola_column *ids,
                          mola_row_at *at)
{
    (void)ctx;
    for (uint32_t i = 0; i < ids->rows; i++) {
        mola_value id = mola_column_element(ids, i);
        if (!mola_view_find(view, &id, &at[i].part, &at[i].row))
            at[i] = (mola_row_at){.part = MOLA_NOWHERE};
    }
    return MOLA_OK;
}
