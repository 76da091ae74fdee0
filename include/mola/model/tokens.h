/* tokens.h - the values of an attribute with full-text search as terms. */
#pragma once
#include "mola/model/state.h"
#include "mola/text/text.h"

/* How its texts are analysed. */
mola_analysis mola_fts_analysis(const mola_fts *fts);

/* The tokens of a value: a text, or a list of texts. */
typedef struct {
    mola_analyzer *analyzer;
    const mola_column *column; /* STRING, SCALAR or ARRAY */
    uint32_t element, until;
} mola_value_tokens;
/* Of row `row`, which has a value. Ended or not, another one may be begun. */
void mola_value_tokens_begin(mola_value_tokens *tokens, mola_analyzer *analyzer,
                             const mola_column *column, uint32_t row);
bool mola_value_tokens_next(mola_value_tokens *tokens, mola_token *token);
