/* filter.h - filter expressions (reference 8.5): JSON, give me the rows that match.
 *
 * Three steps. Parsing looks at the shape alone (MOLA_SHAPE). Compiling against a state checks
 * names, types and indexes (MOLA_INVALID) and turns operands into their stored form. Running
 * narrows a rowset, window by window, cheapest test first, and asks each test only about the rows
 * that are still undecided.
 *
 * Trees and compiled filters live in the arena they were made in; the JSON document must outlive
 * both. Compiled filters are immutable, but for token filters, which keep an analyzer: one thread
 * at a time. */
#pragma once
#include "mola/scan/read.h"

typedef struct mola_filter_tree mola_filter_tree;
typedef struct mola_filter mola_filter;
enum { MOLA_FILTER_NODES_MAX = 1024 };

/* `path` is what a 422 names: "filters", "delete_by_filter" ... Over MOLA_FILTER_NODES_MAX:
 * MOLA_INVALID. */
mola_err mola_filter_parse(mola_ctx *ctx, mola_json json, const char *path,
                           const mola_filter_tree **out) MOLA_NODISCARD;
/* The text is the name of an operator that stands between an attribute and a value. */
bool mola_filter_operator(mola_str name);

/* Operands {"$ref_new": attribute} have a meaning in the conditions of writes only. */
typedef enum { MOLA_REFS_REFUSED, MOLA_REFS_ALLOWED } mola_filter_refs;
mola_err mola_filter_compile(mola_ctx *ctx, const mola_filter_tree *tree, const mola_state *state,
                             mola_filter_refs refs, const mola_filter **out) MOLA_NODISCARD;

/* The attributes of stored rows that running it reads. */
void mola_filter_reads(const mola_filter *filter, mola_attr_list *attrs);

/* Clears the rows that do not match. The filter has no $ref_new. What it reads is fetched in steps
 * and released; errors as mola_scan_windows. */
mola_err mola_filter_run(mola_ctx *ctx, const mola_filter *filter,
                         mola_rowset *rows) MOLA_NODISCARD;
/* The same; `ahead` is what the caller is going to read of the rows that are left. When it fits
 * into one step with what the filter reads, all is fetched at once and stays pinned: then the
 * caller's own steps find it in memory. */
mola_err mola_filter_run_ahead(mola_ctx *ctx, const mola_filter *filter,
                               const mola_attr_list *ahead, mola_rowset *rows) MOLA_NODISCARD;
/* Clears the bits of the gathered rows that do not match. All that the filter reads is gathered. */
mola_err mola_filter_gathered(mola_ctx *ctx, const mola_filter *filter,
                              const mola_gathered *gathered, uint64_t *bits) MOLA_NODISCARD;

/* One document, wherever its values are: a row of a part, or a row of a batch being written.
 * `column` says where attribute `attr` is; false when the document has no value for it. */
typedef struct mola_document mola_document;
struct mola_document {
    bool (*column)(const mola_document *document, uint32_t attr, mola_column *column,
                   uint32_t *row);
    const void *of;
    uint32_t part, row;
};
/* Row `row` of part `part`; the view outlives it. */
mola_document mola_view_document(const mola_view *view, uint32_t part, uint32_t row);
/* `fresh`: the document that $ref_new speaks of; NULL when the filter has none. */
bool mola_filter_matches(const mola_filter *filter, const mola_document *stored,
                         const mola_document *fresh);
