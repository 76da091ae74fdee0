/* column_json.c - a JSON value, give me a row of a column: the hot path of an upsert.
 *
 * Vectors are decoded straight into the column's data. What does not fit is looked at a second
 * time, slowly, to find the words for the client. */
#include "model/builder.h"
#include "mola/base/check.h"
#include "mola/codec/base64.h"
#include "mola/codec/f16.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    mola_column_builder *b;
    mola_str name;
    const mola_limits *limits;
    mola_arena *arena;
    mola_why *why;
} target;

static mola_err no_memory(const target *t)
{
    return mola_fail(t->why, MOLA_NO_MEMORY, "out of memory for this request");
}

/* -- vectors ----------------------------------------------------------------------------------- */

typedef enum {
    VECTOR_OK,
    VECTOR_NOT_ONE, /* not numbers or base64 of f32, or an element is not finite */
    VECTOR_LENGTH,  /* a vector, but of another length */
    VECTOR_FULL,
} vector_fault;

/* The slow look at an array: how many numbers, and are they all finite as f32? */
static bool array_of_floats(mola_json array, size_t *count)
{
    *count = 0;
    for (mola_json v = mola_json_first(array); v.doc; v = mola_json_next(array, v)) {
        double number;
        if (!mola_json_f64(v, &number) || !isfinite((float)number))
            return false;
        (*count)++;
    }
    return true;
}

static bool base64_of_floats(mola_str text, mola_arena *arena, size_t *count, bool *full)
{
    size_t size;
    if (!mola_base64_decoded_size(text, &size) || size % 4 != 0)
        return false;
    char *scratch = mola_new(arena, char, size);
    *full = !scratch;
    *count = size / 4;
    return scratch && mola_base64_decode_f32(text, scratch);
}

static vector_fault read_base64(mola_json json, mola_arena *arena, char *out, uint32_t dims,
                                size_t *count)
{
    mola_str text;
    size_t size;
    if (!mola_json_string(json, arena, &text))
        return VECTOR_FULL;
    if (mola_base64_decoded_size(text, &size) && size == (size_t)dims * 4)
        return mola_base64_decode_f32(text, out) ? VECTOR_OK : VECTOR_NOT_ONE;
    bool full = false;
    if (!base64_of_floats(text, arena, count, &full))
        return full ? VECTOR_FULL : VECTOR_NOT_ONE;
    return VECTOR_LENGTH;
}

/* Exactly `dims` finite f32s from an array or a base64 string. *count is set for VECTOR_LENGTH. */
static vector_fault read_floats(mola_json json, mola_arena *arena, char *out, uint32_t dims,
                                size_t *count)
{
    mola_json_kind kind = mola_json_kind_of(json);
    *count = dims;
    if (kind == MOLA_JSON_STRING)
        return read_base64(json, arena, out, dims, count);
    if (kind != MOLA_JSON_ARRAY)
        return VECTOR_NOT_ONE;
    if (mola_json_f32_array(json, (float *)(void *)out, dims, count) && *count == dims)
        return VECTOR_OK;
    if (!array_of_floats(json, count))
        return VECTOR_NOT_ONE;
    return *count == dims ? VECTOR_NOT_ONE : VECTOR_LENGTH;
}

/* f32s to the column's own elements. `out` may lie at or before `floats` in one buffer: each
 * element is read before its bytes are overwritten. false: an element does not fit. */
static bool narrow(const char *floats, char *out, mola_elem elem, uint32_t dims)
{
    for (uint32_t i = 0; elem != MOLA_ELEM_VEC_F32 && i < dims; i++) {
        float v;
        memcpy(&v, floats + (size_t)i * 4, sizeof v);
        if (elem == MOLA_ELEM_VEC_F16) {
            uint16_t half = mola_f16_from_f32(v);
            if ((half & 0x7c00) == 0x7c00)
                return false;
            memcpy(out + (size_t)i * 2, &half, sizeof half);
        } else {
            if (!(v >= -128 && v <= 127) || v != truncf(v))
                return false;
            out[i] = (char)(int8_t)v;
        }
    }
    return true;
}

static mola_err fail_narrow(const target *t)
{
    if (t->b->type.elem == MOLA_ELEM_VEC_I8) {
        return mola_fail(t->why, MOLA_INVALID,
                         "attribute '" MOLA_FMT
                         "': i8 vector elements must be integers between -128 and 127",
                         MOLA_ARG(t->name));
    }
    return mola_fail(t->why, MOLA_INVALID, "attribute '" MOLA_FMT "': vector element out of range",
                     MOLA_ARG(t->name));
}

