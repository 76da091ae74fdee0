#include "query/tree.h"

static bool is_string(mola_json json)
{
    return mola_json_kind_of(json) == MOLA_JSON_STRING;
}

static mola_err wrong_rank(const mola_ctx *ctx)
{
    return mola_fail_shape(ctx->why, "rank_by",
                           "data did not match any variant of untagged enum RankInput");
}

static bool find_vector_op(mola_json json, mola_vector_op *op)
{
    bool is_ann = mola_json_string_is(json, MOLA_STR("ANN"));
    *op = is_ann ? MOLA_VECTOR_ANN : MOLA_VECTOR_KNN;
    return is_ann || mola_json_string_is(json, MOLA_STR("kNN"));
}

bool mola_is_order(mola_json json)
{
    mola_json part[2];
    return mola_take_elements(json, part, 2) == 2 && is_string(part[0]) &&
           (mola_json_string_is(part[1], MOLA_STR("asc")) ||
            mola_json_string_is(part[1], MOLA_STR("desc")));
}

static mola_err add_order(mola_ctx *ctx, mola_json json, mola_rank_tree *out)
{
    mola_json part[2];
    if (!mola_is_order(json))
        return wrong_rank(ctx);
    mola_take_elements(json, part, 2);
    if (out->order_count < MOLA_ORDER_KEYS_MAX) {
        mola_order_tree *order = &out->orders[out->order_count];
        if (!mola_json_string(part[0], ctx->arena, &order->attr))
            return mola_query_no_memory(ctx);
        order->direction =
            mola_json_string_is(part[1], MOLA_STR("asc")) ? MOLA_ASCENDING : MOLA_DESCENDING;
    }
    out->order_count++;
    return MOLA_OK;
}

static bool are_all_arrays(mola_json list)
{
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        if (mola_json_kind_of(v) != MOLA_JSON_ARRAY)
            return false;
    }
    return true;
}

mola_err mola_parse_rank(mola_ctx *ctx, mola_json json, mola_rank_tree *out)
{
    mola_json part[3];
    if (mola_json_kind_of(json) != MOLA_JSON_ARRAY)
        return wrong_rank(ctx);
    uint32_t count = mola_take_elements(json, part, 3);
    if (!count)
        return mola_fail(ctx->why, MOLA_INVALID, "rank_by cannot be empty");
    out->kind = MOLA_RANK_ORDERS;
    if (are_all_arrays(json)) {
        for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
            mola_err err = add_order(ctx, v, out);
            if (err)
                return err;
        }
        return MOLA_OK;
    }
    if (mola_is_order(json))
        return add_order(ctx, json, out);
    if (count == 3 && is_string(part[0]) && find_vector_op(part[1], &out->vector.op)) {
        if (!is_string(part[2]) && mola_json_kind_of(part[2]) != MOLA_JSON_ARRAY)
            return wrong_rank(ctx);
        out->kind = MOLA_RANK_VECTOR;
        out->vector.operand = part[2];
        return mola_json_string(part[0], ctx->arena, &out->vector.attr) ? MOLA_OK
                                                                        : mola_query_no_memory(ctx);
    }
    out->kind = MOLA_RANK_SCORE;
    return mola_parse_score(ctx, json, "rank_by", &out->score);
}

/* ---- compute_attributes ---- */

/* *chosen: the index of the name given; as it was when none is. */
static mola_err take_choice(mola_ctx *ctx, const char *path, mola_json given,
                            const char *const *allowed, uint32_t count, const char *expected,
                            uint32_t *chosen)
{
    if (!mola_json_is_set(given))
        return MOLA_OK;
    for (uint32_t i = 0; i < count; i++) {
        if (mola_json_string_is(given, mola_str_of(allowed[i]))) {
            *chosen = i;
            return MOLA_OK;
        }
    }
    mola_str text = mola_json_raw(given);
    if (is_string(given) && !mola_json_string(given, ctx->arena, &text))
        return mola_query_no_memory(ctx);
    return mola_fail_shape(ctx->why, path, "unknown variant `" MOLA_FMT "`, expected one of %s",
                           MOLA_ARG(text), expected);
}

