#include "mola/base/metrics.h"
#include <inttypes.h>

#define METRIC_ROW(kind, name, help) {"mola_" #name, #kind, help},

void mola_metrics_print(const mola_metrics *metrics, mola_buf *out)
{
    static const struct {
        const char *name, *kind, *help;
    } rows[MOLA_METRIC_COUNT] = {MOLA_METRICS(METRIC_ROW)};
    for (size_t i = 0; i < MOLA_METRIC_COUNT; i++) {
        int64_t value = atomic_load_explicit(&metrics->value[i], memory_order_relaxed);
        mola_buf_print(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", rows[i].name,
                       rows[i].help, rows[i].name, rows[i].kind, rows[i].name, value);
    }
}
