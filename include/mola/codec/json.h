/* json.h - JSON text, give me values. Strict RFC 8259, checked whole before anything is returned.
 *
 * The text is scanned once by simdjson's structural pass (which picks its instruction set at run
 * time and checks UTF-8); our own walk then checks the grammar and lays down a tape: 8 bytes a
 * value. Numbers stay text until somebody knows their type, so integers are exact to 64 bits and
 * 0.7 is the f32 next to 0.7. Refused: trailing bytes, BOM, lone surrogates, NUL in the text,
 * nesting over 128. Duplicate keys: the last one wins, whether looked up or walked.
 *
 * Memory: tape and scratch come from `heap` and are freed by mola_json_free; the text must outlive
 * the document and be followed by MOLA_JSON_PADDING readable bytes. Threads: a document is
 * immutable once parsed. */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/err.h"

enum { MOLA_JSON_PADDING = 64, MOLA_JSON_DEPTH_MAX = 128 };
typedef struct mola_json_node mola_json_node;
typedef struct {
    mola_heap *heap;
    mola_str text;
    mola_json_node *tape;
    uint32_t count; /* values on the tape, the keys of objects included */
    size_t tape_bytes;
} mola_json_doc;

/* A value: a place on the tape. {0} is "no value": what looking up a missing member gives. */
typedef struct {
    const mola_json_doc *doc;
    uint32_t at;
} mola_json;

typedef enum {
    MOLA_JSON_NONE,
    MOLA_JSON_NULL,
    MOLA_JSON_BOOL,
    MOLA_JSON_NUMBER,
    MOLA_JSON_STRING,
    MOLA_JSON_ARRAY,
    MOLA_JSON_OBJECT
} mola_json_kind;

/* MOLA_INVALID with words like "Failed to parse the request body as JSON: expected a value at
 * byte 7"; texts over 512 MiB are INVALID too. MOLA_NO_MEMORY. Nothing to free after an error. */
mola_err mola_json_parse(mola_heap *heap, mola_str text, mola_json_doc *out,
                         mola_why *why) MOLA_NODISCARD;
void mola_json_free(mola_json_doc *doc);
mola_json mola_json_root(const mola_json_doc *doc);

mola_json_kind mola_json_kind_of(mola_json value);
/* Value is there and not null. */
bool mola_json_is_set(mola_json value);
bool mola_json_bool(mola_json value); /* of a BOOL */

/* Walking: for (mola_json v = mola_json_first(array); v.doc; v = mola_json_next(array, v)).
 * For objects the walk yields member values; mola_json_key gives the key of the one at hand. A
 * member that a later duplicate overrides is skipped. */
mola_json mola_json_first(mola_json container);
mola_json mola_json_next(mola_json container, mola_json value);
uint32_t mola_json_count(mola_json container); /* elements, or members counting duplicates; O(n) */
/* Text of the key, unescaped; in the arena only when it had escapes. false: over budget. */
bool mola_json_key(mola_json member, mola_arena *arena, mola_str *out) MOLA_NODISCARD;
mola_json mola_json_get(mola_json object, mola_str key); /* {0} when missing or not an object */
mola_json mola_json_at(mola_json array, uint32_t index); /* O(index) */

/* Text of a STRING, unescaped; in the arena only when it had escapes. */
bool mola_json_string(mola_json value, mola_arena *arena, mola_str *out) MOLA_NODISCARD;
/* The STRING equals `text` (escapes resolved). false for other kinds. */
bool mola_json_string_is(mola_json value, mola_str text);
/* The number as written: "1e3", "-0.5". */
mola_str mola_json_number_text(mola_json value);
/* The raw JSON text of any value, for messages. */
mola_str mola_json_raw(mola_json value);

/* Numbers. Integers: only without fraction and exponent ("1.0" is not one; "-0" is 0). false: other
 * kind, or it does not fit. Floats: nearest value, ties to even; false when infinite. */
bool mola_json_i64(mola_json value, int64_t *out);
bool mola_json_u64(mola_json value, uint64_t *out);
bool mola_json_f64(mola_json value, double *out);
bool mola_json_is_integer(mola_json value); /* no fraction, no exponent, any size */

/* An array of numbers as f32s (the hot path of an upsert). false: an element is not a number or
 * does not fit f32, or there are more than `room`. *count: how many there were. */
bool mola_json_f32_array(mola_json array, float *out, size_t room, size_t *count);
