/* aggregate.h - Count and Sum over the rows that pass the filters, whole or by groups
 * (reference 8.9). */
#pragma once
#include "query/page.h"

enum { MOLA_FUNCTIONS_MAX = 16 };
/* Appends `"aggregations":{...}` or `"aggregation_groups":[...]`. */
mola_err mola_aggregate_print(const mola_asking *asking, const mola_question *question,
                              const mola_filter *filters, mola_buf *out) MOLA_NODISCARD;
