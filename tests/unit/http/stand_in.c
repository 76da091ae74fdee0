/* stand_in.c - the HTTP front with the smallest api behind it that has every kind of route:
 * answered in the loop, by the executor, slowly, with a large answer, with a body. The tests of
 * tests/api/http_*.py run against it, so that they see src/http and nothing else.
 *
 * http_stand_in [name=number ...] [cert=FILE key=FILE]; the only API key is tpuf_good. */
#include "http/http.h"
#include "mola/base/check.h"
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { SMALL_BODY = 0, WRITE_BODY = 512 << 20, QUERY_BODY = 8 << 20 };

struct mola_api_route {
    mola_str method,
        path; /* '*' in the path stands for one segment: a namespace name or a number */
    uint64_t body_max;
    bool needs_body, needs_key, in_loop;
    void (*run)(mola_api_call *call);
};

struct mola_api {
    mola_env *env;
    mola_executor *executor;
};

static void run_hello(mola_api_call *call), run_sleep(mola_api_call *call);
static void run_big(mola_api_call *call), run_sum(mola_api_call *call);

static const mola_api_route routes[] = {
    {MOLA_STR_C("GET"), MOLA_STR_C("/health"), SMALL_BODY, false, false, true, run_hello},
    {MOLA_STR_C("GET"), MOLA_STR_C("/quick"), SMALL_BODY, false, true, true, run_hello},
    {MOLA_STR_C("GET"), MOLA_STR_C("/executed"), SMALL_BODY, false, true, false, run_hello},
    {MOLA_STR_C("GET"), MOLA_STR_C("/sleep/*"), SMALL_BODY, false, true, false, run_sleep},
    {MOLA_STR_C("GET"), MOLA_STR_C("/big/*"), SMALL_BODY, false, true, false, run_big},
    {MOLA_STR_C("POST"), MOLA_STR_C("/v2/namespaces/*"), WRITE_BODY, true, true, false, run_sum},
    {MOLA_STR_C("POST"), MOLA_STR_C("/v2/namespaces/*/query"), QUERY_BODY, true, true, false,
     run_sum},
    {MOLA_STR_C("DELETE"), MOLA_STR_C("/v2/namespaces/*"), SMALL_BODY, false, true, false, run_sum},
};

/* ---- judging ---- */

