/* dump.h - what the files that describe images share. */
#pragma once
#include "mola/codec/bytes.h"
#include "mola/format/dump.h"
#include "mola/model/state.h"

enum { MOLA_DUMP_ARENA_BYTES = 1 << 30 };

typedef struct {
    mola_heap *heap;
    mola_arena arena; /* for one image */
    mola_buf *out;
    mola_why *why;
} mola_dump;

void mola_dump_hex(mola_dump *d, const uint8_t *bytes, size_t count);
/* "label 2026-01-01T00:00:00.000000000Z" and a new line. */
void mola_dump_time(mola_dump *d, const char *label, uint64_t us);
void mola_dump_type(mola_dump *d, mola_type type);

mola_err mola_dump_segment_head(mola_dump *d, const uint8_t owner[16], uint64_t base, uint64_t rand,
                                mola_str bytes) MOLA_NODISCARD;
mola_err mola_dump_deletes(mola_dump *d, const uint8_t owner[16], uint64_t base, uint64_t rand,
                           mola_str bytes) MOLA_NODISCARD;
