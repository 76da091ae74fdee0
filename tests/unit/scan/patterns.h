/* patterns.h - memory for tests of what is compiled into an arena. */
#pragma once
#include "mola/base/arena.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mola_heap heap;
static mola_arena arena;

static inline void set_up(void)
{
    mola_heap_init(&heap, (size_t)1 << 28);
    mola_arena_init(&arena, &heap, (size_t)1 << 28);
}

static inline void tear_down(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}
