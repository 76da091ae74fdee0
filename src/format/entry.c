/* entry.c - the body of a log entry, in this order:
 *
 *     name     CREATE: u8 bytes, the name
 *     state    CREATE, CONFIG, SCHEMA: a blob (blob.h) with the image of state_image.c
 *     payload  LARGE: u64 base, u64 rand, u64 bytes, u8[16] sum; then nothing follows
 *     rows     when ops > 0:
 *       ops      a blob of one byte a row: 1 upsert, 2 patch, 3 delete
 *       ids      a column with attribute id 0, all present, nothing given
 *       columns  rising attribute ids; `columns` of the header is their number
 *
 * A column:
 *      0  u32 attribute id   4  u8 form   5  u8 elem   6  u16 flags: 1 present, 2 given
 *      8  u32 dims   12  u32 elements (ARRAY, MULTI, SPARSE; else 0)
 *     16  a blob; plain, each part padded with zeros to 8 bytes but the last:
 *           present    bits of the rows, 8 bytes for 64                  when flagged
 *           given      the same                                          when flagged
 *           row_from   u32 0, then a u32 for each row: its elements      ARRAY, MULTI, SPARSE
 *           byte_from  u32 0, then a u32 for each element: its bytes     STRING, BYTES, SPARSE
 *           weights    u16 each element                                  SPARSE
 *           data       bytes of elements                                 all but DENSE, MULTI
 *         zeros up to a multiple of 64 from the start of the image       DENSE, MULTI that have any
 *         dims * width bytes for each row or element                     DENSE, MULTI
 *
 * A payload object has the rows of a LARGE entry:
 *      0  char[4] magic "PAY1"   4  u16 fmt   6  u16 min_reader_fmt   8  u32 ops   12  u32 columns
 *     16  u64 body_bytes   24  u8[40] reserved, zero
 *     64  rows as above, then xxh3-128 of all before */
#include "mola/format/entry.h"
#include "format/blob.h"
#include "format/image.h"
#include "format/rows_image.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"
#include "mola/format/key.h"

enum {
    SUM_BYTES = 16,
    PAYLOAD_HEADER_BYTES = 64,
    HAS_STATE = MOLA_ENTRY_CREATE | MOLA_ENTRY_CONFIG | MOLA_ENTRY_SCHEMA,
    FLAGS_ALL = MOLA_ENTRY_CREATE | MOLA_ENTRY_SEAL | MOLA_ENTRY_CONFIG | MOLA_ENTRY_SCHEMA |
                MOLA_ENTRY_LARGE | MOLA_ENTRY_BRANCH | MOLA_ENTRY_COPY,
};

/* -- encoding ---------------------------------------------------------------------------------- */

/* The length of the body goes to `at`, where zeros stand, and the sum to the end. */
static void finish(mola_buf *out, size_t at, size_t header_bytes)
{
    if (out->failed)
        return;
    uint64_t body_bytes = out->len - header_bytes;
    memcpy(out->data + at, &body_bytes, sizeof body_bytes);
    uint8_t sum[SUM_BYTES];
    mola_sum128(mola_buf_str(out), sum);
    mola_buf_add(out, sum, sizeof sum);
}

static void encode_header(mola_buf *out, const mola_entry *e)
{
    mola_buf_add_str(out, MOLA_STR("LOG1"));
    mola_add_u16(out, MOLA_ENTRY_FMT);
    mola_add_u16(out, MOLA_ENTRY_FMT);
    mola_add_u32(out, e->flags);
    mola_add_u32(out, MOLA_ENTRY_HEADER_BYTES);
    mola_buf_add(out, e->nsid, sizeof e->nsid);
    mola_add_u64(out, e->seq);
    mola_buf_add(out, e->batch_id, sizeof e->batch_id);
    mola_add_u64(out, e->prev_chain);
    mola_add_u64(out, e->time_us);
    mola_add_u64(out, e->cond_ver);
    mola_add_u32(out, e->rows.count);
    mola_add_u32(out, e->rows.column_count);
    mola_add_u64(out, 0);
    mola_buf_add_zeros(out, 32);
    MOLA_ASSERT(out->failed || out->len == MOLA_ENTRY_HEADER_BYTES);
}

static void encode_state(mola_buf *out, const mola_state *state)
{
    mola_buf plain;
    mola_buf_init(&plain, out->heap);
    mola_state_encode(&plain, state);
    mola_blob_add(out, mola_buf_str(&plain));
    out->failed = out->failed || plain.failed;
    mola_buf_free(&plain);
}

