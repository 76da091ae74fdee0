#include "query/plan.h"
#include "query/text.h"

static mola_err wrong_operand(const mola_ctx *ctx, const mola_score_tree *tree,
                              const mola_buf *shown, const char *expected)
{
    if (shown->failed)
        return mola_query_no_memory(ctx);
    mola_str text = mola_buf_str(shown);
    return mola_fail(ctx->why, MOLA_INVALID,
                     "invalid input '" MOLA_FMT "' for rank_by field \"" MOLA_FMT
                     "\", expecting %s",
                     MOLA_ARG(text), MOLA_ARG(tree->attr), expected);
}

/* The operand as the words of an error show it: texts without their quotes. */
static mola_err refuse_operand(const mola_ctx *ctx, const mola_score_tree *tree,
                               const char *expected)
{
    mola_buf shown;
    bool is_list = mola_json_kind_of(tree->operand) == MOLA_JSON_ARRAY;
    mola_buf_init(&shown, ctx->env->heap);
    mola_json v = is_list ? mola_json_first(tree->operand) : tree->operand;
    if (is_list)
        mola_buf_add_char(&shown, '[');
    for (bool first = true; v.doc; first = false) {
        mola_str text = mola_json_raw(v);
        if (mola_json_kind_of(v) == MOLA_JSON_STRING && !mola_json_string(v, ctx->arena, &text))
            shown.failed = true;
        mola_buf_add_str(&shown, first ? MOLA_STR("") : MOLA_STR(", "));
        mola_buf_add_str(&shown, text);
        v = is_list ? mola_json_next(tree->operand, v) : (mola_json){0};
    }
    if (is_list)
        mola_buf_add_char(&shown, ']');
    mola_err err = wrong_operand(ctx, tree, &shown, expected);
    mola_buf_free(&shown);
    return err;
}

static bool is_list_of_texts(mola_json json)
{
    if (mola_json_kind_of(json) != MOLA_JSON_ARRAY)
        return false;
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        if (mola_json_kind_of(v) != MOLA_JSON_STRING)
            return false;
    }
    return true;
}

static size_t characters(mola_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

/* The text, or the tokens where text comes in tokens. */
static mola_err take_texts(mola_ctx *ctx, const mola_score_tree *tree, const mola_attr *attr,
                           mola_str **texts, uint32_t *count)
{
    mola_json operand = tree->operand;
    bool is_list = attr->fts.tokenizer == MOLA_TOKENIZER_PRE_TOKENIZED;
    if (is_list && !is_list_of_texts(operand))
        return refuse_operand(ctx, tree, "[]string");
    if (!is_list && mola_json_kind_of(operand) != MOLA_JSON_STRING)
        return refuse_operand(ctx, tree, "string");
    uint32_t room = is_list ? mola_json_count(operand) : 1;
    *texts = mola_new(ctx->arena, mola_str, room);
    *count = 0;
    if (!*texts)
        return mola_query_no_memory(ctx);
    for (mola_json v = is_list ? mola_json_first(operand) : operand; v.doc;
         v = is_list ? mola_json_next(operand, v) : (mola_json){0}) {
        if (!mola_json_string(v, ctx->arena, &(*texts)[(*count)++]))
            return mola_query_no_memory(ctx);
    }
    uint64_t most = mola_limits_of(ctx->env)->text_query_chars;
    if (!is_list && characters((*texts)[0]) > most) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "full-text queries can have at most %llu characters",
                         (unsigned long long)most);
    }
    return MOLA_OK;
}

mola_err mola_plan_bm25(mola_ctx *ctx, const mola_score_tree *tree, const mola_state *state,
                        mola_score *out)
{
    const mola_attr *a = mola_state_find(state, tree->attr);
    mola_str *texts = NULL;
    uint32_t count = 0;
    if (!a)
        return mola_plan_unknown(ctx, tree->attr);
    if (!a->has_fts) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "rank_by field \"" MOLA_FMT
                         "\" is not enabled for full-text search; this requires a schema update",
                         MOLA_ARG(tree->attr));
    }
    mola_err err = take_texts(ctx, tree, a, &texts, &count);
    if (err)
        return err;
    out->kind = MOLA_SCORE_TEXT;
    out->attr = a->id;
    out->text = mola_bm25_new(ctx, a, texts, count, tree->last_as_prefix);
    return out->text ? MOLA_OK : mola_query_no_memory(ctx);
}

mola_err mola_bm25_list_add(mola_ctx *ctx, const mola_score *score, mola_bm25_list *list)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < score->child_count && !err; i++)
        err = mola_bm25_list_add(ctx, score->children[i], list);
    if (err || score->kind != MOLA_SCORE_TEXT)
        return err;
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : 8;
        mola_bm25 **clauses = mola_new(ctx->arena, mola_bm25 *, room);
        if (!clauses)
            return mola_query_no_memory(ctx);
        if (list->count)
            memcpy(clauses, list->clauses, list->count * sizeof(mola_bm25 *));
        list->clauses = clauses;
        list->room = room;
    }
    list->clauses[list->count++] = score->text;
    return MOLA_OK;
}
