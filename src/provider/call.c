/* call.c - requests to endpoints, and words for the one that failed. */
#include "mola/codec/json.h"
#include "mola/codec/print.h"
#include "provider/answer.h"
#include "provider/private.h"

enum { ANSWER_BYTES_MIN = 1 << 20, WORDS_BYTES = 200, RETRY_AFTER_MAX = 3600 };

static void print_headers(mola_http_exchange *x, mola_buf *lines)
{
    const mola_model_call *call = (const mola_model_call *)x;
    mola_http_line(lines, "content-type", MOLA_STR("application/json"));
    mola_http_line(lines, "accept", MOLA_STR("application/json"));
    mola_buf_print(lines, "expect:"); /* libcurl would wait for a 100 before a large body */
    mola_buf_add_char(lines, '\0');
    if (!call->at->key.len)
        return;
    mola_buf_print(lines, "authorization: Bearer " MOLA_FMT, MOLA_ARG(call->at->key));
    mola_buf_add_char(lines, '\0');
}

static bool may_pass(uint32_t status)
{
    return status == 408 || status == 429 || status >= 500;
}

/* In seconds; who asks for days has something else in mind. */
static uint64_t rest_of(const mola_http_reply *reply)
{
    return reply->retry_after_s < RETRY_AFTER_MAX ? reply->retry_after_s : RETRY_AFTER_MAX;
}

static mola_http_verdict judge(mola_http_exchange *x, const mola_http_reply *reply)
{
    if (!may_pass(reply->status))
        return MOLA_HTTP_DONE;
    x->rest_ns = rest_of(reply) * MOLA_SECOND;
    return MOLA_HTTP_AGAIN;
}

void mola_model_call_init(mola_model_call *call, mola_provider *provider,
                          const mola_remote_model *model)
{
    *call = (mola_model_call){.at = model->at};
    mola_buf_init(&call->body, provider->env->heap);
    call->http = (mola_http_exchange){.method = "POST",
                                      .url = model->at->url,
                                      .ca_file = provider->config.ca_file,
                                      .repeatable = true,
                                      .is_write = true,
                                      .trusts_size = true,
                                      .bytes_max = ANSWER_BYTES_MIN,
                                      .headers = print_headers,
                                      .judge = judge};
}

void mola_model_call_free(mola_model_call *call)
{
    mola_http_free(&call->http);
    mola_buf_free(&call->body);
}

void mola_model_call_open(mola_model_call *call, const mola_remote_model *model, mola_str members)
{
    mola_buf_add_str(&call->body, MOLA_STR("{\"model\":"));
    mola_print_string(&call->body, model->remote);
    if (members.len)
        mola_buf_add_char(&call->body, ',');
    mola_buf_add_str(&call->body, members);
}

/* ---- failures ---- */

static void note(mola_provider *p, const mola_remote_model *model, const mola_model_call *call)
{
    const mola_http_reply *reply = &call->http.reply;
    mola_count(p->env->metrics, MOLA_M_model_failures_total, 1);
    mola_log(p->env, MOLA_LOG_WARN, "model_failed",
             "model=\"" MOLA_FMT "\" url=%s status=%u sendings=%u words=\"%s\"",
             MOLA_ARG(model->name), call->at->url, reply->status, call->http.sendings,
             reply->words);
}

/* What a client is told: never an address, and never what an endpoint says about keys. */
static mola_err refused(mola_ctx *ctx, const mola_remote_model *model,
                        const mola_model_table *table, const mola_http_reply *reply)
{
    char words[WORDS_BYTES];
    bool about_key = reply->status == 401 || reply->status == 403;
    size_t size =
        about_key
            ? 0
            : mola_answer_words(ctx->arena,
                                (mola_str){reply->text.data, reply->text.len - MOLA_JSON_PADDING},
                                words, sizeof words);
    if (about_key) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "the endpoint of %s model \"" MOLA_FMT
                         "\" does not accept this server's key (status %u)",
                         table->what, MOLA_ARG(model->name), reply->status);
    }
    return mola_fail(ctx->why, MOLA_INVALID,
                     "%s model \"" MOLA_FMT "\" refused the request (status %u)%s%.*s", table->what,
                     MOLA_ARG(model->name), reply->status, size ? ": " : "", (int)size, words);
}

