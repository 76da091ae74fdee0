/* again.h - a group that is evaluated once more, because another's entry stands in the slot that it
 * was evaluated for: only what that entry has touched is.
 *
 * What a member comes to depends on the schema, on the documents with the ids that it patches,
 * deletes or asks conditions of, and for operations by filter on all that match. It still holds
 * when the schema is the same and nobody else's entry, and no member before it that came to
 * something else, was about one of these documents. Documents are told apart by hashes of their
 * ids: when two have the same, a member is evaluated again that need not be. Threads: one. */
#pragma once
#include "write/plan.h"

typedef struct {
    mola_heap *heap;
    const mola_view *before; /* borrowed; what the members were evaluated on last */
    const mola_view *now;    /* borrowed; what they are to be evaluated on */
    bool all;                /* nothing that was evaluated holds */
    bool members_differ;     /* a member has been evaluated again */
    uint64_t *hashes; /* open addressing; 0: free. Of documents that are not what they were */
    size_t room, count;
} mola_write_again;

/* `before` NULL: they were not evaluated yet. `now` NULL: there is no namespace. */
void mola_write_again_open(mola_write_again *again, mola_heap *heap, const mola_view *before,
                           const mola_view *now);
void mola_write_again_close(mola_write_again *again);

/* The documents that the plan names by id are what they were. */
bool mola_write_again_ids_hold(const mola_write_again *again, const mola_write_plan *plan);
/* What the plan came to holds here, on the state given, and its effect may stay. Blocks on nothing.
 */
bool mola_write_again_holds(const mola_write_again *again, mola_ctx *ctx,
                            const mola_write_plan *plan, const mola_state *state);
/* The plan comes to something else, or may: those behind it must know. With its old effect, and
 * with the new one. */
void mola_write_again_differs(mola_write_again *again, const mola_write_plan *plan);
