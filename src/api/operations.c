#include "api/operations.h"
#include "mola/codec/block.h"
#include "mola/codec/datetime.h"
#include "mola/codec/uuid.h"
#include "mola/format/key.h"
#include "mola/namespace/publish.h"
#include "mola/store/store.h"

enum {
    BACK_OFF_MS = 20,
    BACK_OFF_STEP_MS = 50,
    BACK_OFF_STEPS = 5,
    ROUNDS_MAX = 8,
    WATCH_SECONDS = 3600, /* between two looks at all operations */
    RETRY_SECONDS = 60,
    KEPT_SECONDS = 172800 /* finished ones: two days, where one is promised */
};

typedef struct running running;
struct running {
    mola_job job; /* must be first */
    mola_operations *all;
    running *next; /* of those of this process */
    char token[MOLA_TOKEN_BYTES];
    bool begun; /* its first try is this process's, stored already */
};

struct mola_operations {
    mola_api *api;
    mola_env *env;
    mola_lock lock; /* guards what follows */
    mola_event changed;
    running *first;
    bool closing, watching;
};

/* As it stands in the store. */
typedef struct {
    mola_operation operation; /* texts in the arena of the ctx that read it */
    mola_etag etag;           /* len 0: it is not there */
} stored;

static mola_str token_of(const running *r)
{
    return (mola_str){r->token, sizeof r->token};
}

/* ------------------------------------------------------------------ the store */
/* false: the deadline is over. */
static bool back_off(mola_ctx *ctx, uint32_t attempt)
{
    uint32_t step = attempt < BACK_OFF_STEPS ? attempt : BACK_OFF_STEPS;
    uint64_t pause_ms =
        BACK_OFF_MS + mola_chance_below(ctx->env, (uint64_t)BACK_OFF_STEP_MS << step);
    uint64_t now = mola_boot_ns(ctx->env), pause_ns = pause_ms * MOLA_MILLISECOND;
    if (now >= ctx->deadline_ns || pause_ns >= ctx->deadline_ns - now)
        return false;
    mola_job_pause(ctx->job);
    mola_sleep_ns(ctx->env, pause_ns);
    mola_job_resume(ctx->job);
    return true;
}

static mola_err load(mola_ctx *ctx, mola_str org, mola_str token, stored *out)
{
    mola_key key = mola_key_operation(org, token);
    *out = (stored){0};
    for (uint32_t attempt = 0;; attempt++) {
        mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
        mola_store_run(ctx->env->store, ctx, &op, 1);
        if (op.err == MOLA_NOT_FOUND)
            return MOLA_OK;
        mola_err err = op.err;
        if (!err) {
            err = mola_operation_decode(op.bytes, &out->operation, ctx->why);
            out->etag = op.new_etag;
        }
        if (!err || err == MOLA_INVALID || err == MOLA_NO_MEMORY)
            return err;
        if (!back_off(ctx, attempt)) {
            return mola_fail(ctx->why, err == MOLA_CORRUPT ? err : MOLA_UNAVAILABLE,
                             "the object store did not say how the operation stands");
        }
        mola_why_clear(ctx->why);
    }
}

/* A 412 may be the answer to the second copy of our own request. */
static bool is_ours(mola_ctx *ctx, mola_str key, mola_str image, mola_etag *etag)
{
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    mola_store_run(ctx->env->store, ctx, &op, 1);
    *etag = op.new_etag;
    return op.err == MOLA_OK && mola_str_eq(op.bytes, image);
}

/* Puts it where s->etag says. MOLA_CONFLICT: something else stands there. */
static mola_err save(mola_ctx *ctx, mola_str org, mola_str token, stored *s)
{
    mola_key key = mola_key_operation(org, token);
    mola_buf image;
    mola_buf_init(&image, ctx->env->heap);
    mola_operation_encode(&image, &s->operation);
    mola_err err = image.failed ? MOLA_NO_MEMORY : MOLA_UNAVAILABLE;
    for (uint32_t attempt = 0; err == MOLA_UNAVAILABLE; attempt++) {
        mola_store_op op = {.verb = MOLA_PUT,
                            .key = mola_key_str(&key),
                            .body = mola_buf_str(&image),
                            .when = s->etag.len ? MOLA_PUT_IF_MATCH : MOLA_PUT_IF_ABSENT,
                            .etag = s->etag};
        mola_store_run(ctx->env->store, ctx, &op, 1);
        if (op.err == MOLA_OK) {
            s->etag = op.new_etag;
            err = MOLA_OK;
        } else if (op.err == MOLA_CONFLICT || op.err == MOLA_NOT_FOUND) {
            err = is_ours(ctx, op.key, op.body, &s->etag) ? MOLA_OK : MOLA_CONFLICT;
        } else if (op.err == MOLA_INVALID || !back_off(ctx, attempt)) {
            break;
        }
    }
    mola_buf_free(&image);
    if (err && err != MOLA_CONFLICT)
        return mola_fail(ctx->why, err, "the object store did not take the operation");
    return err;
}

