/* naive_json.h - a second opinion on JSON: byte by byte, recursive, slow and plain. For the unit
 * test and the fuzz target of the JSON reader; shares no code with it.
 *
 * What is accepted is rendered in a form of our own, with escapes resolved and overridden members
 * gone: null true false #12.5 "3:abc [v...] {"1:k v...}. The reader under test renders through its
 * public interface into the same form, and the two must be equal. */
#pragma once
#include "mola/codec/json.h"
#include <stdlib.h>

typedef struct {
    char *data;
    size_t len, room;
} naive_text;

static inline void naive_add(naive_text *t, const void *bytes, size_t size)
{
    if (t->len + size > t->room) {
        t->room = (t->len + size) * 2;
        t->data = realloc(t->data, t->room);
        if (!t->data)
            abort();
    }
    if (size)
        memcpy(t->data + t->len, bytes, size);
    t->len += size;
}

static inline void naive_add_string(naive_text *t, const char *bytes, size_t size)
{
    char head[32];
    size_t digits = 0, rest = size;
    do
        head[sizeof head - 1 - ++digits] = (char)('0' + rest % 10);
    while (rest /= 10);
    naive_add(t, "\"", 1);
    naive_add(t, head + sizeof head - 1 - digits, digits);
    naive_add(t, ":", 1);
    naive_add(t, bytes, size);
}

typedef struct {
    const unsigned char *p, *end;
    int depth;
} naive_in;

static inline void naive_space(naive_in *in)
{
    while (in->p < in->end && (*in->p == 32 || *in->p == 9 || *in->p == 10 || *in->p == 13))
        in->p++;
}

static inline bool naive_eat(naive_in *in, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(in->end - in->p) < size || memcmp(in->p, word, size) != 0)
        return false;
    in->p += size;
    return true;
}

static inline void naive_put_utf8(naive_text *out, unsigned long c)
{
    unsigned char b[4];
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, c /= 64)
        b[i] = (unsigned char)(0x80 + c % 64);
    b[0] = (unsigned char)(lead[size] + c);
    naive_add(out, b, size);
}

static inline bool naive_raw_char(naive_in *in, naive_text *out)
{
    unsigned first = *in->p;
    int more = first < 0x80   ? 0
               : first < 0xc0 ? -1
               : first < 0xe0 ? 1
               : first < 0xf0 ? 2
               : first < 0xf8 ? 3
                              : -1;
    if (first < 0x20 || more < 0 || in->end - in->p <= more)
        return false;
    unsigned long c = more == 0 ? first : first & (0x3fU >> more);
    for (int i = 1; i <= more; i++) {
        if (in->p[i] / 64 != 2)
            return false;
        c = c * 64 + in->p[i] % 64;
    }
    static const unsigned long least[] = {0, 0x80, 0x800, 0x10000};
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return false;
    naive_add(out, in->p, (size_t)more + 1);
    in->p += more + 1;
    return true;
}

static inline bool naive_unit(naive_in *in, unsigned long *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, in->p++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *hit = in->p < in->end && *in->p ? strchr(digits, *in->p) : NULL;
        if (!hit)
            return false;
        unsigned long digit = (unsigned long)(hit - digits);
        *unit = *unit * 16 + (digit > 15 ? digit - 6 : digit);
    }
    return true;
}

