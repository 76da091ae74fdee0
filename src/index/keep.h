/* keep.h - how far the floor of a log may rise: retention by wall time, which is policy and never
 * decides about safety (protocol section 9). */
#pragma once
#include "index/waits.h"

/* The highest floor, at least the manifest's, all of whose entries are older than the retention. */
mola_err mola_keep_floor(mola_ctx *ctx, mola_indexer *indexer, mola_wait *wait,
                         const mola_manifest *manifest, uint64_t *out) MOLA_NODISCARD;
