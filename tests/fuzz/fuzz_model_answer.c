/* Any bytes as the answer of a provider of models: what is accepted has every vector and every
 * score, all of them finite, and nothing is written beyond them. */
#include "fuzz.h"
#include "provider/answer.h"
#include <math.h>

static void check_err(mola_err err, const mola_why *why)
{
    FUZZ_CHECK(err == MOLA_OK || ((err == MOLA_INVALID || err == MOLA_NO_MEMORY) && why->len > 0));
}

static void read_all(mola_arena *arena, mola_str text, uint32_t count, uint32_t dims)
{
    size_t room = (size_t)count * dims;
    float *out = malloc(room ? room * sizeof *out : 1);
    FUZZ_CHECK(out != NULL);
    for (size_t i = 0; i < room; i++)
        out[i] = NAN;
    uint64_t tokens;
    mola_why why = {.len = 0};
    mola_err err = mola_embedding_answer(arena, text, count, dims, out, &tokens, &why);
    check_err(err, &why);
    for (size_t i = 0; i < room && !err; i++)
        FUZZ_CHECK(isfinite(out[i]));
    if (dims == 1) {
        for (size_t i = 0; i < room; i++)
            out[i] = NAN;
        mola_why_clear(&why);
        err = mola_rerank_answer(arena, text, count, out, &why);
        check_err(err, &why);
        for (size_t i = 0; i < room && !err; i++)
            FUZZ_CHECK(isfinite(out[i]));
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mola_heap heap;
    mola_arena arena;
    mola_heap_init(&heap, 1 << 27);
    mola_arena_init(&arena, &heap, 1 << 24);
    char *copy = fuzz_copy(data, size, MOLA_JSON_PADDING, 'x');
    mola_str text = {copy, size};
    char words[32];
    for (uint32_t count = 0; count < 4; count++) {
        for (uint32_t dims = 1; dims < 4; dims++)
            read_all(&arena, text, count, dims);
    }
    FUZZ_CHECK(mola_answer_words(&arena, text, words, sizeof words) <= sizeof words);
    mola_arena_reset(&arena);
    FUZZ_CHECK(atomic_load(&heap.used) == 0);
    free(copy);
    return 0;
}
