#include "codec/json_tape.h"

/* Bytes of the UTF-8 character at `at` (Unicode table 3-7); 0 when there is none. */
static size_t utf8_size(mola_str text, size_t at)
{
    const unsigned char *p = (const unsigned char *)text.data + at;
    size_t left = text.len - at;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] >= 0xe0 && p[0] <= 0xef) {
        unsigned char low = p[0] == 0xe0 ? 0xa0 : 0x80, high = p[0] == 0xed ? 0x9f : 0xbf;
        return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        unsigned char low = p[0] == 0xf0 ? 0x90 : 0x80, high = p[0] == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 &&
                       (p[3] & 0xc0) == 0x80
                   ? 4
                   : 0;
    }
    return 0;
}

mola_json_fault mola_json_find_fault(mola_str text)
{
    bool in_string = false;
    size_t opened = 0;
    for (size_t at = 0, size; at < text.len; at += size) {
        size = utf8_size(text, at);
        if (!size)
            return (mola_json_fault){"invalid UTF-8", at};
        char c = text.data[at];
        if (in_string && (unsigned char)c < 0x20)
            return (mola_json_fault){"control character in a string", at};
        if (c == '"') {
            in_string = !in_string;
            opened = at;
        }
        if (c == '\\' && in_string && at + 1 < text.len && text.data[at + 1] > 0x1f)
            size = 2; /* what is escaped neither ends the string nor escapes more */
    }
    if (in_string)
        return (mola_json_fault){"string without an end", opened};
    return (mola_json_fault){"expected a value", text.len};
}
