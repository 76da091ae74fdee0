/* index.h - new log entries, give me segments; and what is no longer needed, away with it
 * (protocol section 8). Runs inside `mola serve`, and alone as `mola index`.
 *
 * Any number of indexers may work on one store: they waste work, nothing else. All state of a pass
 * is memory; a restart begins anew. */
#pragma once
#include "mola/namespace/namespace.h"

typedef struct {
    mola_env *env;
    mola_str org;
    mola_namespaces *serving; /* told of what was published here; NULL: a process of its own */
    uint64_t fence_ns;        /* W, as everywhere */
    uint64_t memory_max;      /* of what is being built at one moment, and of its views */
    uint32_t workers;         /* namespaces worked on at once; 0: no threads, single steps only */
    /* A namespace is flushed when its unindexed log has so many bytes or rows, or is so old. */
    uint64_t flush_bytes, flush_rows, flush_age_ns;
    uint32_t merge_fan_in;     /* segments of one level that become one of the next: 8 */
    uint32_t segment_rows_max; /* larger ones are not merged further */
    uint64_t inline_bytes_max; /* a namespace without more stands in its manifest whole; up to
                                  MOLA_INLINE_BYTES_MAX */
    uint64_t poll_ns;          /* how often the work hints are listed */
    uint64_t sweep_ns;         /* how often all namespaces are looked at: a day */
    uint64_t retention_us;     /* how long log entries and retired segments are kept, wall time */
    uint64_t gc_floor_age_us;  /* gc_floor follows versions that were current so long ago: a day */
} mola_indexer_config;
mola_indexer_config mola_indexer_defaults(mola_env *env);

typedef struct mola_indexer mola_indexer;
/* Starts its threads. MOLA_INVALID with words; MOLA_NO_MEMORY; MOLA_UNAVAILABLE. */
mola_err mola_indexer_open(const mola_indexer_config *config, mola_indexer **out,
                           mola_why *why) MOLA_NODISCARD;
void mola_indexer_close(mola_indexer *indexer); /* ends what is being built at its next step */
/* A namespace has unindexed log: saves the hint and its LIST when the indexer is in this process.
 */
void mola_indexer_notice(mola_indexer *indexer, mola_str name);
/* The same, from a view that ends in unindexed log: saves measuring it. */
void mola_indexer_grew(mola_indexer *indexer, mola_str name, const mola_view *view);
/* Flushes, merges and collects every name once, and sweeps, in the calling thread. The first error
 * after which it could not go on; what failed for one name alone is logged and counted in *failed.
 */
mola_err mola_index_once(mola_ctx *ctx, mola_indexer *indexer, uint64_t *failed) MOLA_NODISCARD;

/* ---- single steps, in the calling thread: what the workers do; for tests, fsck and tools.
 * MOLA_CONFLICT: somebody else was faster, nothing was changed here, look again. MOLA_UNKNOWN: it
 * may have been done, or may still be. MOLA_UNAVAILABLE, MOLA_NO_MEMORY, MOLA_CORRUPT,
 * MOLA_INVALID: it was not. All with words. */

/* One flush of what the log holds now, however little. *did false: there was nothing to do. */
mola_err mola_index_flush(mola_ctx *ctx, mola_indexer *indexer, mola_str name,
                          bool *did) MOLA_NODISCARD;
/* One merge, when the policy wants one (`force`: of all that can be merged). */
mola_err mola_index_merge(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool force,
                          bool *did) MOLA_NODISCARD;
/* One collection pass. */
mola_err mola_index_collect(mola_ctx *ctx, mola_indexer *indexer, mola_str name,
                            bool *did) MOLA_NODISCARD;
/* The slow sweep over all names and incarnations: lost hints, dead incarnations, orphans. */
mola_err mola_index_sweep(mola_ctx *ctx, mola_indexer *indexer) MOLA_NODISCARD;
