/* fuzz.h - what every fuzz target has. A target asserts what must hold for any input; a crash, a
 * leak or a failed check is a finding. */
#pragma once
#include "mola/base/str.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(c)                                                                              \
    ((c) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c), abort()))

/* A copy on the heap with nothing behind it but `padding` bytes of `filler`, for the sanitizers. */
static inline char *fuzz_copy(const uint8_t *data, size_t size, size_t padding, char filler)
{
    char *copy = malloc(size + padding ? size + padding : 1);
    FUZZ_CHECK(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    memset(copy + size, filler, padding);
    return copy;
}
