/* requests.h - LISTs, GETs and DELETEs of the collector, asked again until they are answered. */
#pragma once
#include "index/private.h"
#include "mola/format/key.h"

/* Asks one operation again, with patience, while its answer says nothing (UNAVAILABLE, UNKNOWN) and
 * the deadline and the indexer permit. Its error, with words; MOLA_NOT_FOUND has none. */
mola_err mola_index_ask(mola_ctx *ctx, mola_indexer *indexer, mola_store_op *op) MOLA_NODISCARD;

/* A LIST, page by page; what a page brought lives until the next one. */
typedef struct {
    mola_indexer *indexer;
    mola_ctx *outer, ctx;
    mola_arena arena;
    mola_str prefix;
    char delimiter;
    bool ended;
    size_t last_len; /* after this key */
    char last[MOLA_KEY_BYTES_MAX];
    const mola_store_entry *entries;
    uint32_t count;
} mola_walk;
/* `prefix` must outlive the walk. */
void mola_walk_begin(mola_walk *walk, mola_ctx *ctx, mola_indexer *indexer, mola_str prefix,
                     mola_str after, char delimiter);
/* false: there are no more pages, or an error: *err. */
bool mola_walk_page(mola_walk *walk, mola_err *err) MOLA_NODISCARD;
void mola_walk_end(mola_walk *walk);

/* Keys on their way to being deleted, in batches. An object that could not be deleted is garbage as
 * before: the next pass finds it. */
enum { MOLA_BIN_KEYS = 64 };
typedef struct {
    mola_indexer *indexer;
    mola_ctx *ctx;
    uint32_t count;
    uint64_t deleted;
    mola_err err; /* the first one */
    mola_key keys[MOLA_BIN_KEYS];
} mola_bin;
void mola_bin_begin(mola_bin *bin, mola_ctx *ctx, mola_indexer *indexer);
void mola_bin_add(mola_bin *bin, mola_str key);
/* Deletes what is left in it; the first error there was. */
mola_err mola_bin_end(mola_bin *bin) MOLA_NODISCARD;
