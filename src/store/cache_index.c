/* cache_index.c - the header and the records of the cache file as bytes.
 *
 * header   0 char[8] "MOLACCHE"    8 u32 version, 1       12 u32 slot bytes   16 u32 slots
 *         20 u32 zero             24 u64 bytes wanted    32 u64 seed         40 zeros
 *       4088 u64 xxh3-64 of all before
 * record   0 u64[2] xxh3-128 of the key    16 u64 extent    24 u64 pages    32 u32 end
 *         36 u32 slot    40 u64 zero    48 u64[64] sums of the pages    560 u64 xxh3-64 of all
 * before, under the seed. A slot that nobody owns has zeros. */
#include "cache.h"
#include "mola/codec/bytes.h"
#include <xxhash.h>

enum { VERSION = 1, SUM_AT = MOLA_CACHE_PAGE - 8, RECORD_SUM_AT = MOLA_CACHE_RECORD - 8 };
enum { SUMS_AT = 48 };
static const char magic[8] = {'M', 'O', 'L', 'A', 'C', 'C', 'H', 'E'};
static const uint64_t extent_max = UINT64_MAX / MOLA_CACHE_SLOT;

_Static_assert(SUMS_AT + sizeof(mola_cache_sums) == RECORD_SUM_AT, "the byte map above");

static void put_u32(char *at, uint32_t v)
{
    memcpy(at, &v, sizeof v);
}

static void put_u64(char *at, uint64_t v)
{
    memcpy(at, &v, sizeof v);
}

/* --- Header --- */

void mola_cache_header_encode(const mola_cache_header *header, char out[MOLA_CACHE_PAGE])
{
    memset(out, 0, MOLA_CACHE_PAGE);
    memcpy(out, magic, sizeof magic);
    put_u32(out + 8, VERSION);
    put_u32(out + 12, MOLA_CACHE_SLOT);
    put_u32(out + 16, header->slot_count);
    put_u64(out + 24, header->bytes_wanted);
    put_u64(out + 32, header->seed);
    put_u64(out + SUM_AT, XXH3_64bits(out, SUM_AT));
}

bool mola_cache_header_decode(const char page[MOLA_CACHE_PAGE], mola_cache_header *out)
{
    *out = (mola_cache_header){.bytes_wanted = mola_load_u64(page + 24),
                               .seed = mola_load_u64(page + 32),
                               .slot_count = mola_load_u32(page + 16)};
    return memcmp(page, magic, sizeof magic) == 0 && mola_load_u32(page + 8) == VERSION &&
           mola_load_u32(page + 12) == MOLA_CACHE_SLOT &&
           mola_load_u64(page + SUM_AT) == XXH3_64bits(page, SUM_AT);
}

/* --- Records --- */

static void encode_record(const mola_cache_map *map, uint64_t seed, uint32_t at, char *out)
{
    const mola_cache_slot *slot = &map->slots[at];
    put_u64(out, slot->name.low);
    put_u64(out + 8, slot->name.high);
    put_u64(out + 16, slot->name.extent);
    put_u64(out + 24, slot->pages);
    put_u32(out + 32, slot->end);
    put_u32(out + 36, at);
    memcpy(out + SUMS_AT, map->sums[at], sizeof map->sums[at]);
    put_u64(out + RECORD_SUM_AT, XXH3_64bits_withSeed(out, RECORD_SUM_AT, seed));
}

/* May the object end there, with these pages before its end? */
static bool end_fits(uint32_t end, uint64_t pages)
{
    if (end == MOLA_CACHE_NO_END)
        return true;
    uint32_t used = end / MOLA_CACHE_PAGE + (end % MOLA_CACHE_PAGE != 0);
    return end <= MOLA_CACHE_SLOT && (pages & ~mola_cache_bits(0, used)) == 0;
}

static void decode_record(mola_cache_map *map, uint64_t seed, uint32_t at, const char *bytes)
{
    mola_cache_name name = {.low = mola_load_u64(bytes),
                            .high = mola_load_u64(bytes + 8),
                            .extent = mola_load_u64(bytes + 16)};
    uint64_t pages = mola_load_u64(bytes + 24);
    uint32_t end = mola_load_u32(bytes + 32);
    if (mola_load_u64(bytes + RECORD_SUM_AT) != XXH3_64bits_withSeed(bytes, RECORD_SUM_AT, seed) ||
        mola_load_u32(bytes + 36) != at || pages == 0 || name.extent > extent_max ||
        !end_fits(end, pages))
        return;
    /* Two records of one extent: the older one was not yet overwritten when the process ended. */
    if (mola_cache_map_find(map, &name) != MOLA_CACHE_NONE)
        return;
    mola_cache_map_restore(map, at, &name);
    map->slots[at].end = end;
    memcpy(map->sums[at], bytes + SUMS_AT, sizeof map->sums[at]);
    mola_cache_map_add_pages(map, at, pages);
}

void mola_cache_index_encode(const mola_cache_map *map, uint64_t seed, uint32_t page,
                             char out[MOLA_CACHE_PAGE])
{
    memset(out, 0, MOLA_CACHE_PAGE);
    for (uint32_t i = 0; i < MOLA_CACHE_RECORDS; i++) {
        uint32_t at = page * MOLA_CACHE_RECORDS + i;
        if (at < map->slot_count && map->slots[at].held)
            encode_record(map, seed, at, out + (size_t)i * MOLA_CACHE_RECORD);
    }
}

void mola_cache_index_decode(mola_cache_map *map, uint64_t seed, uint32_t page,
                             const char bytes[MOLA_CACHE_PAGE])
{
    for (uint32_t i = 0; i < MOLA_CACHE_RECORDS; i++) {
        uint32_t at = page * MOLA_CACHE_RECORDS + i;
        if (at < map->slot_count)
            decode_record(map, seed, at, bytes + (size_t)i * MOLA_CACHE_RECORD);
    }
}