static mola_err fail_length(const target *t, size_t got)
{
    return mola_fail(t->why, MOLA_INVALID,
                     "invalid vector length for attribute '" MOLA_FMT "', expected %u, got %zu",
                     MOLA_ARG(t->name), t->b->type.dims, got);
}

/* Where the next vector's f32s go: the end of the data, moved up to the alignment of floats (a
 * column of f16 or i8 may end between two). */
static char *vector_room(const target *t)
{
    mola_column_builder *b = t->b;
    size_t size = (size_t)b->type.dims * 4 + 3;
    char *at = size > UINT32_MAX - b->data.len ? NULL : mola_buf_reserve(&b->data, size);
    return at ? at + (4 - b->data.len % 4) % 4 : NULL;
}

static bool add_vector(const target *t, const char *floats)
{
    mola_column_builder *b = t->b;
    if (!narrow(floats, b->data.data + b->data.len, b->type.elem, b->type.dims))
        return false;
    b->data.len += b->type.dims * mola_elem_width(b->type.elem);
    return true;
}

static mola_err add_dense(const target *t, mola_json json)
{
    size_t count;
    char *floats = vector_room(t);
    if (!floats)
        return no_memory(t);
    switch (read_floats(json, t->arena, floats, t->b->type.dims, &count)) {
    case VECTOR_FULL:
        return no_memory(t);
    case VECTOR_NOT_ONE:
        return mola_fail(t->why, MOLA_INVALID, "invalid vector value for attribute '" MOLA_FMT "'",
                         MOLA_ARG(t->name));
    case VECTOR_LENGTH:
        return fail_length(t, count);
    case VECTOR_OK:
        break;
    }
    return add_vector(t, floats) ? MOLA_OK : fail_narrow(t);
}

/* A multi-vector that does not fit: the first reason in the order every element is a vector, all
 * have one length, it is the column's, every number fits. */
static mola_err fail_multi(const target *t, mola_json json)
{
    size_t first = 0, other = 0, index = 0;
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        mola_str text;
        size_t count = 0;
        bool full = false, ok = false;
        if (mola_json_kind_of(v) == MOLA_JSON_ARRAY) {
            ok = array_of_floats(v, &count);
        } else if (mola_json_kind_of(v) == MOLA_JSON_STRING) {
            ok = mola_json_string(v, t->arena, &text) &&
                 base64_of_floats(text, t->arena, &count, &full);
        }
        if (full)
            return no_memory(t);
        if (!ok || count == 0) {
            return mola_fail(t->why, MOLA_INVALID,
                             "invalid multi-vector value for attribute '" MOLA_FMT "'",
                             MOLA_ARG(t->name));
        }
        if (index++ == 0) {
            first = count;
        } else if (count != first && other == 0) {
            other = count;
        }
    }
    if (other != 0) {
        return mola_fail(
            t->why, MOLA_INVALID,
            "All nested vectors must have the same number of dimensions, got: %zu and %zu", first,
            other);
    }
    return first != t->b->type.dims ? fail_length(t, first) : fail_narrow(t);
}

static mola_err add_multi(const target *t, mola_json json)
{
    if (mola_json_kind_of(json) != MOLA_JSON_ARRAY || !mola_json_first(json).doc) {
        return mola_fail(t->why, MOLA_INVALID,
                         "invalid multi-vector value for attribute '" MOLA_FMT "'",
                         MOLA_ARG(t->name));
    }
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        size_t count;
        char *floats = vector_room(t);
        if (!floats)
            return no_memory(t);
        vector_fault fault = read_floats(v, t->arena, floats, t->b->type.dims, &count);
        if (fault == VECTOR_FULL)
            return no_memory(t);
        if (fault != VECTOR_OK || !add_vector(t, floats))
            return fail_multi(t, json);
    }
    return MOLA_OK;
}

/* -- sparse vectors ---------------------------------------------------------------------------- */

typedef struct {
    mola_str key;
    uint16_t weight;
} entry;

static int entry_cmp(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    return mola_str_cmp(left->key, right->key);
}

