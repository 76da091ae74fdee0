/* store.c - how many operations a second a store answers.
 *
 *   bench_store [--threads N] [--bytes N] [--seconds N] URL...
 *
 * Each line is one kind of operation, run by N threads for some seconds on one place. */
#include "mola/store/store.h"
#include "mola/base/check.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS_MAX = 256, BODY_BYTES_MAX = 64 << 20, KEY_BYTES = 64 };

static mola_heap heap;
static mola_env *env;
static uint32_t thread_count = 1;
static size_t body_bytes = 4096;
static uint64_t seconds = 2;
static char *body;

typedef struct worker worker;
struct worker {
    mola_store *store;
    void (*act)(worker *w);
    uint32_t number;
    uint64_t done, failed, end_ns, places; /* places: directories the puts are spread over */
    uint64_t first, put_count;             /* its objects; another run makes others */
    mola_arena arena;
    mola_ctx ctx;
    char key[KEY_BYTES];
};

static void run_op(worker *w, mola_store_op op, mola_err expected)
{
    mola_store_run(w->store, &w->ctx, &op, 1);
    w->failed += op.err != expected;
}

static mola_str key_of(worker *w, uint64_t number)
{
    int len = snprintf(w->key, sizeof w->key, "d/%04llu/w/%04x%012llx",
                       (unsigned long long)(w->number % w->places), (unsigned)w->number,
                       (unsigned long long)number);
    MOLA_ASSERT(len > 0 && len < KEY_BYTES);
    return (mola_str){w->key, (size_t)len};
}

static void put_new(worker *w)
{
    mola_str key = key_of(w, w->first + w->put_count++);
    run_op(
        w,
        (mola_store_op){
            .verb = MOLA_PUT, .key = key, .body = {body, body_bytes}, .when = MOLA_PUT_IF_ABSENT},
        MOLA_OK);
}

static void replace(worker *w)
{
    int len = snprintf(w->key, sizeof w->key, "ns/%u", (unsigned)w->number);
    MOLA_ASSERT(len > 0 && len < KEY_BYTES);
    run_op(
        w,
        (mola_store_op){.verb = MOLA_PUT, .key = {w->key, (size_t)len}, .body = {body, body_bytes}},
        MOLA_OK);
}

static void get(worker *w)
{
    run_op(w,
           (mola_store_op){.verb = MOLA_GET, .key = key_of(w, w->first + w->done % w->put_count)},
           MOLA_OK);
}

static void get_missing(worker *w)
{
    run_op(w, (mola_store_op){.verb = MOLA_GET, .key = key_of(w, w->first + UINT32_MAX + w->done)},
           MOLA_NOT_FOUND);
}

static void list(worker *w)
{
    run_op(w, (mola_store_op){.verb = MOLA_LIST, .key = MOLA_STR("d/"), .keys_max = 100}, MOLA_OK);
}

static void *work(void *argument)
{
    worker *w = argument;
    while (mola_boot_ns(env) < w->end_ns) {
        w->act(w);
        w->done++;
        mola_arena_reset(&w->arena);
    }
    return NULL;
}

static void measure(const char *what, worker *workers, void (*act)(worker *w), uint64_t places)
{
    pthread_t threads[THREADS_MAX];
    uint64_t start = mola_boot_ns(env), done = 0, failed = 0;
    for (uint32_t i = 0; i < thread_count; i++) {
        worker *w = &workers[i];
        w->act = act;
        w->places = places;
        w->done = w->failed = 0;
        w->end_ns = start + seconds * MOLA_SECOND;
        MOLA_ASSERT(pthread_create(&threads[i], NULL, work, w) == 0);
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        MOLA_ASSERT(pthread_join(threads[i], NULL) == 0);
        done += workers[i].done;
        failed += workers[i].failed;
    }
    double elapsed = (double)(mola_boot_ns(env) - start) / 1e9;
    (void)printf("  %-34s %12.0f /s %10.1f us each", what, (double)done / elapsed,
                 elapsed * thread_count * 1e6 / (double)(done ? done : 1));
    (void)printf(failed ? "   %llu FAILED\n" : "\n", (unsigned long long)failed);
}

static void bench(const char *url)
{
    static worker workers[THREADS_MAX];
    mola_why why = {0};
    mola_store *store;
    if (mola_store_open(env, mola_str_of(url), &store, &why)) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    (void)printf("%s, %u threads, %zu bytes\n", url, thread_count, body_bytes);
    for (uint32_t i = 0; i < thread_count; i++) {
        worker *w = &workers[i];
        *w = (worker){.store = store, .number = i};
        mola_arena_init(&w->arena, env->heap, SIZE_MAX);
        w->ctx = (mola_ctx){.env = env, .arena = &w->arena, .deadline_ns = MOLA_NEVER};
        mola_chance(env, &w->first, sizeof w->first);
        w->first >>= 24;
    }
    measure("put if-absent, one directory", workers, put_new, 1);
    for (uint32_t i = 0; i < thread_count; i++) {
        workers[i].first += workers[i].put_count;
        workers[i].put_count = 0;
    }
    measure("put if-absent, a directory each", workers, put_new, THREADS_MAX);
    measure("put over an object", workers, replace, 1);
    measure("get", workers, get, THREADS_MAX);
    measure("get of a missing key", workers, get_missing, THREADS_MAX);
    measure("list of 100", workers, list, 1);
    mola_store_close(store);
}

int main(int argc, char **argv)
{
    mola_heap_init(&heap, SIZE_MAX);
    env = mola_env_real(&heap, NULL);
    MOLA_ASSERT(env);
    int at = 1;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        uint64_t value = strtoull(argv[at + 1], NULL, 10);
        if (strcmp(argv[at], "--threads") == 0 && value >= 1 && value <= THREADS_MAX)
            thread_count = (uint32_t)value;
        else if (strcmp(argv[at], "--bytes") == 0 && value <= BODY_BYTES_MAX)
            body_bytes = (size_t)value;
        else if (strcmp(argv[at], "--seconds") == 0 && value >= 1)
            seconds = value;
        else
            break;
    }
    if (at >= argc || strncmp(argv[at], "--", 2) == 0) {
        (void)fprintf(stderr,
                      "usage: bench_store [--threads N] [--bytes N] [--seconds N] URL...\n");
        return 2;
    }
    body = mola_alloc(env->heap, body_bytes + 1);
    MOLA_ASSERT(body);
    for (; at < argc; at++)
        bench(argv[at]);
    mola_free(env->heap, body, body_bytes + 1);
    mola_env_real_free(env);
    return 0;
}
