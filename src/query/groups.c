#include "query/groups.h"
#include "mola/base/check.h"
#include "mola/model/cell.h"
#include "query/plan.h"
#include <stdlib.h>

enum { BATCH_ROWS = MOLA_WINDOW_ROWS, ROOM_FIRST = 64 };

/* A column of the window at hand. */
typedef struct {
    bool given;
    mola_column column;
} lane;

typedef struct {
    mola_distinct values;
    mola_distinct pairs; /* behind the first key: (combination of the keys before, value) */
    lane lane;
    uint32_t numbers[BATCH_ROWS]; /* of the values of the batch */
    /* `each`: the stamp of the row that had the value last, by its number */
    uint64_t *stamps;
    uint32_t stamp_room;
} group_key;

struct mola_groups {
    const mola_grouping *of;
    mola_arena *arena;
    group_key *keys;
    lane *sum_lanes;
    /* rows of the window, each once for each of its groups */
    uint32_t batch[BATCH_ROWS], batch_count;
    uint32_t groups[BATCH_ROWS]; /* of those */
    uint64_t pairs[BATCH_ROWS];
    uint64_t stamp; /* of the row at hand */
    /* the groups */
    uint32_t count, room;
    uint64_t *rows;
    mola_sum *sums;    /* [room][sum_count] */
    uint32_t *members; /* [count][key_count] numbers of values; made at the end */
};

static mola_err no_memory(const mola_groups *g)
{
    return mola_query_no_memory(g->of->ctx);
}

mola_groups *mola_groups_new(const mola_grouping *grouping)
{
    mola_arena *arena = grouping->ctx->arena;
    mola_groups *g = mola_new(arena, mola_groups, 1);
    if (!g)
        return NULL;
    g->of = grouping;
    g->arena = arena;
    g->keys = mola_new(arena, group_key, grouping->key_count);
    g->sum_lanes = mola_new(arena, lane, grouping->sum_count);
    bool good = g->keys && g->sum_lanes;
    for (uint32_t k = 0; good && k < grouping->key_count; k++) {
        good = mola_distinct_init(&g->keys[k].values, arena, grouping->ctx->env) &&
               (!k || mola_distinct_init(&g->keys[k].pairs, arena, grouping->ctx->env));
    }
    return good ? g : NULL;
}

/* ---- a batch of rows */

/* The first `count` elements in a block with room for more. */
static void *moved(mola_arena *arena, const void *old, size_t count, size_t room, size_t size)
{
    void *block = mola_arena_alloc(arena, room, size, alignof(mola_sum));
    if (block && count)
        memcpy(block, old, count * size);
    return block;
}

/* `count` groups, the new ones without rows. */
static bool set_count(mola_groups *g, uint32_t count)
{
    if (count > g->room) {
        uint64_t room = g->room ? g->room : ROOM_FIRST, sums = g->of->sum_count;
        while (room < count)
            room *= 2;
        g->rows = moved(g->arena, g->rows, g->count, room, sizeof *g->rows);
        g->sums = moved(g->arena, g->sums, g->count * sums, room * sums, sizeof *g->sums);
        if (!g->rows || !g->sums)
            return false;
        g->room = room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
    }
    g->count = count;
    return true;
}

static bool number_values(mola_groups *g, uint32_t key)
{
    group_key *k = &g->keys[key];
    if (k->lane.given && g->of->keys[key].each)
        return true; /* they had to be numbered to find the rows of the batch */
    if (k->lane.given) {
        return mola_distinct_rows(&k->values, &k->lane.column, g->batch, g->batch_count,
                                  k->numbers);
    }
    uint32_t null = mola_distinct_null(&k->values);
    for (uint32_t i = 0; i < g->batch_count; i++)
        k->numbers[i] = null;
    return null != MOLA_DISTINCT_FULL;
}

/* A combination of the keys up to this one is a pair: that of those before, and its value. */
static bool combine(mola_groups *g, uint32_t key)
{
    group_key *k = &g->keys[key];
    for (uint32_t i = 0; i < g->batch_count; i++)
        g->pairs[i] = (uint64_t)g->groups[i] << 32 | k->numbers[i];
    return mola_distinct_words(&k->pairs, g->pairs, g->batch_count, g->groups);
}

