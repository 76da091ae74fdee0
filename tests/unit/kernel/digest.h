/* digest.h - seeded vectors, and one number that stands for the exact answers on all of them. */
#pragma once
#include "mola/kernel/kernel.h"
#include <string.h>

enum { DIM_MAX = 1024 };
#define EXACT_DIGEST 0x4106fa9ceed839b7u /* x86-64 and 64-bit ARM, gcc and clang */

static inline uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Fills with floats between -1 and 1, halves of any finite bits below 2, small integers. */
static inline void fill(uint64_t *state, mola_kernel_kind kind, void *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        uint64_t r = next_random(state);
        float f = (float)((double)(r >> 11) * 0x1p-52 - 1.0);
        uint16_t half = (uint16_t)(r & 0xbfff);
        int8_t small = (int8_t)r;
        if (kind == MOLA_KERNEL_F32)
            memcpy((char *)out + i * sizeof f, &f, sizeof f);
        else if (kind == MOLA_KERNEL_F16)
            memcpy((char *)out + i * sizeof half, &half, sizeof half);
        else
            memcpy((char *)out + i, &small, 1);
    }
}

static inline uint64_t mix(uint64_t digest, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (digest ^ bits) * 0x100000001b3u;
}

static inline uint64_t exact_digest(void)
{
    static float query[DIM_MAX];
    static _Alignas(8) char stored[DIM_MAX * sizeof(float)];
    uint64_t state = 42, digest = 0xcbf29ce484222325u;
    for (size_t dim = 1; dim <= DIM_MAX; dim += dim < 70 ? 1 : 61)
        for (mola_kernel_kind kind = 0; kind < MOLA_KERNEL_KINDS; kind++) {
            fill(&state, MOLA_KERNEL_F32, query, dim);
            fill(&state, kind, stored, dim);
            digest = mix(digest, mola_exact_dot(query, stored, kind, dim));
            digest = mix(digest, mola_exact_l2sq(query, stored, kind, dim));
            digest = mix(digest, mola_exact_norm2(stored, kind, dim));
        }
    return digest;
}
