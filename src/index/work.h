/* work.h - the names that have something to do, and when; the threads that do it.
 *
 * A name is worked on by one thread at a time. A failure pushes its next try further away; a name
 * that fails again and again is told of once and then tried every hour. */
#pragma once
#include "index/private.h"

mola_err mola_work_open(mola_indexer *indexer, mola_work **out) MOLA_NODISCARD;
/* MOLA_UNAVAILABLE: the system has no more threads. */
mola_err mola_work_start(mola_work *work) MOLA_NODISCARD;
/* Waits until all threads have ended; NULL: nothing to do. */
void mola_work_close(mola_work *work);
bool mola_work_closing(mola_work *work);
/* Waits for `duration_ns`, or until the work is closed. */
void mola_work_rest(mola_work *work, uint64_t duration_ns);

typedef struct {
    mola_str name;
    bool measured;        /* the next two are known */
    uint64_t bytes, rows; /* of unindexed log */
    uint64_t indexed_seq; /* that they are counted from; 0: not known */
    const uint8_t *hint;  /* nsid of the hint that said so; NULL: none */
} mola_notice;
/* There is unindexed log. */
void mola_work_notice(mola_work *work, const mola_notice *notice);
/* A pass should look at the name at this time (boot clock). */
void mola_work_collect_at(mola_work *work, mola_str name, uint64_t due_ns);
/* The name has something to do. */
bool mola_work_knows(mola_work *work, mola_str name);

uint32_t mola_work_count(mola_work *work); /* names in the table */
/* The hints that names in the table came with: up to `max` nsids. */
uint32_t mola_work_hints(mola_work *work, uint8_t (*nsids)[16], uint32_t max);

/* ---- step.c: what is done for one name, in the calling thread */

/* How much log is unindexed, by one GET (304 mostly) and LISTs. */
typedef struct {
    bool lives;
    uint8_t nsid[16];
    uint64_t indexed_seq, newest_seq, bytes;
} mola_measure;
mola_err mola_work_measure(mola_ctx *ctx, mola_indexer *indexer, mola_str name,
                           mola_measure *out) MOLA_NODISCARD;

/* Flushes what the log holds when it begins, and merges by policy. *did: something was published.
 */
mola_err mola_work_index(mola_ctx *ctx, mola_indexer *indexer, mola_str name,
                         bool *did) MOLA_NODISCARD;

typedef struct { /* a name that is said to have unindexed log */
    mola_str name;
    bool large, old; /* enough to be flushed; neither: measure it */
    bool hinted;
    uint8_t hint[16];
} mola_look;
typedef struct {
    bool caught_up; /* nothing was unindexed when it was looked at last */
    bool did;
    bool measured; /* `bytes` of unindexed log are left */
    uint64_t bytes, indexed_seq;
} mola_found;
/* Measures it if need be, indexes it if that is worth it, deletes the hint once it has caught up.
 */
mola_err mola_work_look(mola_ctx *ctx, mola_indexer *indexer, const mola_look *look,
                        mola_found *out) MOLA_NODISCARD;
