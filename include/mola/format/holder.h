/* holder.h - who else needs the objects of an incarnation (protocol sections 2 and 4, I10).
 *
 *   key        d/{nsid}/r/{id}     id: the child's nsid in hex, or that of a checkpoint
 *   written by whoever borrows, before the manifest it borrows from is read
 *   read by    collectors
 *   byte map   holder.c */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/buf.h"

enum { MOLA_HOLDER_FMT = 1 };
enum { /* checkpoints: exactly one of these; branches and copies: none */
       MOLA_HOLDER_OPEN = 1,
       MOLA_HOLDER_DONE = 2,
       MOLA_HOLDER_ABANDONED = 4,
};
typedef struct {
    uint32_t flags;
    uint8_t child[16]; /* nsid of the borrower; of a checkpoint: its id */
    mola_str name;     /* of the borrower; empty for a checkpoint */
    uint64_t cond_ver; /* the version of ns/{name} that the child's birth is conditional on */
    mola_str archive;  /* DONE: key of the archived manifest; else empty */
} mola_holder;

/* Errors stick in `out`, which must be empty. */
void mola_holder_encode(mola_buf *out, const mola_holder *holder);
/* Texts borrow from `image`. MOLA_CORRUPT for any byte not as mapped; MOLA_INVALID with words when
 * it needs a newer reader. */
mola_err mola_holder_decode(mola_str image, mola_holder *out, mola_why *why) MOLA_NODISCARD;
