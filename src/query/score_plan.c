#include "mola/codec/datetime.h"
#include "mola/codec/f16.h"
#include "query/plan.h"
#include <math.h>
#include <stdlib.h>

/* Signed attributes may stand only where a negative score cannot come out: below a Max with a
 * number, and inside Saturate and Decay. */
typedef enum { UNSIGNED_ONLY, SIGNED_ALLOWED } sign_rule;

typedef struct {
    mola_ctx *ctx;
    const mola_state *state;
} planner;

mola_err mola_plan_unknown(const mola_ctx *ctx, mola_str attr)
{
    return mola_fail(ctx->why, MOLA_INVALID, "attribute `" MOLA_FMT "` not found in schema",
                     MOLA_ARG(attr));
}

static bool is_scalar(mola_type type, mola_elem elem)
{
    return type.form == MOLA_FORM_SCALAR && type.elem == elem;
}

static mola_err plan_clause(const planner *p, const mola_score_tree *tree, sign_rule rule,
                            mola_score *out);

/* The children, each under `rule`; what the parent knows about itself follows from them. */
static mola_err plan_children(const planner *p, const mola_score_tree *tree, sign_rule rule,
                              mola_score *out)
{
    out->children = mola_new(p->ctx->arena, const mola_score *, tree->child_count);
    mola_score *children = mola_new(p->ctx->arena, mola_score, tree->child_count);
    if (!out->children || !children)
        return mola_query_no_memory(p->ctx);
    for (uint32_t i = 0; i < tree->child_count; i++) {
        mola_score *child = &children[i];
        mola_err err = plan_clause(p, tree->children[i], rule, child);
        if (err)
            return err;
        out->children[out->child_count++] = child;
        out->dense = out->dense || child->dense;
        if (out->depth < child->depth + 1)
            out->depth = child->depth + 1;
    }
    return MOLA_OK;
}

static mola_err negative(const planner *p, mola_json number)
{
    mola_str text = mola_json_number_text(number);
    return mola_fail(p->ctx->why, MOLA_INVALID,
                     "Scalar values in rank_by must be non-negative, got " MOLA_FMT,
                     MOLA_ARG(text));
}

static mola_err plan_list(const planner *p, const mola_score_tree *tree, sign_rule rule,
                          mola_score *out)
{
    bool is_sum = tree->kind == MOLA_SCORE_SUM, floor = false;
    for (uint32_t i = 0; i < tree->child_count; i++) {
        const mola_score_tree *child = tree->children[i];
        if (child->kind != MOLA_SCORE_NUMBER)
            continue;
        if (is_sum) {
            return mola_fail(p->ctx->why, MOLA_INVALID,
                             "Sum aggregations can only contain other text queries");
        }
        if (child->number < 0)
            return negative(p, child->number_json);
        floor = true;
    }
    mola_err err = plan_children(p, tree, floor ? SIGNED_ALLOWED : rule, out);
    if (!err && !tree->child_count) {
        err = mola_fail(p->ctx->why, MOLA_INVALID, "%s needs at least one clause",
                        is_sum ? "Sum" : "Max");
    }
    return err;
}

static mola_err plan_product(const planner *p, const mola_score_tree *tree, sign_rule rule,
                             mola_score *out)
{
    if (!isfinite(tree->number) || tree->number < 0)
        return negative(p, tree->number_json);
    out->number = tree->number;
    return plan_children(p, tree, rule, out);
}

/* "6h", "1.5d": milliseconds. */
static bool parse_duration(mola_str text, double *out)
{
    static const struct {
        mola_str name;
        double ms;
    } units[] = {{MOLA_STR_C("ms"), 1},    {MOLA_STR_C("s"), 1e3},    {MOLA_STR_C("m"), 6e4},
                 {MOLA_STR_C("h"), 3.6e6}, {MOLA_STR_C("d"), 8.64e7}, {MOLA_STR_C("w"), 6.048e8}};
    double whole = 0, fraction = 0, scale = 1;
    size_t at = 0, digits = 0;
    for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++)
        whole = whole * 10 + (text.data[at] - '0');
    digits = at;
    if (digits && at < text.len && text.data[at] == '.') {
        size_t from = ++at;
        for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            fraction = fraction * 10 + (text.data[at] - '0');
            scale *= 10;
        }
        digits = at - from;
    }
    mola_str unit = mola_str_from(text, at);
    for (size_t i = 0; digits && i < sizeof units / sizeof *units; i++) {
        if (!mola_str_eq(unit, units[i].name))
            continue;
        *out = (whole + fraction / scale) * units[i].ms;
        return true;
    }
    return false;
}

