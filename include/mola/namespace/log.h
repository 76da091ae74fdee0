/* log.h - appending to the log of a name: protocol sections 4, 6 and 7, for write/ alone.
 *
 * Everything here blocks on the store. One thread at a time may append to a name on this node (the
 * commit group's step); reads go on beside it. */
#pragma once
#include "mola/namespace/namespace.h"

typedef struct mola_name mola_name;                             /* one name on this node; counted */
mola_name *mola_name_open(mola_namespaces *all, mola_str text); /* NULL: no memory */
void mola_name_close(mola_name *name);

/* Rows [first, first + count) of a change are the documents that `view` holds in the rows of its
 * segments whose bits are set, in their order: whoever has found them says so, and their ids need
 * not be looked up once more. A hint: it counts as far as they still stand there, on whatever view
 * the change is applied to. Borrowed. */
typedef struct {
    const mola_view *view;
    uint64_t *const *bits; /* [view->segment_count], each mola_words(rows) words; NULL: none */
    uint32_t first, count;
} mola_known_rows;

/* What one log entry does. Empty rows are allowed (a change of schema alone). */
typedef struct {
    uint32_t flags;               /* MOLA_ENTRY_CONFIG, SCHEMA, SEAL; the rest is set here */
    mola_state *state;            /* the state from here on; borrowed. NULL: unchanged */
    mola_rows rows;               /* borrowed */
    const mola_known_rows *known; /* by rising rows */
    uint32_t known_count;
    bool data_written; /* moves written_us; a replay goes by the rows, so: there are some */
} mola_change;

/* The view to evaluate a group on: newest that this node knows after a refresh where rule 6 wants
 * one. MOLA_NOT_FOUND: no such namespace (never was, or deleted; a deletion met on the way is
 * finished first): create it or refuse. */
mola_err mola_log_open(mola_ctx *ctx, mola_name *name, mola_view **view) MOLA_NODISCARD;

/* Offers `change` as entry on->seq + 1.
 *   MOLA_OK           it stands there, settled; *after is the view with it
 *   MOLA_CONFLICT     another's entry stands there, settled and applied: open again and evaluate
 * again MOLA_UNAVAILABLE  definite: it is not in the log and never will be MOLA_UNKNOWN      it may
 * or may not be; hold and view are dropped. Answer every member so MOLA_NO_MEMORY    definite as
 * UNAVAILABLE: the namespace does not fit in memory */
mola_err mola_log_append(mola_ctx *ctx, mola_name *name, const mola_view *on,
                         const mola_change *change, mola_view **after) MOLA_NODISCARD;
/* Creates the namespace with `change` as its first entry (the state must have an id type). Outcomes
 * as above; MOLA_CONFLICT: somebody else created it meanwhile. */
mola_err mola_log_create(mola_ctx *ctx, mola_name *name, const mola_change *change,
                         mola_view **after) MOLA_NODISCARD;
/* A view that this node was given has lost its segments (MOLA_CONFLICT of a read): the next one is
 * opened from the manifest as it is then. */
void mola_log_lost(mola_name *name);
/* A refusal or an empty effect is an answer about the state of `on` (absence, when NULL) and needs
 * the proof a strong read needs (I12). MOLA_OK: proved by a probe sent after this call began;
 * MOLA_CONFLICT: the state has moved, evaluate again. */
mola_err mola_log_prove(mola_ctx *ctx, mola_name *name, const mola_view *on) MOLA_NODISCARD;
/* After a SEAL of `sealed` was appended: turns ns/{name} into a tombstone. Failure is not an error
 * for the client. */
void mola_log_finish_deletion(mola_ctx *ctx, mola_name *name, const mola_view *sealed);

/* Adds the hashes (mola_value_hash) of the ids that the entries behind `seq` were about, up to
 * where the view is, to `hashes`: uint64_t one behind the other. false: that is not known, there
 * are too many of them, or they are too large. */
bool mola_view_touched(const mola_view *view, uint64_t seq, mola_buf *hashes);

/* The view that `on` (NULL: absence) would become with `change`, without touching the log: what
 * filters and conditions of later members of a group are evaluated on. Its own memory, and that of
 * what the rows make, is from `heap`; the rows are copied. One reference to the caller. Looks ids
 * up: errors as mola_view_fetch. */
mola_err mola_view_with(mola_ctx *ctx, mola_heap *heap, const mola_view *on,
                        const mola_change *change, mola_view **out) MOLA_NODISCARD;
