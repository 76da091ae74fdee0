#include "mola/model/value.h"
#include "mola/base/check.h"
#include "mola/codec/base64.h"
#include "mola/codec/block.h"
#include "mola/codec/datetime.h"
#include "mola/codec/print.h"
#include "mola/codec/uuid.h"

static bool text_of(mola_json json, mola_arena *arena, mola_str *text, bool *full)
{
    if (mola_json_kind_of(json) != MOLA_JSON_STRING)
        return false;
    if (mola_json_string(json, arena, text))
        return true;
    *full = true;
    return false;
}

static bool bytes_of(mola_json json, mola_arena *arena, mola_str *raw, bool *full)
{
    mola_str text;
    size_t size;
    if (!text_of(json, arena, &text, full) || !mola_base64_decoded_size(text, &size))
        return false;
    char *out = mola_new(arena, char, size);
    *full = !out;
    *raw = (mola_str){out, size};
    return out && mola_base64_decode(text, out);
}

bool mola_value_from_json(mola_json json, mola_elem elem, mola_arena *arena, mola_value *out,
                          bool *full)
{
    mola_str text;
    *full = false;
    *out = (mola_value){.elem = (uint8_t)elem};
    switch (elem) {
    case MOLA_ELEM_STRING:
        return text_of(json, arena, &out->s, full);
    case MOLA_ELEM_INT:
        return mola_json_i64(json, &out->i);
    case MOLA_ELEM_UINT:
        return mola_json_u64(json, &out->u);
    case MOLA_ELEM_FLOAT:
        return mola_json_f64(json, &out->f);
    case MOLA_ELEM_BOOL:
        if (mola_json_kind_of(json) != MOLA_JSON_BOOL)
            return false;
        out->b = mola_json_bool(json);
        return true;
    case MOLA_ELEM_UUID:
        return text_of(json, arena, &text, full) && mola_uuid_parse(text, out->uuid);
    case MOLA_ELEM_DATETIME:
        return text_of(json, arena, &text, full) && mola_datetime_parse(text, &out->i);
    case MOLA_ELEM_BYTES:
        return bytes_of(json, arena, &out->s, full);
    default:
        return false;
    }
}

int mola_value_cmp(const mola_value *a, const mola_value *b)
{
    if (a->elem == MOLA_ELEM_NONE || b->elem == MOLA_ELEM_NONE)
        return (a->elem != MOLA_ELEM_NONE) - (b->elem != MOLA_ELEM_NONE);
    MOLA_ASSERT(a->elem == b->elem);
    switch (a->elem) {
    case MOLA_ELEM_INT:
    case MOLA_ELEM_DATETIME:
        return (a->i > b->i) - (a->i < b->i);
    case MOLA_ELEM_UINT:
        return (a->u > b->u) - (a->u < b->u);
    case MOLA_ELEM_FLOAT:
        return (a->f > b->f) - (a->f < b->f);
    case MOLA_ELEM_BOOL:
        return (int)a->b - (int)b->b;
    case MOLA_ELEM_UUID:
        return memcmp(a->uuid, b->uuid, sizeof a->uuid);
    default:
        MOLA_ASSERT(a->elem == MOLA_ELEM_STRING || a->elem == MOLA_ELEM_BYTES);
        return mola_str_cmp(a->s, b->s);
    }
}

bool mola_value_eq(const mola_value *a, const mola_value *b)
{
    return mola_value_cmp(a, b) == 0;
}

/* A finaliser of MurmurHash3: every input bit reaches every output bit. */
static uint64_t mix64(uint64_t v)
{
    v = (v ^ v >> 33) * 0xff51afd7ed558ccdU;
    v = (v ^ v >> 33) * 0xc4ceb9fe1a85ec53U;
    return v ^ v >> 33;
}

uint64_t mola_value_hash(const mola_value *value)
{
    switch (value->elem) {
    case MOLA_ELEM_NONE:
        return 0;
    case MOLA_ELEM_BOOL:
        return mix64(value->b ? 2 : 1);
    case MOLA_ELEM_FLOAT: {
        double f = value->f == 0 ? 0.0 : value->f; /* -0.0 equals 0.0 */
        uint64_t bits;
        memcpy(&bits, &f, sizeof bits);
        return mix64(bits);
    }
    case MOLA_ELEM_UUID:
        return mola_hash64((mola_str){(const char *)value->uuid, sizeof value->uuid});
    case MOLA_ELEM_STRING:
    case MOLA_ELEM_BYTES:
        return mola_hash64(value->s);
    default:
        return mix64(value->u);
    }
}

void mola_value_print(mola_buf *out, const mola_value *value)
{
    switch (value->elem) {
    case MOLA_ELEM_NONE:
        mola_buf_add_str(out, MOLA_STR("null"));
        break;
    case MOLA_ELEM_STRING:
        mola_print_string(out, value->s);
        break;
    case MOLA_ELEM_INT:
        mola_print_i64(out, value->i);
        break;
    case MOLA_ELEM_UINT:
        mola_print_u64(out, value->u);
        break;
    case MOLA_ELEM_FLOAT:
        mola_print_f64(out, value->f);
        break;
    case MOLA_ELEM_BOOL:
        mola_buf_add_str(out, value->b ? MOLA_STR("true") : MOLA_STR("false"));
        break;
    default:
        mola_buf_add_char(out, '"');
        if (value->elem == MOLA_ELEM_UUID) {
            mola_uuid_print(out, value->uuid);
        } else if (value->elem == MOLA_ELEM_DATETIME) {
            mola_datetime_print(out, value->i);
        } else {
            mola_base64_print(out, value->s.data, value->s.len);
        }
        mola_buf_add_char(out, '"');
    }
}

size_t mola_value_bytes(const mola_value *value)
{
    if (value->elem == MOLA_ELEM_STRING || value->elem == MOLA_ELEM_BYTES)
        return value->s.len;
    return mola_elem_width(value->elem);
}

bool mola_id_shape_ok(mola_json json)
{
    uint64_t number;
    return mola_json_kind_of(json) == MOLA_JSON_STRING || mola_json_u64(json, &number);
}

mola_err mola_id_from_json(mola_json json, mola_elem id_type, size_t bytes_max, mola_arena *arena,
                           mola_value *out, mola_why *why)
{
    MOLA_ASSERT(bytes_max <= MOLA_ID_BYTES_MAX);
    MOLA_ASSERT(id_type == MOLA_ELEM_UINT || id_type == MOLA_ELEM_UUID ||
                id_type == MOLA_ELEM_STRING);
    bool full;
    bool fits = mola_value_from_json(json, id_type, arena, out, &full);
    if (full)
        return mola_fail(why, MOLA_NO_MEMORY, "out of memory for this request");
    if (id_type == MOLA_ELEM_UINT) {
        if (!fits) {
            return mola_fail(why, MOLA_INVALID,
                             "namespace ID type is uint, but a written ID is a string");
        }
        return MOLA_OK;
    }
    if (mola_json_kind_of(json) != MOLA_JSON_STRING) {
        return mola_fail(why, MOLA_INVALID, "namespace ID type is %s, but a written ID is a number",
                         mola_elem_name(id_type));
    }
    if (!fits) {
        return mola_fail(why, MOLA_INVALID,
                         "namespace ID type is uuid, but a written ID could not be parsed as uuid");
    }
    if (id_type == MOLA_ELEM_STRING && out->s.len > bytes_max) {
        return mola_fail(why, MOLA_INVALID, "document IDs can be at most %zu bytes", bytes_max);
    }
    return MOLA_OK;
}