static mola_err read_entries(const target *t, mola_json json, entry *entries)
{
    uint32_t count = 0;
    bool fits = true;
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        double weight;
        entry *e = &entries[count++];
        e->weight = mola_json_f64(v, &weight) ? mola_f16_from_f32((float)weight) : 0x7c00;
        fits = fits && (e->weight & 0x7c00) != 0x7c00;
        if (!mola_json_key(v, t->arena, &e->key))
            return no_memory(t);
    }
    if (!fits) {
        return mola_fail(t->why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': sparse weight out of range", MOLA_ARG(t->name));
    }
    qsort(entries, count, sizeof *entries, entry_cmp);
    for (uint32_t i = 0; i < count; i++) {
        MOLA_ASSERT(i == 0 || entry_cmp(&entries[i - 1], &entries[i]) < 0);
        mola_buf_add(&t->b->weights, &entries[i].weight, sizeof entries[i].weight);
        if (t->b->weights.failed ||
            mola_builder_add_bytes(t->b, entries[i].key.data, entries[i].key.len))
            return no_memory(t);
    }
    return MOLA_OK;
}

static mola_err add_sparse(const target *t, mola_json json)
{
    size_t count = 0;
    bool numbers = mola_json_kind_of(json) == MOLA_JSON_OBJECT;
    if (numbers) {
        for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v), count++)
            numbers = numbers && mola_json_kind_of(v) == MOLA_JSON_NUMBER;
    }
    if (!numbers) {
        return mola_fail(t->why, MOLA_INVALID, "invalid sparse vector for attribute '" MOLA_FMT "'",
                         MOLA_ARG(t->name));
    }
    if (count > t->limits->sparse_entries) {
        return mola_fail(t->why, MOLA_INVALID,
                         "sparse vector for attribute '" MOLA_FMT "' has more than %llu entries",
                         MOLA_ARG(t->name), (unsigned long long)t->limits->sparse_entries);
    }
    if (count == 0)
        return MOLA_OK;
    mola_heap *heap =
        t->b->heap; /* given back here, not with the request: this runs for each row */
    entry *entries = mola_alloc_array(heap, entry, count);
    if (!entries)
        return no_memory(t);
    mola_err err = read_entries(t, json, entries);
    mola_free(heap, entries, count * sizeof *entries);
    return err;
}

/* -- scalars and arrays ------------------------------------------------------------------------ */

/* What we call the type of a JSON value: "string", "[]int", ... */
static void kind_name(mola_json json, char *out, size_t room)
{
    size_t used = 0;
    while (mola_json_kind_of(json) == MOLA_JSON_ARRAY && used + 16 < room) {
        out[used++] = '[';
        out[used++] = ']';
        json = mola_json_first(json);
        if (!json.doc) {
            memcpy(out + used, "unknown", sizeof "unknown");
            return;
        }
    }
    static const char *const names[] = {
        [MOLA_JSON_NONE] = "null",     [MOLA_JSON_NULL] = "null",     [MOLA_JSON_BOOL] = "bool",
        [MOLA_JSON_NUMBER] = "float",  [MOLA_JSON_STRING] = "string", [MOLA_JSON_ARRAY] = "unknown",
        [MOLA_JSON_OBJECT] = "object",
    };
    const char *name = mola_json_is_integer(json) ? "int" : names[mola_json_kind_of(json)];
    memcpy(out + used, name, strlen(name) + 1);
}

static mola_err fail_kind(const target *t, mola_json json)
{
    char type[MOLA_TYPE_TEXT_BYTES], kind[2 * MOLA_JSON_DEPTH_MAX + 32];
    (void)mola_type_print(t->b->type, type);
    kind_name(json, kind, sizeof kind);
    return mola_fail(t->why, MOLA_INVALID, "attribute '" MOLA_FMT "' expects %s, got %s",
                     MOLA_ARG(t->name), type, kind);
}

static mola_err add_blob(const target *t, mola_json json)
{
    mola_str text;
    size_t size;
    if (mola_json_kind_of(json) != MOLA_JSON_STRING)
        return fail_kind(t, json);
    if (!mola_json_string(json, t->arena, &text))
        return no_memory(t);
    if (!mola_base64_decoded_size(text, &size))
        return fail_kind(t, json);
    mola_column_builder *b = t->b;
    char *out = size > UINT32_MAX - b->data.len ? NULL : mola_buf_reserve(&b->data, size);
    if (!out)
        return no_memory(t);
    if (!mola_base64_decode(text, out))
        return fail_kind(t, json);
    return mola_builder_adopt_bytes(b, size) ? no_memory(t) : MOLA_OK;
}

static mola_err add_scalar(const target *t, mola_json json)
{
    mola_value value;
    bool full;
    if (t->b->type.elem == MOLA_ELEM_BYTES)
        return add_blob(t, json);
    if (!mola_value_from_json(json, t->b->type.elem, t->arena, &value, &full))
        return full ? no_memory(t) : fail_kind(t, json);
    return mola_builder_add_scalar(t->b, &value) ? no_memory(t) : MOLA_OK;
}

