/* cache_plan.c - what the cache holds of the ranges that are asked for. No I/O. */
#include "cache.h"
#include "mola/base/check.h"
#include <xxhash.h>

mola_cache_name mola_cache_name_of(const mola_cache *cache, mola_str key, uint64_t extent)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(key.data, key.len, cache->place.header.seed);
    return (mola_cache_name){.low = hash.low64, .high = hash.high64, .extent = extent};
}

/* The first byte behind the range; UINT64_MAX: to the end. */
static uint64_t end_of(const mola_store_op *op)
{
    bool open = op->length == 0 || op->length > UINT64_MAX - op->offset;
    return open ? UINT64_MAX : op->offset + op->length;
}

/* --- Planning, under the lock --- */

/* The pages that bytes from .. until - 1 of an extent lie in. */
static uint64_t pages_of(uint32_t from, uint32_t until)
{
    MOLA_ASSERT(from < until && until <= MOLA_CACHE_SLOT);
    uint32_t first = from / MOLA_CACHE_PAGE;
    return mola_cache_bits(first, (until - 1) / MOLA_CACHE_PAGE - first + 1);
}

static bool add_piece(mola_cache *cache, mola_ctx *ctx, uint32_t at, uint32_t from, uint32_t until,
                      mola_cache_piece ***link)
{
    mola_cache_slot *slot = &cache->map.slots[at];
    uint64_t needed = pages_of(from, until);
    uint32_t first = from / MOLA_CACHE_PAGE, count = (uint32_t)__builtin_popcountll(needed);
    if ((slot->pages & needed) != needed)
        return false;
    mola_cache_piece *piece = mola_new(ctx->arena, mola_cache_piece, 1);
    uint64_t *sums = mola_new(ctx->arena, uint64_t, count);
    if (!piece || !sums)
        return false;
    memcpy(sums, &cache->map.sums[at][first], count * sizeof *sums);
    *piece = (mola_cache_piece){.slot = at,
                                .first = first,
                                .count = count,
                                .from = from % MOLA_CACHE_PAGE,
                                .size = until - from,
                                .sums = sums};
    slot->pins++;
    slot->visited = true;
    **link = piece;
    *link = &piece->next;
    return true;
}

/* Walks from extent to extent until the range or the object ends. false: something is missing. */
static bool add_pieces(mola_cache *cache, mola_ctx *ctx, const mola_store_op *op,
                       mola_cache_plan *plan)
{
    uint64_t until = end_of(op);
    mola_cache_piece **link = &plan->pieces;
    for (uint64_t at = op->offset; at < until;) {
        plan->name.extent = at / MOLA_CACHE_SLOT;
        uint32_t slot = mola_cache_map_find(&cache->map, &plan->name);
        if (slot == MOLA_CACHE_NONE)
            return false;
        uint32_t end = cache->map.slots[slot].end, from = (uint32_t)(at % MOLA_CACHE_SLOT);
        bool ends = end != MOLA_CACHE_NO_END;
        uint64_t limit = until - (at - from);
        if (limit > (ends ? end : MOLA_CACHE_SLOT))
            limit = ends ? end : MOLA_CACHE_SLOT;
        if (from < limit && !add_piece(cache, ctx, slot, from, (uint32_t)limit, &link))
            return false;
        plan->size += from < limit ? limit - from : 0;
        at += limit > from ? limit - from : 0;
        if (ends)
            break;
    }
    return plan->size <= SIZE_MAX;
}

void mola_cache_look_up(mola_cache *cache, mola_ctx *ctx, const mola_store_op *ops, size_t count,
                        mola_cache_plan *plans)
{
    for (size_t i = 0; i < count; i++)
        plans[i] = (mola_cache_plan){.name = mola_cache_name_of(cache, ops[i].key, 0)};
    MOLA_LOCKED(&cache->lock);
    for (size_t i = 0; i < count && !cache->disabled; i++) {
        plans[i].hit = ops[i].immutable && add_pieces(cache, ctx, &ops[i], &plans[i]);
        if (plans[i].hit)
            continue;
        for (mola_cache_piece *p = plans[i].pieces; p; p = p->next)
            mola_cache_unpin(cache, p);
        plans[i].pieces = NULL;
    }
}

void mola_cache_unpin(mola_cache *cache, const mola_cache_piece *piece)
{
    MOLA_ASSERT(cache->map.slots[piece->slot].pins > 0);
    cache->map.slots[piece->slot].pins--;
}

/* --- How much of them --- */

typedef struct { /* pages */
    double asked, held;
} share;

/* What can be said of a range to an end that is not known is said of what is known. No more steps
 * than slots, whatever the range says. */
static void measure(mola_cache *cache, const mola_store_op *op, share *s)
{
    mola_cache_name name = mola_cache_name_of(cache, op->key, 0);
    uint64_t until = end_of(op), at = op->offset;
    MOLA_LOCKED(&cache->lock);
    for (uint32_t steps = 0; at < until && steps <= cache->map.slot_count; steps++) {
        name.extent = at / MOLA_CACHE_SLOT;
        uint32_t from = (uint32_t)(at % MOLA_CACHE_SLOT);
        uint32_t found = mola_cache_map_find(&cache->map, &name);
        const mola_cache_slot *slot = found == MOLA_CACHE_NONE ? NULL : &cache->map.slots[found];
        bool ends = slot && slot->end != MOLA_CACHE_NO_END;
        uint64_t limit = until - (at - from), most = ends ? slot->end : MOLA_CACHE_SLOT;
        limit = limit < most ? limit : most;
        if (from < limit) {
            uint64_t pages = pages_of(from, (uint32_t)limit);
            s->asked += __builtin_popcountll(pages);
            s->held += slot ? __builtin_popcountll(pages & slot->pages) : 0;
        }
        if (ends || (!slot && until == UINT64_MAX))
            return;
        at += limit - from;
    }
    s->asked += at < until ? (double)(until - at) / MOLA_CACHE_PAGE : 0;
}

double mola_cache_coverage(mola_cache *cache, const mola_store_op *ops, size_t count)
{
    share s = {0};
    for (size_t i = 0; i < count && cache; i++)
        measure(cache, &ops[i], &s);
    return s.asked > 0 ? s.held / s.asked : 0;
}

/* --- Less of them --- */

void mola_cache_forget(mola_cache *cache, mola_str key, uint64_t bytes)
{
    if (!cache)
        return;
    mola_cache_name name = mola_cache_name_of(cache, key, 0);
    uint64_t extents = bytes / MOLA_CACHE_SLOT + (bytes % MOLA_CACHE_SLOT != 0);
    MOLA_LOCKED(&cache->lock);
    uint64_t before = cache->map.pages_held;
    for (; name.extent < extents; name.extent++) {
        uint32_t at = mola_cache_map_find(&cache->map, &name);
        if (at != MOLA_CACHE_NONE) /* whoever reads them now has the sums of what he reads */
            mola_cache_map_drop_pages(&cache->map, at, UINT64_MAX);
    }
    mola_cache_count_held(cache, before);
}
