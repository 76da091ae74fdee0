#include "query/tree.h"
#include <stdio.h>

mola_err mola_query_no_memory(const mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_NO_MEMORY, "the query does not fit in the memory of a request");
}

mola_err mola_query_fail_limit(const mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_INVALID, "top_k must be between 1 and %llu",
                     (unsigned long long)mola_limits_of(ctx->env)->result_rows);
}

mola_err mola_query_fail_offset(const mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_INVALID, "offset + limit must be at most %llu",
                     (unsigned long long)mola_limits_of(ctx->env)->result_rows);
}

/* ---- pieces ---- */

const char *mola_query_path(const mola_ctx *ctx, const char *prefix, mola_str name)
{
    size_t room = strlen(prefix) + name.len + 1;
    char *path = mola_new(ctx->arena, char, room);
    if (path && snprintf(path, room, "%s" MOLA_FMT, prefix, MOLA_ARG(name)) < 0)
        return NULL;
    return path;
}

uint32_t mola_take_elements(mola_json array, mola_json *out, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < room; i++)
        out[i] = (mola_json){0};
    if (mola_json_kind_of(array) != MOLA_JSON_ARRAY)
        return 0;
    for (mola_json v = mola_json_first(array); v.doc; v = mola_json_next(array, v)) {
        if (count == room)
            return room + 1;
        out[count++] = v;
    }
    return count;
}

mola_err mola_take_names(mola_ctx *ctx, mola_json list, mola_names *out)
{
    if (mola_json_kind_of(list) != MOLA_JSON_ARRAY)
        return MOLA_SHAPE;
    out->given = true;
    out->names = mola_new(ctx->arena, mola_str, mola_json_count(list));
    if (!out->names)
        return mola_query_no_memory(ctx);
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        if (mola_json_kind_of(v) != MOLA_JSON_STRING)
            return MOLA_SHAPE;
        if (!mola_json_string(v, ctx->arena, &out->names[out->count++]))
            return mola_query_no_memory(ctx);
    }
    return MOLA_OK;
}

bool mola_take_count(mola_json json, uint64_t *out)
{
    if (!mola_json_is_integer(json))
        return false;
    if (mola_json_u64(json, out))
        return true;
    *out = UINT64_MAX;
    return mola_json_number_text(json).data[0] != '-';
}

static mola_json member(mola_json object, const char *name)
{
    return mola_json_get(object, mola_str_of(name));
}

/* The 422 for a text that is none of the allowed ones. */
static mola_err fail_variant(mola_ctx *ctx, const char *path, mola_json given, const char *expected)
{
    mola_str text = mola_json_raw(given);
    if (mola_json_kind_of(given) == MOLA_JSON_STRING && !mola_json_string(given, ctx->arena, &text))
        return mola_query_no_memory(ctx);
    return mola_fail_shape(ctx->why, path, "unknown variant `" MOLA_FMT "`, expected %s",
                           MOLA_ARG(text), expected);
}

/* ---- limit, offset ---- */

static mola_err wrong_limit(const mola_ctx *ctx, const char *path)
{
    return mola_fail_shape(ctx->why, path,
                           "data did not match any variant of untagged enum LimitInput");
}

static mola_err parse_per(mola_ctx *ctx, mola_json per, mola_limit_tree *out)
{
    if (!mola_json_is_set(per))
        return MOLA_OK;
    if (mola_json_kind_of(per) != MOLA_JSON_OBJECT ||
        !mola_take_count(member(per, "limit"), &out->per_limit))
        return wrong_limit(ctx, "limit");
    out->has_per = true;
    mola_err err = mola_take_names(ctx, member(per, "attributes"), &out->per);
    return err == MOLA_SHAPE ? wrong_limit(ctx, "limit") : err;
}

