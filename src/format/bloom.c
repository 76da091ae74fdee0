/* bloom.c - a Bloom filter of blocks of 512 bits: 10 bits a key, and all bits of a key in one
 * block, so that a look costs one cache line. About 1 % of the keys that were never added seem to
 * be there.
 *
 * The image is the words in blocks of 256 KiB, never packed: there is nothing to gain. */
#include "format/segment_image.h"
#include "mola/base/check.h"

enum { BITS_PER_KEY = 10, BLOCK_BITS = 512, BLOCK_WORDS = BLOCK_BITS / 64, PROBES = 7 };

uint32_t mola_bloom_words_for(uint32_t keys)
{
    uint64_t blocks = ((uint64_t)keys * BITS_PER_KEY + BLOCK_BITS - 1) / BLOCK_BITS;
    return (uint32_t)(blocks ? blocks : 1) * BLOCK_WORDS;
}

static size_t block_of(uint32_t word_count, uint64_t hash)
{
    return ((hash & UINT32_MAX) * (word_count / BLOCK_WORDS) >> 32) * BLOCK_WORDS;
}

/* Seven times nine bits that say which; other bits than those that choose the block. */
static uint64_t probes_of(uint64_t hash)
{
    hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9U;
    return hash ^ hash >> 32;
}

void mola_bloom_add(uint64_t *words, uint32_t word_count, uint64_t hash)
{
    MOLA_DCHECK(word_count && word_count % BLOCK_WORDS == 0);
    uint64_t *block = words + block_of(word_count, hash), probes = probes_of(hash);
    for (int i = 0; i < PROBES; i++, probes >>= 9)
        block[probes >> 6 & 7] |= UINT64_C(1) << (probes & 63);
}

bool mola_bloom_may_have(const uint64_t *words, uint32_t word_count, uint64_t hash)
{
    MOLA_DCHECK(word_count && word_count % BLOCK_WORDS == 0);
    const uint64_t *block = words + block_of(word_count, hash);
    uint64_t probes = probes_of(hash), all = 1;
    for (int i = 0; i < PROBES; i++, probes >>= 9)
        all &= block[probes >> 6 & 7] >> (probes & 63);
    return all & 1;
}

mola_err mola_segment_bloom_decode(const mola_segment_head *head, uint32_t block, mola_str bytes,
                                   uint64_t *words)
{
    MOLA_ASSERT(block < head->bloom_block_count);
    mola_str plain;
    mola_block_place place = mola_segment_place(&head->id, MOLA_KIND_BLOOM, 0, block);
    mola_err err = mola_segment_block_raw(bytes, &place, &plain);
    uint32_t first = block * MOLA_BLOOM_BLOCK_WORDS, count = head->bloom_words - first;
    if (count > MOLA_BLOOM_BLOCK_WORDS)
        count = MOLA_BLOOM_BLOCK_WORDS;
    if (err || plain.len != (size_t)count * 8)
        return MOLA_CORRUPT;
    memcpy(words + first, plain.data, plain.len);
    return MOLA_OK;
}