/* ------------------------------------------------------------------ running */
static bool is_closing(mola_operations *all)
{
    MOLA_LOCKED(&all->lock);
    return all->closing;
}

/* Another try, known to everybody before it begins. */
static mola_err claim(mola_ctx *ctx, mola_operations *all, mola_str token, stored *s)
{
    mola_operation *o = &s->operation;
    MOLA_ASSERT(o->tries < MOLA_OPERATION_TRIES_MAX);
    if (o->kind == MOLA_OPERATION_COPY)
        mola_chance(ctx->env, o->nsids[o->tries], sizeof o->nsids[0]);
    o->tries++;
    o->tried_us = mola_wall_us(ctx->env);
    return save(ctx, all->api->config.org, token, s);
}

static void conclude(mola_ctx *ctx, mola_operations *all, mola_str token, stored *s,
                     mola_task_result *result)
{
    mola_operation *o = &s->operation;
    mola_str words = mola_why_text(ctx->why);
    o->state = result->err ? MOLA_OPERATION_FAILED : MOLA_OPERATION_SUCCEEDED;
    o->finished_us = mola_wall_us(ctx->env);
    if (result->err) {
        o->status = (uint32_t)(result->status ? result->status : mola_status_of(result->err));
        result->answer.len = 0;
        mola_print_error(&result->answer,
                         words.len ? words : mola_str_of(mola_err_name(result->err)),
                         (mola_str){0});
    }
    o->result = mola_buf_str(&result->answer);
    mola_why why;
    mola_why_clear(&why);
    mola_ctx own = *ctx;
    own.why = &why;
    own.deadline_ns = mola_boot_ns(ctx->env) + all->api->config.operation_lease_ns;
    mola_err err =
        result->answer.failed ? MOLA_NO_MEMORY : save(&own, all->api->config.org, token, s);
    mola_log(all->env, err ? MOLA_LOG_WARN : MOLA_LOG_INFO, "operation_ended",
             "token=%.*s namespace=%.*s status=%u tries=%u stored=%s", MOLA_ARG(token),
             MOLA_ARG(o->name), o->status, o->tries, err ? mola_err_name(err) : "ok");
}

/* Tries until something is known. What cannot be said now is left to whoever takes it over. */
static void work(mola_ctx *ctx, running *r)
{
    mola_operations *all = r->all;
    stored s;
    mola_err err = load(ctx, all->api->config.org, token_of(r), &s);
    if (err || !s.etag.len || s.operation.state != MOLA_OPERATION_RUNNING)
        return;
    mola_task_result result = {0};
    mola_buf_init(&result.answer, all->env->heap);
    bool known = false;
    for (uint32_t attempt = 0; !known && !is_closing(all); attempt++) {
        if (attempt && !back_off(ctx, attempt))
            break;
        if (s.operation.tries == MOLA_OPERATION_TRIES_MAX && (attempt || !r->begun)) {
            result.err = mola_fail(ctx->why, MOLA_UNAVAILABLE, "it was given up after %d tries",
                                   MOLA_OPERATION_TRIES_MAX);
            known = true;
            break;
        }
        mola_why_clear(ctx->why);
        if ((attempt || !r->begun) && claim(ctx, all, token_of(r), &s))
            break; /* somebody else has it, or the store is away */
        known = mola_operation_try(ctx, all->api, &s.operation, &result);
        mola_view_release(ctx, NULL);
    }
    if (known)
        conclude(ctx, all, token_of(r), &s, &result);
    mola_buf_free(&result.answer);
}

