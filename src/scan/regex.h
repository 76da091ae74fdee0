/* regex.h - regular expressions with the syntax of Rust's regex crate (reference 8.5.5), searched
 * for anywhere in a value.
 *
 * A pattern becomes a nondeterministic automaton over characters, and where that stays small a
 * deterministic one; either way time is linear in the value. Everything about a pattern is bounded:
 * its bytes, its depth, its program, the memory while it is compiled. Compiled patterns live in the
 * arena and are immutable.
 *
 * Not taken, though Rust takes it: (?R), (?-u) before anything that would match a character (only
 * \d \s \w and the word boundaries have an ASCII meaning), {,n}, and Unicode properties other than
 * general categories, scripts by their full names, Alphabetic, Any and Assigned. */
#pragma once
#include "mola/base/ctx.h"

enum { MOLA_REGEX_BYTES_MAX = 4096, MOLA_REGEX_STEPS_MAX = 4096, MOLA_REGEX_DEPTH_MAX = 64 };
typedef struct mola_regex mola_regex;
typedef enum {
    MOLA_REGEX_OK,
    MOLA_REGEX_INVALID,   /* *why says what is wrong */
    MOLA_REGEX_TOO_LARGE, /* one of the bounds */
    MOLA_REGEX_NO_MEMORY
} mola_regex_result;

mola_regex_result mola_regex_compile(mola_arena *arena, mola_str pattern, const mola_regex **out,
                                     const char **why);
/* `text` is UTF-8. Once the deadline of `ctx` has passed the answer may be wrong; NULL: it takes
 * what it takes. */
bool mola_regex_matches(const mola_regex *regex, mola_str text, const mola_ctx *ctx);
