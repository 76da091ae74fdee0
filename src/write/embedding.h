/* embedding.h - the vectors that the row at hand gets of its texts (reference 5.6). */
#pragma once
#include "mola/format/entry.h"
#include "write/texts.h"

typedef struct {
    const mola_state *state;
    mola_write_texts *texts;          /* NULL: nothing is embedded */
    mola_json cells[MOLA_EMBEDS_MAX]; /* of the row: the texts of state->embeds; {0}: none */
    uint32_t rows, last_row;          /* that were embedded so far */
    bool is_missing;                  /* a text has no vector yet */
} mola_embedding_row;

/* A row begins. */
void mola_embedding_next(mola_embedding_row *e);
/* One of its cells. MOLA_INVALID: a patch of a text that is embedded. */
mola_err mola_embedding_see(mola_embedding_row *e, const mola_attr *attr, mola_op op,
                            mola_json value, mola_why *why) MOLA_NODISCARD;
/* The vector for `target`, which the row `row` does not bring itself. *is_embedded: it comes of a
 * text; then *vector is NULL when a model has still to be asked. Else the row just lacks it. */
mola_err mola_embedding_vector(mola_embedding_row *e, const mola_attr *target, uint32_t row,
                               mola_arena *arena, const float **vector, bool *is_embedded,
                               mola_why *why) MOLA_NODISCARD;
/* What a plan ends with that misses vectors. */
mola_err mola_embedding_missing(mola_why *why);
