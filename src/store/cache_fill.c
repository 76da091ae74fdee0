/* cache_fill.c - putting into the cache what the store brought.
 *
 * A request copies its pages into a bounded queue and goes on; one thread writes them. When the
 * disk is slower than the store, the queue is full and fills are dropped. */
#include "cache.h"
#include "mola/base/check.h"
#include <xxhash.h>

enum { QUEUE_BYTES_MAX = 16 * 1024 * 1024 };

struct mola_cache_fill { /* whole pages of one extent, the object's last one padded with zeros */
    mola_cache_fill *next;
    mola_cache_name name;
    uint32_t first, count;
    uint32_t end; /* bytes of the object from the extent's first one, or NO_END */
    char bytes[];
};

static size_t bytes_of(const mola_cache_fill *fill)
{
    return (size_t)fill->count * MOLA_CACHE_PAGE;
}

static void drop(mola_cache *cache, mola_cache_fill *fill)
{
    mola_budget_give(&cache->fill_bytes, bytes_of(fill));
    mola_free(cache->env->heap, fill, sizeof *fill + bytes_of(fill));
}

/* --- Queueing --- */

static bool wanted(mola_cache *cache, const mola_cache_name *name, uint64_t pages)
{
    MOLA_LOCKED(&cache->lock);
    uint32_t at = mola_cache_map_find(&cache->map, name);
    bool held = at != MOLA_CACHE_NONE && (cache->map.slots[at].pages & pages) == pages;
    return !held && !cache->disabled;
}

static void enqueue(mola_cache *cache, mola_cache_fill *fill)
{
    MOLA_LOCKED(&cache->lock);
    MOLA_ASSERT(!cache->closing);
    mola_cache_fill **link = cache->last_fill ? &cache->last_fill->next : &cache->first_fill;
    *link = fill;
    cache->last_fill = fill;
    mola_event_wake_one(&cache->fill_queued);
}

/* `bytes` begin at a page and end at one or at the end of the object, all within one extent. */
static void queue_pages(mola_cache *cache, mola_cache_name name, uint32_t from, mola_str bytes,
                        uint32_t end)
{
    uint32_t first = from / MOLA_CACHE_PAGE;
    uint32_t count = (uint32_t)((bytes.len + MOLA_CACHE_PAGE - 1) / MOLA_CACHE_PAGE);
    size_t size = (size_t)count * MOLA_CACHE_PAGE;
    MOLA_ASSERT(from % MOLA_CACHE_PAGE == 0 && count > 0 && first + count <= MOLA_CACHE_SLOT_PAGES);
    if (!wanted(cache, &name, mola_cache_bits(first, count)) ||
        !mola_budget_take(&cache->fill_bytes, size))
        return;
    mola_cache_fill *fill = mola_realloc(cache->env->heap, NULL, 0, sizeof *fill + size);
    if (!fill) {
        mola_budget_give(&cache->fill_bytes, size);
        return;
    }
    *fill = (mola_cache_fill){.name = name, .first = first, .count = count, .end = end};
    memcpy(fill->bytes, bytes.data, bytes.len);
    memset(fill->bytes + bytes.len, 0, size - bytes.len);
    enqueue(cache, fill);
}

void mola_cache_fill_from(mola_cache *cache, const mola_store_op *op)
{
    uint64_t skip = (0 - op->offset) % MOLA_CACHE_PAGE;
    if (op->err || op->not_modified || op->bytes.len <= skip || op->object_size < op->bytes.len ||
        op->offset > op->object_size - op->bytes.len)
        return;
    uint64_t at = op->offset + skip, until = op->offset + op->bytes.len;
    if (until < op->object_size)
        until -= until % MOLA_CACHE_PAGE;
    mola_cache_name name = mola_cache_name_of(cache, op->key, 0);
    while (at < until) {
        uint32_t from = (uint32_t)(at % MOLA_CACHE_SLOT);
        uint64_t start = at - from, left = op->object_size - start;
        uint64_t stop = until - start < MOLA_CACHE_SLOT ? until : start + MOLA_CACHE_SLOT;
        name.extent = at / MOLA_CACHE_SLOT;
        queue_pages(cache, name, from,
                    (mola_str){op->bytes.data + (at - op->offset), (size_t)(stop - at)},
                    left <= MOLA_CACHE_SLOT ? (uint32_t)left : MOLA_CACHE_NO_END);
        at = stop;
    }
}

