#include "scan/filter_tree.h"

/* Recursion is bounded by the nesting that mola_json_parse lets through (128 levels). */
typedef struct {
    mola_ctx *ctx;
    const char *path;
    uint32_t nodes;
} parser;

static const struct {
    mola_str name;
} op_names[] = {
#define OP_NAME(id, text) {MOLA_STR_C(text)},
    MOLA_FILTER_OPS(OP_NAME)
#undef OP_NAME
};

const char *mola_filter_op_name(mola_filter_op op)
{
    return op_names[op].name.data;
}

static bool find_op(mola_str name, mola_filter_op *op)
{
    for (uint32_t i = 0; i < MOLA_FILTER_OP_COUNT; i++) {
        if (!mola_str_eq(op_names[i].name, name))
            continue;
        *op = (mola_filter_op)i;
        return true;
    }
    return false;
}

bool mola_filter_operator(mola_str name)
{
    mola_filter_op op;
    return find_op(name, &op);
}

static mola_err wrong(const parser *p)
{
    return mola_fail_shape(p->ctx->why, p->path,
                           "data did not match any variant of untagged enum FilterInput");
}

static mola_err no_memory(const parser *p)
{
    return mola_fail(p->ctx->why, MOLA_NO_MEMORY,
                     "the filter does not fit in the memory of a request");
}

static bool is_list_op(mola_filter_op op)
{
    return op == MOLA_FILTER_IN || op == MOLA_FILTER_NOT_IN || op == MOLA_FILTER_CONTAINS_ANY ||
           op == MOLA_FILTER_NOT_CONTAINS_ANY;
}

static bool is_token_op(mola_filter_op op)
{
    return op == MOLA_FILTER_ALL_TOKENS || op == MOLA_FILTER_ANY_TOKEN ||
           op == MOLA_FILTER_TOKEN_SEQUENCE;
}

/* All elements are strings, or all numbers, or all booleans. */
static bool is_uniform_list(mola_json list)
{
    mola_json_kind kind = MOLA_JSON_NONE;
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        mola_json_kind k = mola_json_kind_of(v);
        if (k != MOLA_JSON_STRING && k != MOLA_JSON_NUMBER && k != MOLA_JSON_BOOL)
            return false;
        if (kind != MOLA_JSON_NONE && k != kind)
            return false;
        kind = k;
    }
    return true;
}

/* Nothing but `last_as_prefix`, a boolean. */
static bool are_token_options(mola_json options, mola_arena *arena, bool *full)
{
    for (mola_json v = mola_json_first(options); v.doc; v = mola_json_next(options, v)) {
        mola_str key;
        if (!mola_json_key(v, arena, &key)) {
            *full = true;
            return false;
        }
        if (!mola_str_eq(key, MOLA_STR("last_as_prefix")) || mola_json_kind_of(v) != MOLA_JSON_BOOL)
            return false;
    }
    return true;
}

static mola_err check_options(const parser *p, const mola_filter_tree *node)
{
    bool given = mola_json_is_set(node->options), full = false;
    if (given && mola_json_kind_of(node->options) != MOLA_JSON_OBJECT)
        return wrong(p);
    if (is_token_op(node->op) && given && !are_token_options(node->options, p->ctx->arena, &full))
        return full ? no_memory(p) : wrong(p);
    if (node->op == MOLA_FILTER_FUZZY &&
        mola_json_kind_of(mola_json_get(node->options, MOLA_STR("max_edit_distance"))) !=
            MOLA_JSON_ARRAY)
        return wrong(p);
    return MOLA_OK;
}

static mola_err parse_node(parser *p, mola_json json, mola_filter_tree *node);

static mola_err parse_children(parser *p, mola_json list, mola_filter_tree *node)
{
    uint32_t count = mola_json_count(list);
    if (count > MOLA_FILTER_NODES_MAX)
        count = MOLA_FILTER_NODES_MAX + 1; /* enough to run into the limit */
    node->children = mola_new(p->ctx->arena, const mola_filter_tree *, count);
    mola_filter_tree *children = mola_new(p->ctx->arena, mola_filter_tree, count);
    if (!node->children || !children)
        return no_memory(p);
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        mola_filter_tree *child = &children[node->child_count];
        mola_err err = parse_node(p, v, child);
        if (err)
            return err;
        node->children[node->child_count++] = child;
    }
    return MOLA_OK;
}

static mola_err parse_not(parser *p, mola_json json, mola_filter_tree *node)
{
    mola_filter_tree *child = mola_new(p->ctx->arena, mola_filter_tree, 1);
    node->children = mola_new(p->ctx->arena, const mola_filter_tree *, 1);
    if (!child || !node->children)
        return no_memory(p);
    node->kind = MOLA_TREE_NOT;
    node->children[0] = child;
    node->child_count = 1;
    return parse_node(p, json, child);
}

/* [attr, op, value] or [attr, op, value, options]; `part` are the four. */
static mola_err parse_test(parser *p, const mola_json part[4], mola_filter_tree *node)
{
    mola_str op;
    if (mola_json_kind_of(part[1]) != MOLA_JSON_STRING || !part[2].doc)
        return wrong(p);
    if (!mola_json_string(part[0], p->ctx->arena, &node->attr) ||
        !mola_json_string(part[1], p->ctx->arena, &op))
        return no_memory(p);
    if (!find_op(op, &node->op))
        return wrong(p);
    node->kind = MOLA_TREE_TEST;
    node->value = part[2];
    node->options = part[3];
    if (is_list_op(node->op) && mola_json_kind_of(node->value) == MOLA_JSON_ARRAY &&
        !is_uniform_list(node->value))
        return wrong(p);
    return check_options(p, node);
}

static mola_err parse_node(parser *p, mola_json json, mola_filter_tree *node)
{
    if (++p->nodes > MOLA_FILTER_NODES_MAX) {
        return mola_fail(p->ctx->why, MOLA_INVALID, "a filter can have at most %d nodes",
                         MOLA_FILTER_NODES_MAX);
    }
    mola_json part[4] = {{0}};
    uint32_t count = 0;
    if (mola_json_kind_of(json) != MOLA_JSON_ARRAY)
        return wrong(p);
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        if (count == 4)
            return wrong(p);
        part[count++] = v;
    }
    if (count < 2 || mola_json_kind_of(part[0]) != MOLA_JSON_STRING)
        return wrong(p);
    if (count == 2) {
        bool is_and = mola_json_string_is(part[0], MOLA_STR("And"));
        if ((is_and || mola_json_string_is(part[0], MOLA_STR("Or"))) &&
            mola_json_kind_of(part[1]) == MOLA_JSON_ARRAY) {
            node->kind = is_and ? MOLA_TREE_AND : MOLA_TREE_OR;
            return parse_children(p, part[1], node);
        }
        if (mola_json_string_is(part[0], MOLA_STR("Not")))
            return parse_not(p, part[1], node);
        return wrong(p);
    }
    return parse_test(p, part, node);
}

mola_err mola_filter_parse(mola_ctx *ctx, mola_json json, const char *path,
                           const mola_filter_tree **out)
{
    parser p = {.ctx = ctx, .path = path};
    mola_filter_tree *root = mola_new(ctx->arena, mola_filter_tree, 1);
    if (!root)
        return no_memory(&p);
    mola_err err = parse_node(&p, json, root);
    *out = root;
    return err;
}
