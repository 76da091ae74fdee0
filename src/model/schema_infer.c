/* schema_infer.c - the type of an attribute that nobody declared (reference 4.6), and what must
 * hold for the state as a whole once all of a write's attributes are known (reference 5.2, 4.4). */
#include "model/state_edit.h"
#include "mola/base/check.h"
#include "mola/codec/base64.h"
#include "mola/codec/bytes.h"
#include "mola/model/schema.h"
#include <math.h>

static mola_err incompatible(mola_str name, mola_why *why)
{
    return mola_fail(
        why, MOLA_INVALID,
        "inferred schema type for attribute '" MOLA_FMT
        "' as int, but got an incompatible value (of type number, number cannot be represented as "
        "signed 64-bit integer). consider specifying the explicit type you want for this attribute "
        "in the schema",
        MOLA_ARG(name));
}

/* What a list holds, as far as all of its elements share it. */
typedef struct {
    uint32_t count;
    bool strings, bools, ints, numbers, vectors; /* all of them; vectors: non-empty number arrays */
    uint32_t first_dims;
} elements;

static bool is_number(mola_json v)
{
    return mola_json_kind_of(v) == MOLA_JSON_NUMBER;
}

static uint32_t count_numbers(mola_json array)
{
    uint32_t count = 0;
    if (mola_json_kind_of(array) == MOLA_JSON_ARRAY) {
        for (mola_json v = mola_json_first(array); v.doc; v = mola_json_next(array, v), count++) {
            if (!is_number(v))
                return 0;
        }
    }
    return count;
}

static elements look(mola_json array)
{
    elements e = {.strings = true, .bools = true, .ints = true, .numbers = true, .vectors = true};
    for (mola_json v = mola_json_first(array); v.doc; v = mola_json_next(array, v), e.count++) {
        int64_t number;
        mola_json_kind kind = mola_json_kind_of(v);
        uint32_t dims = e.vectors ? count_numbers(v) : 0;
        if (e.count == 0)
            e.first_dims = dims;
        e.strings = e.strings && kind == MOLA_JSON_STRING;
        e.bools = e.bools && kind == MOLA_JSON_BOOL;
        e.ints = e.ints && mola_json_i64(v, &number);
        e.numbers = e.numbers && kind == MOLA_JSON_NUMBER;
        e.vectors = e.vectors && dims > 0;
    }
    return e;
}

/* Dimensions of a value of the attribute `vector`; 0: not a vector. */
static size_t vector_dims(mola_json value, mola_arena *arena, bool *full)
{
    size_t count = 0;
    if (mola_json_kind_of(value) == MOLA_JSON_ARRAY) {
        for (mola_json v = mola_json_first(value); v.doc; v = mola_json_next(value, v), count++) {
            double number;
            if (!mola_json_f64(v, &number) || !isfinite((float)number))
                return 0;
        }
        return count;
    }
    mola_value raw;
    if (!mola_value_from_json(value, MOLA_ELEM_BYTES, arena, &raw, full) || raw.s.len % 4)
        return 0;
    for (count = 0; count < raw.s.len / 4; count++) {
        if ((mola_load_u32(raw.s.data + count * 4) & 0x7f800000U) == 0x7f800000U)
            return 0;
    }
    return count;
}

static mola_err infer_vector(mola_json value, mola_arena *arena, mola_type *out, mola_why *why)
{
    bool full = false;
    size_t dims = vector_dims(value, arena, &full);
    if (full)
        return mola_fail(why, MOLA_NO_MEMORY, "out of memory for this request");
    if (dims == 0)
        return mola_fail(why, MOLA_INVALID, "invalid vector value for attribute 'vector'");
    if (dims > MOLA_DIMS_MAX) {
        return mola_fail(why, MOLA_INVALID, "vector has %zu dimensions, the limit is %d", dims,
                         MOLA_DIMS_MAX);
    }
    *out = (mola_type){.form = MOLA_FORM_DENSE, .elem = MOLA_ELEM_VEC_F32, .dims = (uint32_t)dims};
    return MOLA_OK;
}

static mola_err infer_list(mola_str name, const elements *e, mola_type *out, mola_why *why)
{
    *out = (mola_type){.form = MOLA_FORM_ARRAY, .elem = MOLA_ELEM_UNKNOWN};
    if (e->count == 0)
        return MOLA_OK;
    if (e->strings) {
        out->elem = MOLA_ELEM_STRING;
    } else if (e->bools) {
        out->elem = MOLA_ELEM_BOOL;
    } else if (e->ints) {
        out->elem = MOLA_ELEM_INT;
    } else if (e->numbers) {
        return incompatible(name, why);
    } else if (!e->vectors) {
        return mola_fail(why, MOLA_INVALID,
                         "cannot infer a schema type for attribute '" MOLA_FMT "'", MOLA_ARG(name));
    } else if (e->first_dims > MOLA_MULTI_DIMS_MAX) {
        return mola_fail(why, MOLA_INVALID, "multi-vector has %u dimensions, the limit is %d",
                         e->first_dims, MOLA_MULTI_DIMS_MAX);
    } else {
        *out =
            (mola_type){.form = MOLA_FORM_MULTI, .elem = MOLA_ELEM_VEC_F32, .dims = e->first_dims};
    }
    return MOLA_OK;
}

