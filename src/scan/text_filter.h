/* text_filter.h - ContainsAllTokens, ContainsAnyToken and ContainsTokenSequence over one value. */
#pragma once
#include "scan/filter_tree.h"
#include "scan/text_postings.h"
#include "scan/text_terms.h"

typedef struct mola_token_test mola_token_test;
/* `texts` are analysed as a value of the attribute is. NULL: no memory. The test keeps an analyzer
 * and counts: it is for one thread at a time. */
mola_token_test *mola_token_test_new(mola_arena *arena, const mola_attr *attr, mola_filter_op op,
                                     const mola_str *texts, uint32_t count, bool last_as_prefix);
/* Row `row` has a value. */
const mola_postings_of *mola_token_test_postings(const mola_token_test *test);
/* Clears the rows of a window that do not pass, by its postings. false: it has none, and nothing
 * was done. They are sound (mola_postings_check). */
bool mola_token_test_window(mola_token_test *test, const mola_span *span, uint64_t *mask);
bool mola_token_test_passes(mola_token_test *test, const mola_column *column, uint32_t row);
