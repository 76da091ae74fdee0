/* value.h - one scalar: an id, an operand of a filter, a cell. A view; strings are not owned. */
#pragma once
#include "mola/base/buf.h"
#include "mola/codec/json.h"
#include "mola/model/type.h"

typedef struct {
    uint8_t elem; /* mola_elem; MOLA_ELEM_NONE is null */
    union {
        int64_t i;        /* INT, DATETIME */
        uint64_t u;       /* UINT */
        double f;         /* FLOAT */
        bool b;           /* BOOL */
        uint8_t uuid[16]; /* UUID */
        mola_str s;       /* STRING, BYTES (raw bytes) */
    };
} mola_value;

/* The stored form of a JSON value that is not null, by the rules of reference 4. false: it does not
 * fit (the caller words the error) or the arena is full (then *full is set). */
bool mola_value_from_json(mola_json json, mola_elem elem, mola_arena *arena, mola_value *out,
                          bool *full);
/* Total order of one type, null lowest; strings and uuids bytewise; -0.0 equals 0.0. */
int mola_value_cmp(const mola_value *a, const mola_value *b);
bool mola_value_eq(const mola_value *a, const mola_value *b);
uint64_t mola_value_hash(const mola_value *value);             /* equal values, equal hashes */
void mola_value_print(mola_buf *out, const mola_value *value); /* as JSON */
size_t
mola_value_bytes(const mola_value *value); /* logical bytes for limits and billing (reference 11) */

/* Ids (reference 3.2): UINT, UUID or STRING. */
enum { MOLA_ID_BYTES_MAX = 64 };
bool mola_id_shape_ok(mola_json json); /* u64 number or string: else the request is a 422 */
/* MOLA_INVALID with the reference's words when the JSON id is not of the namespace's id type, or
 * longer than `bytes_max`. */
mola_err mola_id_from_json(mola_json json, mola_elem id_type, size_t bytes_max, mola_arena *arena,
                           mola_value *out, mola_why *why) MOLA_NODISCARD;
/* "integer `5`" and so on: what serde would call the value, for 422 texts. */
void mola_json_describe(mola_json json, mola_buf *out);
/* MOLA_SHAPE with "Failed to deserialize the JSON body into the target type: <path>: invalid type:
 * ..., expected <expected>"; path may be empty. */
mola_err mola_fail_type(mola_why *why, const char *path, mola_json got, const char *expected);
mola_err mola_fail_shape(mola_why *why, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* MOLA_SHAPE with "unknown variant `x`, expected `a` or `b`" (or "one of `a`, `b`, `c`"). */
mola_err mola_fail_variant(mola_why *why, const char *path, mola_json got, const char *const *names,
                           size_t count);
/* Well-formed UTF-8, as everything that came in as JSON is: for what comes from images. */
bool mola_utf8_ok(mola_str text);
