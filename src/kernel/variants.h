/* variants.h - the tables of all instruction sets that this architecture has. */
#pragma once
#include "mola/kernel/kernel.h"

extern const mola_kernel mola_kernel_scalar;
#if defined(__x86_64__)
extern const mola_kernel mola_kernel_avx2, mola_kernel_avx512;
#elif defined(__aarch64__)
extern const mola_kernel mola_kernel_neon;
#endif
