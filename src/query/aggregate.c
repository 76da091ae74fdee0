#include "query/aggregate.h"
#include "mola/codec/print.h"
#include "mola/model/cell.h"
#include "mola/scan/windows.h"
#include "query/sum.h"
#include <stdlib.h>

/* ---- planning ---- */

typedef struct {
    mola_str label;
    bool is_sum, is_float;
    uint32_t attr; /* of a sum */
} function;
typedef struct {
    mola_str name;
    uint32_t attr;
    bool each;
} group_key;
typedef struct {
    function functions[MOLA_FUNCTIONS_MAX];
    uint32_t function_count;
    group_key *keys;
    uint32_t key_count;
} aggregate_plan;

static bool names_a_key(const mola_question *q, mola_str label)
{
    for (uint32_t i = 0; i < q->group_count; i++) {
        if (mola_str_eq(q->groups[i].name, label))
            return true;
    }
    return false;
}

static bool is_numeric(mola_type type)
{
    return type.form == MOLA_FORM_SCALAR &&
           (type.elem == MOLA_ELEM_INT || type.elem == MOLA_ELEM_UINT ||
            type.elem == MOLA_ELEM_FLOAT);
}

static mola_err plan_function(const mola_asking *asking, const mola_question *q,
                              const mola_aggregate_tree *tree, function *out)
{
    const mola_ctx *ctx = asking->ctx;
    *out = (function){.label = tree->label, .is_sum = tree->kind == MOLA_AGGREGATE_SUM};
    if (names_a_key(q, tree->label)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "aggregate label `" MOLA_FMT "` equals a group_by key",
                         MOLA_ARG(tree->label));
    }
    if (!out->is_sum) {
        if (!tree->has_attr || mola_str_eq(tree->attr, MOLA_STR("id")))
            return MOLA_OK;
        return mola_fail(ctx->why, MOLA_INVALID,
                         "Count over attribute `" MOLA_FMT "` is not supported",
                         MOLA_ARG(tree->attr));
    }
    const mola_attr *a = mola_state_find(asking->view->state, tree->attr);
    char type[MOLA_TYPE_TEXT_BYTES];
    if (!a)
        return mola_plan_unknown(ctx, tree->attr);
    if (!is_numeric(a->type)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "Sum needs a numeric attribute, but `" MOLA_FMT "` is %.*s",
                         MOLA_ARG(tree->attr), (int)mola_type_print(a->type, type), type);
    }
    out->attr = a->id;
    out->is_float = a->type.elem == MOLA_ELEM_FLOAT;
    return MOLA_OK;
}

static mola_err check_groups(const mola_ctx *ctx, const mola_question *q)
{
    uint32_t each = 0;
    for (uint32_t i = 0; i < q->group_count; i++) {
        each += q->groups[i].each;
        for (uint32_t k = 0; k < i; k++) {
            if (mola_str_eq(q->groups[i].name, q->groups[k].name) ||
                mola_str_eq(q->groups[i].attr, q->groups[k].attr))
                return mola_fail(ctx->why, MOLA_INVALID, "duplicate field in group_by");
        }
        if (i == MOLA_ATTRS_MAX)
            return mola_fail(ctx->why, MOLA_INVALID, "too many fields in group_by");
    }
    if (each > 1)
        return mola_fail(ctx->why, MOLA_INVALID, "group_by supports at most one ForEachUnique");
    return MOLA_OK;
}

static mola_err plan_key(const mola_asking *asking, const mola_group_tree *tree, group_key *out)
{
    const mola_ctx *ctx = asking->ctx;
    const mola_attr *a = mola_state_find(asking->view->state, tree->attr);
    if (mola_str_eq(tree->attr, MOLA_STR("id")))
        return mola_fail(ctx->why, MOLA_INVALID, "cannot group by `id`");
    if (!a)
        return mola_plan_unknown(ctx, tree->attr);
    if (!a->filterable || !mola_type_can_filter(a->type)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "cannot group by attribute `" MOLA_FMT "`: attribute is not filterable",
                         MOLA_ARG(tree->attr));
    }
    if (tree->each != (a->type.form == MOLA_FORM_ARRAY)) {
        char type[MOLA_TYPE_TEXT_BYTES];
        return mola_fail(ctx->why, MOLA_INVALID,
                         "cannot group by attribute `" MOLA_FMT "` of type %.*s",
                         MOLA_ARG(tree->attr), (int)mola_type_print(a->type, type), type);
    }
    *out = (group_key){.name = tree->name, .attr = a->id, .each = tree->each};
    return MOLA_OK;
}

