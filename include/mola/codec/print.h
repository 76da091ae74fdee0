/* print.h - values, give me JSON text. Appends to a mola_buf; errors stick there.
 *
 * Floats print as the shortest decimal that reads back to the same value, with ".0" when whole
 * ("1.0", "0.7", "1e-7"); what JSON cannot say (infinite, NaN) prints null. */
#pragma once
#include "mola/base/buf.h"

void mola_print_u64(mola_buf *out, uint64_t v);
void mola_print_i64(mola_buf *out, int64_t v);
void mola_print_f32(mola_buf *out, float v);
void mola_print_f64(mola_buf *out, double v);
/* With quotes and escapes; text must be UTF-8. */
void mola_print_string(mola_buf *out, mola_str text);
