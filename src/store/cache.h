/* cache.h - the disk cache inside: its file, its map, its lanes. Private to cache*.c.
 *
 * The file {directory}/mola.cache (little-endian, in pages of 4 KiB):
 *      page 0                 header: magic "MOLACCHE", version, sizes, seed, xxh3-64
 *      index                  7 records of 568 bytes a page, one for each slot: which extent of
 *                             which object stands in it, which of its pages, their xxh3-64
 *      slots                  256 KiB each; a page of an object keeps its place in its extent
 *
 * What keeps wrong bytes out is the sum of each page, which is held in memory, comes from a record
 * with a sum of its own and is compared at every read. So nothing is ever synced: a record that
 * outlived its pages, a torn page, a page of a former owner of the slot are misses. Data is written
 * before the record that claims it all the same, so that a killed process leaves few of those.
 *
 * A slot that somebody reads or writes is pinned and not given away. The one lock (rank CACHE)
 * guards everything but the lanes that are taken; it is never held across I/O. */
#pragma once
#include "driver.h"
#include "mola/base/budget.h"
#include "mola/store/cache.h"

enum {
    MOLA_CACHE_PAGE = 4096,
    MOLA_CACHE_SLOT_PAGES = 64,
    MOLA_CACHE_SLOT = MOLA_CACHE_SLOT_PAGES * MOLA_CACHE_PAGE,
    MOLA_CACHE_RECORD = 568,
    MOLA_CACHE_RECORDS = MOLA_CACHE_PAGE / MOLA_CACHE_RECORD, /* in one page of the index */
};
#define MOLA_CACHE_NONE   UINT32_MAX /* no slot */
#define MOLA_CACHE_NO_END UINT32_MAX /* it is not known that the object ends in this extent */

/* --- Slots and who owns them (cache_map.c); all under the cache's lock --- */

/* One extent of one object: 256 KiB at a multiple of 256 KiB. */
typedef struct {
    uint64_t low, high; /* xxh3-128 of the key under the file's seed */
    uint64_t extent;
} mola_cache_name;

typedef struct {
    mola_cache_name name;
    uint64_t pages;        /* bit p: page p stands in the file and matches sums[p] */
    uint32_t end;          /* bytes of the object from the extent's first one, or NO_END */
    uint32_t next;         /* in its bucket, or among the free slots */
    uint32_t older, newer; /* in the queue */
    uint32_t pins;
    bool held, visited;
} mola_cache_slot;

typedef uint64_t mola_cache_sums[MOLA_CACHE_SLOT_PAGES];

/* SIEVE: a queue in order of arrival, a hand that walks it from old to new and takes the first slot
 * that was not visited since it last came by. Hits only set a bit. */
typedef struct {
    mola_cache_slot *slots;
    mola_cache_sums *sums;
    uint32_t slot_count;
    uint32_t *buckets;     /* first slot of each */
    uint32_t bucket_count; /* power of two */
    uint32_t oldest, newest, hand;
    uint32_t free;
    uint64_t pages_held;
} mola_cache_map;

bool mola_cache_map_open(mola_cache_map *map, mola_heap *heap, uint32_t slot_count) MOLA_NODISCARD;
void mola_cache_map_close(mola_cache_map *map, mola_heap *heap);
/* The slot of an extent or NONE. */
uint32_t mola_cache_map_find(const mola_cache_map *map, const mola_cache_name *name);
/* The slot of an extent, empty and its predecessor forgotten if it is new. NONE: all are pinned. */
uint32_t mola_cache_map_claim(mola_cache_map *map, const mola_cache_name *name);
/* At the start: gives a slot the name that its record says, which is not in the map yet. After the
 * last of them _free_rest makes the other slots free. */
void mola_cache_map_restore(mola_cache_map *map, uint32_t at, const mola_cache_name *name);
void mola_cache_map_free_rest(mola_cache_map *map);
void mola_cache_map_add_pages(mola_cache_map *map, uint32_t at, uint64_t pages);
void mola_cache_map_drop_pages(mola_cache_map *map, uint32_t at, uint64_t pages);

