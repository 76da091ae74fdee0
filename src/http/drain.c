#include "http/conn.h"
#include "mola/base/check.h"
#include <unistd.h>

enum { LOOPS_MAX = 64 };
#define DRAIN_MARGIN MOLA_SECOND /* for loops to notice that their time is over */

mola_http_config mola_http_defaults(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return (mola_http_config){
        .address = "127.0.0.1",
        .port = 8080,
        .loops = cpus < 1   ? 1
                 : cpus > 4 ? 4
                            : (uint32_t)cpus,
        .connections_max = 10000,
        .idle_s = 75,
        .drain_s = 25,
        .heads_bytes_max = 64 << 20,
    };
}

static mola_err check_config(const mola_http_config *config, mola_why *why)
{
    MOLA_ASSERT(config->env && config->api && config->bodies);
    if (!config->address || config->loops < 1 || config->loops > LOOPS_MAX)
        return mola_fail(why, MOLA_INVALID, "between 1 and %d HTTP loops", LOOPS_MAX);
    if (config->connections_max < 1 || config->idle_s < 1) {
        return mola_fail(why, MOLA_INVALID,
                         "the limits of connections and of idle time are at least 1");
    }
    if (config->notice_s > config->drain_s)
        return mola_fail(why, MOLA_INVALID, "the notice of a drain is a part of its time");
    if (config->heads_bytes_max < 2ull * MOLA_HEAD_BYTES_MAX)
        return mola_fail(why, MOLA_INVALID, "the memory of request heads is at least 128 KiB");
    return MOLA_OK;
}

static mola_err open_loop(mola_http *http, size_t index, mola_why *why)
{
    mola_heap *heap = http->config.env->heap;
    mola_loop *loop = mola_alloc(heap, sizeof *loop);
    if (!loop)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for an HTTP loop");
    loop->http = http;
    loop->env = http->config.env;
    loop->listener_fd = -1;
    loop->open_max = (http->config.connections_max + http->config.loops - 1) / http->config.loops;
    http->loops[index] = loop;
    return mola_listen_open(http->config.address, &http->port, &loop->listener_fd, why);
}

mola_err mola_http_open(const mola_http_config *config, mola_http **out, mola_why *why)
{
    *out = NULL;
    mola_err err = check_config(config, why);
    if (err)
        return err;
    mola_heap *heap = config->env->heap;
    mola_http *http = mola_alloc(heap, sizeof *http + config->loops * sizeof(mola_loop *));
    if (!http)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for the HTTP front");
    http->config = *config;
    http->config.connections_max = mola_listen_affordable(config->env, config->connections_max);
    http->heads.limit = config->heads_bytes_max;
    http->port = config->port;
    mola_lock_init(&http->lock, config->env, MOLA_RANK_HTTP);
    mola_event_init(&http->changed, config->env);
    err = mola_wire_open_tls(config, &http->tls, why);
    if (!err && config->port)
        err = mola_listen_probe(config->address, config->port, why);
    for (size_t i = 0; i < config->loops && !err; i++)
        err = open_loop(http, i, why);
    if (err) {
        mola_http_close(http);
        return err;
    }
    *out = http;
    return MOLA_OK;
}

uint16_t mola_http_port(const mola_http *http)
{
    return http->port;
}

void mola_http_loop_obeyed(mola_http *http)
{
    MOLA_LOCKED(&http->lock);
    http->pending_count--;
    mola_event_wake_all(&http->changed);
}

void mola_http_loop_finished(mola_http *http, bool was_cut)
{
    MOLA_LOCKED(&http->lock);
    http->running_count--;
    http->was_cut = http->was_cut || was_cut;
    mola_event_wake_all(&http->changed);
    while (!http->is_closing)
        (void)mola_event_wait(&http->changed, &http->lock, MOLA_NEVER);
}

void mola_http_loop_gone(mola_http *http)
{
    MOLA_LOCKED(&http->lock);
    http->thread_count--;
    mola_event_wake_all(&http->changed);
}