void mola_entry_encode(mola_buf *out, const mola_entry *e)
{
    MOLA_ASSERT(out->len == 0 && (e->flags & ~(uint32_t)FLAGS_ALL) == 0);
    MOLA_ASSERT(!(e->flags & HAS_STATE) == !e->state);
    MOLA_IMPLIES(e->flags & MOLA_ENTRY_CREATE, mola_name_ok(e->name));
    MOLA_IMPLIES(e->rows.count == 0, e->rows.column_count == 0);
    MOLA_IMPLIES(e->flags & (MOLA_ENTRY_LARGE | MOLA_ENTRY_SEAL), e->rows.count == 0);
    encode_header(out, e);
    if (e->flags & MOLA_ENTRY_CREATE) {
        mola_add_u8(out, (uint8_t)e->name.len);
        mola_buf_add_str(out, e->name);
    }
    if (e->flags & HAS_STATE)
        encode_state(out, e->state);
    if (e->flags & MOLA_ENTRY_LARGE) {
        mola_add_u64(out, e->large.base);
        mola_add_u64(out, e->large.rand);
        mola_add_u64(out, e->large.bytes);
        mola_buf_add(out, e->large.sum, sizeof e->large.sum);
    }
    mola_rows_encode(out, &e->rows);
    finish(out, 88, MOLA_ENTRY_HEADER_BYTES);
}

void mola_payload_encode(mola_buf *out, const mola_rows *rows)
{
    MOLA_ASSERT(out->len == 0 && rows->count > 0);
    mola_buf_add_str(out, MOLA_STR("PAY1"));
    mola_add_u16(out, MOLA_ENTRY_FMT);
    mola_add_u16(out, MOLA_ENTRY_FMT);
    mola_add_u32(out, rows->count);
    mola_add_u32(out, rows->column_count);
    mola_buf_add_zeros(out, PAYLOAD_HEADER_BYTES - 16);
    mola_rows_encode(out, rows);
    finish(out, 16, PAYLOAD_HEADER_BYTES);
}

uint64_t mola_entry_chain(const mola_entry *e)
{
    char bytes[8 + sizeof e->batch_id];
    memcpy(bytes, &e->prev_chain, 8);
    memcpy(bytes + 8, e->batch_id, sizeof e->batch_id);
    return mola_hash64((mola_str){bytes, sizeof bytes});
}

/* -- decoding ---------------------------------------------------------------------------------- */

/* Magic, sum and formats, then a cursor behind those first 8 bytes that ends before the sum. */
static mola_err open_image(mola_str image, mola_str magic, size_t header_bytes, mola_cursor *c,
                           bool *newer, mola_why *why)
{
    uint8_t sum[SUM_BYTES];
    if (image.len < header_bytes + SUM_BYTES || !mola_str_starts(image, magic))
        return mola_fail(why, MOLA_CORRUPT, "not an image of this kind");
    mola_str summed = {image.data, image.len - SUM_BYTES};
    mola_sum128(summed, sum);
    if (memcmp(sum, image.data + summed.len, SUM_BYTES) != 0)
        return mola_fail(why, MOLA_CORRUPT, "checksum mismatch");
    c->rest = mola_str_from(summed, 4);
    uint16_t fmt = mola_take_u16(c), min_reader = mola_take_u16(c);
    if (fmt == 0 || min_reader == 0 || min_reader > fmt)
        return mola_fail(why, MOLA_CORRUPT, "impossible format numbers");
    if (min_reader > MOLA_ENTRY_FMT) {
        return mola_fail(why, MOLA_INVALID,
                         "format %u of a log entry needs a newer mola (this one reads up to %d)",
                         (unsigned)min_reader, MOLA_ENTRY_FMT);
    }
    *newer = fmt > MOLA_ENTRY_FMT;
    return MOLA_OK;
}

typedef struct {
    uint32_t ops, columns;
} counts;

static bool decode_header(mola_cursor *c, bool newer, mola_entry *e, counts *n)
{
    e->flags = mola_take_u32(c);
    uint32_t header_bytes = mola_take_u32(c);
    mola_take_into(c, e->nsid, sizeof e->nsid);
    e->seq = mola_take_u64(c);
    mola_take_into(c, e->batch_id, sizeof e->batch_id);
    e->prev_chain = mola_take_u64(c);
    e->time_us = mola_take_u64(c);
    e->cond_ver = mola_take_u64(c);
    n->ops = mola_take_u32(c);
    n->columns = mola_take_u32(c);
    uint64_t body_bytes = mola_take_u64(c);
    bool reserved = mola_take_zeros(c, 32) || newer;
    bool flags_known = (e->flags & ~(uint32_t)FLAGS_ALL) == 0 || newer;
    bool rows_elsewhere = e->flags & (MOLA_ENTRY_LARGE | MOLA_ENTRY_SEAL);
    return !c->bad && reserved && flags_known && header_bytes == MOLA_ENTRY_HEADER_BYTES &&
           body_bytes == c->rest.len && !(rows_elsewhere && n->ops);
}

