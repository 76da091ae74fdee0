#include "query/aggregate.h"
#include "mola/codec/print.h"
#include "query/groups.h"

/* ---- planning ---- */

typedef struct {
    mola_str label;
    bool is_sum, is_float;
    uint32_t sum; /* of those of the plan */
} function;
typedef struct {
    function functions[MOLA_FUNCTIONS_MAX];
    uint32_t function_count;
    uint32_t sums[MOLA_FUNCTIONS_MAX], sum_count; /* attributes */
    mola_group_key *keys;
    mola_str *names; /* of the keys */
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
                              const mola_aggregate_tree *tree, aggregate_plan *plan)
{
    const mola_ctx *ctx = asking->ctx;
    function *out = &plan->functions[plan->function_count++];
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
    out->sum = plan->sum_count;
    plan->sums[plan->sum_count++] = a->id;
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

static mola_err plan_key(const mola_asking *asking, const mola_group_tree *tree,
                         mola_group_key *out)
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
    *out = (mola_group_key){.attr = a->id, .each = tree->each};
    return MOLA_OK;
}

static mola_err make_plan(const mola_asking *asking, const mola_question *q, aggregate_plan *out)
{
    mola_ctx *ctx = asking->ctx;
    mola_err err = MOLA_OK;
    *out = (aggregate_plan){0};
    if (!q->function_count)
        return mola_fail(ctx->why, MOLA_INVALID, "aggregate_by requires at least one function");
    uint64_t most = mola_limits_of(ctx->env)->aggregations;
    MOLA_ASSERT(most <= MOLA_FUNCTIONS_MAX);
    if (q->function_count > most) {
        return mola_fail(ctx->why, MOLA_INVALID, "aggregate_by supports at most %llu functions",
                         (unsigned long long)most);
    }
    for (uint32_t i = 0; i < q->function_count && !err; i++)
        err = plan_function(asking, q, &q->functions[i], out);
    if (!err)
        err = check_groups(ctx, q);
    if (err)
        return err;
    out->keys = mola_new(ctx->arena, mola_group_key, q->group_count);
    out->names = mola_new(ctx->arena, mola_str, q->group_count);
    if (!out->keys || !out->names)
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < q->group_count && !err; i++) {
        out->names[i] = q->groups[i].name;
        err = plan_key(asking, &q->groups[i], &out->keys[out->key_count++]);
    }
    return err;
}

/* ---- printing ---- */

static void print_results(const aggregate_plan *plan, const mola_groups *groups, uint32_t group,
                          bool first, mola_buf *out)
{
    for (uint32_t i = 0; i < plan->function_count; i++) {
        const function *f = &plan->functions[i];
        if (!first || i)
            mola_buf_add_char(out, ',');
        mola_print_string(out, f->label);
        mola_buf_add_char(out, ':');
        if (!f->is_sum) {
            mola_print_u64(out, mola_group_rows(groups, group));
        } else if (f->is_float) {
            mola_print_f64(out, mola_sum_float(mola_group_sum(groups, group, f->sum)));
        } else {
            mola_sum_print_whole(out, mola_group_sum(groups, group, f->sum));
        }
    }
}

static void print_group(const aggregate_plan *plan, const mola_groups *groups, uint32_t group,
                        mola_buf *out)
{
    mola_buf_add_char(out, '{');
    for (uint32_t k = 0; k < plan->key_count; k++) {
        if (k)
            mola_buf_add_char(out, ',');
        mola_print_string(out, plan->names[k]);
        mola_buf_add_char(out, ':');
        mola_value_print(out, mola_group_value(groups, group, k));
    }
    print_results(plan, groups, group, false, out);
    mola_buf_add_char(out, '}');
}

static mola_err print_all(const mola_asking *asking, const aggregate_plan *plan,
                          mola_groups *groups, uint64_t limit, mola_buf *out)
{
    uint32_t count;
    const uint32_t *order = mola_groups_order(groups, limit, &count);
    if (!order)
        return mola_query_no_memory(asking->ctx);
    if (!plan->key_count) {
        mola_buf_add_str(out, MOLA_STR("\"aggregations\":{"));
        print_results(plan, groups, order[0], true, out);
        mola_buf_add_char(out, '}');
        return MOLA_OK;
    }
    mola_buf_add_str(out, MOLA_STR("\"aggregation_groups\":["));
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            mola_buf_add_char(out, ',');
        print_group(plan, groups, order[i], out);
    }
    mola_buf_add_char(out, ']');
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

static mola_err group_rows(const mola_asking *asking, const aggregate_plan *plan,
                           const mola_filter *filters, const mola_grouping *grouping,
                           mola_groups **out)
{
    mola_ctx *ctx = asking->ctx;
    mola_attr_list reads = {.arena = ctx->arena};
    mola_rowset rows;
    for (uint32_t i = 0; i < plan->key_count; i++)
        mola_attr_list_add(&reads, plan->keys[i].attr);
    for (uint32_t i = 0; i < plan->sum_count; i++)
        mola_attr_list_add(&reads, plan->sums[i]);
    mola_err err = mola_filter_rows(asking, filters, &reads, &rows);
    if (err)
        return err;
    *out = mola_groups_new(grouping);
    if (!*out)
        return mola_query_no_memory(ctx);
    mola_walk walk = {.attrs = &reads, .of = *out, .visit = mola_groups_visit, .ahead = true};
    return mola_scan_windows(ctx, &rows, &walk);
}

mola_err mola_aggregate_print(const mola_asking *asking, const mola_question *q,
                              const mola_filter *filters, mola_buf *out)
{
    mola_ctx *ctx = asking->ctx;
    aggregate_plan plan;
    mola_groups *groups;
    mola_err err = check_members(ctx, q);
    if (!err)
        err = make_plan(asking, q, &plan);
    if (err)
        return err;
    mola_grouping grouping = {.ctx = ctx,
                              .view = asking->view,
                              .keys = plan.keys,
                              .key_count = plan.key_count,
                              .sums = plan.sums,
                              .sum_count = plan.sum_count};
    err = group_rows(asking, &plan, filters, &grouping, &groups);
    if (!err) {
        uint64_t limit =
            q->limit.has_total ? q->limit.total : mola_limits_of(ctx->env)->result_rows;
        err = print_all(asking, &plan, groups, limit, out);
    }
    return err || !out->failed ? err : mola_query_no_memory(ctx);
}
