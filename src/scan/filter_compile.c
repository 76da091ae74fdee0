#include "scan/filter_compile.h"
#include <math.h>
#include <stdlib.h>

typedef mola_filter_compiler compiler;
typedef mola_filter_subject subject;

mola_err mola_filter_no_memory(const compiler *c)
{
    return mola_fail(c->ctx->why, MOLA_NO_MEMORY,
                     "the filter does not fit in the memory of a request");
}

/* ---- words ---- */

enum { SHOWN_BYTES = 200 };

/* The JSON text of an operand, cut. */
static mola_str shown(mola_json json)
{
    mola_str raw = mola_json_raw(json);
    if (raw.len > SHOWN_BYTES) {
        raw.len = SHOWN_BYTES;
        while (raw.len && ((unsigned char)raw.data[raw.len] & 0xc0) == 0x80)
            raw.len--;
    }
    return raw;
}

static mola_err mismatch(const compiler *c, const subject *s, const char *list, const char *elem,
                         mola_json got)
{
    mola_str text = shown(got);
    return mola_fail(c->ctx->why, MOLA_INVALID,
                     MOLA_FILTER_KEY "type mismatch, %s expects %s%s, but got " MOLA_FMT,
                     MOLA_ARG(s->tree->attr), s->op, list, elem, MOLA_ARG(text));
}

mola_err mola_filter_no_index(const compiler *c, const subject *s, const char *index)
{
    return mola_fail(c->ctx->why, MOLA_INVALID,
                     MOLA_FILTER_KEY "attribute is not %s; this requires a schema update",
                     MOLA_ARG(s->tree->attr), index);
}

mola_err mola_filter_wrong_form(const compiler *c, const subject *s, const char *needs)
{
    char type[MOLA_TYPE_TEXT_BYTES];
    size_t len = mola_type_print(s->type, type);
    return mola_fail(c->ctx->why, MOLA_INVALID,
                     MOLA_FILTER_KEY "type mismatch, %s %s, but `" MOLA_FMT "` is %.*s",
                     MOLA_ARG(s->tree->attr), s->op, needs, MOLA_ARG(s->tree->attr), (int)len,
                     type);
}

/* ---- operands ---- */

static const char *elem_name(const subject *s)
{
    return mola_elem_name((mola_elem)s->type.elem);
}

mola_err mola_filter_operand(const compiler *c, const subject *s, mola_json json, mola_value *out)
{
    bool full = false;
    if (mola_json_is_set(json) && s->type.elem != MOLA_ELEM_UNKNOWN &&
        mola_value_from_json(json, (mola_elem)s->type.elem, c->ctx->arena, out, &full))
        return MOLA_OK;
    return full ? mola_filter_no_memory(c) : mismatch(c, s, "", elem_name(s), json);
}

/* The elements of an array, or the single value given for one (`lone`: allowed). */
mola_err mola_filter_operands(const compiler *c, const subject *s, mola_json json, bool lone,
                              mola_value **out, uint32_t *count)
{
    bool is_list = mola_json_kind_of(json) == MOLA_JSON_ARRAY;
    if (!is_list && !lone)
        return mismatch(c, s, "[]", elem_name(s), json);
    *count = is_list ? mola_json_count(json) : 1;
    *out = mola_new(c->ctx->arena, mola_value, *count);
    if (!*out)
        return mola_filter_no_memory(c);
    if (!is_list)
        return mola_filter_operand(c, s, json, *out);
    mola_value *next = *out;
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        mola_err err = mola_filter_operand(c, s, v, next++);
        if (err)
            return err;
    }
    return MOLA_OK;
}

/* ---- comparisons ---- */

static bool is_64_bit(mola_elem elem)
{
    return elem == MOLA_ELEM_INT || elem == MOLA_ELEM_UINT || elem == MOLA_ELEM_DATETIME;
}

