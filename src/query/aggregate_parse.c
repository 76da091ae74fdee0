#include "query/tree.h"

static mola_err wrong_function(const mola_ctx *ctx, mola_str label)
{
    const char *path = mola_query_path(ctx, "aggregate_by.", label);
    if (!path)
        return mola_query_no_memory(ctx);
    return mola_fail_shape(ctx->why, path,
                           "data did not match any variant of untagged enum AggregateInput");
}

/* ["Count"], ["Count", attr], ["Sum", attr] */
static mola_err parse_function(mola_ctx *ctx, mola_json json, mola_aggregate_tree *out)
{
    mola_json part[2];
    uint32_t count = mola_take_elements(json, part, 2);
    bool is_sum = mola_json_string_is(part[0], MOLA_STR("Sum"));
    if (!is_sum && !mola_json_string_is(part[0], MOLA_STR("Count")))
        return wrong_function(ctx, out->label);
    if (count > 2 || (is_sum && count != 2) ||
        (count == 2 && mola_json_kind_of(part[1]) != MOLA_JSON_STRING))
        return wrong_function(ctx, out->label);
    out->kind = is_sum ? MOLA_AGGREGATE_SUM : MOLA_AGGREGATE_COUNT;
    out->has_attr = count == 2;
    if (out->has_attr && !mola_json_string(part[1], ctx->arena, &out->attr))
        return mola_query_no_memory(ctx);
    return MOLA_OK;
}

static mola_err wrong_group(const mola_ctx *ctx)
{
    return mola_fail_shape(ctx->why, "group_by",
                           "data did not match any variant of untagged enum GroupByInput");
}

/* "attr" or {"name": ["ForEachUnique", "attr"]} */
static mola_err parse_group(mola_ctx *ctx, mola_json json, mola_group_tree *out)
{
    if (mola_json_kind_of(json) == MOLA_JSON_STRING) {
        if (!mola_json_string(json, ctx->arena, &out->name))
            return mola_query_no_memory(ctx);
        out->attr = out->name;
        return MOLA_OK;
    }
    mola_json part[2], each = mola_json_first(json);
    if (mola_json_kind_of(json) != MOLA_JSON_OBJECT || !each.doc || mola_json_next(json, each).doc)
        return wrong_group(ctx);
    if (mola_take_elements(each, part, 2) != 2 ||
        !mola_json_string_is(part[0], MOLA_STR("ForEachUnique")) ||
        mola_json_kind_of(part[1]) != MOLA_JSON_STRING)
        return wrong_group(ctx);
    out->each = true;
    if (!mola_json_key(each, ctx->arena, &out->name) ||
        !mola_json_string(part[1], ctx->arena, &out->attr))
        return mola_query_no_memory(ctx);
    return MOLA_OK;
}

mola_err mola_parse_aggregates(mola_ctx *ctx, mola_json aggregate_by, mola_json group_by,
                               mola_question *out)
{
    mola_err err = MOLA_OK;
    if (mola_json_kind_of(aggregate_by) != MOLA_JSON_OBJECT)
        return mola_fail_type(ctx->why, "aggregate_by", aggregate_by, "a map");
    out->aggregates = true;
    out->functions = mola_new(ctx->arena, mola_aggregate_tree, mola_json_count(aggregate_by));
    if (!out->functions)
        return mola_query_no_memory(ctx);
    for (mola_json v = mola_json_first(aggregate_by); v.doc && !err;
         v = mola_json_next(aggregate_by, v)) {
        mola_aggregate_tree *function = &out->functions[out->function_count++];
        if (!mola_json_key(v, ctx->arena, &function->label))
            return mola_query_no_memory(ctx);
        err = parse_function(ctx, v, function);
    }
    if (err || !mola_json_is_set(group_by))
        return err;
    if (mola_json_kind_of(group_by) != MOLA_JSON_ARRAY)
        return mola_fail_type(ctx->why, "group_by", group_by, "a sequence");
    out->groups = mola_new(ctx->arena, mola_group_tree, mola_json_count(group_by));
    if (!out->groups)
        return mola_query_no_memory(ctx);
    for (mola_json v = mola_json_first(group_by); v.doc && !err; v = mola_json_next(group_by, v))
        err = parse_group(ctx, v, &out->groups[out->group_count++]);
    return err;
}
