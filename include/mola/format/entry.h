/* entry.h - one log entry: the image of protocol section 2, "LOG1".
 *
 *   key        d/{nsid}/w/{inv16}      created once, If-None-Match:*
 *   written by write/ through namespace/log.c        read by namespace/log.c, index/
 *
 *      0  char[4] magic "LOG1"   4  u16 fmt   6  u16 min_reader_fmt   8  u32 flags
 *     12  u32 header_bytes = 128   16  u8[16] nsid   32  u64 seq   40  u8[16] batch_id
 *     56  u64 prev_chain   64  u64 time_us   72  u64 cond_ver   80  u32 ops   84  u32 columns
 *     88  u64 body_bytes   96  u8[32] reserved, zero
 *    128  body, then xxh3-128 of all before (the byte map of the body is in entry.c)
 *
 * The body is columnar so that the tail can be searched in place: vectors raw and 64-byte aligned
 * from the start of the image, everything else zstd-1 per column. */
#pragma once
#include "mola/model/rows.h"

enum { MOLA_ENTRY_HEADER_BYTES = 128, MOLA_ENTRY_FMT = 1 };
enum {
    MOLA_ENTRY_CREATE = 1, /* first entry of an incarnation: carries the name */
    MOLA_ENTRY_SEAL = 2,   /* nothing follows */
    MOLA_ENTRY_CONFIG = 4, /* settings changed (read_only, pinning): carries the state */
    MOLA_ENTRY_SCHEMA = 8, /* schema changed: carries the state */
    MOLA_ENTRY_LARGE = 16, /* the rows stand in a payload object */
    MOLA_ENTRY_BRANCH = 32,
    MOLA_ENTRY_COPY = 64,
};
typedef struct { /* LARGE: where the rows are */
    uint64_t base, rand, bytes;
    uint8_t sum[16]; /* xxh3-128 of the payload object */
} mola_payload_ref;

typedef struct {
    uint32_t flags;
    uint8_t nsid[16], batch_id[16];
    uint64_t seq, prev_chain, time_us, cond_ver;
    mola_str name;          /* CREATE */
    mola_state *state;      /* CREATE, CONFIG, SCHEMA: the whole state from here on; else NULL */
    mola_payload_ref large; /* LARGE */
    mola_rows rows;         /* count 0 when there are none (or LARGE) */
} mola_entry;

/* Appends the image (out must be empty: alignment counts from its start). Errors stick in `out`. */
void mola_entry_encode(mola_buf *out, const mola_entry *entry);
/* The rows alone, as the payload object of a LARGE entry, and back. Same rules as below. */
void mola_payload_encode(mola_buf *out, const mola_rows *rows);

/* What a decoded image owns. `image` must outlive it: raw columns are views into it. */
typedef struct mola_entry_memory mola_entry_memory;
void mola_entry_free(mola_heap *heap, mola_entry_memory *memory);
size_t mola_entry_memory_bytes(const mola_entry_memory *memory);

/* MOLA_CORRUPT for any byte not as mapped; MOLA_INVALID with words when min_reader_fmt is newer
 * than we are; MOLA_NO_MEMORY. Checks that nsid and seq are those expected. On success the caller
 * owns *memory and, when set, one reference to entry->state. */
mola_err mola_entry_decode(mola_heap *heap, mola_str image, const uint8_t nsid[16], uint64_t seq,
                           mola_entry *out, mola_entry_memory **memory,
                           mola_why *why) MOLA_NODISCARD;
mola_err mola_payload_decode(mola_heap *heap, mola_str image, const mola_payload_ref *ref,
                             mola_rows *out, mola_entry_memory **memory,
                             mola_why *why) MOLA_NODISCARD;
/* xxh3_64(prev_chain | batch_id): ties an entry to all before it. */
uint64_t mola_entry_chain(const mola_entry *entry);
