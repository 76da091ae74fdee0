#include "query/tree.h"
#include <math.h>

/* Recursion is bounded by the nesting that mola_json_parse lets through. */
typedef struct {
    mola_ctx *ctx;
    const char *path;
    uint32_t nodes;
} parser;

static mola_err wrong(const parser *p)
{
    return mola_fail_shape(p->ctx->why, p->path,
                           "data did not match any variant of untagged enum RankInput");
}

static bool is_kind(mola_json json, mola_json_kind kind)
{
    return mola_json_kind_of(json) == kind;
}

static bool is_number(mola_json json)
{
    return is_kind(json, MOLA_JSON_NUMBER);
}

double mola_take_number(mola_json json)
{
    double v;
    if (mola_json_f64(json, &v))
        return v;
    mola_str text = mola_json_number_text(json);
    return text.len && text.data[0] == '-' ? -HUGE_VAL : HUGE_VAL;
}

static mola_err parse_clause(parser *p, mola_json json, bool number_ok, mola_score_tree *out);

static mola_err make_room(parser *p, mola_score_tree *out, uint32_t count,
                          mola_score_tree **children)
{
    if (count > MOLA_SCORE_NODES_MAX)
        count = MOLA_SCORE_NODES_MAX + 1; /* enough to run into the limit */
    out->children = mola_new(p->ctx->arena, const mola_score_tree *, count);
    *children = mola_new(p->ctx->arena, mola_score_tree, count);
    return out->children && *children ? MOLA_OK : mola_query_no_memory(p->ctx);
}

static mola_err parse_only_child(parser *p, mola_json json, mola_score_tree *out)
{
    mola_score_tree *child;
    mola_err err = make_room(p, out, 1, &child);
    if (err)
        return err;
    out->children[out->child_count++] = child;
    return parse_clause(p, json, false, child);
}

/* The children of Sum and Max: all elements of `list` from `first` on. */
static mola_err parse_list(parser *p, mola_json list, mola_json first, mola_score_tree *out)
{
    mola_score_tree *children;
    mola_err err = make_room(p, out, mola_json_count(list), &children);
    for (mola_json v = first; v.doc && !err; v = mola_json_next(list, v)) {
        mola_score_tree *child = &children[out->child_count];
        err = parse_clause(p, v, true, child);
        out->children[out->child_count] = child;
        out->child_count += !err;
    }
    return err;
}

static mola_err parse_product(parser *p, const mola_json part[4], mola_score_tree *out)
{
    bool first = is_number(part[1]), second = is_number(part[2]);
    if (first == second)
        return wrong(p);
    out->kind = MOLA_SCORE_PRODUCT;
    out->number_json = first ? part[1] : part[2];
    out->number = mola_take_number(out->number_json);
    return parse_only_child(p, first ? part[2] : part[1], out);
}

static mola_err parse_shaping(parser *p, mola_json options, mola_score_tree *out)
{
    if (!is_kind(options, MOLA_JSON_OBJECT))
        return wrong(p);
    out->exponent = 1;
    for (mola_json v = mola_json_first(options); v.doc; v = mola_json_next(options, v)) {
        mola_str key;
        if (!mola_json_key(v, p->ctx->arena, &key))
            return mola_query_no_memory(p->ctx);
        if (mola_str_eq(key, MOLA_STR("midpoint")) &&
            (is_number(v) || is_kind(v, MOLA_JSON_STRING))) {
            out->midpoint = v;
        } else if (mola_str_eq(key, MOLA_STR("exponent")) && is_number(v)) {
            out->exponent = mola_take_number(v);
        } else {
            return wrong(p);
        }
    }
    return out->midpoint.doc ? MOLA_OK : wrong(p);
}

static mola_err take_attr(parser *p, mola_json name, mola_score_tree *out)
{
    if (!is_kind(name, MOLA_JSON_STRING))
        return wrong(p);
    return mola_json_string(name, p->ctx->arena, &out->attr) ? MOLA_OK
                                                             : mola_query_no_memory(p->ctx);
}

static mola_err parse_dist(parser *p, const mola_json part[4], mola_score_tree *out)
{
    mola_json inner[2];
    if (mola_take_elements(part[1], inner, 2) != 2 ||
        !mola_json_string_is(inner[0], MOLA_STR("Attribute")))
        return wrong(p);
    out->kind = MOLA_SCORE_DIST;
    out->operand = part[2];
    return take_attr(p, inner[1], out);
}

