/* clone.h - copy_from_namespace and branch_from_namespace: a write that makes its namespace out of
 * another one (reference 9.9, 9.10).
 *
 * Two steps, so that an asynchronous copy can be refused at once: mola_clone_begin says all that is
 * known before, mola_clone_make tries once. Both block on the store. */
#pragma once
#include "mola/namespace/branch.h"
#include "mola/write/write.h"

typedef struct {
    mola_branch_kind kind;
    mola_str source; /* in the arena of whoever began */
    uint32_t shards; /* 0: as the source has it */
    bool replaces;   /* the name has a namespace without documents, which goes first */
} mola_clone;

/* The body of a write asks for one. */
bool mola_clone_asked(mola_json body);

/* Checks the request in the order of all writes: shape (422), the namespace itself, meaning, the
 * source. MOLA_SHAPE, MOLA_INVALID; MOLA_NOT_FOUND: no source; MOLA_CONFLICT: `name` has documents;
 * errors of reading. All with words. */
mola_err mola_clone_begin(mola_ctx *ctx, mola_namespaces *all, mola_str name, mola_json body,
                          mola_clone *out) MOLA_NODISCARD;
/* The same without a body: `clone` has kind, source and shards. */
mola_err mola_clone_begin_again(mola_ctx *ctx, mola_namespaces *all, mola_str name,
                                mola_clone *clone) MOLA_NODISCARD;
/* One attempt, by this nsid (random, given to no other one). MOLA_CONFLICT without words: it failed
 * for good, and what stands under the name has changed: begin again. Else as mola_name_branch. */
mola_err mola_clone_make(mola_ctx *ctx, mola_namespaces *all, mola_writer *writer, mola_str name,
                         const mola_clone *clone, const uint8_t nsid[16],
                         mola_branched *out) MOLA_NODISCARD;
