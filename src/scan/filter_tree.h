/* filter_tree.h - a parsed filter: what filter_parse.c makes and filter_compile.c reads. */
#pragma once
#include "mola/scan/filter.h"

/* X(enumerator, name on the wire) */
#define MOLA_FILTER_OPS(X)                                                                         \
    X(EQ, "Eq")                                                                                    \
    X(NOT_EQ, "NotEq")                                                                             \
    X(IN, "In")                                                                                    \
    X(NOT_IN, "NotIn")                                                                             \
    X(LT, "Lt")                                                                                    \
    X(LTE, "Lte")                                                                                  \
    X(GT, "Gt")                                                                                    \
    X(GTE, "Gte")                                                                                  \
    X(CONTAINS, "Contains")                                                                        \
    X(NOT_CONTAINS, "NotContains")                                                                 \
    X(CONTAINS_ANY, "ContainsAny")                                                                 \
    X(NOT_CONTAINS_ANY, "NotContainsAny")                                                          \
    X(ANY_LT, "AnyLt")                                                                             \
    X(ANY_LTE, "AnyLte")                                                                           \
    X(ANY_GT, "AnyGt")                                                                             \
    X(ANY_GTE, "AnyGte")                                                                           \
    X(GLOB, "Glob")                                                                                \
    X(NOT_GLOB, "NotGlob")                                                                         \
    X(IGLOB, "IGlob")                                                                              \
    X(NOT_IGLOB, "NotIGlob")                                                                       \
    X(REGEX, "Regex")                                                                              \
    X(FUZZY, "Fuzzy")                                                                              \
    X(ALL_TOKENS, "ContainsAllTokens")                                                             \
    X(ANY_TOKEN, "ContainsAnyToken")                                                               \
    X(TOKEN_SEQUENCE, "ContainsTokenSequence")
#define MOLA_FILTER_OP_ID(id, name) MOLA_FILTER_##id,
typedef enum { MOLA_FILTER_OPS(MOLA_FILTER_OP_ID) MOLA_FILTER_OP_COUNT } mola_filter_op;
const char *mola_filter_op_name(mola_filter_op op);

typedef enum { MOLA_TREE_AND, MOLA_TREE_OR, MOLA_TREE_NOT, MOLA_TREE_TEST } mola_tree_kind;
struct mola_filter_tree {
    mola_tree_kind kind;
    mola_filter_op op; /* TEST */
    mola_str attr;
    mola_json value, options;
    const mola_filter_tree **children; /* AND, OR; NOT has one */
    uint32_t child_count;
};
