/* cache_harness.h - a disk cache above a mem: store of a few objects, whose bytes are the oracle.
 * It looks inside the cache (store/cache.h) where the outside shows too little. */
#pragma once
#include "harness.h"
#include "store/cache.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { OBJECTS = 6, BATCH_MAX = 20, THREADS = 8 };
static const size_t sizes[OBJECTS] = {0, 1, 4096, 10000, 262144, 1500000};
static const uint64_t small_file = (uint64_t)2 << 20; /* 7 slots: fewer than the objects have */
static const uint64_t large_file = (uint64_t)16 << 20;

static struct {
    char key[32];
    char *bytes;
    size_t size;
} objects[OBJECTS];
static char directory[URL_BYTES];
static mola_cache *cache;

/* --- Fixture --- */

static __attribute__((unused)) uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return *state >> 33;
}

static __attribute__((unused)) uint64_t draw_seed(void)
{
    const char *given = getenv("MOLA_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 0;
    if (!given)
        mola_chance(env, &seed, 6);
    (void)printf("MOLA_TEST_SEED=%llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    return seed;
}

static __attribute__((unused)) mola_err try_open(const char *path, uint64_t bytes, bool plain)
{
    mola_why_clear(&me.why);
    mola_cache_config config = {
        .env = env, .directory = mola_str_of(path), .bytes = bytes, .plain_io = plain};
    return mola_cache_open(&config, &cache, &me.why);
}

static __attribute__((unused)) void open_cache(uint64_t bytes, bool plain)
{
    mola_err err = try_open(directory, bytes, plain);
    ck_assert_msg(err == MOLA_OK, "%s: %s", mola_err_name(err), me.why.text);
}

/* Everything pinned has been let go, and the gauge says what is held. */
static __attribute__((unused)) void close_cache(void)
{
    mola_cache_writer_close(cache); /* else a fill may come between the two figures */
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_cache_disk_bytes]),
                     (int64_t)mola_cache_look(cache).bytes_held);
    for (uint32_t i = 0; i < cache->map.slot_count; i++)
        ck_assert_uint_eq(cache->map.slots[i].pins, 0);
    mola_cache_close(cache);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_cache_disk_bytes]), 0);
    cache = NULL;
}

static __attribute__((unused)) void begin(uint64_t bytes, bool plain)
{
    const char *tmp = getenv("TMPDIR");
    open_fresh("mem:");
    env->store = store;
    env->log_level = MOLA_LOG_ERROR;
    (void)snprintf(directory, sizeof directory, "%s/mola-cache-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    for (int i = 0; i < OBJECTS; i++) {
        uint64_t state = (uint64_t)i + 1;
        objects[i].size = sizes[i];
        objects[i].bytes = malloc(sizes[i] + 1);
        ck_assert_ptr_nonnull(objects[i].bytes);
        for (size_t at = 0; at < sizes[i]; at++)
            objects[i].bytes[at] = (char)next_random(&state);
        (void)snprintf(objects[i].key, sizeof objects[i].key, "d/x/%d", i);
        ck_err(put(&me, mola_str_of(objects[i].key), (mola_str){objects[i].bytes, sizes[i]}),
               MOLA_OK);
    }
    if (bytes)
        open_cache(bytes, plain);
}

static __attribute__((unused)) void end(void)
{
    if (cache)
        close_cache();
    for (int i = 0; i < OBJECTS; i++)
        free(objects[i].bytes);
    remove_tree(directory);
    close_fresh();
}

static __attribute__((unused)) mola_store_op range(int object, uint64_t offset, uint64_t length)
{
    return (mola_store_op){.verb = MOLA_GET,
                           .immutable = true,
                           .key = mola_str_of(objects[object].key),
                           .offset = offset,
                           .length = length};
}

