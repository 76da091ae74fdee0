#include "mola/model/tokens.h"
#include "mola/model/cell.h"

mola_analysis mola_fts_analysis(const mola_fts *fts)
{
    return (mola_analysis){.tokenizer = fts->tokenizer,
                           .language = fts->language,
                           .max_token_length = fts->max_token_length,
                           .stemming = fts->stemming,
                           .remove_stopwords = fts->remove_stopwords,
                           .ascii_folding = fts->ascii_folding,
                           .case_sensitive = fts->case_sensitive};
}

static void begin_element(mola_value_tokens *t, uint32_t position)
{
    mola_analyzer_begin(t->analyzer, mola_cell_text(t->column, t->element), position);
}

void mola_value_tokens_begin(mola_value_tokens *t, mola_analyzer *analyzer,
                             const mola_column *column, uint32_t row)
{
    bool is_list = column->type.form == MOLA_FORM_ARRAY;
    *t = (mola_value_tokens){.analyzer = analyzer,
                             .column = column,
                             .element = is_list ? column->row_from[row] : row,
                             .until = is_list ? column->row_from[row + 1] : row + 1};
    if (t->element < t->until)
        begin_element(t, 0);
}

bool mola_value_tokens_next(mola_value_tokens *t, mola_token *token)
{
    while (t->element < t->until) {
        if (mola_analyzer_next(t->analyzer, token))
            return true;
        if (++t->element < t->until)
            begin_element(t, mola_analyzer_position(t->analyzer));
    }
    return false;
}
