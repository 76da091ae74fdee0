/* store.h - a key, give me bytes: the contract of an object store (protocol section 3).
 *
 * Everything is a batch: the operations of one batch run at once, the caller waits once. Outcomes
 * are exact; what each mola_err means for an operation: MOLA_OK           done (also DELETE of a
 * missing key) MOLA_NOT_FOUND    GET, COPY: absent MOLA_CONFLICT     the condition did not hold
 * (HTTP 412) - which may be the work of an earlier copy of the same request: read the key back
 * before believing in a loss MOLA_UNAVAILABLE  definite: nothing happened, the same operation may
 * be sent again MOLA_UNKNOWN      PUT, DELETE, COPY: sent, answer not known; it may have landed and
 * may still land MOLA_INVALID      definite: refused by configuration or by a bad key; report it
 * MOLA_CORRUPT GET: the stored bytes are damaged MOLA_NO_MEMORY    the answer does not fit the
 * arena's budget
 *
 * Threads: any; a batch is used by one thread at a time. Keys: see mola_store_key_ok. */
#pragma once
#include "mola/base/ctx.h"
#include <stdatomic.h>

typedef enum { MOLA_GET, MOLA_PUT, MOLA_DELETE, MOLA_LIST, MOLA_COPY } mola_store_verb;
typedef enum { MOLA_PUT_ALWAYS, MOLA_PUT_IF_ABSENT, MOLA_PUT_IF_MATCH } mola_put_when;

/* An ETag: opaque bytes that change with every PUT of a key. len 0: none. */
enum { MOLA_ETAG_BYTES_MAX = 64, MOLA_KEY_BYTES_MAX = 1024, MOLA_LIST_KEYS_MAX = 1000 };
typedef struct {
    uint8_t len;
    char bytes[MOLA_ETAG_BYTES_MAX];
} mola_etag;

typedef struct {
    mola_str key;  /* a common prefix (it ends in the delimiter) when `is_prefix` */
    uint64_t size; /* bytes of the object */
    bool is_prefix;
} mola_store_entry;

typedef struct {
    /* what is asked; the views must live until the batch is done */
    mola_store_verb verb;
    mola_str key;       /* LIST: the prefix, may be empty */
    uint64_t offset;    /* GET: first byte */
    uint64_t length;    /* GET: bytes; 0 = to the end. A range beyond the end is cut short */
    bool immutable;     /* GET: the object never changes: a cache may answer (cache.h) */
    mola_str body;      /* PUT */
    mola_put_when when; /* PUT */
    bool urgent; /* GET, PUT: others give way to it when the store is slow. A PUT may be sent again
                    while no answer comes: whoever says so reads the key back when the answer is a
                    conflict, which may be with the first sending */
    mola_str source; /* COPY: the key whose object, of 5 GB at most, `key` is to hold from now on;
                        its bytes do not pass through here */
    mola_etag etag;  /* PUT IF_MATCH: the expected one. GET: len > 0 = If-None-Match */
    mola_str start_after; /* LIST: keys (and prefixes) strictly after this one */
    char delimiter;       /* LIST: 0 = none */
    uint32_t keys_max;    /* LIST: 0 = MOLA_LIST_KEYS_MAX, which is also the most */

    /* what came back; in the arena of the ctx given to mola_store_run */
    mola_err err;
    bool not_modified;         /* GET: the ETag given is still the current one; no body */
    mola_etag new_etag;        /* GET, PUT: of the object as it is now */
    mola_str bytes;            /* GET */
    uint64_t object_size;      /* GET: bytes of the whole object, whatever the range */
    mola_store_entry *entries; /* LIST: in byte order of the keys */
    uint32_t entry_count;
    bool truncated; /* LIST: there is more after the last entry */
} mola_store_op;

typedef struct mola_store mola_store;
typedef struct {
    const char *scheme; /* "mem", "file", "s3" */
    void (*run)(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count);
    void (*close)(mola_store *store);
} mola_store_driver;
struct mola_store {
    const mola_store_driver *driver;
    atomic_bool distrusted;
};

/* Runs a batch and waits for all of it; pauses ctx->job meanwhile, counts one round trip, feeds the
 * metrics. The result of each operation is in its `err`; there is no other. */
void mola_store_run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count);

/* While a store is distrusted all PUTs with a condition are refused (MOLA_INVALID), but those of
 * the preflight: it has been seen to ignore conditions, and what rests on them would be lost.
 * Whether it was distrusted before. */
#define MOLA_PREFLIGHT_FOLDER ".preflight/"
bool mola_store_distrust(mola_store *store, bool distrusted);

/* 1..1,024 bytes of printable ASCII in parts separated by '/'; no part is empty, "." or "..". */
bool mola_store_key_ok(mola_str key);

/* Opens what a URL names: `mem:`, `file:DIR` (made when missing),
 * `s3://bucket/prefix?option=value`. MOLA_INVALID with words when the URL is not understood or the
 * place unusable. */
mola_err mola_store_open(mola_env *env, mola_str url, mola_store **out,
                         mola_why *why) MOLA_NODISCARD;
void mola_store_close(mola_store *store);
