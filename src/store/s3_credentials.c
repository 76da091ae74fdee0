/* s3_credentials.c - the keys in use: shared, and replaced before they end. */
#include "mola/base/check.h"
#include "s3.h"
#include <sodium.h>

static const uint64_t renew_before_ns = 300 * MOLA_SECOND; /* they end */
static const uint64_t reread_after_ns = 300 * MOLA_SECOND; /* of files, which have no end */
static const uint64_t try_again_ns = 10 * MOLA_SECOND;     /* while the old ones are good */
static const uint64_t ask_ns_max = 5 * MOLA_SECOND;

void mola_s3_credentials_init(mola_s3_credentials *c, mola_env *env, mola_s3_source source)
{
    *c = (mola_s3_credentials){.source = source};
    mola_lock_init(&c->lock, env, MOLA_RANK_STORE);
    mola_event_init(&c->changed, env);
}

void mola_s3_credentials_free(mola_s3_credentials *c, mola_env *env)
{
    mola_s3_keys_drop(env, c->keys);
    mola_event_free(&c->changed);
    mola_lock_free(&c->lock);
}

void mola_s3_keys_drop(mola_env *env, mola_s3_keys *keys)
{
    if (!keys || !mola_ref_drop(&keys->ref))
        return;
    sodium_memzero(keys, sizeof *keys);
    mola_free(env->heap, keys, sizeof *keys);
}

static mola_s3_keys *shared(mola_s3_credentials *c)
{
    mola_ref_take(&c->keys->ref);
    return c->keys;
}

/* When they end and when new ones are asked for, by our own clock: theirs may step. */
static void settle_times(mola_s3 *s3, mola_s3_credentials *c, int64_t stores_time_s)
{
    uint64_t now = mola_boot_ns(s3->env);
    MOLA_ASSERT(c->keys);
    if (c->keys->expires_s) {
        int64_t left_s = (int64_t)c->keys->expires_s - stores_time_s;
        uint64_t left = left_s > 0 ? (uint64_t)left_s * MOLA_SECOND : 0;
        c->until_ns = now + left;
        c->renew_ns = now + (left > 2 * renew_before_ns ? left - renew_before_ns : left / 2);
    } else {
        bool fixed = c->source == MOLA_S3_FROM_ENVIRONMENT;
        c->until_ns = MOLA_NEVER;
        c->renew_ns = fixed ? MOLA_NEVER : now + reread_after_ns;
    }
}

static int64_t skew_of(mola_s3 *s3)
{
    MOLA_LOCKED(&s3->lock);
    return s3->skew_s;
}

static mola_err ask(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys **out)
{
    mola_s3_keys *keys = mola_alloc(s3->env->heap, sizeof *keys);
    if (!keys)
        return MOLA_UNAVAILABLE;
    mola_ref_init(&keys->ref);
    mola_ctx asking = *ctx;
    uint64_t latest = mola_boot_ns(s3->env) + ask_ns_max;
    if (latest < asking.deadline_ns)
        asking.deadline_ns = latest;
    mola_why why = {.len = 0};
    asking.why = &why;
    mola_err err = mola_s3_source_ask(s3, &asking, keys);
    if (!err) {
        *out = keys;
        return MOLA_OK;
    }
    mola_s3_keys_drop(s3->env, keys);
    mola_str text = mola_why_text(&why);
    mola_log(s3->env, MOLA_LOG_WARN, "store_credentials", "words=\"" MOLA_FMT "\"", MOLA_ARG(text));
    MOLA_LOCKED(&s3->lock);
    s3->failure = why;
    return err == MOLA_INVALID ? mola_fail(ctx->why, err, MOLA_FMT, MOLA_ARG(text))
                               : MOLA_UNAVAILABLE;
}

/* The end of asking, whoever did it. */
static mola_err take_over(mola_s3 *s3, mola_err err, mola_s3_keys *fresh, mola_s3_keys **out)
{
    mola_s3_credentials *c = &s3->credentials;
    int64_t stores_time_s = (int64_t)(mola_wall_us(s3->env) / 1000000) + skew_of(s3);
    MOLA_LOCKED(&c->lock);
    uint64_t now = mola_boot_ns(s3->env);
    c->asking = false;
    c->asked_ns = now;
    mola_event_wake_all(&c->changed);
    if (!err) {
        mola_s3_keys_drop(s3->env, c->keys);
        c->keys = fresh;
        settle_times(s3, c, stores_time_s);
    } else if (!c->keys || now >= c->until_ns) {
        return err;
    } else {
        c->renew_ns = now + try_again_ns;
    }
    *out = shared(c);
    return MOLA_OK;
}

mola_err mola_s3_credentials_take(mola_s3 *s3, mola_ctx *ctx, mola_s3_keys **out)
{
    mola_s3_credentials *c = &s3->credentials;
    {
        MOLA_LOCKED(&c->lock);
        for (;;) {
            uint64_t now = mola_boot_ns(s3->env);
            bool good = c->keys && now < c->until_ns;
            if (good && (c->asking || now < c->renew_ns)) {
                *out = shared(c);
                return MOLA_OK;
            }
            if (!c->asking)
                break;
            if (!mola_event_wait(&c->changed, &c->lock, ctx->deadline_ns))
                return MOLA_UNAVAILABLE;
        }
        c->asking = true;
    }
    mola_s3_keys *fresh = NULL;
    mola_err err = ask(s3, ctx, &fresh);
    return take_over(s3, err, fresh, out);
}

void mola_s3_credentials_refused(mola_s3 *s3, const mola_s3_keys *keys)
{
    mola_s3_credentials *c = &s3->credentials;
    MOLA_LOCKED(&c->lock);
    /* The old ones stay until there are new: they may be right after all. */
    if (c->keys == keys && c->source != MOLA_S3_FROM_ENVIRONMENT)
        c->renew_ns = c->asked_ns + try_again_ns;
}
