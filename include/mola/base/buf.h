/* buf.h - bytes that grow: what is encoded and sent. Owned by whoever declared it; freed by
 * mola_buf_free. A failed append sticks: check `failed` once at the end, not at every step. */
#pragma once
#include "mola/base/heap.h"

typedef struct {
    mola_heap *heap;
    char *data;
    size_t len, room;
    bool failed; /* an append met the limit; everything after it was dropped */
} mola_buf;

void mola_buf_init(mola_buf *b, mola_heap *heap);
void mola_buf_free(mola_buf *b);
/* Room for `size` more bytes at data + len; NULL (and failed) when there is none. */
char *mola_buf_reserve(mola_buf *b, size_t size);
void mola_buf_add(mola_buf *b, const void *bytes, size_t size);
void mola_buf_add_str(mola_buf *b, mola_str text);
void mola_buf_add_char(mola_buf *b, char c);
void mola_buf_add_zeros(mola_buf *b, size_t size);
void mola_buf_print(mola_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline mola_str mola_buf_str(const mola_buf *b)
{
    return (mola_str){b->data, b->len};
}
