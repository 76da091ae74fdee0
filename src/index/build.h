/* build.h - one step that builds segments of one namespace: what flush.c and merge.c share. */
#pragma once
#include "index/rows_source.h"
#include "index/table.h"

enum { MOLA_PUBLISH_ROUNDS_MAX = 16 };

typedef struct {
    mola_ctx ctx; /* the caller's, with an arena of its own */
    mola_arena arena;
    mola_ctx *outer;
    mola_indexer *indexer;
    mola_name *name;
    mola_heap *heap; /* of what is being built */
} mola_build;

/* MOLA_NO_MEMORY with words; then there is nothing to end. */
mola_err mola_build_begin(mola_build *b, mola_ctx *outer, mola_indexer *indexer,
                          mola_str name) MOLA_NODISCARD;
/* Gives `err` back, and NO_MEMORY its words. */
mola_err mola_build_end(mola_build *b, mola_err err);

/* A fresh place under `m`'s incarnation, of an object built from that version. */
mola_object_place mola_build_place(mola_build *b, const mola_manifest *m);
void mola_build_objects(mola_build *b, mola_new_objects *objects);

/* The live rows of parts [part_first, part_until) of a view become segment objects->place: at least
 * one row. `pause` as in rows_source.h. */
typedef struct {
    const mola_view *view;
    uint32_t part_first, part_until;
    mola_err (*pause)(void *argument);
    void *argument;
} mola_build_rows;
mola_err mola_build_segment(mola_build *b, const mola_build_rows *rows, mola_new_objects *objects,
                            mola_segment_info *info) MOLA_NODISCARD;
/* A delete vector of segment `of` becomes an object at `place`. */
mola_err mola_build_deletes(mola_build *b, mola_object_place place, const mola_segment_ref *of,
                            uint32_t rows, const uint64_t *dead,
                            mola_new_objects *objects) MOLA_NODISCARD;
/* MOLA_UNAVAILABLE: the indexer is being closed. */
mola_err mola_build_may_go_on(mola_build *b) MOLA_NODISCARD;
/* Puts `next` where `now` stands. Errors as mola_manifest_replace. */
mola_err mola_build_publish(mola_build *b, const mola_held *now,
                            mola_manifest *next) MOLA_NODISCARD;

/* One flush. *more: it took a mouthful, there may be more; else everything that the log held when
 * it looked is flushed. */
mola_err mola_flush_some(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did,
                         bool *more) MOLA_NODISCARD;