/* Bits first .. first + count - 1 of a slot's pages. */
static inline uint64_t mola_cache_bits(uint32_t first, uint32_t count)
{
    return count == 0 ? 0 : (UINT64_MAX >> (MOLA_CACHE_SLOT_PAGES - count)) << first;
}

/* --- Header and records as bytes (cache_index.c) --- */

typedef struct {
    uint64_t bytes_wanted; /* by the configuration the file was made for */
    uint64_t seed;         /* of this life of the file: records of another do not match */
    uint32_t slot_count;
} mola_cache_header;

void mola_cache_header_encode(const mola_cache_header *header, char out[MOLA_CACHE_PAGE]);
/* false: not one, or of another version. */
bool mola_cache_header_decode(const char page[MOLA_CACHE_PAGE], mola_cache_header *out);
/* Page `page` of the index as the map has it now. */
void mola_cache_index_encode(const mola_cache_map *map, uint64_t seed, uint32_t page,
                             char out[MOLA_CACHE_PAGE]);
/* Takes what one page of the index says into the map; what is damaged stays empty. */
void mola_cache_index_decode(mola_cache_map *map, uint64_t seed, uint32_t page,
                             const char bytes[MOLA_CACHE_PAGE]);
static inline uint32_t mola_cache_index_pages(uint32_t slot_count)
{
    return slot_count / MOLA_CACHE_RECORDS + (slot_count % MOLA_CACHE_RECORDS != 0);
}
/* Places in the file. */
static inline uint64_t mola_cache_index_place(uint32_t page)
{
    return (uint64_t)MOLA_CACHE_PAGE * (1 + (uint64_t)page);
}
static inline uint64_t mola_cache_slot_place(uint32_t slot_count, uint32_t slot)
{
    return mola_cache_index_place(mola_cache_index_pages(slot_count)) +
           (uint64_t)slot * MOLA_CACHE_SLOT;
}

/* --- Lanes: rings and buffers that one thread at a time does its I/O with (cache_lane.c) --- */

enum {
    MOLA_CACHE_LANES = 16, /* for readers; the writer has one more */
    MOLA_CACHE_LANE_DEPTH = 64,
    MOLA_CACHE_LANE_BYTES = 1024 * 1024,
};

typedef struct mola_cache_lane mola_cache_lane;
typedef struct {
    uint64_t place; /* in the file; this, `at` and `size` are multiples of 4 KiB */
    uint32_t at;    /* in the lane's buffer */
    uint32_t size;
    int error; /* out: 0, an errno, ETIME, ENODATA for what lies behind the end of the file */
} mola_cache_io;
typedef enum { MOLA_CACHE_READ, MOLA_CACHE_WRITE } mola_cache_direction;

/* `plain`: without a ring. NULL: no memory. A ring that the system refuses makes the lane plain. */
mola_cache_lane *mola_cache_lane_open(mola_heap *heap, int fd, bool plain);
/* Waits for what is still in flight. NULL: nothing to do. */
void mola_cache_lane_close(mola_cache_lane *lane, mola_env *env);
bool mola_cache_lane_is_plain(const mola_cache_lane *lane);
char *mola_cache_lane_buffer(mola_cache_lane *lane);
/* Is nothing of an earlier batch in flight? Does not wait. */
bool mola_cache_lane_idle(mola_cache_lane *lane);
/* Runs 1..DEPTH operations at once and waits for them until the deadline (boot clock; a plain lane
 * cannot keep it). After ETIME the lane may be not idle: its buffer is not to be touched. */
void mola_cache_lane_run(mola_cache_lane *lane, mola_env *env, mola_cache_direction direction,
                         mola_cache_io *ios, uint32_t count, uint64_t deadline_ns);

