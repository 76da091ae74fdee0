/* segment_sink.h - new objects on their way: held in memory while they are few, then sent to the
 * store, or put into the manifest of a tiny namespace.
 *
 * Nobody else knows the keys (their rand is fresh), so a PUT without a clear answer is sent again:
 * any number of copies may land. What was sent and is not named by a manifest in the end is found
 * by the collector. */
#pragma once
#include "index/private.h"
#include "mola/format/key.h"

enum { MOLA_NEW_OBJECTS_HELD = 64 };

typedef struct {
    uint8_t owner[16];
    uint64_t base, rand;
} mola_object_place;

typedef struct {
    mola_object_place place;
    mola_object_kind kind;
    uint32_t number;
    mola_buf bytes;
} mola_new_object;

typedef struct {
    mola_segment_sink sink; /* for the writer of segment `place` */
    mola_object_place place;
    mola_ctx *ctx;
    mola_indexer *indexer;
    uint64_t held_max, held_bytes;
    bool any_put; /* some have keys: the others must get theirs, too */
    uint32_t held_count;
    mola_new_object held[MOLA_NEW_OBJECTS_HELD];
} mola_new_objects;

/* Holds up to `held_max` bytes of the indexer's heap back. */
void mola_new_objects_init(mola_new_objects *objects, mola_ctx *ctx, mola_indexer *indexer,
                           uint64_t held_max);
void mola_new_objects_free(mola_new_objects *objects);
/* A copy of `bytes` becomes one of them. */
mola_err mola_new_objects_add(mola_new_objects *objects, mola_object_place place,
                              mola_object_kind kind, uint32_t number,
                              mola_str bytes) MOLA_NODISCARD;
/* Gives everything that is held its key. MOLA_UNAVAILABLE with words: not within the deadline,
 * or the indexer is being closed. */
mola_err mola_new_objects_put(mola_new_objects *objects) MOLA_NODISCARD;

/* Waits before another attempt; `attempt` counts from 0. false: the deadline is over. */
bool mola_index_back_off(mola_ctx *ctx, uint32_t attempt);
