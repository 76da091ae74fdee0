/* harness.h - one opened store per test, made fresh for each URL of the table.
 *
 * The table: MOLA_TEST_STORES (URLs separated by spaces) or mem: and file: under TMPDIR. A file:
 * URL names a directory under which each test gets one of its own; to the place in any other URL
 * but mem: a random part is appended, so that a bucket can be shared by all tests and runs. */
#pragma once
#include "mola/base/check.h"
#include "mola/store/store.h"
#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { URLS_MAX = 8, URL_BYTES = 512 };
static char url_table[URLS_MAX][URL_BYTES];
static int url_count;

static mola_heap heap;
static mola_metrics metrics;
static mola_env *env;
static char url[URL_BYTES + 64];
static mola_store *store;

/* One caller: a thread or process has its own. */
typedef struct {
    mola_arena arena;
    mola_why why;
    mola_ctx ctx;
    mola_store *store;
    mola_store_op op; /* the last one */
} caller;
static caller me;

static __attribute__((unused)) void caller_init(caller *c, mola_env *its_env, mola_store *its_store)
{
    memset(c, 0, sizeof *c);
    mola_arena_init(&c->arena, its_env->heap, (size_t)256 << 20);
    c->ctx = (mola_ctx){.env = its_env,
                        .arena = &c->arena,
                        .why = &c->why,
                        .deadline_ns = mola_boot_ns(its_env) + 60 * MOLA_SECOND};
    c->store = its_store;
}

static __attribute__((unused)) mola_err run_op(caller *c, mola_store_op op)
{
    c->op = op;
    mola_store_run(c->store, &c->ctx, &c->op, 1);
    return c->op.err;
}

static __attribute__((unused)) mola_err put(caller *c, mola_str key, mola_str body)
{
    return run_op(c, (mola_store_op){.verb = MOLA_PUT, .key = key, .body = body});
}

static __attribute__((unused)) mola_err put_new(caller *c, mola_str key, mola_str body)
{
    return run_op(
        c, (mola_store_op){.verb = MOLA_PUT, .key = key, .body = body, .when = MOLA_PUT_IF_ABSENT});
}

static __attribute__((unused)) mola_err put_match(caller *c, mola_str key, mola_str body,
                                                  mola_etag etag)
{
    return run_op(
        c,
        (mola_store_op){
            .verb = MOLA_PUT, .key = key, .body = body, .when = MOLA_PUT_IF_MATCH, .etag = etag});
}

static __attribute__((unused)) mola_err get(caller *c, mola_str key)
{
    return run_op(c, (mola_store_op){.verb = MOLA_GET, .key = key});
}

static __attribute__((unused)) mola_err get_range(caller *c, mola_str key, uint64_t offset,
                                                  uint64_t length)
{
    return run_op(
        c, (mola_store_op){.verb = MOLA_GET, .key = key, .offset = offset, .length = length});
}

static __attribute__((unused)) mola_err delete_key(caller *c, mola_str key)
{
    return run_op(c, (mola_store_op){.verb = MOLA_DELETE, .key = key});
}

static __attribute__((unused)) mola_err list(caller *c, mola_str prefix)
{
    return run_op(c, (mola_store_op){.verb = MOLA_LIST, .key = prefix});
}

