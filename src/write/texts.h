/* texts.h - texts of a write that become vectors (reference 5.6). Decoding notes what it misses;
 * the request's own thread asks a model for it and decodes again. A group's step never waits for a
 * model: what is still missing there, because the schema has changed meanwhile, is a 503.
 *
 * In the arena of the request. Threads: one at a time. */
#pragma once
#include "mola/model/state.h"
#include "mola/write/write.h"

enum { MOLA_EMBEDDED_ROWS_MAX = 30 }; /* of one request */

typedef struct {
    mola_str model, text;
    uint32_t dims;
    const float *vector; /* NULL: it is missing */
} mola_write_text;
typedef struct mola_write_texts {
    const mola_embedding_models *models; /* that definitions may name; NULL: none */
    mola_write_text list[MOLA_EMBEDDED_ROWS_MAX * MOLA_EMBEDS_MAX];
    uint32_t count;
} mola_write_texts;

/* The vector of a text, or NULL: then it is noted as missing. */
const float *mola_write_texts_find(mola_write_texts *texts, const mola_write_text *wanted);
/* Asks the models for all that is missing. */
mola_err mola_write_texts_embed(mola_ctx *ctx, mola_write_texts *texts, mola_provider *provider,
                                mola_model_usage *usage) MOLA_NODISCARD;
