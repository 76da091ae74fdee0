/* operation.c
 *
 *      0  char[4] magic "OPR1"   4  u16 fmt   6  u16 min_reader_fmt   8  u32 header_bytes = 80
 *     12  u8 kind   13  u8 state   14  u16 status   16  u32 shards   20  u32 tries
 *     24  u64 started_us   32  u64 tried_us   40  u64 finished_us
 *     48  u32 name_bytes   52  u32 request_bytes   56  u32 result_bytes   60  u8[20] reserved, zero
 *     80  of a COPY: tries x u8[16] nsid; then the name, the request, the result, and xxh3-128 of
 *         all before */
#include "mola/format/operation.h"
#include "format/image.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"
#include "mola/format/key.h"

enum { HEADER_BYTES = 80, RESERVED_BYTES = 20 };

static bool is_consistent(const mola_operation *o)
{
    bool running = o->state == MOLA_OPERATION_RUNNING, failed = o->state == MOLA_OPERATION_FAILED;
    bool copy = o->kind == MOLA_OPERATION_COPY;
    return (copy || o->kind == MOLA_OPERATION_RECALL) &&
           (running || failed || o->state == MOLA_OPERATION_SUCCEEDED) &&
           (failed ? o->status >= 400 && o->status < 600 : o->status == 0) && o->tries >= 1 &&
           o->tries <= MOLA_OPERATION_TRIES_MAX && (copy || o->shards == 0) &&
           (o->finished_us == 0) == running && (o->result.len == 0) == running &&
           mola_name_ok(o->name) && (!copy || mola_name_ok(o->request)) &&
           o->request.len <= MOLA_OPERATION_REQUEST_BYTES_MAX &&
           o->result.len <= MOLA_OPERATION_RESULT_BYTES_MAX;
}

void mola_operation_encode(mola_buf *out, const mola_operation *o)
{
    MOLA_ASSERT(out->len == 0 && is_consistent(o));
    mola_buf_add_str(out, MOLA_STR("OPR1"));
    mola_add_u16(out, MOLA_OPERATION_FMT);
    mola_add_u16(out, MOLA_OPERATION_FMT);
    mola_add_u32(out, HEADER_BYTES);
    mola_add_u8(out, (uint8_t)o->kind);
    mola_add_u8(out, (uint8_t)o->state);
    mola_add_u16(out, (uint16_t)o->status);
    mola_add_u32(out, o->shards);
    mola_add_u32(out, o->tries);
    mola_add_u64(out, o->started_us);
    mola_add_u64(out, o->tried_us);
    mola_add_u64(out, o->finished_us);
    mola_add_u32(out, (uint32_t)o->name.len);
    mola_add_u32(out, (uint32_t)o->request.len);
    mola_add_u32(out, (uint32_t)o->result.len);
    mola_buf_add_zeros(out, RESERVED_BYTES);
    if (o->kind == MOLA_OPERATION_COPY)
        mola_buf_add(out, o->nsids, o->tries * sizeof o->nsids[0]);
    mola_buf_add_str(out, o->name);
    mola_buf_add_str(out, o->request);
    mola_buf_add_str(out, o->result);
    uint8_t sum[MOLA_IMAGE_SUM_BYTES];
    if (out->failed)
        return;
    mola_sum128(mola_buf_str(out), sum);
    mola_buf_add(out, sum, sizeof sum);
}

static const mola_whole_image whole = {.magic = "OPR1",
                                       .noun = "an operation",
                                       .header_bytes = HEADER_BYTES,
                                       .fmt = MOLA_OPERATION_FMT};

static bool take_fields(mola_cursor *c, mola_operation *o)
{
    uint32_t header = mola_take_u32(c);
    o->kind = mola_take_u8(c);
    o->state = mola_take_u8(c);
    o->status = mola_take_u16(c);
    o->shards = mola_take_u32(c);
    o->tries = mola_take_u32(c);
    o->started_us = mola_take_u64(c);
    o->tried_us = mola_take_u64(c);
    o->finished_us = mola_take_u64(c);
    uint32_t name_bytes = mola_take_u32(c), request_bytes = mola_take_u32(c);
    uint32_t result_bytes = mola_take_u32(c);
    bool reserved = mola_take_zeros(c, RESERVED_BYTES);
    if (c->bad || header != HEADER_BYTES || !reserved || o->tries > MOLA_OPERATION_TRIES_MAX)
        return false;
    if (o->kind == MOLA_OPERATION_COPY)
        mola_take_into(c, o->nsids, o->tries * sizeof o->nsids[0]);
    o->name = mola_take(c, name_bytes);
    o->request = mola_take(c, request_bytes);
    o->result = mola_take(c, result_bytes);
    return !c->bad && c->rest.len == 0 && is_consistent(o);
}

mola_err mola_operation_decode(mola_str image, mola_operation *out, mola_why *why)
{
    mola_cursor c;
    mola_err err = mola_whole_image_open(&whole, image, &c, why);
    if (err)
        return err;
    mola_operation o = {0};
    if (!take_fields(&c, &o))
        return mola_whole_image_damaged(&whole, why);
    *out = o;
    return MOLA_OK;
}
