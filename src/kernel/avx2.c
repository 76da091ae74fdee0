#include "kernel/variants.h"
enum { LANES = 32 };
#include "kernel/body.h"
const mola_kernel mola_kernel_avx2 = MOLA_KERNEL_TABLE("avx2");
