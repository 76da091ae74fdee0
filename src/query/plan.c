#include "query/plan.h"

static mola_err plan_key(mola_ctx *ctx, const mola_order_tree *order, const mola_state *state,
                         mola_order_key *out)
{
    char type[MOLA_TYPE_TEXT_BYTES];
    *out = (mola_order_key){.attr = MOLA_ATTR_ID, .direction = order->direction};
    if (mola_str_eq(order->attr, MOLA_STR("id")))
        return MOLA_OK;
    const mola_attr *a = mola_state_find(state, order->attr);
    if (!a)
        return mola_plan_unknown(ctx, order->attr);
    if (!mola_type_can_order(a->type)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "cannot rank by attribute `" MOLA_FMT "` of type %.*s",
                         MOLA_ARG(order->attr), (int)mola_type_print(a->type, type), type);
    }
    if (!a->filterable) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "cannot rank by attribute `" MOLA_FMT "`: attribute is not filterable",
                         MOLA_ARG(order->attr));
    }
    out->attr = a->id;
    return MOLA_OK;
}

static mola_err plan_orders(mola_ctx *ctx, const mola_rank_tree *rank, const mola_state *state,
                            mola_ranking *out)
{
    uint64_t most = mola_limits_of(ctx->env)->order_attributes;
    MOLA_ASSERT(most <= MOLA_ORDER_KEYS_MAX);
    if (rank->order_count > most) {
        return mola_fail(ctx->why, MOLA_INVALID, "rank_by can order by at most %llu attributes",
                         (unsigned long long)most);
    }
    out->key_count = rank->order_count;
    for (uint32_t i = rank->order_count; i-- > 0;) {
        mola_err err = plan_key(ctx, &rank->orders[i], state, &out->keys[i]);
        if (err)
            return err;
    }
    return MOLA_OK;
}

mola_err mola_plan_ranking(mola_ctx *ctx, const mola_question *question, const mola_state *state,
                           mola_ranking *out)
{
    const mola_rank_tree *rank = &question->rank;
    mola_err err = MOLA_OK;
    out->kind = rank->kind;
    switch (rank->kind) {
    case MOLA_RANK_NONE:
        break;
    case MOLA_RANK_ORDERS:
        return plan_orders(ctx, rank, state, out);
    case MOLA_RANK_VECTOR:
        err = mola_plan_vector(ctx, &rank->vector, state, &out->nearest);
        if (!err && rank->vector.op == MOLA_VECTOR_KNN && !question->filters)
            err = mola_fail(ctx->why, MOLA_INVALID, "kNN queries require filters");
        break;
    case MOLA_RANK_SCORE:
        return mola_plan_score(ctx, rank->score, state, &out->score);
    }
    return err;
}

/* ---- columns ---- */

static bool is_named(const mola_names *names, mola_str name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (mola_str_eq(names->names[i], name))
            return true;
    }
    return false;
}

static mola_err plan_included(mola_ctx *ctx, const mola_names *names, const mola_state *state,
                              const mola_attr **out, uint32_t *count)
{
    for (uint32_t i = 0; i < names->count; i++) {
        const mola_attr *a = mola_state_find(state, names->names[i]);
        bool known = false;
        if (mola_str_eq(names->names[i], MOLA_STR("id")))
            continue;
        if (!a) {
            return mola_fail(
                ctx->why, MOLA_INVALID,
                "attribute \"" MOLA_FMT
                "\" not found in schema, cannot be part of `include_attributes`. consider "
                "passing `include_attributes=True` to return all attribute data instead",
                MOLA_ARG(names->names[i]));
        }
        for (uint32_t k = 0; k < *count; k++)
            known = known || out[k] == a;
        if (!known)
            out[(*count)++] = a;
    }
    return MOLA_OK;
}

mola_err mola_plan_columns(mola_ctx *ctx, const mola_question *question, const mola_state *state,
                           const mola_attr ***out, uint32_t *count)
{
    const mola_names *excluded = &question->excluded;
    *count = 0;
    *out = mola_new(ctx->arena, const mola_attr *, state->attr_count);
    if (!*out)
        return mola_query_no_memory(ctx);
    if (excluded->given && question->include != MOLA_INCLUDE_DEFAULT) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "cannot specify both include_attributes and exclude_attributes");
    }
    if (is_named(excluded, MOLA_STR("id")))
        return mola_fail(ctx->why, MOLA_INVALID, "exclude_attributes cannot contain `id`");
    if (question->include == MOLA_INCLUDE_LIST)
        return plan_included(ctx, &question->included, state, *out, count);
    if (!excluded->given && question->include != MOLA_INCLUDE_ALL)
        return MOLA_OK;
    for (uint32_t i = 0; i < state->attr_count; i++) {
        if (!is_named(excluded, state->attrs[i].name))
            (*out)[(*count)++] = &state->attrs[i];
    }
    return MOLA_OK;
}

/* ---- computed attributes ---- */

static mola_err plan_one(mola_ctx *ctx, const mola_compute_tree *tree,
                         const mola_question *question, const mola_state *state, mola_computed *out)
{
    mola_str name = tree->name;
    if (!name.len || mola_str_eq(name, MOLA_STR("id")) || name.data[0] == '$' ||
        mola_state_find(state, name)) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "computed attribute `" MOLA_FMT "` collides with an existing name",
                         MOLA_ARG(name));
    }
    *out = (mola_computed){.name = name, .kind = tree->kind};
    switch (tree->kind) {
    case MOLA_COMPUTE_VECTOR:
        return mola_plan_vector(ctx, &tree->vector, state, &out->nearest);
    case MOLA_COMPUTE_FILTER:
        return mola_filter_compile(ctx, tree->score->filter, state, MOLA_REFS_REFUSED,
                                   &out->filter);
    case MOLA_COMPUTE_SCORE:
        return mola_plan_score(ctx, tree->score, state, &out->score);
    case MOLA_COMPUTE_HIGHLIGHT:
        break;
    }
    return mola_plan_highlight(ctx, tree, question, state, &out->highlight);
}

mola_err mola_plan_computed(mola_ctx *ctx, const mola_question *question, const mola_state *state,
                            mola_computed **out)
{
    *out = mola_new(ctx->arena, mola_computed, question->computed_count);
    if (!*out)
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < question->computed_count; i++) {
        mola_err err = plan_one(ctx, &question->computed[i], question, state, &(*out)[i]);
        if (err)
            return err;
    }
    uint64_t most = mola_limits_of(ctx->env)->computed_attributes;
    MOLA_ASSERT(most <= MOLA_COMPUTED_MAX);
    if (question->computed_count > most) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "compute_attributes supports at most %llu attributes",
                         (unsigned long long)most);
    }
    return MOLA_OK;
}