static bool is_name(mola_str text)
{
    if (text.len == 0 || text.len > 128 || mola_str_eq(text, MOLA_STR(".")) ||
        mola_str_eq(text, MOLA_STR("..")))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (!is_alnum && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

static bool path_matches(mola_str pattern, mola_str path)
{
    while (pattern.len && path.len) {
        mola_str want = mola_str_cut(&pattern, '/'), have = mola_str_cut(&path, '/');
        if (mola_str_eq(want, MOLA_STR("*")) ? !is_name(have) : !mola_str_eq(want, have))
            return false;
    }
    return pattern.len == path.len;
}

static bool key_is_good(mola_str authorization)
{
    return authorization.len == 16 && strncasecmp(authorization.data, "Bearer ", 7) == 0 &&
           memcmp(authorization.data + 7, "tpuf_good", 9) == 0;
}

static bool method_is_known(mola_str method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (mola_str_eq(method, mola_str_of(known[i])))
            return true;
    }
    return false;
}

static int judge_length(const mola_api_route *route, const mola_api_head *head, const char **why)
{
    *why = "Content-Length is missing";
    if (route->needs_body && !head->has_length && !head->is_chunked)
        return 411;
    *why = "body is larger than this route takes";
    bool is_too_large = head->content_length > route->body_max;
    return is_too_large || (head->is_chunked && route->body_max == 0) ? 413 : 0;
}

int mola_api_judge(mola_api *api, const mola_api_head *head, mola_api_verdict *out,
                   const char **why)
{
    (void)api;
    *why = "unknown method";
    if (!method_is_known(head->method))
        return 501;
    mola_str method = mola_str_eq(head->method, MOLA_STR("HEAD")) ? MOLA_STR("GET") : head->method;
    const mola_api_route *found = NULL;
    bool path_is_known = false;
    for (size_t i = 0; i < sizeof routes / sizeof *routes && !found; i++) {
        if (!path_matches(routes[i].path, head->path))
            continue;
        path_is_known = true;
        if (mola_str_eq(routes[i].method, method))
            found = &routes[i];
    }
    *why = "missing or unknown API key";
    if (!key_is_good(head->authorization) && !(found && !found->needs_key))
        return 401;
    *why = path_is_known ? "method not allowed here" : "no such route";
    if (!found)
        return path_is_known ? 405 : 404;
    *why = "unknown expectation";
    if (head->expects_other)
        return 417;
    *out =
        (mola_api_verdict){.route = found, .body_max = found->body_max, .in_loop = found->in_loop};
    return judge_length(found, head, why);
}

/* ---- answering ---- */

static void begin_reply(mola_api *api, const mola_api_head *head, int status, mola_api_reply *reply)
{
    reply->status = status;
    reply->content_type = "application/json";
    mola_buf_init(&reply->body, api->env->heap);
    mola_str id = head && head->request_id.len && head->request_id.len <= 128 ? head->request_id
                                                                              : MOLA_STR("made-up");
    const char *extra = status == 503   ? "Retry-After: 1\r\n"
                        : status == 401 ? "WWW-Authenticate: Bearer\r\n"
                                        : "";
    int n = snprintf(reply->fields, sizeof reply->fields, "X-Request-Id: " MOLA_FMT "\r\n%s",
                     MOLA_ARG(id), extra);
    MOLA_ASSERT(n > 0 && n < (int)sizeof reply->fields);
    reply->fields_len = (size_t)n;
}

void mola_api_refuse(mola_api *api, const mola_api_head *head, int status, const char *why,
                     mola_api_reply *out)
{
    begin_reply(api, head, status, out);
    mola_buf_print(&out->body, "{\"status\":\"error\",\"error\":\"%s\"}", why);
}

static unsigned long number_in(mola_str path)
{
    const char *slash = memrchr(path.data, '/', path.len);
    return slash ? strtoul(slash + 1, NULL, 10) : 0; /* ends at the blank of the request line */
}

static void run_hello(mola_api_call *call)
{
    mola_buf_add_str(&call->reply.body, MOLA_STR("{\"status\":\"OK\"}"));
}

static void run_sleep(mola_api_call *call)
{
    uint64_t end_ns = mola_boot_ns(call->api->env) + number_in(call->head->path) * MOLA_MILLISECOND;
    mola_job_pause(&call->job);
    while (mola_boot_ns(call->api->env) < end_ns && !atomic_load(&call->abandoned))
        mola_sleep_ns(call->api->env, 10 * MOLA_MILLISECOND);
    mola_job_resume(&call->job);
    mola_buf_add_str(&call->reply.body, MOLA_STR("{\"status\":\"slept\"}"));
}

static void run_big(mola_api_call *call)
{
    size_t size = number_in(call->head->path);
    char *place = mola_buf_reserve(&call->reply.body, size);
    if (place) {
        memset(place, 'x', size);
        call->reply.body.len = size;
    }
}

static void run_sum(mola_api_call *call)
{
    uint64_t sum = 0, word;
    for (size_t i = 0; i + 8 <= call->body.len; i += 8) {
        memcpy(&word, call->body.data + i, 8);
        sum += word;
    }
    for (size_t i = 0; i < 64; i++) /* the padding that was promised */
        sum += (unsigned char)call->body.data[call->body.len + i];
    mola_buf_print(&call->reply.body, "{\"bytes\":%zu,\"sum\":%llu}", call->body.len,
                   (unsigned long long)sum);
}

static void run_job(mola_job *job)
{
    mola_api_call *call = (mola_api_call *)(void *)((char *)job - offsetof(mola_api_call, job));
    begin_reply(call->api, call->head, 200, &call->reply);
    call->verdict.route->run(call);
    call->done(call);
}

bool mola_api_start(mola_api *api, mola_api_call *call)
{
    call->api = api;
    call->job.run = run_job;
    if (!mola_executor_submit(api->executor, MOLA_JOB_QUERY, &call->job))
        return true;
    mola_api_refuse(api, call->head, 503, "too many requests are waiting", &call->reply);
    return false;
}

void mola_api_answer_now(mola_api *api, mola_api_call *call)
{
    begin_reply(api, call->head, 200, &call->reply);
    call->verdict.route->run(call);
}

void mola_api_drain(mola_api *api)
{
    (void)api;
}

/* ---- the process ---- */

typedef struct {
    mola_http_config http;
    uint64_t bodies_mb, threads, queue;
} settings;

static void set(settings *s, const char *argument)
{
    const char *value = strchr(argument, '=');
    MOLA_ASSERT(value);
    mola_str name = {argument, (size_t)(value++ - argument)};
    uint32_t number = (uint32_t)strtoul(value, NULL, 10);
    if (mola_str_eq(name, MOLA_STR("cert"))) {
        s->http.tls_cert_file = value;
    } else if (mola_str_eq(name, MOLA_STR("key"))) {
        s->http.tls_key_file = value;
    } else if (mola_str_eq(name, MOLA_STR("address"))) {
        s->http.address = value;
    } else if (mola_str_eq(name, MOLA_STR("port"))) {
        s->http.port = (uint16_t)number;
    } else if (mola_str_eq(name, MOLA_STR("loops"))) {
        s->http.loops = number;
    } else if (mola_str_eq(name, MOLA_STR("connections"))) {
        s->http.connections_max = number;
    } else if (mola_str_eq(name, MOLA_STR("idle_s"))) {
        s->http.idle_s = number;
    } else if (mola_str_eq(name, MOLA_STR("drain_s"))) {
        s->http.drain_s = number;
    } else if (mola_str_eq(name, MOLA_STR("notice_s"))) {
        s->http.notice_s = number;
    } else if (mola_str_eq(name, MOLA_STR("heads_kb"))) {
        s->http.heads_bytes_max = (uint64_t)number << 10;
    } else if (mola_str_eq(name, MOLA_STR("bodies_mb"))) {
        s->bodies_mb = number;
    } else if (mola_str_eq(name, MOLA_STR("threads"))) {
        s->threads = number;
    } else if (mola_str_eq(name, MOLA_STR("queue"))) {
        s->queue = number;
    } else {
        mola_panic(__FILE__, __LINE__, argument);
    }
}

static int fail(const mola_why *why)
{
    mola_str text = mola_why_text(why);
    (void)fprintf(stderr, MOLA_FMT "\n", MOLA_ARG(text));
    return 1;
}

int main(int count, char **arguments)
{
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
    (void)signal(SIGPIPE, SIG_IGN);
    sigset_t stop;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL); /* before there are threads, which inherit it */

    static mola_metrics metrics;
    mola_heap heap;
    mola_heap_init(&heap, SIZE_MAX);
    mola_api api = {.env = mola_env_real(&heap, &metrics)};
    settings s = {.http = mola_http_defaults(), .bodies_mb = 1024, .threads = 64, .queue = 4096};
    s.http.port = 0;
    for (int i = 1; i < count; i++)
        set(&s, arguments[i]);
    mola_budget bodies = {.limit = s.bodies_mb << 20};
    mola_executor_config threads = mola_executor_defaults();
    threads.threads_max = (uint32_t)s.threads;
    threads.queue_max[MOLA_JOB_QUERY] = (uint32_t)s.queue;
    s.http.env = api.env;
    s.http.api = &api;
    s.http.bodies = &bodies;

    mola_why why = {0};
    mola_http *http = NULL;
    if (mola_executor_open(api.env, &threads, &api.executor) ||
        mola_http_open(&s.http, &http, &why) || mola_http_serve(http, &why))
        return fail(&why);
    int signal_number;
    (void)sigwait(&stop, &signal_number);
    bool is_complete = mola_http_drain(http);
    mola_executor_close(api.executor);
    mola_http_close(http);
    mola_env_real_free(api.env);
    size_t left = atomic_load(&heap.used);
    (void)fprintf(stderr, "closed heap_bytes=%zu body_bytes=%llu connections=%lld\n", left,
                  (unsigned long long)atomic_load(&bodies.used),
                  (long long)atomic_load(&metrics.value[MOLA_M_http_connections]));
    return is_complete ? 0 : 3;
}
