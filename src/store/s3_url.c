/* s3_url.c - s3://bucket/prefix?option=value&..., and percent encoding. */
#include "mola/base/check.h"
#include "s3.h"
#include <ctype.h>
#include <stddef.h>

/* --- Encoding --- */

static bool is_plain(char c, mola_s3_encoding how)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_letter || c == '-' || c == '_' || c == '.' || c == '~' ||
           (c == '/' && how == MOLA_S3_ENCODE_PATH);
}

void mola_s3_encode(mola_buf *out, mola_str text, mola_s3_encoding how)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_plain((char)c, how)) {
            mola_buf_add_char(out, (char)c);
        } else {
            const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            mola_buf_add(out, escape, sizeof escape);
        }
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool mola_s3_decode(mola_str text, bool plus_is_space, char *out, size_t room, size_t *size)
{
    size_t made = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (made == room)
            return false;
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[made++] = c;
    }
    *size = made;
    return true;
}

/* --- Options --- */

typedef struct {
    const char *name;
    size_t offset, room; /* of a text in mola_s3_settings */
} option;
#define OPTION(option_name, member)                                                                \
    {                                                                                              \
        option_name, offsetof(mola_s3_settings, member), sizeof((mola_s3_settings *)0)->member     \
    }
static const option options[] = {
    OPTION("endpoint", endpoint),
    OPTION("region", region),
    OPTION("ca", ca_file),
    OPTION("profile", profile),
    OPTION("access_key_id", access_key_id),
    OPTION("secret_access_key", secret_access_key),
};

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            return true;
    }
    return false;
}

static mola_err set_text(char *place, size_t room, mola_str name, mola_str value, mola_why *why)
{
    size_t size;
    if (*place) {
        return mola_fail(why, MOLA_INVALID, "store s3: option '" MOLA_FMT "' is given twice",
                         MOLA_ARG(name));
    }
    if (!mola_s3_decode(value, false, place, room - 1, &size) || size == 0 ||
        memchr(place, '\0', size) != NULL || has_control(place)) {
        memset(place, 0, room);
        return mola_fail(why, MOLA_INVALID,
                         "store s3: option '" MOLA_FMT "' is empty, too long or malformed",
                         MOLA_ARG(name));
    }
    return MOLA_OK;
}

static mola_err set_style(mola_s3_settings *s, mola_str value, mola_why *why)
{
    if (s->style != MOLA_S3_STYLE_AUTO)
        return mola_fail(why, MOLA_INVALID, "store s3: option 'style' is given twice");
    if (mola_str_eq(value, MOLA_STR("path"))) {
        s->style = MOLA_S3_STYLE_PATH;
    } else if (mola_str_eq(value, MOLA_STR("virtual"))) {
        s->style = MOLA_S3_STYLE_VIRTUAL;
    } else {
        return mola_fail(why, MOLA_INVALID, "store s3: style is 'path' or 'virtual'");
    }
    return MOLA_OK;
}

static mola_err set_option(mola_s3_settings *s, mola_str pair, mola_why *why)
{
    mola_str value = pair;
    mola_str name = mola_str_cut(&value, '=');
    if (mola_str_eq(name, MOLA_STR("style")))
        return set_style(s, value, why);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (mola_str_eq(name, mola_str_of(options[i].name)))
            return set_text((char *)s + options[i].offset, options[i].room, name, value, why);
    }
    return mola_fail(why, MOLA_INVALID,
                     "store s3: unknown option '" MOLA_FMT "': there are endpoint, region, style, "
                     "ca, profile, access_key_id, secret_access_key",
                     MOLA_ARG(name));
}

/* --- Bucket and prefix --- */

static bool bucket_ok(mola_str name)
{
    if (name.len < 3 || name.len >= MOLA_S3_NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        bool inner = i > 0 && i < name.len - 1;
        bool dot_ok = c == '.' && inner && name.data[i - 1] != '.';
        if (!islower((unsigned char)c) && !isdigit((unsigned char)c) && !(c == '-' && inner) &&
            !dot_ok)
            return false;
    }
    return true;
}

static mola_err set_prefix(mola_s3_settings *s, mola_str prefix, mola_why *why)
{
    if (prefix.len && prefix.data[prefix.len - 1] == '/')
        prefix.len--;
    if (prefix.len == 0)
        return MOLA_OK;
    if (prefix.len >= sizeof s->prefix || !mola_store_key_ok(prefix)) {
        return mola_fail(why, MOLA_INVALID,
                         "store s3: the prefix is up to %zu bytes of printable ASCII in parts "
                         "separated by '/', none of them empty, '.' or '..'",
                         sizeof s->prefix - 1);
    }
    memcpy(s->prefix, prefix.data, prefix.len);
    return MOLA_OK;
}

mola_err mola_s3_url_parse(mola_str place, mola_s3_settings *out, mola_why *why)
{
    *out = (mola_s3_settings){0};
    if (!mola_str_starts(place, MOLA_STR("//")))
        return mola_fail(why, MOLA_INVALID, "store s3: is written s3://bucket/prefix");
    mola_str query = mola_str_from(place, 2);
    mola_str path = mola_str_cut(&query, '?');
    bool has_query = path.len + 2 < place.len;
    mola_str bucket = mola_str_cut(&path, '/');
    if (!bucket_ok(bucket)) {
        return mola_fail(why, MOLA_INVALID,
                         "store s3: '" MOLA_FMT "' is no bucket name (3 to 63 of a-z, 0-9, '-', "
                         "'.')",
                         MOLA_ARG(bucket));
    }
    memcpy(out->bucket, bucket.data, bucket.len);
    mola_err err = set_prefix(out, path, why);
    while (!err && has_query) {
        size_t before = query.len;
        mola_str pair = mola_str_cut(&query, '&');
        err = set_option(out, pair, why);
        has_query = pair.len < before;
    }
    return err;
}
