/* collect.h - one look at one namespace for what is no longer needed (protocol section 8, collect).
 */
#pragma once
#include "index/private.h"

typedef enum {
    MOLA_COLLECT_USUAL,
    MOLA_COLLECT_DAILY, /* lists all objects: orphans, strays, and how much log is unindexed */
} mola_collect_kind;
typedef struct {
    bool did;   /* the manifest was changed, or something deleted */
    bool lives; /* of the name: what follows is about its incarnation */
    uint8_t nsid[16];
    uint64_t due_ns; /* boot clock: when the next pass may find something; MOLA_NEVER: no reason */
    /* DAILY: of the log behind indexed_seq, as a listing saw it */
    uint64_t newest_seq, unindexed_bytes;
    uint64_t indexed_seq;
} mola_collected;

/* MOLA_BUSY: another pass has the namespace. After an error *out says what is known. */
mola_err mola_collect(mola_ctx *ctx, mola_indexer *indexer, mola_str name, mola_collect_kind kind,
                      mola_collected *out) MOLA_NODISCARD;
