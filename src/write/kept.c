#include "write/kept.h"
#include "mola/base/check.h"

typedef struct {
    mola_column_builder builder;
    uint64_t *given;
} kept_column;

struct mola_write_kept {
    mola_heap *heap;
    uint32_t count, column_count;
    uint8_t *ops;
    mola_column_builder ids;
    kept_column *columns;
    mola_row_column *row_columns;
    mola_rows rows;
};

const mola_rows *mola_write_kept_rows(const mola_write_kept *kept)
{
    return &kept->rows;
}

void mola_write_kept_free(mola_write_kept *kept)
{
    if (!kept)
        return;
    mola_heap *heap = kept->heap;
    for (uint32_t i = 0; kept->columns && i < kept->column_count; i++) {
        mola_column_builder_free(&kept->columns[i].builder);
        mola_free(heap, kept->columns[i].given, mola_words(kept->count) * sizeof(uint64_t));
    }
    mola_column_builder_free(&kept->ids);
    mola_free(heap, kept->columns, kept->column_count * sizeof *kept->columns);
    mola_free(heap, kept->row_columns, kept->column_count * sizeof *kept->row_columns);
    mola_free(heap, kept->ops, kept->count);
    mola_free(heap, kept, sizeof *kept);
}

static bool copy_given(kept_column *to, const mola_row_column *from, const uint64_t *keep,
                       uint32_t rows)
{
    uint32_t at = 0;
    if (!from->given)
        return true;
    for (uint32_t row = 0; row < rows; row++) {
        if (!mola_bit(keep, row))
            continue;
        to->given[at / 64] |= (uint64_t)mola_bit(from->given, row) << at % 64;
        at++;
    }
    return true;
}

static bool copy_column(mola_column_builder *to, const mola_column *from, const uint64_t *keep)
{
    for (uint32_t row = 0; row < from->rows; row++) {
        if (mola_bit(keep, row) && mola_column_add_row(to, from, row))
            return false;
    }
    return true;
}

static bool fill(mola_write_kept *kept, const mola_rows *rows, const uint64_t *keep)
{
    uint32_t at = 0;
    for (uint32_t row = 0; row < rows->count; row++) {
        if (mola_bit(keep, row))
            kept->ops[at++] = rows->ops[row];
    }
    MOLA_ASSERT(at == kept->count);
    if (!copy_column(&kept->ids, &rows->ids, keep))
        return false;
    for (uint32_t i = 0; i < kept->column_count; i++) {
        kept_column *to = &kept->columns[i];
        const mola_row_column *from = &rows->columns[i];
        mola_column_builder_init(&to->builder, kept->heap, from->column.type);
        if (from->given)
            to->given = mola_alloc_array(kept->heap, uint64_t, mola_words(kept->count));
        if ((from->given && !to->given) || !copy_column(&to->builder, &from->column, keep))
            return false;
        copy_given(to, from, keep, rows->count);
        kept->row_columns[i] = (mola_row_column){
            .attr = from->attr, .column = mola_column_built(&to->builder), .given = to->given};
    }
    return true;
}

mola_write_kept *mola_write_kept_new(mola_heap *heap, const mola_rows *rows, const uint64_t *keep,
                                     uint32_t count)
{
    MOLA_ASSERT(count > 0 && count <= rows->count);
    mola_write_kept *kept = mola_alloc(heap, sizeof *kept);
    if (!kept)
        return NULL;
    kept->heap = heap;
    kept->count = count;
    mola_column_builder_init(&kept->ids, heap, rows->ids.type);
    kept->ops = mola_alloc(heap, count);
    bool ok = kept->ops != NULL;
    if (ok && rows->column_count) {
        kept->columns = mola_alloc_array(heap, kept_column, rows->column_count);
        kept->row_columns = mola_alloc_array(heap, mola_row_column, rows->column_count);
        ok = kept->columns && kept->row_columns;
        kept->column_count = rows->column_count;
        for (uint32_t i = 0; kept->columns && i < kept->column_count; i++)
            kept->columns[i].builder.heap = heap;
    }
    if (!ok || !fill(kept, rows, keep)) {
        mola_write_kept_free(kept);
        return NULL;
    }
    kept->rows = (mola_rows){.count = count,
                             .ops = kept->ops,
                             .ids = mola_column_built(&kept->ids),
                             .column_count = kept->column_count,
                             .columns = kept->row_columns};
    return kept;
}