static void run(mola_job *job)
{
    running *r = (running *)job;
    mola_operations *all = r->all;
    mola_arena arena;
    mola_arena_init(&arena, all->env->heap, all->api->config.request_memory_max);
    mola_why why;
    mola_why_clear(&why);
    mola_ctx ctx = {.env = all->env,
                    .arena = &arena,
                    .why = &why,
                    .job = job,
                    .deadline_ns = mola_boot_ns(all->env) + all->api->config.operation_lease_ns};
    work(&ctx, r);
    mola_view_release(&ctx, NULL);
    mola_arena_reset(&arena);
    mola_lock_take(&all->lock);
    running **at = &all->first;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    mola_event_wake_all(&all->changed);
    mola_lock_give(&all->lock);
    mola_free(all->env->heap, r, sizeof *r);
}

static bool is_running_here(mola_operations *all, mola_str token)
{
    for (const running *r = all->first; r; r = r->next) {
        if (mola_str_eq(token_of(r), token))
            return true;
    }
    return false;
}

/* Nothing is lost when it cannot be: it is taken over later. */
static void launch(mola_operations *all, mola_str token, bool begun)
{
    running *r = mola_alloc(all->env->heap, sizeof *r);
    if (!r)
        return;
    *r = (running){.job = {.run = run}, .all = all, .begun = begun};
    memcpy(r->token, token.data, sizeof r->token);
    mola_lock_take(&all->lock);
    bool wanted = !all->closing && !is_running_here(all, token);
    if (wanted) {
        r->next = all->first;
        all->first = r;
    }
    mola_lock_give(&all->lock);
    if (wanted &&
        mola_executor_submit(all->api->config.executor, MOLA_JOB_WRITE, &r->job) == MOLA_OK)
        return;
    if (wanted) {
        mola_lock_take(&all->lock);
        running **at = &all->first;
        while (*at != r)
            at = &(*at)->next;
        *at = r->next;
        mola_lock_give(&all->lock);
    }
    mola_free(all->env->heap, r, sizeof *r);
}

/* Wall time, which decides about work and nothing else. */
static bool is_abandoned(const mola_operations *all, const mola_operation *o)
{
    uint64_t now_us = mola_wall_us(all->env);
    return o->state == MOLA_OPERATION_RUNNING &&
           (now_us < o->tried_us ||
            now_us - o->tried_us > all->api->config.operation_lease_ns / 1000);
}

/* ------------------------------------------------------------------ starting */
/* Copies into one namespace as it stands now have one token, so that a start that is sent again,
 * to any node, finds the first one. */
static mola_err choose_token(request *r, const mola_task *task, char token[MOLA_TOKEN_BYTES])
{
    uint8_t sum[16] = {0};
    if (task->kind != MOLA_OPERATION_COPY) {
        mola_chance(r->api->env, sum, sizeof sum);
        mola_hex_print(sum, sizeof sum, token);
        return MOLA_OK;
    }
    mola_name *name = mola_name_open(r->api->config.namespaces, task->name);
    if (!name)
        return mola_fail(&r->why, MOLA_NO_MEMORY, "not enough memory to open the namespace");
    mola_held *held;
    mola_err err = mola_manifest_read(&r->ctx, name, &held);
    if (!err) {
        mola_str text;
        bool made =
            mola_arena_print(&r->arena, &text, "copy into %.*s at %llu", MOLA_ARG(task->name),
                             (unsigned long long)mola_held_manifest(held)->ver);
        if (made) {
            mola_sum128(text, sum);
        } else {
            err = mola_fail(&r->why, MOLA_NO_MEMORY, "not enough memory to start the operation");
        }
        mola_held_unref(held);
    }
    mola_name_close(name);
    if (!err)
        mola_hex_print(sum, sizeof sum, token);
    return err;
}

/* Against what stands there. *begun: by this call; *abandoned: another node gave it up.
 * MOLA_CONFLICT without words: look again. */
