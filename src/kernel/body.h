/* body.h - the loops, written once. Each variant sets LANES, includes this under its own compiler
 * flags, and gets the functions of its table. LANES independent sums hide the latency of the
 * additions. */
#include "kernel/load.h"

#define DEFINE(kind)                                                                               \
    static float dot_##kind(const float *query, const void *stored, size_t dim)                    \
    {                                                                                              \
        float sums[LANES] = {0}, total = 0;                                                        \
        size_t i = 0;                                                                              \
        for (; i + LANES <= dim; i += LANES)                                                       \
            for (size_t lane = 0; lane < LANES; lane++)                                            \
                sums[lane] += query[i + lane] * load_##kind(stored, i + lane);                     \
        for (size_t lane = 0; lane < LANES; lane++)                                                \
            total += sums[lane];                                                                   \
        for (; i < dim; i++)                                                                       \
            total += query[i] * load_##kind(stored, i);                                            \
        return total;                                                                              \
    }                                                                                              \
    static float l2sq_##kind(const float *query, const void *stored, size_t dim)                   \
    {                                                                                              \
        float sums[LANES] = {0}, total = 0;                                                        \
        size_t i = 0;                                                                              \
        for (; i + LANES <= dim; i += LANES)                                                       \
            for (size_t lane = 0; lane < LANES; lane++) {                                          \
                float d = query[i + lane] - load_##kind(stored, i + lane);                         \
                sums[lane] += d * d;                                                               \
            }                                                                                      \
        for (size_t lane = 0; lane < LANES; lane++)                                                \
            total += sums[lane];                                                                   \
        for (; i < dim; i++) {                                                                     \
            float d = query[i] - load_##kind(stored, i);                                           \
            total += d * d;                                                                        \
        }                                                                                          \
        return total;                                                                              \
    }                                                                                              \
    static float norm2_##kind(const void *stored, size_t dim)                                      \
    {                                                                                              \
        float sums[LANES] = {0}, total = 0;                                                        \
        size_t i = 0;                                                                              \
        for (; i + LANES <= dim; i += LANES)                                                       \
            for (size_t lane = 0; lane < LANES; lane++) {                                          \
                float v = load_##kind(stored, i + lane);                                           \
                sums[lane] += v * v;                                                               \
            }                                                                                      \
        for (size_t lane = 0; lane < LANES; lane++)                                                \
            total += sums[lane];                                                                   \
        for (; i < dim; i++) {                                                                     \
            float v = load_##kind(stored, i);                                                      \
            total += v * v;                                                                        \
        }                                                                                          \
        return total;                                                                              \
    }
DEFINE(f32)
#ifndef MOLA_KERNEL_WIDE /* see wide.h */
DEFINE(f16)
DEFINE(i8)
#endif
#undef DEFINE

#define MOLA_KERNEL_TABLE(label)                                                                   \
    {                                                                                              \
        .name = (label), .dot = {dot_f32, dot_f16, dot_i8}, .l2sq = {l2sq_f32, l2sq_f16, l2sq_i8}, \
        .norm2 = {                                                                                 \
            norm2_f32,                                                                             \
            norm2_f16,                                                                             \
            norm2_i8                                                                               \
        }                                                                                          \
    }