static mola_err make_plan(const mola_asking *asking, const mola_question *q, aggregate_plan *out)
{
    mola_ctx *ctx = asking->ctx;
    mola_err err = MOLA_OK;
    *out = (aggregate_plan){.function_count = q->function_count};
    if (!q->function_count)
        return mola_fail(ctx->why, MOLA_INVALID, "aggregate_by requires at least one function");
    uint64_t most = mola_limits_of(ctx->env)->aggregations;
    MOLA_ASSERT(most <= MOLA_FUNCTIONS_MAX);
    if (q->function_count > most) {
        return mola_fail(ctx->why, MOLA_INVALID, "aggregate_by supports at most %llu functions",
                         (unsigned long long)most);
    }
    for (uint32_t i = 0; i < q->function_count && !err; i++)
        err = plan_function(asking, q, &q->functions[i], &out->functions[i]);
    if (!err)
        err = check_groups(ctx, q);
    if (err)
        return err;
    out->keys = mola_new(ctx->arena, group_key, q->group_count);
    if (!out->keys)
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < q->group_count && !err; i++)
        err = plan_key(asking, &q->groups[i], &out->keys[out->key_count++]);
    return err;
}

/* ---- groups: open addressing on the values of their keys ---- */

typedef struct {
    uint64_t hash, rows;
    mola_value *values; /* [key_count] */
    mola_sum *sums;     /* [function_count]; used by those that sum */
} group_entry;
typedef struct {
    const mola_asking *asking;
    const aggregate_plan *plan;
    mola_arena *arena;
    group_entry **slots;
    uint64_t slot_count, group_count;
    /* of the window at hand */
    bool copies; /* its columns are given back after it */
    mola_column *key_columns, *sum_columns;
    bool *have_key, *have_sum;
    mola_value *values; /* of the row at hand */
} grouping;

static bool same_key(const grouping *g, const group_entry *group, uint64_t hash)
{
    if (group->hash != hash)
        return false;
    for (uint32_t i = 0; i < g->plan->key_count; i++) {
        if (!mola_value_eq(&group->values[i], &g->values[i]))
            return false;
    }
    return true;
}

static bool grow(grouping *g)
{
    uint64_t count = g->slot_count ? 2 * g->slot_count : 64;
    group_entry **slots = mola_new(g->arena, group_entry *, count);
    if (!slots)
        return false;
    for (uint64_t i = 0; i < g->slot_count; i++) {
        if (!g->slots[i])
            continue;
        uint64_t at = g->slots[i]->hash & (count - 1);
        while (slots[at])
            at = (at + 1) & (count - 1);
        slots[at] = g->slots[i];
    }
    g->slots = slots;
    g->slot_count = count;
    return true;
}

static bool copy_values(grouping *g, mola_value *out)
{
    for (uint32_t i = 0; i < g->plan->key_count; i++) {
        out[i] = g->values[i];
        bool text = out[i].elem == MOLA_ELEM_STRING || out[i].elem == MOLA_ELEM_BYTES;
        if (g->copies && text && !mola_arena_copy(g->arena, g->values[i].s, &out[i].s))
            return false;
    }
    return true;
}

/* The group of the values at hand, made when it is new. NULL: no memory. */
static group_entry *find_group(grouping *g)
{
    const uint64_t mix = 0x9e3779b97f4a7c15;
    uint64_t hash = 0;
    uint32_t keys = g->plan->key_count;
    for (uint32_t i = 0; i < keys; i++)
        hash = (hash ^ mola_value_hash(&g->values[i])) * mix;
    hash ^= hash >> 32;
    if (2 * g->group_count >= g->slot_count && !grow(g))
        return NULL;
    uint64_t at = hash & (g->slot_count - 1);
    for (; g->slots[at]; at = (at + 1) & (g->slot_count - 1)) {
        if (same_key(g, g->slots[at], hash))
            return g->slots[at];
    }
    group_entry *made = mola_new(g->arena, group_entry, 1);
    if (!made)
        return NULL;
    made->hash = hash;
    made->values = mola_new(g->arena, mola_value, keys);
    made->sums = mola_new(g->arena, mola_sum, g->plan->function_count);
    if (!made->values || !made->sums || !copy_values(g, made->values))
        return NULL;
    g->slots[at] = made;
    g->group_count++;
    return made;
}