/* --- The place on disk (cache_place.c) --- */

typedef struct {
    int fd;
    mola_cache_header header;
    bool fresh; /* no index to read */
} mola_cache_place;

/* Makes or finds the file and locks it. UNAVAILABLE: another process has it, or no room at all. */
mola_err mola_cache_place_open(const mola_cache_config *config, mola_cache_place *out,
                               mola_why *why) MOLA_NODISCARD;
/* How many slots a file of so many bytes has. */
uint32_t mola_cache_slots_in(uint64_t bytes);

/* --- The opened cache --- */

typedef struct mola_cache_fill mola_cache_fill;
/* After so many failed batches in a row the disk is left alone. */
enum { MOLA_CACHE_FAILURES_MAX = 8 };

struct mola_cache {
    mola_env *env;
    mola_cache_place place;
    mola_lock lock; /* guards all below, and the lanes that are not taken */
    mola_cache_map map;
    mola_cache_stats stats;
    uint32_t failures[2]; /* batches in a row that failed, by direction */
    bool disabled, plain;
    mola_cache_lane *lanes[MOLA_CACHE_LANES];
    bool lane_taken[MOLA_CACHE_LANES];
    uint32_t lane_count;
    mola_event lane_given;

    mola_budget fill_bytes; /* queued */
    mola_cache_fill *first_fill, *last_fill;
    mola_cache_lane *writer_lane; /* the writer's own */
    mola_event fill_queued, writer_gone;
    bool writing, closing;
};

/* These under the lock. After the map has changed: the gauge follows. */
void mola_cache_count_held(mola_cache *cache, uint64_t pages_before);
void mola_cache_count_errors(mola_cache *cache, uint64_t errors);
/* A batch of calls went well or failed. true: the disk was given up by this, and
 * mola_cache_say_disabled is due once the lock is free. */
bool mola_cache_judge(mola_cache *cache, mola_cache_direction direction,
                      bool failed) MOLA_NODISCARD;
void mola_cache_say_disabled(mola_cache *cache);

/* --- Planning (cache_plan.c) and reading (cache_read.c) --- */

typedef struct mola_cache_piece mola_cache_piece;
struct mola_cache_piece { /* pages of one slot that an operation needs; the slot is pinned */
    mola_cache_piece *next;
    uint32_t slot, first, count;
    uint32_t from, size; /* bytes of these pages that are asked for */
    char *target;        /* where they go */
    uint64_t bad;        /* pages that do not match */
    bool done;
    const uint64_t *sums; /* of these pages */
};
typedef struct {
    mola_cache_name name;
    bool hit;       /* all of it is there */
    bool no_memory; /* for the answer; a hit all the same */
    uint64_t size;  /* bytes of the answer */
    mola_str bytes;
    mola_cache_piece *pieces;
} mola_cache_plan;

mola_cache_name mola_cache_name_of(const mola_cache *cache, mola_str key, uint64_t extent);
/* For each operation: does the cache hold all of it? Pins the slots of those it does. */
void mola_cache_look_up(mola_cache *cache, mola_ctx *ctx, const mola_store_op *ops, size_t count,
                        mola_cache_plan *plans);
/* Under the lock. */
void mola_cache_unpin(mola_cache *cache, const mola_cache_piece *piece);
/* Reads what was planned and unpins. Plans that could not be kept are no hits any more. */
void mola_cache_read(mola_cache *cache, mola_ctx *ctx, mola_cache_plan *plans, size_t count);

/* --- Filling (cache_fill.c) --- */

mola_err mola_cache_writer_open(mola_cache *cache, mola_why *why) MOLA_NODISCARD;
/* Ends the writer after what is queued. */
void mola_cache_writer_close(mola_cache *cache);
/* Queues the whole pages of an answer of the store, as far as there is room. `op` asked for
 * `op->offset`. */
void mola_cache_fill_from(mola_cache *cache, const mola_store_op *op);
