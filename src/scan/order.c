#include "mola/scan/order.h"
#include "mola/model/cell.h"
#include "scan/keep.h"
#include "scan/order_zones.h"

typedef struct {
    const mola_view *view;
    const mola_order_key *keys;
    uint32_t key_count;
    bool first_decides; /* equal numbers of the first key mean equal values */
    mola_keep keep;
    mola_topk heap;
    bool has_zones; /* of the first key */
} ordering;

/* ---- ties ---- */

static mola_value cell(const mola_view *view, uint32_t attr, const mola_candidate *c)
{
    mola_column column;
    uint32_t row;
    if (!mola_view_column(view, c->part, c->row, attr, &column, &row))
        return (mola_value){.elem = MOLA_ELEM_NONE};
    return mola_cell(&column, row);
}

/* What is kept of a row: its keys and, behind them, its id. */
static mola_value read_value(const void *of, const mola_candidate *c, uint32_t index)
{
    const ordering *o = of;
    return index < o->key_count ? cell(o->view, o->keys[index].attr, c)
                                : mola_view_id(o->view, c->part, c->row);
}

static mola_value key_of(const ordering *o, const mola_candidate *c, uint32_t index)
{
    return c->kept ? mola_keep_value(&o->keep, c, index) : cell(o->view, o->keys[index].attr, c);
}

static mola_value id_of(const ordering *o, const mola_candidate *c)
{
    return c->kept ? mola_keep_value(&o->keep, c, o->key_count)
                   : mola_view_id(o->view, c->part, c->row);
}

static int settle(const mola_topk *heap, const mola_candidate *a, const mola_candidate *b)
{
    const ordering *o = heap->of;
    for (uint32_t i = 0; i < o->key_count; i++) {
        mola_value left = key_of(o, a, i), right = key_of(o, b, i);
        int order = mola_value_cmp(&left, &right);
        if (order)
            return o->keys[i].direction == MOLA_DESCENDING ? -order : order;
    }
    mola_value left = id_of(o, a), right = id_of(o, b);
    return mola_value_cmp(&left, &right);
}

/* ---- windows ---- */

/* One component of the order in a window: of a row it gives a rank (nulls 0 ascending, 2
 * descending; values 1) and a number. */
typedef struct {
    mola_column column;
    bool have;
    uint64_t turn; /* all ones: descending */
    uint16_t null_rank;
} component;

static mola_order_key key_at(const ordering *o, uint32_t index)
{
    if (index < o->key_count)
        return o->keys[index];
    return (mola_order_key){.attr = MOLA_ATTR_ID, .direction = MOLA_ASCENDING};
}

static component open_component(const ordering *o, uint32_t index, const mola_part *part,
                                uint32_t window)
{
    mola_order_key key = key_at(o, index);
    bool descending = key.direction == MOLA_DESCENDING;
    component c = {.turn = descending ? UINT64_MAX : 0, .null_rank = descending ? 2 : 0};
    c.have = mola_part_column(part, key.attr, window, &c.column);
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
static mola_err offer_window(void *of, const mola_window *window)
{
    ordering *o = of;
    mola_topk *heap = &o->heap;
    const mola_part *p = o->view->parts[window->part].part;
    const uint64_t *mask = window->bits;
    uint32_t words = (uint32_t)mola_words(window->rows), part = window->part;
    uint32_t first_row = window->index * MOLA_WINDOW_ROWS;
    component first = open_component(o, 0, p, window->index), second = {0};
    if (o->first_decides)
        second = open_component(o, 1, p, window->index);
    for (uint32_t w = 0; w < words; w++) {
        for (uint64_t rest = mask[w]; rest; rest &= rest - 1) {
            uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(rest);
            uint64_t key = 0;
            uint16_t rank = look(&first, row, &key);
            if (mola_topk_refuses_key(heap, rank, key))
                continue;
            mola_candidate c = {.rank = rank, .key = key, .part = part, .row = first_row + row};
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

/* Whether a row of the window can still come before the last one that is held. */
static bool may_have_better(void *of, const mola_window *window)
{
    ordering *o = of;
    mola_order_bounds bounds;
    if (!o->has_zones || !mola_order_bounds_of(o->view, key_at(o, 0), window, &bounds))
        return true;
    return !mola_topk_refuses_key(&o->heap, bounds.first.rank, bounds.first.key);
}

static mola_err step_done(void *of)
{
    ordering *o = of;
    return mola_keep_held(&o->keep, &o->heap);
}

static mola_err offer_all(ordering *o, const mola_rowset *rows)
{
    mola_ctx *ctx = o->heap.ctx;
    mola_attr_list attrs = {.arena = ctx->arena};
    for (uint32_t i = 0; i <= o->key_count; i++)
        mola_attr_list_add(&attrs, key_at(o, i).attr);
    mola_walk walk = {.attrs = &attrs,
                      .of = o,
                      .visit = offer_window,
                      .wanted = may_have_better,
                      .done = step_done};
    mola_order_plan plan;
    mola_err err = mola_order_windows(ctx, rows, key_at(o, 0), o->heap.k, &plan);
    o->has_zones = plan.windows != NULL;
    if (err || !o->has_zones)
        return err ? err : mola_scan_windows(ctx, rows, &walk);
    walk.order = plan.windows;
    walk.order_count = plan.near;
    err = mola_scan_windows(ctx, rows, &walk);
    walk.order = plan.windows + plan.near;
    walk.order_count = plan.count - plan.near;
    return err ? err : mola_scan_windows(ctx, rows, &walk);
}

mola_err mola_order_run(mola_ctx *ctx, const mola_rowset *rows, const mola_order_key *keys,
                        uint32_t key_count, size_t k, mola_hit **hits, size_t *count)
{
    MOLA_ASSERT(key_count <= MOLA_ORDER_KEYS_MAX);
    ordering o = {.view = rows->view, .keys = keys, .key_count = key_count};
    o.heap = (mola_topk){.of = &o, .settle = settle};
    o.keep = (mola_keep){
        .ctx = ctx, .view = rows->view, .values_each = key_count + 1, .read = read_value, .of = &o};
    const mola_attr *first = key_count ? mola_state_attr(rows->view->state, keys[0].attr) : NULL;
    o.first_decides = first && mola_sort_key_decides((mola_elem)first->type.elem);
    mola_err err = mola_topk_init(&o.heap, ctx, k, rows->count);
    mola_keep_open(&o.keep);
    if (!err && o.heap.k)
        err = offer_all(&o, rows);
    if (!err)
        mola_topk_sort(&o.heap);
    mola_keep_close(&o.keep);
    if (err)
        return err;
    *hits = mola_new(ctx->arena, mola_hit, o.heap.count);
    *count = o.heap.count;
    if (!*hits)
        return mola_scan_no_memory(ctx);
    for (size_t i = 0; i < o.heap.count; i++)
        (*hits)[i] = (mola_hit){.part = o.heap.held[i].part, .row = o.heap.held[i].row};
    return MOLA_OK;
}
