/* embed.h - models for embedding, as far as a schema knows them: names, and what their vectors are
 * (reference 5.6). Where they run is provider/'s business. */
#pragma once
#include "mola/model/type.h"

enum { MOLA_MODEL_BYTES_MAX = 128 };
typedef struct {
    mola_str name;
    uint32_t dims; /* of its vectors; 0: not known */
    uint8_t elem;  /* of attributes made for it: MOLA_ELEM_VEC_F16 or _F32 */
} mola_embedding_model;
typedef struct {
    const mola_embedding_model *list;
    uint32_t count;
} mola_embedding_models;

/* MOLA_INVALID: there is no such model; `models` NULL: embedding is not enabled, words with the
 * name of the attribute when that is not empty. */
mola_err mola_embedding_find(const mola_embedding_models *models, mola_str attr, mola_str name,
                             const mola_embedding_model **out, mola_why *why) MOLA_NODISCARD;
/* Their names, with commas between them, as a C string; cut to `room`. */
void mola_embedding_names(const mola_embedding_models *models, char *out, size_t room);
