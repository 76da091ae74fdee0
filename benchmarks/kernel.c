/* kernel.c - GB/s of every kernel variant, from cache and from memory, beside plain reading.
 *
 *   bench_kernel [DIMS]
 *
 * Vectors of DIMS (768) elements one after the other, one query. "cache": 32 KB of them, again and
 * again; "memory": 256 MB once a run. Bytes are those of the stored vectors; the best of five runs.
 * Plain reading sums 64-bit words with one instruction set wider than the compiler's default. */
#include "mola/kernel/kernel.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 5 };
#define CACHE_BYTES  ((size_t)32 << 10)
#define MEMORY_BYTES ((size_t)256 << 20)

static volatile float sink;
static volatile uint64_t read_sink;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Small finite values in every kind: no infinite half, no subnormal float. */
static void fill(void *bytes, size_t len, mola_kernel_kind kind)
{
    uint64_t state = 42;
    for (size_t i = 0; i < len / 4; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        uint32_t word = (uint32_t)(state >> 32);
        if (kind == MOLA_KERNEL_F16)
            word = (word & 0x87ff87ff) | 0x30003000;
        float value = (float)(int32_t)word * 0x1p-31f;
        memcpy((char *)bytes + 4 * i, kind == MOLA_KERNEL_F32 ? (void *)&value : (void *)&word, 4);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2")))
#endif
static uint64_t
read_words(const void *bytes, size_t len)
{
    uint64_t sums[16] = {0}, total = 0;
    const char *at = bytes;
    for (size_t i = 0; i + sizeof sums <= len; i += sizeof sums)
        for (size_t lane = 0; lane < 16; lane++) {
            uint64_t word;
            memcpy(&word, at + i + lane * sizeof word, sizeof word);
            sums[lane] += word;
        }
    for (size_t lane = 0; lane < 16; lane++)
        total += sums[lane];
    return total;
}

typedef struct {
    const void *bytes;
    size_t len, vector_bytes, dims;
    const float *query;
} work;

typedef float (*loop)(const float *query, const void *stored, size_t dim);

static void once(const work *w, loop run)
{
    if (!run) {
        read_sink = read_words(w->bytes, w->len);
        return;
    }
    float sum = 0;
    for (size_t at = 0; at + w->vector_bytes <= w->len; at += w->vector_bytes)
        sum += run(w->query, (const char *)w->bytes + at, w->dims);
    sink = sum;
}

/* GB/s, the best of RUNS; what is small is repeated until it counts. */
static double measure(const work *w, loop run)
{
    size_t times = MEMORY_BYTES / w->len;
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        double from = now();
        for (size_t n = 0; n < times; n++)
            once(w, run);
        double rate = (double)(w->len * times) / (now() - from) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int count, char **arguments)
{
    static const char *const kinds[] = {"f32", "f16", "i8"};
    static const size_t widths[] = {4, 2, 1};
    size_t dims = count > 1 ? strtoull(arguments[1], NULL, 10) : 768;
    if (dims == 0 || dims > CACHE_BYTES / 4) {
        fprintf(stderr, "usage: bench_kernel [DIMS], up to %zu\n", CACHE_BYTES / 4);
        return 2;
    }
    void *bytes = malloc(MEMORY_BYTES);
    float *query = malloc(dims * sizeof *query);
    const mola_kernel *kernels[MOLA_KERNELS_MAX];
    size_t kernel_count = mola_kernel_list(kernels);
    if (!bytes || !query)
        return 1;
    fill(query, dims * sizeof *query, MOLA_KERNEL_F32);
    printf("%zu dimensions; GB/s of stored bytes    cache  memory\n", dims);
    for (int kind = 0; kind < MOLA_KERNEL_KINDS; kind++) {
        fill(bytes, MEMORY_BYTES, (mola_kernel_kind)kind);
        work w = {
            .bytes = bytes, .vector_bytes = dims * widths[kind], .dims = dims, .query = query};
        for (size_t n = 0; n <= 2 * kernel_count; n++) {
            const mola_kernel *k = n ? kernels[(n - 1) / 2] : NULL;
            loop run = !k ? NULL : n % 2 ? k->dot[kind] : k->l2sq[kind];
            w.len = CACHE_BYTES;
            double cache = measure(&w, run);
            w.len = MEMORY_BYTES;
            printf("%-4s %-8s %-8s              %8.1f %7.1f\n", kinds[kind], k ? k->name : "(read)",
                   !k      ? ""
                   : n % 2 ? "dot"
                           : "l2sq",
                   cache, measure(&w, run));
        }
    }
    free(bytes);
    free(query);
    return 0;
}
