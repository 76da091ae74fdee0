/* sweep.h - the slow walk over all names and incarnations (protocol section 8, sweep). */
#pragma once
#include "index/private.h"

/* Another look at the incarnations that no name refers to, without listing anything else. */
mola_err mola_sweep_doomed(mola_ctx *ctx, mola_indexer *indexer) MOLA_NODISCARD;
/* Sweeps every sweep_ns, until the indexer closes. */
void mola_sweep_watch(mola_indexer *indexer);
