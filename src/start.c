/* start.c - the beginning and the end of every subcommand. */
#include "start.h"
#include "machine.h"
#include "mola/store/preflight.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

enum {
    TRY_SECONDS = 15, /* most of it for networks that lose requests */
    TRY_AGAIN_SECONDS = 5,
    TRY_UNSAFE_AFTER_SECONDS = 15
};
static const uint64_t index_memory_min = 32 << 20;

static mola_err log_level(mola_process *p)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(p->config.log_level, names[i]) == 0) {
            p->env->log_level = (mola_log_level)i;
            return MOLA_OK;
        }
    }
    return mola_fail(&p->why, MOLA_INVALID, "log_level: \"%s\" is not debug, info, warn or error",
                     p->config.log_level);
}

/* Zero means: take a share of the machine. */
static void settle_sizes(mola_config *c)
{
    uint64_t memory = mola_machine_memory();
    if (!c->view_bytes_max)
        c->view_bytes_max = memory / 2;
    if (!c->body_bytes_max)
        c->body_bytes_max = memory / 4;
    if (!c->index_memory_max)
        c->index_memory_max = memory / 8 > index_memory_min ? memory / 8 : index_memory_min;
}

static void settle_process(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL); /* sigwait, not a handler: draining takes locks */
    (void)signal(SIGPIPE, SIG_IGN);
    /* fixed, so that large blocks go back to the system */
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10); /* NOLINT(concurrency-mt-unsafe): no thread yet */
}

/* A cache that cannot be opened costs speed and nothing else. */
static void open_cache(mola_process *p)
{
    if (!p->config.cache_dir[0])
        return;
    mola_cache_config cache = {.env = p->env,
                               .directory = mola_str_of(p->config.cache_dir),
                               .bytes = p->config.cache_bytes};
    if (mola_cache_open(&cache, &p->env->cache, &p->why)) {
        p->env->cache = NULL;
        mola_log(p->env, MOLA_LOG_WARN, "no_disk_cache", "why=\"%.*s\"",
                 MOLA_ARG(mola_why_text(&p->why)));
        mola_why_clear(&p->why);
    }
}

/* Stores of this machine are drivers of our own. */
static bool is_remote(const mola_process *p)
{
    return strcmp(p->env->store->driver->scheme, "s3") == 0;
}

/* A remote store is tried before it is trusted: one that ignores conditions loses writes. */
static mola_err try_store(mola_process *p)
{
    if (!is_remote(p))
        return MOLA_OK;
    mola_arena arena;
    mola_arena_init(&arena, &p->heap, SIZE_MAX);
    mola_ctx ctx = {.env = p->env,
                    .arena = &arena,
                    .why = &p->why,
                    .deadline_ns = mola_boot_ns(p->env) + TRY_SECONDS * MOLA_SECOND};
    mola_preflight checks;
    mola_err err = mola_store_preflight(p->env->store, &ctx, &checks);
    mola_arena_reset(&arena);
    return err;
}

static mola_err open_store(mola_process *p)
{
    mola_err err = log_level(p);
    if (!err)
        err = mola_store_open(p->env, mola_str_of(p->config.store), &p->env->store, &p->why);
    if (!err)
        err = try_store(p);
    if (!err)
        open_cache(p);
    return err;
}

int mola_process_failed(const mola_process *p, mola_err err)
{
    (void)fprintf(stderr, "mola: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&p->why)));
    return err == MOLA_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

bool mola_process_begin(mola_process *p, const char *command, int count, char **arguments,
                        int *status)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--help") == 0) {
            printf("usage: mola %s [--setting VALUE ...]\n\n", command);
            mola_config_help();
            *status = EXIT_GOOD;
            return false;
        }
    }
    mola_err err = mola_config_read(count, arguments, &p->config, &p->why);
    if (err) {
        *status = mola_process_failed(p, MOLA_INVALID);
        return false;
    }
    settle_sizes(&p->config);
    sigset_t signals;
    settle_process(&signals);
    mola_heap_init(&p->heap, SIZE_MAX);
    *status = EXIT_FAILED;
    p->env = mola_env_real(&p->heap, &p->metrics);
    if (!p->env)
        return false;
    p->env->limits = &p->config.limits;
    err = open_store(p);
    if (err) {
        *status = mola_process_failed(p, err);
        mola_process_end(p);
    }
    return !err;
}

/* What was safe at the start may have got another gateway since. While nothing is known nothing
 * changes. */
static void try_store_again(mola_process *p)
{
    mola_arena arena;
    mola_why why = {.len = 0};
    mola_arena_init(&arena, &p->heap, SIZE_MAX);
    mola_ctx ctx = {.env = p->env,
                    .arena = &arena,
                    .why = &why,
                    .deadline_ns = mola_boot_ns(p->env) + TRY_AGAIN_SECONDS * MOLA_SECOND};
    mola_err err = mola_store_recheck(p->env->store, &ctx);
    mola_arena_reset(&arena);
    if (err == MOLA_UNAVAILABLE)
        return;
    bool is_unsafe = err == MOLA_INVALID;
    bool was_unsafe = mola_store_distrust(p->env->store, is_unsafe);
    mola_count(p->env->metrics, MOLA_M_store_unsafe, is_unsafe - was_unsafe);
    if (is_unsafe) {
        mola_log(p->env, MOLA_LOG_ERROR, "store_unsafe", "why=\"%.*s\"",
                 MOLA_ARG(mola_why_text(&why)));
    } else if (was_unsafe) {
        mola_log(p->env, MOLA_LOG_INFO, "store_safe_again", "every=%llu",
                 (unsigned long long)p->config.store_check_seconds);
    }
}

int mola_process_wait(mola_process *p)
{
    sigset_t signals;
    int number = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (!is_remote(p) || !p->config.store_check_seconds) {
        (void)sigwait(&signals, &number);
        return number;
    }
    for (;;) {
        uint64_t seconds = p->config.store_check_seconds;
        if (p->env->store->distrusted && seconds > TRY_UNSAFE_AFTER_SECONDS)
            seconds = TRY_UNSAFE_AFTER_SECONDS; /* writers are waiting for it to end */
        struct timespec period = {.tv_sec = (time_t)seconds};
        number = sigtimedwait(&signals, NULL, &period);
        if (number > 0)
            return number;
        if (errno == EAGAIN)
            try_store_again(p);
    }
}

void mola_process_end(mola_process *p)
{
    mola_cache_close(p->env->cache);
    if (p->env->store)
        mola_store_close(p->env->store);
    mola_env_real_free(p->env);
}

mola_indexer_config mola_process_indexer(const mola_process *p)
{
    const mola_config *c = &p->config;
    mola_indexer_config index = mola_indexer_defaults(p->env);
    index.fence_ns = c->fence_seconds * MOLA_SECOND;
    index.memory_max = c->index_memory_max;
    index.workers = (uint32_t)c->index_workers;
    index.flush_bytes = c->flush_bytes;
    index.flush_rows = c->flush_rows;
    index.flush_age_ns = c->flush_age_ms * MOLA_MILLISECOND;
    index.inline_bytes_max = c->inline_bytes_max;
    index.merge_fan_in = (uint32_t)c->merge_fan_in;
    index.segment_rows_max = (uint32_t)c->segment_rows_max;
    index.poll_ns = c->index_poll_ms * MOLA_MILLISECOND;
    index.sweep_ns = c->sweep_seconds * MOLA_SECOND;
    index.retention_us = c->retention_seconds * 1000000;
    index.gc_floor_age_us = c->gc_floor_age_seconds * 1000000;
    return index;
}
