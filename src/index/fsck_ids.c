/* Every live row of the segments is where its id leads: ids are unique among them, and the Bloom
 * filters and hash pages of all segments tell the truth. */
#include "index/fsck_run.h"

enum { STEP_WINDOWS = 8, LEASE_LEFT_SECONDS = 300 };

typedef struct {
    mola_fsck_run *run;
    mola_ctx ctx; /* with an arena of its own for each step */
    mola_view *view;
    uint32_t part, window_first, window_count;
    mola_column_builder ids;
    mola_row_at *rows; /* where they stand */
    uint32_t count;
} step;

static mola_err take_window(step *s, uint32_t window)
{
    const mola_view_part *part = &s->view->parts[s->part];
    mola_column column;
    if (!mola_part_column(part->part, MOLA_ATTR_ID, window, &column))
        return MOLA_CORRUPT;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < column.rows && !err; i++) {
        uint32_t row = window * MOLA_WINDOW_ROWS + i;
        if (!mola_bit(part->live, row))
            continue;
        err = mola_column_add_row(&s->ids, &column, i);
        s->rows[s->count++] = (mola_row_at){s->part, row};
    }
    return err;
}

static mola_err take_ids(step *s)
{
    mola_need need = {s->part, MOLA_ATTR_ID, s->window_first, s->window_count};
    s->rows = mola_new(s->ctx.arena, mola_row_at, (size_t)s->window_count * MOLA_WINDOW_ROWS);
    mola_err err = s->rows ? mola_view_fetch(&s->ctx, s->view, &need, 1) : MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < s->window_count && !err; i++)
        err = take_window(s, s->window_first + i);
    return err;
}

static mola_err locate(step *s)
{
    mola_column ids = mola_column_built(&s->ids);
    mola_row_at *at = mola_new(s->ctx.arena, mola_row_at, s->count);
    if (!at)
        return MOLA_NO_MEMORY;
    mola_err err = s->count ? mola_view_locate(&s->ctx, s->view, &ids, at) : MOLA_OK;
    uint32_t lost = 0, twice = 0;
    for (uint32_t i = 0; i < s->count && !err; i++) {
        lost += at[i].part == MOLA_NOWHERE;
        twice += at[i].part != MOLA_NOWHERE &&
                 (at[i].part != s->rows[i].part || at[i].row != s->rows[i].row);
    }
    if (lost)
        mola_fsck_damage(s->run, MOLA_STR("ids"), "%u documents cannot be found by their id", lost);
    if (twice)
        mola_fsck_damage(s->run, MOLA_STR("ids"), "%u documents stand in more than one row", twice);
    return err;
}

static mola_err check_step(step *s)
{
    mola_arena arena;
    mola_arena_init(&arena, s->run->ctx->env->heap, SIZE_MAX);
    s->ctx = mola_fsck_hurry(s->run);
    s->ctx.arena = &arena;
    s->ctx.pins = NULL;
    s->count = 0;
    mola_column_builder_init(&s->ids, s->run->ctx->env->heap,
                             (mola_type){.elem = s->view->state->id_type});
    mola_err err = take_ids(s);
    if (!err)
        err = locate(s);
    s->run->totals->rows += s->count;
    mola_column_builder_free(&s->ids);
    mola_view_release(&s->ctx, NULL);
    mola_arena_reset(&arena);
    s->run->ctx->roundtrips = s->ctx.roundtrips;
    return err;
}

/* Reading all ids may take longer than the view may fetch. */
static mola_err renew_lease(mola_fsck_run *run, mola_name *name, mola_view *view)
{
    if (mola_boot_ns(run->ctx->env) + LEASE_LEFT_SECONDS * MOLA_SECOND < view->leased_until_ns)
        return MOLA_OK;
    mola_ctx ctx = mola_fsck_hurry(run);
    return mola_view_renew(&ctx, name, view, 0, view->segment_count);
}

static mola_err check_view(mola_fsck_run *run, mola_name *name, mola_view *view)
{
    step s = {.run = run, .view = view};
    mola_err err = MOLA_OK;
    for (s.part = 0; s.part < view->segment_count && !err; s.part++) {
        uint32_t windows = mola_windows(view->parts[s.part].rows);
        for (s.window_first = 0; s.window_first < windows && !err; s.window_first += STEP_WINDOWS) {
            uint32_t left = windows - s.window_first;
            s.window_count = left < STEP_WINDOWS ? left : STEP_WINDOWS;
            err = renew_lease(run, name, view);
            if (!err)
                err = check_step(&s);
        }
    }
    return err;
}

/* Of the manifest that was looked at. MOLA_CONFLICT: another one stands there now. */
static mola_err check_ids(mola_fsck_run *run, mola_name *name)
{
    mola_ctx ctx = mola_fsck_hurry(run);
    mola_held *held;
    mola_err err = mola_manifest_read(&ctx, name, &held);
    if (err)
        return err;
    mola_view *view = NULL;
    if (mola_held_manifest(held)->ver != run->m->ver) {
        err = MOLA_CONFLICT;
    } else {
        err = mola_view_build(&ctx, name, held, 0, 0, &view);
    }
    if (!err)
        err = check_view(run, name, view);
    if (view)
        mola_view_unref(view);
    mola_held_unref(held);
    return err;
}

mola_err mola_fsck_ids(mola_fsck_run *run, mola_name *name)
{
    if (run->m->segment_count == 0)
        return MOLA_OK;
    mola_why why = {0}, *words = run->ctx->why;
    run->ctx->why = &why;
    mola_err err = check_ids(run, name);
    run->ctx->why = words;
    if (err == MOLA_CONFLICT) {
        run->moved = true;
        return MOLA_OK;
    }
    if (mola_fsck_is_finding(err)) {
        mola_fsck_bad(run, MOLA_STR("segments"), err, &why);
        return MOLA_OK;
    }
    return err ? mola_fail(words, err, MOLA_FMT, MOLA_ARG(mola_why_text(&why))) : MOLA_OK;
}
