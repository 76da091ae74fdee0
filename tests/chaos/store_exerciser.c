/* store_exerciser.c - works on a store and writes down what it was promised; looks at a store and
 * says what is there. The halves of the crash-state and fault tests (crash_states.py, check_*.py).
 *
 *   store_exerciser work URL PROMISES SEED STORES THREADS OPERATIONS
 *       opens the place STORES times, lets THREADS threads work on each and appends to PROMISES
 *         A key tag body   the store said that key has this tag and body (put, or seen by a GET)
 *         A key            the store said that there is something under this key (412, LIST)
 *         A -key           the caller is about to delete this key: nothing is promised any more
 *         A !key body      a put of this body was refused: it is nowhere
 *       body is the random id in it. Exit status 0 also when operations fail: they promise nothing.
 *   store_exerciser script URL PROMISES
 *       one operation after the other, each followed by a line `number verb key outcome` on stdout
 *   store_exerciser look < list of URLs
 *       for each: one line `key tag body` per object; `key DAMAGED`; `FAILED words`; at the end `.`
 *
 * Keys: log/{n} dense slots, created in order by whoever is first; ns/{n} counters under CAS;
 * d/{n}/w/1 first objects of new directories; q/{n} plain puts and deletes, each by one thread.
 * A body says which key, version and id it is and ends in a checksum: nothing torn passes for
 * whole. */
#include "mola/base/check.h"
#include "mola/store/store.h"
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

enum { STORES_MAX = 4, THREADS_MAX = 16, BODY_BYTES_MAX = 9000, KEY_BYTES = 64 };

static mola_heap heap;
static mola_env *env;

typedef struct {
    mola_store *store;
    int promises_fd;
    uint32_t number; /* among all threads */
    uint64_t random, operations, next_slot;
    mola_arena arena;
    mola_why why;
    mola_ctx ctx;
    mola_store_op op;
} worker;

static uint32_t random_below(worker *w, uint32_t limit)
{
    w->random = w->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(w->random >> 33) % limit;
}

static mola_err run_op(worker *w, mola_store_op op)
{
    w->op = op;
    w->ctx.deadline_ns = mola_boot_ns(env) + 20 * MOLA_SECOND;
    mola_store_run(w->store, &w->ctx, &w->op, 1);
    return w->op.err;
}

/* --- Bodies --- */

typedef struct {
    uint64_t version, id;
} body_head;

/* Head, key, filler, checksum. */
static mola_str make_body(worker *w, const char *key, uint64_t version, char out[BODY_BYTES_MAX],
                          uint64_t *id)
{
    mola_chance(env, id, sizeof *id);
    body_head head = {version, *id};
    size_t len = sizeof head + KEY_BYTES + random_below(w, random_below(w, 4) ? 200 : 8000);
    memset(out, (int)(*id & 0xff), len);
    memcpy(out, &head, sizeof head);
    memset(out + sizeof head, 0, KEY_BYTES);
    memcpy(out + sizeof head, key, strlen(key));
    uint64_t sum = XXH3_64bits(out, len);
    memcpy(out + len, &sum, sizeof sum);
    return (mola_str){out, len + sizeof sum};
}

static bool read_body(mola_str key, mola_str body, body_head *head)
{
    uint64_t sum;
    if (body.len < sizeof *head + KEY_BYTES + sizeof sum || key.len >= KEY_BYTES)
        return false;
    size_t len = body.len - sizeof sum;
    memcpy(&sum, body.data + len, sizeof sum);
    memcpy(head, body.data, sizeof *head);
    return sum == XXH3_64bits(body.data, len) &&
           memcmp(body.data + sizeof *head, key.data, key.len) == 0 &&
           body.data[sizeof *head + key.len] == '\0';
}

static void to_hex(const mola_etag *etag, char out[2 * MOLA_ETAG_BYTES_MAX + 1])
{
    for (size_t i = 0; i < etag->len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)(unsigned char)etag->bytes[i]);
    out[2 * etag->len] = '\0';
}

/* --- Promises --- */

__attribute__((format(printf, 2, 3))) static void promise(worker *w, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    MOLA_ASSERT(len > 0 && (size_t)len < sizeof line);
    MOLA_ASSERT(write(w->promises_fd, line, (size_t)len) == len); /* O_APPEND: in one piece */
}

