/* write.h - a batch of changes, give me a durable log entry: commit groups (protocol section 6).
 *
 * A request is checked for shape and decoded on its own thread, joins the open group of its
 * namespace and leaves the thread. One step per group, an executor job, evaluates the members in
 * arrival order on exactly the state the entry is appended to, appends one entry, and answers
 * everybody through `done`. */
#pragma once
#include "mola/base/buf.h"
#include "mola/codec/json.h"
#include "mola/namespace/namespace.h"
#include "mola/provider/provider.h"

typedef enum {
    MOLA_WRITE_ROWS,         /* POST /v2/namespaces/{ns}: body = the write request */
    MOLA_WRITE_SCHEMA,       /* POST /v1/namespaces/{ns}/schema: body = the map of definitions */
    MOLA_WRITE_SETTINGS,     /* PATCH metadata: body = {read_only?, pinning?} */
    MOLA_WRITE_DELETE,       /* DELETE: no body */
    MOLA_WRITE_DELETE_EMPTY, /* the same; MOLA_CONFLICT when it has documents */
} mola_write_kind;

typedef struct {
    mola_err err;
    mola_why why;
    uint64_t epoch, seq; /* position made (or, for refusals and empty effects, seen) */
    uint64_t rows_upserted, rows_patched, rows_deleted;
    bool had_upserts, had_patches,
        had_deletes; /* which of the three counts the request asked for */
    bool had_query;  /* conditions or filters were evaluated: billed as one query */
    bool rows_remaining;
    mola_buf upserted_ids, patched_ids,
        deleted_ids;        /* JSON arrays, filled with return_affected_ids; else empty */
    uint64_t bytes_written; /* billable */
    mola_view *view; /* the namespace after the write (one reference), when err is OK; NULL after a
                        deletion */
} mola_write_answer;

typedef struct mola_write mola_write;
struct mola_write { /* owned by the caller, alive until done() */
    /* the caller's */
    mola_write_kind kind;
    mola_str name;
    mola_json body;
    mola_arena *arena;               /* the request's; used by one thread at a time */
    mola_heap *heap;                 /* for decoded columns, which the writer frees before done() */
    uint64_t deadline_ns;            /* boot clock */
    void (*done)(mola_write *write); /* called exactly once, from any thread; may free the write */
    mola_write_answer answer;        /* valid in done(); mola_write_answer_free afterwards */
    mola_model_usage embedding;      /* the same */
    /* write/'s own */
    mola_write *next;
    uint64_t joined_ns;
    struct mola_write_plan *plan;
    struct mola_write_texts *texts;
};
void mola_write_answer_free(mola_write_answer *answer);

/* Limits of one request, and of one namespace (reference 12). 0: what stands behind it. */
typedef struct {
    uint64_t unindexed_bytes_max;   /* 2 GiB of log that an indexer is behind; then 429 */
    uint64_t delete_by_filter_max;  /* 5,000,000 documents */
    uint64_t patch_by_filter_max;   /* 50,000 documents ... */
    uint64_t patch_by_filter_bytes; /* ... and 512 MiB of values written into them */
} mola_write_limits;

typedef struct mola_writer mola_writer;
typedef struct {
    mola_env *env;
    mola_namespaces *namespaces;
    mola_executor *executor;
    mola_provider *provider; /* for texts that are embedded; NULL: none */
    uint64_t window_ns; /* 100 ms after the last PUT was sent; an idle namespace commits at once */
    uint64_t group_bytes_max; /* 16 MiB: an entry is cut there; a larger request goes out of line */
    uint64_t commit_ns_max;   /* 10 s: after that an outcome stays unknown */
    uint32_t waiting_max;     /* members that may wait for one namespace; more: 429 */
    mola_write_limits limits;
} mola_writer_config;
mola_err mola_writer_open(const mola_writer_config *config, mola_writer **out) MOLA_NODISCARD;
void mola_writer_close(mola_writer *writer); /* answers what waits with 503 */

/* Checks the shape, decodes ahead, waits for vectors of its texts, joins the group. Answers through
 * write->done, perhaps before it returns. `job` is the executor job this runs in (pauses while
 * waiting). */
void mola_writer_submit(mola_writer *writer, mola_job *job, mola_write *write);
