/* str.h - a view of bytes: pointer and length, never owned, never NUL-terminated. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *data;
    size_t len; /* bytes */
} mola_str;

#define MOLA_STR(lit) ((mola_str){.data = (lit), .len = sizeof(lit) - 1})
#define MOLA_STR_C(lit)                                                                            \
    {                                                                                              \
        .data = (lit), .len = sizeof(lit) - 1                                                      \
    } /* in static initialisers */
/* For "%.*s": printf(MOLA_FMT, MOLA_ARG(s)) */
#define MOLA_FMT    "%.*s"
#define MOLA_ARG(s) (int)(s).len, (s).data

static inline mola_str mola_str_of(const char *text)
{
    return (mola_str){text, strlen(text)};
}

static inline bool mola_str_eq(mola_str a, mola_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Byte order; a proper prefix comes first. < 0, 0 or > 0. */
static inline int mola_str_cmp(mola_str a, mola_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Behind its last byte. An empty text may have no address. */
static inline const char *mola_str_end(mola_str text)
{
    return text.data ? text.data + text.len : NULL;
}
static inline bool mola_str_starts(mola_str text, mola_str prefix)
{
    return text.len >= prefix.len &&
           (prefix.len == 0 || memcmp(text.data, prefix.data, prefix.len) == 0);
}

static inline mola_str mola_str_from(mola_str text, size_t offset)
{
    return (mola_str){text.data + offset, text.len - offset};
}

/* Splits off everything before the first `sep`; `rest` loses that part and the separator.
 * Returns the whole of `rest` (and empties it) when `sep` does not occur. */
static inline mola_str mola_str_cut(mola_str *rest, char sep)
{
    const char *hit = rest->len ? memchr(rest->data, sep, rest->len) : NULL;
    mola_str head = {rest->data, hit ? (size_t)(hit - rest->data) : rest->len};
    size_t used = head.len + (hit ? 1 : 0);
    *rest = (mola_str){rest->data + used, rest->len - used};
    return head;
}
