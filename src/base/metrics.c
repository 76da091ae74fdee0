#include "mola/base/metrics.h"
#include <inttypes.h>

#define METRIC_ROW(kind, name, help) {"mola_" #name, #kind, help},

/* A series for each pair that has been seen. */
static void print_operations(const mola_metrics *metrics, mola_buf *out)
{
    static const char *const operations[MOLA_METRIC_OPERATIONS] = {"get", "put", "delete", "list",
                                                                   "copy"};
    static const char name[] = "mola_store_operations_total";
    mola_buf_print(out, "# HELP %s operations of the store, by their outcome\n# TYPE %s counter\n",
                   name, name);
    for (size_t i = 0; i < MOLA_METRIC_OPERATIONS; i++) {
        for (size_t k = 0; k < MOLA_METRIC_OUTCOMES; k++) {
            int64_t count =
                atomic_load_explicit(&metrics->store_operations[i][k], memory_order_relaxed);
            if (count) {
                mola_buf_print(out, "%s{operation=\"%s\",outcome=\"%s\"} %" PRId64 "\n", name,
                               operations[i], mola_err_name((mola_err)k), count);
            }
        }
    }
}

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
    print_operations(metrics, out);
}