static mola_err plan_midpoint(const planner *p, const mola_score_tree *tree, double *out)
{
    mola_str text;
    if (mola_json_kind_of(tree->midpoint) == MOLA_JSON_NUMBER) {
        *out = mola_take_number(tree->midpoint);
        return MOLA_OK;
    }
    if (!mola_json_string(tree->midpoint, p->ctx->arena, &text))
        return mola_query_no_memory(p->ctx);
    const mola_score_tree *inner = tree->children[0];
    const mola_attr *attr =
        inner->kind == MOLA_SCORE_DIST ? mola_state_find(p->state, inner->attr) : NULL;
    if (attr && is_scalar(attr->type, MOLA_ELEM_DATETIME) && parse_duration(text, out))
        return MOLA_OK;
    return mola_fail(p->ctx->why, MOLA_INVALID, "invalid midpoint `" MOLA_FMT "`", MOLA_ARG(text));
}

static mola_err plan_shaping(const planner *p, const mola_score_tree *tree, mola_score *out)
{
    mola_err err = plan_midpoint(p, tree, &out->number);
    if (err)
        return err;
    out->exponent = tree->exponent;
    if (!(out->number > 0) || !(out->exponent > 0)) {
        return mola_fail(p->ctx->why, MOLA_INVALID, "%s needs a positive midpoint and exponent",
                         tree->kind == MOLA_SCORE_SATURATE ? "Saturate" : "Decay");
    }
    return plan_children(p, tree, SIGNED_ALLOWED, out);
}

static mola_err plan_attribute(const planner *p, const mola_score_tree *tree, sign_rule rule,
                               mola_score *out)
{
    const mola_attr *a = mola_state_find(p->state, tree->attr);
    if (!a)
        return mola_plan_unknown(p->ctx, tree->attr);
    bool is_uint = is_scalar(a->type, MOLA_ELEM_UINT);
    if (!is_uint && !is_scalar(a->type, MOLA_ELEM_INT) && !is_scalar(a->type, MOLA_ELEM_FLOAT)) {
        char type[MOLA_TYPE_TEXT_BYTES];
        return mola_fail(p->ctx->why, MOLA_INVALID,
                         "rank_by attribute clauses need a numeric attribute, but '" MOLA_FMT
                         "' is %.*s",
                         MOLA_ARG(tree->attr), (int)mola_type_print(a->type, type), type);
    }
    if (!is_uint && rule == UNSIGNED_ONLY) {
        return mola_fail(
            p->ctx->why, MOLA_INVALID,
            "rank_by clauses must produce non-negative scores, but an attribute clause on signed "
            "numeric attribute '" MOLA_FMT
            "' was used. Wrap this clause under a [\"Max\", [0, <clause>]] to fix this.",
            MOLA_ARG(tree->attr));
    }
    out->attr = a->id;
    out->dense = true;
    return MOLA_OK;
}

/* An integer of any size as the origin of a whole-number attribute: exact when it is of that type.
 */
static bool take_whole_origin(mola_json json, mola_elem elem, mola_value *out)
{
    if (!mola_json_is_integer(json))
        return false;
    out->elem = (uint8_t)elem;
    if (elem == MOLA_ELEM_INT ? mola_json_i64(json, &out->i) : mola_json_u64(json, &out->u))
        return true;
    *out = (mola_value){.elem = MOLA_ELEM_FLOAT, .f = mola_take_number(json)};
    return true;
}

static mola_err plan_dist(const planner *p, const mola_score_tree *tree, mola_score *out)
{
    const mola_attr *a = mola_state_find(p->state, tree->attr);
    if (!a)
        return mola_plan_unknown(p->ctx, tree->attr);
    mola_elem elem = a->type.form == MOLA_FORM_SCALAR ? (mola_elem)a->type.elem : MOLA_ELEM_NONE;
    mola_json_kind given = mola_json_kind_of(tree->operand);
    bool fits = false;
    if (elem == MOLA_ELEM_INT || elem == MOLA_ELEM_UINT) {
        fits = take_whole_origin(tree->operand, elem, &out->origin);
    } else if (elem == MOLA_ELEM_FLOAT && given == MOLA_JSON_NUMBER) {
        fits = true;
        out->origin = (mola_value){.elem = MOLA_ELEM_FLOAT, .f = mola_take_number(tree->operand)};
    } else if (elem == MOLA_ELEM_DATETIME && given == MOLA_JSON_STRING) {
        mola_str text;
        if (!mola_json_string(tree->operand, p->ctx->arena, &text))
            return mola_query_no_memory(p->ctx);
        out->origin.elem = MOLA_ELEM_DATETIME;
        fits = mola_datetime_parse(text, &out->origin.i);
    }
    if (!fits) {
        char type[MOLA_TYPE_TEXT_BYTES];
        return mola_fail(p->ctx->why, MOLA_INVALID,
                         "invalid Dist origin for attribute '" MOLA_FMT "' of type %.*s",
                         MOLA_ARG(tree->attr), (int)mola_type_print(a->type, type), type);
    }
    out->attr = a->id;
    out->dense = true;
    return MOLA_OK;
}

