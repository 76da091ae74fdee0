/* cache.c - hits of the disk cache beside plain pread past the page cache, from the same file.
 *
 *   bench_cache [--threads N] [--mib N] [--seconds N] DIRECTORY
 *
 * Fills a cache of its own in DIRECTORY (its file is left there), then reads at random places: 4
 * KiB one by one, 4 KiB in batches of 32, 256 KiB. The time of a hit includes looking it up, its
 * sums and the copy into the arena, which pread does not have. */
#include "mola/store/cache.h"
#include "mola/base/check.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS_MAX = 64, BATCH_MAX = 32, KEY_BYTES = 32, KIB = 1024, MIB = 1024 * KIB };
static mola_heap heap;
static mola_env *env;
static mola_cache *cache;
static uint32_t thread_count = 4;
static uint64_t object_count = 512, seconds = 3; /* objects of 1 MiB */
static char (*keys)[KEY_BYTES];

typedef struct worker worker;
struct worker {
    uint64_t (*act)(worker *w); /* bytes read */
    uint64_t random, end_ns, calls, bytes;
    size_t size, batch;
    int fd;
    off_t file_bytes;
    char *buffer;
    mola_arena arena;
    mola_why why;
    mola_ctx ctx;
};

static uint64_t next_random(worker *w)
{
    w->random = w->random * 6364136223846793005U + 1442695040888963407U;
    return w->random >> 33;
}

static uint64_t read_cache(worker *w)
{
    mola_store_op ops[BATCH_MAX];
    for (size_t i = 0; i < w->batch; i++) {
        ops[i] = (mola_store_op){.verb = MOLA_GET,
                                 .immutable = true,
                                 .key = mola_str_of(keys[next_random(w) % object_count]),
                                 .offset = next_random(w) % (MIB / w->size) * w->size,
                                 .length = w->size};
    }
    mola_cache_run(cache, &w->ctx, ops, w->batch);
    for (size_t i = 0; i < w->batch; i++)
        MOLA_ASSERT(ops[i].err == MOLA_OK && ops[i].bytes.len == w->size);
    mola_arena_reset(&w->arena);
    return w->batch * w->size;
}

static uint64_t read_plain(worker *w)
{
    for (size_t i = 0; i < w->batch; i++) {
        uint64_t places = ((uint64_t)w->file_bytes - w->size) / 4096;
        off_t at = (off_t)(next_random(w) % places * 4096);
        MOLA_ASSERT(pread(w->fd, w->buffer, w->size, at) == (ssize_t)w->size);
    }
    return w->batch * w->size;
}

static void *work(void *argument)
{
    worker *w = argument;
    while (mola_boot_ns(env) < w->end_ns) {
        w->bytes += w->act(w);
        w->calls++;
    }
    return NULL;
}

