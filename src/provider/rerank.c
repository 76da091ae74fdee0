/* rerank.c - scores of candidates: POST {url}/rerank. */
#include "mola/codec/print.h"
#include "provider/answer.h"
#include "provider/private.h"

/* Of a request: what is more would be read by nobody in time. */
enum { REQUEST_BYTES_MAX = 64 << 20, RESULT_BYTES_MAX = 512 };

mola_err mola_provider_knows_reranker(const mola_provider *p, mola_str model, mola_why *why)
{
    if (!p || !p->rerank.endpoint_count) {
        return mola_fail(why, MOLA_INVALID,
                         "reranking by a model is not enabled on this server: set --rerank-url");
    }
    if (mola_model_table_find(&p->rerank, model))
        return MOLA_OK;
    char known[MOLA_WHY_BYTES] = "";
    mola_embedding_names(&p->rerankers, known, sizeof known);
    return mola_fail(why, MOLA_INVALID,
                     "rerank model \"" MOLA_FMT
                     "\" is not configured on this server; known are: %s",
                     MOLA_ARG(model), known);
}

static void print_body(mola_model_call *call, const mola_remote_model *model,
                       const mola_rerank_call *what)
{
    mola_model_call_open(call, model, model->query);
    mola_buf_add_str(&call->body, MOLA_STR(",\"query\":"));
    mola_print_string(&call->body, what->query);
    mola_buf_add_str(&call->body, MOLA_STR(",\"documents\":["));
    for (uint32_t i = 0; i < what->count; i++) {
        if (i)
            mola_buf_add_char(&call->body, ',');
        mola_print_string(&call->body, what->texts[i]);
    }
    mola_buf_add_char(&call->body, ']');
    if (!mola_str_eq(model->bound, MOLA_STR("none"))) {
        mola_buf_print(&call->body, ",\"" MOLA_FMT "\":%u", MOLA_ARG(model->bound), what->count);
    }
    mola_buf_add_str(&call->body, MOLA_STR(",\"return_documents\":false}"));
    /* Some return the documents all the same. */
    call->http.bytes_max += call->body.len + (uint64_t)what->count * RESULT_BYTES_MAX;
}

static mola_err check_size(mola_ctx *ctx, const mola_provider *p, const mola_rerank_call *what)
{
    if (what->count > p->config.candidates_max) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "%u rows are to be reranked, the limit is %u: ask for fewer", what->count,
                         p->config.candidates_max);
    }
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < what->count; i++)
        bytes += what->texts[i].len;
    if (bytes <= REQUEST_BYTES_MAX)
        return MOLA_OK;
    return mola_fail(ctx->why, MOLA_INVALID,
                     "the texts to be reranked have %llu bytes, the limit is %d",
                     (unsigned long long)bytes, REQUEST_BYTES_MAX);
}

static mola_err ask(mola_ctx *ctx, mola_provider *p, const mola_remote_model *model,
                    const mola_rerank_call *what, float *scores)
{
    mola_model_call call;
    mola_model_call_init(&call, p, model);
    print_body(&call, model, what);
    mola_err err = mola_model_calls_run(ctx, p, model, &p->rerank, &call, 1);
    mola_why words = {.len = 0};
    if (!err) {
        err = mola_rerank_answer(ctx->arena, mola_model_answer(&call), what->count, scores, &words);
        mola_str text = mola_why_text(&words);
        if (err) {
            err = mola_fail(ctx->why, err,
                            "the answer of rerank model \"" MOLA_FMT "\" makes no sense: " MOLA_FMT,
                            MOLA_ARG(what->model), MOLA_ARG(text));
        }
    }
    mola_model_call_free(&call);
    return err;
}

mola_err mola_provider_rerank(mola_ctx *ctx, mola_provider *p, const mola_rerank_call *call,
                              float *scores, mola_model_usage *usage)
{
    mola_err err = mola_provider_knows_reranker(p, call->model, ctx->why);
    if (!err)
        err = check_size(ctx, p, call);
    if (err || call->count == 0)
        return err;
    uint64_t began_ns = mola_boot_ns(p->env);
    err = ask(ctx, p, mola_model_table_find(&p->rerank, call->model), call, scores);
    usage->ns += mola_boot_ns(p->env) - began_ns;
    usage->used = true;
    if (!err)
        mola_count(p->env->metrics, MOLA_M_model_texts_reranked_total, call->count);
    return err;
}
