/* cache_map.c - which extent stands in which slot, and which slot goes next. */
#include "cache.h"
#include "mola/base/check.h"

static uint32_t *bucket_of(const mola_cache_map *map, const mola_cache_name *name)
{
    uint64_t mixed = name->low ^ name->extent * 0x9E3779B97F4A7C15U;
    return &map->buckets[(mixed ^ mixed >> 32) & (map->bucket_count - 1)];
}

static bool same_name(const mola_cache_name *a, const mola_cache_name *b)
{
    return a->low == b->low && a->high == b->high && a->extent == b->extent;
}

uint32_t mola_cache_map_find(const mola_cache_map *map, const mola_cache_name *name)
{
    uint32_t at = *bucket_of(map, name);
    while (at != MOLA_CACHE_NONE && !same_name(&map->slots[at].name, name))
        at = map->slots[at].next;
    return at;
}

/* --- The queue --- */

/* Where the queue says which slot comes after this one on the way to the newest, or oldest. */
static uint32_t *newer_of(mola_cache_map *map, uint32_t at)
{
    return at == MOLA_CACHE_NONE ? &map->oldest : &map->slots[at].newer;
}

static uint32_t *older_of(mola_cache_map *map, uint32_t at)
{
    return at == MOLA_CACHE_NONE ? &map->newest : &map->slots[at].older;
}

static void enqueue(mola_cache_map *map, uint32_t at)
{
    map->slots[at].older = map->newest;
    map->slots[at].newer = MOLA_CACHE_NONE;
    *newer_of(map, map->newest) = at;
    map->newest = at;
}

static void dequeue(mola_cache_map *map, uint32_t at)
{
    mola_cache_slot *slot = &map->slots[at];
    *newer_of(map, slot->older) = slot->newer;
    *older_of(map, slot->newer) = slot->older;
    if (map->hand == at)
        map->hand = slot->newer;
}

/* The second round meets no visited slot any more, so it ends at the first that is not pinned. */
static uint32_t choose_victim(mola_cache_map *map)
{
    uint64_t steps = 2 * (uint64_t)map->slot_count + 1;
    for (uint64_t i = 0; i < steps; i++) {
        uint32_t at = map->hand == MOLA_CACHE_NONE ? map->oldest : map->hand;
        if (at == MOLA_CACHE_NONE)
            return at;
        mola_cache_slot *slot = &map->slots[at];
        map->hand = slot->newer;
        if (slot->pins == 0 && !slot->visited)
            return at;
        slot->visited = false;
    }
    return MOLA_CACHE_NONE;
}

/* --- Owners --- */

static void link_name(mola_cache_map *map, uint32_t at, const mola_cache_name *name)
{
    mola_cache_slot *slot = &map->slots[at];
    uint32_t *bucket = bucket_of(map, name);
    *slot =
        (mola_cache_slot){.name = *name, .held = true, .end = MOLA_CACHE_NO_END, .next = *bucket};
    *bucket = at;
    enqueue(map, at);
}

static void unlink_name(mola_cache_map *map, uint32_t at)
{
    mola_cache_slot *slot = &map->slots[at];
    MOLA_ASSERT(slot->held && slot->pins == 0);
    uint32_t *link = bucket_of(map, &slot->name);
    while (*link != at)
        link = &map->slots[*link].next;
    *link = slot->next;
    dequeue(map, at);
    mola_cache_map_drop_pages(map, at, slot->pages);
    slot->held = false;
}

uint32_t mola_cache_map_claim(mola_cache_map *map, const mola_cache_name *name)
{
    uint32_t at = mola_cache_map_find(map, name);
    if (at != MOLA_CACHE_NONE)
        return at;
    at = map->free;
    if (at != MOLA_CACHE_NONE) {
        map->free = map->slots[at].next;
    } else {
        at = choose_victim(map);
        if (at == MOLA_CACHE_NONE)
            return at;
        unlink_name(map, at);
    }
    link_name(map, at, name);
    return at;
}

void mola_cache_map_restore(mola_cache_map *map, uint32_t at, const mola_cache_name *name)
{
    MOLA_ASSERT(map->free == MOLA_CACHE_NONE && !map->slots[at].held);
    MOLA_ASSERT(mola_cache_map_find(map, name) == MOLA_CACHE_NONE);
    link_name(map, at, name);
}

void mola_cache_map_free_rest(mola_cache_map *map)
{
    MOLA_ASSERT(map->free == MOLA_CACHE_NONE);
    for (uint32_t at = map->slot_count; at-- > 0;) {
        if (!map->slots[at].held) {
            map->slots[at].next = map->free;
            map->free = at;
        }
    }
}

void mola_cache_map_add_pages(mola_cache_map *map, uint32_t at, uint64_t pages)
{
    mola_cache_slot *slot = &map->slots[at];
    map->pages_held += (uint32_t)__builtin_popcountll(pages & ~slot->pages);
    slot->pages |= pages;
}

void mola_cache_map_drop_pages(mola_cache_map *map, uint32_t at, uint64_t pages)
{
    mola_cache_slot *slot = &map->slots[at];
    map->pages_held -= (uint32_t)__builtin_popcountll(pages & slot->pages);
    slot->pages &= ~pages;
}

/* --- Memory --- */

bool mola_cache_map_open(mola_cache_map *map, mola_heap *heap, uint32_t slot_count)
{
    MOLA_ASSERT(slot_count > 0 && slot_count < MOLA_CACHE_NONE / 4);
    uint32_t bucket_count = 1;
    while (bucket_count < slot_count)
        bucket_count *= 2;
    *map = (mola_cache_map){.slots = mola_alloc_array(heap, mola_cache_slot, slot_count),
                            .sums = mola_alloc_array(heap, mola_cache_sums, slot_count),
                            .buckets = mola_alloc_array(heap, uint32_t, bucket_count),
                            .slot_count = slot_count,
                            .bucket_count = bucket_count,
                            .oldest = MOLA_CACHE_NONE,
                            .newest = MOLA_CACHE_NONE,
                            .hand = MOLA_CACHE_NONE,
                            .free = MOLA_CACHE_NONE};
    if (!map->slots || !map->sums || !map->buckets) {
        mola_cache_map_close(map, heap);
        return false;
    }
    for (uint32_t i = 0; i < bucket_count; i++)
        map->buckets[i] = MOLA_CACHE_NONE;
    return true;
}

void mola_cache_map_close(mola_cache_map *map, mola_heap *heap)
{
    if (map->slots)
        mola_free(heap, map->slots, map->slot_count * sizeof *map->slots);
    if (map->sums)
        mola_free(heap, map->sums, map->slot_count * sizeof *map->sums);
    if (map->buckets)
        mola_free(heap, map->buckets, map->bucket_count * sizeof *map->buckets);
    *map = (mola_cache_map){0};
}