static mola_err parse_limit(mola_ctx *ctx, mola_json q, mola_limit_tree *out)
{
    mola_json value = member(q, "limit");
    const char *path = value.doc ? "limit" : "top_k";
    if (!value.doc)
        value = member(q, "top_k");
    if (!value.doc)
        return MOLA_OK;
    if (mola_json_kind_of(value) == MOLA_JSON_OBJECT && member(q, "limit").doc) {
        mola_json per = member(value, "per");
        value = member(value, "total");
        if (!value.doc)
            return mola_fail_shape(ctx->why, "limit", "missing field `total`");
        mola_err err = parse_per(ctx, per, out);
        if (err)
            return err;
    }
    if (!mola_json_is_set(value))
        return mola_query_fail_limit(ctx);
    out->has_total = true;
    return mola_take_count(value, &out->total) ? MOLA_OK : wrong_limit(ctx, path);
}

static mola_err parse_offset(mola_ctx *ctx, mola_json q, uint64_t *out)
{
    mola_json offset = member(q, "offset");
    if (mola_json_is_set(offset) && !mola_take_count(offset, out))
        return mola_fail_type(ctx->why, "offset", offset, "usize");
    return MOLA_OK;
}

/* ---- one query ---- */

static mola_err parse_columns(mola_ctx *ctx, mola_json q, mola_question *out)
{
    mola_json include = member(q, "include_attributes"), exclude = member(q, "exclude_attributes");
    mola_err err = MOLA_OK;
    if (mola_json_kind_of(include) == MOLA_JSON_BOOL) {
        out->include = mola_json_bool(include) ? MOLA_INCLUDE_ALL : MOLA_INCLUDE_NONE;
    } else if (mola_json_is_set(include)) {
        out->include = MOLA_INCLUDE_LIST;
        err = mola_take_names(ctx, include, &out->included);
        if (err == MOLA_SHAPE) {
            return mola_fail_shape(
                ctx->why, "include_attributes",
                "data did not match any variant of untagged enum IncludeAttributes");
        }
    }
    if (!err && mola_json_is_set(exclude)) {
        err = mola_take_names(ctx, exclude, &out->excluded);
        if (err == MOLA_SHAPE)
            return mola_fail_type(ctx->why, "exclude_attributes", exclude, "a sequence");
    }
    return err;
}

static mola_err parse_metric(mola_ctx *ctx, mola_json q, mola_question *out)
{
    mola_json given = member(q, "distance_metric");
    if (!mola_json_is_set(given))
        return MOLA_OK;
    return mola_metric_from_json(given, "distance_metric", &out->metric, ctx->why);
}

static mola_err parse_grouping(mola_ctx *ctx, mola_json q, mola_question *out)
{
    mola_json aggregate_by = member(q, "aggregate_by"), group_by = member(q, "group_by");
    if (mola_json_is_set(aggregate_by)) {
        mola_err err = mola_parse_aggregates(ctx, aggregate_by, group_by, out);
        if (!err && out->rank.kind != MOLA_RANK_NONE)
            err = mola_fail_shape(ctx->why, "", "rank_by cannot be combined with aggregate_by");
        return err;
    }
    if (!mola_json_is_set(group_by))
        return MOLA_OK;
    if (mola_json_kind_of(group_by) != MOLA_JSON_ARRAY)
        return mola_fail_type(ctx->why, "group_by", group_by, "a sequence");
    return mola_fail(ctx->why, MOLA_INVALID, "group_by requires aggregate_by");
}

static mola_err parse_question(mola_ctx *ctx, mola_json q, mola_question *out)
{
    if (mola_json_kind_of(q) != MOLA_JSON_OBJECT)
        return mola_fail_type(ctx->why, "", q, "struct QueryRequest");
    mola_json rank_by = member(q, "rank_by"), filters = member(q, "filters");
    mola_err err = parse_limit(ctx, q, &out->limit);
    if (!err && mola_json_is_set(rank_by))
        err = mola_parse_rank(ctx, rank_by, &out->rank);
    out->rank.json = rank_by;
    if (!err && mola_json_is_set(filters))
        err = mola_filter_parse(ctx, filters, "filters", &out->filters);
    if (!err)
        err = parse_columns(ctx, q, out);
    if (!err)
        err = mola_parse_computed(ctx, member(q, "compute_attributes"), out);
    if (!err)
        err = parse_offset(ctx, q, &out->offset);
    if (!err)
        err = parse_metric(ctx, q, out);
    return err ? err : parse_grouping(ctx, q, out);
}