static bool find_groups(mola_groups *g)
{
    uint32_t keys = g->of->key_count;
    if (!keys) {
        memset(g->groups, 0, g->batch_count * sizeof *g->groups);
        return set_count(g, 1);
    }
    for (uint32_t k = 0; k < keys; k++) {
        if (!number_values(g, k))
            return false;
        if (k == 0) {
            memcpy(g->groups, g->keys[k].numbers, g->batch_count * sizeof *g->groups);
        } else if (!combine(g, k)) {
            return false;
        }
    }
    return set_count(g, keys > 1 ? g->keys[keys - 1].pairs.count : g->keys[0].values.count);
}

static bool add_floats(mola_groups *g, const mola_column *c, mola_sum *sums, uint32_t stride)
{
    for (uint32_t i = 0; i < g->batch_count; i++) {
        if (!mola_column_has(c, g->batch[i]))
            continue;
        mola_value v = mola_cell(c, g->batch[i]);
        if (!mola_sum_add(&sums[(size_t)g->groups[i] * stride], g->arena, &v))
            return false;
    }
    return true;
}

static void add_whole(mola_groups *g, const mola_column *c, mola_sum *sums, uint32_t stride)
{
    bool is_signed = c->type.elem == MOLA_ELEM_INT;
    for (uint32_t i = 0; i < g->batch_count; i++) {
        uint64_t bits = mola_cell_bits(c, g->batch[i]);
        mola_int128 whole = is_signed ? (int64_t)bits : (mola_int128)bits;
        if (mola_column_has(c, g->batch[i]))
            sums[(size_t)g->groups[i] * stride].whole += whole;
    }
}

static mola_err flush(mola_groups *g)
{
    if (!g->batch_count)
        return MOLA_OK;
    if (!find_groups(g))
        return no_memory(g);
    for (uint32_t i = 0; i < g->batch_count; i++)
        g->rows[g->groups[i]]++;
    for (uint32_t s = 0; s < g->of->sum_count; s++) {
        const mola_column *c = &g->sum_lanes[s].column;
        if (!g->sum_lanes[s].given)
            continue;
        if (c->type.elem != MOLA_ELEM_FLOAT) {
            add_whole(g, c, &g->sums[s], g->of->sum_count);
        } else if (!add_floats(g, c, &g->sums[s], g->of->sum_count)) {
            return no_memory(g);
        }
    }
    g->batch_count = 0;
    return MOLA_OK;
}

/* ---- windows */

/* The first time that this row has the value. */
static bool is_new(mola_groups *g, group_key *k, uint32_t number, bool *full)
{
    if (number >= k->stamp_room) {
        uint32_t room = k->values.room; /* more than `number` */
        uint64_t *stamps = moved(g->arena, k->stamps, k->stamp_room, room, sizeof *stamps);
        *full = !stamps;
        if (!stamps)
            return false;
        k->stamps = stamps;
        k->stamp_room = room;
    }
    bool is_new = k->stamps[number] != g->stamp;
    k->stamps[number] = g->stamp;
    return is_new;
}

static mola_err add_to_batch(mola_groups *g, group_key *each, uint32_t row, uint32_t number)
{
    mola_err err = g->batch_count == BATCH_ROWS ? flush(g) : MOLA_OK;
    each->numbers[g->batch_count] = number;
    g->batch[g->batch_count++] = row;
    return err;
}

static mola_err visit_row_of_array(mola_groups *g, group_key *each, uint32_t row)
{
    const mola_column *c = &each->lane.column;
    if (!mola_column_has(c, row)) {
        uint32_t null = mola_distinct_null(&each->values);
        return null == MOLA_DISTINCT_FULL ? no_memory(g) : add_to_batch(g, each, row, null);
    }
    g->stamp++;
    for (uint32_t i = c->row_from[row]; i < c->row_from[row + 1]; i++) {
        bool full = false;
        uint32_t number = mola_distinct_element(&each->values, c, i);
        if (number == MOLA_DISTINCT_FULL)
            return no_memory(g);
        mola_err err =
            is_new(g, each, number, &full) ? add_to_batch(g, each, row, number) : MOLA_OK;
        if (full)
            return no_memory(g);
        if (err)
            return err;
    }
    return MOLA_OK;
}

