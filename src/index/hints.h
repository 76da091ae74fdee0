/* hints.h - work hints of writers elsewhere: q/{nsid} (protocol section 8). Never truth. */
#pragma once
#include "index/private.h"

/* Lists them once: every name is noticed. */
mola_err mola_hints_poll(mola_ctx *ctx, mola_indexer *indexer) MOLA_NODISCARD;
/* Lists them every poll_ns, until the indexer closes. */
void mola_hints_watch(mola_indexer *indexer);
