/* api.c - the judgement of a head, and the way of a request through the executor. */
#include "api/private.h"
#include "mola/codec/gzip.h"

mola_err mola_api_open(const mola_api_config *config, mola_api **out, mola_why *why)
{
    mola_api *api = mola_alloc(config->env->heap, sizeof *api);
    if (!api)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for the API");
    api->config = *config;
    api->env = config->env;
    mola_err err = mola_keys_open(config, &api->keys, why);
    if (err) {
        mola_free(config->env->heap, api, sizeof *api);
        return err;
    }
    mola_gate_config gate = {.env = config->env,
                             .slots = config->queries_per_namespace,
                             .wait_ns = config->query_wait_ns};
    err = mola_gate_open(&gate, &api->gate);
    if (err)
        err = mola_fail(why, err, "no memory for the API");
    if (!err)
        err = mola_operations_open(api, why);
    if (err) {
        mola_gate_close(api->gate);
        mola_keys_close(api->keys);
        mola_free(config->env->heap, api, sizeof *api);
        return err;
    }
    *out = api;
    return MOLA_OK;
}

void mola_api_close(mola_api *api)
{
    if (!api)
        return;
    mola_operations_close(api);
    mola_gate_close(api->gate);
    mola_keys_close(api->keys);
    mola_free(api->env->heap, api, sizeof *api);
}

void mola_api_drain(mola_api *api)
{
    atomic_store(&api->draining, true);
    mola_operations_stop(api);
}

void mola_api_quiet(mola_api *api)
{
    mola_operations_wait(api);
}

static uint64_t body_limit(const mola_api *api, const mola_api_route *route)
{
    return !route->takes_body ? 0
           : route->is_query  ? api->config.query_bytes_max
                              : api->config.request_bytes_max;
}

static int refuse(const char **why, int status, const char *words)
{
    *why = words;
    return status;
}

int mola_api_judge(mola_api *api, const mola_api_head *head, mola_api_verdict *out,
                   const char **why)
{
    if (!mola_method_known(head->method))
        return refuse(why, 501, "unknown method");
    route_match match;
    mola_route_match(head->method, head->path, &match);
    bool open = match.route && !match.route->needs_key;
    if (!open && !mola_keys_accept(api->keys, head->authorization))
        return refuse(why, 401, "missing or unknown API key");
    if (!match.route)
        return refuse(why, match.status, match.why);
    if (head->expects_other)
        return refuse(why, 417, "the only expectation served is 100-continue");
    if (match.route->takes_body && !match.route->body_optional && !head->has_length &&
        !head->is_chunked)
        return refuse(why, 411, "Content-Length is missing");
    uint64_t limit = body_limit(api, match.route);
    if (head->content_length > limit || (head->is_chunked && limit == 0))
        return refuse(why, 413, "the request body is larger than this route takes");
    *out = (mola_api_verdict){
        .route = match.route, .body_max = limit, .in_loop = match.route->in_loop};
    return 0;
}

void mola_api_answer_now(mola_api *api, mola_api_call *call)
{
    call->reply = (mola_api_reply){0};
    mola_reply_common(api, call->head, &call->reply, call->request_id);
    mola_answer_probe(api, call->verdict.route, &call->reply);
}

/* ---- memory of a request -------------------------------------------------------------------- */

static void *budget_take(mola_heap *heap, size_t size)
{
    budget_heap *b = (budget_heap *)heap;
    if (!mola_budget_take(b->budget, size))
        return NULL;
    void *block = b->parent->take(b->parent, size);
    if (!block)
        mola_budget_give(b->budget, size);
    return block;
}

static void budget_give(mola_heap *heap, void *block, size_t size)
{
    budget_heap *b = (budget_heap *)heap;
    b->parent->give(b->parent, block, size);
    mola_budget_give(b->budget, size);
}

static void budget_heap_init(budget_heap *b, mola_heap *parent, mola_budget *budget)
{
    *b = (budget_heap){.heap = {.take = budget_take, .give = budget_give, .limit = SIZE_MAX},
                       .parent = parent,
                       .budget = budget};
}

/* ---- running -------------------------------------------------------------------------------- */

