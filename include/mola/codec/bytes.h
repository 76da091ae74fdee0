/* bytes.h - little-endian integers in images: loads and stores by memcpy, a cursor that never runs
 * over its end. */
#pragma once
#include "mola/base/buf.h"
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "images are little-endian, and so is every machine we run on");

static inline uint16_t mola_load_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t mola_load_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t mola_load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void mola_add_u8(mola_buf *b, uint8_t v)
{
    mola_buf_add(b, &v, sizeof v);
}
static inline void mola_add_u16(mola_buf *b, uint16_t v)
{
    mola_buf_add(b, &v, sizeof v);
}
static inline void mola_add_u32(mola_buf *b, uint32_t v)
{
    mola_buf_add(b, &v, sizeof v);
}
static inline void mola_add_u64(mola_buf *b, uint64_t v)
{
    mola_buf_add(b, &v, sizeof v);
}

/* Reading: each take_* gives zero (or an empty view) and sets `bad` once the bytes run out. */
typedef struct {
    mola_str rest;
    bool bad;
} mola_cursor;
static inline mola_str mola_take(mola_cursor *c, size_t size)
{
    if (c->bad || c->rest.len < size) {
        c->bad = true;
        return (mola_str){0};
    }
    mola_str taken = {c->rest.data, size};
    c->rest = mola_str_from(c->rest, size);
    return taken;
}
static inline uint8_t mola_take_u8(mola_cursor *c)
{
    mola_str s = mola_take(c, 1);
    return s.data ? (uint8_t)s.data[0] : 0;
}
static inline uint16_t mola_take_u16(mola_cursor *c)
{
    mola_str s = mola_take(c, 2);
    return s.data ? mola_load_u16(s.data) : 0;
}
static inline uint32_t mola_take_u32(mola_cursor *c)
{
    mola_str s = mola_take(c, 4);
    return s.data ? mola_load_u32(s.data) : 0;
}
static inline uint64_t mola_take_u64(mola_cursor *c)
{
    mola_str s = mola_take(c, 8);
    return s.data ? mola_load_u64(s.data) : 0;
}