static void promise_object(worker *w, const char *key, const mola_etag *etag, uint64_t version,
                           uint64_t id)
{
    char tag[2 * MOLA_ETAG_BYTES_MAX + 1];
    to_hex(etag, tag);
    promise(w, "A %s %s %" PRIu64 ":%016" PRIx64 "\n", key, tag, version, id);
}

static void damaged(const char *key, const char *what)
{
    (void)printf("DAMAGED %s %s\n", key, what);
    (void)fflush(stdout);
}

/* --- Work --- */

static mola_err put(worker *w, const char *key, mola_put_when when, mola_etag etag,
                    uint64_t version)
{
    char body[BODY_BYTES_MAX];
    uint64_t id;
    mola_str bytes = make_body(w, key, version, body, &id);
    mola_err err = run_op(
        w,
        (mola_store_op){
            .verb = MOLA_PUT, .key = mola_str_of(key), .body = bytes, .when = when, .etag = etag});
    if (err == MOLA_OK)
        promise_object(w, key, &w->op.new_etag, version, id);
    else if (err != MOLA_UNKNOWN)
        promise(w, "A !%s %" PRIu64 ":%016" PRIx64 "\n", key, version, id);
    if (err == MOLA_CONFLICT && when == MOLA_PUT_IF_ABSENT)
        promise(w, "A %s\n", key);
    return err;
}

static mola_err get(worker *w, const char *key, uint64_t *version)
{
    mola_err err = run_op(w, (mola_store_op){.verb = MOLA_GET, .key = mola_str_of(key)});
    body_head head;
    if (err == MOLA_CORRUPT || (!err && !read_body(mola_str_of(key), w->op.bytes, &head)))
        damaged(key, mola_err_name(err));
    else if (!err)
        promise_object(w, key, &w->op.new_etag, *version = head.version, head.id);
    return err;
}

static void append_slot(worker *w)
{
    char key[KEY_BYTES];
    uint64_t version = 0;
    (void)snprintf(key, sizeof key, "log/%016" PRIx64, w->next_slot);
    mola_err err = put(w, key, MOLA_PUT_IF_ABSENT, (mola_etag){0}, w->next_slot);
    if (err == MOLA_CONFLICT || err == MOLA_UNKNOWN)
        err = get(w, key, &version);
    if (!err) /* only who has read or written slot n may offer slot n + 1 */
        w->next_slot++;
}

static void increment(worker *w)
{
    char key[KEY_BYTES];
    uint64_t version = 0;
    (void)snprintf(key, sizeof key, "ns/%u", random_below(w, 3));
    mola_err err = get(w, key, &version);
    if (err == MOLA_NOT_FOUND)
        (void)put(w, key, MOLA_PUT_IF_ABSENT, (mola_etag){0}, 1);
    else if (!err)
        (void)put(w, key, MOLA_PUT_IF_MATCH, w->op.new_etag, version + 1);
}

static void put_and_delete(worker *w, uint64_t version)
{
    char key[KEY_BYTES];
    (void)snprintf(key, sizeof key, "q/%u", w->number);
    if (random_below(w, 3)) {
        (void)put(w, key, MOLA_PUT_ALWAYS, (mola_etag){0}, version);
        return;
    }
    promise(w, "A -%s\n", key);
    (void)run_op(w, (mola_store_op){.verb = MOLA_DELETE, .key = mola_str_of(key)});
}

static void list_some(worker *w)
{
    static const char *const prefixes[] = {"log/", "ns/", "d/"};
    const char *prefix = prefixes[random_below(w, 3)];
    if (run_op(w, (mola_store_op){.verb = MOLA_LIST, .key = mola_str_of(prefix)}))
        return;
    for (uint32_t i = 0; i < w->op.entry_count; i++)
        promise(w, "A " MOLA_FMT "\n", MOLA_ARG(w->op.entries[i].key));
}

static void *work(void *argument)
{
    worker *w = argument;
    for (uint64_t i = 0; i < w->operations; i++) {
        uint32_t dice = random_below(w, 20);
        char key[KEY_BYTES];
        if (dice < 10)
            append_slot(w);
        else if (dice < 14)
            increment(w);
        else if (dice < 16) {
            (void)snprintf(key, sizeof key, "d/%u/w/%u", random_below(w, 30), random_below(w, 2));
            (void)put(w, key, MOLA_PUT_IF_ABSENT, (mola_etag){0}, 1);
        } else if (dice < 18)
            put_and_delete(w, i);
        else
            list_some(w);
        mola_arena_reset(&w->arena);
    }
    return NULL;
}

