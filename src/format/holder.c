/* holder.c
 *
 *      0  char[4] magic "HLD1"   4  u16 fmt   6  u16 min_reader_fmt   8  u32 flags
 *     12  u32 header_bytes = 64   16  u8[16] child nsid   32  u64 cond_ver
 *     40  u32 name_bytes   44  u32 archive_bytes   48  u8[16] reserved, zero
 *     64  the name, then the key of the archive, then xxh3-128 of all before */
#include "mola/format/holder.h"
#include "format/image.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"
#include "mola/format/key.h"

enum { HEADER_BYTES = 64, RESERVED_BYTES = 16, ARCHIVE_BYTES_MAX = 256 };
enum { CHECKPOINT = MOLA_HOLDER_OPEN | MOLA_HOLDER_DONE | MOLA_HOLDER_ABANDONED };

static bool is_consistent(const mola_holder *h)
{
    bool done = h->flags == MOLA_HOLDER_DONE;
    if (h->flags == 0)
        return mola_name_ok(h->name) && h->archive.len == 0;
    return (done || h->flags == MOLA_HOLDER_OPEN || h->flags == MOLA_HOLDER_ABANDONED) &&
           h->name.len == 0 && h->cond_ver == 0 && (h->archive.len > 0) == done &&
           h->archive.len <= ARCHIVE_BYTES_MAX;
}

void mola_holder_encode(mola_buf *out, const mola_holder *h)
{
    MOLA_ASSERT(out->len == 0 && is_consistent(h));
    mola_buf_add_str(out, MOLA_STR("HLD1"));
    mola_add_u16(out, MOLA_HOLDER_FMT);
    mola_add_u16(out, MOLA_HOLDER_FMT);
    mola_add_u32(out, h->flags);
    mola_add_u32(out, HEADER_BYTES);
    mola_buf_add(out, h->child, sizeof h->child);
    mola_add_u64(out, h->cond_ver);
    mola_add_u32(out, (uint32_t)h->name.len);
    mola_add_u32(out, (uint32_t)h->archive.len);
    mola_buf_add_zeros(out, RESERVED_BYTES);
    mola_buf_add_str(out, h->name);
    mola_buf_add_str(out, h->archive);
    uint8_t sum[MOLA_IMAGE_SUM_BYTES];
    if (out->failed)
        return;
    mola_sum128(mola_buf_str(out), sum);
    mola_buf_add(out, sum, sizeof sum);
}

static const mola_whole_image whole = {
    .magic = "HLD1", .noun = "a holder", .header_bytes = HEADER_BYTES, .fmt = MOLA_HOLDER_FMT};

mola_err mola_holder_decode(mola_str image, mola_holder *out, mola_why *why)
{
    mola_cursor c;
    mola_err err = mola_whole_image_open(&whole, image, &c, why);
    if (err)
        return err;
    mola_holder h = {.flags = mola_take_u32(&c)};
    uint32_t header = mola_take_u32(&c);
    mola_take_into(&c, h.child, sizeof h.child);
    h.cond_ver = mola_take_u64(&c);
    uint32_t name_bytes = mola_take_u32(&c), archive_bytes = mola_take_u32(&c);
    bool reserved = mola_take_zeros(&c, RESERVED_BYTES);
    h.name = mola_take(&c, name_bytes);
    h.archive = mola_take(&c, archive_bytes);
    if (c.bad || c.rest.len || header != HEADER_BYTES || !reserved ||
        (h.flags & ~(uint32_t)CHECKPOINT) || !is_consistent(&h))
        return mola_whole_image_damaged(&whole, why);
    *out = h;
    return MOLA_OK;
}
