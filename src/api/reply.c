/* reply.c - how a request ends: status, error body, header fields, gzip (reference 1.6, 1.8, 1.13).
 */
#include "api/private.h"
#include "mola/codec/gzip.h"
#include "mola/codec/print.h"
#include <stdarg.h>
#include <stdio.h>

int mola_status_of(mola_err err)
{
    switch (err) {
    case MOLA_OK:
        return 200;
    case MOLA_NOT_FOUND:
        return 404;
    case MOLA_SHAPE:
        return 422;
    case MOLA_INVALID:
        return 400;
    case MOLA_CONFLICT:
        return 409;
    case MOLA_BUSY:
        return 429;
    case MOLA_UNAVAILABLE:
    case MOLA_UNKNOWN:
    case MOLA_NO_MEMORY:
        return 503;
    case MOLA_CORRUPT:
        break;
    }
    return 500;
}

void mola_reply_field(mola_api_reply *reply, const char *format, ...)
{
    size_t room = sizeof reply->fields - reply->fields_len;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(reply->fields + reply->fields_len, room, format, arguments);
    va_end(arguments);
    if (size > 0 && (size_t)size < room) /* a line that does not fit is left out whole */
        reply->fields_len += (size_t)size;
}

static bool printable(mola_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

static void make_request_id(mola_env *env, char id[129])
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t chance[20];
    mola_chance(env, chance, sizeof chance);
    memcpy(id, "mola_", 5);
    for (size_t i = 0; i < sizeof chance; i++)
        id[5 + i] = alphabet[chance[i] & 31];
    id[5 + sizeof chance] = 0;
}

void mola_reply_common(mola_api *api, const mola_api_head *head, mola_api_reply *reply,
                       char id[129])
{
    if (head && head->request_id.len && head->request_id.len <= 128 &&
        printable(head->request_id)) {
        memcpy(id, head->request_id.data, head->request_id.len);
        id[head->request_id.len] = 0;
    } else {
        make_request_id(api->env, id);
    }
    mola_reply_field(reply, "X-Request-Id: %s\r\n", id);
    for (char *c = id; *c; c++) {
        if (*c == ' ' || *c == '"' || *c == '=')
            *c = '_';
    }
    if (head && head->has_telemetry) /* clients stop paying for what nobody reads */
        mola_reply_field(reply, "X-turbopuffer-Client-Telemetry-Sample-Rate: 0\r\n");
}

static void status_fields(mola_api_reply *reply, int status)
{
    if (status == 503 || status == 429) {
        mola_reply_field(reply, "Retry-After: %u\r\n",
                         reply->retry_after_s ? reply->retry_after_s : 1);
    }
    if (status == 409) /* our conflicts are permanent: five retries would not help */
        mola_reply_field(reply, "x-should-retry: false\r\n");
    if (status == 401)
        mola_reply_field(reply, "WWW-Authenticate: Bearer\r\n");
}

void mola_print_error(mola_buf *out, mola_str words, mola_str attribute)
{
    mola_buf_add_str(out, MOLA_STR("{\"status\":\"error\",\"error\":"));
    mola_print_string(out, words);
    if (attribute.len) {
        mola_buf_add_str(out, MOLA_STR(",\"attribute\":"));
        mola_print_string(out, attribute);
    }
    mola_buf_add_char(out, '}');
}

void mola_reply_error(mola_api *api, mola_api_reply *reply, int status, mola_str words,
                      mola_str attribute)
{
    reply->status = status;
    reply->content_type = "application/json";
    status_fields(reply, status);
    mola_buf_init(&reply->body, api->env->heap);
    mola_print_error(&reply->body, words, attribute);
}

void mola_api_refuse(mola_api *api, const mola_api_head *head, int status, const char *why,
                     mola_api_reply *out)
{
    char id[129];
    *out = (mola_api_reply){0};
    mola_reply_common(api, head, out, id);
    if (status == 405 && head) {
        route_match match;
        mola_route_match(head->method, head->path, &match);
        if (match.allow[0])
            mola_reply_field(out, "Allow: %s\r\n", match.allow);
    }
    mola_reply_error(api, out, status, mola_str_of(why), (mola_str){0});
    mola_log(api->env, MOLA_LOG_DEBUG, "refused", "request_id=%s status=%d", id, status);
}

