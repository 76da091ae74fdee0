/* exact.c - the distances that clients see. Plain f64 in index order: built without contraction or
 * re-association, so every CPU and compiler gives the same bits. A product of two floats is exact
 * in f64. */
#include "kernel/load.h"
#include "mola/kernel/kernel.h"

static inline double element(const void *stored, mola_kernel_kind kind, size_t i)
{
    switch (kind) {
    case MOLA_KERNEL_F16:
        return load_f16(stored, i);
    case MOLA_KERNEL_I8:
        return load_i8(stored, i);
    default:
        return load_f32(stored, i);
    }
}

double mola_exact_dot(const float *query, const void *stored, mola_kernel_kind kind, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)query[i] * element(stored, kind, i);
    return sum;
}

double mola_exact_l2sq(const float *query, const void *stored, mola_kernel_kind kind, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        double d = (double)query[i] - element(stored, kind, i);
        sum += d * d;
    }
    return sum;
}

double mola_exact_norm2(const void *stored, mola_kernel_kind kind, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        double v = element(stored, kind, i);
        sum += v * v;
    }
    return sum;
}
