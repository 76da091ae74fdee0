/* settings.h - the body of PATCH metadata (reference 9.5), applied to a state. */
#pragma once
#include "write/request.h"

/* The state with the settings of a well-shaped `body`, in *after (one reference; NULL: nothing
 * changes). MOLA_INVALID, MOLA_NO_MEMORY with words. */
mola_err mola_write_apply_settings(mola_heap *heap, const mola_state *state, mola_json body,
                                   mola_state **after, mola_why *why) MOLA_NODISCARD;
