/* holders.h - what other incarnations and checkpoints need of one (protocol I10 and section 8). */
#pragma once
#include "index/waits.h"

typedef struct {
    uint64_t base, rand;
} mola_held_object; /* of a segment, or a delete vector */
typedef struct {
    uint64_t after, last; /* entries after < seq <= last */
} mola_held_extent;

typedef struct {
    bool everything; /* somebody holds who cannot be judged: delete nothing */
    uint32_t object_count, extent_count;
    mola_held_object *objects;
    mola_held_extent *extents;
} mola_holdings;

/* Lists and reads the holders of `nsid`, twice; deletes those that hold nothing any more. To be
 * called after the CAS that a pass makes (I10). `wait`: of the namespace; NULL: there is none, and
 * logs are held from their beginning. *out lives in ctx->arena. */
mola_err mola_holders_read(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16],
                           mola_wait *wait, mola_holdings *out) MOLA_NODISCARD;
bool mola_holds_object(const mola_holdings *holdings, uint64_t base, uint64_t rand);
bool mola_holds_entry(const mola_holdings *holdings, uint64_t seq);
/* Some entry of first..last is held. */
bool mola_holds_entries(const mola_holdings *holdings, uint64_t first, uint64_t last);
