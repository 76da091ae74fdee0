/* api.h - a request, give me a reply: routes, keys, limits, error bodies (reference sections 1-9).
 *
 * http/ reads bytes; this floor says what they mean, in two steps. mola_api_judge looks at a head
 * alone, before a body byte is kept. mola_api_start runs the request on the executor; its answer
 * comes through call->done, from any thread, exactly once. A write leaves its thread while its
 * commit group is under way.
 *
 * Threads: judge and answer_now never block and may run on event loops; start may be called
 * anywhere. */
#pragma once
#include "mola/base/budget.h"
#include "mola/base/buf.h"
#include "mola/base/env.h"
#include "mola/base/executor.h"
#include "mola/kernel/kernel.h"

typedef struct mola_api mola_api;
typedef struct mola_api_route mola_api_route;

/* What a head says; views that live as long as the request. An absent field is {NULL, 0}. */
typedef struct {
    mola_str method, target; /* target as sent */
    mola_str path, query;    /* of the target: before and after the first '?' */
    mola_str host, authorization, accept_encoding, content_encoding, prefer, request_id;
    bool has_telemetry; /* X-turbopuffer-Client-Telemetry was sent */
    bool has_length, is_chunked,
        expects_other; /* expects_other: an Expect that is not 100-continue */
    uint64_t content_length;
} mola_api_head;

typedef struct {
    const mola_api_route *route;
    uint64_t body_max; /* plain and compressed bytes alike */
    bool in_loop;      /* answered by mola_api_answer_now: health, readiness, metrics */
} mola_api_verdict;

/* 0 and the verdict, or the status to refuse with; `why` says what is wrong (fixed text, valid JSON
 * without escapes). Order: method 501, key 401, route and name 400/404/405, Expect 417, length
 * 411/413. */
int mola_api_judge(mola_api *api, const mola_api_head *head, mola_api_verdict *out,
                   const char **why);

enum { MOLA_REPLY_FIELDS_BYTES = 640 };
typedef struct {
    int status;
    uint32_t retry_after_s; /* of a 429 or 503; 0: the usual */
    const char *content_type;
    mola_buf body; /* owned by the reply; freed with mola_buf_free by whoever sends it */
    char fields[MOLA_REPLY_FIELDS_BYTES]; /* further header lines, each ending in CR LF; includes
                                             X-Request-Id */
    size_t fields_len;
} mola_api_reply;

typedef struct mola_api_call mola_api_call;
struct mola_api_call {
    /* set by http/ before start */
    const mola_api_head *head;
    mola_api_verdict verdict;
    mola_str body; /* as received, followed by 64 readable bytes */
    void (*done)(mola_api_call *call);
    atomic_bool abandoned; /* the peer is gone: no need to finish */
    /* set by api/ before done */
    mola_api_reply reply;
    /* api/'s own */
    mola_job job;
    mola_api *api;
    uint64_t started_ns;
    char request_id[129];
    void *state;
};

/* Hands the call to the executor. false: the queue is full; the reply (503) is filled in, done is
 * not called. */
bool mola_api_start(mola_api *api, mola_api_call *call) MOLA_NODISCARD;
/* Fills in call->reply at once, for verdicts with in_loop. */
void mola_api_answer_now(mola_api *api, mola_api_call *call);
/* The error body and its fields, for requests that http/ refuses by itself. */
void mola_api_refuse(mola_api *api, const mola_api_head *head, int status, const char *why,
                     mola_api_reply *out);

/* SIGTERM has come: readiness answers 503 from now on. */
void mola_api_drain(mola_api *api);
/* Waits for operations under way, which need writer and executor: before those are closed. */
void mola_api_quiet(mola_api *api);

struct mola_namespaces;
struct mola_writer;
typedef struct {
    mola_env *env;
    const mola_kernel *kernel; /* for vector search */
    mola_executor *executor;
    struct mola_namespaces *namespaces;
    struct mola_writer *writer;
    struct mola_provider *provider; /* of models; NULL: none */
    mola_budget *bodies; /* what inflated request bodies are charged to; shared with http/ */
    mola_str keys; /* accepted bearer keys, one a line, each as it stands; none here and no file:
                      any is accepted. Outlives the api */
    const char *keys_file;        /* one a line, '#' begins a comment; read again when it changes */
    uint64_t request_bytes_max;   /* 512 MiB */
    uint64_t unindexed_bytes_max; /* of log: strong queries are told 429 beyond; 0: no limit */
    uint64_t query_bytes_max;     /* 8 MiB */
    size_t request_memory_max;    /* arena of one request */
    uint32_t queries_per_namespace; /* slots of its queries, see gate.h; 0: no limit */
    uint64_t query_wait_ns;         /* for a slot */
    mola_str org;                   /* whose namespaces these are; empty: the default */
    uint64_t operation_lease_ns;    /* an operation without progress for so long is taken over */
    uint32_t gzip_from_bytes;       /* replies above this are gzipped when asked for; 1,024 */
} mola_api_config;
mola_err mola_api_open(const mola_api_config *config, mola_api **out, mola_why *why) MOLA_NODISCARD;
void mola_api_close(mola_api *api); /* after the executor is closed */
