/* random_rows.h - seeded random batches of changes over a random schema. */
#pragma once
#include "common.h"

enum { RANDOM_COLUMNS = 10 };

typedef struct {
    mola_type id_type;
    mola_type types[RANDOM_COLUMNS]; /* attribute i + 1 */
} random_schema;

typedef struct {
    mola_rows rows;
    mola_column_builder ids, builders[RANDOM_COLUMNS];
    mola_buf ops, given[RANDOM_COLUMNS];
    mola_row_column columns[RANDOM_COLUMNS];
} random_batch;

__attribute__((unused)) static random_schema random_schema_new(chance *c)
{
    static const char *const ids[] = {"uint", "uuid", "string"};
    random_schema schema = {.id_type = type_of(ids[below(c, 3)])};
    for (int i = 0; i < RANDOM_COLUMNS; i++)
        schema.types[i] = random_type(c);
    return schema;
}

__attribute__((unused)) static bool mola_row_given(const mola_row_column *rc, uint32_t row)
{
    return rc->given ? mola_bit(rc->given, row) : mola_column_has(&rc->column, row);
}

/* One cell: upserts give what is present, patches may give nothing (which removes), deletes give
 * none. */
__attribute__((unused)) static void random_cell(chance *c, random_batch *batch, int i, mola_op op)
{
    mola_column_builder *b = &batch->builders[i];
    bool present = op != MOLA_OP_DELETE && below(c, 3) != 0;
    bool given = present || (op == MOLA_OP_PATCH && below(c, 2));
    uint32_t row = b->rows;
    if (present) {
        random_json(c, b->type);
        mola_json v = json_n(out.data, out.len);
        out.len = 0;
        ck_assert_int_eq(
            mola_column_add_json(b, MOLA_STR("a"), false, v, &mola_limits_default, &arena, &why),
            MOLA_OK);
        drop_docs();
    } else {
        ck_assert_int_eq(mola_column_add_absent(b, 1), MOLA_OK);
    }
    if (row % 64 == 0)
        mola_buf_add_zeros(&batch->given[i], 8);
    if (given)
        ((uint64_t *)(void *)batch->given[i].data)[row / 64] |= UINT64_C(1) << row % 64;
}

__attribute__((unused)) static void random_batch_init(chance *c, const random_schema *schema,
                                                      random_batch *batch)
{
    *batch = (random_batch){.rows = {.count = 1 + below(c, 90)}};
    mola_buf_init(&batch->ops, &heap);
    mola_column_builder_init(&batch->ids, &heap, schema->id_type);
    bool used[RANDOM_COLUMNS], patches = below(c, 2);
    for (int i = 0; i < RANDOM_COLUMNS; i++) {
        used[i] = below(c, 3) != 0;
        mola_column_builder_init(&batch->builders[i], &heap, schema->types[i]);
        mola_buf_init(&batch->given[i], &heap);
    }
    for (uint32_t r = 0; r < batch->rows.count; r++) {
        mola_op op = patches ? (mola_op)(1 + below(c, 3)) : MOLA_OP_UPSERT;
        mola_value id = random_value(c, (mola_elem)schema->id_type.elem);
        mola_buf_add_char(&batch->ops, (char)op);
        ck_assert_int_eq(mola_column_add_value(&batch->ids, &id), MOLA_OK);
        for (int i = 0; i < RANDOM_COLUMNS; i++)
            if (used[i])
                random_cell(c, batch, i, op);
    }
    batch->rows.ops = (const uint8_t *)batch->ops.data;
    batch->rows.ids = mola_column_built(&batch->ids);
    batch->rows.columns = batch->columns;
    for (uint32_t i = 0; i < RANDOM_COLUMNS; i++)
        if (used[i])
            batch->columns[batch->rows.column_count++] = (mola_row_column){
                .attr = i + 1,
                .column = mola_column_built(&batch->builders[i]),
                .given = patches ? (const uint64_t *)(void *)batch->given[i].data : NULL,
            };
}

__attribute__((unused)) static void random_batch_free(random_batch *batch)
{
    mola_buf_free(&batch->ops);
    mola_column_builder_free(&batch->ids);
    for (int i = 0; i < RANDOM_COLUMNS; i++) {
        mola_column_builder_free(&batch->builders[i]);
        mola_buf_free(&batch->given[i]);
    }
}
