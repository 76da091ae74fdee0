/* doomed.h - incarnations that no name refers to: unborn, or over (protocol I11 and section 8,
 * sweep).
 *
 * An incarnation that no name refers to may be on its way to birth. It is suspected for W; then its
 * birth is made impossible; from that answer on it is dead for good, and after another W its
 * objects may go. All of this is memory. */
#pragma once
#include "index/private.h"

mola_err mola_doomed_open(mola_env *env, mola_doomed **out) MOLA_NODISCARD;
void mola_doomed_close(mola_doomed *doomed); /* NULL: nothing to do */
void mola_doomed_forget(mola_doomed *doomed, const uint8_t nsid[16]);
/* Nothing more to do about it before the next sweep. */
void mola_doomed_rest(mola_doomed *doomed, const uint8_t nsid[16]);
/* Forgets those that rest and were not asked about for so long. */
void mola_doomed_expire(mola_doomed *doomed, uint64_t age_ns);
/* Copies up to `max` of the others, for another look before the next sweep. */
uint32_t mola_doomed_list(mola_doomed *doomed, uint8_t (*nsids)[16], uint32_t max);

/* All names were looked at, beginning then, and the incarnations that live were forgotten. */
void mola_doomed_named(mola_doomed *doomed, uint64_t began_ns);

typedef struct { /* what its CREATE entry, or a holder, says about its birth */
    mola_str name;
    uint64_t cond_ver;
} mola_birth;
/* Brings an incarnation that no name refers to one step nearer to its end. `birth` NULL: there is
 * no CREATE entry, so it was born, and is over when a later walk over all names does not meet it;
 * may be asked for only when a listing saw objects of it.
 * *gone: it is dead for good, and has been for W: what nobody else needs of it may be deleted. */
mola_err mola_doom(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16],
                   const mola_birth *birth, bool *gone) MOLA_NODISCARD;
/* It is suspected since W, or longer; the first call begins the wait. */
bool mola_doom_suspected(mola_indexer *indexer, const uint8_t nsid[16]);