static mola_err infer(mola_str name, mola_json value, mola_arena *arena, mola_type *out,
                      mola_why *why)
{
    mola_json_kind kind = mola_json_kind_of(value);
    bool is_vector = mola_str_eq(name, MOLA_STR("vector"));
    int64_t number;
    *out = (mola_type){.form = MOLA_FORM_SCALAR};
    switch (kind) {
    case MOLA_JSON_STRING:
        out->elem = MOLA_ELEM_STRING;
        return is_vector ? infer_vector(value, arena, out, why) : MOLA_OK;
    case MOLA_JSON_BOOL:
        out->elem = MOLA_ELEM_BOOL;
        return MOLA_OK;
    case MOLA_JSON_NUMBER:
        out->elem = MOLA_ELEM_INT;
        return mola_json_i64(value, &number) ? MOLA_OK : incompatible(name, why);
    case MOLA_JSON_OBJECT:
        *out = (mola_type){.form = MOLA_FORM_SPARSE, .elem = MOLA_ELEM_VEC_F16};
        return MOLA_OK;
    default:
        break;
    }
    MOLA_ASSERT(kind == MOLA_JSON_ARRAY);
    elements e = look(value);
    if (is_vector && e.count > 0 && e.numbers)
        return infer_vector(value, arena, out, why);
    return infer_list(name, &e, out, why);
}

mola_err mola_schema_infer(mola_state *state, const mola_state *before, mola_str name,
                           mola_json value, mola_arena *arena, mola_why *why)
{
    MOLA_ASSERT(mola_json_is_set(value));
    mola_type type;
    mola_err err = mola_schema_check_name(name, why);
    if (err)
        return err;
    mola_attr *known = mola_state_edit(state, name);
    MOLA_IMPLIES(known, known->type.elem == MOLA_ELEM_UNKNOWN);
    bool empty = mola_json_kind_of(value) == MOLA_JSON_ARRAY && !mola_json_first(value).doc;
    if (known && empty)
        return MOLA_OK;
    if (before && mola_str_eq(name, MOLA_STR("vector")) && mola_state_vector_count(state) == 0) {
        return mola_fail(why, MOLA_INVALID,
                         "Vector provided for namespace without vector attribute");
    }
    err = infer(name, value, arena, &type, why);
    if (err)
        return err;
    if (known) {
        if (type.form != MOLA_FORM_ARRAY) {
            return mola_fail(why, MOLA_INVALID,
                             "attribute '" MOLA_FMT
                             "' has type []unknown, got an incompatible value",
                             MOLA_ARG(name));
        }
        known->type = type;
        return MOLA_OK;
    }
    mola_attr *a;
    err = mola_state_add(state, name, type, &a, why);
    if (err)
        return err;
    a->filterable = mola_type_can_filter(type) || type.form == MOLA_FORM_MULTI;
    a->ann = type.form == MOLA_FORM_DENSE;
    return MOLA_OK;
}

/* -- the state as a whole ---------------------------------------------------------------------- */

static bool same_vectors(const mola_state *state, const mola_state *before)
{
    if (mola_state_vector_count(state) != mola_state_vector_count(before))
        return false;
    for (uint32_t i = 0; i < state->attr_count; i++) {
        if (mola_type_is_vector(state->attrs[i].type) &&
            !mola_state_attr(before, state->attrs[i].id))
            return false;
    }
    return true;
}

static mola_err mismatch(mola_metric_kind expected, mola_metric_kind got, mola_why *why)
{
    return mola_fail(why, MOLA_INVALID, "distance metric mismatch, expected %s, got %s",
                     mola_metric_name(expected), mola_metric_name(got));
}

static mola_err check_inner_metrics(const mola_state *state, mola_why *why)
{
    for (uint32_t i = 0; i < state->attr_count; i++) {
        const mola_attr *a = &state->attrs[i];
        if (!mola_type_is_vector(a->type) || a->ann_metric == MOLA_METRIC_NONE)
            continue;
        if (state->metric == MOLA_METRIC_NONE) {
            return mola_fail(why, MOLA_INVALID,
                             "`distance_metric` must be specified as a field at the top level of "
                             "the write request, not in the `ann` configuration for an attribute");
        }
        if (a->ann_metric != state->metric)
            return mismatch(state->metric, a->ann_metric, why);
    }
    return MOLA_OK;
}

mola_err mola_schema_settle_metric(mola_state *state, const mola_state *before,
                                   mola_json metric_json, mola_why *why)
{
    mola_metric_kind given = MOLA_METRIC_NONE;
    if (mola_json_is_set(metric_json)) {
        mola_err err = mola_metric_from_json(metric_json, "distance_metric", &given, why);
        if (err)
            return err;
    }
    if (state->attr_count + 1 > MOLA_ATTRS_MAX)
        return mola_state_too_many(why);
    if (before && !same_vectors(state, before)) {
        return mola_fail(why, MOLA_INVALID,
                         "vector attributes cannot be added to an existing namespace");
    }
    uint32_t vectors = mola_state_vector_count(state);
    if (vectors > MOLA_VECTOR_ATTRS_MAX) {
        return mola_fail(why, MOLA_INVALID, "a namespace can have at most %d vector attributes",
                         MOLA_VECTOR_ATTRS_MAX);
    }
    if (vectors == 0) {
        if (given != MOLA_METRIC_NONE) {
            return mola_fail(why, MOLA_INVALID,
                             "the `distance_metric` field cannot be provided, namespace configured "
                             "without vector indexing");
        }
        return MOLA_OK;
    }
    if (given != MOLA_METRIC_NONE && state->metric != MOLA_METRIC_NONE && given != state->metric)
        return mismatch(state->metric, given, why);
    if (state->metric == MOLA_METRIC_NONE)
        state->metric = (uint8_t)given;
    mola_err err = check_inner_metrics(state, why);
    if (!err && state->metric == MOLA_METRIC_NONE) {
        err = mola_fail(why, MOLA_INVALID,
                        "distance_metric must be specified for write to namespace with a vector");
    }
    return err;
}
