/* config.h - settings: one list for struct, parser, environment twins and --help.
 *
 * `--name-of-setting VALUE` (or =VALUE) on the command line wins over MOLA_NAME_OF_SETTING in the
 * environment, which wins over the default. A list has a value for each time that it is given;
 * secrets come by the environment only, where other users of the machine do not see them.
 * Limits of requests (mola/base/limits.h) are set by `--limit name=value`, or by MOLA_LIMIT_NAME.
 */
#pragma once
#include "mola/base/check.h"
#include "mola/base/err.h"
#include "mola/base/limits.h"

/* T(name, default, help): text.  U(name, default, least, most, help): a number; sizes take K, M, G.
 * L(name, help): a list of texts.  S(name, help): a secret text. */
#define MOLA_CONFIG(T, U, L, S)                                                                    \
    T(listen, "127.0.0.1:3000", "address and port to serve on; port 0 takes a free one")           \
    T(store, "file:./mola-data",                                                                   \
      "where all data lives: file:DIR, s3://BUCKET/PREFIX, or mem: (gone when the server stops)")  \
    T(api_keys, "",                                                                                \
      "accepted bearer keys, separated by commas; none here and in the file: open to everybody")   \
    T(api_keys_file, "", "file with one accepted key a line; read again when it changes")          \
    T(tls_cert, "", "certificate chain (PEM) to serve TLS with; needs --tls-key")                  \
    T(tls_key, "", "private key (PEM) of the certificate")                                         \
    T(kernel, "", "force a vector kernel: scalar, avx2, avx512, neon")                             \
    T(log_level, "info", "debug, info, warn or error")                                             \
    U(loops, 0, 0, 64, "event loops; 0 takes one a CPU, up to 4")                                  \
    U(connections_max, 10000, 16, 1000000,                                                         \
      "open connections; at the cap the longest idle one makes room")                              \
    U(idle_seconds, 75, 1, 86400,                                                                  \
      "an idle connection is closed after this; longer than the load balancer's")                  \
    U(notice_seconds, 1, 0, 600,                                                                   \
      "after SIGTERM, new connections are still taken this long, for load balancers to notice")    \
    U(drain_seconds, 25, 0, 3600, "after SIGTERM, requests under way may take this long")          \
    U(view_bytes_max, 0, 16 << 20, UINT64_MAX,                                                     \
      "memory for namespaces; 0 takes half of what the machine or cgroup has")                     \
    U(body_bytes_max, 0, 1 << 20, UINT64_MAX, "memory for request bodies; 0 takes a quarter")      \
    U(request_bytes_max, 512 << 20, 1 << 10, 4096ull << 20, "largest write request")               \
    U(query_bytes_max, 8 << 20, 1 << 10, 512 << 20, "largest query")                               \
    U(commit_window_ms, 100, 0, 60000, "writes to a busy namespace are collected for this long")   \
    U(commit_seconds, 10, 1, 600,                                                                  \
      "a write whose outcome stays unknown for this long is answered so")                          \
    U(writes_waiting_max, 4096, 1, 1000000,                                                        \
      "writes that may wait for one namespace; more are told 429")                                 \
    U(unindexed_bytes_max, 2ull << 30, 1, UINT64_MAX,                                              \
      "writes to a namespace are told 429 while more of its log is not indexed")                   \
    U(delete_by_filter_max, 5000000, 1, 1ull << 30, "documents one delete_by_filter deletes")      \
    U(patch_by_filter_max, 50000, 1, 1ull << 30, "documents one patch_by_filter patches")          \
    U(queries_per_namespace, 16, 1, 1000000,                                                       \
      "slots for queries of one namespace that run at once; kNN takes 2, an aggregation 4")        \
    U(query_wait_ms, 800, 0, 60000, "a query waits so long for a slot, then it is told 429")       \
    U(operation_lease_seconds, 30, 1, 86400,                                                       \
      "an asynchronous operation without progress for so long is taken over")                      \
    T(indexer, "on",                                                                               \
      "on: this server indexes and collects what it writes; off: it leaves that to mola index")    \
    U(flush_bytes, 16 << 20, 1 << 10, 1 << 30, "unindexed log of a namespace that is flushed")     \
    U(flush_rows, 100000, 1, 1 << 24, "the same in rows")                                          \
    U(flush_age_ms, 60000, 0, 86400000, "smaller ones are flushed when they are so old")           \
    U(merge_fan_in, 8, 2, 64, "segments of one level that become one of the next")                 \
    U(segment_rows_max, 4194304, 1, 1 << 24, "rows of a segment; larger ones are not merged")      \
    U(inline_bytes_max, 262144, 0, 262144,                                                         \
      "segments of a namespace that stand in its manifest: no objects of their own")               \
    U(index_memory_max, 0, 32 << 20, UINT64_MAX,                                                   \
      "memory for building segments; 0 takes an eighth of what the machine or cgroup has")         \
    U(index_workers, 1, 1, 64, "namespaces that are indexed at once")                              \
    U(index_poll_ms, 10000, 10, 3600000, "mola index looks for hints of servers so often")         \
    U(sweep_seconds, 86400, 1, 31536000,                                                           \
      "all namespaces are looked at so often: lost hints, what deleted namespaces left, orphans")  \
    U(retention_seconds, 86400, 0, 31536000, "indexed log and replaced segments are kept so long") \
    U(gc_floor_age_seconds, 86400, 0, 31536000,                                                    \
      "no segment takes longer to build; below a few hours only for tests")                        \
    U(store_check_seconds, 600, 0, 31536000,                                                       \
      "a remote store is tried again so often: does it still keep conditions? 0: never")           \
    T(cache_dir, "", "directory of the disk cache of segments; none: no disk cache")               \
    U(cache_bytes, 16ull << 30, 2 << 20, UINT64_MAX, "size of the disk cache")                     \
    L(embedding_url,                                                                               \
      "base of an OpenAI-compatible API that embeds texts, as http://127.0.0.1:11434/v1, or "      \
      "PROVIDER=URL for models named PROVIDER/...")                                                \
    L(embedding_model,                                                                             \
      "a model for embedding: NAME=REMOTE[,dims=N][,dtype=f16|f32][,document={..}][,query={..}]")  \
    S(embedding_key, "bearer token of the embedding URLs, or PROVIDER=KEY, one a line")            \
    T(embedding_key_file, "", "file with that token")                                              \
    U(embedding_batch, 32, 1, 2048, "texts in one request for embeddings")                         \
    L(rerank_url, "base of an API with Cohere's or Jina's /rerank, or PROVIDER=URL")               \
    L(rerank_model, "a model for reranking: NAME=REMOTE[,query={..}][,bound=top_n|top_k|none]")    \
    S(rerank_key, "bearer token of the rerank URLs, or PROVIDER=KEY, one a line")                  \
    T(rerank_key_file, "", "file with that token")                                                 \
    U(rerank_candidates_max, 1000, 1, 160000, "rows that one query may have reranked")             \
    T(model_ca_file, "",                                                                           \
      "certificates (PEM) to trust for endpoints of models, instead of the system's")              \
    U(model_timeout_ms, 10000, 1, 600000,                                                          \
      "a model must answer in this time, repetitions included")                                    \
    U(model_calls_max, 64, 1, 512, "requests that wait for models at once; more are told 429")     \
    U(fence_seconds, 60, 1, 3600,                                                                  \
      "elapsed-time fence of the storage protocol: the same in all processes of a store, for "     \
      "tests only")

