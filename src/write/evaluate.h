/* evaluate.h - what a decoded write does to the documents that a draft stands on. */
#pragma once
#include "write/draft.h"

/* Conditions, filters, and whether what is patched or deleted is there at all, seen behind all
 * members taken so far. Fills in the counts and ids of write->answer and plan->effect; the draft
 * does not change but for what it remembers of earlier members. Blocks on the store.
 *
 * MOLA_INVALID: the request asks for what it may not have, with words in `why`. Other errors mean
 * that the documents could not be looked at; MOLA_CONFLICT, that the view has lost its segments. */
mola_err mola_write_evaluate(mola_write_draft *draft, mola_write *write,
                             const mola_write_request *request, mola_why *why) MOLA_NODISCARD;

/* All upserts of the plan together might be more than the namespace may have: documents are only
 * counted then. */
bool mola_write_may_overflow(const mola_write_draft *draft, const mola_write_plan *plan);
