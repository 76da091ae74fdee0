#include "driver.h"
#include "mola/base/check.h"

static bool printable(mola_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    }
    return true;
}

bool mola_store_key_ok(mola_str key)
{
    if (key.len == 0 || key.len > MOLA_KEY_BYTES_MAX || !printable(key))
        return false;
    for (size_t from = 0; from <= key.len;) {
        mola_str rest = mola_str_from(key, from);
        mola_str part = mola_str_cut(&rest, '/');
        if (part.len == 0 || mola_str_eq(part, MOLA_STR(".")) || mola_str_eq(part, MOLA_STR("..")))
            return false;
        from += part.len + 1;
    }
    return true;
}

static bool well_formed(const mola_store_op *op)
{
    if (op->etag.len > MOLA_ETAG_BYTES_MAX)
        return false;
    if (op->verb == MOLA_LIST)
        return op->key.len <= MOLA_KEY_BYTES_MAX && printable(op->key);
    if (op->verb == MOLA_PUT && op->when == MOLA_PUT_IF_MATCH && op->etag.len == 0)
        return false;
    if (op->verb == MOLA_COPY && !mola_store_key_ok(op->source))
        return false;
    return mola_store_key_ok(op->key);
}

static bool is_refused(const mola_store *store, const mola_store_op *op)
{
    return op->verb == MOLA_PUT && op->when != MOLA_PUT_ALWAYS &&
           atomic_load_explicit(&store->distrusted, memory_order_relaxed) &&
           !mola_str_starts(op->key, MOLA_STR(MOLA_PREFLIGHT_FOLDER));
}

static void prepare(const mola_store *store, mola_store_op *op)
{
    op->err = well_formed(op) && !is_refused(store, op) ? MOLA_OK : MOLA_INVALID;
    op->not_modified = false;
    op->new_etag = (mola_etag){0};
    op->bytes = (mola_str){0};
    op->object_size = 0;
    op->entries = NULL;
    op->entry_count = 0;
    op->truncated = false;
}

_Static_assert(MOLA_GET == 0 && MOLA_COPY + 1 == MOLA_METRIC_OPERATIONS, "names of metrics.c");

static void feed_metrics(mola_metrics *metrics, const mola_store_op *op)
{
    mola_count_operation(metrics, op->verb, op->err);
    if (op->err == MOLA_CORRUPT)
        mola_count(metrics, MOLA_M_store_corrupt_total, 1);
}

void mola_store_run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        prepare(store, &ops[i]);
    ctx->roundtrips++;
    mola_job_pause(ctx->job);
    store->driver->run(store, ctx, ops, count);
    mola_job_resume(ctx->job);
    for (size_t i = 0; i < count; i++) {
        /* A driver that reports a missing key for a DELETE breaks its callers' retries. */
        MOLA_IMPLIES(ops[i].err == MOLA_NOT_FOUND,
                     ops[i].verb == MOLA_GET || ops[i].verb == MOLA_COPY);
        MOLA_IMPLIES(ops[i].err == MOLA_CONFLICT, ops[i].verb == MOLA_PUT);
        feed_metrics(ctx->env->metrics, &ops[i]);
    }
}

bool mola_store_distrust(mola_store *store, bool distrusted)
{
    return atomic_exchange_explicit(&store->distrusted, distrusted, memory_order_relaxed);
}

mola_err mola_store_open(mola_env *env, mola_str url, mola_store **out, mola_why *why)
{
    *out = NULL;
    mola_str rest = url;
    mola_str scheme = mola_str_cut(&rest, ':');
    bool has_colon = scheme.len < url.len;
    if (has_colon && mola_str_eq(scheme, MOLA_STR("mem")) && rest.len == 0)
        return mola_mem_store_open(env, out, why);
    if (has_colon && mola_str_eq(scheme, MOLA_STR("file")))
        return mola_file_store_open(env, rest, out, why);
    if (has_colon && mola_str_eq(scheme, MOLA_STR("s3")))
        return mola_s3_store_open(env, rest, out, why);
    return mola_fail(why, MOLA_INVALID,
                     "store '" MOLA_FMT
                     "' is not understood: use file:DIRECTORY, s3://BUCKET/PREFIX or mem:",
                     MOLA_ARG(url));
}

void mola_store_close(mola_store *store)
{
    if (store)
        store->driver->close(store);
}