static void start_worker(worker *w, mola_store *store, int fd, uint64_t seed, uint32_t number)
{
    *w = (worker){.store = store, .promises_fd = fd, .number = number, .next_slot = 1};
    w->random = seed * 1000003 + number + (uint64_t)getpid() * 7919;
    w->number += (uint32_t)getpid() * THREADS_MAX * STORES_MAX; /* keys of this thread alone */
    mola_arena_init(&w->arena, env->heap, (size_t)64 << 20);
    w->ctx = (mola_ctx){.env = env, .arena = &w->arena, .why = &w->why};
}

static int work_on(char **arguments)
{
    static worker workers[STORES_MAX * THREADS_MAX];
    pthread_t threads[STORES_MAX * THREADS_MAX];
    mola_store *stores[STORES_MAX];
    uint64_t seed = strtoull(arguments[2], NULL, 10), operations = strtoull(arguments[5], NULL, 10);
    uint32_t store_count = (uint32_t)strtoul(arguments[3], NULL, 10);
    uint32_t thread_count = (uint32_t)strtoul(arguments[4], NULL, 10);
    MOLA_ASSERT(store_count <= STORES_MAX && thread_count <= THREADS_MAX);
    int fd = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    MOLA_ASSERT(fd >= 0);
    for (uint32_t i = 0; i < store_count; i++) {
        mola_why why = {0};
        if (mola_store_open(env, mola_str_of(arguments[0]), &stores[i], &why)) {
            (void)fprintf(stderr, "store_exerciser: %s\n", why.text);
            return 3;
        }
    }
    uint32_t count = store_count * thread_count;
    for (uint32_t i = 0; i < count; i++) {
        start_worker(&workers[i], stores[i % store_count], fd, seed, i);
        workers[i].operations = operations;
        MOLA_ASSERT(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (uint32_t i = 0; i < count; i++)
        MOLA_ASSERT(pthread_join(threads[i], NULL) == 0);
    for (uint32_t i = 0; i < store_count; i++)
        mola_store_close(stores[i]);
    return close(fd) == 0 ? 0 : 3;
}

/* --- Script --- */

typedef struct {
    const char *verb, *key;
} step;

/* It wants an empty store for the first half, and finds its own objects in the second: the tags and
 * directories of another process, which have to be shown to be durable. */
static const step steps[] = {
    {"new", "s/1/a"}, {"new", "s/1/b"},   {"new", "s/1/a"},  {"match", "s/1/a"},  {"put", "q/1"},
    {"put", "q/1"},   {"delete", "q/2"},  {"get", "s/none"}, {"get", "s/1/none"}, {"reopen", "-"},
    {"get", "s/1/a"}, {"reopen", "-"},    {"list", "s/"},    {"reopen", "-"},     {"new", "s/1/b"},
    {"reopen", "-"},  {"match", "s/1/b"}, {"new", "s/2/a"},  {"delete", "s/2/a"}, {"get", "s/2/a"},
    {"list", "q/"},   {"put", "q/1"},     {"get", "q/1"},
};

static mola_err match(worker *w, const char *key)
{
    uint64_t version = 0;
    mola_err err = get(w, key, &version);
    return err ? err : put(w, key, MOLA_PUT_IF_MATCH, w->op.new_etag, version + 1);
}

static mola_err reopen(worker *w, const char *url)
{
    mola_why why = {0};
    mola_store_close(w->store);
    return mola_store_open(env, mola_str_of(url), &w->store, &why);
}

static mola_err take_step(worker *w, const char *url, step s, uint64_t version)
{
    mola_etag none = {0};
    if (strcmp(s.verb, "new") == 0)
        return put(w, s.key, MOLA_PUT_IF_ABSENT, none, version);
    if (strcmp(s.verb, "put") == 0)
        return put(w, s.key, MOLA_PUT_ALWAYS, none, version);
    if (strcmp(s.verb, "match") == 0)
        return match(w, s.key);
    if (strcmp(s.verb, "get") == 0)
        return get(w, s.key, &version);
    if (strcmp(s.verb, "reopen") == 0)
        return reopen(w, url);
    if (strcmp(s.verb, "list") == 0) {
        mola_err err = run_op(w, (mola_store_op){.verb = MOLA_LIST, .key = mola_str_of(s.key)});
        for (uint32_t i = 0; !err && i < w->op.entry_count; i++)
            promise(w, "A " MOLA_FMT "\n", MOLA_ARG(w->op.entries[i].key));
        return err;
    }
    promise(w, "A -%s\n", s.key);
    return run_op(w, (mola_store_op){.verb = MOLA_DELETE, .key = mola_str_of(s.key)});
}

static int script(char **arguments)
{
    static worker w;
    int fd = open(arguments[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    MOLA_ASSERT(fd >= 0);
    start_worker(&w, NULL, fd, 1, 0);
    mola_err err = reopen(&w, arguments[0]);
    (void)printf("0 open - %s\n", mola_err_name(err));
    (void)fflush(stdout);
    for (size_t i = 0; w.store && i < sizeof steps / sizeof *steps; i++) {
        err = take_step(&w, arguments[0], steps[i], i + 1);
        (void)printf("%zu %s %s %s\n", i + 1, steps[i].verb, steps[i].key, mola_err_name(err));
        (void)fflush(stdout); /* one write per step: the tests tell the steps apart by them */
        mola_arena_reset(&w.arena);
    }
    mola_store_close(w.store);
    return close(fd) == 0 ? 0 : 3;
}

/* --- Look --- */

static void look_at_object(worker *w, mola_str key)
{
    mola_err err = run_op(w, (mola_store_op){.verb = MOLA_GET, .key = key});
    body_head head;
    char tag[2 * MOLA_ETAG_BYTES_MAX + 1];
    if (err || !read_body(key, w->op.bytes, &head)) {
        (void)printf(MOLA_FMT " DAMAGED %s\n", MOLA_ARG(key), mola_err_name(err));
        return;
    }
    to_hex(&w->op.new_etag, tag);
    (void)printf(MOLA_FMT " %s %" PRIu64 ":%016" PRIx64 "\n", MOLA_ARG(key), tag, head.version,
                 head.id);
}

static mola_err look_at_all(worker *w)
{
    mola_store_op ask = {.verb = MOLA_LIST};
    char after[MOLA_KEY_BYTES_MAX];
    for (bool more = true; more;) {
        mola_err err = run_op(w, ask);
        if (err)
            return err;
        mola_store_op page = w->op;
        for (uint32_t i = 0; i < page.entry_count; i++)
            look_at_object(w, page.entries[i].key);
        more = page.truncated;
        if (more) {
            mola_str last = page.entries[page.entry_count - 1].key;
            memcpy(after, last.data, last.len);
            ask.start_after = (mola_str){after, last.len};
        }
        mola_arena_reset(&w->arena);
    }
    /* And it still takes writes. */
    mola_err err = run_op(w, (mola_store_op){.verb = MOLA_PUT, .key = MOLA_STR("after/crash")});
    return err ? err : run_op(w, (mola_store_op){.verb = MOLA_GET, .key = MOLA_STR("after/crash")});
}

static void look_at(const char *url)
{
    worker w;
    mola_why why = {0};
    mola_store *store;
    if (mola_store_open(env, mola_str_of(url), &store, &why)) {
        (void)printf("FAILED %s\n", why.text);
        return;
    }
    start_worker(&w, store, -1, 0, 0);
    mola_err err = look_at_all(&w);
    if (err)
        (void)printf("FAILED %s\n", mola_err_name(err));
    mola_arena_reset(&w.arena);
    mola_store_close(store);
}

static int look(void)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        look_at(line);
        (void)printf(".\n");
        (void)fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    mola_heap_init(&heap, (size_t)1 << 30);
    env = mola_env_real(&heap, NULL);
    MOLA_ASSERT(env);
    env->log_level = MOLA_LOG_ERROR; /* the tests make the warnings happen */
    int status = 2;
    if (argc == 8 && strcmp(argv[1], "work") == 0)
        status = work_on(argv + 2);
    else if (argc == 4 && strcmp(argv[1], "script") == 0)
        status = script(argv + 2);
    else if (argc == 2 && strcmp(argv[1], "look") == 0)
        status = look();
    else
        (void)fprintf(stderr, "usage: store_exerciser work URL PROMISES SEED STORES THREADS "
                              "OPERATIONS | script URL PROMISES | look\n");
    mola_env_real_free(env);
    return status;
}
