/* cache.h - a disk cache of immutable objects: one preallocated file, read and written past the
 * page cache (storage design 1.9).
 *
 * It holds extents of objects under their keys, 4 KiB by 4 KiB, in slots of a fixed size. It is
 * never trusted: what it gives back is checked here (a sum per 4 KiB) and again by whoever decodes
 * it. It may be full, slow, damaged or gone at any moment: every failure is a miss, no request
 * fails because of it. It survives restarts; two processes never share one file (the second runs
 * without).
 *
 * O_DIRECT and io_uring with registered buffers; plain pread and pwrite where either is refused.
 * Threads: any. */
#pragma once
#include "mola/store/store.h"

typedef struct mola_cache mola_cache;
typedef struct {
    mola_env *env;
    mola_str directory; /* made when missing */
    uint64_t bytes;     /* size of the file */
    bool plain_io;      /* no io_uring */
} mola_cache_config;

/* MOLA_INVALID with words when the directory cannot be used at all; an unusable file in it is made
 * anew. A cache that cannot be opened is for the caller to run without. */
mola_err mola_cache_open(const mola_cache_config *config, mola_cache **out,
                         mola_why *why) MOLA_NODISCARD;
void mola_cache_close(mola_cache *cache);

/* Runs a batch as mola_store_run does, but for GETs of immutable objects (`immutable`; ranges with
 * offset and length, no ETag): what the cache holds whole comes from it, the rest is asked of
 * env->store in one batch with everything else (one round trip; none when everything was there)
 * and put into the cache. `cache` NULL: all of it is asked of the store. Results as mola_store_run
 * gives them; object_size and new_etag are only set by the store. An absent object is never
 * remembered. Adds what the store brought to ctx->bytes_read. */
void mola_cache_run(mola_cache *cache, mola_ctx *ctx, mola_store_op *ops, size_t count);
/* Of the GETs of immutable objects, those that were answered without the store, so far. */
typedef struct {
    uint64_t hits, misses;           /* GETs */
    uint64_t bytes_held, bytes_room; /* in the file */
    uint64_t errors;                 /* of the disk, sums that did not match included */
    bool disabled; /* given up after errors in a row: everything is asked of the store */
} mola_cache_stats;
mola_cache_stats mola_cache_look(mola_cache *cache);
/* What part (0..1) of these ranges it holds: for hints about warmth. No I/O. */
double mola_cache_coverage(mola_cache *cache, const mola_store_op *ops, size_t count);
/* Forgets the first `bytes` of an object. `cache` NULL: nothing to do. No I/O: after a restart the
 * file may have them again. */
void mola_cache_forget(mola_cache *cache, mola_str key, uint64_t bytes);
