#include "http_pace.h"
#include "mola/base/check.h"
#include <stdlib.h>

static const double retries_per_request = 0.4, retries_max = 100;
static const double hedges_per_request = 0.05, hedges_max = 10;
static const double urges_per_request = 0.75, urges_max = 40, urges_kept = 20;
enum { SAMPLES_MIN = 16, SAMPLES_BETWEEN = 16, HEDGES_AT_FIRST = 4, OVERDUE_TIMES = 6 };
/* Below this a second request costs more than it can save. */
static const uint64_t hedge_after_min_ns = 5 * MOLA_MILLISECOND;
static const uint64_t overdue_after_min_ns = 200 * MOLA_MILLISECOND;
static const uint64_t overdue_at_first_ns = 500 * MOLA_MILLISECOND;

void mola_http_pace_init(mola_http_pace *pace)
{
    static const mola_http_waits unknown = {.hedge_after_ns = MOLA_NEVER,
                                            .overdue_after_ns = overdue_at_first_ns};
    *pace = (mola_http_pace){.waits = {unknown, unknown},
                             .retries_left = retries_max,
                             .hedges_left = HEDGES_AT_FIRST,
                             .urges_left = urges_max};
}

static double more(double left, double by, double most)
{
    return left + by < most ? left + by : most;
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
    if (w->sample_count < SAMPLES_MIN || w->sample_count % SAMPLES_BETWEEN != 0)
        return;
    uint64_t sorted[MOLA_PACE_SAMPLES];
    size_t count = w->sample_count < MOLA_PACE_SAMPLES ? w->sample_count : MOLA_PACE_SAMPLES;
    memcpy(sorted, w->wait_ns, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    /* An eighth more: at p95 itself the budget would be used up by answers that are about to come,
     * and be missing for those that are not. */
    uint64_t p95 = sorted[count * 95 / 100], slow = p95 + p95 / 8;
    w->hedge_after_ns = slow > hedge_after_min_ns ? slow : hedge_after_min_ns;
    uint64_t overdue = sorted[count / 4] * OVERDUE_TIMES;
    w->overdue_after_ns = overdue > overdue_after_min_ns ? overdue : overdue_after_min_ns;
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
