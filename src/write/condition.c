#include "write/condition.h"
#include "mola/base/check.h"
#include <stdlib.h>

/* Documents that are fetched at once. */
enum { STEP_ROWS = 1024 };

static bool stored_column(const mola_document *document, uint32_t attr, mola_column *column,
                          uint32_t *row)
{
    *row = document->row;
    return mola_gathered_column(document->of, attr, column) && mola_column_has(column, *row);
}

static bool fresh_column(const mola_document *document, uint32_t attr, mola_column *column,
                         uint32_t *row)
{
    const mola_rows *rows = document->of;
    *row = document->row;
    if (rows->ops[*row] == MOLA_OP_DELETE)
        return false;
    if (attr == MOLA_ATTR_ID) {
        *column = rows->ids;
        return true;
    }
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (rows->columns[i].attr != attr)
            continue;
        *column = rows->columns[i].column;
        return mola_column_has(column, *row);
    }
    return false;
}

typedef struct {
    mola_ctx *ctx;
    const mola_view *view;
    const mola_filter *condition;
    const mola_rows *fresh;
    const mola_attr_list *reads;
    mola_row_at at[STEP_ROWS];
    const uint32_t *rows; /* of `fresh` */
    uint32_t count;
    uint64_t *keep;
} checking;

static mola_err check_step(checking *c)
{
    mola_pin *mark = c->ctx->pins;
    mola_gathered stored;
    mola_err err = mola_scan_check(c->ctx);
    if (!err)
        err = mola_read_rows(c->ctx, c->view, c->reads, c->at, c->count, &stored);
    for (uint32_t i = 0; i < c->count && !err; i++) {
        mola_document mine = {.column = stored_column, .of = &stored, .row = i};
        mola_document theirs = {.column = fresh_column, .of = c->fresh, .row = c->rows[i]};
        if (!mola_filter_matches(c->condition, &mine, &theirs))
            c->keep[c->rows[i] / 64] &= ~((uint64_t)1 << c->rows[i] % 64);
    }
    mola_view_release(c->ctx, mark);
    return err;
}

/* Where the documents of rows are stored. */
typedef struct {
    const mola_row_at *at;
} places;

static int by_place(const void *left, const void *right, void *argument)
{
    const places *p = argument;
    const mola_row_at *a = &p->at[*(const uint32_t *)left], *b = &p->at[*(const uint32_t *)right];
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* The rows whose document is stored, in the order in which the view holds them: a step of
 * neighbours reads few pages. NULL: no memory. */
static uint32_t *stored_rows(mola_arena *arena, uint32_t from, uint32_t until,
                             const mola_row_at *at, uint32_t *count)
{
    uint32_t *rows = mola_new(arena, uint32_t, until - from);
    *count = 0;
    for (uint32_t row = from; rows && row < until; row++) {
        if (at[row].part != MOLA_NOWHERE)
            rows[(*count)++] = row;
    }
    if (rows && *count)
        qsort_r(rows, *count, sizeof *rows, by_place, &(places){.at = at});
    return rows;
}

mola_err mola_write_check_condition(mola_ctx *ctx, const mola_view *view,
                                    const mola_filter *condition, const mola_rows *fresh,
                                    uint32_t from, uint32_t until, const mola_row_at *at,
                                    uint64_t *keep)
{
    uint32_t count;
    const uint32_t *rows = stored_rows(ctx->arena, from, until, at, &count);
    checking *c = mola_new(ctx->arena, checking, 1);
    if (!rows || !c)
        return MOLA_NO_MEMORY;
    mola_attr_list reads = {.arena = ctx->arena};
    mola_filter_reads(condition, &reads);
    c->ctx = ctx;
    c->view = view;
    c->condition = condition;
    c->fresh = fresh;
    c->reads = &reads;
    c->keep = keep;
    mola_err err = MOLA_OK;
    for (uint32_t done = 0; done < count && !err; done += c->count) {
        c->rows = rows + done;
        c->count = count - done < STEP_ROWS ? count - done : STEP_ROWS;
        for (uint32_t i = 0; i < c->count; i++)
            c->at[i] = at[c->rows[i]];
        err = check_step(c);
    }
    return err;
}
