/* s3_call.c - an operation as a signed request, and words for the one that failed. */
#include "mola/base/check.h"
#include "s3.h"
#include <inttypes.h>
#include <stdio.h>

enum {
    ERROR_TEXT_BYTES_MAX = 1 << 20,
    URGENT_BYTES_MAX = 1 << 20 /* the time of larger ones is that of the network */
};
static const uint64_t stall_ns = 2 * MOLA_SECOND;
/* Longer than any object is; what begins behind it is not asked for in so many words. */
static const uint64_t offset_max = (uint64_t)1 << 52;

/* --- Headers --- */

typedef struct {
    mola_s3_header list[MOLA_S3_SIGNED_HEADERS];
    size_t count;
    char range[64], date[MOLA_S3_DATE_BYTES];
} signed_headers;

static void add(signed_headers *h, const char *name, mola_str value)
{
    MOLA_ASSERT(h->count < MOLA_S3_SIGNED_HEADERS);
    h->list[h->count++] = (mola_s3_header){name, value};
}

static void add_condition(signed_headers *h, const mola_store_op *op)
{
    mola_str etag = {op->etag.bytes, op->etag.len};
    if (op->verb == MOLA_PUT && op->when == MOLA_PUT_IF_MATCH) {
        add(h, "if-match", etag);
    } else if (op->verb == MOLA_PUT && op->when == MOLA_PUT_IF_ABSENT) {
        add(h, "if-none-match", MOLA_STR("*"));
    } else if (op->verb == MOLA_GET && etag.len) {
        add(h, "if-none-match", etag);
    }
}

/* Also settles what is asked, for the answer to be held against. */
static void add_range(signed_headers *h, mola_s3_call *call)
{
    const mola_store_op *op = call->op;
    bool asked = call->range == MOLA_S3_AS_ASKED;
    call->range_first = asked ? op->offset : 0;
    call->range_last = call->range == MOLA_S3_FIRST_BYTE ? 0 : UINT64_MAX;
    if (asked && op->length && op->length - 1 <= offset_max)
        call->range_last = op->offset + (op->length - 1);
    uint64_t span = call->range_last - call->range_first;
    call->http.bytes_max = span < UINT64_MAX ? span + 1 : UINT64_MAX;
    if (call->range_first == 0 && call->range_last == UINT64_MAX)
        return;
    int size = snprintf(h->range, sizeof h->range, "bytes=%" PRIu64 "-", call->range_first);
    if (call->range_last != UINT64_MAX) {
        size +=
            snprintf(h->range + size, sizeof h->range - (size_t)size, "%" PRIu64, call->range_last);
    }
    add(h, "range", (mola_str){h->range, (size_t)size});
}

static uint64_t stores_time_s(mola_s3 *s3)
{
    int64_t wall_s = (int64_t)(mola_wall_us(s3->env) / 1000000);
    MOLA_LOCKED(&s3->lock);
    return (uint64_t)(wall_s + s3->skew_s);
}

static void add_all(signed_headers *h, mola_s3_call *call)
{
    add(h, "host", mola_str_of(call->s3->settings.host));
    if (call->op)
        add_condition(h, call->op);
    if (call->op && call->op->verb == MOLA_GET)
        add_range(h, call);
    mola_s3_date(stores_time_s(call->s3), h->date);
    add(h, "x-amz-content-sha256", mola_str_of(call->payload_hash));
    if (call->source.len)
        add(h, "x-amz-copy-source", mola_buf_str(&call->source));
    add(h, "x-amz-date", mola_str_of(h->date));
    if (call->keys->session_token[0])
        add(h, "x-amz-security-token", mola_str_of(call->keys->session_token));
}

static void print_headers(mola_http_exchange *x, mola_buf *lines)
{
    mola_s3_call *call = (mola_s3_call *)x;
    signed_headers h = {.count = 0};
    add_all(&h, call);
    const mola_s3_signable what = {.method = x->method,
                                   .path = call->path,
                                   .query = call->query,
                                   .headers = h.list,
                                   .header_count = h.count,
                                   .payload_hash = call->payload_hash,
                                   .region = call->s3->settings.region,
                                   .service = "s3",
                                   .date = h.date};
    mola_buf value;
    mola_buf_init(&value, call->s3->env->heap);
    mola_s3_sign(&what, call->keys->access_key_id, call->keys->secret_access_key, &value);
    lines->failed |= value.failed;
    for (size_t i = 0; i < h.count; i++)
        mola_http_line(lines, h.list[i].name, h.list[i].value);
    mola_http_line(lines, "authorization", mola_buf_str(&value));
    mola_buf_free(&value);
    if (strcmp(x->method, "PUT") == 0)
        mola_http_line(lines, "content-type", MOLA_STR("application/octet-stream"));
    if (strcmp(x->method, "POST") == 0)
        mola_http_line(lines, "content-type", MOLA_STR("application/xml"));
}

