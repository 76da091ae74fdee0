#include "mola/codec/base64.h"
#include "mola/codec/bytes.h"

/* Most clients send vectors as base64, so decoding runs at the speed of bulk loads. */

static const char letters[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a character, and 0x40 to tell 'A' from what is not in the alphabet. */
static const uint8_t values[256] = {
    ['A'] = 0x40, ['B'] = 0x41, ['C'] = 0x42, ['D'] = 0x43, ['E'] = 0x44, ['F'] = 0x45,
    ['G'] = 0x46, ['H'] = 0x47, ['I'] = 0x48, ['J'] = 0x49, ['K'] = 0x4a, ['L'] = 0x4b,
    ['M'] = 0x4c, ['N'] = 0x4d, ['O'] = 0x4e, ['P'] = 0x4f, ['Q'] = 0x50, ['R'] = 0x51,
    ['S'] = 0x52, ['T'] = 0x53, ['U'] = 0x54, ['V'] = 0x55, ['W'] = 0x56, ['X'] = 0x57,
    ['Y'] = 0x58, ['Z'] = 0x59, ['a'] = 0x5a, ['b'] = 0x5b, ['c'] = 0x5c, ['d'] = 0x5d,
    ['e'] = 0x5e, ['f'] = 0x5f, ['g'] = 0x60, ['h'] = 0x61, ['i'] = 0x62, ['j'] = 0x63,
    ['k'] = 0x64, ['l'] = 0x65, ['m'] = 0x66, ['n'] = 0x67, ['o'] = 0x68, ['p'] = 0x69,
    ['q'] = 0x6a, ['r'] = 0x6b, ['s'] = 0x6c, ['t'] = 0x6d, ['u'] = 0x6e, ['v'] = 0x6f,
    ['w'] = 0x70, ['x'] = 0x71, ['y'] = 0x72, ['z'] = 0x73, ['0'] = 0x74, ['1'] = 0x75,
    ['2'] = 0x76, ['3'] = 0x77, ['4'] = 0x78, ['5'] = 0x79, ['6'] = 0x7a, ['7'] = 0x7b,
    ['8'] = 0x7c, ['9'] = 0x7d, ['+'] = 0x7e, ['/'] = 0x7f,
};

bool mola_base64_decoded_size(mola_str text, size_t *size)
{
    if (text.len % 4)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.len && text.data[text.len - 1 - padding] == '=')
        padding++;
    *size = text.len / 4 * 3 - padding;
    return true;
}

/* Four characters as 24 bits. *known keeps 0x40 as long as all are of the alphabet. */
static uint32_t take_four(const char *p, uint32_t *known)
{
    uint32_t a = values[(unsigned char)p[0]], b = values[(unsigned char)p[1]],
             c = values[(unsigned char)p[2]], d = values[(unsigned char)p[3]];
    *known &= a & b & c & d;
    return (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
}

/* The last four characters, of which up to two are padding; what the padding cuts off is zero. */
static bool decode_last(const char *p, size_t size, uint8_t *out)
{
    char full[] = "AAAA";
    memcpy(full, p, size + 1);
    uint32_t known = 0x40;
    uint32_t bits = take_four(full, &known);
    for (size_t i = 0; i < size; i++, bits <<= 8)
        out[i] = (uint8_t)(bits >> 16);
    return known && (bits & 0xffffff) == 0;
}

bool mola_base64_decode(mola_str text, void *out)
{
    size_t size;
    if (!mola_base64_decoded_size(text, &size))
        return false;
    uint32_t known = 0x40;
    const char *p = text.data;
    uint8_t *at = out;
    for (; size > 3; p += 4, at += 3, size -= 3) { /* each store runs one byte into the next */
        uint32_t bytes = __builtin_bswap32(take_four(p, &known) << 8);
        memcpy(at, &bytes, sizeof bytes);
    }
    return known && (size == 0 || decode_last(p, size, at));
}

bool mola_base64_decode_f32(mola_str text, void *out)
{
    size_t size;
    if (!mola_base64_decoded_size(text, &size) || size % sizeof(float) ||
        !mola_base64_decode(text, out))
        return false;
    uint32_t bad = 0;
    for (size_t at = 0; at < size; at += sizeof(float))
        bad |= (mola_load_u32((const char *)out + at) & 0x7f800000U) == 0x7f800000U;
    return !bad;
}

void mola_base64_print(mola_buf *out, const void *bytes, size_t size)
{
    size_t text_size;
    if (__builtin_mul_overflow(size / 3 + (size % 3 != 0), 4, &text_size)) {
        out->failed = true;
        return;
    }
    char *at = mola_buf_reserve(out, text_size);
    if (!at)
        return;
    const uint8_t *p = bytes;
    for (; size >= 3; p += 3, size -= 3, at += 4) {
        uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        at[0] = letters[bits >> 18];
        at[1] = letters[bits >> 12 & 63];
        at[2] = letters[bits >> 6 & 63];
        at[3] = letters[bits & 63];
    }
    if (size) {
        uint32_t bits = (uint32_t)p[0] << 16 | (size > 1 ? (uint32_t)p[1] << 8 : 0);
        at[0] = letters[bits >> 18];
        at[1] = letters[bits >> 12 & 63];
        memset(at + 2, '=', 2);
        if (size > 1)
            at[2] = letters[bits >> 6 & 63];
    }
    out->len += text_size;
}
