/* kernel.h - inner loops over vectors. Pure: no allocation, no errors, no globals but the table.
 *
 * Shapes: a, b are dim contiguous elements; dim >= 1; no alignment needed; a and b may alias.
 * Accuracy: every variant is within 4 * dim * FLT_EPSILON * sum(|a_i * b_i|) (dot) or relatively
 * 4 * dim * FLT_EPSILON (l2sq) of the f64 answer, as long as nothing overflows f32. i8: exact.
 * The kernels only select candidates; what a client sees comes from mola_exact_* (one scalar f64 routine, the
 * same on every CPU). */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name; /* "avx512", "avx2", "neon", "scalar" */
    float (*dot_f32)(const float *a, const float *b, size_t dim);
    float (*l2sq_f32)(const float *a, const float *b, size_t dim);
    float (*dot_f16)(const float *a, const uint16_t *b, size_t dim); /* a: the query in f32 */
    float (*l2sq_f16)(const float *a, const uint16_t *b, size_t dim);
    float (*dot_i8)(const float *a, const int8_t *b, size_t dim);
    float (*l2sq_i8)(const float *a, const int8_t *b, size_t dim);
} mola_kernel;

/* The best variant this CPU can run, or the one named (NULL, "scalar", "avx2", ...); NULL when that one
 * is unknown or cannot run here. Thread-safe, the same answer every time. */
const mola_kernel *mola_kernel_select(const char *name);
/* Every variant this CPU can run, best first; tests and benchmarks loop over it. */
enum { MOLA_KERNELS_MAX = 4 };
size_t mola_kernel_list(const mola_kernel *out[MOLA_KERNELS_MAX]);

/* The exact routines: f64 accumulation in index order over the values as stored, no contraction.
 * Elements: f32, f16 bits or i8 on either side; `query` is always f32. */
typedef enum { MOLA_ELEM_F32, MOLA_ELEM_F16, MOLA_ELEM_I8 } mola_kernel_elem;
double mola_exact_dot(const float *query, const void *stored, mola_kernel_elem elem, size_t dim);
double mola_exact_l2sq(const float *query, const void *stored, mola_kernel_elem elem, size_t dim);
double mola_exact_norm2(const void *stored, mola_kernel_elem elem, size_t dim); /* sum of squares */
