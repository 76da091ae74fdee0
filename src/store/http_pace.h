/* http_pace.h - how long to wait before asking twice, and how often that may be. Private to store/.
 *
 * Repeating requests is what turns a slow store into a dead one, so both kinds of it live on a
 * budget that only first requests fill: retries (the answer was a failure) at most 0.4 for each
 * request, hedges (no answer yet) at most 0.05 for each GET. A hedge is sent once a GET has waited
 * a little longer than 95 of the last 100 did. Threads: one. */
#pragma once
#include "mola/base/env.h"

enum { MOLA_PACE_SAMPLES = 256 };
typedef struct {
    uint64_t wait_ns[MOLA_PACE_SAMPLES]; /* until the head of the answer, of the last GETs */
    uint32_t sample_count;               /* so far; the ring holds the last ones */
    uint64_t hedge_after_ns;
    double retries_left, hedges_left;
} mola_http_pace;

void mola_http_pace_init(mola_http_pace *pace);
/* A request is sent for the first time. */
void mola_http_pace_sent(mola_http_pace *pace, bool may_hedge);
void mola_http_pace_waited(mola_http_pace *pace, uint64_t wait_ns);
/* MOLA_NEVER: too few answers were seen to know what is slow. */
static inline uint64_t mola_http_pace_hedge_after(const mola_http_pace *pace)
{
    return pace->hedge_after_ns;
}
/* true: it may be done, and is counted. */
bool mola_http_pace_retry(mola_http_pace *pace);
bool mola_http_pace_hedge(mola_http_pace *pace);
