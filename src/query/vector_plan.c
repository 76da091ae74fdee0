#include "mola/codec/base64.h"
#include "query/plan.h"
#include <math.h>

static mola_err invalid(const mola_ctx *ctx, mola_str attr)
{
    return mola_fail(ctx->why, MOLA_INVALID, "invalid query vector for attribute `" MOLA_FMT "`",
                     MOLA_ARG(attr));
}

static mola_err wrong_length(const mola_ctx *ctx, mola_str attr, uint32_t dims)
{
    return mola_fail(ctx->why, MOLA_INVALID,
                     "invalid query vector length for attribute `" MOLA_FMT "`, expected %u",
                     MOLA_ARG(attr), dims);
}

/* Base64 of little-endian f32. MOLA_SHAPE stands for "not a vector". */
static mola_err take_base64(mola_ctx *ctx, mola_json json, uint32_t dims, float *out,
                            bool *length_ok)
{
    mola_str text;
    size_t size;
    if (!mola_json_string(json, ctx->arena, &text))
        return mola_query_no_memory(ctx);
    if (!mola_base64_decoded_size(text, &size) || size % sizeof(float))
        return MOLA_SHAPE;
    size_t count = size / sizeof(float);
    float *all = mola_new(ctx->arena, float, count);
    if (!all)
        return mola_query_no_memory(ctx);
    if (!mola_base64_decode_f32(text, all))
        return MOLA_SHAPE;
    *length_ok = count == dims;
    if (*length_ok)
        memcpy(out, all, size);
    return MOLA_OK;
}

/* One literal of `dims` numbers into `out`; a wrong length shows only in *length_ok. MOLA_SHAPE as
 * above. */
static mola_err take_vector(mola_ctx *ctx, mola_json json, uint32_t dims, float *out,
                            bool *length_ok)
{
    size_t count;
    if (mola_json_kind_of(json) == MOLA_JSON_STRING)
        return take_base64(ctx, json, dims, out, length_ok);
    if (mola_json_kind_of(json) != MOLA_JSON_ARRAY)
        return MOLA_SHAPE;
    *length_ok = mola_json_count(json) == dims;
    if (*length_ok)
        return mola_json_f32_array(json, out, dims, &count) ? MOLA_OK : MOLA_SHAPE;
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        if (mola_json_kind_of(v) != MOLA_JSON_NUMBER || !isfinite((float)mola_take_number(v)))
            return MOLA_SHAPE;
    }
    return MOLA_OK;
}

static bool is_nested(mola_json operand)
{
    mola_json first;
    mola_take_elements(operand, &first, 1);
    mola_json_kind kind = mola_json_kind_of(first);
    return kind == MOLA_JSON_ARRAY || kind == MOLA_JSON_STRING;
}

static mola_err take_vectors(mola_ctx *ctx, const mola_vector_tree *tree, bool multi, uint32_t dims,
                             mola_nearest *out)
{
    uint32_t count = multi ? mola_json_count(tree->operand) : 1;
    float *query = mola_new(ctx->arena, float, (size_t)count *dims);
    bool all_long_enough = true, ok = true;
    mola_err err = MOLA_OK;
    if (!query)
        return mola_query_no_memory(ctx);
    if (multi) {
        float *next = query;
        for (mola_json v = mola_json_first(tree->operand); v.doc && !err;
             v = mola_json_next(tree->operand, v), next += dims) {
            err = take_vector(ctx, v, dims, next, &ok);
            all_long_enough = all_long_enough && ok;
        }
    } else {
        err = take_vector(ctx, tree->operand, dims, query, &all_long_enough);
    }
    if (err)
        return err == MOLA_SHAPE ? invalid(ctx, tree->attr) : err;
    if (!all_long_enough)
        return wrong_length(ctx, tree->attr, dims);
    out->query = query;
    out->query_count = count;
    return MOLA_OK;
}

static mola_err plan_embedded(const mola_ctx *ctx, const mola_vector_tree *tree,
                              const mola_state *state, mola_nearest *out)
{
    const mola_embedded *e = tree->embedded;
    const mola_embedding_model *none;
    if (!e)
        return mola_embedding_find(NULL, (mola_str){0}, (mola_str){0}, &none, ctx->why);
    if (e->refused) {
        return mola_fail(ctx->why, MOLA_INVALID, MOLA_FMT, MOLA_ARG(mola_why_text(e->refused)));
    }
    MOLA_ASSERT(e->vector);
    out->attr = mola_state_attr(state, e->attr);
    MOLA_ASSERT(out->attr && out->attr->type.dims == e->dims);
    out->metric = (mola_metric_kind)state->metric;
    out->query = e->vector;
    out->query_count = 1;
    return MOLA_OK;
}

mola_err mola_plan_vector(mola_ctx *ctx, const mola_vector_tree *tree, const mola_state *state,
                          mola_nearest *out)
{
    const mola_attr *a = mola_state_find(state, tree->attr);
    if (!a)
        return mola_plan_unknown(ctx, tree->attr);
    if (mola_is_embed(tree->operand))
        return plan_embedded(ctx, tree, state, out);
    if (!mola_type_is_vector(a->type)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "attribute `" MOLA_FMT "` is not a vector attribute",
                         MOLA_ARG(tree->attr));
    }
    bool multi = a->type.form == MOLA_FORM_MULTI;
    if (multi && tree->op == MOLA_VECTOR_ANN && !a->late_interaction) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "ANN on multi-vector attribute `" MOLA_FMT "` requires late_interaction",
                         MOLA_ARG(tree->attr));
    }
    if (is_nested(tree->operand) != multi)
        return invalid(ctx, tree->attr);
    out->attr = a;
    out->metric = (mola_metric_kind)state->metric;
    return take_vectors(ctx, tree, multi, a->type.dims, out);
}