/* --- The URL --- */

static void print_key(const mola_s3_settings *s, mola_str key, mola_buf *out)
{
    mola_buf_add_char(out, '/');
    mola_s3_encode(out, mola_str_of(s->prefix), MOLA_S3_ENCODE_PATH);
    if (s->prefix[0])
        mola_buf_add_char(out, '/');
    mola_s3_encode(out, key, MOLA_S3_ENCODE_PATH);
}

static void print_path(const mola_s3_settings *s, mola_str key, mola_buf *out)
{
    mola_buf_add_str(out, mola_str_of(s->base_path));
    if (key.len) {
        print_key(s, key, out);
    } else if (!s->base_path[0]) {
        mola_buf_add_char(out, '/');
    }
}

static bool make_url(mola_s3_call *call, mola_str key, mola_str query)
{
    const mola_s3_settings *s = &call->s3->settings;
    mola_buf *url = &call->url;
    mola_buf_add_str(url, mola_str_of(s->origin));
    size_t path = url->len;
    print_path(s, key, url);
    size_t path_end = url->len;
    if (query.len)
        mola_buf_add_char(url, '?');
    size_t start = url->len;
    mola_buf_add_str(url, query);
    size_t end = url->len;
    mola_buf_add_char(url, '\0');
    if (url->failed)
        return false;
    call->http.url = url->data;
    call->path = (mola_str){url->data + path, path_end - path};
    call->query = (mola_str){url->data + start, end - start};
    return true;
}

/* --- Calls --- */

bool mola_s3_call_make(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, const char *method,
                       mola_str key, mola_str query)
{
    *call = (mola_s3_call){.s3 = s3, .ctx = ctx};
    mola_buf_init(&call->url, s3->env->heap);
    mola_buf_init(&call->source, s3->env->heap);
    bool is_get = strcmp(method, "GET") == 0;
    call->http = (mola_http_exchange){
        .method = method,
        .ca_file = s3->settings.ca_file[0] ? s3->settings.ca_file : NULL,
        .repeatable = true,
        .is_write = !is_get,
        .bytes_max = ERROR_TEXT_BYTES_MAX,
        .deadline_ns = ctx->deadline_ns,
        .stall_ns = stall_ns,
        .headers = print_headers,
        .judge = mola_s3_judge,
    };
    mola_s3_hash(MOLA_STR(""), call->payload_hash);
    return make_url(call, key, query);
}

bool mola_s3_call_of(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, mola_store_op *op)
{
    static const char *const methods[] = {
        [MOLA_GET] = "GET", [MOLA_PUT] = "PUT", [MOLA_DELETE] = "DELETE", [MOLA_COPY] = "PUT"};
    MOLA_ASSERT(op->verb != MOLA_LIST);
    bool ok = mola_s3_call_make(s3, ctx, call, methods[op->verb], op->key, MOLA_STR(""));
    call->op = op;
    if (op->verb == MOLA_GET) {
        call->http.hedged = call->http.is_typical = true;
        call->http.urged = op->urgent;
        call->http.arena = ctx->arena;
        call->http.bytes_max = op->length ? op->length : UINT64_MAX;
        call->range = op->offset > offset_max ? MOLA_S3_FIRST_BYTE : MOLA_S3_AS_ASKED;
    } else if (op->verb == MOLA_PUT) {
        /* Sent once, unless the caller finds out what an answer to a second sending means. */
        call->http.repeatable = false;
        call->http.stall_ns = 0;
        call->http.is_typical = op->body.len <= URGENT_BYTES_MAX;
        call->http.urged = op->urgent && call->http.is_typical;
        call->http.body = op->body;
        mola_s3_hash(op->body, call->payload_hash);
    } else if (op->verb == MOLA_COPY) {
        call->http.repeatable = false;
        call->http.stall_ns = 0; /* the store copies as long as it copies */
        mola_buf_add_char(&call->source, '/');
        mola_buf_add_str(&call->source, mola_str_of(s3->settings.bucket));
        print_key(&s3->settings, op->source, &call->source);
        ok = ok && !call->source.failed;
    }
    return ok;
}

