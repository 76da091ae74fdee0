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
    for (size_t i = *negative; i < text.len; i++) {
        if (__builtin_mul_overflow(*magnitude, 10, magnitude) ||
            __builtin_add_overflow(*magnitude, (uint64_t)(text.data[i] - '0'), magnitude))
            return false;
    }
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

__extension__ typedef unsigned __int128 sixteen; /* bytes */

/* Eight digits, less '0' each, the first one in the lowest byte. */
static uint64_t eight_digits(uint64_t digits)
{
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    digits = digits * 10 + (digits >> 8); /* of two digits, in every other byte */
    return ((digits & pairs) * (100 + (UINT64_C(1000000) << 32)) +
            (digits >> 16 & pairs) * (1 + (UINT64_C(10000) << 32))) >>
           32;
}

/* false: `v` lies in the middle of two f32s, where the decimal it was rounded from may not. */
static bool narrow(double v, float *out)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    *out = (float)v;
    return (bits & 0x1fffffff) != 0x10000000;
}

/* d.ddd without loops or branches on its length, by two correctly rounded steps: digits that fit a
 * double, divided by a power of ten that fits one, and that narrowed. Rounding twice differs from
 * rounding once only in the middle of two f32s. Of more than 15 digits the first 15 say between
 * which two doubles the number lies. false: too close to tell. Reads up to 16 bytes past the
 * number. */
static bool fraction_f32(const char *text, size_t size, float *out)
{
    enum { DIGITS_MAX = 15 };
    static const double powers[DIGITS_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    static const uint64_t whole[DIGITS_MAX + 1] = {1,
                                                   10,
                                                   100,
                                                   1000,
                                                   10000,
                                                   100000,
                                                   1000000,
                                                   10000000,
                                                   100000000,
                                                   1000000000,
                                                   10000000000,
                                                   100000000000,
                                                   1000000000000,
                                                   10000000000000,
                                                   100000000000000,
                                                   1000000000000000};
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    bool negative = text[0] == '-';
    const char *p = text + negative;
    size_t digits = size - negative - 2;
    bool cut = digits > DIGITS_MAX;
    if (cut)
        digits = DIGITS_MAX;
    sixteen aligned =
        (sixteen)(mola_load_u64(p + 10) - zeros) << 64 | (mola_load_u64(p + 2) - zeros);
    aligned <<= 8 * (16 - digits); /* the last digit in the highest byte, zeros before the first */
    uint64_t value = (uint64_t)(p[0] - '0') * whole[digits] +
                     eight_digits((uint64_t)aligned) * 100000000 +
                     eight_digits((uint64_t)(aligned >> 64));
    if (value >= (UINT64_C(1) << 53) - 1)
        return false;
    bool told = narrow((double)value / powers[digits], out);
    if (cut) {
        float above;
        told = told && narrow((double)(value + 1) / powers[digits], &above) && above == *out;
    }
    *out = negative ? -*out : *out;
    return told;
}

static float read_f32(const mola_json_doc *doc, mola_json_node number)
{
    mola_str text = text_of(doc, number);
    float v;
    if (number.tail & MOLA_TAPE_FRACTION && fraction_f32(text.data, text.len, &v))
        return v;
    return mola_float_read_f32(text.data, text.len);
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
            out[*count] = read_f32(doc, n);
            good &= isfinite(out[*count]) != 0;
        }
    }
    return good && *count <= room;
}
