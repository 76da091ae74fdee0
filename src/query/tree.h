/* tree.h - a parsed query: its shape is right, its meaning is not yet known. Everything lives in
 * the arena of the request and borrows from the JSON document. */
#pragma once
#include "mola/model/schema.h"
#include "mola/provider/provider.h"
#include "mola/query/query.h"
#include "mola/scan/filter.h"
#include "mola/scan/order.h"
#include "mola/scan/score.h"

enum {
    MOLA_COMPUTED_MAX = 256, /* what there is room for; limits.h says what is allowed */
    MOLA_QUERIES_MAX = 16,
    MOLA_SCORE_NODES_MAX = 1024,
};

/* ---- score clauses: those of score.h, and text ---- */

enum { MOLA_SCORE_BM25 = MOLA_SCORE_NUMBER + 1 };
typedef struct mola_score_tree mola_score_tree;
struct mola_score_tree {
    int kind; /* mola_score_kind or MOLA_SCORE_BM25 */
    const mola_score_tree **children;
    uint32_t child_count;
    mola_json number_json; /* NUMBER, the weight of PRODUCT: as written, for words */
    double number, exponent;
    mola_json midpoint; /* SATURATE, DECAY: a number or a duration */
    mola_str attr;
    mola_json operand;   /* DIST: origin; SPARSE: the vector; BM25: the text */
    bool last_as_prefix; /* BM25 */
    const mola_filter_tree *filter;
};

/* ---- rank_by ---- */

typedef enum { MOLA_RANK_NONE, MOLA_RANK_ORDERS, MOLA_RANK_VECTOR, MOLA_RANK_SCORE } mola_rank_kind;
typedef enum { MOLA_VECTOR_ANN, MOLA_VECTOR_KNN, MOLA_VECTOR_DIST } mola_vector_op;
typedef struct {
    mola_str attr;
    mola_direction direction;
} mola_order_tree;
/* What a text of the query became. */
typedef struct {
    const mola_why *refused; /* NULL: it was not */
    mola_str model, text;
    uint32_t attr; /* id of the attribute that it is compared with */
    uint32_t dims;
    const float *vector;
} mola_embedded;
typedef struct {
    mola_str attr;
    mola_vector_op op;
    mola_json operand;
    const mola_embedded *embedded; /* of an Embed, by mola_query_prepare; NULL: nobody can */
} mola_vector_tree;
typedef struct {
    mola_rank_kind kind;
    mola_json json; /* as written: for plans that people read */
    mola_order_tree orders[MOLA_ORDER_KEYS_MAX];
    uint32_t order_count; /* as given: may be over MOLA_ORDER_KEYS_MAX, then only those are kept */
    mola_vector_tree vector;
    const mola_score_tree *score;
} mola_rank_tree;

/* ---- compute_attributes ---- */

typedef enum {
    MOLA_COMPUTE_SCORE,
    MOLA_COMPUTE_FILTER,
    MOLA_COMPUTE_VECTOR,
    MOLA_COMPUTE_HIGHLIGHT
} mola_compute_kind;
typedef enum { /* in the order of their names in rank_parse.c */
               MOLA_FRAGMENT_NONE,
               MOLA_FRAGMENT_SENTENCE,
               MOLA_FRAGMENT_PARAGRAPH,
               MOLA_FRAGMENT_WORD
} mola_fragment_by;
typedef enum { /* the same */
               MOLA_OFFSETS_NONE,
               MOLA_OFFSETS_UTF_8,
               MOLA_OFFSETS_UTF_16,
               MOLA_OFFSETS_CODEPOINTS
} mola_offsets;
typedef struct {
    mola_str name;
    mola_compute_kind kind;
    const mola_score_tree *score; /* SCORE, FILTER */
    mola_vector_tree vector;
    mola_str attr;                            /* HIGHLIGHT */
    const mola_score_tree *rank_fragments_by; /* NULL: by the query's own BM25 clauses */
    uint64_t fragment_limit;
    mola_fragment_by fragment_by;
    mola_offsets offsets;
} mola_compute_tree;