/* Clauses whose first element is their operator. *done: it was one of them. */
static mola_err parse_headed(parser *p, mola_json json, const mola_json part[4], uint32_t count,
                             mola_score_tree *out, bool *done)
{
    mola_json head = part[0], one = part[1];
    bool is_max = mola_json_string_is(head, MOLA_STR("Max"));
    *done = true;
    if ((is_max || mola_json_string_is(head, MOLA_STR("Sum"))) && count == 2 &&
        is_kind(one, MOLA_JSON_ARRAY)) {
        out->kind = is_max ? MOLA_SCORE_MAX : MOLA_SCORE_SUM;
        return parse_list(p, one, mola_json_first(one), out);
    }
    bool two_values = count == 3 && !is_kind(one, MOLA_JSON_STRING);
    if (is_max && two_values) {
        out->kind = MOLA_SCORE_MAX;
        return parse_list(p, json, one, out);
    }
    if (mola_json_string_is(head, MOLA_STR("Product")) && two_values)
        return parse_product(p, part, out);
    bool list_first = count == 3 && is_kind(one, MOLA_JSON_ARRAY);
    bool saturates = mola_json_string_is(head, MOLA_STR("Saturate"));
    if ((saturates || mola_json_string_is(head, MOLA_STR("Decay"))) && list_first) {
        out->kind = saturates ? MOLA_SCORE_SATURATE : MOLA_SCORE_DECAY;
        mola_err err = parse_only_child(p, one, out);
        return err ? err : parse_shaping(p, part[2], out);
    }
    if (mola_json_string_is(head, MOLA_STR("Attribute")) && count == 2 &&
        is_kind(one, MOLA_JSON_STRING)) {
        out->kind = MOLA_SCORE_ATTRIBUTE;
        return take_attr(p, one, out);
    }
    if (mola_json_string_is(head, MOLA_STR("Dist")) && list_first)
        return parse_dist(p, part, out);
    *done = false;
    return MOLA_OK;
}

static mola_err parse_bm25(parser *p, const mola_json part[4], mola_score_tree *out)
{
    mola_json options = part[3];
    if (!is_kind(part[2], MOLA_JSON_STRING) && !is_kind(part[2], MOLA_JSON_ARRAY))
        return wrong(p);
    if (mola_json_is_set(options) && !is_kind(options, MOLA_JSON_OBJECT))
        return wrong(p);
    for (mola_json v = mola_json_first(options); v.doc; v = mola_json_next(options, v)) {
        mola_str key;
        if (!mola_json_key(v, p->ctx->arena, &key))
            return mola_query_no_memory(p->ctx);
        if (!mola_str_eq(key, MOLA_STR("last_as_prefix")) ||
            (mola_json_is_set(v) && !is_kind(v, MOLA_JSON_BOOL)))
            return wrong(p);
        out->last_as_prefix = mola_json_is_set(v) && mola_json_bool(v);
    }
    out->kind = MOLA_SCORE_BM25;
    out->operand = part[2];
    return take_attr(p, part[0], out);
}

static bool is_filter(mola_json head, mola_json second, mola_arena *arena)
{
    mola_str op;
    if (mola_json_string_is(head, MOLA_STR("And")) || mola_json_string_is(head, MOLA_STR("Or")) ||
        mola_json_string_is(head, MOLA_STR("Not")))
        return true;
    return is_kind(second, MOLA_JSON_STRING) && mola_json_string(second, arena, &op) &&
           mola_filter_operator(op);
}

static mola_err parse_clause(parser *p, mola_json json, bool number_ok, mola_score_tree *out)
{
    if (++p->nodes > MOLA_SCORE_NODES_MAX) {
        return mola_fail(p->ctx->why, MOLA_INVALID,
                         "a score expression can have at most %d clauses", MOLA_SCORE_NODES_MAX);
    }
    if (number_ok && is_number(json)) {
        *out = (mola_score_tree){
            .kind = MOLA_SCORE_NUMBER, .number_json = json, .number = mola_take_number(json)};
        return MOLA_OK;
    }
    mola_json part[4];
    bool done;
    uint32_t count = mola_take_elements(json, part, 4);
    if (count < 2 || !is_kind(part[0], MOLA_JSON_STRING))
        return wrong(p);
    mola_err err = parse_headed(p, json, part, count, out, &done);
    if (err || done)
        return err;
    if (mola_json_string_is(part[1], MOLA_STR("BM25")) && (count == 3 || count == 4))
        return parse_bm25(p, part, out);
    if (mola_json_string_is(part[1], MOLA_STR("SparseKNN")) && count == 3) {
        if (!is_kind(part[2], MOLA_JSON_OBJECT))
            return wrong(p);
        out->kind = MOLA_SCORE_SPARSE;
        out->operand = part[2];
        return take_attr(p, part[0], out);
    }
    if (!is_filter(part[0], part[1], p->ctx->arena))
        return wrong(p);
    out->kind = MOLA_SCORE_FILTER;
    return mola_filter_parse(p->ctx, json, p->path, &out->filter);
}

mola_err mola_parse_score(mola_ctx *ctx, mola_json json, const char *path,
                          const mola_score_tree **out)
{
    parser p = {.ctx = ctx, .path = path};
    mola_score_tree *root = mola_new(ctx->arena, mola_score_tree, 1);
    if (!root)
        return mola_query_no_memory(ctx);
    *out = root;
    return parse_clause(&p, json, false, root);
}