static mola_err count_row(grouping *g, uint32_t row)
{
    group_entry *group = find_group(g);
    if (!group)
        return mola_query_no_memory(g->asking->ctx);
    group->rows++;
    for (uint32_t i = 0; i < g->plan->function_count; i++) {
        if (!g->plan->functions[i].is_sum || !g->have_sum[i] ||
            !mola_column_has(&g->sum_columns[i], row))
            continue;
        mola_value v = mola_cell(&g->sum_columns[i], row);
        if (!mola_sum_add(&group->sums[i], g->arena, &v))
            return mola_query_no_memory(g->asking->ctx);
    }
    return MOLA_OK;
}

/* Once for each distinct element of an array. Arrays are short: their elements are compared with
 * one another. */
static mola_err count_each(grouping *g, uint32_t key, uint32_t row)
{
    const mola_column *c = &g->key_columns[key];
    for (uint32_t i = c->row_from[row]; i < c->row_from[row + 1]; i++) {
        mola_value v = mola_cell(c, i);
        bool seen = false;
        for (uint32_t k = c->row_from[row]; k < i && !seen; k++) {
            mola_value earlier = mola_cell(c, k);
            seen = mola_value_eq(&v, &earlier);
        }
        g->values[key] = v;
        mola_err err = seen ? MOLA_OK : count_row(g, row);
        if (err)
            return err;
    }
    return MOLA_OK;
}

static mola_err group_row(grouping *g, uint32_t row)
{
    uint32_t each = UINT32_MAX;
    for (uint32_t i = 0; i < g->plan->key_count; i++) {
        g->values[i] = (mola_value){.elem = MOLA_ELEM_NONE};
        if (!g->have_key[i] || !mola_column_has(&g->key_columns[i], row))
            continue;
        if (g->plan->keys[i].each) {
            each = i;
        } else {
            g->values[i] = mola_cell(&g->key_columns[i], row);
        }
    }
    return each == UINT32_MAX ? count_row(g, row) : count_each(g, each, row);
}

