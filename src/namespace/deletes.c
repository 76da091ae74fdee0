/* An entry of nothing but deletes, of five million documents perhaps: no row is made and nothing
 * lies over anything, so what is there goes, in the order of the entry and a piece at a time. */
#include "mola/base/check.h"
#include "namespace/known.h"
#include "namespace/live.h"
#include "namespace/tail.h"

enum { PIECE_ROWS = 1 << 19 }; /* that are looked up at once */

typedef struct {
    mola_ctx *ctx;
    mola_view *draft;
    const mola_view *on; /* before the entry: what is looked up there may be gone from the draft */
    const mola_rows *rows;
} deleting;

static mola_err clear_piece(const deleting *d, const mola_column *ids)
{
    mola_ctx own = *d->ctx;
    mola_arena scratch = mola_scratch(d->draft->heap);
    own.arena = &scratch;
    own.pins = NULL;
    mola_row_at *at = mola_new(&scratch, mola_row_at, ids->rows);
    mola_err err = at ? mola_view_locate(&own, d->on, ids, at) : MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < ids->rows && !err; i++) {
        if (at[i].part == MOLA_NOWHERE)
            continue;
        mola_view_part *part = &d->draft->parts[at[i].part];
        if (!mola_bit(part->live, at[i].row)) /* the entry has named it before */
            continue;
        err = mola_live_clear(d->draft->heap, part, at[i].row);
        d->draft->live_rows -= err ? 0 : 1;
    }
    mola_view_release(&own, NULL);
    mola_arena_reset(&scratch);
    d->ctx->roundtrips = own.roundtrips;
    d->ctx->bytes_read = own.bytes_read;
    return err;
}

/* Rows [first, until), which must be looked up. */
static mola_err clear_by_id(const deleting *d, uint32_t first, uint32_t until)
{
    const mola_column *ids = &d->rows->ids;
    size_t width = mola_elem_width((mola_elem)ids->type.elem);
    mola_err err = MOLA_OK;
    for (uint32_t row = first; row < until && !err; row += PIECE_ROWS) {
        mola_column piece = {.type = ids->type,
                             .rows = until - row < PIECE_ROWS ? until - row : PIECE_ROWS,
                             .data = ids->data + width * row,
                             .byte_from = width ? NULL : ids->byte_from + row};
        err = clear_piece(d, &piece);
    }
    return err;
}

static mola_err clear_known(const deleting *d, const mola_known_rows *range)
{
    uint32_t row = range->first;
    mola_err err = MOLA_OK;
    for (uint32_t p = 0; p < range->view->segment_count && !err; p++) {
        uint32_t count = mola_known_in_part(range, p);
        if (count == 0)
            continue;
        /* On the draft, where what was cleared already is dead: such a part is looked up. */
        uint32_t part = mola_known_part(d->draft, range, p);
        if (part == MOLA_NOWHERE) { /* they have moved, or it was merged away */
            err = clear_by_id(d, row, row + count);
        } else {
            err =
                mola_live_clear_all(d->draft->heap, &d->draft->parts[part], range->bits[p], count);
            d->draft->live_rows -= err ? 0 : count;
        }
        row += count;
    }
    MOLA_ASSERT(err || row == range->first + range->count);
    return err;
}

mola_err mola_view_delete(mola_ctx *ctx, mola_view *draft, const mola_view *on,
                          const mola_rows *rows, const mola_known *known)
{
    deleting d = {.ctx = ctx, .draft = draft, .on = on, .rows = rows};
    uint32_t row = 0;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < known->count && !err; i++) {
        const mola_known_rows *range = &known->ranges[i];
        MOLA_ASSERT(range->first >= row && range->first + range->count <= rows->count);
        err = clear_by_id(&d, row, range->first);
        if (!err)
            err = clear_known(&d, range);
        row = range->first + range->count;
    }
    return err ? err : clear_by_id(&d, row, rows->count);
}

bool mola_view_only_deletes(const mola_rows *rows)
{
    uint32_t row = 0;
    while (row < rows->count && rows->ops[row] == MOLA_OP_DELETE)
        row++;
    return row == rows->count;
}