/* ---- aggregate_by, group_by ---- */

typedef enum { MOLA_AGGREGATE_COUNT, MOLA_AGGREGATE_SUM } mola_aggregate_kind;
typedef struct {
    mola_str label, attr;
    mola_aggregate_kind kind;
    bool has_attr;
} mola_aggregate_tree;
typedef struct {
    mola_str name, attr;
    bool each; /* ForEachUnique */
} mola_group_tree;

/* ---- a query ---- */

typedef struct {
    mola_str *names;
    uint32_t count;
    bool given;
} mola_names;
typedef struct {
    bool has_total, has_per;
    uint64_t total, per_limit;
    mola_names per;
} mola_limit_tree;
typedef enum {
    MOLA_INCLUDE_DEFAULT,
    MOLA_INCLUDE_NONE,
    MOLA_INCLUDE_ALL,
    MOLA_INCLUDE_LIST
} mola_include;

typedef struct {
    mola_rank_tree rank;
    const mola_filter_tree *filters; /* NULL: none */
    mola_limit_tree limit;
    uint64_t offset;
    mola_include include;
    mola_names included, excluded;
    mola_compute_tree *computed;
    uint32_t computed_count;
    mola_metric_kind metric; /* NONE: not given */
    bool aggregates;
    mola_aggregate_tree *functions;
    uint32_t function_count;
    mola_group_tree *groups;
    uint32_t group_count;
} mola_question;

typedef struct {
    mola_str model, attr, text; /* text: what candidates are held against */
} mola_rerank_tree;

struct mola_query {
    mola_freshness freshness;
    mola_vector_text encoding;
    bool is_multi;
    bool by_model;           /* rerank_by a model */
    bool fused;              /* rerank_by a list */
    mola_rerank_tree rerank; /* by_model */
    mola_provider *provider; /* that of mola_query_prepare; NULL: none */
    mola_question *questions;
    uint32_t question_count; /* of a multi-query: as given; over MOLA_QUERIES_MAX only checked, not
                                kept */
    /* the root of a multi-query */
    mola_limit_tree limit;
    uint64_t offset;
    double rank_constant;
    double *weights;
    uint32_t weight_count;
};

/* ---- parsing, in the order a request is checked ---- */

mola_err mola_parse_rank(mola_ctx *ctx, mola_json json, mola_rank_tree *out) MOLA_NODISCARD;
mola_err mola_parse_computed(mola_ctx *ctx, mola_json members, mola_question *out) MOLA_NODISCARD;
mola_err mola_parse_aggregates(mola_ctx *ctx, mola_json aggregate_by, mola_json group_by,
                               mola_question *out) MOLA_NODISCARD;
mola_err mola_parse_score(mola_ctx *ctx, mola_json json, const char *path,
                          const mola_score_tree **out) MOLA_NODISCARD;
/* ["Embed", ...] */
bool mola_is_embed(mola_json operand);
/* [attr, "asc"|"desc"] */
bool mola_is_order(mola_json json);
/* The first elements of an array, at most `room`; the rest stays {0}. Returns how many the array
 * has, at most room + 1. 0 for anything but an array. */
uint32_t mola_take_elements(mola_json array, mola_json *out, uint32_t room);
/* A list of strings. MOLA_SHAPE with no words: it is not one. */
mola_err mola_take_names(mola_ctx *ctx, mola_json list, mola_names *out) MOLA_NODISCARD;
/* An integer >= 0, cut to UINT64_MAX. false: not one. */
bool mola_take_count(mola_json json, uint64_t *out);
/* A number; infinite where it is beyond f64. */
double mola_take_number(mola_json json);
/* prefix and name as a C string, for the words of a 422; NULL: no memory. */
const char *mola_query_path(const mola_ctx *ctx, const char *prefix, mola_str name);
mola_err mola_query_no_memory(const mola_ctx *ctx);
/* MOLA_INVALID: `limit`, or `offset` + `limit`, out of bounds. */
mola_err mola_query_fail_limit(const mola_ctx *ctx);
mola_err mola_query_fail_offset(const mola_ctx *ctx);
