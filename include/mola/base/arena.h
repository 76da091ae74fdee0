/* arena.h - memory that is freed all at once.
 *
 * One request, one arena. Everything a request allocates dies with mola_arena_reset(), so request
 * code has no free() and no ownership comments. Longer-lived things are reference-counted instead.
 */
#pragma once
#include "mola/base/heap.h"
#include <stdalign.h>

typedef struct mola_arena_block mola_arena_block;
typedef struct {
    mola_heap *heap;
    mola_arena_block *head;
    size_t used, limit; /* bytes; allocation past `limit` returns NULL */
} mola_arena;

void mola_arena_init(mola_arena *a, mola_heap *heap, size_t limit);
void mola_arena_reset(mola_arena *a);

/* `count` zeroed objects, or NULL when the budget is spent or count * size overflows. `align` is a
 * power of two up to 64. Zero bytes give a non-NULL pointer that must not be read. */
void *mola_arena_alloc(mola_arena *a, size_t count, size_t size, size_t align) MOLA_NODISCARD;
#define mola_new(a, type, count)                                                                   \
    ((type *)mola_arena_alloc((a), (count), sizeof(type), alignof(type)))

/* A copy of `text` in the arena. false: over budget. */
bool mola_arena_copy(mola_arena *a, mola_str text, mola_str *out) MOLA_NODISCARD;
/* printf into the arena. false: over budget. */
bool mola_arena_print(mola_arena *a, mola_str *out, const char *format, ...)
    __attribute__((format(printf, 3, 4), warn_unused_result));
