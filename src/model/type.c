#include "mola/model/type.h"
#include <stdio.h>

static const char *const elem_names[] = {
    [MOLA_ELEM_NONE] = "none",       [MOLA_ELEM_STRING] = "string",     [MOLA_ELEM_INT] = "int",
    [MOLA_ELEM_UINT] = "uint",       [MOLA_ELEM_FLOAT] = "float",       [MOLA_ELEM_BOOL] = "bool",
    [MOLA_ELEM_UUID] = "uuid",       [MOLA_ELEM_DATETIME] = "datetime", [MOLA_ELEM_BYTES] = "bytes",
    [MOLA_ELEM_VEC_F32] = "f32",     [MOLA_ELEM_VEC_F16] = "f16",       [MOLA_ELEM_VEC_I8] = "i8",
    [MOLA_ELEM_UNKNOWN] = "unknown",
};

const char *mola_elem_name(mola_elem elem)
{
    return (size_t)elem < sizeof elem_names / sizeof *elem_names ? elem_names[elem] : "none";
}

size_t mola_elem_width(mola_elem elem)
{
    switch (elem) {
    case MOLA_ELEM_INT:
    case MOLA_ELEM_UINT:
    case MOLA_ELEM_FLOAT:
    case MOLA_ELEM_DATETIME:
        return 8;
    case MOLA_ELEM_UUID:
        return 16;
    case MOLA_ELEM_VEC_F32:
        return 4;
    case MOLA_ELEM_VEC_F16:
        return 2;
    case MOLA_ELEM_BOOL:
    case MOLA_ELEM_VEC_I8:
        return 1;
    default:
        return 0;
    }
}

static bool is_scalar_elem(uint8_t elem)
{
    return elem >= MOLA_ELEM_STRING && elem <= MOLA_ELEM_BYTES;
}

bool mola_type_ok(mola_type type)
{
    if (type.reserved != 0)
        return false;
    switch (type.form) {
    case MOLA_FORM_SCALAR:
        return is_scalar_elem(type.elem) && type.dims == 0;
    case MOLA_FORM_ARRAY:
        return ((is_scalar_elem(type.elem) && type.elem != MOLA_ELEM_BYTES) ||
                type.elem == MOLA_ELEM_UNKNOWN) &&
               type.dims == 0;
    case MOLA_FORM_DENSE:
        return type.elem >= MOLA_ELEM_VEC_F32 && type.elem <= MOLA_ELEM_VEC_I8 && type.dims >= 1 &&
               type.dims <= MOLA_DIMS_MAX;
    case MOLA_FORM_MULTI:
        return (type.elem == MOLA_ELEM_VEC_F32 || type.elem == MOLA_ELEM_VEC_F16) &&
               type.dims >= 1 && type.dims <= MOLA_MULTI_DIMS_MAX;
    case MOLA_FORM_SPARSE:
        return type.elem == MOLA_ELEM_VEC_F16 && type.dims == 0;
    default:
        return false;
    }
}

static mola_elem elem_of(mola_str text, mola_elem first, mola_elem last)
{
    for (int elem = (int)first; elem <= (int)last; elem++) {
        if (mola_str_eq(text, mola_str_of(elem_names[elem])))
            return (mola_elem)elem;
    }
    return MOLA_ELEM_NONE;
}

static mola_err bad_type(mola_str text, mola_why *why)
{
    return mola_fail(why, MOLA_INVALID, "invalid attribute type `" MOLA_FMT "`", MOLA_ARG(text));
}

/* The N of "[N]...", 1 or more without leading zeros, cut off from the front of `rest`. */
static bool cut_dims(mola_str *rest, mola_str *digits)
{
    size_t end = 1;
    while (end < rest->len && rest->data[end] >= '0' && rest->data[end] <= '9')
        end++;
    if (end == 1 || rest->data[1] == '0' || end == rest->len || rest->data[end] != ']')
        return false;
    *digits = (mola_str){rest->data + 1, end - 1};
    *rest = mola_str_from(*rest, end + 1);
    return true;
}