/* ---- the root ---- */

static mola_err parse_consistency(mola_ctx *ctx, mola_json body, mola_freshness *out)
{
    mola_json consistency = member(body, "consistency");
    mola_json level = member(consistency, "level");
    mola_json staleness = member(consistency, "max_staleness_seconds");
    uint64_t seconds = MOLA_STALENESS_SECONDS;
    *out = (mola_freshness){.level = MOLA_READ_STRONG};
    if (!mola_json_is_set(consistency))
        return MOLA_OK;
    if (mola_json_kind_of(consistency) != MOLA_JSON_OBJECT)
        return mola_fail_type(ctx->why, "consistency", consistency, "struct Consistency");
    if (!level.doc)
        return mola_fail_shape(ctx->why, "consistency", "missing field `level`");
    if (mola_json_string_is(level, MOLA_STR("eventual"))) {
        out->level = MOLA_READ_EVENTUAL;
    } else if (!mola_json_string_is(level, MOLA_STR("strong"))) {
        return fail_variant(ctx, "consistency.level", level, "`strong` or `eventual`");
    }
    if (mola_json_is_set(staleness) && !mola_take_count(staleness, &seconds))
        return mola_fail_type(ctx->why, "consistency.max_staleness_seconds", staleness, "u64");
    out->staleness_ns = seconds < MOLA_NEVER / MOLA_SECOND ? seconds * MOLA_SECOND : MOLA_NEVER;
    return MOLA_OK;
}

static mola_err parse_encoding(mola_ctx *ctx, mola_json body, mola_vector_text *out)
{
    mola_json encoding = member(body, "vector_encoding");
    *out = MOLA_VECTORS_AS_FLOATS;
    if (!mola_json_is_set(encoding) || mola_json_string_is(encoding, MOLA_STR("float")))
        return MOLA_OK;
    *out = MOLA_VECTORS_AS_BASE64;
    if (mola_json_string_is(encoding, MOLA_STR("base64")))
        return MOLA_OK;
    return fail_variant(ctx, "vector_encoding", encoding, "`float` or `base64`");
}

/* {"model": .., "attribute": .., "query": ..} */
static mola_err parse_model(mola_ctx *ctx, mola_json rerank, mola_query *out)
{
    mola_str *const texts[] = {&out->rerank.model, &out->rerank.attr, &out->rerank.text};
    out->by_model = true;
    static const char *const names[][2] = {{"model", "rerank_by.model"},
                                           {"attribute", "rerank_by.attribute"},
                                           {"query", "rerank_by.query"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        mola_json value = member(rerank, names[i][0]);
        if (!value.doc)
            return mola_fail_shape(ctx->why, "rerank_by", "missing field `%s`", names[i][0]);
        if (mola_json_kind_of(value) != MOLA_JSON_STRING)
            return mola_fail_type(ctx->why, names[i][1], value, "a string");
        if (!mola_json_string(value, ctx->arena, texts[i]))
            return mola_query_no_memory(ctx);
    }
    return MOLA_OK;
}

static mola_err wrong_rerank(const mola_ctx *ctx)
{
    return mola_fail_shape(ctx->why, "rerank_by",
                           "data did not match any variant of untagged enum RerankInput");
}

static mola_err parse_weights(mola_ctx *ctx, mola_json list, mola_query *out)
{
    if (mola_json_kind_of(list) != MOLA_JSON_ARRAY)
        return wrong_rerank(ctx);
    out->weights = mola_new(ctx->arena, double, mola_json_count(list));
    if (!out->weights)
        return mola_query_no_memory(ctx);
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        if (mola_json_kind_of(v) != MOLA_JSON_NUMBER)
            return wrong_rerank(ctx);
        out->weights[out->weight_count++] = mola_take_number(v);
    }
    return MOLA_OK;
}

