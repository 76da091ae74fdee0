/* sum.h - sums that do not depend on the order of what is added, so that an answer does not depend
 * on how rows lie in parts.
 *
 * Floats are added without any rounding, as a list of numbers that do not overlap (Shewchuk's
 * expansions, what python's fsum does), and rounded once at the end. Huge ones are kept apart,
 * scaled down, so that nothing overflows on the way. Whole numbers are added in 128 bits. */
#pragma once
#include "mola/base/arena.h"
#include "mola/model/value.h"

__extension__ typedef __int128 mola_int128;

typedef struct {
    double *partials; /* rising in size, none overlapping */
    uint32_t count, room;
} mola_expansion;
typedef struct {
    mola_int128 whole;
    mola_expansion small, huge;
} mola_sum;

/* A zeroed sum is 0. false: the arena is full. */
bool mola_sum_add(mola_sum *sum, mola_arena *arena, const mola_value *value) MOLA_NODISCARD;
double mola_sum_float(const mola_sum *sum);
void mola_sum_print_whole(mola_buf *out, const mola_sum *sum);