enum { MOLA_CONFIG_LIST_MAX = 64 };
typedef struct {
    const char *items[MOLA_CONFIG_LIST_MAX];
    uint32_t count;
    bool given; /* by flags: the environment does not count any more */
} mola_config_list;

typedef struct {
#define MOLA_CONFIG_TEXT(name, fallback, help)                const char *name;
#define MOLA_CONFIG_NUMBER(name, fallback, least, most, help) uint64_t name;
#define MOLA_CONFIG_LIST(name, help)                          mola_config_list name;
#define MOLA_CONFIG_SECRET(name, help)                        const char *name;
    MOLA_CONFIG(MOLA_CONFIG_TEXT, MOLA_CONFIG_NUMBER, MOLA_CONFIG_LIST, MOLA_CONFIG_SECRET)
#undef MOLA_CONFIG_TEXT
#undef MOLA_CONFIG_NUMBER
#undef MOLA_CONFIG_LIST
#undef MOLA_CONFIG_SECRET
    mola_limits limits;
} mola_config;

/* Reads environment and arguments (without the command's name). MOLA_INVALID with words. Texts
 * point into both. */
mola_err mola_config_read(int count, char **arguments, mola_config *out,
                          mola_why *why) MOLA_NODISCARD;
void mola_config_help(void); /* to standard output */
