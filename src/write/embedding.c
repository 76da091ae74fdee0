#include "write/embedding.h"

void mola_embedding_next(mola_embedding_row *e)
{
    for (uint32_t i = 0; e->state && i < e->state->embed_count; i++)
        e->cells[i] = (mola_json){0};
}

mola_err mola_embedding_see(mola_embedding_row *e, const mola_attr *attr, mola_op op,
                            mola_json value, mola_why *why)
{
    const mola_embed *embed = e->state ? mola_state_embed_of(e->state, attr->id) : NULL;
    if (!embed)
        return MOLA_OK;
    if (op == MOLA_OP_PATCH) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "' is embedded and cannot be patched",
                         MOLA_ARG(attr->name));
    }
    e->cells[embed - e->state->embeds] = value;
    return MOLA_OK;
}

/* Rows, not texts, are limited. */
static mola_err count_row(mola_embedding_row *e, uint32_t row, mola_why *why)
{
    if (e->rows && e->last_row == row)
        return MOLA_OK;
    e->last_row = row;
    if (++e->rows <= MOLA_EMBEDDED_ROWS_MAX)
        return MOLA_OK;
    return mola_fail(why, MOLA_INVALID, "a request can have at most %d rows that need an embedding",
                     MOLA_EMBEDDED_ROWS_MAX);
}

mola_err mola_embedding_vector(mola_embedding_row *e, const mola_attr *target, uint32_t row,
                               mola_arena *arena, const float **vector, bool *is_embedded,
                               mola_why *why)
{
    const mola_embed *embed = mola_state_embed_into(e->state, target->id);
    *is_embedded = embed != NULL;
    *vector = NULL;
    if (!embed)
        return MOLA_OK;
    const mola_attr *source = mola_state_attr(e->state, embed->source);
    mola_json cell = e->cells[embed - e->state->embeds];
    mola_write_text wanted = {.model = {embed->model, embed->model_bytes},
                              .dims = target->type.dims};
    if (mola_json_kind_of(cell) == MOLA_JSON_STRING && !mola_json_string(cell, arena, &wanted.text))
        return MOLA_NO_MEMORY;
    if (!wanted.text.len) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "' is embedded: it must be a non-empty string",
                         MOLA_ARG(source->name));
    }
    const mola_embedding_model *model;
    mola_err err = mola_embedding_find(e->texts ? e->texts->models : NULL, source->name,
                                       wanted.model, &model, why);
    if (!err)
        err = count_row(e, row, why);
    if (err)
        return err;
    /* The text and the name of the model must outlive this decoding. */
    if (!mola_arena_copy(arena, wanted.model, &wanted.model))
        return MOLA_NO_MEMORY;
    *vector = mola_write_texts_find(e->texts, &wanted);
    e->is_missing |= !*vector;
    return MOLA_OK;
}

mola_err mola_embedding_missing(mola_why *why)
{
    return mola_fail(
        why, MOLA_UNAVAILABLE,
        "not written: the schema has changed meanwhile, and texts have to be embedded");
}
