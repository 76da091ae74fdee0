/* schema_embed.h - `embed` of a definition. Errors are MOLA_SHAPE, MOLA_INVALID, MOLA_NO_MEMORY. */
#pragma once
#include "mola/codec/json.h"
#include "mola/model/state.h"

/* `embed` may be missing or null. */
mola_err mola_embed_check_shape(mola_json embed, mola_str name, mola_why *why) MOLA_NODISCARD;
/* The model is known, unless the state has this very embedding. `embed` is set and well shaped. */
mola_err mola_embed_check_model(const mola_state *state, mola_str name, mola_json embed,
                                const mola_embedding_models *models, mola_arena *arena,
                                mola_why *why) MOLA_NODISCARD;
/* Adds, or removes when it is null, what is embedded of the attribute `name`, which exists. */
mola_err mola_embed_apply(mola_state *state, mola_str name, mola_json embed,
                          const mola_embedding_models *models, mola_arena *arena,
                          mola_why *why) MOLA_NODISCARD;
