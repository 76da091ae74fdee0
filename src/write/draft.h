/* draft.h - the log entry that a commit group is about to offer, member by member.
 *
 * A draft stands on one view, or on the absence of the namespace. Members are taken in arrival
 * order; each sees the effects of those before it. One that is refused leaves no trace. Patches,
 * deletes, conditions and filters look at documents, in segments too (evaluate.h), which may block
 * on the store. Threads: one. */
#pragma once
#include "mola/namespace/log.h"
#include "write/again.h"
#include "write/ids.h"
#include "write/plan.h"

typedef struct {
    const mola_rows *rows;
    const struct mola_write_found *found; /* the first ones were found by filter; NULL: none */
} mola_write_draft_batch;

typedef struct {
    mola_ctx *ctx;      /* of the round */
    mola_heap *heap;    /* the environment's: of states, and of what the group needs */
    uint64_t bytes_max; /* of rows in one entry */
    const mola_write_limits *limits;
    mola_write_again *again; /* what of earlier evaluations holds; NULL: nothing. Borrowed */
    mola_view *view;         /* borrowed; NULL: the namespace is absent */
    mola_state *state;       /* after the members taken so far; NULL: still absent. One reference */
    bool has_effect;         /* there is something to append */
    bool is_closed;          /* nothing may follow in this entry */
    uint32_t flags;          /* MOLA_ENTRY_... */
    bool state_changed, data_written;
    uint64_t bytes;                  /* of rows, about */
    mola_write_draft_batch *batches; /* rows of the members that have some; theirs */
    uint32_t batch_count, batch_room;
    uint64_t rows;             /* in all batches */
    mola_known_rows *known;    /* of the change, once it is asked for; 2 a batch */
    mola_rows_builder *joined; /* the batches as one, when there are several */
    mola_id_map ids;           /* last operation by id, of the first `mapped` batches */
    uint32_t mapped;
    mola_view *seen; /* the view with the first `seen_batches` batches, for filters; NULL: none */
    uint32_t seen_batches;
    bool is_outrun; /* the view has lost its segments: nothing counts, open another one */
} mola_write_draft;

void mola_write_draft_open(mola_write_draft *draft, mola_ctx *ctx, mola_heap *heap,
                           uint64_t bytes_max, const mola_write_limits *limits, mola_view *view);
void mola_write_draft_close(mola_write_draft *draft);

typedef enum {
    MOLA_TAKEN, /* write->answer says what became of it, should the entry be appended */
    MOLA_CUT,   /* it does not fit in behind the others: the next entry is for it */
} mola_taken;
/* The first member is never cut. What was taken must outlive the draft. */
mola_taken mola_write_draft_take(mola_write_draft *draft, mola_write *write);

/* What to append; borrows from the draft. MOLA_NO_MEMORY. */
mola_err mola_write_draft_change(mola_write_draft *draft, mola_change *out) MOLA_NODISCARD;

/* Forgets an earlier evaluation's answer. */
void mola_write_answer_clear(mola_write_answer *answer);