static mola_err failed(mola_ctx *ctx, const mola_remote_model *model, const mola_model_table *table,
                       const mola_http_reply *reply)
{
    mola_str name = model->name;
    if (reply->end == MOLA_HTTP_NO_ROOM) {
        return mola_fail(ctx->why, MOLA_NO_MEMORY,
                         "the answer of %s model \"" MOLA_FMT "\" does not fit in memory",
                         table->what, MOLA_ARG(name));
    }
    if (reply->end == MOLA_HTTP_MALFORMED) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "the answer of %s model \"" MOLA_FMT "\" is larger than it can be",
                         table->what, MOLA_ARG(name));
    }
    if (reply->end == MOLA_HTTP_BROKEN) {
        return mola_fail(ctx->why, MOLA_UNAVAILABLE,
                         "%s model \"" MOLA_FMT "\" did not answer in time", table->what,
                         MOLA_ARG(name));
    }
    if (reply->status != 429 && !may_pass(reply->status))
        return refused(ctx, model, table, reply);
    bool is_busy = reply->status == 429;
    uint64_t rest_s = rest_of(reply);
    if (ctx->why && !ctx->why->len)
        ctx->why->retry_after_s = (uint32_t)rest_s;
    return mola_fail(ctx->why, is_busy ? MOLA_BUSY : MOLA_UNAVAILABLE,
                     "%s model \"" MOLA_FMT "\" %s (status %u)", table->what, MOLA_ARG(name),
                     is_busy ? "has too much to do" : "failed", reply->status);
}

/* ---- running ---- */

static bool enter(mola_provider *p)
{
    MOLA_LOCKED(&p->lock);
    bool ok = p->under_way < p->config.calls_max;
    p->under_way += ok;
    return ok;
}

static void leave(mola_provider *p)
{
    MOLA_LOCKED(&p->lock);
    p->under_way--;
}

static mola_err run_all(mola_ctx *ctx, mola_provider *p, mola_model_call *calls, uint32_t count)
{
    uint64_t until = mola_boot_ns(p->env) + p->config.timeout_ns;
    mola_http_exchange **list = mola_new(ctx->arena, mola_http_exchange *, count);
    if (!list)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (calls[i].body.failed)
            return MOLA_NO_MEMORY;
        calls[i].http.body = mola_buf_str(&calls[i].body);
        calls[i].http.deadline_ns = until < ctx->deadline_ns ? until : ctx->deadline_ns;
        list[i] = &calls[i].http;
    }
    mola_job_pause(ctx->job);
    mola_http_run(p->client, list, count);
    mola_job_resume(ctx->job);
    for (uint32_t i = 0; i < count; i++) { /* answers are read as JSON */
        mola_buf *text = &calls[i].http.reply.text;
        if (!text->heap)
            mola_buf_init(text, p->env->heap);
        mola_buf_add_zeros(text, MOLA_JSON_PADDING);
        if (text->failed)
            return MOLA_NO_MEMORY;
    }
    return MOLA_OK;
}

mola_err mola_model_calls_run(mola_ctx *ctx, mola_provider *p, const mola_remote_model *model,
                              const mola_model_table *table, mola_model_call *calls, uint32_t count)
{
    if (!enter(p)) {
        return mola_fail(ctx->why, MOLA_BUSY, "too many requests to models are under way");
    }
    mola_err err = run_all(ctx, p, calls, count);
    leave(p);
    if (err)
        return mola_fail(ctx->why, err, "not enough memory to ask a model");
    for (uint32_t i = 0; i < count; i++) {
        const mola_http_reply *reply = &calls[i].http.reply;
        if (reply->end == MOLA_HTTP_ANSWERED && reply->status == 200)
            continue;
        note(p, model, &calls[i]);
        return failed(ctx, model, table, reply);
    }
    return MOLA_OK;
}
