/* select.c - which variants can this CPU run? */
#include "kernel/variants.h"
#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>

/* Comes with AVX2, but a hypervisor may hide it; not every compiler knows it by name. */
static bool has_f16c(void)
{
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

size_t mola_kernel_list(const mola_kernel *out[MOLA_KERNELS_MAX])
{
    size_t count = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        out[count++] = &mola_kernel_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c())
        out[count++] = &mola_kernel_avx2;
#elif defined(__aarch64__)
    out[count++] = &mola_kernel_neon; /* part of every 64-bit ARM */
#endif
    out[count++] = &mola_kernel_scalar;
    return count;
}

const mola_kernel *mola_kernel_select(const char *name)
{
    const mola_kernel *list[MOLA_KERNELS_MAX];
    size_t count = mola_kernel_list(list);
    for (size_t i = 0; i < count; i++) {
        if (!name || strcmp(name, list[i]->name) == 0)
            return list[i];
    }
    return NULL;
}
