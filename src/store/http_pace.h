/* http_pace.h - how long to wait before asking twice, and how often that may be. Private to store/.
 *
 * Repeating requests is what turns a slow store into a dead one, so all kinds of it live on budgets
 * that first requests fill: retries (the answer was a failure) at most 0.4 for each request,
 * hedges (it is slow) at most 0.05 for each GET, urges (it is overdue) at most 0.75 for each
 * request. What counts is the load of the store: ten retries and ten urges a second are no load, so
 * they are always granted, or a server that asks little would wait for what it may not ask again.
 * A hedge is sent once a GET has waited longer than 95 of the last 100 did, or a little
 * longer. Where many answers are slow that is no measure, so there is another one: an answer is
 * overdue after six times what the fastest quarter of them needed. When all of the store becomes
 * slow, that soon needs more. Threads: one. */
#pragma once
#include "mola/base/env.h"

enum { MOLA_PACE_SAMPLES = 256 };
typedef struct {
    uint64_t wait_ns[MOLA_PACE_SAMPLES]; /* until the head of the answer, of the last requests */
    uint32_t sample_count;               /* so far; the ring holds the last ones */
    uint64_t late_after_ns;              /* p90 */
    uint64_t slow_after_ns;              /* p95; MOLA_NEVER: too few were seen to know */
    uint64_t overdue_after_ns;
} mola_http_waits;
typedef struct {
    mola_http_waits waits[2]; /* of reads, of writes */
    double retries_left, hedges_left, urges_left;
    uint64_t now_ns;
} mola_http_pace;

void mola_http_pace_init(mola_http_pace *pace, uint64_t now_ns);
void mola_http_pace_pass(mola_http_pace *pace, uint64_t now_ns); /* time has passed */
/* A request is sent for the first time. */
void mola_http_pace_sent(mola_http_pace *pace, bool may_hedge);
void mola_http_pace_waited(mola_http_pace *pace, bool is_write, uint64_t wait_ns);
/* How long a read waits before it is hedged; MOLA_NEVER. */
uint64_t mola_http_pace_hedge_after(const mola_http_pace *pace);
/* true: it may be done, and is counted. */
bool mola_http_pace_retry(mola_http_pace *pace);
bool mola_http_pace_hedge(mola_http_pace *pace);
/* It is overdue. Half of what can be saved up is kept for those that are urgent. */
bool mola_http_pace_urge(mola_http_pace *pace, bool urgent);
