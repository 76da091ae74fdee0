/* condition.h - conditional writes (reference 7.4): which rows may take effect. */
#pragma once
#include "mola/scan/filter.h"

/* Clears, in `keep`, the rows [from, until) of `fresh` whose stored document does not match;
 * at[row] is where the view holds it. Rows of documents that are not stored stay as they are.
 * {"$ref_new": attribute} is what the row itself sets, which for deletes is nothing. The view has
 * the state that the condition was compiled on. Errors as mola_view_gather. */
mola_err mola_write_check_condition(mola_ctx *ctx, const mola_view *view,
                                    const mola_filter *condition, const mola_rows *fresh,
                                    uint32_t from, uint32_t until, const mola_row_at *at,
                                    uint64_t *keep) MOLA_NODISCARD;
