#include "http_pace.h"
#include "mola/base/check.h"
#include <stdlib.h>

static const double retries_per_request = 0.4, retries_max = 100;
static const double hedges_per_request = 0.05, hedges_max = 10;
enum { SAMPLES_MIN = 32, SAMPLES_BETWEEN = 16 };
/* Below this a second request costs more than it can save. */
static const uint64_t hedge_after_min_ns = 5 * MOLA_MILLISECOND;

void mola_http_pace_init(mola_http_pace *pace)
{
    *pace = (mola_http_pace){
        .hedge_after_ns = MOLA_NEVER, .retries_left = retries_max, .hedges_left = 1};
}

static double more(double left, double by, double most)
{
    return left + by < most ? left + by : most;
}

void mola_http_pace_sent(mola_http_pace *pace, bool may_hedge)
{
    pace->retries_left = more(pace->retries_left, retries_per_request, retries_max);
    if (may_hedge)
        pace->hedges_left = more(pace->hedges_left, hedges_per_request, hedges_max);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void mola_http_pace_waited(mola_http_pace *pace, uint64_t wait_ns)
{
    pace->wait_ns[pace->sample_count++ % MOLA_PACE_SAMPLES] = wait_ns;
    if (pace->sample_count < SAMPLES_MIN || pace->sample_count % SAMPLES_BETWEEN != 0)
        return;
    uint64_t sorted[MOLA_PACE_SAMPLES];
    size_t count = pace->sample_count < MOLA_PACE_SAMPLES ? pace->sample_count : MOLA_PACE_SAMPLES;
    memcpy(sorted, pace->wait_ns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    /* An eighth more: at p95 itself the budget would be used up by answers that are about to come,
     * and be missing for those that are not. */
    uint64_t p95 = sorted[count * 95 / 100], after = p95 + p95 / 8;
    pace->hedge_after_ns = after > hedge_after_min_ns ? after : hedge_after_min_ns;
}

static bool take(double *left)
{
    if (*left < 1)
        return false;
    *left -= 1;
    return true;
}

bool mola_http_pace_retry(mola_http_pace *pace)
{
    return take(&pace->retries_left);
}

bool mola_http_pace_hedge(mola_http_pace *pace)
{
    return take(&pace->hedges_left);
}