/* The body as plain JSON text: inflated when it came gzipped. */
static mola_err read_body(request *r)
{
    mola_api_call *call = r->call;
    mola_str text = call->body, coding = mola_trim(call->head->content_encoding);
    if (mola_token_is(coding, MOLA_STR("gzip")) || mola_token_is(coding, MOLA_STR("x-gzip"))) {
        mola_err err = mola_gzip_inflate(text, call->verdict.body_max, &r->plain);
        if (err == MOLA_INVALID)
            return mola_fail(&r->why, err, "request body is not valid gzip");
        if (err && r->plain.failed)
            return mola_fail(&r->why, err, "the inflated request body does not fit in memory");
        if (err) {
            r->refused_status = 413; /* for ever: the client must not try it again */
            return mola_fail(&r->why, err, "the inflated request body is over %llu bytes",
                             (unsigned long long)call->verdict.body_max);
        }
        text = mola_buf_str(&r->plain);
    } else if (coding.len && !mola_token_is(coding, MOLA_STR("identity"))) {
        r->refused_status = 415;
        return mola_fail(&r->why, MOLA_INVALID, "the only Content-Encoding served is gzip");
    }
    if (r->match.route->body_optional && mola_trim(text).len == 0)
        return MOLA_OK;
    mola_err err = mola_json_parse(&r->memory.heap, text, &r->doc, &r->why);
    if (err)
        return err;
    r->has_doc = true;
    r->body = mola_json_root(&r->doc);
    return MOLA_OK;
}

static void run(mola_job *job)
{
    mola_api_call *call = (mola_api_call *)((char *)job - offsetof(mola_api_call, job));
    request *r = call->state;
    r->ctx.job = job;
    if (r->match.route->takes_body) {
        mola_err err = read_body(r);
        if (err) {
            mola_request_finish(r, err, 0, NULL, NULL);
            return;
        }
    }
    (void)r->match.route->handle(r);
}

enum { REQUEST_SECONDS = 30, READ_SECONDS = 9 };

mola_err mola_request_read(request *r, const mola_freshness *freshness, mola_view **out)
{
    mola_ctx ctx = r->ctx;
    uint64_t until = mola_boot_ns(ctx.env) + READ_SECONDS * MOLA_SECOND;
    ctx.deadline_ns = until < ctx.deadline_ns ? until : ctx.deadline_ns;
    mola_err err =
        mola_namespace_read(&ctx, r->api->config.namespaces, request_name(r), freshness, out);
    ctx.deadline_ns = r->ctx.deadline_ns;
    r->ctx = ctx;
    return err;
}

static void refuse_call(mola_api_call *call, mola_api *api, const char *words)
{
    mola_reply_error(api, &call->reply, 503, mola_str_of(words), (mola_str){0});
}

bool mola_api_start(mola_api *api, mola_api_call *call)
{
    mola_env *env = api->env;
    call->api = api;
    call->started_ns = mola_boot_ns(env);
    call->reply = (mola_api_reply){0};
    mola_reply_common(api, call->head, &call->reply, call->request_id);
    request *r = mola_alloc(env->heap, sizeof *r);
    if (!r) {
        refuse_call(call, api, "out of memory");
        return false;
    }
    r->api = api;
    r->call = call;
    mola_route_match(call->head->method, call->head->path, &r->match);
    MOLA_ASSERT(r->match.route == call->verdict.route);
    budget_heap_init(&r->memory, env->heap, api->config.bodies);
    mola_arena_init(&r->arena, &r->memory.heap, api->config.request_memory_max);
    mola_buf_init(&r->plain, &r->memory.heap);
    r->ctx = (mola_ctx){.env = env,
                        .arena = &r->arena,
                        .why = &r->why,
                        .deadline_ns = call->started_ns + REQUEST_SECONDS * MOLA_SECOND};
    call->state = r;
    call->job = (mola_job){.run = run};
    if (mola_executor_submit(api->config.executor, r->match.route->class, &call->job) == MOLA_OK)
        return true;
    mola_arena_reset(&r->arena);
    mola_free(env->heap, r, sizeof *r);
    refuse_call(call, api, "too many requests are waiting");
    return false;
}