static mola_err parse_vector(mola_str text, mola_type *out, mola_why *why)
{
    bool multi = mola_str_starts(text, MOLA_STR("[]"));
    mola_str rest = multi ? mola_str_from(text, 2) : text;
    mola_str digits;
    if (!mola_str_starts(rest, MOLA_STR("[")) || !cut_dims(&rest, &digits))
        return bad_type(text, why);
    mola_elem elem = elem_of(rest, MOLA_ELEM_VEC_F32, multi ? MOLA_ELEM_VEC_F16 : MOLA_ELEM_VEC_I8);
    if (elem == MOLA_ELEM_NONE)
        return bad_type(text, why);
    uint32_t limit = multi ? MOLA_MULTI_DIMS_MAX : MOLA_DIMS_MAX;
    uint32_t dims = 0;
    for (size_t i = 0; i < digits.len && dims <= limit; i++)
        dims = dims * 10 + (uint32_t)(digits.data[i] - '0');
    if (dims > limit) {
        return mola_fail(why, MOLA_INVALID, "%s has " MOLA_FMT " dimensions, the limit is %u",
                         multi ? "multi-vector" : "vector", MOLA_ARG(digits), limit);
    }
    *out = (mola_type){
        .form = multi ? MOLA_FORM_MULTI : MOLA_FORM_DENSE, .elem = (uint8_t)elem, .dims = dims};
    return MOLA_OK;
}

mola_err mola_type_parse(mola_str text, mola_type *out, mola_why *why)
{
    mola_elem elem = elem_of(text, MOLA_ELEM_STRING, MOLA_ELEM_BYTES);
    if (elem != MOLA_ELEM_NONE) {
        *out = (mola_type){.form = MOLA_FORM_SCALAR, .elem = (uint8_t)elem};
        return MOLA_OK;
    }
    if (mola_str_eq(text, MOLA_STR("{}f16"))) {
        *out = (mola_type){.form = MOLA_FORM_SPARSE, .elem = MOLA_ELEM_VEC_F16};
        return MOLA_OK;
    }
    if (mola_str_starts(text, MOLA_STR("[]"))) {
        mola_str inner = mola_str_from(text, 2);
        elem = mola_str_eq(inner, MOLA_STR("unknown"))
                   ? MOLA_ELEM_UNKNOWN
                   : elem_of(inner, MOLA_ELEM_STRING, MOLA_ELEM_DATETIME);
        if (elem != MOLA_ELEM_NONE) {
            *out = (mola_type){.form = MOLA_FORM_ARRAY, .elem = (uint8_t)elem};
            return MOLA_OK;
        }
    }
    return parse_vector(text, out, why);
}

size_t mola_type_print(mola_type type, char text[MOLA_TYPE_TEXT_BYTES])
{
    const char *elem = mola_elem_name(type.elem);
    int len;
    switch (type.form) {
    case MOLA_FORM_ARRAY:
        len = snprintf(text, MOLA_TYPE_TEXT_BYTES, "[]%s", elem);
        break;
    case MOLA_FORM_DENSE:
        len = snprintf(text, MOLA_TYPE_TEXT_BYTES, "[%u]%s", type.dims, elem);
        break;
    case MOLA_FORM_MULTI:
        len = snprintf(text, MOLA_TYPE_TEXT_BYTES, "[][%u]%s", type.dims, elem);
        break;
    case MOLA_FORM_SPARSE:
        len = snprintf(text, MOLA_TYPE_TEXT_BYTES, "{}%s", elem);
        break;
    default:
        len = snprintf(text, MOLA_TYPE_TEXT_BYTES, "%s", elem);
    }
    return (size_t)len;
}

bool mola_type_eq(mola_type a, mola_type b)
{
    return a.form == b.form && a.elem == b.elem && a.dims == b.dims;
}

bool mola_type_can_filter(mola_type type)
{
    return type.form == MOLA_FORM_ARRAY || mola_type_can_order(type);
}

bool mola_type_can_order(mola_type type)
{
    return type.form == MOLA_FORM_SCALAR && type.elem != MOLA_ELEM_BYTES;
}

bool mola_type_is_vector(mola_type type)
{
    return type.form == MOLA_FORM_DENSE || type.form == MOLA_FORM_MULTI;
}
