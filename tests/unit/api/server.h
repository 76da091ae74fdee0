/* server.h - the whole server without sockets: a mem: store, an executor, a writer and the api. */
#pragma once
#include "api/private.h"
#include "mola/base/check.h"
#include "mola/codec/gzip.h"
#include "mola/store/store.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    mola_heap heap;
    mola_metrics metrics;
    mola_budget bodies;
    mola_env *env;
    mola_store *store;
    mola_executor *executor;
    mola_namespaces *namespaces;
    mola_writer *writer;
    mola_api *api;
    mola_lock lock; /* guards the `answered` of every exchange */
    mola_event event;
} server;

static server s;

static void open_server(void)
{
    memset(&s, 0, sizeof s);
    mola_heap_init(&s.heap, (size_t)4 << 30);
    s.bodies.limit = 256 << 20;
    s.env = mola_env_real(&s.heap, &s.metrics);
    s.env->log_level = MOLA_LOG_ERROR + 1;
    mola_why why = {0};
    ck_assert_int_eq(mola_store_open(s.env, MOLA_STR("mem:"), &s.store, &why), MOLA_OK);
    s.env->store = s.store;
    mola_executor_config jobs = {
        .threads_max = 4, .permits = {2, 2, 2}, .queue_max = {100, 100, 100}};
    ck_assert_int_eq(mola_executor_open(s.env, &jobs, &s.executor), MOLA_OK);
    mola_namespaces_config names = {
        .env = s.env, .view_bytes_max = (size_t)1 << 30, .fence_ns = 60 * MOLA_SECOND};
    ck_assert_int_eq(mola_namespaces_open(&names, &s.namespaces), MOLA_OK);
    mola_writer_config writes = {.env = s.env,
                                 .namespaces = s.namespaces,
                                 .executor = s.executor,
                                 .group_bytes_max = 16 << 20,
                                 .commit_ns_max = 10 * MOLA_SECOND,
                                 .waiting_max = 1000};
    ck_assert_int_eq(mola_writer_open(&writes, &s.writer), MOLA_OK);
    mola_api_config config = {.env = s.env,
                              .kernel = mola_kernel_select(NULL),
                              .executor = s.executor,
                              .namespaces = s.namespaces,
                              .writer = s.writer,
                              .bodies = &s.bodies,
                              .request_bytes_max = 1 << 20,
                              .query_bytes_max = 64 << 10,
                              .request_memory_max = 64 << 20,
                              .gzip_from_bytes = 1024};
    ck_assert_int_eq(mola_api_open(&config, &s.api, &why), MOLA_OK);
    mola_lock_init(&s.lock, s.env, MOLA_RANK_LOG);
    mola_event_init(&s.event, s.env);
}

static void close_server(void)
{
    mola_writer_close(s.writer);
    mola_executor_close(s.executor);
    mola_api_close(s.api);
    mola_namespaces_close(s.namespaces);
    mola_event_free(&s.event);
    mola_lock_free(&s.lock);
    mola_store_close(s.store);
    mola_env_real_free(s.env);
    ck_assert_uint_eq(atomic_load(&s.heap.used), 0);   /* nothing leaked, */
    ck_assert_uint_eq(atomic_load(&s.bodies.used), 0); /* and nothing is charged */
}

/* One request and its answer; `head` may be filled in before ask(). */
typedef struct {
    mola_api_call call;
    mola_api_head head;
    int status;       /* of the head's judgement, or of the reply */
    char fields[700]; /* of the reply, NUL-terminated */
    char *body;       /* of the reply, inflated or not, NUL-terminated; freed by forget() */
    size_t body_len;
    bool answered;
} exchange;

static inline void on_done(mola_api_call *call)
{
    exchange *x = (exchange *)((char *)call - offsetof(exchange, call));
    mola_lock_take(&s.lock);
    ck_assert(!x->answered);
    x->answered = true;
    mola_event_wake_all(&s.event);
    mola_lock_give(&s.lock);
}

static inline void take_reply(exchange *x, mola_api_reply *reply)
{
    x->status = reply->status;
    ck_assert_uint_lt(reply->fields_len, sizeof x->fields);
    memcpy(x->fields, reply->fields, reply->fields_len);
    x->body = calloc(1, reply->body.len + 1);
    x->body_len = reply->body.len;
    if (reply->body.len)
        memcpy(x->body, reply->body.data, reply->body.len);
    mola_buf_free(&reply->body);
}

static inline void forget(exchange *x)
{
    free(x->body);
    *x = (exchange){0};
}

/* Sends `body` (`size` bytes) and waits for the answer. */
static inline int ask_bytes(exchange *x, const char *method, const char *target, const char *body,
                            size_t size)
{
    mola_str rest = mola_str_of(target);
    x->head.target = rest;
    x->head.method = mola_str_of(method);
    x->head.path = mola_str_cut(&rest, '?');
    x->head.query = rest;
    x->head.has_length = body != NULL;
    x->head.content_length = size;
    const char *why = NULL;
    int status = mola_api_judge(s.api, &x->head, &x->call.verdict, &why);
    if (status) {
        mola_api_reply reply;
        mola_api_refuse(s.api, &x->head, status, why, &reply);
        take_reply(x, &reply);
        return status;
    }
    x->call.head = &x->head;
    x->call.done = on_done;
    if (x->call.verdict.in_loop) {
        mola_api_answer_now(s.api, &x->call);
        take_reply(x, &x->call.reply);
        return x->status;
    }
    char *padded = calloc(1, size + MOLA_JSON_PADDING);
    if (size)
        memcpy(padded, body, size);
    x->call.body = (mola_str){padded, size};
    if (mola_api_start(s.api, &x->call)) {
        mola_lock_take(&s.lock);
        while (!x->answered)
            (void)mola_event_wait(&s.event, &s.lock, MOLA_NEVER);
        mola_lock_give(&s.lock);
    }
    take_reply(x, &x->call.reply);
    free(padded);
    return x->status;
}

static inline int ask(exchange *x, const char *method, const char *target, const char *body)
{
    return ask_bytes(x, method, target, body, body ? strlen(body) : 0);
}

/* The same, when only the status counts. */
static inline int status_of(const char *method, const char *target, const char *body)
{
    exchange x = {0};
    int status = ask(&x, method, target, body);
    forget(&x);
    return status;
}

static inline int run_cases(TCase *cases, const char *name)
{
    Suite *suite = suite_create(name);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
