/* filter_compile.h - what the compilers of leaves share: filter_compile.c (comparisons, sets), and
 * filter_text.c (Glob, Regex, Fuzzy, tokens). */
#pragma once
#include "scan/filter_program.h"

typedef struct {
    mola_ctx *ctx;
    const mola_state *state;
    mola_filter_refs refs;
} mola_filter_compiler;

/* What a test is about: the attribute and its type. attr NULL: the document id. */
typedef struct {
    const mola_filter_tree *tree;
    const mola_attr *attr;
    mola_type type;
    const char *op;
} mola_filter_subject;

/* Begins the words of every 400; the argument is tree->attr. */
#define MOLA_FILTER_KEY "filter error in key `" MOLA_FMT "`: "

mola_err mola_filter_no_memory(const mola_filter_compiler *c);
mola_err mola_filter_no_index(const mola_filter_compiler *c, const mola_filter_subject *s,
                              const char *index);
mola_err mola_filter_wrong_form(const mola_filter_compiler *c, const mola_filter_subject *s,
                                const char *needs);
/* One value of the attribute's element type, or a type mismatch. */
mola_err mola_filter_operand(const mola_filter_compiler *c, const mola_filter_subject *s,
                             mola_json json, mola_value *out);

/* The elements of an array, or (`lone`) the single value given for one. */
mola_err mola_filter_operands(const mola_filter_compiler *c, const mola_filter_subject *s,
                              mola_json json, bool lone, mola_value **out, uint32_t *count);

mola_err mola_filter_make_glob(const mola_filter_compiler *c, const mola_filter_subject *s,
                               mola_filter *leaf);
mola_err mola_filter_make_regex(const mola_filter_compiler *c, const mola_filter_subject *s,
                                mola_filter *leaf);
mola_err mola_filter_make_fuzzy(const mola_filter_compiler *c, const mola_filter_subject *s,
                                mola_filter *leaf);
mola_err mola_filter_make_tokens(const mola_filter_compiler *c, const mola_filter_subject *s,
                                 mola_filter *leaf);
