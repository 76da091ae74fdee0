/* What is about to be applied to a view, looked up for all of it at once. */
#include "namespace/part.h"

/* More than that pays for round trips of its own. */
enum { BASES_MAX = 1024, ROWS_MAX = 65536 };

static bool is_alike(const mola_foreseen *ahead, mola_type ids)
{
    return ahead->rows->count && ahead->rows->count <= ROWS_MAX &&
           mola_type_eq(ahead->rows->ids.type, ids);
}

/* All attributes of the rows in segments that patches and conditions are about. */
static mola_err fetch_bases(mola_ctx *ctx, const mola_view *view, const mola_foreseen *rows_ahead,
                            size_t count, mola_type ids, const mola_row_at *at)
{
    mola_row_at *bases = mola_new(ctx->arena, mola_row_at, BASES_MAX);
    uint32_t *attrs = mola_new(ctx->arena, uint32_t, view->state->attr_count);
    uint32_t found = 0;
    if (!bases || !attrs)
        return MOLA_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const mola_rows *rows = rows_ahead[i].rows;
        if (!is_alike(&rows_ahead[i], ids))
            continue;
        for (uint32_t row = 0; row < rows->count && found < BASES_MAX; row++, at++) {
            bool wanted = rows_ahead[i].is_conditional || rows->ops[row] == MOLA_OP_PATCH;
            if (wanted && at->part < view->segment_count)
                bases[found++] = *at;
        }
    }
    for (uint32_t i = 0; i < view->state->attr_count; i++)
        attrs[i] = view->state->attrs[i].id;
    mola_column *columns;
    return found
               ? mola_view_gather(ctx, view, bases, found, attrs, view->state->attr_count, &columns)
               : MOLA_OK;
}

static mola_err look_up(mola_ctx *ctx, const mola_view *view, const mola_foreseen *rows_ahead,
                        size_t count, mola_column_builder *ids)
{
    mola_err err = MOLA_OK;
    for (size_t i = 0; i < count && !err; i++) {
        if (is_alike(&rows_ahead[i], ids->type))
            err = mola_column_add_rows(ids, &rows_ahead[i].rows->ids, 0, rows_ahead[i].rows->count);
    }
    mola_column all = mola_column_built(ids);
    mola_row_at *at = mola_new(ctx->arena, mola_row_at, all.rows);
    if (!err)
        err = at ? mola_view_locate(ctx, view, &all, at) : MOLA_NO_MEMORY;
    return err ? err : fetch_bases(ctx, view, rows_ahead, count, ids->type, at);
}

mola_err mola_view_foresee(mola_ctx *ctx, const mola_view *view, const mola_foreseen *rows_ahead,
                           size_t count)
{
    if (!view->segment_count)
        return MOLA_OK;
    mola_arena scratch;
    mola_arena_init(&scratch, ctx->env->heap, SIZE_MAX);
    mola_ctx own = *ctx;
    own.arena = &scratch;
    own.pins = NULL;
    mola_column_builder ids;
    mola_column_builder_init(&ids, ctx->env->heap,
                             (mola_type){.form = MOLA_FORM_SCALAR, .elem = view->state->id_type});
    mola_err err = look_up(&own, view, rows_ahead, count, &ids);
    mola_column_builder_free(&ids);
    mola_view_release(&own, NULL);
    mola_arena_reset(&scratch);
    ctx->roundtrips = own.roundtrips;
    ctx->bytes_read = own.bytes_read;
    if (err != MOLA_NO_MEMORY) /* one by one they may fit */
        return err;
    mola_why_clear(ctx->why);
    return MOLA_OK;
}
