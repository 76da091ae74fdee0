/* What the numbers on a tape are worth. Their grammar was checked by the parser. */
#include "codec/floats.h"
#include "codec/json_tape.h"
#include "mola/base/check.h"
#include "mola/codec/bytes.h"
#include <math.h>

static mola_str text_of(const mola_json_doc *doc, mola_json_node number)
{
    return (mola_str){doc->text.data + mola_tape_offset(number), mola_tape_length(number)};
}

mola_str mola_json_number_text(mola_json value)
{
    MOLA_ASSERT(mola_json_kind_of(value) == MOLA_JSON_NUMBER);
    return text_of(value.doc, value.doc->tape[value.at]);
}

bool mola_json_is_integer(mola_json value)
{
    return mola_json_kind_of(value) == MOLA_JSON_NUMBER &&
           value.doc->tape[value.at].tail & MOLA_TAPE_INTEGER;
}

/* Sign and magnitude of an integer; false when it is none or has more than 64 bits. */
static bool integer_of(mola_json value, bool *negative, uint64_t *magnitude)
{
    if (!mola_json_is_integer(value))
        return false;
    mola_str text = mola_json_number_text(value);
    *negative = text.data[0] == '-';
    *magnitude = 0;
    for (size_t i = *negative; i < text.len; i++)
        if (__builtin_mul_overflow(*magnitude, 10, magnitude) ||
            __builtin_add_overflow(*magnitude, (uint64_t)(text.data[i] - '0'), magnitude))
            return false;
    return true;
}

bool mola_json_i64(mola_json value, int64_t *out)
{
    bool negative;
    uint64_t magnitude;
    if (!integer_of(value, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool mola_json_u64(mola_json value, uint64_t *out)
{
    bool negative;
    uint64_t magnitude;
    if (!integer_of(value, &negative, &magnitude) || (negative && magnitude > 0))
        return false;
    *out = magnitude;
    return true;
}

bool mola_json_f64(mola_json value, double *out)
{
    if (mola_json_kind_of(value) != MOLA_JSON_NUMBER)
        return false;
    mola_str text = mola_json_number_text(value);
    *out = mola_float_read_f64(text.data, text.len);
    return isfinite(*out);
}

bool mola_json_f32_array(mola_json array, float *out, size_t room, size_t *count)
{
    *count = 0;
    if (mola_json_kind_of(array) != MOLA_JSON_ARRAY)
        return false;
    const mola_json_doc *doc = array.doc;
    uint32_t until = mola_tape_length(doc->tape[array.at]);
    bool good = true;
    for (uint32_t at = array.at + 1; at < until; at++, ++*count) {
        mola_json_node n = doc->tape[at];
        if (mola_tape_kind(n) != MOLA_JSON_NUMBER) {
            *count = mola_json_count(array);
            return false;
        }
        if (*count < room) {
            mola_str text = text_of(doc, n);
            out[*count] = mola_float_read_f32(text.data, text.len);
            good &= isfinite(out[*count]) != 0;
        }
    }
    return good && *count <= room;
}
