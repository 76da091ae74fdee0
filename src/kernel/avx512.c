#include "kernel/variants.h"
enum { LANES = 64 };
#include "kernel/body.h"
const mola_kernel mola_kernel_avx512 = MOLA_KERNEL_TABLE("avx512");
