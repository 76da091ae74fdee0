#include "kernel/variants.h"
enum { LANES = 16 };
#include "kernel/body.h"
const mola_kernel mola_kernel_neon = MOLA_KERNEL_TABLE("neon");
