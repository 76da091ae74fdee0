#include "mola/base/arena.h"
#include "base/sanitizer.h"
#include "mola/base/check.h"
#include <stdarg.h>
#include <stdio.h>

/* Blocks double from FIRST to LAST, so a small request costs little and a large one few blocks. */
enum { ALIGN_MAX = 64, BLOCK_FIRST = 4096, BLOCK_LAST = 256 * 1024 };

struct mola_arena_block {
    mola_arena_block *next;
    char *bytes;       /* inside this block, aligned to ALIGN_MAX */
    size_t used, room; /* of `bytes` */
    size_t size;       /* of the whole block, as taken from the heap */
};

void mola_arena_init(mola_arena *a, mola_heap *heap, size_t limit)
{
    *a = (mola_arena){.heap = heap, .limit = limit};
}

void mola_arena_reset(mola_arena *a)
{
    for (mola_arena_block *b = a->head, *next; b; b = next) {
        next = b->next;
        MOLA_UNPOISON(b->bytes, b->room);
        mola_free(a->heap, b, b->size);
    }
    a->head = NULL;
    a->used = 0;
}

static mola_arena_block *add_block(mola_arena *a, size_t room)
{
    size_t size;
    if (__builtin_add_overflow(room, sizeof(mola_arena_block) + ALIGN_MAX, &size))
        return NULL;
    mola_arena_block *b = mola_realloc(a->heap, NULL, 0, size); /* unlike mola_alloc: not zeroed */
    if (!b)
        return NULL;
    size_t start = sizeof *b + (ALIGN_MAX - ((uintptr_t)b + sizeof *b) % ALIGN_MAX) % ALIGN_MAX;
    *b = (mola_arena_block){.bytes = (char *)b + start, .room = room, .size = size};
    MOLA_POISON(b->bytes, b->room);
    return b;
}

/* The first block gets `want` bytes of room if the heap has them. A large piece gets a block of its
 * own behind the first one, whose rest stays in use. */
static mola_arena_block *make_room(mola_arena *a, size_t want)
{
    size_t grown = a->head ? a->head->size * 2 : BLOCK_FIRST;
    if (grown > BLOCK_LAST)
        grown = BLOCK_LAST;
    size_t usual = grown - sizeof(mola_arena_block) - ALIGN_MAX;
    mola_arena_block *b = NULL;
    if (want <= usual / 2)
        b = add_block(a, usual);
    bool alone = !b;
    if (alone)
        b = add_block(a, want);
    if (!b)
        return NULL;
    if (alone && a->head) {
        b->next = a->head->next;
        a->head->next = b;
    } else {
        b->next = a->head;
        a->head = b;
    }
    return b;
}

void *mola_arena_alloc(mola_arena *a, size_t count, size_t size, size_t align)
{
    MOLA_ASSERT(align > 0 && align <= ALIGN_MAX && (align & (align - 1)) == 0);
    MOLA_ASSERT(a->used <= a->limit);
    size_t want, with_gap;
    if (__builtin_mul_overflow(count, size, &want) ||
        __builtin_add_overflow(want, MOLA_POISON_GAP, &with_gap))
        return NULL;
    mola_arena_block *b = a->head;
    size_t offset = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || offset > b->room || with_gap > b->room - offset) {
        if (want > a->limit - a->used)
            return NULL;
        b = make_room(a, with_gap ? with_gap : 1);
        if (!b)
            return NULL;
        offset = 0;
    }
    size_t padding = want ? offset - b->used : 0;
    if (padding > a->limit - a->used || want > a->limit - a->used - padding)
        return NULL;
    b->used = offset + with_gap;
    a->used += padding + want;
    MOLA_DCHECK(b->used <= b->room);
    char *piece = b->bytes + offset;
    MOLA_UNPOISON(piece, want);
    return memset(piece, 0, want);
}

bool mola_arena_copy(mola_arena *a, mola_str text, mola_str *out)
{
    char *bytes = mola_arena_alloc(a, text.len, 1, 1);
    if (!bytes)
        return false;
    if (text.len)
        memcpy(bytes, text.data, text.len);
    *out = (mola_str){bytes, text.len};
    return true;
}

bool mola_arena_print(mola_arena *a, mola_str *out, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *bytes = len < 0 ? NULL : mola_arena_alloc(a, (size_t)len + 1, 1, 1);
    if (bytes) {
        int wrote = vsnprintf(bytes, (size_t)len + 1, format, again);
        MOLA_ASSERT(wrote == len);
        *out = (mola_str){bytes, (size_t)len};
    }
    va_end(again);
    return bytes != NULL;
}
