/* load.h - one stored element as a float, exactly. Branch-free, so that loops over it vectorise. */
#pragma once
#include <stdint.h>
#include <string.h>

static inline float load_f32(const void *stored, size_t i)
{
    float v;
    memcpy(&v, (const char *)stored + i * sizeof v, sizeof v);
    return v;
}

/* Shifts the half's exponent and fraction into a float's place and rescales by 2^112, which is
 * exact for every finite half, subnormal ones included. */
static inline float load_f16(const void *stored, size_t i)
{
    uint16_t half;
    memcpy(&half, (const char *)stored + i * sizeof half, sizeof half);
    uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13, bits;
    float v;
    memcpy(&v, &magnitude, sizeof v);
    v *= 0x1p112f;
    memcpy(&bits, &v, sizeof bits);
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline float load_i8(const void *stored, size_t i)
{
    return (float)((const int8_t *)stored)[i];
}
