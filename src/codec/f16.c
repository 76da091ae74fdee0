#include "mola/codec/f16.h"
#include <string.h>

/* In integers only, so that no CPU, compiler or rounding mode has a say. */

uint16_t mola_f16_from_f32(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) /* NaN: made quiet, its upper bits kept */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) /* 65520, which is nearest to 2^16, and infinity */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude >=
        0x38800000) { /* 2^-14, the smallest normal half; a carry goes into the exponent */
        uint32_t odd = magnitude >> 13 & 1;
        return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + odd) >> 13);
    }
    if (magnitude < 0x33000000) /* less than half of 2^-24, the smallest half there is */
        return (uint16_t)sign;
    uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    uint32_t shift = 126 - (magnitude >> 23); /* 14 to 24: then units of 2^-24 are left */
    uint32_t result = mantissa >> shift, rest = mantissa & ((UINT32_C(1) << shift) - 1);
    uint32_t half = UINT32_C(1) << (shift - 1);
    result += rest > half || (rest == half && result & 1);
    return (uint16_t)(sign | result);
}

float mola_f16_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             mantissa = half & 0x3ff;
    uint32_t bits;
    if (exponent == 31) {
        bits = 0x7f800000 | mantissa << 13 | (mantissa ? 0x400000 : 0);
    } else if (exponent > 0) {
        bits = (exponent + 112) << 23 | mantissa << 13;
    } else if (mantissa == 0) {
        bits = 0;
    } else { /* a subnormal half is a normal float */
        uint32_t shift = (uint32_t)__builtin_clz(mantissa) - 21;
        bits = (113 - shift) << 23 | (mantissa << shift & 0x3ff) << 13;
    }
    bits |= sign;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
