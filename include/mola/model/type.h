/* type.h - the types of attributes (reference 4.1). A type is a form (one value, a list, a vector
 * ...) of an element. Stored in images: the numbers never change their meaning. */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/err.h"

typedef enum {
    MOLA_FORM_SCALAR = 0,
    MOLA_FORM_ARRAY = 1,  /* []T */
    MOLA_FORM_DENSE = 2,  /* [N]f32, [N]f16, [N]i8 */
    MOLA_FORM_MULTI = 3,  /* [][N]f32, [][N]f16 */
    MOLA_FORM_SPARSE = 4, /* {}f16 */
} mola_form;
typedef enum {
    MOLA_ELEM_NONE = 0,
    MOLA_ELEM_STRING = 1,
    MOLA_ELEM_INT = 2,      /* i64 */
    MOLA_ELEM_UINT = 3,     /* u64 */
    MOLA_ELEM_FLOAT = 4,    /* f64 */
    MOLA_ELEM_BOOL = 5,     /* u8, 0 or 1 */
    MOLA_ELEM_UUID = 6,     /* 16 bytes */
    MOLA_ELEM_DATETIME = 7, /* i64, milliseconds since 1970 UTC */
    MOLA_ELEM_BYTES = 8,
    MOLA_ELEM_VEC_F32 = 9, /* elements of vectors, not types of their own */
    MOLA_ELEM_VEC_F16 = 10,
    MOLA_ELEM_VEC_I8 = 11,
    MOLA_ELEM_UNKNOWN = 12, /* []unknown: an empty list was all we saw */
} mola_elem;
typedef struct {
    uint8_t form, elem; /* mola_form, mola_elem */
    uint16_t reserved;
    uint32_t dims; /* DENSE, MULTI: N; else 0 */
} mola_type;

enum { MOLA_DIMS_MAX = 10752, MOLA_MULTI_DIMS_MAX = 3072 };

/* MOLA_INVALID for a text that names no type, or too many dimensions. */
mola_err mola_type_parse(mola_str text, mola_type *out, mola_why *why) MOLA_NODISCARD;
/* The reverse, into `text`; returns its length. */
enum { MOLA_TYPE_TEXT_BYTES = 32 };
size_t mola_type_print(mola_type type, char text[MOLA_TYPE_TEXT_BYTES]);
bool mola_type_eq(mola_type a, mola_type b);
bool mola_type_ok(mola_type type); /* one of reference 4.1; images are checked with it */

/* Bytes of one stored element: 8 for INT, 4 for VEC_F32, ...; 0 for STRING and BYTES. A dense
 * vector is `dims` elements. */
size_t mola_elem_width(mola_elem elem);
const char *mola_elem_name(mola_elem elem); /* "string", "f32", ... */
bool mola_type_can_filter(mola_type type);  /* scalars but bytes, arrays, []unknown */
bool mola_type_can_order(mola_type type);   /* scalars but bytes */
bool mola_type_is_vector(mola_type type);   /* DENSE or MULTI */
