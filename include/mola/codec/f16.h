/* f16.h - IEEE 754 half precision, as stored in [N]f16 vectors. */
#pragma once
#include <stdint.h>

/* Nearest half, ties to even; beyond 65504 (after rounding) infinite. A NaN becomes a quiet one.
 * Bit-identical on every CPU. */
uint16_t mola_f16_from_f32(float v);
float mola_f16_to_f32(uint16_t half);
