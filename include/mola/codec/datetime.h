/* datetime.h - ISO 8601 text and milliseconds since 1970 UTC (reference 4.3). */
#pragma once
#include "mola/base/buf.h"

/* Date, optional time, 0-9 fractional digits (cut to milliseconds), optional Z or +-hh:mm; no zone
 * is UTC. Years 0001..9999, in the text and in UTC. false: not such a text. */
bool mola_datetime_parse(mola_str text, int64_t *ms);
/* 2024-03-02T00:00:00.000000000Z, without quotes. */
void mola_datetime_print(mola_buf *out, int64_t ms);
void mola_timestamp_print(mola_buf *out, uint64_t us); /* the same form from microseconds */