void mola_s3_call_free(mola_s3_call *call)
{
    if (!call->s3)
        return;
    mola_s3_keys_drop(call->s3->env, call->keys);
    mola_http_free(&call->http);
    mola_buf_free(&call->url);
    mola_buf_free(&call->source);
}

mola_err mola_s3_calls_run(mola_s3 *s3, mola_ctx *ctx, mola_s3_call **calls, size_t count)
{
    if (count == 0)
        return MOLA_OK;
    mola_s3_keys *keys;
    mola_err err = mola_s3_credentials_take(s3, ctx, &keys);
    if (err)
        return err;
    mola_http_exchange **list = mola_alloc_array(s3->env->heap, mola_http_exchange *, count);
    for (size_t i = 0; list && i < count; i++) {
        mola_ref_take(&keys->ref);
        calls[i]->keys = keys;
        list[i] = &calls[i]->http;
    }
    mola_s3_keys_drop(s3->env, keys);
    if (!list)
        return MOLA_UNAVAILABLE;
    mola_http_run(s3->client, list, count);
    mola_free(s3->env->heap, list, count * sizeof(mola_http_exchange *));
    return MOLA_OK;
}

/* --- Failures in words --- */

static void describe(const mola_s3_call *call, const mola_s3_error *e, mola_why *out)
{
    const mola_http_reply *r = &call->http.reply;
    const mola_s3_settings *s = &call->s3->settings;
    const char *region = r->region[0] ? r->region : e->region;
    mola_why_clear(out);
    if (r->end != MOLA_HTTP_ANSWERED && r->words[0]) {
        (void)mola_fail(out, MOLA_OK, "store s3: %s: %s", s->host, r->words);
    } else if (r->status >= 300 && region[0] && strcmp(region, s->region) != 0) {
        (void)mola_fail(out, MOLA_OK,
                        "store s3: bucket '%s' is in region %s, not in %s: give the store "
                        "region=%s",
                        s->bucket, region, s->region, region);
    } else if (r->status >= 300 && r->status < 400) {
        (void)mola_fail(out, MOLA_OK,
                        "store s3: %s redirects (status %u): the bucket has another endpoint or "
                        "style (path, virtual)",
                        s->host, r->status);
    } else if (e->code[0]) {
        (void)mola_fail(out, MOLA_OK, "store s3: %s: %s (status %u): %s", s->host, e->code,
                        r->status, e->message);
    } else if (r->status) {
        (void)mola_fail(out, MOLA_OK,
                        "store s3: %s: status %u with an answer that is none of S3 (no ETag, no "
                        "length, another range, or no error document)",
                        s->host, r->status);
    } else {
        (void)mola_fail(out, MOLA_OK, "store s3: %s: no answer", s->host);
    }
}

void mola_s3_note(mola_s3_call *call, mola_err err, const mola_s3_error *error)
{
    mola_s3 *s3 = call->s3;
    mola_why words = {.len = 0};
    describe(call, error, &words);
    mola_str text = mola_why_text(&words);
    mola_log(s3->env, MOLA_LOG_WARN, "store_failed",
             "method=%s outcome=%s sendings=%u words=\"" MOLA_FMT "\"", call->http.method,
             mola_err_name(err), call->http.sendings, MOLA_ARG(text));
    if (err == MOLA_INVALID)
        (void)mola_fail(call->ctx->why, err, MOLA_FMT, MOLA_ARG(text));
    if (err == MOLA_UNAVAILABLE || err == MOLA_UNKNOWN)
        mola_count(s3->env->metrics, MOLA_M_store_failed_total, 1);
    MOLA_LOCKED(&s3->lock);
    s3->failure = words;
}

void mola_s3_failure(mola_store *store, mola_why *out)
{
    mola_s3 *s3 = (mola_s3 *)store;
    MOLA_LOCKED(&s3->lock);
    *out = s3->failure;
}