/* Waits until `count`, which is guarded by the lock, is zero. false: the deadline has passed. */
static bool wait_for_zero(mola_http *http, const uint32_t *count, uint64_t deadline_ns)
{
    MOLA_LOCKED(&http->lock);
    bool in_time = true;
    while (*count > 0 && in_time)
        in_time = mola_event_wait(&http->changed, &http->lock, deadline_ns);
    return *count == 0;
}

static mola_err start_loop(mola_http *http, mola_loop *loop)
{
    mola_env *env = http->config.env;
    MOLA_LOCKED(&http->lock);
    mola_err err = env->ops->spawn(env, "http", mola_loop_main, loop);
    if (err)
        return err;
    loop->is_started = true;
    http->pending_count++;
    http->running_count++;
    http->thread_count++;
    return MOLA_OK;
}

/* Once; the loops that have been started listen to it. */
static void tell_loops_to_drain(mola_http *http)
{
    bool is_told = http->is_told;
    http->is_told = true;
    for (uint32_t i = 0; i < http->config.loops && !is_told; i++) {
        mola_loop *loop = http->loops[i];
        if (!loop->is_started)
            continue;
        {
            MOLA_LOCKED(&http->lock);
            http->pending_count++;
        }
        h2o_multithread_send_message(&loop->arrivals, &loop->drain_message);
    }
}

mola_err mola_http_serve(mola_http *http, mola_why *why)
{
    mola_env *env = http->config.env;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < http->config.loops && !err; i++)
        err = start_loop(http, http->loops[i]);
    (void)wait_for_zero(http, &http->pending_count, MOLA_NEVER);
    if (err) {
        tell_loops_to_drain(http);
        return mola_fail(why, MOLA_UNAVAILABLE, "no thread for an HTTP loop");
    }
    mola_log(env, MOLA_LOG_INFO, "listening", "address=%s port=%u tls=%s loops=%u",
             http->config.address, http->port, http->tls ? "yes" : "no", http->config.loops);
    return MOLA_OK;
}

bool mola_http_drain(mola_http *http)
{
    mola_env *env = http->config.env;
    uint64_t until_ns = mola_boot_ns(env) + http->config.drain_s * MOLA_SECOND + DRAIN_MARGIN;
    mola_api_drain(http->config.api);
    tell_loops_to_drain(http);
    (void)wait_for_zero(http, &http->pending_count, until_ns);
    mola_log(env, MOLA_LOG_INFO, "http_draining", "seconds=%u", http->config.drain_s);
    bool is_complete = wait_for_zero(http, &http->running_count, until_ns);
    {
        MOLA_LOCKED(&http->lock);
        is_complete = is_complete && !http->was_cut;
    }
    mola_log(env, is_complete ? MOLA_LOG_INFO : MOLA_LOG_WARN, "http_drained",
             "complete=%s head_bytes=%llu body_bytes=%llu", is_complete ? "yes" : "no",
             (unsigned long long)atomic_load(&http->heads.used),
             (unsigned long long)atomic_load(&http->config.bodies->used));
    return is_complete;
}

void mola_http_close(mola_http *http)
{
    if (!http)
        return;
    mola_env *env = http->config.env;
    {
        MOLA_LOCKED(&http->lock);
        http->is_closing = true;
        mola_event_wake_all(&http->changed);
    }
    (void)wait_for_zero(http, &http->thread_count, MOLA_NEVER);
    for (uint32_t i = 0; i < http->config.loops; i++) {
        mola_loop *loop = http->loops[i];
        if (loop && loop->listener_fd >= 0)
            (void)close(loop->listener_fd);
        mola_free(env->heap, loop, sizeof *loop);
    }
    if (http->tls)
        SSL_CTX_free(http->tls);
    mola_event_free(&http->changed);
    mola_lock_free(&http->lock);
    mola_free(env->heap, http, sizeof *http + http->config.loops * sizeof(mola_loop *));
}
