/* filter_program.h - a compiled filter: what filter_compile.c makes and filter_run.c evaluates.
 *
 * A leaf says what holds for a row without a value (`null_matches`), what one value must pass
 * (`test`), and whether the whole is turned around (`invert`). Of an array, one element must pass;
 * LIST looks at the array as a whole. */
#pragma once
#include "scan/filter_tree.h"
#include "scan/fuzzy.h"
#include "scan/glob.h"
#include "scan/regex.h"
#include "scan/set.h"
#include "scan/text_filter.h"

typedef enum { MOLA_NODE_AND, MOLA_NODE_OR, MOLA_NODE_NOT, MOLA_NODE_LEAF } mola_node_kind;
typedef enum {
    MOLA_TEST_NEVER,
    MOLA_TEST_ALWAYS,
    MOLA_TEST_RANGE, /* between low and high */
    MOLA_TEST_SET,
    MOLA_TEST_LIST, /* an array, equal to `list` */
    MOLA_TEST_GLOB,
    MOLA_TEST_REGEX,
    MOLA_TEST_FUZZY,
    MOLA_TEST_TOKENS, /* of the value as a whole */
} mola_leaf_test;

/* Bounds of a range; a missing one does not bind. Integers and times have inclusive ones only, as
 * `low_bits` and `span` for one unsigned comparison: (uint64_t)value - low_bits <= span. */
typedef struct {
    mola_value low, high;
    bool has_low, has_high, low_open, high_open;
    uint64_t low_bits, span;
} mola_range;

struct mola_filter {
    mola_node_kind kind;
    uint32_t cost;                /* of asking about one row, in about nanoseconds */
    uint32_t depth;               /* masks that evaluating it needs at once, its own included */
    const mola_filter **children; /* cheapest first */
    uint32_t child_count;
    /* leaves */
    const mola_filter_tree *source;
    mola_filter_op op;
    uint32_t attr;
    mola_type type; /* of the attribute */
    mola_leaf_test test;
    bool null_matches, invert;
    mola_range range;
    mola_set set;
    const mola_value *list;
    uint32_t list_count;
    const mola_glob *glob;
    const mola_regex *regex;
    const mola_fuzzy *fuzzy;
    mola_token_test *tokens;
    bool has_ref; /* the operand is attribute `ref_attr` of the fresh document */
    uint32_t ref_attr;
    const mola_ctx *ctx; /* while it runs: slow tests give up at its deadline, with any result */
};

/* Sets test, range and null_matches of a leaf that compares with one operand (Eq .. Gte, AnyLt ..
 * AnyGte); a null operand is the lowest value. Also used at run time, when $ref_new supplies the
 * operand. */
void mola_leaf_compare(mola_filter *leaf, const mola_value *operand);

/* Tests that walk through texts: a window of them may take longer than a request has. */
static inline bool mola_leaf_is_slow(const mola_filter *leaf)
{
    return leaf->test == MOLA_TEST_GLOB || leaf->test == MOLA_TEST_REGEX ||
           leaf->test == MOLA_TEST_FUZZY || leaf->test == MOLA_TEST_TOKENS;
}
