/* schema.h - the JSON side of a state: definitions in, views out, inference (reference 5, 4.6). */
#pragma once
#include "mola/base/limits.h"
#include "mola/model/embed.h"
#include "mola/model/state.h"
#include "mola/text/text.h"

/* Shape of a `schema` member or of the body of POST /schema: MOLA_SHAPE (or MOLA_INVALID for a
 * wrong `drop`). Needs no namespace. `path`: "schema" or "". */
mola_err mola_schema_check_shape(mola_json definitions, const char *path, mola_arena *arena,
                                 mola_why *why) MOLA_NODISCARD;
/* Applies well-shaped definitions to `state`, which the caller owns alone and which has room for
 * them (mola_state_copy with mola_json_count, and MOLA_EMBEDS_MAX more for the vectors of texts
 * that are embedded by one of `models`; NULL: none can be). In order of the members; MOLA_INVALID
 * with words (and why->attribute for a type change). Declares the id type too. That a dropped
 * attribute is not written by the same request is the caller's to check; so are the limits of a
 * namespace: mola_schema_settle_metric. */
mola_err mola_schema_apply(mola_state *state, mola_json definitions,
                           const mola_embedding_models *models, mola_arena *arena,
                           mola_why *why) MOLA_NODISCARD;
/* The attribute `name` for an undeclared (or []unknown) value that is not null: its type by
 * reference 4.6, added to `state` (room needed) or, for []unknown, made concrete. `before` is the
 * state before this write (NULL: creation). */
mola_err mola_schema_infer(mola_state *state, const mola_state *before, mola_str name,
                           mola_json value, mola_arena *arena, mola_why *why) MOLA_NODISCARD;
/* MOLA_INVALID: empty, over 128 bytes, starts with '$'. */
mola_err mola_schema_check_name(mola_str name, mola_why *why) MOLA_NODISCARD;
/* What holds for the whole state after definitions and inference: the number of names and of vector
 * attributes, none of them new in an old namespace, and the metric rules of reference 5.2. To be
 * called for every write. `before` is the state before this write (NULL: creation), `metric_json`
 * the request's distance_metric (may be no value). Sets state->metric. */
mola_err mola_schema_settle_metric(mola_state *state, const mola_state *before,
                                   mola_json metric_json, mola_why *why) MOLA_NODISCARD;
/* What is new in `state` keeps to the limits: names, vector attributes, dimensions, lengths of
 * tokens. `before` as above. MOLA_INVALID with words. */
mola_err mola_schema_check_limits(const mola_state *state, const mola_state *before,
                                  const mola_limits *limits, mola_why *why) MOLA_NODISCARD;
/* "cosine_distance" ...; `dot_product` is an extension of ours. MOLA_METRIC_NONE: not a metric. */
mola_metric_kind mola_metric_parse(mola_str text);
const char *mola_metric_name(mola_metric_kind metric);
/* Of a JSON value; MOLA_SHAPE (unknown variant) for anything else. */
mola_err mola_metric_from_json(mola_json json, const char *path, mola_metric_kind *out,
                               mola_why *why) MOLA_NODISCARD;

/* Names of mola_fts.tokenizer and .language (mola/text/text.h); NULL beyond the last. The language
 * of pre-tokenized text says nothing and is shown as null. */
const char *mola_tokenizer_name(uint8_t tokenizer);
const char *mola_language_name(uint8_t language);

/* The two views of reference 5.5. */
void mola_schema_print(mola_buf *out, const mola_state *state);          /* GET /schema */
void mola_schema_print_metadata(mola_buf *out, const mola_state *state); /* metadata.schema */
