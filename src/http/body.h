/* body.h - a request body in memory: one range of addresses, charged before it is touched.
 *
 * Contiguous, so the parser needs no copy. Up to 1 MiB it comes from the heap; above, it is an
 * anonymous mapping whose pages exist only where bytes have arrived, and it grows by moving page
 * tables. A known length is charged whole, before the first byte. */
#pragma once
#include "mola/base/budget.h"
#include "mola/base/env.h"

enum { MOLA_BODY_PADDING = 64 }; /* readable bytes after a body, for the JSON parser */

typedef struct {
    mola_env *env;
    mola_budget *budget;
    char *data;
    size_t len, room; /* room: without the padding */
    uint64_t charged;
} mola_body;

/* Room for `size` bytes in all. false: over the budget, or no memory. */
bool mola_body_reserve(mola_body *body, uint64_t size) MOLA_NODISCARD;
/* Adds bytes, doubling the room up to `size_max`, which the sum of all appends does not pass. */
bool mola_body_append(mola_body *body, mola_str bytes, uint64_t size_max) MOLA_NODISCARD;
/* No more comes: the padding becomes zeros, what was charged too much is given back. Returns the
 * bytes; an empty body, too, has a padding to read. */
mola_str mola_body_finish(mola_body *body);
void mola_body_free(mola_body *body);
