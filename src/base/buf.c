#include "mola/base/buf.h"
#include "mola/base/check.h"
#include <stdarg.h>
#include <stdio.h>

enum { ROOM_FIRST = 256 };

void mola_buf_init(mola_buf *b, mola_heap *heap)
{
    *b = (mola_buf){.heap = heap};
}

void mola_buf_free(mola_buf *b)
{
    mola_free(b->heap, b->data, b->room);
    *b = (mola_buf){.heap = b->heap};
}

/* Doubles, so that n appended bytes are moved O(n) times; near the limit it takes just what is
 * asked for. */
static bool grow(mola_buf *b, size_t need)
{
    size_t room = b->room ? b->room : ROOM_FIRST / 2;
    if (__builtin_mul_overflow(room, 2, &room) || room < need)
        room = need;
    char *data = mola_realloc(b->heap, b->data, b->room, room);
    if (!data && room > need) {
        room = need;
        data = mola_realloc(b->heap, b->data, b->room, room);
    }
    if (!data)
        return false;
    b->data = data;
    b->room = room;
    return true;
}

char *mola_buf_reserve(mola_buf *b, size_t size)
{
    MOLA_ASSERT(b->len <= b->room);
    if (b->failed)
        return NULL;
    if (size > b->room - b->len || !b->data) {
        size_t need;
        if (__builtin_add_overflow(b->len, size ? size : 1, &need) || !grow(b, need)) {
            b->failed = true;
            return NULL;
        }
    }
    return b->data + b->len;
}

void mola_buf_add(mola_buf *b, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    char *at = mola_buf_reserve(b, size);
    if (!at)
        return;
    memcpy(at, bytes, size);
    b->len += size;
}

void mola_buf_add_str(mola_buf *b, mola_str text)
{
    mola_buf_add(b, text.data, text.len);
}

void mola_buf_add_char(mola_buf *b, char c)
{
    char *at = mola_buf_reserve(b, 1);
    if (!at)
        return;
    *at = c;
    b->len++;
}

void mola_buf_add_zeros(mola_buf *b, size_t size)
{
    if (size == 0)
        return;
    char *at = mola_buf_reserve(b, size);
    if (!at)
        return;
    memset(at, 0, size);
    b->len += size;
}

void mola_buf_print(mola_buf *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    /* Most prints are short: try what is there before measuring costs a second pass. */
    size_t room = b->failed || !b->data ? 0 : b->room - b->len;
    int len = vsnprintf(room ? b->data + b->len : NULL, room, format, arguments);
    va_end(arguments);
    if (len < 0) {
        b->failed = true;
    } else if ((size_t)len < room) {
        b->len += (size_t)len;
    } else {
        char *at = mola_buf_reserve(b, (size_t)len + 1); /* vsnprintf ends its text with a NUL */
        if (at) {
            int wrote = vsnprintf(at, (size_t)len + 1, format, again);
            MOLA_ASSERT(wrote == len);
            b->len += (size_t)len;
        }
    }
    va_end(again);
}