/* Of this process, in microseconds: what other work on the machine disturbs least. */
static double cpu_us(void)
{
    struct rusage used;
    MOLA_ASSERT(getrusage(RUSAGE_SELF, &used) == 0);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void measure(const char *what, worker *workers, uint64_t (*act)(worker *w), size_t size,
                    size_t batch)
{
    pthread_t threads[THREADS_MAX];
    double cpu_start = cpu_us();
    uint64_t start = mola_boot_ns(env), bytes = 0, calls = 0, asked = 0;
    for (uint32_t i = 0; i < thread_count; i++) {
        worker *w = &workers[i];
        w->act = act;
        w->size = size;
        w->batch = batch;
        w->bytes = w->calls = w->ctx.roundtrips = 0;
        w->end_ns = start + seconds * MOLA_SECOND;
        MOLA_ASSERT(pthread_create(&threads[i], NULL, work, w) == 0);
    }
    for (uint32_t i = 0; i < thread_count; i++) {
        MOLA_ASSERT(pthread_join(threads[i], NULL) == 0);
        bytes += workers[i].bytes;
        calls += workers[i].calls;
        asked += workers[i].ctx.roundtrips;
    }
    double elapsed = (double)(mola_boot_ns(env) - start) / 1e9, each = calls ? (double)calls : 1;
    (void)printf("  %-30s %8.3f GB/s %9.1f us, %8.1f us of CPU each", what,
                 (double)bytes / elapsed / 1e9, elapsed * thread_count * 1e6 / each,
                 (cpu_us() - cpu_start) / each);
    (void)printf(asked ? "   %llu ASKED THE STORE\n" : "\n", (unsigned long long)asked);
}

static void measure_all(const char *name, worker *workers, uint64_t (*act)(worker *w))
{
    static const struct {
        const char *what;
        size_t size, batch;
    } rows[] = {
        {"4 KiB", 4 * KIB, 1}, {"32 x 4 KiB", 4 * KIB, BATCH_MAX}, {"256 KiB", 256 * KIB, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char what[64];
        (void)snprintf(what, sizeof what, "%s, %s", name, rows[i].what);
        measure(what, workers, act, rows[i].size, rows[i].batch);
    }
}

static void open_cache(const char *directory, bool plain)
{
    mola_why why = {0};
    mola_cache_config config = {.env = env,
                                .directory = mola_str_of(directory),
                                .bytes = (object_count + object_count / 4 + 16) * MIB,
                                .plain_io = plain};
    if (mola_cache_open(&config, &cache, &why)) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
}

/* Puts the objects into the store and, by reading them, into the cache. */
static void fill(worker *w)
{
    char *body = w->buffer;
    uint64_t start = mola_boot_ns(env);
    for (uint64_t i = 0; i < object_count; i++) {
        (void)snprintf(keys[i], KEY_BYTES, "d/o/%llu", (unsigned long long)i);
        for (size_t at = 0; at < MIB; at += 8) {
            uint64_t word = next_random(w) << 32 | next_random(w);
            memcpy(body + at, &word, 8);
        }
        mola_store_op put = {.verb = MOLA_PUT, .key = mola_str_of(keys[i]), .body = {body, MIB}};
        mola_store_run(env->store, &w->ctx, &put, 1);
        MOLA_ASSERT(put.err == MOLA_OK);
    }
    for (uint64_t i = 0; i < object_count; i++) {
        mola_store_op get = {
            .verb = MOLA_GET, .immutable = true, .key = mola_str_of(keys[i]), .length = MIB};
        while (mola_cache_coverage(cache, &get, 1) < 1) {
            mola_cache_run(cache, &w->ctx, &get, 1);
            mola_arena_reset(&w->arena);
            mola_sleep_ns(env, MOLA_MILLISECOND);
        }
    }
    (void)printf("filled with %llu MiB in %.1f s\n", (unsigned long long)object_count,
                 (double)(mola_boot_ns(env) - start) / 1e9);
}

static void bench(const char *directory)
{
    static worker workers[THREADS_MAX];
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/mola.cache", directory);
    open_cache(directory, false);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_DIRECT);
    struct stat status;
    MOLA_ASSERT(fd >= 0 && fstat(fd, &status) == 0);
    for (uint32_t i = 0; i < thread_count; i++) {
        worker *w = &workers[i];
        *w = (worker){.random = i + 1, .fd = fd, .file_bytes = status.st_size};
        w->buffer = aligned_alloc(4096, MIB);
        MOLA_ASSERT(w->buffer);
        mola_arena_init(&w->arena, env->heap, SIZE_MAX);
        w->ctx =
            (mola_ctx){.env = env, .arena = &w->arena, .why = &w->why, .deadline_ns = MOLA_NEVER};
    }
    fill(&workers[0]);
    (void)printf("%u threads\n", thread_count);
    measure_all("pread", workers, read_plain);
    measure_all("cache, io_uring", workers, read_cache);
    mola_cache_close(cache);
    open_cache(directory, true);
    measure_all("cache, plain", workers, read_cache);
    measure_all("pread again", workers, read_plain);
    mola_cache_close(cache);
    for (uint32_t i = 0; i < thread_count; i++)
        free(workers[i].buffer);
    (void)close(fd);
}

int main(int argc, char **argv)
{
    mola_why why = {0};
    int at = 1;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        uint64_t value = strtoull(argv[at + 1], NULL, 10);
        if (strcmp(argv[at], "--threads") == 0 && value >= 1 && value <= THREADS_MAX)
            thread_count = (uint32_t)value;
        else if (strcmp(argv[at], "--mib") == 0 && value >= 1)
            object_count = value;
        else if (strcmp(argv[at], "--seconds") == 0 && value >= 1)
            seconds = value;
        else
            break;
    }
    if (at + 1 != argc) {
        (void)fprintf(stderr,
                      "usage: bench_cache [--threads N] [--mib N] [--seconds N] DIRECTORY\n");
        return 2;
    }
    mola_heap_init(&heap, SIZE_MAX);
    env = mola_env_real(&heap, NULL);
    MOLA_ASSERT(env && mola_store_open(env, MOLA_STR("mem:"), &env->store, &why) == MOLA_OK);
    keys = mola_alloc(&heap, object_count * sizeof *keys);
    MOLA_ASSERT(keys);
    bench(argv[at]);
    mola_free(&heap, keys, object_count * sizeof *keys);
    mola_store_close(env->store);
    mola_env_real_free(env);
    return 0;
}
