/* floats.h - decimal text and floats, both ways, correctly rounded. A C face for fast_float and for
 * the shortest-digits printer of the C++ library, read by C and C++. */
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `text` is a whole JSON number. Too large gives infinity, too small zero, both with its sign. */
float mola_float_read_f32(const char *text, size_t size);
double mola_float_read_f64(const char *text, size_t size);

/* A finite value as d.ddde+xx with the fewest digits that read back to it. Returns the length. */
enum { MOLA_FLOAT_TEXT_MAX = 32 };
size_t mola_float_write_f32(float v, char out[MOLA_FLOAT_TEXT_MAX]);
size_t mola_float_write_f64(double v, char out[MOLA_FLOAT_TEXT_MAX]);

#ifdef __cplusplus
}
#endif