/* --- The writer --- */

typedef struct {
    mola_cache_fill *fills[MOLA_CACHE_LANE_DEPTH];
    uint32_t slots[MOLA_CACHE_LANE_DEPTH];
    mola_cache_io ios[MOLA_CACHE_LANE_DEPTH];
    uint32_t count, bytes;
    mola_cache_sums sums[MOLA_CACHE_LANE_DEPTH]; /* of the pages of each fill */
    mola_cache_io index[MOLA_CACHE_LANE_DEPTH];  /* pages of the index */
    uint32_t index_count;
    mola_cache_fill *unwanted;
} batch;

static bool has_room(const batch *b, const mola_cache_fill *fill)
{
    return b->count < MOLA_CACHE_LANE_DEPTH && bytes_of(fill) <= MOLA_CACHE_LANE_BYTES - b->bytes;
}

/* An object that ends elsewhere than it did is not the one whose pages stand there. */
static void check_end(mola_cache *cache, uint32_t at, uint32_t end)
{
    mola_cache_slot *slot = &cache->map.slots[at];
    if (end == MOLA_CACHE_NO_END || slot->end == end)
        return;
    uint32_t used = end / MOLA_CACHE_PAGE + (end % MOLA_CACHE_PAGE != 0);
    bool beyond = (slot->pages & ~mola_cache_bits(0, used)) != 0;
    if (slot->end != MOLA_CACHE_NO_END || beyond)
        mola_cache_map_drop_pages(&cache->map, at, UINT64_MAX);
    slot->end = end;
}

static void take(mola_cache *cache, batch *b, mola_cache_fill *fill)
{
    mola_cache_slot *slots = cache->map.slots;
    uint64_t pages = mola_cache_bits(fill->first, fill->count);
    uint32_t at =
        cache->disabled ? MOLA_CACHE_NONE : mola_cache_map_claim(&cache->map, &fill->name);
    if (at == MOLA_CACHE_NONE || (slots[at].pages & pages) == pages) {
        fill->next = b->unwanted;
        b->unwanted = fill;
        return;
    }
    check_end(cache, at, fill->end);
    slots[at].pins++;
    b->slots[b->count] = at;
    b->fills[b->count] = fill;
    b->ios[b->count++] = (mola_cache_io){.place = mola_cache_slot_place(cache->map.slot_count, at) +
                                                  (uint64_t)fill->first * MOLA_CACHE_PAGE,
                                         .at = b->bytes,
                                         .size = (uint32_t)bytes_of(fill)};
    b->bytes += (uint32_t)bytes_of(fill);
}

/* Waits for fills and takes as many as the lane can carry. false: the cache closes. */
static bool next_batch(mola_cache *cache, batch *b)
{
    *b = (batch){0};
    MOLA_LOCKED(&cache->lock);
    while (!cache->first_fill && !cache->closing)
        (void)mola_event_wait(&cache->fill_queued, &cache->lock, MOLA_NEVER);
    uint64_t before = cache->map.pages_held;
    mola_cache_fill *fill;
    bool any = cache->first_fill != NULL;
    while ((fill = cache->first_fill) && has_room(b, fill)) {
        cache->first_fill = fill->next;
        if (!fill->next)
            cache->last_fill = NULL;
        take(cache, b, fill);
    }
    mola_cache_count_held(cache, before);
    return any;
}

/* What a lane was told to write and did not. */
static uint32_t run_writes(mola_cache *cache, mola_cache_io *ios, uint32_t count)
{
    uint32_t failed = 0;
    mola_cache_lane_run(cache->writer_lane, cache->env, MOLA_CACHE_WRITE, ios, count, MOLA_NEVER);
    for (uint32_t i = 0; i < count; i++)
        failed += ios[i].error != 0;
    return failed;
}