/* Inclusive bounds in the order of the type, as unsigned numbers that rise with the value. */
static void bind_integers(mola_filter *leaf, mola_elem elem)
{
    mola_range *r = &leaf->range;
    uint64_t flip = elem == MOLA_ELEM_UINT ? 0 : (uint64_t)1 << 63;
    uint64_t low = r->has_low ? r->low.u ^ flip : 0;
    uint64_t high = r->has_high ? r->high.u ^ flip : UINT64_MAX;
    bool empty = (r->has_low && r->low_open && low == UINT64_MAX) ||
                 (r->has_high && r->high_open && high == 0);
    low += r->has_low && r->low_open;
    high -= r->has_high && r->high_open;
    if (empty || low > high) {
        leaf->test = MOLA_TEST_NEVER;
        return;
    }
    r->low_bits = low ^ flip;
    r->span = high - low;
}

/* Inclusive bounds on both sides: an open one is the next number. */
static void bind_floats(mola_range *r)
{
    double low = r->has_low ? r->low.f : -HUGE_VAL, high = r->has_high ? r->high.f : HUGE_VAL;
    r->low.f = r->has_low && r->low_open ? nextafter(low, HUGE_VAL) : low;
    r->high.f = r->has_high && r->high_open ? nextafter(high, -HUGE_VAL) : high;
    r->has_low = r->has_high = true;
    r->low_open = r->high_open = false;
}

void mola_leaf_compare(mola_filter *leaf, const mola_value *operand)
{
    mola_filter_op op = leaf->op;
    bool is_null = operand->elem == MOLA_ELEM_NONE;
    bool wants_equal = op == MOLA_FILTER_EQ || op == MOLA_FILTER_NOT_EQ;
    bool wants_less = op == MOLA_FILTER_LT || op == MOLA_FILTER_LTE || op == MOLA_FILTER_ANY_LT ||
                      op == MOLA_FILTER_ANY_LTE;
    bool is_open = op == MOLA_FILTER_LT || op == MOLA_FILTER_GT || op == MOLA_FILTER_ANY_LT ||
                   op == MOLA_FILTER_ANY_GT;
    leaf->invert = op == MOLA_FILTER_NOT_EQ;
    if (is_null) {
        /* every value is above null */
        leaf->test = wants_equal || wants_less ? MOLA_TEST_NEVER : MOLA_TEST_ALWAYS;
        leaf->null_matches = !is_open;
        return;
    }
    leaf->test = MOLA_TEST_RANGE;
    leaf->null_matches = wants_less && leaf->type.form == MOLA_FORM_SCALAR;
    mola_range *r = &leaf->range;
    *r = (mola_range){.low = *operand, .high = *operand};
    r->has_low = wants_equal || !wants_less;
    r->has_high = wants_equal || wants_less;
    r->low_open = r->high_open = is_open;
    if (is_64_bit((mola_elem)leaf->type.elem)) {
        bind_integers(leaf, (mola_elem)leaf->type.elem);
    } else if (leaf->type.elem == MOLA_ELEM_FLOAT) {
        bind_floats(r);
    }
}

/* ---- tests ---- */

static mola_err make_equal(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_json json = s->tree->value;
    mola_value operand = {.elem = MOLA_ELEM_NONE};
    mola_err err = MOLA_OK;
    if (mola_json_is_set(json) && s->type.form == MOLA_FORM_ARRAY) {
        mola_value *list = NULL;
        err = mola_filter_operands(c, s, json, false, &list, &leaf->list_count);
        leaf->list = list;
        leaf->test = MOLA_TEST_LIST;
        leaf->invert = leaf->op == MOLA_FILTER_NOT_EQ;
        return err;
    }
    if (mola_json_is_set(json))
        err = mola_filter_operand(c, s, json, &operand);
    if (!err)
        mola_leaf_compare(leaf, &operand);
    return err;
}

