/* manifest.h - the one mutable object of a name: which incarnation lives, which segments it has.
 *
 *   key        ns/{name}      changed only by If-Match, never deleted;
 *                             96 bytes: a tombstone, else 176 and more
 *   byte map   protocol section 2 ("MNF1"); sections in manifest.c */
#pragma once
#include "mola/model/state.h"

enum { MOLA_TOMBSTONE_BYTES = 96, MOLA_MANIFEST_FMT = 1, MOLA_HISTORY_MAX = 16 };
typedef struct {
    uint8_t nsid[16];
    uint64_t last_seq; /* slots <= last_seq (and above the previous row's) live in that log */
} mola_lineage;
typedef struct { /* identity of a segment; what it holds is format/segment's business */
    uint8_t owner[16];
    uint64_t base, rand, seq_from, seq_to;
    uint64_t dv_base, dv_rand; /* delete vector; 0, 0: none */
} mola_segment_ref;
/* What a reader must know of a segment before it opens it; row i is about segments[i]. With rows it
 * has a head, data and at least one object; `deleted` and the delete vector come together. */
typedef struct {
    uint32_t rows;       /* 0: it has no objects (its entries left nothing) */
    uint32_t deleted;    /* rows that the delete vector holds dead; 0: there is none */
    uint64_t head_bytes; /* of the head object */
    uint64_t data_bytes; /* of all data objects */
    uint32_t object_count;
    uint32_t level; /* of the merge that made it; 0: a flush */
} mola_segment_info;
typedef enum {
    MOLA_OBJECT_HEAD = 'h',
    MOLA_OBJECT_DATA = 'o',
    MOLA_OBJECT_DELETES = 'x'
} mola_object_kind;
/* An object of a tiny namespace that stands in the manifest itself and has no key of its own: of a
 * segment of the table, or a delete vector that it names. None stands there twice; each has 64
 * bytes or more. Decoded, the bytes are in the arena on a multiple of 64. */
typedef struct {
    uint8_t owner[16];
    uint64_t base, rand;
    uint32_t kind, number; /* mola_object_kind; of DATA */
    mola_str bytes;
} mola_inline_object;
enum { MOLA_INLINE_BYTES_MAX = 256 << 10 }; /* of all inline objects together */

typedef struct { /* a segment or delete vector that left the table; its objects still exist */
    uint8_t owner[16];
    uint64_t base, rand, at_ver, time_us;
} mola_retired;
typedef struct {
    uint64_t ver, time_us;
} mola_history;

typedef struct {
    bool deleted; /* a tombstone: only nsid, epoch, ver, commit_id, time_us count */
    uint8_t nsid[16], commit_id[16];
    uint64_t epoch, ver;
    uint64_t time_us; /* tombstone */
    uint64_t indexed_seq, wal_floor, gc_floor, indexed_time_us, indexed_chain;
    uint32_t lineage_count, segment_count, retired_count, history_count;
    mola_lineage *lineage;      /* rising last_seq */
    mola_segment_ref *segments; /* tile 1..indexed_seq */
    mola_segment_info *infos;   /* [segment_count] */
    uint32_t inline_count;
    mola_inline_object *inlines;
    mola_retired *retired;
    mola_history *history; /* newest last, rising ver */
    /* as of indexed_seq, like the state */
    uint64_t created_us, updated_us, written_us;
    mola_state *state; /* NULL in a tombstone, and if and only if indexed_seq is 0 */
    /* Decoded from an image that has more than we know: it may be read, and we must never publish
     * on top of it (protocol section 2). */
    bool newer;
} mola_manifest;

void mola_manifest_encode(mola_buf *out, const mola_manifest *manifest);
/* MOLA_CORRUPT for any byte not as mapped; MOLA_INVALID with words when it needs a newer reader.
 * Arrays are in the arena; the state, when set, is one reference that the caller owns (heap). */
mola_err mola_manifest_decode(mola_str image, mola_arena *arena, mola_heap *heap,
                              mola_manifest *out, mola_why *why) MOLA_NODISCARD;
