#include "mola/codec/uuid.h"

enum { UUID_BYTES = 16, HEX_DIGITS = 32, HYPHENATED = 36 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hyphen stands before bytes 4, 6, 8 and 10. */
static bool hyphen_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool mola_uuid_parse(mola_str text, uint8_t out[16])
{
    mola_str prefix = MOLA_STR("urn:uuid:");
    bool bare = false; /* without hyphens */
    if (mola_str_starts(text, prefix)) {
        text = mola_str_from(text, prefix.len);
    } else if (text.len == HEX_DIGITS) {
        bare = true;
    } else if (text.len == HYPHENATED + 2 && text.data[0] == '{' &&
               text.data[HYPHENATED + 1] == '}') {
        text = (mola_str){text.data + 1, HYPHENATED};
    }
    if (text.len != HYPHENATED && !bare)
        return false;
    const char *p = text.data;
    for (size_t i = 0; i < UUID_BYTES; i++, p += 2) {
        if (!bare && hyphen_before(i) && *p++ != '-')
            return false;
        int high = hex_value(p[0]), low = hex_value(p[1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void mola_hex_print(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}

void mola_uuid_print(mola_buf *out, const uint8_t uuid[16])
{
    char text[HYPHENATED], *p = text;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (hyphen_before(i))
            *p++ = '-';
        mola_hex_print(&uuid[i], 1, p);
        p += 2;
    }
    mola_buf_add(out, text, sizeof text);
}
