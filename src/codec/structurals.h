/* structurals.h - where the structural characters of a JSON text are. A C face for simdjson, read
 * by C and C++. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    MOLA_STRUCTURALS_FOUND,
    MOLA_STRUCTURALS_BAD_TEXT, /* no UTF-8, an open string, a raw control character in one, or no
                                  value at all */
    MOLA_STRUCTURALS_NO_MEMORY
} mola_structurals_result;

/* The pass writes up to this many positions past the last one it counts. */
enum { MOLA_STRUCTURALS_SLACK = 128 };

/* No fewer than the structural characters of the text. Reads up to 16 bytes past its end. */
size_t mola_structurals_max(const char *text, size_t size);

/* Writes to index[0 .. *count) the offsets of `{}[]:,` outside strings, of the quotes that open
 * strings and of the first byte of every other run of bytes without white space; then the length of
 * the text, twice. `index` has room for mola_structurals_max() + MOLA_STRUCTURALS_SLACK. The
 * text is followed by 64 readable bytes. */
mola_structurals_result mola_structurals_find(const char *text, size_t size, uint32_t *index,
                                              uint32_t *count);

#ifdef __cplusplus
}
#endif
