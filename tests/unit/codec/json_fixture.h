/* json_fixture.h - a parsed document for one test at a time. */
#pragma once
#include "mola/base/buf.h"
#include "mola/codec/json.h"
#include <check.h>
#include <stdlib.h>

static mola_heap heap;
static mola_arena arena;
static mola_json_doc doc;
static mola_why why;
static char *held; /* the text of `doc`, padded with what would be read as more of it */

static inline void set_up(void)
{
    mola_heap_init(&heap, (size_t)1 << 32);
    mola_arena_init(&arena, &heap, (size_t)1 << 30);
}

static inline void let_go(void)
{
    mola_json_free(&doc);
    mola_arena_reset(&arena);
    free(held);
    held = NULL;
    mola_why_clear(&why);
}

static inline void tear_down(void)
{
    let_go();
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static inline mola_err parse_padded(mola_str text, char padding)
{
    let_go();
    held = malloc(text.len + MOLA_JSON_PADDING);
    ck_assert_ptr_nonnull(held);
    if (text.len)
        memcpy(held, text.data, text.len);
    memset(held + text.len, padding, MOLA_JSON_PADDING);
    return mola_json_parse(&heap, (mola_str){held, text.len}, &doc, &why);
}

static inline mola_json parse(const char *text)
{
    ck_assert_int_eq(parse_padded(mola_str_of(text), '1'), MOLA_OK);
    return mola_json_root(&doc);
}

static uint64_t chance_state;
static inline uint32_t chance(uint32_t limit)
{
    chance_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = chance_state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32) % limit;
}
