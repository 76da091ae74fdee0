/* delete_vector.h - which rows of a segment are dead.
 *
 *   key        d/{nsid}/x/{base16}.{rand16}     immutable; same life as a segment
 *   written by index/ at publication              read by namespace/
 *   byte map   delete_vector.c
 *
 * The image names the segment it speaks of and is bound to its own place. */
#pragma once
#include "mola/format/segment.h"

typedef struct {
    uint8_t owner[16]; /* nsid under which it lies: the namespace that deleted */
    uint64_t base, rand;
} mola_delete_vector_id;

/* `dead`: bit a row, mola_words(rows) words, bits beyond `rows` zero. Errors stick in `out`. */
void mola_delete_vector_encode(mola_buf *out, const mola_delete_vector_id *id,
                               const mola_segment_id *of, uint32_t rows, const uint64_t *dead);
/* *dead in the arena. MOLA_CORRUPT for any byte not as mapped, or not of this place, segment and
 * number of rows; MOLA_INVALID when a newer reader is needed; MOLA_NO_MEMORY. */
mola_err mola_delete_vector_decode(mola_str image, const mola_delete_vector_id *id,
                                   const mola_segment_id *of, uint32_t rows, mola_arena *arena,
                                   uint64_t **dead, uint32_t *dead_count,
                                   mola_why *why) MOLA_NODISCARD;
