/* wide.h - the loops over halves and bytes for instruction sets that convert whole vectors of them.
 * Compilers do not find these conversions in body.h: measured, they double its speed and more.
 * Whoever includes this has defined `vector` (WIDTH floats), widen_f16 and widen_i8 (WIDTH stored
 * elements from index i on). Four sums hide the latency of the additions. */
#include "kernel/load.h"

static inline vector load_query(const float *query)
{
    vector v;
    memcpy(&v, query, sizeof v);
    return v;
}

static inline float total_of(const vector sums[4])
{
    vector sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float total = 0;
    for (size_t lane = 0; lane < WIDTH; lane++)
        total += sum[lane];
    return total;
}

#define DEFINE_WIDE(kind)                                                                          \
    static float dot_##kind(const float *query, const void *stored, size_t dim)                    \
    {                                                                                              \
        vector sums[4] = {{0}};                                                                    \
        size_t i = 0;                                                                              \
        for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH)                                               \
            for (size_t n = 0; n < 4; n++)                                                         \
                sums[n] +=                                                                         \
                    load_query(query + i + n * WIDTH) * widen_##kind(stored, i + n * WIDTH);       \
        float total = total_of(sums);                                                              \
        for (; i < dim; i++)                                                                       \
            total += query[i] * load_##kind(stored, i);                                            \
        return total;                                                                              \
    }                                                                                              \
    static float l2sq_##kind(const float *query, const void *stored, size_t dim)                   \
    {                                                                                              \
        vector sums[4] = {{0}};                                                                    \
        size_t i = 0;                                                                              \
        for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH)                                               \
            for (size_t n = 0; n < 4; n++) {                                                       \
                vector d =                                                                         \
                    load_query(query + i + n * WIDTH) - widen_##kind(stored, i + n * WIDTH);       \
                sums[n] += d * d;                                                                  \
            }                                                                                      \
        float total = total_of(sums);                                                              \
        for (; i < dim; i++) {                                                                     \
            float d = query[i] - load_##kind(stored, i);                                           \
            total += d * d;                                                                        \
        }                                                                                          \
        return total;                                                                              \
    }                                                                                              \
    static float norm2_##kind(const void *stored, size_t dim)                                      \
    {                                                                                              \
        vector sums[4] = {{0}};                                                                    \
        size_t i = 0;                                                                              \
        for (; i + 4 * WIDTH <= dim; i += 4 * WIDTH)                                               \
            for (size_t n = 0; n < 4; n++) {                                                       \
                vector v = widen_##kind(stored, i + n * WIDTH);                                    \
                sums[n] += v * v;                                                                  \
            }                                                                                      \
        float total = total_of(sums);                                                              \
        for (; i < dim; i++) {                                                                     \
            float v = load_##kind(stored, i);                                                      \
            total += v * v;                                                                        \
        }                                                                                          \
        return total;                                                                              \
    }
DEFINE_WIDE(f16)
DEFINE_WIDE(i8)
#undef DEFINE_WIDE
#define MOLA_KERNEL_WIDE 1
