/* ahead.h - fetching the next step of a walk while this one is computed on.
 *
 * The fetch is a job of its own on the executor of the request. It pins what it fetched, for the
 * short time until the walk has fetched, and so pinned, the same. When no thread has taken the job
 * by then, the walk goes on without it. */
#pragma once
#include "scan/scan.h"

typedef struct mola_ahead mola_ahead;
/* `needs` are copied; the view outlives the fetch. NULL: no executor, no room in its queue, or no
 * memory. */
mola_ahead *mola_ahead_begin(const mola_ctx *ctx, const mola_view *view, const mola_need *needs,
                             size_t count);
/* Waits until the fetch is over, and counts what it did as the request's. false: it had not begun,
 * or failed; then `ahead` is gone. true: the pages are pinned until the end. */
bool mola_ahead_wait(mola_ctx *ctx, mola_ahead *ahead);
/* After a wait that said true, or instead of one: waits, if it has begun, and forgets it. */
void mola_ahead_end(mola_ctx *ctx, mola_ahead *ahead);
