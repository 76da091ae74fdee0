/* tail.h - from one view to the next: what a log entry does to the rows. The rows that it replaces
 * or patches are looked up in segments too, so this may block on the store. No locks. */
#pragma once
#include "namespace/known.h"

/* The view of an incarnation before its first entry: sequence 0, no state, room for `parts`. NULL:
 * no memory. */
mola_view *mola_view_empty(mola_heap *heap, const uint8_t nsid[16], uint64_t epoch, uint32_t parts);

/* The view after `entry`, whose rows stand in `image` (it is taken over when a part needs it; NULL:
 * they are copied). `log_bytes` is what the entry takes in the store. Does not look at entry->seq
 * and prev_chain: the caller did. `known`: where the rows stand, as far as somebody has looked
 * already; NULL: nobody has. MOLA_NO_MEMORY: the heap of `on` is full; nothing is left behind.
 * Errors of mola_view_fetch. */
mola_err mola_view_apply(mola_ctx *ctx, const mola_view *on, const mola_entry *entry,
                         mola_image *image, uint64_t log_bytes, const mola_known *known,
                         mola_view **out) MOLA_NODISCARD;
/* The same rows over the same position, not an entry of the log, with its memory from `heap`. */
mola_err mola_view_overlay(mola_ctx *ctx, mola_heap *heap, const mola_view *on,
                           const mola_rows *rows, const mola_known *known, mola_state *state,
                           mola_view **out) MOLA_NODISCARD;

/* deletes.c: rows that are nothing but deletes, on a draft that is `on` as yet. Nothing is added;
 * parts may be left without a row. */
bool mola_view_only_deletes(const mola_rows *rows);
mola_err mola_view_delete(mola_ctx *ctx, mola_view *draft, const mola_view *on,
                          const mola_rows *rows, const mola_known *known) MOLA_NODISCARD;

/* A copy of `on` with room for `more` parts, seen by nobody yet. NULL: no memory. */
mola_view *mola_view_draft(mola_heap *heap, const mola_view *on, uint32_t more);

/* Compaction (compact.c): at most one merge of a view that nobody else sees yet. It never changes
 * what a reader sees; when memory is short it does not happen. */
void mola_view_compact(mola_view *view);
/* The heap as a scratch arena. */
static inline mola_arena mola_scratch(mola_heap *heap)
{
    mola_arena arena;
    mola_arena_init(&arena, heap, SIZE_MAX);
    return arena;
}