unsigned long long mola_usage_ms(const mola_model_usage *usage)
{
    return (usage->ns + MOLA_MILLISECOND - 1) / MOLA_MILLISECOND;
}

void mola_print_embedding(mola_buf *out, const mola_model_usage *usage)
{
    if (usage->used) {
        mola_buf_print(out, ",\"embedding_ms\":%llu,\"embedding_tokens\":%llu",
                       mola_usage_ms(usage), (unsigned long long)usage->tokens);
    }
}

uint64_t mola_elapsed_ms(const request *r)
{
    uint64_t ns = mola_boot_ns(r->api->env) - r->call->started_ns;
    uint64_t ms = (ns + MOLA_MILLISECOND - 1) / MOLA_MILLISECOND;
    return ms ? ms : 1;
}

/* Among the parameters of a coding there is "q=0", "q=0.0" and so on. */
static bool is_switched_off(mola_str parameters)
{
    while (parameters.len) {
        mola_str value = mola_str_cut(&parameters, ';');
        mola_str name = mola_trim(mola_str_cut(&value, '='));
        value = mola_trim(value);
        if (!mola_token_is(name, MOLA_STR("q")) || !value.len)
            continue;
        size_t zeros = 0;
        while (zeros < value.len && (value.data[zeros] == '0' || value.data[zeros] == '.'))
            zeros++;
        return zeros == value.len;
    }
    return false;
}

bool mola_accepts_gzip(mola_str list)
{
    while (list.len) {
        mola_str parameters = mola_str_cut(&list, ',');
        mola_str coding = mola_trim(mola_str_cut(&parameters, ';'));
        if (mola_token_is(coding, MOLA_STR("gzip")) && !is_switched_off(parameters))
            return true;
    }
    return false;
}

/* Replaces the body by its gzip form when the client asked for that and it is worth it. */
static void gzip_reply(request *r, mola_api_reply *reply)
{
    if (reply->body.len <= r->api->config.gzip_from_bytes ||
        !mola_accepts_gzip(r->call->head->accept_encoding))
        return;
    mola_buf packed;
    mola_buf_init(&packed, r->api->env->heap);
    if (mola_gzip_deflate(mola_buf_str(&reply->body), &packed) || packed.failed) {
        mola_buf_free(&packed);
        return;
    }
    mola_buf_free(&reply->body);
    reply->body = packed;
    mola_reply_field(reply, "Content-Encoding: gzip\r\n");
}

static void free_request(request *r)
{
    if (r->has_doc)
        mola_json_free(&r->doc);
    mola_buf_free(&r->plain);
    mola_arena_reset(&r->arena);
    mola_free(r->api->env->heap, r, sizeof *r);
}

void mola_request_finish(request *r, mola_err err, int status, mola_buf *body,
                         const mola_view *view)
{
    mola_api_call *call = r->call;
    mola_api_reply *reply = &call->reply;
    if (!err && body && body->failed)
        err = mola_fail(&r->why, MOLA_NO_MEMORY, "the answer does not fit in memory");
    if (err) {
        if (body)
            mola_buf_free(body);
        mola_str words = mola_why_text(&r->why);
        reply->retry_after_s = r->why.retry_after_s;
        mola_reply_error(r->api, reply, r->refused_status ? r->refused_status : mola_status_of(err),
                         words.len ? words : mola_str_of(mola_err_name(err)),
                         (mola_str){r->why.attribute, r->why.attribute_len});
    } else {
        MOLA_ASSERT(body != NULL);
        reply->status = status;
        reply->content_type = "application/json";
        reply->body = *body;
        gzip_reply(r, reply);
    }
    if (view) {
        mola_reply_field(reply, "mola-seq: %llu\r\nmola-epoch: %llu\r\n",
                         (unsigned long long)view->seq, (unsigned long long)view->epoch);
    }
    mola_log(r->api->env, err == MOLA_CORRUPT ? MOLA_LOG_ERROR : MOLA_LOG_INFO, "request",
             "request_id=%s method=" MOLA_FMT " route=\"" MOLA_FMT
             "\" status=%d ms=%llu bytes_in=%zu bytes_out=%zu "
             "roundtrips=%u",
             call->request_id, MOLA_ARG(call->head->method), MOLA_ARG(call->verdict.route->tail),
             reply->status, (unsigned long long)mola_elapsed_ms(r), call->body.len, reply->body.len,
             r->ctx.roundtrips);
    free_request(r);
    call->done(call);
}
