#include "mola/store/cache.h"
#include "namespace/name.h"

enum { BACK_OFF_MS = 20, BACK_OFF_STEP_MS = 50, BACK_OFF_STEPS = 5 };

void mola_ask_begin(mola_ask *ask, mola_ctx *outer)
{
    *ask = (mola_ask){.ctx = *outer, .outer = outer};
    mola_arena_init(&ask->arena, outer->env->heap, SIZE_MAX);
    ask->ctx.arena = &ask->arena;
    ask->ctx.why = &ask->why;
}

mola_err mola_ask_end(mola_ask *ask, mola_err err)
{
    ask->outer->roundtrips = ask->ctx.roundtrips;
    ask->outer->bytes_read = ask->ctx.bytes_read;
    mola_arena_reset(&ask->arena);
    if (err && ask->why.len)
        return mola_fail(ask->outer->why, err, MOLA_FMT, MOLA_ARG(mola_why_text(&ask->why)));
    return err;
}

void mola_ask_run(mola_ask *ask, mola_store_op *ops, size_t count)
{
    mola_why_clear(&ask->why);
    mola_cache_run(ask->ctx.env->cache, &ask->ctx, ops, count);
}

bool mola_answer_missing(mola_err err)
{
    return err == MOLA_UNAVAILABLE || err == MOLA_UNKNOWN || err == MOLA_BUSY;
}

bool mola_ask_again(mola_ask *ask)
{
    mola_env *env = ask->ctx.env;
    uint32_t step = ask->attempts < BACK_OFF_STEPS ? ask->attempts : BACK_OFF_STEPS;
    ask->attempts++;
    uint64_t pause = BACK_OFF_MS + mola_chance_below(env, (uint64_t)BACK_OFF_STEP_MS << step);
    uint64_t now = mola_boot_ns(env);
    if (now >= ask->ctx.deadline_ns || pause * MOLA_MILLISECOND >= ask->ctx.deadline_ns - now)
        return false;
    mola_job_pause(ask->ctx.job);
    mola_sleep_ns(env, pause * MOLA_MILLISECOND);
    mola_job_resume(ask->ctx.job);
    return true;
}

mola_err mola_fail_late(mola_ctx *ctx)
{
    return mola_fail(ctx->why, MOLA_UNAVAILABLE, "the object store did not answer in time");
}

mola_err mola_fail_object(mola_ctx *ctx, mola_err err, mola_str key)
{
    if (err == MOLA_CORRUPT) {
        mola_count(ctx->env->metrics, MOLA_M_store_corrupt_total, 1);
        mola_log(ctx->env, MOLA_LOG_ERROR, "corrupt_object", "object=%.*s", MOLA_ARG(key));
    }
    mola_why detail = *ctx->why;
    if (!detail.len)
        (void)mola_fail(&detail, err, "%s", mola_err_name(err));
    mola_why_clear(ctx->why);
    return mola_fail(ctx->why, err, "object '%.*s' cannot be used: %.*s", MOLA_ARG(key),
                     MOLA_ARG(mola_why_text(&detail)));
}

mola_err mola_ask_get(mola_ask *ask, mola_store_op *ops, size_t count)
{
    bool corrupt_before = false;
    mola_ask_run(ask, ops, count);
    for (;;) {
        mola_store_op *open = NULL;
        for (size_t i = 0; i < count && !open; i++) {
            if (ops[i].err != MOLA_OK && ops[i].err != MOLA_NOT_FOUND)
                open = &ops[i];
        }
        if (!open)
            return MOLA_OK;
        if (open->err == MOLA_CORRUPT && !corrupt_before) {
            MOLA_SOMETIMES(reread_corrupt);
            corrupt_before = true;
        } else if (!mola_answer_missing(open->err)) {
            return mola_fail_object(&ask->ctx, open->err, open->key);
        } else if (!mola_ask_again(ask)) {
            return mola_fail_late(&ask->ctx);
        }
        mola_ask_run(ask, open, 1);
    }
}
