/* score_bounds.h - which windows the best rows of a ranking can lie in, by the bounds of its text
 * clauses (scan/text_windows.h). */
#pragma once
#include "mola/scan/score.h"
#include "mola/scan/windows.h"

/* No row of the window scores more, or matches when it is 0; infinite: nothing is known. */
double mola_score_bound(const mola_score *score, const mola_view *view, uint32_t part,
                        uint32_t window);
/* The windows with set rows that can have a match, the largest bound first. *order NULL: nothing is
 * known of any, they are visited as they stand. */
mola_err mola_score_windows(mola_ctx *ctx, const mola_rowset *rows, const mola_score *score,
                            const mola_window_at **order, size_t *count) MOLA_NODISCARD;
