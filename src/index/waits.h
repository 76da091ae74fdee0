/* waits.h - what the collector has seen of each namespace, and when, on the boot clock (protocol
 * I6a, I7). It is memory only: who restarts waits anew, and so does a namespace that was forgotten
 * to make room. Nothing here is ever older than it says. */
#pragma once
#include "index/private.h"

/* I6a: entries up to a floor may be deleted only W after a manifest with that floor was received.
 */
typedef struct {
    uint8_t nsid[16];  /* whose floor */
    uint64_t safe;     /* waited for: 0 none */
    uint64_t pending;  /* received at since_ns; 0: none */
    uint64_t since_ns; /* boot clock */
} mola_floor_wait;
void mola_floor_received(mola_floor_wait *wait, uint64_t floor, uint64_t now_ns, uint64_t fence_ns);

typedef struct { /* I7: a retired row of this incarnation */
    uint8_t owner[16];
    uint64_t base, rand;
    uint64_t first_ns; /* when a manifest with it was first received */
} mola_row_wait;

enum { MOLA_ROW_WAITS_MAX = 1 << 16, MOLA_CHILD_WAITS_MAX = 64 };
typedef struct mola_wait mola_wait;
struct mola_wait {
    mola_wait *next;
    bool busy;        /* a pass has it */
    uint64_t used_ns; /* by a pass */
    uint8_t nsid[16]; /* what follows is about this incarnation */
    mola_floor_wait floor;
    uint64_t deleted;    /* entries up to here were deleted by this process */
    uint64_t wanted_ns;  /* since when a change of the manifest is wanted; 0: it is not */
    uint64_t keep_until; /* wall clock, us: no further entry is old enough before that */
    uint32_t row_count, child_count;
    mola_row_wait *rows;       /* sorted */
    mola_floor_wait *children; /* MOLA_CHILD_WAITS_MAX; NULL: there are none */
    size_t len;
    char text[];
};

mola_err mola_waits_open(mola_env *env, mola_waits **out) MOLA_NODISCARD;
void mola_waits_close(mola_waits *waits); /* NULL: nothing to do */

/* The waits of a name, for the caller alone until they are given back. MOLA_BUSY: another pass has
 * them. MOLA_NO_MEMORY. */
mola_err mola_waits_take(mola_waits *waits, mola_str name, mola_wait **out) MOLA_NODISCARD;
void mola_waits_give(mola_waits *waits, mola_wait *wait);
/* Waits are about one incarnation: those of another one begin anew (I7). */
void mola_wait_for(mola_waits *waits, mola_wait *wait, const uint8_t nsid[16]);
/* Takes note of the retired rows of a manifest received at `now_ns`: new ones are first seen now,
 * vanished ones are forgotten. What there is no room for is seen later. */
mola_err mola_wait_for_rows(mola_waits *waits, mola_wait *wait, const mola_manifest *manifest,
                            uint64_t now_ns) MOLA_NODISCARD;
/* When the row was first seen; UINT64_MAX: it was not. */
uint64_t mola_wait_row_ns(const mola_wait *wait, const mola_retired *retired);
/* The floor of a borrower; NULL: no room, so everything is held. */
mola_floor_wait *mola_wait_child(mola_waits *waits, mola_wait *wait, const uint8_t child[16]);