static mola_err take_fragments(mola_ctx *ctx, const char *path, mola_json config,
                               mola_compute_tree *out)
{
    static const char *const by[] = {"none", "sentence", "paragraph", "word"};
    static const char *const units[] = {"utf-8", "utf-16", "codepoints"};
    static const char *const members[] = {"fragment_by", "fragment_limit", "rank_fragments_by",
                                          "include_offsets"};
    for (mola_json v = mola_json_first(config); v.doc; v = mola_json_next(config, v)) {
        mola_str key;
        bool known = false;
        if (!mola_json_key(v, ctx->arena, &key))
            return mola_query_no_memory(ctx);
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            known = known || mola_str_eq(key, mola_str_of(members[i]));
        if (!known)
            return mola_fail_shape(ctx->why, path, "unknown field");
    }
    uint32_t way = MOLA_FRAGMENT_SENTENCE, unit = UINT32_MAX;
    mola_err err = take_choice(ctx, path, mola_json_get(config, MOLA_STR("fragment_by")), by, 4,
                               "`none`, `sentence`, `paragraph`, `word`", &way);
    mola_json limit = mola_json_get(config, MOLA_STR("fragment_limit"));
    out->fragment_limit = 3;
    if (!err && mola_json_is_set(limit) && !mola_take_count(limit, &out->fragment_limit))
        err = mola_fail_shape(ctx->why, path, "invalid fragment_limit");
    if (!err) {
        err = take_choice(ctx, path, mola_json_get(config, MOLA_STR("include_offsets")), units, 3,
                          "`utf-8`, `utf-16`, `codepoints`", &unit);
    }
    out->fragment_by = (mola_fragment_by)way;
    out->offsets = (mola_offsets)(unit + 1); /* none given: 0 */
    return err;
}

static mola_err parse_highlight(mola_ctx *ctx, const char *path, const mola_json part[3],
                                mola_compute_tree *out)
{
    mola_json ranking = mola_json_get(part[2], MOLA_STR("rank_fragments_by"));
    out->kind = MOLA_COMPUTE_HIGHLIGHT;
    mola_err err = take_fragments(ctx, path, part[2], out);
    if (!err && mola_json_is_set(ranking))
        err = mola_parse_score(ctx, ranking, path, &out->rank_fragments_by);
    if (!err && !mola_json_string(part[1], ctx->arena, &out->attr))
        err = mola_query_no_memory(ctx);
    return err;
}

static mola_err parse_one(mola_ctx *ctx, mola_json json, mola_compute_tree *out)
{
    mola_json part[3];
    mola_vector_op op;
    const char *path = mola_query_path(ctx, "compute_attributes.", out->name);
    if (!path)
        return mola_query_no_memory(ctx);
    uint32_t count = mola_take_elements(json, part, 3);
    if (mola_json_string_is(part[0], MOLA_STR("Highlight")) && is_string(part[1]) &&
        (count == 2 || (count == 3 && mola_json_kind_of(part[2]) == MOLA_JSON_OBJECT)))
        return parse_highlight(ctx, path, part, out);
    if (count == 3 && mola_json_string_is(part[1], MOLA_STR("VectorDist")) && is_string(part[0])) {
        out->kind = MOLA_COMPUTE_VECTOR;
        out->vector = (mola_vector_tree){.op = MOLA_VECTOR_DIST, .operand = part[2]};
        return mola_json_string(part[0], ctx->arena, &out->vector.attr) ? MOLA_OK
                                                                        : mola_query_no_memory(ctx);
    }
    if ((count > 1 && find_vector_op(part[1], &op)) || mola_is_order(json)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "computed attribute `" MOLA_FMT
                         "`: this expression is not allowed in compute_attributes",
                         MOLA_ARG(out->name));
    }
    mola_err err = mola_parse_score(ctx, json, path, &out->score);
    if (!err) {
        out->kind =
            out->score->kind == MOLA_SCORE_FILTER ? MOLA_COMPUTE_FILTER : MOLA_COMPUTE_SCORE;
    }
    return err;
}

mola_err mola_parse_computed(mola_ctx *ctx, mola_json members, mola_question *out)
{
    if (!mola_json_is_set(members))
        return MOLA_OK;
    if (mola_json_kind_of(members) != MOLA_JSON_OBJECT)
        return mola_fail_type(ctx->why, "compute_attributes", members, "a map");
    out->computed = mola_new(ctx->arena, mola_compute_tree, mola_json_count(members));
    if (!out->computed)
        return mola_query_no_memory(ctx);
    for (mola_json v = mola_json_first(members); v.doc; v = mola_json_next(members, v)) {
        mola_compute_tree *one = &out->computed[out->computed_count++];
        if (!mola_json_key(v, ctx->arena, &one->name))
            return mola_query_no_memory(ctx);
        mola_err err = parse_one(ctx, v, one);
        if (err)
            return err;
    }
    return MOLA_OK;
}