static mola_err begin(request *r, const mola_task *task, mola_str token, bool *begun,
                      bool *abandoned)
{
    stored s;
    mola_str org = r->api->config.org;
    mola_err err = load(&r->ctx, org, token, &s);
    if (err)
        return err;
    const mola_operation *o = &s.operation;
    if (s.etag.len && o->state == MOLA_OPERATION_RUNNING) {
        *abandoned = is_abandoned(r->api->operations, o);
        if (mola_str_eq(o->request, task->request) && o->shards == task->shards)
            return MOLA_OK;
        return mola_fail(&r->why, MOLA_CONFLICT, "another copy into namespace '%.*s' is running",
                         MOLA_ARG(task->name));
    }
    uint64_t now_us = mola_wall_us(r->api->env);
    s.operation = (mola_operation){.kind = task->kind,
                                   .state = MOLA_OPERATION_RUNNING,
                                   .shards = task->shards,
                                   .started_us = now_us,
                                   .tried_us = now_us,
                                   .tries = 1,
                                   .name = task->name,
                                   .request = task->request};
    if (task->kind == MOLA_OPERATION_COPY)
        mola_chance(r->api->env, s.operation.nsids[0], sizeof s.operation.nsids[0]);
    err = save(&r->ctx, org, token, &s);
    *begun = !err;
    return err;
}

mola_err mola_operation_start(request *r, const mola_task *task, char token[MOLA_TOKEN_BYTES])
{
    mola_err err = choose_token(r, task, token);
    mola_str text = {token, MOLA_TOKEN_BYTES};
    bool begun = false, abandoned = false;
    for (int round = 0; !err && round < ROUNDS_MAX; round++) {
        err = begin(r, task, text, &begun, &abandoned);
        if (err != MOLA_CONFLICT || r->why.len)
            break;
        err = round + 1 < ROUNDS_MAX
                  ? MOLA_OK
                  : mola_fail(&r->why, MOLA_UNAVAILABLE, "the operation is changing too fast");
    }
    if (!err && (begun || abandoned))
        launch(r->api->operations, text, begun);
    return err;
}

/* ------------------------------------------------------------------ asking */
static void print_time(mola_buf *out, const char *label, uint64_t us)
{
    mola_buf_print(out, ",\"%s\":\"", label);
    mola_timestamp_print(out, us);
    mola_buf_add_char(out, '"');
}

static void print(mola_buf *out, const mola_operation *o)
{
    bool going_on = o->state == MOLA_OPERATION_RUNNING;
    bool failed = o->state == MOLA_OPERATION_FAILED;
    mola_buf_print(out, "{\"status\":\"%s\"", going_on ? "running" : "finished");
    print_time(out, "start_time", o->started_us);
    if (!going_on) {
        print_time(out, "finish_time", o->finished_us);
        mola_buf_add_str(out, MOLA_STR(",\"result\":{"));
        if (failed) {
            mola_buf_print(out, "\"error\":{\"status_code\":%u,\"detail\":", o->status);
        } else {
            mola_buf_add_str(out, MOLA_STR("\"success\":"));
        }
        mola_buf_add_str(out, o->result);
        mola_buf_add_str(out, failed ? MOLA_STR("}}") : MOLA_STR("}"));
    }
    mola_buf_add_char(out, '}');
}

handled mola_handle_operation(request *r)
{
    mola_operations *all = r->api->operations;
    mola_str token = r->match.last;
    stored s = {0};
    mola_err err = MOLA_OK;
    if (token.len == MOLA_TOKEN_BYTES && mola_name_ok(token))
        err = load(&r->ctx, r->api->config.org, token, &s);
    if (!err && (!s.etag.len || !mola_str_eq(s.operation.name, request_name(r))))
        err = mola_fail(&r->why, MOLA_NOT_FOUND, "operation was not found");
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    if (!err) {
        print(&out, &s.operation);
        if (is_abandoned(all, &s.operation))
            launch(all, token, false);
    }
    return finish(r, err, 200, &out, NULL);
}

/* ------------------------------------------------------------------ the watch over all of them */
/* Takes over what was abandoned, and deletes what was finished long ago. *next_ns: when the next
 * one may be abandoned. */
static void look_at(mola_ctx *ctx, mola_operations *all, mola_str token, uint64_t *next_ns)
{
    stored s;
    if (load(ctx, all->api->config.org, token, &s) || !s.etag.len)
        return;
    const mola_operation *o = &s.operation;
    uint64_t now_us = mola_wall_us(all->env), lease_ns = all->api->config.operation_lease_ns;
    if (is_abandoned(all, o)) {
        launch(all, token, false);
    } else if (o->state == MOLA_OPERATION_RUNNING) {
        uint64_t due_ns = mola_boot_ns(all->env) + lease_ns + MOLA_SECOND;
        *next_ns = due_ns < *next_ns ? due_ns : *next_ns;
    } else if (now_us > o->finished_us &&
               now_us - o->finished_us > (uint64_t)KEPT_SECONDS * 1000000) {
        mola_key key = mola_key_operation(all->api->config.org, token);
        mola_store_op op = {.verb = MOLA_DELETE, .key = mola_key_str(&key)};
        mola_store_run(ctx->env->store, ctx, &op, 1); /* if it fails, the next look does it */
    }
}