static mola_err make_set(const compiler *c, const subject *s, mola_filter *leaf, bool lone)
{
    mola_value *values = NULL;
    uint32_t count = 0;
    mola_err err = mola_filter_operands(c, s, s->tree->value, lone, &values, &count);
    if (err)
        return err;
    leaf->test = count ? MOLA_TEST_SET : MOLA_TEST_NEVER;
    leaf->invert = leaf->op == MOLA_FILTER_NOT_IN || leaf->op == MOLA_FILTER_NOT_CONTAINS_ANY;
    if (count && !mola_set_build(c->ctx->arena, values, count, &leaf->set))
        return mola_filter_no_memory(c);
    return MOLA_OK;
}

static mola_err make_contains(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_value *value = mola_new(c->ctx->arena, mola_value, 1);
    if (!value)
        return mola_filter_no_memory(c);
    mola_err err = mola_filter_operand(c, s, s->tree->value, value);
    if (err)
        return err;
    leaf->test = MOLA_TEST_SET;
    leaf->invert = leaf->op == MOLA_FILTER_NOT_CONTAINS;
    return mola_set_build(c->ctx->arena, value, 1, &leaf->set) ? MOLA_OK : mola_filter_no_memory(c);
}

static mola_err make_compare(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_value operand = {.elem = MOLA_ELEM_NONE};
    if (s->type.form != MOLA_FORM_SCALAR)
        return mola_filter_wrong_form(c, s, "needs a scalar attribute");
    if (mola_json_is_set(s->tree->value)) {
        mola_err err = mola_filter_operand(c, s, s->tree->value, &operand);
        if (err)
            return err;
    }
    mola_leaf_compare(leaf, &operand);
    return MOLA_OK;
}

static mola_err make_any(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_value operand;
    mola_err err = mola_filter_operand(c, s, s->tree->value, &operand);
    if (!err)
        mola_leaf_compare(leaf, &operand);
    return err;
}

static mola_type id_type(const mola_state *state)
{
    uint8_t elem = state->id_type == MOLA_ELEM_NONE ? MOLA_ELEM_UINT : state->id_type;
    return (mola_type){.form = MOLA_FORM_SCALAR, .elem = elem};
}

/* {"$ref_new": name}: the operand is an attribute, of the same type, of the document being written.
 */
static mola_err make_ref(const compiler *c, const subject *s, mola_filter *leaf)
{
    mola_json name = mola_json_get(s->tree->value, MOLA_STR("$ref_new"));
    mola_str text, attr = s->tree->attr;
    if (c->refs == MOLA_REFS_REFUSED || !name.doc || mola_json_count(s->tree->value) != 1) {
        return mola_fail(c->ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY "an object is not a valid value", MOLA_ARG(attr));
    }
    if (mola_json_kind_of(name) != MOLA_JSON_STRING)
        return mola_fail_shape(c->ctx->why, "", "$ref_new must be an attribute name");
    if (!mola_json_string(name, c->ctx->arena, &text))
        return mola_filter_no_memory(c);
    mola_type type = id_type(c->state);
    leaf->ref_attr = MOLA_ATTR_ID;
    if (!mola_str_eq(text, MOLA_STR("id"))) {
        const mola_attr *other = mola_state_find(c->state, text);
        if (!other) {
            return mola_fail(c->ctx->why, MOLA_INVALID,
                             "attribute `" MOLA_FMT
                             "` not found in schema, cannot be used in `$ref_new`",
                             MOLA_ARG(text));
        }
        leaf->ref_attr = other->id;
        type = other->type;
    }
    if (!mola_type_eq(type, s->type)) {
        char is[MOLA_TYPE_TEXT_BYTES], wants[MOLA_TYPE_TEXT_BYTES];
        int is_len = (int)mola_type_print(type, is);
        int wants_len = (int)mola_type_print(s->type, wants);
        return mola_fail(
            c->ctx->why, MOLA_INVALID,
            MOLA_FILTER_KEY "type mismatch, `" MOLA_FMT "` is %.*s, but `" MOLA_FMT "` is %.*s",
            MOLA_ARG(attr), MOLA_ARG(text), is_len, is, MOLA_ARG(attr), wants_len, wants);
    }
    leaf->has_ref = true;
    return MOLA_OK;
}