/* The key that makes several rows of one; NULL: none does in this window. */
static group_key *open_lanes(mola_groups *g, const mola_window *window)
{
    const mola_grouping *of = g->of;
    const mola_part *part = of->view->parts[window->part].part;
    group_key *each = NULL;
    for (uint32_t i = 0; i < of->key_count; i++) {
        group_key *k = &g->keys[i];
        k->values.copies = window->part < of->view->segment_count; /* released after the step */
        k->lane.given = mola_part_column(part, of->keys[i].attr, window->index, &k->lane.column);
        if (of->keys[i].each && k->lane.given)
            each = k;
    }
    for (uint32_t i = 0; i < of->sum_count; i++) {
        lane *l = &g->sum_lanes[i];
        l->given = mola_part_column(part, of->sums[i], window->index, &l->column);
    }
    return each;
}

mola_err mola_groups_visit(void *groups, const mola_window *window)
{
    mola_groups *g = groups;
    group_key *each = open_lanes(g, window);
    for (size_t w = 0; w < mola_words(window->rows); w++) {
        for (uint64_t rest = window->bits[w]; rest; rest &= rest - 1) {
            uint32_t row = (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(rest);
            if (!each) { /* a window's rows fit into a batch */
                g->batch[g->batch_count++] = row;
                continue;
            }
            mola_err err = visit_row_of_array(g, each, row);
            if (err)
                return err;
        }
    }
    return flush(g);
}

/* ---- what came of it */

const mola_value *mola_group_value(const mola_groups *g, uint32_t group, uint32_t key)
{
    MOLA_ASSERT(group < g->count && key < g->of->key_count);
    return &g->keys[key].values.values[g->members[(size_t)group * g->of->key_count + key]];
}

uint64_t mola_group_rows(const mola_groups *g, uint32_t group)
{
    return g->rows[group];
}

const mola_sum *mola_group_sum(const mola_groups *g, uint32_t group, uint32_t sum)
{
    return &g->sums[(size_t)group * g->of->sum_count + sum];
}

static bool list_members(mola_groups *g)
{
    size_t keys = g->of->key_count;
    g->members = mola_new(g->arena, uint32_t, g->count * keys);
    for (uint32_t i = 0; g->members && i < g->count; i++) {
        uint64_t at = i;
        for (size_t k = keys; k-- > 1; at >>= 32) {
            at = g->keys[k].pairs.values[at].u;
            g->members[i * keys + k] = (uint32_t)at;
        }
        if (keys)
            g->members[i * keys] = (uint32_t)at;
    }
    return g->members;
}

static int by_values(const void *a, const void *b, void *groups)
{
    const mola_groups *g = groups;
    for (uint32_t k = 0; k < g->of->key_count; k++) {
        int order = mola_value_cmp(mola_group_value(g, *(const uint32_t *)a, k),
                                   mola_group_value(g, *(const uint32_t *)b, k));
        if (order)
            return order;
    }
    return 0;
}

/* Lets the element at `at` down to its place in a heap whose last one is on top. */
static void sift(mola_groups *g, uint32_t *heap, uint32_t count, uint32_t at)
{
    for (uint64_t child; (child = 2 * (uint64_t)at + 1) < count; at = (uint32_t)child) {
        if (child + 1 < count && by_values(&heap[child], &heap[child + 1], g) < 0)
            child++;
        if (by_values(&heap[at], &heap[child], g) >= 0)
            return;
        uint32_t moved_up = heap[child];
        heap[child] = heap[at];
        heap[at] = moved_up;
    }
}

/* The first `limit` of all into the front of `order`, which has all of them. */
static void select_first(mola_groups *g, uint32_t *order, uint32_t limit)
{
    for (uint32_t i = limit / 2; i-- > 0;)
        sift(g, order, limit, i);
    for (uint32_t i = limit; i < g->count; i++) {
        if (by_values(&order[i], &order[0], g) < 0) {
            order[0] = order[i];
            sift(g, order, limit, 0);
        }
    }
}

const uint32_t *mola_groups_order(mola_groups *g, uint64_t limit, uint32_t *count)
{
    if (!g->of->key_count && !set_count(g, 1))
        return NULL;
    uint32_t *order = mola_new(g->arena, uint32_t, g->count);
    if (!order || !list_members(g))
        return NULL;
    for (uint32_t i = 0; i < g->count; i++)
        order[i] = i;
    *count = g->count;
    if (limit < g->count) {
        *count = (uint32_t)limit;
        select_first(g, order, *count);
    }
    if (*count)
        qsort_r(order, *count, sizeof *order, by_values, g);
    return order;
}
