/* cache_exerciser.c - reads through a disk cache and checks every byte. One half of the fault tests
 * (check_cache_faults.py).
 *
 *   cache_exerciser DIRECTORY BYTES uring|plain SEED THREADS BATCHES
 *
 * The objects stand in a mem: store, are the same in every process and are more than the cache
 * should get. A cache that cannot be opened is done without, after a line `without: words`. Each
 * of THREADS threads runs BATCHES batches of random ranges; 0: until it is killed. At the end one
 * line of what the cache counted. Exit status 1, with words, after a request that failed or an
 * answer that was wrong. */
#include "mola/base/check.h"
#include "store/cache.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { OBJECTS = 24, OBJECT_BYTES_MAX = 700000, BATCH_MAX = 12, THREADS_MAX = 16, KEY_BYTES = 16 };

static mola_heap heap;
static mola_metrics metrics;
static mola_env *env;
static mola_cache *cache;
static struct {
    char key[KEY_BYTES];
    char *bytes;
    size_t size;
} objects[OBJECTS];
static atomic_uint wrong;

typedef struct {
    uint64_t random;
    uint64_t batches;
} worker;

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

static void make_objects(mola_arena *arena)
{
    mola_why why = {0};
    mola_ctx ctx = {.env = env, .arena = arena, .why = &why, .deadline_ns = MOLA_NEVER};
    for (uint64_t i = 0; i < OBJECTS; i++) {
        uint64_t state = i + 1;
        objects[i].size = next_random(&state) % OBJECT_BYTES_MAX;
        objects[i].bytes = mola_new(arena, char, objects[i].size);
        MOLA_ASSERT(objects[i].bytes);
        for (size_t at = 0; at < objects[i].size; at++)
            objects[i].bytes[at] = (char)next_random(&state);
        (void)snprintf(objects[i].key, KEY_BYTES, "d/o/%" PRIu64, i);
        mola_store_op put = {.verb = MOLA_PUT,
                             .key = mola_str_of(objects[i].key),
                             .body = {objects[i].bytes, objects[i].size}};
        mola_store_run(env->store, &ctx, &put, 1);
        MOLA_ASSERT(put.err == MOLA_OK);
    }
}

static bool right(const mola_store_op *op, size_t object)
{
    size_t size = objects[object].size;
    size_t from = op->offset < size ? (size_t)op->offset : size;
    size_t len = op->length < size - from ? (size_t)op->length : size - from;
    return op->err == MOLA_OK && op->bytes.len == len &&
           (len == 0 || memcmp(op->bytes.data, objects[object].bytes + from, len) == 0);
}

static void run_batch(worker *w, mola_ctx *ctx)
{
    mola_store_op ops[BATCH_MAX];
    size_t object[BATCH_MAX], count = 1 + next_random(&w->random) % BATCH_MAX;
    for (size_t i = 0; i < count; i++) {
        /* Some are asked for much more often than others. */
        object[i] = next_random(&w->random) % (next_random(&w->random) % 4 ? 5 : OBJECTS);
        uint64_t size = objects[object[i]].size;
        ops[i] = (mola_store_op){.verb = MOLA_GET,
                                 .immutable = true,
                                 .key = mola_str_of(objects[object[i]].key),
                                 .offset = next_random(&w->random) % (size + 10),
                                 .length = 1 + next_random(&w->random) %
                                                   (next_random(&w->random) % 3 ? 9000 : size + 1)};
    }
    uint32_t before = ctx->roundtrips;
    mola_cache_run(cache, ctx, ops, count);
    if (ctx->roundtrips > before) /* a store that takes no time leaves none to the writer */
        mola_sleep_ns(env, MOLA_MILLISECOND);
    for (size_t i = 0; i < count; i++) {
        if (right(&ops[i], object[i]))
            continue;
        (void)fprintf(stderr, "object %zu, %" PRIu64 " + %" PRIu64 ": %s, %zu bytes\n", object[i],
                      ops[i].offset, ops[i].length, mola_err_name(ops[i].err), ops[i].bytes.len);
        atomic_fetch_add(&wrong, 1);
    }
}

static void *work(void *argument)
{
    worker *w = argument;
    mola_arena arena;
    mola_why why = {0};
    mola_arena_init(&arena, env->heap, SIZE_MAX);
    mola_ctx ctx = {.env = env, .arena = &arena, .why = &why, .deadline_ns = MOLA_NEVER};
    for (uint64_t i = 0; (w->batches == 0 || i < w->batches) && atomic_load(&wrong) == 0; i++) {
        run_batch(w, &ctx);
        mola_arena_reset(&arena);
    }
    return NULL;
}

static void open_cache(const char *directory, uint64_t bytes, bool plain)
{
    mola_why why = {0};
    mola_cache_config config = {
        .env = env, .directory = mola_str_of(directory), .bytes = bytes, .plain_io = plain};
    if (mola_cache_open(&config, &cache, &why) != MOLA_OK)
        (void)printf("without: " MOLA_FMT "\n", MOLA_ARG(mola_why_text(&why)));
}

static void say(void)
{
    mola_cache_stats s = {0};
    if (cache)
        s = mola_cache_look(cache);
    (void)printf("hits=%" PRIu64 " misses=%" PRIu64 " errors=%" PRIu64 " held=%" PRIu64
                 " room=%" PRIu64 " disabled=%d\n",
                 s.hits, s.misses, s.errors, s.bytes_held, s.bytes_room, s.disabled);
}

int main(int argc, char **argv)
{
    if (argc != 7 || strtoul(argv[5], NULL, 10) > THREADS_MAX) {
        (void)fprintf(stderr, "usage: cache_exerciser DIRECTORY BYTES uring|plain SEED THREADS "
                              "BATCHES\n");
        return 2;
    }
    mola_why why = {0};
    mola_arena arena;
    mola_heap_init(&heap, SIZE_MAX);
    env = mola_env_real(&heap, &metrics);
    MOLA_ASSERT(env && mola_store_open(env, MOLA_STR("mem:"), &env->store, &why) == MOLA_OK);
    mola_arena_init(&arena, &heap, SIZE_MAX);
    make_objects(&arena);
    open_cache(argv[1], strtoull(argv[2], NULL, 10), strcmp(argv[3], "plain") == 0);
    worker workers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    size_t count = strtoul(argv[5], NULL, 10);
    for (size_t i = 0; i < count; i++) {
        workers[i] = (worker){.random = strtoull(argv[4], NULL, 10) + i,
                              .batches = strtoull(argv[6], NULL, 10)};
        MOLA_ASSERT(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < count; i++)
        MOLA_ASSERT(pthread_join(threads[i], NULL) == 0);
    if (cache)
        mola_cache_writer_close(cache);
    say();
    mola_cache_close(cache);
    mola_store_close(env->store);
    mola_arena_reset(&arena);
    mola_env_real_free(env);
    return atomic_load(&wrong) != 0;
}
