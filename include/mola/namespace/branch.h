/* branch.h - a name that begins as what another one is now (protocol section 7, branch and copy).
 *
 * Nothing is copied but delete vectors: the child refers to the segments and the log of its source,
 * and holders keep the collectors of their owners from deleting what it needs (I10). What either
 * side writes from then on, the other never sees; either may be deleted. A copy is made so too; the
 * indexer then rewrites what it borrows (policy.h in index/), so that it ends up with objects of
 * its own.
 *
 * Threads: any. Blocks on the store. */
#pragma once
#include "mola/namespace/log.h"

typedef enum { MOLA_BRANCH_OF, MOLA_COPY_OF } mola_branch_kind;
typedef struct {
    mola_branch_kind kind;
    uint8_t nsid[16]; /* of the child: random, and given to no other call */
    uint32_t shards;  /* COPY: the child's setting; 0: the source's */
} mola_branch;
typedef struct {
    uint64_t rows;       /* that the child begins with */
    uint64_t epoch, seq; /* its position */
} mola_branched;

/* Makes `child`, which must be absent, from what `source` is by a probe sent after this call began.
 *   MOLA_OK           it is there
 *   MOLA_NOT_FOUND    there is no source
 *   MOLA_INVALID      a sharded source cannot be branched
 *   MOLA_CONFLICT     this one never will be: the child is there, or came meanwhile, or a sweep
 * that took this one for given up made its birth impossible. Look again MOLA_UNAVAILABLE,
 * MOLA_NO_MEMORY, MOLA_CORRUPT  definite: not made MOLA_UNKNOWN      it may be there, or come to
 * be: ns/{child} tells by its nsid */
mola_err mola_name_branch(mola_ctx *ctx, mola_name *source, mola_name *child,
                          const mola_branch *how, mola_branched *out) MOLA_NODISCARD;
