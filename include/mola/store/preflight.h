/* preflight.h - is this store safe to trust with data? (architecture, "the object store contract")
 *
 * Writers are raced against scratch keys under `.preflight/`, which are deleted again. Everything
 * that the storage protocol assumes and that can be seen from outside is tried; a store that fails
 * a check loses data sooner or later, and must be refused. Threads: any. */
#pragma once
#include "mola/store/store.h"

typedef enum { MOLA_CHECK_SKIPPED, MOLA_CHECK_PASSED, MOLA_CHECK_FAILED } mola_check_result;
/* X(name, what must hold) */
#define MOLA_PREFLIGHT_CHECKS(X)                                                                   \
    X(read_after_write, "a GET sees a completed PUT, also after an earlier 404")                   \
    X(create_once, "of 8 writers that create one key, exactly one wins")                           \
    X(create_refused, "a key that exists cannot be created again")                                 \
    X(swap_current, "If-Match with the current ETag replaces the object, and the ETag changes")    \
    X(swap_stale, "If-Match with an ETag that is no longer current changes nothing")               \
    X(swap_once, "of 8 writers that swap one ETag, exactly one wins")                              \
    X(swap_absent, "If-Match on a key that is not there creates nothing")                          \
    X(unchanged, "a GET with If-None-Match of the current ETag brings no body")                    \
    X(ranges, "a GET of a range brings exactly its bytes")                                         \
    X(list_after_write, "LIST shows a key right after its PUT, and in byte order")                 \
    X(delete_seen, "a GET sees a completed DELETE, and deleting again is no error")

#define MOLA_PREFLIGHT_ID(name, text) MOLA_CHECK_##name,
typedef enum { MOLA_PREFLIGHT_CHECKS(MOLA_PREFLIGHT_ID) MOLA_CHECK_COUNT } mola_check;
const char *mola_check_text(mola_check check);

/* What the store says of itself; only stores behind HTTP do. */
typedef struct {
    bool asked;
    bool versioning;  /* kept versions pile up ... */
    bool lifecycle;   /* ... unless a rule removes them */
    bool object_lock; /* what cannot be deleted cannot be collected */
    int64_t skew_s;   /* its clock minus ours; of no matter to the protocol */
} mola_store_survey;

typedef struct {
    mola_check_result checks[MOLA_CHECK_COUNT];
    uint64_t took_ns[MOLA_CHECK_COUNT];
    mola_store_survey survey;
    uint64_t put_ns, get_ns; /* one small object, the median of a few */
} mola_preflight;

/* Runs all checks, with the time that ctx has (2 s are enough for any store that is near). MOLA_OK:
 * safe. MOLA_INVALID with words: unsafe, or not usable at all. MOLA_UNAVAILABLE with words: the
 * store did not answer in time, nothing is known. */
mola_err mola_store_preflight(mola_store *store, mola_ctx *ctx, mola_preflight *out) MOLA_NODISCARD;
/* The few checks that cost next to nothing and tell whether conditions are kept, for a store that
 * has passed all of them: buckets do not change, but what stands before them may. MOLA_OK: they
 * are. MOLA_INVALID with words: they are not. MOLA_UNAVAILABLE: nothing is known. */
mola_err mola_store_recheck(mola_store *store, mola_ctx *ctx) MOLA_NODISCARD;
