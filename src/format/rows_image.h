/* rows_image.h - the rows of an entry or payload as bytes. The byte map is in entry.c. */
#pragma once
#include "mola/codec/bytes.h"
#include "mola/format/entry.h"

/* What a decoded image owns: one block for each thing that was unpacked. */
typedef struct {
    void *bytes;
    size_t size;
} mola_entry_block;
struct mola_entry_memory {
    size_t size;  /* of this block */
    size_t bytes; /* of everything, this included */
    uint32_t count, room;
    mola_entry_block blocks[];
};
mola_entry_memory *mola_entry_memory_new(mola_heap *heap, uint32_t room);
/* `size` bytes, not NULL for 0. NULL: no memory. */
void *mola_entry_take(mola_heap *heap, mola_entry_memory *memory, size_t size);

/* `out` begins with the image that vectors are aligned in. Nothing for no rows. */
void mola_rows_encode(mola_buf *out, const mola_rows *rows);
/* The whole of `c`, which ends with the rows; `image` is what its bytes are part of. Takes at most
 * column_count + 3 blocks. MOLA_CORRUPT, MOLA_NO_MEMORY. */
mola_err mola_rows_decode(mola_heap *heap, mola_str image, mola_cursor *c, uint32_t ops,
                          uint32_t columns, mola_entry_memory *memory,
                          mola_rows *out) MOLA_NODISCARD;
