/* fts.h - the full_text_search member of a definition (reference 6.1). */
#pragma once
#include "mola/model/state.h"

/* `attribute` is the attribute's name, for paths. MOLA_SHAPE. */
mola_err mola_fts_check_shape(mola_json json, mola_str attribute, mola_arena *arena,
                              mola_why *why) MOLA_NODISCARD;
/* Merges a well-shaped value that is set into the attribute, whose type is settled. */
mola_err mola_fts_merge(mola_attr *attr, mola_json json, mola_why *why) MOLA_NODISCARD;
void mola_fts_print(mola_buf *out,
                    const mola_fts *fts); /* every member, null where it says nothing */
void mola_fts_print_metadata(mola_buf *out, const mola_fts *fts); /* without those */
