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
/* Asks the dictionaries of large segments which windows have the tokens, for all of these tests
 * together. What they learn is about this view and in the arena of ctx: they must forget it again.
 * Errors as mola_view_fetch. */
mola_err mola_token_tests_look_up(mola_ctx *ctx, const mola_view *view,
                                  mola_token_test *const *tests, uint32_t count) MOLA_NODISCARD;
void mola_token_tests_forget(mola_token_test *const *tests, uint32_t count);
/* false: no row of the window passes. */
bool mola_token_test_may_pass(const mola_token_test *test, const mola_span *span);
const mola_postings_of *mola_token_test_postings(const mola_token_test *test);
/* Clears the rows of a window that do not pass, by its postings. false: it has none, and nothing
 * was done. They are sound (mola_postings_check). */
bool mola_token_test_window(mola_token_test *test, const mola_span *span, uint64_t *mask);
/* Row `row` has a value. */
bool mola_token_test_passes(mola_token_test *test, const mola_column *column, uint32_t row);
