/* order.h - the first k rows of a rowset by attribute values (reference 8.4.3).
 *
 * Nulls come first ascending, last descending; ties are broken by id, ascending. A bounded heap
 * over windows: k rows are held, whatever the size of the namespace. */
#pragma once
#include "mola/scan/rowset.h"

enum { MOLA_ORDER_KEYS_MAX = 8 };
typedef enum { MOLA_ASCENDING, MOLA_DESCENDING } mola_direction;
typedef struct {
    uint32_t attr; /* MOLA_ATTR_ID or a SCALAR attribute that can be ordered by */
    mola_direction direction;
} mola_order_key;

/* No keys: by id. k == SIZE_MAX: all rows. Hits in ctx->arena, in order; their score is 0. The view
 * holds the attributes and the ids. MOLA_NO_MEMORY. */
mola_err mola_order_run(mola_ctx *ctx, const mola_rowset *rows, const mola_order_key *keys,
                        uint32_t key_count, size_t k, mola_hit **hits,
                        size_t *count) MOLA_NODISCARD;