/* Operators for which a reference stands in the place of one value of the attribute's type. */
static bool takes_ref(mola_filter_op op, mola_form form)
{
    switch (op) {
    case MOLA_FILTER_EQ:
    case MOLA_FILTER_NOT_EQ:
        return true;
    case MOLA_FILTER_LT:
    case MOLA_FILTER_LTE:
    case MOLA_FILTER_GT:
    case MOLA_FILTER_GTE:
    case MOLA_FILTER_IN:
    case MOLA_FILTER_NOT_IN:
        return form == MOLA_FORM_SCALAR;
    default:
        return false;
    }
}

/* Operators with an index of their own. *done: the leaf is made, or refused. */
static mola_err compile_indexed(const compiler *c, const subject *s, mola_filter *leaf, bool *done)
{
    *done = true;
    switch (leaf->op) {
    case MOLA_FILTER_ALL_TOKENS:
    case MOLA_FILTER_ANY_TOKEN:
    case MOLA_FILTER_TOKEN_SEQUENCE:
        return mola_filter_make_tokens(c, s, leaf);
    case MOLA_FILTER_REGEX:
        return mola_filter_make_regex(c, s, leaf);
    case MOLA_FILTER_FUZZY:
        return mola_filter_make_fuzzy(c, s, leaf);
    case MOLA_FILTER_GLOB:
    case MOLA_FILTER_NOT_GLOB:
    case MOLA_FILTER_IGLOB:
    case MOLA_FILTER_NOT_IGLOB:
        return mola_filter_make_glob(c, s, leaf);
    default:
        *done = false;
        return MOLA_OK;
    }
}

static mola_err compile_operand(const compiler *c, const subject *s, mola_filter *leaf)
{
    switch (leaf->op) {
    case MOLA_FILTER_EQ:
    case MOLA_FILTER_NOT_EQ:
        return make_equal(c, s, leaf);
    case MOLA_FILTER_IN:
    case MOLA_FILTER_NOT_IN:
        return make_set(c, s, leaf, true);
    case MOLA_FILTER_LT:
    case MOLA_FILTER_LTE:
    case MOLA_FILTER_GT:
    case MOLA_FILTER_GTE:
        return make_compare(c, s, leaf);
    default:
        break;
    }
    if (s->type.form != MOLA_FORM_ARRAY)
        return mola_filter_wrong_form(c, s, "needs an array attribute");
    if (leaf->op == MOLA_FILTER_CONTAINS || leaf->op == MOLA_FILTER_NOT_CONTAINS)
        return make_contains(c, s, leaf);
    if (leaf->op == MOLA_FILTER_CONTAINS_ANY || leaf->op == MOLA_FILTER_NOT_CONTAINS_ANY)
        return make_set(c, s, leaf, false);
    return make_any(c, s, leaf);
}

static uint32_t leaf_cost(const mola_filter *leaf)
{
    uint32_t cost = mola_leaf_is_slow(leaf) ? 100 : leaf->test == MOLA_TEST_SET ? 12 : 1;
    if (leaf->type.elem == MOLA_ELEM_STRING || leaf->type.elem == MOLA_ELEM_UUID)
        cost += 5;
    return leaf->type.form == MOLA_FORM_ARRAY ? 4 * cost : cost;
}

