#include "query/rerank.h"
#include "mola/codec/print.h"
#include "query/fuse.h"
#include <stdlib.h>

enum { QUERY_CHARACTERS_MAX = 8192 };

/* ---- before the first stage ---- */

static bool is_among(const mola_names *names, mola_str name)
{
    for (uint32_t i = 0; i < names->count; i++) {
        if (mola_str_eq(names->names[i], name))
            return true;
    }
    return false;
}

static bool returns(const mola_question *q, mola_str name)
{
    if (q->excluded.given)
        return !is_among(&q->excluded, name);
    return q->include == MOLA_INCLUDE_ALL ||
           (q->include == MOLA_INCLUDE_LIST && is_among(&q->included, name));
}

static size_t characters(mola_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static mola_err check_text(const mola_ctx *ctx, mola_str text)
{
    if (text.len == 0)
        return mola_fail(ctx->why, MOLA_INVALID, "rerank_by.query must not be empty");
    if (characters(text) > QUERY_CHARACTERS_MAX) {
        return mola_fail(ctx->why, MOLA_INVALID, "rerank_by.query must have at most %d characters",
                         QUERY_CHARACTERS_MAX);
    }
    return MOLA_OK;
}

mola_err mola_rerank_check(mola_ctx *ctx, const mola_query *query, const mola_state *state,
                           const mola_attr **attr)
{
    const mola_rerank_tree *tree = &query->rerank;
    mola_err err = mola_provider_knows_reranker(query->provider, tree->model, ctx->why);
    if (!err)
        err = check_text(ctx, tree->text);
    if (err)
        return err;
    *attr = mola_state_find(state, tree->attr);
    if (!*attr)
        return mola_plan_unknown(ctx, tree->attr);
    if ((*attr)->type.form != MOLA_FORM_SCALAR || (*attr)->type.elem != MOLA_ELEM_STRING) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "attribute `" MOLA_FMT "` is used in rerank_by and must be of type string",
                         MOLA_ARG(tree->attr));
    }
    for (uint32_t i = 0; i < query->question_count && i < MOLA_QUERIES_MAX; i++) {
        const mola_question *q = &query->questions[i];
        if (q->aggregates || returns(q, tree->attr)) /* the former: refused in its own words */
            continue;
        return mola_fail(ctx->why, MOLA_INVALID,
                         "attribute `" MOLA_FMT
                         "` is used in rerank_by and must be included in `include_attributes`",
                         MOLA_ARG(tree->attr));
    }
    return MOLA_OK;
}

/* ---- the second stage ---- */

/* Best scores first, ties by id; those without a text last, as they came. */
static int by_score(const void *a, const void *b)
{
    const mola_candidate *left = a, *right = b;
    if (left->has_text != right->has_text)
        return left->has_text ? -1 : 1;
    if (!left->has_text)
        return left->from < right->from ? -1 : 1;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return mola_value_cmp(&left->id, &right->id);
}

static mola_err score(mola_ctx *ctx, const mola_query *query, mola_candidates *found,
                      mola_model_usage *usage)
{
    mola_str *texts = mola_new(ctx->arena, mola_str, found->count);
    float *scores = mola_new(ctx->arena, float, found->count);
    uint32_t count = 0;
    if (!texts || !scores)
        return mola_query_no_memory(ctx);
    for (size_t i = 0; i < found->count; i++) {
        if (found->rows[i].has_text)
            texts[count++] = found->rows[i].text;
    }
    mola_rerank_call call = {
        .model = query->rerank.model, .query = query->rerank.text, .texts = texts, .count = count};
    mola_err err = mola_provider_rerank(ctx, query->provider, &call, scores, usage);
    count = 0;
    for (size_t i = 0; i < found->count && !err; i++) {
        if (found->rows[i].has_text)
            found->rows[i].score = scores[count++];
    }
    return err;
}

static void print(const mola_query *query, const mola_candidates *found, const char *pieces,
                  mola_buf *out)
{
    size_t offset = (size_t)(query->is_multi ? query->offset : 0), limit = found->count;
    if (query->is_multi && query->limit.has_total)
        limit = (size_t)query->limit.total;
    mola_buf_add_str(out, query->is_multi ? MOLA_STR("\"results\":[{\"rows\":[")
                                          : MOLA_STR("\"rows\":["));
    for (size_t i = offset; i < found->count && i - offset < limit; i++) {
        const mola_candidate *c = &found->rows[i];
        if (i > offset)
            mola_buf_add_char(out, ',');
        mola_buf_add(out, pieces + c->from, c->dist_at - c->from);
        mola_buf_add_str(out, MOLA_STR(",\"$dist\":"));
        mola_print_f32(out, c->score);
        mola_buf_add(out, pieces + c->dist_at, c->until - c->dist_at);
    }
    mola_buf_add_str(out, query->is_multi ? MOLA_STR("]}]") : MOLA_STR("]"));
}

mola_err mola_query_rerank(mola_ctx *ctx, const mola_query *query, mola_query_result *result,
                           mola_model_usage *usage)
{
    mola_candidates *found = result->candidates;
    MOLA_ASSERT(query->by_model && found);
    mola_err err = score(ctx, query, found, usage);
    if (err)
        return err;
    if (found->count)
        qsort(found->rows, found->count, sizeof *found->rows, by_score);
    mola_buf out;
    mola_buf_init(&out, ctx->env->heap);
    print(query, found, result->members.data, &out);
    mola_buf_free(&result->members);
    result->members = out;
    result->candidates = NULL;
    return out.failed ? mola_query_no_memory(ctx) : MOLA_OK;
}
