/* state_edit.h - changing a state that is not shared yet. */
#pragma once
#include "mola/model/state.h"

/* A new attribute at the end, with a fresh id and all settings off. MOLA_INVALID: no room, which
 * means more than MOLA_ATTRS_MAX names. Pointers to other attributes stay good. */
mola_err mola_state_add(mola_state *state, mola_str name, mola_type type, mola_attr **out,
                        mola_why *why) MOLA_NODISCARD;
void mola_state_remove(mola_state *state, uint32_t id);
/* mola_state_find, for changing. */
mola_attr *mola_state_edit(mola_state *state, mola_str name);
/* "a namespace can have at most 1024 attribute names" (the id is one of them). */
mola_err mola_state_too_many(mola_why *why);
/* An empty state with room for `attrs` attributes whose names take `name_bytes` in all. */
mola_state *mola_state_with_room(mola_heap *heap, uint32_t attrs, size_t name_bytes);