static __attribute__((unused)) bool same_etag(mola_etag a, mola_etag b)
{
    return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

#define K(literal) MOLA_STR(literal)
#define ck_err(call, expected)                                                                     \
    do {                                                                                           \
        mola_err err_ = (call);                                                                    \
        ck_assert_msg(err_ == (expected), "%s: %s, expected %s (%s)", #call, mola_err_name(err_),  \
                      mola_err_name(expected), url);                                               \
    } while (0)
static __attribute__((unused)) void ck_bytes(mola_str text, mola_str expected)
{
    ck_assert_msg(mola_str_eq(text, expected), "'" MOLA_FMT "', expected '" MOLA_FMT "' (%s)",
                  MOLA_ARG(text), MOLA_ARG(expected), url);
}

static __attribute__((unused)) void ck_object(mola_str key, mola_str body)
{
    ck_err(get(&me, key), MOLA_OK);
    ck_bytes(me.op.bytes, body);
    ck_assert_uint_eq(me.op.object_size, body.len);
}

/* The last LIST answered exactly these keys; "a/" with a trailing '/' is a common prefix. */
static __attribute__((unused)) void ck_listed(const char *const *keys, size_t count)
{
    for (size_t i = 0; i < me.op.entry_count && i < count; i++) {
        ck_bytes(me.op.entries[i].key, mola_str_of(keys[i]));
        ck_assert_int_eq(me.op.entries[i].is_prefix, keys[i][strlen(keys[i]) - 1] == '/');
    }
    ck_assert_uint_eq(me.op.entry_count, count);
}
#define ck_keys(...)                                                                               \
    do {                                                                                           \
        static const char *const keys_[] = {__VA_ARGS__};                                          \
        ck_listed(keys_, sizeof keys_ / sizeof *keys_);                                            \
    } while (0)
/* The same, without those that usable_keys() leaves out. */
#define ck_usable_keys(...)                                                                        \
    do {                                                                                           \
        static const char *const keys_[] = {__VA_ARGS__};                                          \
        const char *usable_[sizeof keys_ / sizeof *keys_];                                         \
        ck_listed(usable_, usable_keys(keys_, sizeof keys_ / sizeof *keys_, usable_));             \
    } while (0)

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static __attribute__((unused)) void remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes `url` name an empty place of its own. */
static void fresh_url(const char *base)
{
    if (strcmp(base, "mem:") == 0) {
        (void)snprintf(url, sizeof url, "%s", base);
    } else if (strncmp(base, "file:", 5) == 0) {
        (void)snprintf(url, sizeof url, "%s/mola-store-XXXXXX", base);
        ck_assert_ptr_nonnull(mkdtemp(url + 5));
    } else {
        uint64_t part;
        mola_chance(env, &part, sizeof part);
        const char *options = strchr(base, '?');
        int place = options ? (int)(options - base) : (int)strlen(base);
        (void)snprintf(url, sizeof url, "%.*s/%016llx%s", place, base, (unsigned long long)part,
                       options ? options : "");
    }
}

static bool is_file(void)
{
    return strncmp(url, "file:", 5) == 0;
}

static __attribute__((unused)) bool is_s3(void)
{
    return strncmp(url, "s3:", 3) == 0;
}

/* Servers of S3 that keep keys as paths hide "a/b" beside "a", or refuse it, have no part longer
 * than 255 bytes and no other delimiter than '/'. The storage protocol never needs them. */
static __attribute__((unused)) bool keys_are_free(void)
{
    return !is_s3() || getenv("MOLA_TEST_S3_FREE_KEYS");
}

/* One of the two keys is a folder of the other. */
static __attribute__((unused)) bool nested(const char *a, const char *b)
{
    size_t size = strlen(a);
    return strncmp(a, b, size) == 0 && b[size] == '/';
}

/* The keys that such a server can hold, in the order given: without the folders of others. */
static __attribute__((unused)) size_t usable_keys(const char *const *keys, size_t count,
                                                  const char **out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool usable = true;
        for (size_t k = 0; k < count && !keys_are_free(); k++)
            usable &= !nested(keys[i], keys[k]);
        if (usable)
            out[kept++] = keys[i];
    }
    return kept;
}

static __attribute__((unused)) const char *file_root(void)
{
    ck_assert(is_file());
    return url + 5;
}

static __attribute__((unused)) mola_store *open_store(mola_env *its_env)
{
    mola_store *opened;
    mola_why why = {0};
    mola_err err = mola_store_open(its_env, mola_str_of(url), &opened, &why);
    ck_assert_msg(err == MOLA_OK, "%s: %s", url, why.text);
    return opened;
}

static __attribute__((unused)) void open_fresh(const char *base)
{
    mola_heap_init(&heap, (size_t)1 << 30);
    env = mola_env_real(&heap, &metrics);
    ck_assert_ptr_nonnull(env);
    fresh_url(base);
    store = open_store(env);
    caller_init(&me, env, store);
}

static __attribute__((unused)) void close_fresh(void)
{
    mola_arena_reset(&me.arena);
    mola_store_close(store);
    mola_env_real_free(env);
    ck_assert_msg(atomic_load(&heap.used) == 0, "%zu bytes leaked", atomic_load(&heap.used));
    if (is_file())
        remove_tree(file_root());
}

static __attribute__((unused)) void read_url_table(void)
{
    const char *given = getenv("MOLA_TEST_STORES");
    const char *tmp = getenv("TMPDIR");
    char built_in[URL_BYTES];
    (void)snprintf(built_in, sizeof built_in, "mem: file:%s", tmp ? tmp : "/tmp");
    mola_str rest = mola_str_of(given ? given : built_in);
    while (rest.len && url_count < URLS_MAX) {
        mola_str word = mola_str_cut(&rest, ' ');
        if (word.len && word.len < URL_BYTES)
            (void)snprintf(url_table[url_count++], URL_BYTES, MOLA_FMT, MOLA_ARG(word));
    }
}