static mola_err compile_leaf(const compiler *c, const mola_filter_tree *tree, mola_filter *leaf)
{
    subject s = {.tree = tree, .op = mola_filter_op_name(tree->op)};
    if (mola_str_eq(tree->attr, MOLA_STR("id"))) {
        s.type = id_type(c->state);
    } else {
        s.attr = mola_state_find(c->state, tree->attr);
        if (!s.attr) {
            return mola_fail(c->ctx->why, MOLA_INVALID,
                             MOLA_FILTER_KEY "attribute not found in schema", MOLA_ARG(tree->attr));
        }
        s.type = s.attr->type;
    }
    leaf->kind = MOLA_NODE_LEAF;
    leaf->depth = 1;
    leaf->source = tree;
    leaf->op = tree->op;
    leaf->attr = s.attr ? s.attr->id : MOLA_ATTR_ID;
    leaf->type = s.type;
    mola_err err = MOLA_OK;
    bool done = false;
    if (mola_json_kind_of(tree->value) == MOLA_JSON_OBJECT && tree->op != MOLA_FILTER_FUZZY)
        err = make_ref(c, &s, leaf);
    if (!err)
        err = compile_indexed(c, &s, leaf, &done);
    if (err || done) {
        leaf->cost = leaf_cost(leaf);
        return err;
    }
    char type[MOLA_TYPE_TEXT_BYTES];
    if (!mola_type_can_filter(s.type)) {
        return mola_fail(c->ctx->why, MOLA_INVALID,
                         MOLA_FILTER_KEY "attributes of type %.*s cannot be filtered",
                         MOLA_ARG(tree->attr), (int)mola_type_print(s.type, type), type);
    }
    if (s.attr && !s.attr->filterable)
        return mola_filter_no_index(c, &s, "filterable");
    if (!leaf->has_ref) {
        err = compile_operand(c, &s, leaf);
    } else if (!takes_ref(leaf->op, (mola_form)s.type.form)) {
        err = mola_fail(c->ctx->why, MOLA_INVALID, MOLA_FILTER_KEY "%s does not take a `$ref_new`",
                        MOLA_ARG(tree->attr), s.op);
    }
    leaf->cost = leaf_cost(leaf);
    return err;
}

static int by_cost(const void *a, const void *b)
{
    const mola_filter *left = *(const mola_filter *const *)a;
    const mola_filter *right = *(const mola_filter *const *)b;
    return (left->cost > right->cost) - (left->cost < right->cost);
}

static mola_err compile_node(const compiler *c, const mola_filter_tree *tree, mola_filter *node)
{
    static const mola_node_kind kinds[] = {[MOLA_TREE_AND] = MOLA_NODE_AND,
                                           [MOLA_TREE_OR] = MOLA_NODE_OR,
                                           [MOLA_TREE_NOT] = MOLA_NODE_NOT};
    if (tree->kind == MOLA_TREE_TEST)
        return compile_leaf(c, tree, node);
    node->kind = kinds[tree->kind];
    node->child_count = tree->child_count;
    node->children = mola_new(c->ctx->arena, const mola_filter *, tree->child_count);
    mola_filter *children = mola_new(c->ctx->arena, mola_filter, tree->child_count);
    if (!node->children || !children)
        return mola_filter_no_memory(c);
    for (uint32_t i = 0; i < tree->child_count; i++) {
        mola_err err = compile_node(c, tree->children[i], &children[i]);
        if (err)
            return err;
        node->children[i] = &children[i];
        node->cost += children[i].cost;
        if (node->depth < children[i].depth)
            node->depth = children[i].depth;
    }
    /* OR keeps what matched and what is left beside the mask it was given */
    node->depth += node->kind == MOLA_NODE_OR ? 2 : 1;
    if (tree->child_count > 1)
        qsort(node->children, tree->child_count, sizeof(const mola_filter *), by_cost);
    return MOLA_OK;
}

mola_err mola_filter_compile(mola_ctx *ctx, const mola_filter_tree *tree, const mola_state *state,
                             mola_filter_refs refs, const mola_filter **out)
{
    compiler c = {.ctx = ctx, .state = state, .refs = refs};
    mola_filter *root = mola_new(ctx->arena, mola_filter, 1);
    if (!root)
        return mola_filter_no_memory(&c);
    *out = root;
    return compile_node(&c, tree, root);
}

void mola_filter_reads(const mola_filter *filter, mola_attr_list *attrs)
{
    if (filter->kind == MOLA_NODE_LEAF)
        mola_attr_list_add(attrs, filter->attr);
    for (uint32_t i = 0; i < filter->child_count; i++)
        mola_filter_reads(filter->children[i], attrs);
}