/* ["RRF"] or ["RRF", {"rank_constant": 60, "weights": [...]}] */
static mola_err parse_fusion(mola_ctx *ctx, mola_json rerank, mola_query *out)
{
    mola_json part[2];
    mola_str name;
    uint32_t count = mola_take_elements(rerank, part, 2);
    if (count < 1 || count > 2 || mola_json_kind_of(part[0]) != MOLA_JSON_STRING)
        return wrong_rerank(ctx);
    if (!mola_json_string(part[0], ctx->arena, &name))
        return mola_query_no_memory(ctx);
    if (!mola_str_eq(name, MOLA_STR("RRF")))
        return mola_fail(ctx->why, MOLA_INVALID, "unknown reranker `" MOLA_FMT "`", MOLA_ARG(name));
    out->fused = true;
    out->rank_constant = 60;
    if (count == 2 && mola_json_kind_of(part[1]) != MOLA_JSON_OBJECT)
        return wrong_rerank(ctx);
    mola_json constant = member(part[1], "rank_constant"), weights = member(part[1], "weights");
    if (constant.doc && mola_json_kind_of(constant) != MOLA_JSON_NUMBER)
        return wrong_rerank(ctx);
    if (constant.doc)
        out->rank_constant = mola_take_number(constant);
    if (mola_json_is_set(weights)) {
        mola_err err = parse_weights(ctx, weights, out);
        if (err)
            return err;
    }
    bool positive = out->rank_constant > 0;
    for (uint32_t i = 0; i < out->weight_count; i++)
        positive = positive && out->weights[i] > 0;
    return positive ? MOLA_OK
                    : mola_fail(ctx->why, MOLA_INVALID,
                                "RRF weights and rank_constant must be positive");
}

static mola_err parse_multi(mola_ctx *ctx, mola_json body, mola_json queries, mola_query *out)
{
    mola_json rerank = member(body, "rerank_by");
    mola_err err = MOLA_OK;
    if (mola_json_kind_of(queries) != MOLA_JSON_ARRAY)
        return mola_fail_type(ctx->why, "queries", queries, "a sequence");
    out->is_multi = true;
    out->questions = mola_new(ctx->arena, mola_question, MOLA_QUERIES_MAX + 1);
    if (!out->questions)
        return mola_query_no_memory(ctx);
    for (mola_json q = mola_json_first(queries); q.doc && !err; q = mola_json_next(queries, q)) {
        uint32_t at =
            out->question_count < MOLA_QUERIES_MAX ? out->question_count : MOLA_QUERIES_MAX;
        out->questions[at] = (mola_question){0};
        err = parse_question(ctx, q, &out->questions[at]);
        out->question_count++;
    }
    if (err)
        return err;
    if (mola_json_kind_of(rerank) == MOLA_JSON_OBJECT) {
        err = parse_model(ctx, rerank, out);
    } else if (mola_json_is_set(rerank)) {
        err = parse_fusion(ctx, rerank, out);
    }
    if (!err && mola_json_is_set(rerank))
        err = parse_limit(ctx, body, &out->limit);
    return err ? err : parse_offset(ctx, body, &out->offset);
}

mola_err mola_query_parse(mola_ctx *ctx, mola_json body, mola_query **out)
{
    mola_query *query = mola_new(ctx->arena, mola_query, 1);
    if (!query)
        return mola_query_no_memory(ctx);
    *out = query;
    if (mola_json_kind_of(body) != MOLA_JSON_OBJECT)
        return mola_fail_type(ctx->why, "", body, "struct QueryRequest");
    mola_json queries = member(body, "queries"), rerank = member(body, "rerank_by");
    mola_err err = parse_consistency(ctx, body, &query->freshness);
    if (!err)
        err = parse_encoding(ctx, body, &query->encoding);
    if (err || mola_json_is_set(queries))
        return err ? err : parse_multi(ctx, body, queries, query);
    query->questions = mola_new(ctx->arena, mola_question, 1);
    query->question_count = 1;
    if (!query->questions)
        return mola_query_no_memory(ctx);
    err = parse_question(ctx, body, query->questions);
    if (err || !mola_json_is_set(rerank))
        return err;
    if (mola_json_kind_of(rerank) != MOLA_JSON_OBJECT) {
        return mola_fail_shape(ctx->why, "rerank_by",
                               "a single query can only be reranked by a model");
    }
    return parse_model(ctx, rerank, query);
}

const mola_freshness *mola_query_freshness(const mola_query *query)
{
    return &query->freshness;
}
