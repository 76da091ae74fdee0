/* s3.c - the s3: driver as the rest of the program sees it. */
#include "s3.h"
#include "driver.h"
#include "mola/base/check.h"
#include <sodium.h>

static const uint64_t open_ns_max = 10 * MOLA_SECOND;

static const mola_http_owner owner = {.name = "store",
                                      .requests = MOLA_M_store_requests_total,
                                      .retries = MOLA_M_store_retries_total,
                                      .timeouts = MOLA_M_store_timeouts_total,
                                      .connections = MOLA_M_store_connections_total,
                                      .bytes_sent = MOLA_M_store_bytes_sent_total,
                                      .bytes_received = MOLA_M_store_bytes_received_total};

/* --- A batch --- */

/* Keys of others than this driver's: nothing can be stored there, so nothing is listed. */
static bool can_have_keys(mola_str prefix)
{
    mola_str rest = prefix;
    while (rest.len && memchr(rest.data, '/', rest.len)) {
        mola_str part = mola_str_cut(&rest, '/');
        if (part.len == 0 || mola_str_eq(part, MOLA_STR(".")) || mola_str_eq(part, MOLA_STR("..")))
            return false;
    }
    return true;
}

static bool too_long(const mola_s3 *s3, const mola_store_op *op)
{
    size_t prefix = strlen(s3->settings.prefix) + 1;
    return prefix + op->key.len > MOLA_KEY_BYTES_MAX ||
           (op->verb == MOLA_COPY && prefix + op->source.len > MOLA_KEY_BYTES_MAX);
}

static bool is_large(const mola_store_op *op)
{
    return op->verb == MOLA_PUT && op->when == MOLA_PUT_ALWAYS &&
           op->body.len > MOLA_S3_MULTIPART_FROM;
}

/* false: it is answered already, or goes another way. */
static bool make_call(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, mola_store_op *op)
{
    if (op->err)
        return false;
    if (mola_store_late(ctx)) {
        op->err = MOLA_UNAVAILABLE;
        return false;
    }
    if (op->verb == MOLA_LIST && (!can_have_keys(op->key) || too_long(s3, op)))
        return false;
    if (too_long(s3, op)) {
        op->err = mola_fail(ctx->why, MOLA_INVALID,
                            "store s3: a key is too long behind the store's prefix");
        return false;
    }
    if (is_large(op))
        return false;
    bool ok = op->verb == MOLA_LIST ? mola_s3_call_list(s3, ctx, call, op, (mola_str){0})
                                    : mola_s3_call_of(s3, ctx, call, op);
    if (!ok)
        op->err = MOLA_UNAVAILABLE;
    return ok;
}

static void settle(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, mola_err err)
{
    if (err) {
        call->op->err = err;
    } else if (call->op->verb == MOLA_LIST) {
        mola_s3_list_finish(s3, ctx, call);
    } else {
        mola_s3_settle(call);
    }
}

static void run_all(mola_s3 *s3, mola_ctx *ctx, mola_store_op *ops, size_t count,
                    mola_s3_call *calls, mola_s3_call **list)
{
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        if (make_call(s3, ctx, &calls[i], &ops[i]))
            list[made++] = &calls[i];
    }
    mola_err err = mola_s3_calls_run(s3, ctx, list, made);
    for (size_t i = 0; i < made; i++)
        settle(s3, ctx, list[i], err);
    for (size_t i = 0; i < count; i++) {
        mola_s3_call_free(&calls[i]);
        if (!ops[i].err && is_large(&ops[i]))
            mola_s3_multipart(s3, ctx, &ops[i]);
    }
}

static void run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    mola_s3 *s3 = (mola_s3 *)store;
    mola_s3_call *calls = mola_alloc_array(s3->env->heap, mola_s3_call, count);
    mola_s3_call **list = mola_alloc_array(s3->env->heap, mola_s3_call *, count);
    if (calls && list) {
        run_all(s3, ctx, ops, count, calls, list);
    } else {
        for (size_t i = 0; i < count; i++)
            ops[i].err = ops[i].err ? ops[i].err : MOLA_UNAVAILABLE;
    }
    mola_free(s3->env->heap, list, count * sizeof(mola_s3_call *));
    mola_free(s3->env->heap, calls, count * sizeof *calls);
}

/* --- Open and close --- */

static void free_parts(mola_s3 *s3)
{
    mola_env *env = s3->env;
    mola_s3_credentials_free(&s3->credentials, env);
    mola_lock_free(&s3->lock);
    sodium_memzero(&s3->settings, sizeof s3->settings);
    mola_free(env->heap, s3, sizeof *s3);
}

static void close_store(mola_store *store)
{
    mola_s3 *s3 = (mola_s3 *)store;
    mola_http_client_close(s3->client);
    free_parts(s3);
}

/* A store without keys is of no use: better said now than with the first request. */
static mola_err take_keys(mola_s3 *s3, mola_why *why)
{
    mola_env *env = s3->env;
    mola_arena arena;
    mola_arena_init(&arena, env->heap, 1 << 20);
    mola_ctx ctx = {
        .env = env, .arena = &arena, .why = why, .deadline_ns = mola_boot_ns(env) + open_ns_max};
    mola_s3_keys *keys = NULL;
    mola_err err = mola_s3_credentials_take(s3, &ctx, &keys);
    mola_s3_keys_drop(env, keys);
    mola_arena_reset(&arena);
    mola_str words = mola_why_text(&s3->failure);
    return err ? mola_fail(why, err, MOLA_FMT, MOLA_ARG(words)) : MOLA_OK;
}

mola_err mola_s3_store_open(mola_env *env, mola_str place, mola_store **out, mola_why *why)
{
    static const mola_store_driver driver = {.scheme = "s3", .run = run, .close = close_store};
    mola_s3 *s3 = mola_alloc(env->heap, sizeof *s3);
    if (!s3 || sodium_init() < 0) {
        mola_free(env->heap, s3, sizeof *s3);
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for an s3: store");
    }
    s3->store.driver = &driver;
    s3->env = env;
    mola_s3_source source = MOLA_S3_FROM_SETTINGS;
    mola_err err = mola_s3_url_parse(place, &s3->settings, why);
    if (!err)
        err = mola_s3_settings_settle(&s3->settings, why);
    if (!err)
        err = mola_s3_source_choose(&s3->settings, &source, why);
    mola_lock_init(&s3->lock, env, MOLA_RANK_STORE);
    mola_s3_credentials_init(&s3->credentials, env, source);
    if (!err)
        err = mola_http_client_open(env, &owner, &s3->client, why);
    if (!err && (err = take_keys(s3, why)))
        mola_http_client_close(s3->client);
    if (err) {
        free_parts(s3);
        return err;
    }
    *out = &s3->store;
    return MOLA_OK;
}
