/* block.h - the smallest unit of storage that can be fetched, verified and decrypted alone.
 *
 *   plain -> zstd (when it gains) -> seal (none yet) -> 16-byte trailer
 *
 *       0  u32 plain_bytes
 *       4  u8 codec (0 raw, 1 zstd)
 *       5  u8 seal (0 none)
 *       6  u16 reserved, 0
 *       8  payload
 *  end-16  xxh3-128 of the place and of everything before
 *
 * The place says where the block belongs, so that a block in the wrong place fails its check (and,
 * sealed, its authentication). It is hashed as 41 bytes: nsid, base, rand, column, block, kind.
 * Digests are in the canonical form of XXH128_canonicalFromHash, big-endian. */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/buf.h"

enum { MOLA_BLOCK_HEAD_BYTES = 8, MOLA_BLOCK_TRAILER_BYTES = 16, MOLA_BLOCK_PLACE_BYTES = 41 };
typedef struct {
    uint8_t nsid[16];
    uint64_t base, rand; /* of the object */
    uint32_t column;
    uint32_t block;
    uint8_t kind;
} mola_block_place;
typedef enum { MOLA_BLOCK_RAW, MOLA_BLOCK_ZSTD } mola_block_codec;

/* Appends a block. `wanted` ZSTD falls back to RAW when it does not gain. */
void mola_block_write(mola_buf *out, const mola_block_place *place, mola_block_codec wanted,
                      mola_str plain);
/* The plain bytes: a view into `block` when raw, else 64-byte aligned in the arena. MOLA_CORRUPT
 * for any byte that is not as written for exactly this place; MOLA_NO_MEMORY. */
mola_err mola_block_read(mola_str block, const mola_block_place *place, mola_arena *arena,
                         mola_str *plain) MOLA_NODISCARD;

/* The place as it is hashed, and the digest of a place and what stands there: for records that are
 * no blocks but verify themselves alike. */
void mola_block_place_bytes(const mola_block_place *place, uint8_t out[MOLA_BLOCK_PLACE_BYTES]);
void mola_block_sum(const mola_block_place *place, mola_str bytes,
                    uint8_t out[MOLA_BLOCK_TRAILER_BYTES]);

/* xxh3-128 of `bytes`, canonical; what object images end in. */
void mola_sum128(mola_str bytes, uint8_t out[16]);
uint64_t mola_hash64(mola_str bytes); /* xxh3-64 */
/* zstd without a block around it, for column blobs. Appends one frame that says its plain size.
 * false: no memory; the buffer has failed. */
bool mola_zstd_pack(mola_buf *out, mola_str plain, int level);
/* MOLA_CORRUPT unless `packed` is such a frame of exactly `plain_bytes`; MOLA_NO_MEMORY. */
mola_err mola_zstd_unpack(mola_str packed, void *out, size_t plain_bytes) MOLA_NODISCARD;