static __attribute__((unused)) void ck_answer(const mola_store_op *op, int object)
{
    size_t size = objects[object].size;
    size_t from = op->offset < size ? (size_t)op->offset : size;
    size_t len = op->length && op->length < size - from ? (size_t)op->length : size - from;
    ck_assert_msg(op->err == MOLA_OK, "%s", mola_err_name(op->err));
    ck_assert_uint_eq(op->bytes.len, len);
    ck_assert_msg(len == 0 || memcmp(op->bytes.data, objects[object].bytes + from, len) == 0,
                  "wrong bytes: object %d, %llu + %llu", object, (unsigned long long)op->offset,
                  (unsigned long long)op->length);
    ck_assert(!op->not_modified && !op->entries && !op->truncated);
    ck_assert(op->object_size == size || (op->object_size == 0 && op->new_etag.len == 0));
}

/* Runs one range and says whether the store was asked. */
static __attribute__((unused)) bool missed(int object, uint64_t offset, uint64_t length)
{
    mola_store_op op = range(object, offset, length);
    uint32_t before = me.ctx.roundtrips;
    mola_cache_run(cache, &me.ctx, &op, 1);
    ck_answer(&op, object);
    mola_arena_reset(&me.arena);
    return me.ctx.roundtrips > before;
}

/* A fill is let go after it can be found. */
static __attribute__((unused)) void wait_for_fills(void)
{
    uint64_t limit = mola_boot_ns(env) + 30 * MOLA_SECOND;
    while (atomic_load(&cache->fill_bytes.used) > 0) {
        ck_assert_msg(mola_boot_ns(env) < limit, "the writer does not come to an end");
        mola_sleep_ns(env, MOLA_MILLISECOND / 10);
    }
}

static __attribute__((unused)) void warm_all(void)
{
    for (int i = 0; i < OBJECTS; i++)
        (void)missed(i, 0, 0);
    wait_for_fills();
}

/* How many of the objects that can be held have to be asked for. */
static __attribute__((unused)) int count_missing(void)
{
    int missing = 0;
    for (int i = 1; i < OBJECTS; i++)
        missing += missed(i, 0, 0);
    return missing;
}

static __attribute__((unused)) int open_behind(int flags)
{
    char path[URL_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/mola.cache", directory);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static __attribute__((unused)) void flip(int fd, off_t at, int bit)
{
    char byte;
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ 1 << bit);
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

static __attribute__((unused)) off_t size_of(int fd)
{
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    return status.st_size;
}

/* --- Random batches --- */

typedef struct {
    mola_store_op ops[BATCH_MAX];
    int object[BATCH_MAX];
    size_t count;
} batch;

static __attribute__((unused)) mola_store_op random_range(uint64_t *state, int *object)
{
    *object = (int)(next_random(state) % OBJECTS);
    uint64_t size = objects[*object].size, offset = next_random(state) % (size + 5000);
    uint64_t length = next_random(state) % (next_random(state) % 4 ? 9000 : size + 5000);
    if (next_random(state) % 4 == 0)
        offset -= offset % 4096;
    if (next_random(state) % 4 == 0)
        length -= length % 4096;
    if (next_random(state) % 50 == 0)
        length = UINT64_MAX - next_random(state) % 3;
    if (next_random(state) % 100 == 0)
        offset = UINT64_MAX - next_random(state) % 3;
    return range(*object, offset, length);
}

/* Runs a random batch and holds it against the objects. */
static __attribute__((unused)) void random_batch(caller *c, uint64_t *state)
{
    batch b;
    b.count = 1 + next_random(state) % BATCH_MAX;
    for (size_t i = 0; i < b.count; i++)
        b.ops[i] = random_range(state, &b.object[i]);
    c->ctx.roundtrips = 0;
    c->ctx.bytes_read = 0;
    mola_cache_run(cache, &c->ctx, b.ops, b.count);
    for (size_t i = 0; i < b.count; i++)
        ck_answer(&b.ops[i], b.object[i]);
    ck_assert_uint_le(c->ctx.roundtrips, 1);
    MOLA_IMPLIES(c->ctx.bytes_read > 0, c->ctx.roundtrips == 1);
    mola_arena_reset(&c->arena);
}

#define RUN_TESTS(name, tests) run_tests(name, tests, sizeof(tests) / sizeof *(tests))
typedef struct {
    const TTest *test;
    int variants;
} cache_test;

static int run_tests(const char *name, const cache_test *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 100);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(all, tests[i].test, 0, tests[i].variants);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
