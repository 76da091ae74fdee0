/* limits.h - how much of everything a client may ask for (reference 12): one list for struct,
 * parser, `mola limits`, docs/limits.md and the tests.
 *
 * A limit is looked at when a request is judged, never when something stored is read: whoever
 * lowers one keeps all that is there. `most` is what the code or the format of the store can carry.
 * The numbers are those of a process (mola_env), settled before its first thread. */
#pragma once
#include "mola/base/err.h"

/* X(name, default, least, most, what it is about, the answer to a request beyond it: status and
 * text, in which {} is the limit and * any text) */
#define MOLA_LIMITS(X)                                                                             \
    X(namespace_documents, 500000000, 1, UINT32_MAX, "documents of a namespace",                   \
      "400 a namespace can have at most {} documents")                                             \
    X(namespace_bytes, 1ull << 40, 1, 1ull << 50,                                                  \
      "bytes of a namespace, about; one that has them takes no upserts and patches",               \
      "400 a namespace can have at most {} bytes")                                                 \
    X(pinned_namespaces, 256, 0, 10000, "pinned namespaces",                                       \
      "400 at most {} namespaces can be pinned")                                                   \
    X(shards, 256, 1, 256, "`sharding.num_shards`",                                                \
      "400 sharding.num_shards must be between 1 and {}")                                          \
    X(attribute_names, 1024, 1, 1024, "attribute names of a namespace, `id` among them",           \
      "400 a namespace can have at most {} attribute names")                                       \
    X(attribute_name_bytes, 128, 1, 128, "bytes of an attribute name",                             \
      "400 invalid attribute name `*`")                                                            \
    X(vector_attributes, 8, 1, 8, "dense vector attributes of a namespace",                        \
      "400 a namespace can have at most {} vector attributes")                                     \
    X(dense_dims, 10752, 1, 10752, "dimensions of a dense vector",                                 \
      "400 vector has * dimensions, the limit is {}")                                              \
    X(multi_vector_dims, 3072, 1, 3072, "dimensions of a multi-vector's vectors",                  \
      "400 multi-vector has * dimensions, the limit is {}")                                        \
    X(sparse_entries, 1024, 1, 1024, "entries of a sparse vector, stored or asked with",           \
      "400 sparse vector for attribute '*' has more than {} entries")                              \
    X(id_bytes, 64, 1, 64, "bytes of a document's id", "400 document IDs can be at most {} bytes") \
    X(value_bytes, 8 << 20, 1, 8 << 20, "bytes of one attribute of a document",                    \
      "400 attribute '*' exceeds the maximum value size of {}")                                    \
    X(filterable_bytes, 4 << 10, 1, 64 << 10, "bytes of a filterable text, each of a list",        \
      "400 filterable attribute '*' exceeds the maximum value size of {}")                         \
    X(document_bytes, 64 << 20, 1, 64 << 20, "bytes of a document",                                \
      "400 a document exceeds the maximum size of {}")                                             \
    X(token_chars, 255, 1, 255, "`max_token_length`; documented as 254",                           \
      "400 attribute '*': max_token_length must be between 1 and {}")                              \
    X(result_rows, 10000, 1, 100000, "`limit`, and `offset` + `limit`; groups of an aggregation",  \
      "400 top_k must be between 1 and {}")                                                        \
    X(order_attributes, 8, 1, 8, "attributes that `rank_by` orders by",                            \
      "400 rank_by can order by at most {} attributes")                                            \
    X(computed_attributes, 256, 1, 256, "`compute_attributes` of a query",                         \
      "400 compute_attributes supports at most {} attributes")                                     \
    X(highlight_fragments, 1024, 1, 65536, "`fragment_limit`",                                     \
      "400 computed attribute `*`: fragment_limit must be between 1 and {}")                       \
    X(aggregations, 16, 1, 16, "functions of `aggregate_by`",                                      \
      "400 aggregate_by supports at most {} functions")                                            \
    X(subqueries, 16, 1, 16, "`queries` of a multi-query",                                         \
      "400 multi-query requests must contain between 1 and {} queries")                            \
    X(text_query_chars, 8192, 1, 1 << 20, "characters of a full-text query",                       \
      "400 full-text queries can have at most {} characters")                                      \
    X(recall_rows, 1000, 1, 1000, "`num` and `top_k` of a recall",                                 \
      "400 num and top_k must be between 1 and {}")                                                \
    X(list_page, 1000, 1, 1000, "`page_size`", "400 page_size must be between 1 and {}")

typedef struct {
#define MOLA_LIMIT_FIELD(name, fallback, least, most, help, answer) uint64_t name;
    MOLA_LIMITS(MOLA_LIMIT_FIELD)
#undef MOLA_LIMIT_FIELD
} mola_limits;

extern const mola_limits mola_limits_default;

typedef struct {
    const char *name;
    uint64_t fallback, least, most;
    const char *help, *answer;
    size_t offset; /* in mola_limits */
} mola_limit;

extern const mola_limit mola_limit_list[];
extern const size_t mola_limit_count;

/* Sets the limit of that name; MOLA_INVALID with words: none has it, or it is out of bounds. */
mola_err mola_limits_set(mola_limits *limits, mola_str name, uint64_t value,
                         mola_why *why) MOLA_NODISCARD;
static inline uint64_t mola_limits_get(const mola_limits *limits, const mola_limit *limit)
{
    return *(const uint64_t *)(const void *)((const char *)limits + limit->offset);
}

/* A number of bytes as people say it: "4 KiB", "8 MiB", "1000 bytes". */
typedef struct {
    char text[32];
} mola_bytes_text;
mola_bytes_text mola_bytes_print(uint64_t bytes);
