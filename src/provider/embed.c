/* embed.c - texts into vectors: POST {url}/embeddings, in batches that are sent side by side. */
#include "mola/codec/print.h"
#include "provider/answer.h"
#include "provider/private.h"

/* What a number of an answer may take, white space included. */
enum { NUMBER_BYTES_MAX = 64 };
static const uint64_t tokens_max = (uint64_t)1 << 40; /* more is nonsense */

static void print_body(mola_model_call *call, const mola_remote_model *model,
                       const mola_embedding_call *what, uint32_t first, uint32_t until)
{
    mola_model_call_open(call, model, what->is_query ? model->query : model->document);
    mola_buf_add_str(&call->body, MOLA_STR(",\"input\":["));
    for (uint32_t i = first; i < until; i++) {
        if (i > first)
            mola_buf_add_char(&call->body, ',');
        mola_print_string(&call->body, what->texts[i]);
    }
    mola_buf_add_str(&call->body, MOLA_STR("],\"encoding_format\":\"float\""));
    if (model->dims && model->dims != what->dims) /* others than the model gives by itself */
        mola_buf_print(&call->body, ",\"dimensions\":%u", what->dims);
    mola_buf_add_char(&call->body, '}');
    call->http.bytes_max += (uint64_t)(until - first) * what->dims * NUMBER_BYTES_MAX;
}

static mola_err read_answers(mola_ctx *ctx, const mola_embedding_call *what, uint32_t batch,
                             const mola_model_call *calls, uint32_t count, float *vectors,
                             mola_model_usage *usage)
{
    mola_why words = {.len = 0};
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < count && !err; i++) {
        uint64_t tokens = 0;
        uint32_t first = i * batch,
                 texts = what->count - first < batch ? what->count - first : batch;
        err = mola_embedding_answer(ctx->arena, mola_model_answer(&calls[i]), texts, what->dims,
                                    vectors + (size_t)first * what->dims, &tokens, &words);
        usage->tokens += tokens < tokens_max ? tokens : 0;
    }
    if (!err)
        return MOLA_OK;
    mola_str text = mola_why_text(&words);
    return mola_fail(ctx->why, err,
                     "the answer of embedding model \"" MOLA_FMT "\" makes no sense: " MOLA_FMT,
                     MOLA_ARG(what->model), MOLA_ARG(text));
}

static mola_err ask(mola_ctx *ctx, mola_provider *p, const mola_remote_model *model,
                    const mola_embedding_call *what, float *vectors, mola_model_usage *usage)
{
    uint32_t batch = p->config.batch, count = (what->count + batch - 1) / batch;
    mola_model_call *calls = mola_new(ctx->arena, mola_model_call, count);
    if (!calls)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory to ask a model");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = i * batch;
        mola_model_call_init(&calls[i], p, model);
        print_body(&calls[i], model, what, first,
                   what->count - first < batch ? what->count : first + batch);
    }
    mola_err err = mola_model_calls_run(ctx, p, model, &p->embedding, calls, count);
    if (!err)
        err = read_answers(ctx, what, batch, calls, count, vectors, usage);
    for (uint32_t i = 0; i < count; i++)
        mola_model_call_free(&calls[i]);
    return err;
}

mola_err mola_provider_embed(mola_ctx *ctx, mola_provider *p, const mola_embedding_call *call,
                             float *vectors, mola_model_usage *usage)
{
    const mola_embedding_model *known;
    mola_err err = mola_embedding_find(mola_provider_embeddings(p), (mola_str){0}, call->model,
                                       &known, ctx->why);
    if (err)
        return err;
    MOLA_ASSERT(call->dims >= 1 && call->dims <= MOLA_DIMS_MAX);
    uint64_t began_ns = mola_boot_ns(p->env);
    err = ask(ctx, p, mola_model_table_find(&p->embedding, call->model), call, vectors, usage);
    usage->ns += mola_boot_ns(p->env) - began_ns;
    usage->used = true;
    if (!err)
        mola_count(p->env->metrics, MOLA_M_model_texts_embedded_total, call->count);
    return err;
}