static uint32_t write_data(mola_cache *cache, batch *b)
{
    char *buffer = mola_cache_lane_buffer(cache->writer_lane);
    for (uint32_t i = 0; i < b->count; i++) {
        char *bytes = memcpy(buffer + b->ios[i].at, b->fills[i]->bytes, b->ios[i].size);
        for (uint32_t p = 0; p < b->fills[i]->count; p++)
            b->sums[i][p] = XXH3_64bits(bytes + (size_t)p * MOLA_CACHE_PAGE, MOLA_CACHE_PAGE);
    }
    return run_writes(cache, b->ios, b->count);
}

/* Under the lock: what was written can be found from now on. */
static void publish(mola_cache *cache, const batch *b)
{
    uint64_t before = cache->map.pages_held;
    for (uint32_t i = 0; i < b->count; i++) {
        const mola_cache_fill *fill = b->fills[i];
        cache->map.slots[b->slots[i]].pins--;
        if (b->ios[i].error || cache->disabled)
            continue;
        memcpy(&cache->map.sums[b->slots[i]][fill->first], b->sums[i],
               fill->count * sizeof b->sums[i][0]);
        mola_cache_map_add_pages(&cache->map, b->slots[i],
                                 mola_cache_bits(fill->first, fill->count));
    }
    mola_cache_count_held(cache, before);
}

/* Under the lock: the pages of the index that these slots stand in, each once. */
static void collect_index(mola_cache *cache, batch *b)
{
    char *buffer = mola_cache_lane_buffer(cache->writer_lane);
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t page = b->slots[i] / MOLA_CACHE_RECORDS, seen = 0;
        uint64_t place = mola_cache_index_place(page);
        while (seen < b->index_count && b->index[seen].place != place)
            seen++;
        if (seen < b->index_count)
            continue;
        mola_cache_io io = {
            .place = place, .at = b->index_count * MOLA_CACHE_PAGE, .size = MOLA_CACHE_PAGE};
        mola_cache_index_encode(&cache->map, cache->place.header.seed, page, buffer + io.at);
        b->index[b->index_count++] = io;
    }
}

static void write_batch(mola_cache *cache, batch *b)
{
    uint32_t failed = write_data(cache, b);
    {
        MOLA_LOCKED(&cache->lock);
        publish(cache, b);
        /* What could not be written may have damaged what stood there: nothing is claimed anew. */
        if (!failed)
            collect_index(cache, b);
    }
    if (b->index_count > 0)
        failed += run_writes(cache, b->index, b->index_count);
    bool given_up;
    {
        MOLA_LOCKED(&cache->lock);
        mola_cache_count_errors(cache, failed);
        given_up = mola_cache_judge(cache, MOLA_CACHE_WRITE, failed > 0);
    }
    if (given_up)
        mola_cache_say_disabled(cache);
}

static void write_loop(void *argument)
{
    mola_cache *cache = argument;
    batch b;
    while (next_batch(cache, &b)) {
        if (b.count > 0)
            write_batch(cache, &b);
        for (uint32_t i = 0; i < b.count; i++)
            drop(cache, b.fills[i]);
        for (mola_cache_fill *fill = b.unwanted, *next; fill; fill = next) {
            next = fill->next;
            drop(cache, fill);
        }
    }
    MOLA_LOCKED(&cache->lock);
    cache->writing = false;
    mola_event_wake_all(&cache->writer_gone);
}

/* --- Life --- */

mola_err mola_cache_writer_open(mola_cache *cache, mola_why *why)
{
    cache->fill_bytes.limit = QUEUE_BYTES_MAX;
    cache->writing = true;
    if (cache->env->ops->spawn(cache->env, "mola-cache", write_loop, cache) == MOLA_OK)
        return MOLA_OK;
    cache->writing = false;
    return mola_fail(why, MOLA_UNAVAILABLE, "no thread for the cache");
}

void mola_cache_writer_close(mola_cache *cache)
{
    MOLA_LOCKED(&cache->lock);
    cache->closing = true;
    mola_event_wake_all(&cache->fill_queued);
    while (cache->writing)
        (void)mola_event_wait(&cache->writer_gone, &cache->lock, MOLA_NEVER);
    MOLA_ASSERT(!cache->first_fill);
}
