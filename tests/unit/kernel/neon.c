/* neon.c - the kernel floor on 64-bit ARM, without a test library: prints nothing and exits 0, or
 * says what is wrong. */
#include "digest.h"
#include <float.h>
#include <math.h>
#include <stdio.h>

int main(void)
{
    static float query[DIM_MAX], stored[DIM_MAX];
    const mola_kernel *list[MOLA_KERNELS_MAX];
    size_t count = mola_kernel_list(list);
    if (strcmp(list[0]->name, "neon") != 0 || count != 2)
        return printf("the best kernel is %s of %zu\n", list[0]->name, count), 1;
    if (exact_digest() != EXACT_DIGEST)
        return printf("exact digest is %llx\n", (unsigned long long)exact_digest()), 1;
    uint64_t state = 7;
    for (mola_kernel_kind kind = 0; kind < MOLA_KERNEL_KINDS; kind++)
        for (size_t dim = 1; dim <= DIM_MAX; dim++) {
            fill(&state, MOLA_KERNEL_F32, query, dim);
            fill(&state, kind, stored, dim);
            double eps = 4.0 * (double)dim * (double)FLT_EPSILON;
            double l2sq = mola_exact_l2sq(query, stored, kind, dim),
                   norm2 = mola_exact_norm2(stored, kind, dim);
            double scale = sqrt(norm2 * mola_exact_norm2(query, MOLA_KERNEL_F32, dim));
            double dot = mola_exact_dot(query, stored, kind, dim);
            if (fabs((double)list[0]->l2sq[kind](query, stored, dim) - l2sq) > eps * l2sq ||
                fabs((double)list[0]->norm2[kind](stored, dim) - norm2) > eps * norm2 ||
                fabs((double)list[0]->dot[kind](query, stored, dim) - dot) > eps * scale)
                return printf("kind %d dim %zu is beyond its error\n", (int)kind, dim), 1;
        }
    return 0;
}
