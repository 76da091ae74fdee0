/* prepare.c - texts of a query that are to be vectors (reference 5.6). */
#include "query/tree.h"

/* A `["Embed", text]` or `["Embed", text, {"model": ..}]`, resolved. */
typedef struct {
    mola_vector_tree *tree;
    mola_embedded *made;
} wanted;

typedef struct {
    mola_ctx *ctx;
    const mola_state *state;
    mola_provider *provider;
    wanted *list;
    uint32_t count;
} preparation;

bool mola_is_embed(mola_json operand)
{
    mola_json first;
    mola_take_elements(operand, &first, 1);
    return mola_json_string_is(first, MOLA_STR("Embed"));
}

static mola_err take_operand(mola_ctx *ctx, mola_json operand, mola_embedded *out, mola_why *why)
{
    enum { PARTS = 3 };
    mola_json part[PARTS];
    uint32_t count = mola_take_elements(operand, part, PARTS);
    mola_json model = mola_json_get(part[2], MOLA_STR("model"));
    if (count < 2 || count > PARTS || mola_json_kind_of(part[1]) != MOLA_JSON_STRING ||
        (count == PARTS && mola_json_kind_of(part[2]) != MOLA_JSON_OBJECT) ||
        (mola_json_is_set(model) && mola_json_kind_of(model) != MOLA_JSON_STRING)) {
        return mola_fail(why, MOLA_INVALID,
                         "Embed takes a text and, if need be, {\"model\": \"...\"}");
    }
    if (!mola_json_string(part[1], ctx->arena, &out->text) ||
        (mola_json_is_set(model) && !mola_json_string(model, ctx->arena, &out->model)))
        return mola_query_no_memory(ctx);
    return out->text.len ? MOLA_OK
                         : mola_fail(why, MOLA_INVALID, "the text of Embed must not be empty");
}

/* The vectors that the text is to be compared with, and the model that goes with them. */
static mola_err find_target(const preparation *p, mola_str name, mola_embedded *out, mola_why *why)
{
    const mola_attr *a = mola_state_find(p->state, name);
    MOLA_ASSERT(a != NULL);
    const mola_embed *embed = mola_state_embed_of(p->state, a->id);
    bool is_text = a->type.form == MOLA_FORM_SCALAR && a->type.elem == MOLA_ELEM_STRING;
    if (is_text && !embed) {
        return mola_fail(why, MOLA_INVALID, "attribute `" MOLA_FMT "` is not embedded",
                         MOLA_ARG(name));
    }
    if (!is_text && a->type.form != MOLA_FORM_DENSE) {
        return mola_fail(why, MOLA_INVALID, "attribute `" MOLA_FMT "` is not a vector attribute",
                         MOLA_ARG(name));
    }
    if (!is_text)
        embed = mola_state_embed_into(p->state, a->id);
    if (!out->model.len && !embed) {
        return mola_fail(why, MOLA_INVALID,
                         "nothing embeds into attribute `" MOLA_FMT "`: Embed needs a model",
                         MOLA_ARG(name));
    }
    if (!out->model.len)
        out->model = (mola_str){embed->model, embed->model_bytes};
    const mola_attr *target = is_text ? mola_state_attr(p->state, embed->target) : a;
    out->attr = target->id;
    out->dims = target->type.dims;
    const mola_embedding_model *known;
    return mola_embedding_find(mola_provider_embeddings(p->provider), (mola_str){0}, out->model,
                               &known, why);
}

/* Errors but those of memory stay with the tree, for the plan to report in its turn. */
static mola_err add(preparation *p, mola_vector_tree *tree)
{
    if (!mola_is_embed(tree->operand) || !mola_state_find(p->state, tree->attr))
        return MOLA_OK;
    const mola_embedded *before = tree->embedded;
    mola_embedded *made = mola_new(p->ctx->arena, mola_embedded, 1);
    mola_why *why = mola_new(p->ctx->arena, mola_why, 1);
    if (!made || !why)
        return mola_query_no_memory(p->ctx);
    tree->embedded = made;
    mola_err err = take_operand(p->ctx, tree->operand, made, why);
    if (!err)
        err = find_target(p, tree->attr, made, why);
    if (err == MOLA_INVALID) {
        made->refused = why;
        return MOLA_OK;
    }
    bool again = before && before->vector && before->dims == made->dims &&
                 mola_str_eq(before->model, made->model);
    if (again) /* the query runs once more, on a newer view */
        made->vector = before->vector;
    if (!err && !again)
        p->list[p->count++] = (wanted){tree, made};
    return err;
}

static mola_err gather(preparation *p, mola_query *query)
{
    size_t room = 0;
    for (uint32_t i = 0; i < query->question_count && i < MOLA_QUERIES_MAX; i++)
        room += 1 + query->questions[i].computed_count;
    p->list = mola_new(p->ctx->arena, wanted, room);
    if (!p->list)
        return mola_query_no_memory(p->ctx);
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < query->question_count && i < MOLA_QUERIES_MAX && !err; i++) {
        mola_question *q = &query->questions[i];
        if (q->rank.kind == MOLA_RANK_VECTOR)
            err = add(p, &q->rank.vector);
        for (uint32_t c = 0; c < q->computed_count && !err; c++) {
            if (q->computed[c].kind == MOLA_COMPUTE_VECTOR)
                err = add(p, &q->computed[c].vector);
        }
    }
    return err;
}

static bool goes_with(const mola_embedded *a, const mola_embedded *b)
{
    return !b->vector && a->dims == b->dims && mola_str_eq(a->model, b->model);
}

/* All texts for the model of number `first`, each sent once. */
static mola_err embed_like(preparation *p, uint32_t first, mola_model_usage *usage)
{
    mola_arena *arena = p->ctx->arena;
    const mola_embedded *like = p->list[first].made;
    mola_str *texts = mola_new(arena, mola_str, p->count);
    uint32_t *place = mola_new(arena, uint32_t, p->count), count = 0;
    if (!texts || !place)
        return mola_query_no_memory(p->ctx);
    for (uint32_t i = first; i < p->count; i++) {
        if (!goes_with(like, p->list[i].made))
            continue;
        while (place[i] < count && !mola_str_eq(texts[place[i]], p->list[i].made->text))
            place[i]++;
        if (place[i] == count)
            texts[count++] = p->list[i].made->text;
    }
    mola_embedding_call call = {
        .model = like->model, .texts = texts, .count = count, .dims = like->dims, .is_query = true};
    float *vectors = mola_new(arena, float, (size_t)count * like->dims);
    if (!vectors)
        return mola_query_no_memory(p->ctx);
    mola_err err = mola_provider_embed(p->ctx, p->provider, &call, vectors, usage);
    for (uint32_t i = p->count; i-- > first && !err;) {
        if (goes_with(like, p->list[i].made))
            p->list[i].made->vector = vectors + (size_t)place[i] * like->dims;
    }
    return err;
}

mola_err mola_query_prepare(mola_ctx *ctx, const mola_state *state, mola_provider *provider,
                            mola_query *query, mola_model_usage *usage)
{
    query->provider = provider;
    if (!mola_provider_embeddings(provider))
        return MOLA_OK;
    preparation p = {.ctx = ctx, .state = state, .provider = provider};
    mola_err err = gather(&p, query);
    for (uint32_t i = 0; i < p.count && !err; i++) {
        if (!p.list[i].made->vector)
            err = embed_like(&p, i, usage);
    }
    return err;
}
