/* metrics.h - counters and gauges, one list: struct, names, help and /metrics come from it. */
#pragma once
#include "mola/base/buf.h"
#include "mola/base/err.h"
#include <stdatomic.h>

/* X(kind, name, help); kind is counter or gauge. Names get the prefix mola_ on the wire. */
#define MOLA_METRICS(X)                                                                            \
    X(counter, http_requests_total, "requests whose head was judged")                              \
    X(counter, http_refused_total, "requests refused on their head or while their body was read")  \
    X(gauge, http_connections, "open connections")                                                 \
    X(gauge, http_body_bytes, "bytes charged for request bodies in memory")                        \
    X(counter, queries_total, "queries answered, errors included")                                 \
    X(counter, writes_total, "writes answered, errors included")                                   \
    X(counter, write_groups_total, "log entries appended")                                         \
    X(counter, write_slots_lost_total, "log slots won by another node")                            \
    X(counter, write_unknown_total, "commit groups answered with an unknown outcome")              \
    X(counter, probes_total, "strong-read probes sent")                                            \
    X(counter, probes_shared_total, "strong reads that shared a probe of another")                 \
    X(counter, store_corrupt_total, "objects that failed their checksum")                          \
    X(gauge, store_unsafe, "1 while the store ignores conditions: nothing is written then")        \
    X(counter, store_requests_total, "HTTP requests sent to the store, repeated ones included")    \
    X(counter, store_retries_total, "requests sent again after a failure")                         \
    X(counter, store_hedges_total, "GETs sent a second time because the first was slow")           \
    X(counter, store_hedges_won_total, "of those, answered before the first")                      \
    X(counter, store_timeouts_total, "requests that had no answer when their time was over")       \
    X(counter, store_overload_total, "answers 429 and 5xx of the store")                           \
    X(counter, store_failed_total, "operations that ended as UNAVAILABLE or UNKNOWN")              \
    X(counter, store_connections_total, "connections opened to the store")                         \
    X(counter, store_bytes_sent_total, "bytes of bodies sent to the store")                        \
    X(counter, store_bytes_received_total, "bytes of bodies received from the store")              \
    X(counter, cache_disk_hits_total, "GETs answered from the disk cache")                         \
    X(counter, cache_disk_misses_total, "GETs that the disk cache had to ask the store for")       \
    X(counter, cache_disk_errors_total, "failed calls and damaged pages of the disk cache")        \
    X(gauge, cache_disk_bytes, "bytes of objects in the disk cache")                               \
    X(gauge, view_bytes, "bytes of views and log tails in memory")                                 \
    X(counter, view_evictions_total, "namespaces whose view was dropped to make room")             \
    X(counter, tail_postings_total, "windows of log tails whose texts were made into postings")    \
    X(counter, tail_postings_refused_total, "windows of log tails for whose postings no room was") \
    X(counter, index_flushes_total, "publications of log entries as a segment")                    \
    X(counter, index_merges_total, "publications of segments merged into one")                     \
    X(counter, index_publish_lost_total, "publications that another one came before")              \
    X(counter, index_rows_total, "rows written into segments")                                     \
    X(counter, index_bytes_written_total, "bytes of segments and delete vectors written")          \
    X(gauge, index_namespaces_waiting, "namespaces known to have unindexed log entries")           \
    X(counter, index_failures_total, "steps of the indexer that failed")                           \
    X(counter, collect_passes_total, "passes that looked for what is no longer needed")            \
    X(counter, collect_deleted_total, "objects deleted because nobody needs them")                 \
    X(counter, model_requests_total, "HTTP requests sent to providers of models")                  \
    X(counter, model_retries_total, "of those, sent again after a failure")                        \
    X(counter, model_timeouts_total, "of those, without an answer when their time was over")       \
    X(counter, model_connections_total, "connections opened to providers of models")               \
    X(counter, model_bytes_sent_total, "bytes of bodies sent to providers of models")              \
    X(counter, model_bytes_received_total, "bytes of bodies received from providers of models")    \
    X(counter, model_failures_total, "embeddings and rerankings that failed")                      \
    X(counter, model_texts_embedded_total, "texts that were embedded")                             \
    X(counter, model_texts_reranked_total, "texts that were reranked")                             \
    X(gauge, executor_threads, "threads of the executor")                                          \
    X(counter, executor_refused_total, "jobs refused because a queue was full")

#define MOLA_METRIC_ID(kind, name, help) MOLA_M_##name,
typedef enum { MOLA_METRICS(MOLA_METRIC_ID) MOLA_METRIC_COUNT } mola_metric;
/* What was asked of the store, as an operation (a mola_store_verb) and its outcome (a mola_err). */
enum { MOLA_METRIC_OPERATIONS = 5, MOLA_METRIC_OUTCOMES = MOLA_NO_MEMORY + 1 };
typedef struct {
    _Atomic int64_t value[MOLA_METRIC_COUNT];
    _Atomic int64_t store_operations[MOLA_METRIC_OPERATIONS][MOLA_METRIC_OUTCOMES];
} mola_metrics;

/* mola_count(env->metrics, MOLA_M_writes_total, 1); metrics may be NULL. */
static inline void mola_count(mola_metrics *metrics, mola_metric which, int64_t by)
{
    if (metrics)
        atomic_fetch_add_explicit(&metrics->value[which], by, memory_order_relaxed);
}
static inline void mola_count_operation(mola_metrics *metrics, uint32_t operation, mola_err outcome)
{
    if (metrics)
        atomic_fetch_add_explicit(&metrics->store_operations[operation][outcome], 1,
                                  memory_order_relaxed);
}
/* Appends all of them in the Prometheus text format. */
void mola_metrics_print(const mola_metrics *metrics, mola_buf *out);
