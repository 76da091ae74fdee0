/* request.h - the body of a write, checked as far as no namespace is needed for it (reference 7.1).
 *
 * Order of checks: shape (422) comes first and needs nothing but the JSON; whether the
 * namespace is there (404) second; meaning (400) last. */
#pragma once
#include "mola/model/schema.h"
#include "mola/write/write.h"

/* The conditions of a request, by what they are about. */
typedef enum { MOLA_IF_UPSERT, MOLA_IF_PATCH, MOLA_IF_DELETE, MOLA_CONDITIONS } mola_condition;
const char *mola_condition_name(mola_condition which);

/* The members of a write request; one that is missing or null is {0}. Views into write->body. */
typedef struct {
    mola_json upsert_rows, upsert_columns, patch_rows, patch_columns, deletes;
    mola_json schema, distance_metric, sharding, encryption;
    mola_json create_namespace;
    mola_json conditions[MOLA_CONDITIONS];
    mola_json delete_by_filter, patch_by_filter; /* filters */
    mola_json patch;                             /* what patch_by_filter sets; an object */
    bool delete_by_filter_partial, patch_by_filter_partial;
    bool return_affected_ids, disable_backpressure;
} mola_write_request;

/* Reads a well-shaped body of MOLA_WRITE_ROWS or MOLA_WRITE_SCHEMA. */
mola_write_request mola_write_request_read(mola_write_kind kind, mola_json body);

/* A member of an object; {0} when it is missing or null. */
mola_json mola_write_member(mola_json object, const char *name);

/* MOLA_SHAPE with words when the body is not of the form that `kind` asks for. MOLA_INVALID for
 * what can be refused without looking at the namespace: a wrong `drop`, a filter of too many nodes,
 * a member that is not built yet. */
mola_err mola_write_check_shape(mola_write_kind kind, mola_json body, mola_arena *arena,
                                mola_why *why) MOLA_NODISCARD;

/* What the request asks for makes sense by itself: it has an operation, and an encryption that this
 * server can give. MOLA_INVALID, or MOLA_SHAPE for a wrong encryption. */
mola_err mola_write_check_meaning(mola_json body, mola_arena *arena, mola_why *why) MOLA_NODISCARD;

/* `encryption` may be {0}. MOLA_INVALID, or MOLA_SHAPE: this server cannot give that one. */
mola_err mola_write_check_encryption(mola_json encryption, mola_arena *arena,
                                     mola_why *why) MOLA_NODISCARD;

/* The request writes documents: on a missing namespace it creates it (reference 7.13). */
bool mola_write_request_creates(const mola_write_request *request);
/* It has an operation on documents, perhaps of no rows. */
bool mola_write_request_has_rows(const mola_write_request *request);
/* It asks about stored documents: a condition, or an operation by filter. */
bool mola_write_request_has_filters(const mola_write_request *request);
/* It lets pass even when an indexer is behind (reference 7.7): disable_backpressure, and nothing
 * but upserts and deletes by id. */
bool mola_write_request_is_pressing(const mola_write_request *request);