static mola_err add_array(const target *t, mola_json json)
{
    mola_type type = t->b->type;
    bool is_array = mola_json_kind_of(json) == MOLA_JSON_ARRAY;
    if (type.elem == MOLA_ELEM_UNKNOWN) {
        if (is_array && !mola_json_first(json).doc)
            return MOLA_OK;
        return mola_fail(t->why, MOLA_INVALID, "attribute '" MOLA_FMT "' has no element type yet",
                         MOLA_ARG(t->name));
    }
    if (!is_array)
        return fail_kind(t, json);
    for (mola_json v = mola_json_first(json); v.doc; v = mola_json_next(json, v)) {
        mola_value value;
        bool full;
        if (!mola_value_from_json(v, type.elem, t->arena, &value, &full)) {
            if (full)
                return no_memory(t);
            char text[MOLA_TYPE_TEXT_BYTES];
            (void)mola_type_print(type, text);
            return mola_fail(t->why, MOLA_INVALID,
                             "attribute '" MOLA_FMT "' expects %s, but an element does not fit",
                             MOLA_ARG(t->name), text);
        }
        if (mola_builder_add_scalar(t->b, &value))
            return no_memory(t);
    }
    return MOLA_OK;
}

/* -- any value --------------------------------------------------------------------------------- */

static mola_err check_sizes(const target *t, bool filterable)
{
    mola_column c = mola_column_built(t->b);
    uint32_t row = c.rows - 1;
    if (mola_column_row_bytes(&c, row) > t->limits->value_bytes) {
        return mola_fail(t->why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "' exceeds the maximum value size of %s",
                         MOLA_ARG(t->name), mola_bytes_print(t->limits->value_bytes).text);
    }
    if (!filterable || c.type.elem != MOLA_ELEM_STRING)
        return MOLA_OK; /* all other elements that can be filtered on are short */
    bool array = c.type.form == MOLA_FORM_ARRAY;
    uint32_t until = array ? c.row_from[row + 1] : row + 1;
    for (uint32_t e = array ? c.row_from[row] : row; e < until; e++) {
        if (c.byte_from[e + 1] - c.byte_from[e] > t->limits->filterable_bytes) {
            return mola_fail(t->why, MOLA_INVALID,
                             "filterable attribute '" MOLA_FMT
                             "' exceeds the maximum value size of %s",
                             MOLA_ARG(t->name), mola_bytes_print(t->limits->filterable_bytes).text);
        }
    }
    return MOLA_OK;
}

static mola_err add_row(const target *t, bool filterable, mola_json json)
{
    mola_err err;
    switch (t->b->type.form) {
    case MOLA_FORM_DENSE:
        err = add_dense(t, json);
        break;
    case MOLA_FORM_MULTI:
        err = add_multi(t, json);
        break;
    case MOLA_FORM_SPARSE:
        err = add_sparse(t, json);
        break;
    case MOLA_FORM_ARRAY:
        err = add_array(t, json);
        break;
    default:
        err = add_scalar(t, json);
    }
    if (err)
        return err;
    if (mola_builder_end_row(t->b))
        return no_memory(t);
    return check_sizes(t, filterable);
}

mola_err mola_column_add_floats(mola_column_builder *b, mola_str name, const float *vector,
                                mola_why *why)
{
    target t = {.b = b, .name = name, .why = why};
    MOLA_ASSERT(b->type.form == MOLA_FORM_DENSE);
    mola_column_mark mark = mola_column_builder_mark(b);
    char *floats = vector_room(&t);
    if (!floats)
        return no_memory(&t);
    memcpy(floats, vector, (size_t)b->type.dims * sizeof *vector);
    mola_err err = add_vector(&t, floats) ? MOLA_OK : fail_narrow(&t);
    if (!err && mola_builder_end_row(b))
        err = no_memory(&t);
    if (err)
        mola_column_builder_rewind(b, &mark);
    return err;
}

mola_err mola_column_add_json(mola_column_builder *b, mola_str name, bool filterable,
                              mola_json json, const mola_limits *limits, mola_arena *arena,
                              mola_why *why)
{
    target t = {b, name, limits, arena, why};
    if (!mola_json_is_set(json))
        return mola_column_add_absent(b, 1) ? no_memory(&t) : MOLA_OK;
    mola_column_mark mark = mola_column_builder_mark(b);
    mola_err err = add_row(&t, filterable, json);
    if (err)
        mola_column_builder_rewind(b, &mark);
    return err;
}
