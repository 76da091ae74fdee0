/* plan.c - the memory of a plan and the columns of its rows. */
#include "write/plan.h"
#include "write/found.h"
#include "write/kept.h"

mola_write_plan *mola_write_plan_new(mola_heap *heap)
{
    mola_write_plan *plan = mola_alloc(heap, sizeof *plan);
    if (plan)
        plan->heap = heap;
    return plan;
}

void mola_write_effect_clear(mola_write_effect *effect)
{
    mola_write_kept_free(effect->kept);
    mola_write_found_free(effect->found);
    if (effect->both)
        mola_rows_builder_free(effect->both);
    *effect = (mola_write_effect){0};
}

static uint32_t row_count(const mola_write_plan *plan)
{
    return plan->upserts + plan->patches + plan->deletes;
}

void mola_write_plan_reset(mola_write_plan *plan)
{
    mola_heap *heap = plan->heap;
    uint32_t rows = row_count(plan);
    if (plan->base)
        mola_state_unref(plan->base);
    if (plan->state)
        mola_state_unref(plan->state);
    mola_write_plan_free(plan->patch);
    mola_write_effect_clear(&plan->effect);
    mola_free(heap, plan->ops, rows);
    mola_free(heap, plan->row_bytes, rows * sizeof *plan->row_bytes);
    mola_free(heap, plan->row_columns, plan->column_count * sizeof *plan->row_columns);
    if (plan->ids.heap)
        mola_column_builder_free(&plan->ids);
    for (uint32_t i = 0; i < plan->column_count; i++) {
        mola_column_builder_free(&plan->columns[i].builder);
        mola_free(heap, plan->columns[i].nulls, mola_words(rows) * sizeof(uint64_t));
    }
    mola_free(heap, plan->columns, plan->column_room * sizeof *plan->columns);
    *plan = (mola_write_plan){.heap = heap};
}

void mola_write_plan_free(mola_write_plan *plan)
{
    if (!plan)
        return;
    mola_write_plan_reset(plan);
    mola_free(plan->heap, plan, sizeof *plan);
}

bool mola_write_plan_fits(const mola_write_plan *plan, const mola_state *state)
{
    if (!plan->decoded || plan->err == MOLA_NO_MEMORY) /* there may be enough by now */
        return false;
    if (plan->base == state)
        return true;
    return plan->base && state && mola_state_eq(plan->base, state);
}

mola_plan_column *mola_write_plan_column(mola_write_plan *plan, uint32_t *column_of_attr,
                                         uint32_t attr, mola_type type)
{
    if (column_of_attr[attr] != MOLA_FIELD_NONE)
        return &plan->columns[column_of_attr[attr]];
    if (plan->column_count == plan->column_room) {
        uint32_t room = plan->column_room ? plan->column_room * 2 : 16;
        mola_plan_column *columns = mola_realloc(
            plan->heap, plan->columns, plan->column_room * sizeof *columns, room * sizeof *columns);
        if (!columns)
            return NULL;
        plan->columns = columns;
        plan->column_room = room;
    }
    column_of_attr[attr] = plan->column_count;
    mola_plan_column *column = &plan->columns[plan->column_count++];
    *column = (mola_plan_column){.attr = attr};
    mola_column_builder_init(&column->builder, plan->heap, type);
    return column;
}

mola_err mola_write_plan_null(mola_write_plan *plan, mola_plan_column *column, uint32_t row)
{
    if (!column->nulls)
        column->nulls = mola_alloc_array(plan->heap, uint64_t, mola_words(row_count(plan)));
    if (!column->nulls)
        return MOLA_NO_MEMORY;
    column->nulls[row / 64] |= (uint64_t)1 << row % 64;
    return MOLA_OK;
}

uint64_t mola_write_builder_bytes(const mola_column_builder *b)
{
    return b->present.len + b->row_from.len + b->byte_from.len + b->data.len + b->weights.len;
}

/* The columns by rising attribute id: by insertion, for they come nearly in order. */
static void fill_columns(mola_write_plan *plan, const mola_state *state)
{
    for (uint32_t i = 0; i < plan->column_count; i++) {
        mola_plan_column *from = &plan->columns[i];
        mola_row_column column = {.attr = state->attrs[from->attr].id,
                                  .column = mola_column_built(&from->builder)};
        MOLA_ASSERT(column.column.rows == plan->rows.count);
        if (from->nulls && column.column.present) {
            for (size_t w = 0; w < mola_words(plan->rows.count); w++)
                from->nulls[w] |= column.column.present[w];
            column.given = from->nulls;
        }
        uint32_t at = i;
        for (; at > 0 && plan->row_columns[at - 1].attr > column.attr; at--)
            plan->row_columns[at] = plan->row_columns[at - 1];
        plan->row_columns[at] = column;
        plan->encoded_bytes += mola_write_builder_bytes(&from->builder);
    }
}

/* Billed are the ids and values of upserts, and the values of patches. */
static void fill_bytes(mola_write_plan *plan)
{
    for (uint32_t row = 0; row < plan->upserts; row++) {
        mola_value id = mola_column_element(&plan->rows.ids, row);
        plan->row_bytes[row] = mola_value_bytes(&id);
    }
    for (uint32_t i = 0; i < plan->column_count; i++) {
        for (uint32_t row = 0; row < plan->upserts + plan->patches; row++)
            plan->row_bytes[row] += mola_column_row_bytes(&plan->row_columns[i].column, row);
    }
}

mola_err mola_write_plan_finish(mola_write_plan *plan, const mola_state *state)
{
    uint32_t rows = row_count(plan);
    MOLA_ASSERT(plan->ids.rows == rows);
    plan->rows = (mola_rows){.count = rows, .ids = mola_column_built(&plan->ids)};
    plan->encoded_bytes = rows + mola_write_builder_bytes(&plan->ids);
    if (rows == 0)
        return MOLA_OK;
    for (uint32_t i = 0; i < plan->column_count; i++) {
        mola_column_builder *b = &plan->columns[i].builder;
        if (mola_column_add_absent(b, rows - b->rows))
            return MOLA_NO_MEMORY;
    }
    plan->ops = mola_alloc(plan->heap, rows);
    plan->row_bytes = mola_alloc_array(plan->heap, uint64_t, rows);
    if (plan->column_count)
        plan->row_columns = mola_alloc_array(plan->heap, mola_row_column, plan->column_count);
    if (!plan->ops || !plan->row_bytes || (plan->column_count && !plan->row_columns))
        return MOLA_NO_MEMORY;
    memset(plan->ops, MOLA_OP_UPSERT, plan->upserts);
    memset(plan->ops + plan->upserts, MOLA_OP_PATCH, plan->patches);
    memset(plan->ops + plan->upserts + plan->patches, MOLA_OP_DELETE, plan->deletes);
    fill_columns(plan, state);
    fill_bytes(plan);
    plan->rows.ops = plan->ops;
    plan->rows.columns = plan->row_columns;
    plan->rows.column_count = plan->column_count;
    return MOLA_OK;
}
