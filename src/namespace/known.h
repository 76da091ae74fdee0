/* known.h - rows of a change whose documents somebody has found already (mola_known_rows), as far
 * as that still holds on the view that the change is applied to. Private to namespace/. */
#pragma once
#include "mola/namespace/log.h"
#include "namespace/part.h"

/* The ranges of a change, by rising rows. Zeroed: nothing is known. */
typedef struct {
    const mola_known_rows *ranges;
    uint32_t count;
} mola_known;

/* The part of `on` in which all rows that `range` knows in segment `part` of its own view are still
 * live; MOLA_NOWHERE: not all of them, look their ids up. */
uint32_t mola_known_part(const mola_view *on, const mola_known_rows *range, uint32_t part);
/* How many rows it knows there. */
uint32_t mola_known_in_part(const mola_known_rows *range, uint32_t part);

/* mola_view_locate for the rows of a change: what is known is not looked up. */
mola_err mola_known_locate(mola_ctx *ctx, const mola_view *on, const mola_known *known,
                           const mola_column *ids, mola_row_at *at) MOLA_NODISCARD;