static mola_err group_window(void *of, const mola_window *window)
{
    grouping *g = of;
    const mola_view *view = g->asking->view;
    const mola_part *part = view->parts[window->part].part;
    g->copies = window->part < view->segment_count;
    for (uint32_t i = 0; i < g->plan->key_count; i++) {
        g->have_key[i] =
            mola_part_column(part, g->plan->keys[i].attr, window->index, &g->key_columns[i]);
    }
    for (uint32_t i = 0; i < g->plan->function_count; i++) {
        const function *f = &g->plan->functions[i];
        g->have_sum[i] =
            f->is_sum && mola_part_column(part, f->attr, window->index, &g->sum_columns[i]);
    }
    for (size_t w = 0; w < mola_words(window->rows); w++) {
        for (uint64_t rest = window->bits[w]; rest; rest &= rest - 1) {
            mola_err err = group_row(g, (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(rest));
            if (err)
                return err;
        }
    }
    return MOLA_OK;
}

static mola_err group_rows(const mola_asking *asking, const aggregate_plan *plan,
                           const mola_rowset *rows, const mola_attr_list *reads, grouping *g)
{
    mola_arena *arena = asking->ctx->arena;
    *g = (grouping){.asking = asking, .plan = plan, .arena = arena};
    g->key_columns = mola_new(arena, mola_column, plan->key_count);
    g->sum_columns = mola_new(arena, mola_column, plan->function_count);
    g->have_key = mola_new(arena, bool, plan->key_count);
    g->have_sum = mola_new(arena, bool, plan->function_count);
    g->values = mola_new(arena, mola_value, plan->key_count);
    if (!g->key_columns || !g->sum_columns || !g->have_key || !g->have_sum || !g->values)
        return mola_query_no_memory(asking->ctx);
    mola_walk walk = {.attrs = reads, .of = g, .visit = group_window, .ahead = true};
    return mola_scan_windows(asking->ctx, rows, &walk);
}

/* ---- printing ---- */

static void print_results(const aggregate_plan *plan, const group_entry *group, bool first,
                          mola_buf *out)
{
    for (uint32_t i = 0; i < plan->function_count; i++) {
        const function *f = &plan->functions[i];
        if (!first || i)
            mola_buf_add_char(out, ',');
        mola_print_string(out, f->label);
        mola_buf_add_char(out, ':');
        if (!f->is_sum) {
            mola_print_u64(out, group->rows);
        } else if (f->is_float) {
            mola_print_f64(out, mola_sum_float(&group->sums[i]));
        } else {
            mola_sum_print_whole(out, &group->sums[i]);
        }
    }
}

static int by_values(const void *a, const void *b, void *context)
{
    const group_entry *left = *(group_entry *const *)a, *right = *(group_entry *const *)b;
    const aggregate_plan *plan = context;
    for (uint32_t i = 0; i < plan->key_count; i++) {
        int order = mola_value_cmp(&left->values[i], &right->values[i]);
        if (order)
            return order;
    }
    return 0;
}

/* The groups move to the front of the slots and are sorted there. */
static void print_groups(grouping *g, aggregate_plan *plan, uint64_t limit, mola_buf *out)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < g->slot_count; i++) {
        if (g->slots[i])
            g->slots[count++] = g->slots[i];
    }
    if (count)
        qsort_r(g->slots, count, sizeof(group_entry *), by_values, plan);
    mola_buf_add_str(out, MOLA_STR("\"aggregation_groups\":["));
    for (uint64_t i = 0; i < count && i < limit; i++) {
        mola_buf_add_str(out, i ? MOLA_STR(",{") : MOLA_STR("{"));
        for (uint32_t k = 0; k < plan->key_count; k++) {
            if (k)
                mola_buf_add_char(out, ',');
            mola_print_string(out, plan->keys[k].name);
            mola_buf_add_char(out, ':');
            mola_value_print(out, &g->slots[i]->values[k]);
        }
        print_results(plan, g->slots[i], false, out);
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
}

static mola_err print_whole(grouping *g, const aggregate_plan *plan, mola_buf *out)
{
    const group_entry *all = find_group(g); /* the one group; made now when there was no row */
    if (!all)
        return mola_query_no_memory(g->asking->ctx);
    mola_buf_add_str(out, MOLA_STR("\"aggregations\":{"));
    print_results(plan, all, true, out);
    mola_buf_add_char(out, '}');
    return MOLA_OK;
}

static mola_err check_members(const mola_ctx *ctx, const mola_question *q)
{
    if (q->include == MOLA_INCLUDE_ALL || q->included.count || q->excluded.given ||
        q->computed_count) {
        return mola_fail(
            ctx->why, MOLA_INVALID,
            "aggregate_by cannot be combined with include_attributes, exclude_attributes or "
            "compute_attributes");
    }
    if (q->limit.has_total && !q->group_count) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "limit requires group_by when used with aggregate_by");
    }
    return MOLA_OK;
}

mola_err mola_aggregate_print(const mola_asking *asking, const mola_question *q,
                              const mola_filter *filters, mola_buf *out)
{
    mola_ctx *ctx = asking->ctx;
    mola_attr_list reads = {.arena = ctx->arena};
    mola_rowset rows;
    grouping g;
    aggregate_plan plan;
    mola_err err = check_members(ctx, q);
    if (!err)
        err = make_plan(asking, q, &plan);
    if (err)
        return err;
    for (uint32_t i = 0; i < plan.key_count; i++)
        mola_attr_list_add(&reads, plan.keys[i].attr);
    for (uint32_t i = 0; i < plan.function_count; i++) {
        if (plan.functions[i].is_sum)
            mola_attr_list_add(&reads, plan.functions[i].attr);
    }
    err = mola_filter_rows(asking, filters, &reads, &rows);
    if (!err)
        err = group_rows(asking, &plan, &rows, &reads, &g);
    if (err)
        return err;
    if (!plan.key_count) {
        err = print_whole(&g, &plan, out);
    } else {
        print_groups(&g, &plan,
                     q->limit.has_total ? q->limit.total
                                        : mola_limits_of(asking->ctx->env)->result_rows,
                     out);
    }
    return err || !out->failed ? err : mola_query_no_memory(ctx);
}
