#include "mola/scan/order.h"
#include "mola/model/cell.h"
#include "mola/scan/read.h"
#include "scan/scan.h"
#include "scan/topk.h"

typedef struct {
    const mola_view *view;
    const mola_order_key *keys;
    uint32_t key_count;
    bool first_decides; /* equal numbers of the first key mean equal values */
} ordering;

static mola_value cell(const mola_view *view, uint32_t attr, const mola_candidate *c)
{
    mola_column column;
    uint32_t row;
    if (!mola_view_column(view, c->part, c->row, attr, &column, &row))
        return (mola_value){.elem = MOLA_ELEM_NONE};
    return mola_cell(&column, row);
}

static int settle(const mola_topk *heap, const mola_candidate *a, const mola_candidate *b)
{
    const ordering *o = heap->of;
    for (uint32_t i = 0; i < o->key_count; i++) {
        mola_value left = cell(o->view, o->keys[i].attr, a);
        mola_value right = cell(o->view, o->keys[i].attr, b);
        int order = mola_value_cmp(&left, &right);
        if (order)
            return o->keys[i].direction == MOLA_DESCENDING ? -order : order;
    }
    return mola_compare_ids(o->view, a, b);
}

/* One component of the order in a window: of a row it gives a rank (nulls 0 ascending, 2
 * descending; values 1) and a number. */
typedef struct {
    mola_column column;
    bool have;
    uint64_t turn; /* all ones: descending */
    uint16_t null_rank;
} component;

static component open_component(const ordering *o, uint32_t index, const mola_part *part,
                                uint32_t window)
{
    bool is_id = index >= o->key_count;
    bool descending = !is_id && o->keys[index].direction == MOLA_DESCENDING;
    component c = {.turn = descending ? UINT64_MAX : 0, .null_rank = descending ? 2 : 0};
    c.have = mola_part_column(part, is_id ? MOLA_ATTR_ID : o->keys[index].attr, window, &c.column);
    return c;
}

static inline uint16_t look(const component *c, uint32_t row, uint64_t *key)
{
    if (!c->have || !mola_column_has(&c->column, row))
        return c->null_rank;
    *key = mola_sort_key(&c->column, row) ^ c->turn;
    return 1;
}

/* Offers the set rows of one window. The second component counts only where equal numbers of the
 * first mean equal values: the type of an attribute decides, so it is the same for all rows. */
static mola_err offer_window(mola_topk *heap, const ordering *o, uint32_t part, uint32_t window,
                             const uint64_t *mask, uint32_t rows)
{
    const mola_part *p = o->view->parts[part].part;
    component first = open_component(o, 0, p, window), second = {0};
    if (o->first_decides)
        second = open_component(o, 1, p, window);
    for (uint32_t w = 0; w < mola_words(rows); w++) {
        for (uint64_t rest = mask[w]; rest; rest &= rest - 1) {
            uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(rest);
            mola_candidate c = {.part = part, .row = window * MOLA_WINDOW_ROWS + row};
            c.rank = look(&first, row, &c.key);
            if (mola_topk_refuses_key(heap, c.rank, c.key))
                continue;
            c.tie_rank = look(&second, row, &c.tie);
            if (mola_topk_refuses_tie(heap, &c))
                continue;
            mola_err err = mola_topk_offer(heap, &c);
            if (err)
                return err;
        }
    }
    return MOLA_OK;
}

static mola_err offer_all(mola_topk *heap, const ordering *o, const mola_rowset *rows)
{
    for (uint32_t p = 0; p < rows->view->part_count; p++) {
        uint32_t part_rows = rows->view->parts[p].rows;
        for (uint32_t w = 0; rows->bits[p] && w < mola_windows(part_rows); w++) {
            mola_err err = mola_scan_check(heap->ctx);
            if (!err) {
                err = offer_window(heap, o, p, w, rows->bits[p] + (size_t)w * MOLA_WINDOW_WORDS,
                                   mola_window_rows(part_rows, w));
            }
            if (err)
                return err;
        }
    }
    return MOLA_OK;
}

mola_err mola_order_run(mola_ctx *ctx, const mola_rowset *rows, const mola_order_key *keys,
                        uint32_t key_count, size_t k, mola_hit **hits, size_t *count)
{
    MOLA_ASSERT(key_count <= MOLA_ORDER_KEYS_MAX);
    ordering o = {.view = rows->view, .keys = keys, .key_count = key_count};
    mola_topk heap = {.of = &o, .settle = settle};
    const mola_attr *first = key_count ? mola_state_attr(rows->view->state, keys[0].attr) : NULL;
    o.first_decides = first && mola_sort_key_decides((mola_elem)first->type.elem);
    mola_err err = mola_topk_init(&heap, ctx, k, rows->count);
    if (!err && heap.k)
        err = offer_all(&heap, &o, rows);
    if (err)
        return err;
    mola_topk_sort(&heap);
    *hits = mola_new(ctx->arena, mola_hit, heap.count);
    *count = heap.count;
    if (!*hits)
        return mola_scan_no_memory(ctx);
    for (size_t i = 0; i < heap.count; i++)
        (*hits)[i] = (mola_hit){.part = heap.held[i].part, .row = heap.held[i].row};
    return MOLA_OK;
}
