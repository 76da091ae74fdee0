#include "mola/codec/print.h"
#include "codec/floats.h"
#include "mola/base/check.h"
#include "mola/codec/bytes.h"
#include <math.h>

enum { U64_DIGITS_MAX = 20 };

void mola_print_u64(mola_buf *out, uint64_t v)
{
    char digits[U64_DIGITS_MAX];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
    } while (v /= 10);
    mola_buf_add(out, digits + at, sizeof digits - at);
}

void mola_print_i64(mola_buf *out, int64_t v)
{
    if (v < 0)
        mola_buf_add_char(out, '-');
    mola_print_u64(out, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* Lays out d.ddde+xx as JavaScript does: plain from 1e-6 to below 1e21, else with an exponent. */
static void add_decimal(mola_buf *out, mola_str scientific)
{
    enum { EXPONENT_LEAST = -6, EXPONENT_UNTIL = 21, ROOM = 64 };
    char *start = mola_buf_reserve(out, ROOM), *p = start;
    if (!p)
        return;
    size_t at = scientific.data[0] == '-';
    if (at)
        *p++ = '-';
    char digits[MOLA_FLOAT_TEXT_MAX] = {scientific.data[at++]};
    size_t count = 1;
    int exponent = 0;
    if (scientific.data[at] == '.')
        at++;
    while (scientific.data[at] != 'e')
        digits[count++] = scientific.data[at++];
    bool tiny = scientific.data[++at] == '-';
    while (++at < scientific.len)
        exponent = exponent * 10 + (scientific.data[at] - '0');
    if (tiny)
        exponent = -exponent;

    if (exponent < EXPONENT_LEAST || exponent >= EXPONENT_UNTIL) {
        *p++ = digits[0];
        if (count > 1)
            *p++ = '.';
        p = mempcpy(p, digits + 1, count - 1);
        *p++ = 'e';
        out->len += (size_t)(p - start);
        mola_print_i64(out, exponent);
        return;
    }
    if (exponent < 0) {
        p = mempcpy(p, "0.000000", (size_t)(1 - exponent));
        p = mempcpy(p, digits, count);
    } else if ((size_t)exponent + 1 < count) {
        size_t whole = (size_t)exponent + 1;
        p = mempcpy(p, digits, whole);
        *p++ = '.';
        p = mempcpy(p, digits + whole, count - whole);
    } else {
        p = mempcpy(p, digits, count);
        p = mempcpy(p, "00000000000000000000", (size_t)exponent + 1 - count);
        p = mempcpy(p, ".0", 2);
    }
    out->len += (size_t)(p - start);
}

void mola_print_f32(mola_buf *out, float v)
{
    char text[MOLA_FLOAT_TEXT_MAX];
    if (!isfinite(v)) {
        mola_buf_add(out, "null", 4);
    } else {
        add_decimal(out, (mola_str){text, mola_float_write_f32(v, text)});
    }
}

void mola_print_f64(mola_buf *out, double v)
{
    char text[MOLA_FLOAT_TEXT_MAX];
    if (!isfinite(v)) {
        mola_buf_add(out, "null", 4);
    } else {
        add_decimal(out, (mola_str){text, mola_float_write_f64(v, text)});
    }
}

static bool needs_escape(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* A high bit for each byte of the eight that needs an escape; bytes above the first hit may be
 * marked wrongly. */
static uint64_t escapes_in(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t control = eight - ones * 0x20;
    uint64_t quote = (eight ^ ones * '"') - ones;
    uint64_t backslash = (eight ^ ones * '\\') - ones;
    return ((control & ~eight) | (quote & ~(eight ^ ones * '"')) |
            (backslash & ~(eight ^ ones * '\\'))) &
           high;
}

/* Offset of the first byte from `at` on that needs an escape, or the length. */
static size_t find_escape(mola_str text, size_t at)
{
    for (; at + 8 <= text.len; at += 8) {
        uint64_t hits = escapes_in(mola_load_u64(text.data + at));
        if (hits)
            return at + (size_t)__builtin_ctzll(hits) / 8;
    }
    while (at < text.len && !needs_escape(text.data[at]))
        at++;
    return at;
}

static void add_escape(mola_buf *out, char c)
{
    static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *name = c ? strchr(names, c) : NULL;
    if (name) {
        mola_buf_add_char(out, '\\');
        mola_buf_add_char(out, letters[name - names]);
    } else {
        char code[6] = {'\\', 'u', '0', '0', "01"[c >> 4], "0123456789abcdef"[c & 15]};
        mola_buf_add(out, code, sizeof code);
    }
}

void mola_print_string(mola_buf *out, mola_str text)
{
    mola_buf_add_char(out, '"');
    for (size_t at = 0; at < text.len;) {
        size_t hit = find_escape(text, at);
        mola_buf_add(out, text.data + at, hit - at);
        if (hit < text.len)
            add_escape(out, text.data[hit++]);
        at = hit;
    }
    mola_buf_add_char(out, '"');
}