static mola_err decode_state(mola_heap *heap, mola_cursor *c, mola_state **out)
{
    mola_blob blob;
    if (!mola_blob_take(c, &blob))
        return MOLA_CORRUPT;
    if (blob.stored.len == blob.plain_bytes)
        return mola_state_decode(heap, blob.stored, out);
    char *plain = mola_alloc(heap, blob.plain_bytes);
    if (!plain)
        return MOLA_NO_MEMORY;
    mola_err err = mola_blob_unpack(&blob, plain);
    if (!err)
        err = mola_state_decode(heap, (mola_str){plain, blob.plain_bytes}, out);
    mola_free(heap, plain, blob.plain_bytes);
    return err;
}

static mola_err decode_body(mola_heap *heap, mola_str image, mola_cursor *c, const counts *n,
                            mola_entry *e, mola_entry_memory *memory)
{
    if (e->flags & MOLA_ENTRY_CREATE) {
        e->name = mola_take(c, mola_take_u8(c));
        if (c->bad || !mola_name_ok(e->name))
            return MOLA_CORRUPT;
    }
    if (e->flags & HAS_STATE) {
        mola_err err = decode_state(heap, c, &e->state);
        if (err)
            return err;
    }
    if (e->flags & MOLA_ENTRY_LARGE) {
        e->large.base = mola_take_u64(c);
        e->large.rand = mola_take_u64(c);
        e->large.bytes = mola_take_u64(c);
        mola_take_into(c, e->large.sum, sizeof e->large.sum);
        if (c->bad)
            return MOLA_CORRUPT;
    }
    return mola_rows_decode(heap, image, c, n->ops, n->columns, memory, &e->rows);
}

static mola_err say(mola_why *why, mola_err err)
{
    switch (err) {
    case MOLA_CORRUPT:
        return mola_fail(why, err, "damaged log entry");
    case MOLA_INVALID:
        return mola_fail(why, err, "the state in a log entry needs a newer mola");
    case MOLA_NO_MEMORY:
        return mola_fail(why, err, "out of memory for a log entry");
    default:
        return err;
    }
}

/* ops, ids and the array of columns, besides a block for each column. */
static mola_entry_memory *memory_for(mola_heap *heap, const mola_cursor *c, uint32_t columns)
{
    size_t most = c->rest.len / 16; /* each column takes that many bytes at least */
    return mola_entry_memory_new(heap, (columns < most ? columns : (uint32_t)most) + 3);
}

mola_err mola_entry_decode(mola_heap *heap, mola_str image, const uint8_t nsid[16], uint64_t seq,
                           mola_entry *out, mola_entry_memory **memory, mola_why *why)
{
    mola_cursor c = {0};
    bool newer = false;
    counts n = {0};
    mola_entry e = {0};
    mola_err err = open_image(image, MOLA_STR("LOG1"), MOLA_ENTRY_HEADER_BYTES, &c, &newer, why);
    if (err)
        return err;
    if (!decode_header(&c, newer, &e, &n))
        return say(why, MOLA_CORRUPT);
    if (memcmp(e.nsid, nsid, sizeof e.nsid) != 0 || e.seq != seq)
        return mola_fail(why, MOLA_CORRUPT, "a log entry of another place");
    mola_entry_memory *blocks = memory_for(heap, &c, n.columns);
    if (!blocks)
        return say(why, MOLA_NO_MEMORY);
    err = decode_body(heap, image, &c, &n, &e, blocks);
    if (err) {
        mola_state_unref(e.state);
        mola_entry_free(heap, blocks);
        return say(why, err);
    }
    *out = e;
    *memory = blocks;
    return MOLA_OK;
}

mola_err mola_payload_decode(mola_heap *heap, mola_str image, const mola_payload_ref *ref,
                             mola_rows *out, mola_entry_memory **memory, mola_why *why)
{
    uint8_t sum[SUM_BYTES];
    mola_sum128(image, sum);
    if (image.len != ref->bytes || memcmp(sum, ref->sum, sizeof sum) != 0)
        return mola_fail(why, MOLA_CORRUPT, "not the payload that the log entry names");
    mola_cursor c = {0};
    bool newer = false;
    mola_err err = open_image(image, MOLA_STR("PAY1"), PAYLOAD_HEADER_BYTES, &c, &newer, why);
    if (err)
        return err;
    counts n = {.ops = mola_take_u32(&c)};
    n.columns = mola_take_u32(&c);
    uint64_t body_bytes = mola_take_u64(&c);
    bool reserved = mola_take_zeros(&c, 40) || newer;
    if (c.bad || !reserved || n.ops == 0 || body_bytes != c.rest.len)
        return say(why, MOLA_CORRUPT);
    mola_entry_memory *blocks = memory_for(heap, &c, n.columns);
    if (!blocks)
        return say(why, MOLA_NO_MEMORY);
    err = mola_rows_decode(heap, image, &c, n.ops, n.columns, blocks, out);
    if (err) {
        mola_entry_free(heap, blocks);
        return say(why, err);
    }
    *memory = blocks;
    return MOLA_OK;
}