static int by_key(const void *a, const void *b)
{
    const mola_sparse_term *left = a, *right = b;
    return mola_str_cmp(left->key, right->key);
}

/* The weights are rounded as stored ones are. */
static mola_err take_terms(const planner *p, const mola_score_tree *tree, mola_score *out)
{
    uint64_t most = mola_limits_of(p->ctx->env)->sparse_entries;
    mola_str attr = tree->attr;
    uint32_t count = 0;
    for (mola_json v = mola_json_first(tree->operand); v.doc;
         v = mola_json_next(tree->operand, v), count++) {
        if (mola_json_kind_of(v) != MOLA_JSON_NUMBER) {
            return mola_fail(p->ctx->why, MOLA_INVALID,
                             "invalid sparse vector for attribute '" MOLA_FMT "'", MOLA_ARG(attr));
        }
    }
    if (count > most) {
        return mola_fail(p->ctx->why, MOLA_INVALID,
                         "sparse vector for attribute '" MOLA_FMT "' has more than %llu entries",
                         MOLA_ARG(attr), (unsigned long long)most);
    }
    mola_sparse_term *terms = mola_new(p->ctx->arena, mola_sparse_term, count);
    if (!terms)
        return mola_query_no_memory(p->ctx);
    for (mola_json v = mola_json_first(tree->operand); v.doc;
         v = mola_json_next(tree->operand, v)) {
        mola_sparse_term *term = &terms[out->term_count++];
        if (!mola_json_key(v, p->ctx->arena, &term->key))
            return mola_query_no_memory(p->ctx);
        float weight = mola_f16_to_f32(mola_f16_from_f32((float)mola_take_number(v)));
        if (!isfinite(weight)) {
            return mola_fail(p->ctx->why, MOLA_INVALID,
                             "attribute '" MOLA_FMT "': sparse weight out of range",
                             MOLA_ARG(attr));
        }
        term->weight = (double)weight;
    }
    if (count)
        qsort(terms, count, sizeof *terms, by_key);
    out->terms = terms;
    return MOLA_OK;
}

static mola_err plan_sparse(const planner *p, const mola_score_tree *tree, mola_score *out)
{
    const mola_attr *a = mola_state_find(p->state, tree->attr);
    if (!a)
        return mola_plan_unknown(p->ctx, tree->attr);
    if (!a->sparse_knn) {
        return mola_fail(p->ctx->why, MOLA_INVALID,
                         "attribute `" MOLA_FMT
                         "` is not enabled for SparseKNN; this requires a schema update",
                         MOLA_ARG(tree->attr));
    }
    out->attr = a->id;
    return take_terms(p, tree, out);
}

static mola_err plan_clause(const planner *p, const mola_score_tree *tree, sign_rule rule,
                            mola_score *out)
{
    out->depth = 1;
    if (tree->kind == MOLA_SCORE_BM25)
        return mola_plan_bm25(p->ctx, tree, p->state, out);
    out->kind = (mola_score_kind)tree->kind;
    switch (out->kind) {
    case MOLA_SCORE_SUM:
    case MOLA_SCORE_MAX:
        return plan_list(p, tree, rule, out);
    case MOLA_SCORE_PRODUCT:
        return plan_product(p, tree, rule, out);
    case MOLA_SCORE_SATURATE:
    case MOLA_SCORE_DECAY:
        return plan_shaping(p, tree, out);
    case MOLA_SCORE_ATTRIBUTE:
        return plan_attribute(p, tree, rule, out);
    case MOLA_SCORE_DIST:
        return plan_dist(p, tree, out);
    case MOLA_SCORE_SPARSE:
        return plan_sparse(p, tree, out);
    case MOLA_SCORE_FILTER:
        return mola_filter_compile(p->ctx, tree->filter, p->state, MOLA_REFS_REFUSED, &out->filter);
    case MOLA_SCORE_TEXT: /* seen to above */
    case MOLA_SCORE_NUMBER:
        break;
    }
    out->number = tree->number;
    return MOLA_OK;
}

mola_err mola_plan_score(mola_ctx *ctx, const mola_score_tree *tree, const mola_state *state,
                         const mola_score **out)
{
    planner p = {.ctx = ctx, .state = state};
    mola_score *root = mola_new(ctx->arena, mola_score, 1);
    if (!root)
        return mola_query_no_memory(ctx);
    *out = root;
    return plan_clause(&p, tree, UNSIGNED_ONLY, root);
}
