#include "scan/ahead.h"

struct mola_ahead {
    mola_job job; /* must be first */
    mola_ctx ctx;
    mola_arena arena; /* of needs and pins */
    mola_why why;
    const mola_view *view;
    mola_need *needs;
    size_t count;
    mola_err err;
    mola_lock lock;   /* guards state */
    mola_event ended; /* the state is ENDED */
    enum { QUEUED, RUNNING, ENDED, LEFT } state;
};

static void discard(mola_ahead *a)
{
    mola_heap *heap = a->ctx.env->heap;
    mola_view_release(&a->ctx, NULL);
    mola_arena_reset(&a->arena);
    mola_event_free(&a->ended);
    mola_lock_free(&a->lock);
    mola_free(heap, a, sizeof *a);
}

static void run(mola_job *job)
{
    mola_ahead *a = (mola_ahead *)(void *)job;
    mola_lock_take(&a->lock);
    bool left = a->state == LEFT;
    if (!left)
        a->state = RUNNING;
    mola_lock_give(&a->lock);
    if (left) {
        discard(a);
        return;
    }
    mola_err err = mola_view_fetch(&a->ctx, a->view, a->needs, a->count);
    MOLA_LOCKED(&a->lock); /* whoever waits frees it once the lock is given back */
    a->err = err;
    a->state = ENDED;
    mola_event_wake_all(&a->ended);
}

mola_ahead *mola_ahead_begin(const mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                             size_t count)
{
    mola_env *env = ctx->env;
    mola_ahead *a = ctx->job ? mola_alloc(env->heap, sizeof *a) : NULL;
    if (!a)
        return NULL;
    mola_arena_init(&a->arena, env->heap, ctx->arena->limit);
    mola_lock_init(&a->lock, env, MOLA_RANK_CACHE);
    mola_event_init(&a->ended, env);
    a->job.run = run;
    a->ctx = (mola_ctx){.env = env,
                        .arena = &a->arena,
                        .why = &a->why,
                        .job = &a->job,
                        .deadline_ns = ctx->deadline_ns};
    a->view = view;
    a->needs = mola_new(&a->arena, mola_need, count);
    a->count = count;
    if (a->needs) {
        memcpy(a->needs, needs, count * sizeof *needs);
        if (!mola_executor_submit(ctx->job->executor, ctx->job->class, &a->job))
            return a;
    }
    discard(a);
    return NULL;
}

/* true: it has ended. false: it had not begun, and is gone. */
static bool settle(mola_ctx *ctx, mola_ahead *a)
{
    mola_lock_take(&a->lock);
    bool left = a->state == QUEUED, running = a->state == RUNNING;
    if (left)
        a->state = LEFT; /* the job discards it */
    mola_lock_give(&a->lock);
    if (!running)
        return !left;
    mola_job_pause(ctx->job);
    mola_lock_take(&a->lock);
    while (a->state == RUNNING)
        (void)mola_event_wait(&a->ended, &a->lock, MOLA_NEVER); /* the fetch has a deadline */
    mola_lock_give(&a->lock);
    mola_job_resume(ctx->job);
    return true;
}

bool mola_ahead_wait(mola_ctx *ctx, mola_ahead *a)
{
    if (!settle(ctx, a))
        return false;
    ctx->roundtrips += a->ctx.roundtrips;
    ctx->bytes_read += a->ctx.bytes_read;
    if (a->err) {
        discard(a);
        return false;
    }
    ctx->pages_hit += a->ctx.pages_hit;
    ctx->pages_missed += a->ctx.pages_missed;
    return true;
}

void mola_ahead_end(mola_ctx *ctx, mola_ahead *a)
{
    if (settle(ctx, a))
        discard(a);
}