static void look_at_all(mola_operations *all, uint64_t *next_ns)
{
    mola_key prefix = mola_key_operation(all->api->config.org, (mola_str){0});
    mola_key after = {0};
    for (bool more = true; more && !is_closing(all);) {
        mola_arena arena;
        mola_arena_init(&arena, all->env->heap, SIZE_MAX);
        mola_why why;
        mola_why_clear(&why);
        mola_ctx ctx = {.env = all->env,
                        .arena = &arena,
                        .why = &why,
                        .deadline_ns = mola_boot_ns(all->env) + 60 * MOLA_SECOND};
        mola_store_op op = {.verb = MOLA_LIST,
                            .key = mola_key_str(&prefix),
                            .start_after = mola_key_str(&after),
                            .keys_max = 100};
        mola_store_run(all->env->store, &ctx, &op, 1);
        more = op.err == MOLA_OK && op.truncated && op.entry_count;
        if (op.err) { /* the store is away */
            uint64_t again_ns = mola_boot_ns(all->env) + RETRY_SECONDS * MOLA_SECOND;
            *next_ns = again_ns < *next_ns ? again_ns : *next_ns;
        }
        for (uint32_t i = 0; op.err == MOLA_OK && i < op.entry_count && !is_closing(all); i++) {
            mola_str token = mola_str_from(op.entries[i].key, prefix.len);
            mola_why_clear(&why);
            if (token.len == MOLA_TOKEN_BYTES && mola_name_ok(token))
                look_at(&ctx, all, token, next_ns);
        }
        if (more) {
            mola_str last = op.entries[op.entry_count - 1].key;
            MOLA_ASSERT(last.len <= sizeof after.text);
            memcpy(after.text, last.data, last.len);
            after.len = last.len;
        }
        mola_arena_reset(&arena);
    }
}

static void watch(void *argument)
{
    mola_operations *all = argument;
    mola_lock_take(&all->lock);
    while (!all->closing) {
        mola_lock_give(&all->lock);
        uint64_t next_ns = mola_boot_ns(all->env) + WATCH_SECONDS * MOLA_SECOND;
        look_at_all(all, &next_ns);
        mola_lock_take(&all->lock);
        while (!all->closing && mola_boot_ns(all->env) < next_ns)
            (void)mola_event_wait(&all->changed, &all->lock, next_ns);
    }
    all->watching = false;
    mola_event_wake_all(&all->changed);
    mola_lock_give(&all->lock);
}

mola_err mola_operations_open(mola_api *api, mola_why *why)
{
    mola_operations *all = mola_alloc(api->env->heap, sizeof *all);
    if (!all)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for operations");
    *all = (mola_operations){.api = api, .env = api->env, .watching = true};
    mola_lock_init(&all->lock, api->env, MOLA_RANK_CACHE);
    mola_event_init(&all->changed, api->env);
    api->operations = all;
    mola_err err = api->env->ops->spawn(api->env, "operations", watch, all);
    if (err) {
        all->watching = false;
        mola_operations_close(api);
        return mola_fail(why, err, "cannot start the thread of operations");
    }
    return MOLA_OK;
}

void mola_operations_stop(mola_api *api)
{
    mola_operations *all = api->operations;
    MOLA_LOCKED(&all->lock);
    all->closing = true;
    mola_event_wake_all(&all->changed);
}

void mola_operations_wait(mola_api *api)
{
    mola_operations *all = api->operations;
    mola_operations_stop(api);
    MOLA_LOCKED(&all->lock);
    while (all->watching || all->first)
        (void)mola_event_wait(&all->changed, &all->lock, MOLA_NEVER);
}

void mola_operations_close(mola_api *api)
{
    mola_operations *all = api->operations;
    if (!all)
        return;
    mola_operations_wait(api);
    mola_event_free(&all->changed);
    mola_lock_free(&all->lock);
    mola_free(all->env->heap, all, sizeof *all);
    api->operations = NULL;
}
