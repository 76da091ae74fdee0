/* private.h - what the files of index/ share.
 *
 * A step works on one namespace in the calling thread; steps on different namespaces run beside
 * each other. A step asks mola_indexer_stopping() now and then, between two pieces of work that
 * take long, and ends with MOLA_UNAVAILABLE when it says so: nothing that was built needs to be
 * undone, for an object that no manifest names is found by the collector later. */
#pragma once
#include "mola/index/index.h"
#include "mola/namespace/publish.h"

typedef struct mola_work mola_work;     /* work.h: names with something to do */
typedef struct mola_waits mola_waits;   /* waits.h: what the collector has seen, and when */
typedef struct mola_doomed mola_doomed; /* doomed.h: incarnations that no name refers to */

struct mola_indexer {
    mola_env *env;
    mola_indexer_config config;
    mola_namespaces *names; /* a registry of its own: what is built from does not push readers'
                               views out, and holds half of memory_max */
    mola_inner_heap heap;   /* for what is being built: the other half */
    mola_work *work;
    mola_waits *waits;
    mola_doomed *doomed;
};

/* How much of `heap` one step may use at a time. */
static inline uint64_t mola_indexer_share(const mola_indexer *indexer)
{
    uint64_t workers = indexer->config.workers ? indexer->config.workers : 1;
    return indexer->config.memory_max / 2 / workers;
}

/* The indexer is being closed. */
bool mola_indexer_stopping(mola_indexer *indexer);
/* ns/{name} was replaced here: the views of this process move on. To be called after every
 * publication that succeeded. */
void mola_indexer_published(mola_ctx *ctx, mola_indexer *indexer, mola_str name);
