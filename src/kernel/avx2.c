#include "kernel/variants.h"
#include <immintrin.h>
enum { LANES = 32, WIDTH = 8 };
typedef __m256 vector;

static inline vector widen_f16(const void *stored, size_t i)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)((const uint16_t *)stored + i)));
}

static inline vector widen_i8(const void *stored, size_t i)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i_u *)((const int8_t *)stored + i));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

#include "kernel/wide.h"

#include "kernel/body.h"
const mola_kernel mola_kernel_avx2 = MOLA_KERNEL_TABLE("avx2");
