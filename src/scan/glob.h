/* glob.h - shell patterns with the syntax of Rust's globset (reference 8.5.4), matched over the
 * whole value.
 *
 * A pattern becomes a nondeterministic automaton over characters, walked with all its states at
 * once: time is linear in the value for every pattern. Compiled patterns live in the arena and are
 * immutable; a match needs scratch memory of its own. */
#pragma once
#include "mola/base/ctx.h"

enum { MOLA_GLOB_BYTES_MAX = 4096 };
typedef struct mola_glob mola_glob;
typedef enum { MOLA_GLOB_CASE_EXACT, MOLA_GLOB_CASE_FOLDED } mola_glob_case;
typedef enum {
    MOLA_GLOB_OK,
    MOLA_GLOB_INVALID,
    MOLA_GLOB_TOO_LONG,
    MOLA_GLOB_NO_MEMORY
} mola_glob_result;

mola_glob_result mola_glob_compile(mola_arena *arena, mola_str pattern, mola_glob_case how,
                                   const mola_glob **out);
/* `text` is UTF-8. Once the deadline of `ctx` has passed the answer may be wrong; NULL: it takes
 * what it takes. */
bool mola_glob_matches(const mola_glob *glob, mola_str text, const mola_ctx *ctx);
