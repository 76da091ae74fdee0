#include "http_pace.h"
#include "mola/base/check.h"
#include <stdlib.h>

static const double retries_per_request = 0.4, retries_max = 100;
static const double hedges_per_request = 0.05, hedges_max = 10;
static const double urges_per_request = 0.75, urges_max = 40, urges_kept = 20;
static const double again_per_second = 10;
enum {
    SAMPLES_MIN = 8,
    SAMPLES_FEW = 64, /* as long as there are no more, each is looked at */
    SAMPLES_BETWEEN = 16,
    HEDGES_AT_FIRST = 4,
    OVERDUE_TIMES = 6
};
/* Below this a second request costs more than it can save. */
static const uint64_t hedge_after_min_ns = 5 * MOLA_MILLISECOND;
static const uint64_t overdue_after_min_ns = 200 * MOLA_MILLISECOND;
static const uint64_t overdue_at_first_ns = 500 * MOLA_MILLISECOND;

void mola_http_pace_init(mola_http_pace *pace, uint64_t now_ns)
{
    static const mola_http_waits unknown = {.slow_after_ns = MOLA_NEVER,
                                            .overdue_after_ns = overdue_at_first_ns};
    *pace = (mola_http_pace){.waits = {unknown, unknown},
                             .retries_left = retries_max,
                             .hedges_left = HEDGES_AT_FIRST,
                             .urges_left = urges_max,
                             .now_ns = now_ns};
}

static double more(double left, double by, double most)
{
    return left + by < most ? left + by : most;
}

void mola_http_pace_pass(mola_http_pace *pace, uint64_t now_ns)
{
    double seconds = (double)(now_ns - pace->now_ns) / MOLA_SECOND;
    pace->now_ns = now_ns;
    pace->retries_left = more(pace->retries_left, again_per_second * seconds, retries_max);
    pace->urges_left = more(pace->urges_left, again_per_second * seconds, urges_max);
}

void mola_http_pace_sent(mola_http_pace *pace, bool may_hedge)
{
    pace->retries_left = more(pace->retries_left, retries_per_request, retries_max);
    pace->urges_left = more(pace->urges_left, urges_per_request, urges_max);
    if (may_hedge)
        pace->hedges_left = more(pace->hedges_left, hedges_per_request, hedges_max);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void mola_http_pace_waited(mola_http_pace *pace, bool is_write, uint64_t wait_ns)
{
    mola_http_waits *w = &pace->waits[is_write];
    w->wait_ns[w->sample_count++ % MOLA_PACE_SAMPLES] = wait_ns;
    if (w->sample_count < SAMPLES_MIN ||
        (w->sample_count > SAMPLES_FEW && w->sample_count % SAMPLES_BETWEEN != 0))
        return;
    uint64_t sorted[MOLA_PACE_SAMPLES];
    size_t count = w->sample_count < MOLA_PACE_SAMPLES ? w->sample_count : MOLA_PACE_SAMPLES;
    memcpy(sorted, w->wait_ns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    w->slow_after_ns = sorted[count * 95 / 100];
    w->late_after_ns = sorted[count * 90 / 100];
    uint64_t overdue = sorted[count / 4] * OVERDUE_TIMES;
    w->overdue_after_ns = overdue > overdue_after_min_ns ? overdue : overdue_after_min_ns;
}

/* The quantiles are those of all answers, the slow ones among them. Where much is saved up a hedge
 * may go out early; at p95 income and cost are even; where it is short an eighth more, or it would
 * be used up by answers that are about to come, and be missing for those that are not. */
uint64_t mola_http_pace_hedge_after(const mola_http_pace *pace)
{
    const mola_http_waits *w = &pace->waits[0];
    if (w->slow_after_ns == MOLA_NEVER)
        return MOLA_NEVER;
    uint64_t after = w->slow_after_ns;
    if (pace->hedges_left >= hedges_max / 2) {
        after = w->late_after_ns;
    } else if (pace->hedges_left < hedges_max / 4) {
        after += after / 8;
    }
    return after > hedge_after_min_ns ? after : hedge_after_min_ns;
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

bool mola_http_pace_urge(mola_http_pace *pace, bool urgent)
{
    return (urgent || pace->urges_left >= urges_kept + 1) && take(&pace->urges_left);
}
