/* publish.h - changing ns/{name} on behalf of index/: protocol rules I2 and I9.
 *
 * Threads: any number; two that publish on one name waste work, nothing else. */
#pragma once
#include "mola/format/manifest.h"
#include "mola/namespace/log.h"
#include "mola/store/store.h"

/* ns/{name} as one GET found it: immutable, counted. */
typedef struct mola_held mola_held;
const mola_manifest *mola_held_manifest(const mola_held *held);
void mola_held_ref(mola_held *held);
void mola_held_unref(mola_held *held); /* NULL: nothing to do */

/* Reads it by a GET sent after this call began, and lets this node know of it. An absent name reads
 * as a tombstone of version 0, epoch 0. */
mola_err mola_manifest_read(mola_ctx *ctx, mola_name *name, mola_held **out) MOLA_NODISCARD;

/* Replaces `old` by `next`, which has old's ver + 1; commit_id and HISTORY are filled in here.
 *   MOLA_OK           done; *out (may be NULL) is what stands there now
 *   MOLA_CONFLICT     lost or moved: read again, judge by the state
 *   MOLA_UNKNOWN      it may be there, or may still arrive: what it refers to must not be deleted
 *   MOLA_UNAVAILABLE  definite: not written
 *   MOLA_INVALID      `old` says more than this version knows: nobody may publish over it */
mola_err mola_manifest_replace(mola_ctx *ctx, mola_name *name, const mola_held *old,
                               mola_manifest *next, mola_held **out) MOLA_NODISCARD;

/* The view at `seq` (or the tail, when the log ends before; never behind a SEAL) of what `held`
 * says now, for building: a view of its own, not the cached one of the name. Entries are read until
 * `bytes_max` bytes of log or `rows_max` rows were. MOLA_CONFLICT: the log was collected under it,
 * read the manifest again. */
mola_err mola_view_build(mola_ctx *ctx, mola_name *name, mola_held *held, uint64_t bytes_max,
                         uint64_t rows_max, mola_view **out) MOLA_NODISCARD;

/* The newest manifest that this node knows of, without a request; NULL: none. */
mola_held *mola_manifest_known(mola_name *name);

/* Section 7, finish: whoever meets a settled SEAL under a live manifest turns that into a
 * tombstone. `seq` is the newest entry of the log that somebody has seen. *sealed: it was a SEAL;
 * the manifest may live on when its replacement failed. */
mola_err mola_manifest_finish(mola_ctx *ctx, mola_name *name, const mola_held *held, uint64_t seq,
                              bool *sealed) MOLA_NODISCARD;

/* ns/{name} was replaced by another registry of this process: this one reads it again, if it knows
 * the name at all, so that its views move on. */
void mola_namespace_published(mola_ctx *ctx, mola_namespaces *all, mola_str text);

/* Closes the name, and forgets it when nobody else has it open: for walks over many names. */
void mola_name_close_forgotten(mola_name *name);

/* Prolongs the lease of a view that was built for itself and that nobody else has: reads the
 * manifest, and when it still names the segments of parts [first, until), they are kept for L from
 * that GET on (I7). MOLA_CONFLICT: it does not. */
mola_err mola_view_renew(mola_ctx *ctx, mola_name *name, mola_view *view, uint32_t part_first,
                         uint32_t part_until) MOLA_NODISCARD;

mola_str mola_name_text(const mola_name *name);
