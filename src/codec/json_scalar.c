#include "codec/json_tape.h"
#include "mola/base/check.h"
#include "mola/base/utf8.h"
#include "mola/codec/bytes.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Offset of the first byte at or after `at` that is no digit. */
static size_t skip_digits(mola_str text, size_t at)
{
    while (at < text.len && is_digit(text.data[at]))
        at++;
    return at;
}

bool mola_json_check_number(mola_str text, bool *integer)
{
    size_t at = text.len && text.data[0] == '-';
    size_t digits = at;
    at = skip_digits(text, digits);
    if (at == digits || (text.data[digits] == '0' && at > digits + 1))
        return false;
    *integer = at == text.len;
    if (at < text.len && text.data[at] == '.') {
        digits = at + 1;
        at = skip_digits(text, digits);
        if (at == digits)
            return false;
    }
    if (at < text.len && (text.data[at] == 'e' || text.data[at] == 'E')) {
        digits = at + 1;
        if (digits < text.len && (text.data[digits] == '+' || text.data[digits] == '-'))
            digits++;
        at = skip_digits(text, digits);
        if (at == digits)
            return false;
    }
    return at == text.len;
}

/* Four hex digits at `at`, or UINT32_MAX. */
static uint32_t hex4(mola_str text, size_t at)
{
    if (text.len < 4 || at > text.len - 4)
        return UINT32_MAX;
    uint32_t value = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = text.data[i];
        uint32_t digit = is_digit(c) ? (uint32_t)(c - '0')
                         : (c | 0x20) >= 'a' && (c | 0x20) <= 'f'
                             ? (uint32_t)((c | 0x20) - 'a' + 10)
                             : UINT32_MAX;
        if (digit == UINT32_MAX)
            return UINT32_MAX;
        value = value << 4 | digit;
    }
    return value;
}

static bool is_high_surrogate(uint32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}
static bool is_low_surrogate(uint32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Bytes of the \u escape (or the pair of them) at `at`; 0 and words when it is none. */
static size_t check_unicode(mola_str text, size_t at, const char **words)
{
    uint32_t unit = hex4(text, at + 2);
    if (unit == UINT32_MAX) {
        *words = "invalid \\u escape";
        return 0;
    }
    if (!is_high_surrogate(unit) && !is_low_surrogate(unit))
        return 6;
    bool pair = is_high_surrogate(unit) && at + 7 < text.len && text.data[at + 6] == '\\' &&
                text.data[at + 7] == 'u' && is_low_surrogate(hex4(text, at + 8));
    *words = "lone surrogate";
    return pair ? 12 : 0;
}

bool mola_json_check_escapes(mola_str inside, size_t *at, const char **words)
{
    for (size_t i = 0;;) {
        const char *hit = i < inside.len ? memchr(inside.data + i, '\\', inside.len - i) : NULL;
        if (!hit)
            return true;
        i = (size_t)(hit - inside.data);
        size_t size = 0;
        *words = "invalid escape";
        if (i + 1 < inside.len && inside.data[i + 1] == 'u') {
            size = check_unicode(inside, i, words);
        } else if (i + 1 < inside.len && inside.data[i + 1] &&
                   strchr("\"\\/bfnrt", inside.data[i + 1])) {
            size = 2;
        }
        if (!size) {
            *at = i;
            return false;
        }
        i += size;
    }
}

/* Resolves the checked escape that *rest begins with, and takes it off. 1 to 4 bytes. */
static size_t take_escape(mola_str *rest, char out[4])
{
    char c = rest->data[1];
    if (c != 'u') {
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        out[0] = to[strchr(from, c) - from];
        *rest = mola_str_from(*rest, 2);
        return 1;
    }
    uint32_t unit = hex4(*rest, 2);
    MOLA_DCHECK(unit != UINT32_MAX);
    if (is_high_surrogate(unit)) {
        unit = 0x10000 + ((unit - 0xd800) << 10) + (hex4(*rest, 8) - 0xdc00);
        *rest = mola_str_from(*rest, 6);
    }
    *rest = mola_str_from(*rest, 6);
    return mola_utf8_put(unit, (uint8_t *)out);
}

size_t mola_json_unescape(mola_str inside, char *out)
{
    char *end = out;
    while (inside.len) {
        const char *hit = memchr(inside.data, '\\', inside.len);
        size_t plain = hit ? (size_t)(hit - inside.data) : inside.len;
        memcpy(end, inside.data, plain);
        end += plain;
        inside = mola_str_from(inside, plain);
        if (hit) {
            char resolved[4];
            size_t size = take_escape(&inside, resolved);
            memcpy(end, resolved, size);
            end += size;
        }
    }
    return (size_t)(end - out);
}

/* Takes the next bytes off: one plain byte or what one escape stands for. */
static size_t take_bytes(mola_str *rest, bool escaped, char out[4])
{
    if (escaped && rest->data[0] == '\\')
        return take_escape(rest, out);
    out[0] = rest->data[0];
    *rest = mola_str_from(*rest, 1);
    return 1;
}

bool mola_json_texts_equal(mola_str a, bool a_escaped, mola_str b, bool b_escaped)
{
    if (!a_escaped && !b_escaped)
        return mola_str_eq(a, b);
    char a_bytes[4], b_bytes[4];
    size_t a_count = 0, a_at = 0, b_count = 0, b_at = 0;
    for (;;) {
        if (a_at == a_count) {
            a_count = a.len ? take_bytes(&a, a_escaped, a_bytes) : 0;
            a_at = 0;
        }
        if (b_at == b_count) {
            b_count = b.len ? take_bytes(&b, b_escaped, b_bytes) : 0;
            b_at = 0;
        }
        if (a_count == 0 || b_count == 0)
            return a_count == b_count;
        if (a_bytes[a_at++] != b_bytes[b_at++])
            return false;
    }
}