static inline bool naive_escape(naive_in *in, naive_text *out)
{
    if (in->p == in->end)
        return false;
    static const char letters[] = "bfnrt\"\\/", bytes[] = "\b\f\n\r\t\"\\/";
    unsigned char c = *in->p++;
    const char *hit = c ? strchr(letters, c) : NULL;
    if (hit) {
        naive_add(out, &bytes[hit - letters], 1);
        return true;
    }
    unsigned long unit, low;
    if (c != 'u' || !naive_unit(in, &unit) || (unit >= 0xdc00 && unit <= 0xdfff))
        return false;
    if (unit >= 0xd800 && unit <= 0xdbff) {
        if (!naive_eat(in, "\\u") || !naive_unit(in, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        unit = (unit - 0xd800) * 0x400 + (low - 0xdc00) + 0x10000;
    }
    naive_put_utf8(out, unit);
    return true;
}

static inline bool naive_string(naive_in *in, naive_text *out)
{
    naive_text inside = {0};
    bool good = naive_eat(in, "\"");
    while (good && in->p < in->end && *in->p != '"')
        good = naive_eat(in, "\\") ? naive_escape(in, &inside) : naive_raw_char(in, &inside);
    good = good && naive_eat(in, "\"");
    if (good)
        naive_add_string(out, inside.data, inside.len);
    free(inside.data);
    return good;
}

static inline size_t naive_digits(naive_in *in)
{
    const unsigned char *from = in->p;
    while (in->p < in->end && *in->p >= '0' && *in->p <= '9')
        in->p++;
    return (size_t)(in->p - from);
}

static inline bool naive_number(naive_in *in, naive_text *out)
{
    const unsigned char *from = in->p;
    (void)naive_eat(in, "-");
    if (!naive_eat(in, "0") && naive_digits(in) == 0)
        return false;
    if (naive_eat(in, ".") && naive_digits(in) == 0)
        return false;
    if (naive_eat(in, "e") || naive_eat(in, "E")) {
        (void)(naive_eat(in, "+") || naive_eat(in, "-"));
        if (naive_digits(in) == 0)
            return false;
    }
    naive_add(out, "#", 1);
    naive_add(out, from, (size_t)(in->p - from));
    return true;
}

static inline bool naive_value(naive_in *in, naive_text *out);

static inline bool naive_array(naive_in *in, naive_text *out)
{
    naive_add(out, "[", 1);
    naive_space(in);
    if (!naive_eat(in, "]"))
        do
            if (!naive_value(in, out))
                return false;
        while (naive_eat(in, ","));
    else
        in->p--;
    naive_add(out, "]", 1);
    return naive_eat(in, "]");
}

typedef struct {
    naive_text key, value;
} naive_member;

static inline bool naive_members(naive_in *in, naive_member **members, size_t *count)
{
    do {
        if ((*count & (*count + 1)) == 0) /* room is the next power of two */
            *members = realloc(*members, (*count + 1) * 2 * sizeof **members);
        if (!*members)
            abort();
        naive_member *m = &(*members)[(*count)++];
        *m = (naive_member){0};
        naive_space(in);
        if (!naive_string(in, &m->key))
            return false;
        naive_space(in);
        if (!naive_eat(in, ":") || !naive_value(in, &m->value))
            return false;
    } while (naive_eat(in, ","));
    return naive_eat(in, "}");
}

/* Keeps of members with equal keys the last one, where it stands. */
static inline bool naive_object(naive_in *in, naive_text *out)
{
    naive_space(in);
    size_t count = 0;
    naive_member *m = NULL;
    bool good = naive_eat(in, "}") || naive_members(in, &m, &count);
    naive_add(out, "{", 1);
    for (size_t i = 0; i < count; i++) {
        bool last = true;
        for (size_t j = i + 1; j < count; j++)
            last &= m[i].key.len != m[j].key.len ||
                    memcmp(m[i].key.data, m[j].key.data, m[i].key.len) != 0;
        if (good && last) {
            naive_add(out, m[i].key.data, m[i].key.len);
            naive_add(out, m[i].value.data, m[i].value.len);
        }
    }
    naive_add(out, "}", 1);
    for (size_t i = 0; i < count; i++) {
        free(m[i].key.data);
        free(m[i].value.data);
    }
    free(m);
    return good;
}

static inline bool naive_value(naive_in *in, naive_text *out)
{
    naive_space(in);
    bool good = false;
    if (naive_eat(in, "null"))
        naive_add(out, "null", 4), good = true;
    else if (naive_eat(in, "true"))
        naive_add(out, "true", 4), good = true;
    else if (naive_eat(in, "false"))
        naive_add(out, "false", 5), good = true;
    else if (in->p < in->end && *in->p == '"')
        good = naive_string(in, out);
    else if (in->depth < MOLA_JSON_DEPTH_MAX && in->p < in->end &&
             (*in->p == '[' || *in->p == '{')) {
        in->depth++;
        good = *in->p++ == '[' ? naive_array(in, out) : naive_object(in, out);
        in->depth--;
    } else if (in->p < in->end)
        good = naive_number(in, out);
    naive_space(in);
    return good;
}

/* Whether `text` is JSON as we want it; what it says is appended to `out`. */
static inline bool naive_json(mola_str text, naive_text *out)
{
    naive_in in = {(const unsigned char *)text.data, (const unsigned char *)text.data + text.len,
                   0};
    return naive_value(&in, out) && in.p == in.end;
}

/* The same rendering of what the reader under test says. */
static inline bool naive_render(mola_json v, mola_arena *memory, naive_text *out)
{
    mola_str s;
    switch (mola_json_kind_of(v)) {
    case MOLA_JSON_NONE:
        return false;
    case MOLA_JSON_NULL:
        naive_add(out, "null", 4);
        return true;
    case MOLA_JSON_BOOL:
        naive_add(out, mola_json_bool(v) ? "true" : "false", mola_json_bool(v) ? 4 : 5);
        return true;
    case MOLA_JSON_NUMBER:
        s = mola_json_number_text(v);
        naive_add(out, "#", 1);
        naive_add(out, s.data, s.len);
        return true;
    case MOLA_JSON_STRING:
        if (!mola_json_string(v, memory, &s))
            return false;
        naive_add_string(out, s.data, s.len);
        return true;
    case MOLA_JSON_ARRAY:
    case MOLA_JSON_OBJECT:
        break;
    }
    bool object = mola_json_kind_of(v) == MOLA_JSON_OBJECT;
    naive_add(out, object ? "{" : "[", 1);
    for (mola_json m = mola_json_first(v); m.doc; m = mola_json_next(v, m)) {
        if (object) {
            if (!mola_json_key(m, memory, &s))
                return false;
            naive_add_string(out, s.data, s.len);
        }
        if (!naive_render(m, memory, out))
            return false;
    }
    naive_add(out, object ? "}" : "]", 1);
    return true;
}
