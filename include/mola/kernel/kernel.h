/* kernel.h - inner loops over vectors. Pure: no allocation, no errors, no globals but constant
 * tables.
 *
 * Shapes: query is dim contiguous floats, stored is dim contiguous elements of the kind the
 * function is for; dim >= 1; no alignment needed. Values are finite. Accuracy: every variant is
 * within 4 * dim * FLT_EPSILON * sum(|q_i * s_i|) (dot) or relatively 4 * dim * FLT_EPSILON (l2sq,
 * norm2) of the f64 answer, as long as no step over- or underflows f32. The variants only select
 * candidates; what a client sees comes from mola_exact_*: one scalar f64 routine, the same bits on
 * every CPU. */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum {
    MOLA_KERNEL_F32,
    MOLA_KERNEL_F16,
    MOLA_KERNEL_I8,
    MOLA_KERNEL_KINDS
} mola_kernel_kind;

typedef struct {
    const char *name; /* "avx512", "avx2", "neon", "scalar" */
    float (*dot[MOLA_KERNEL_KINDS])(const float *query, const void *stored, size_t dim);
    float (*l2sq[MOLA_KERNEL_KINDS])(const float *query, const void *stored, size_t dim);
    float (*norm2[MOLA_KERNEL_KINDS])(const void *stored, size_t dim); /* sum of squares */
} mola_kernel;

/* The best variant this CPU can run, or the one named; NULL when that one is unknown or cannot run
 * here. Threads: any; the same answer every time. */
const mola_kernel *mola_kernel_select(const char *name);
/* Every variant this CPU can run, best first; tests and benchmarks loop over it. Returns how many.
 */
enum { MOLA_KERNELS_MAX = 4 };
size_t mola_kernel_list(const mola_kernel *out[MOLA_KERNELS_MAX]);

/* f64 accumulation in index order over the values as stored, without contraction. */
double mola_exact_dot(const float *query, const void *stored, mola_kernel_kind kind, size_t dim);
double mola_exact_l2sq(const float *query, const void *stored, mola_kernel_kind kind, size_t dim);
double mola_exact_norm2(const void *stored, mola_kernel_kind kind, size_t dim);
