/* file_path.c - keys as paths, one-to-one whatever the file system folds, splits or reserves.
 *
 * Each part of a key is a name, with '%' (and on a case-folding file system 'A'..'Z') written as
 * %XX. So a '%' in a name is followed by two hex digits or is one of our marks at the end: name a
 * directory: the part, and the '/' behind it name%o     an object: the last part of a key; "a" and
 * "a/b" are the file a%o and the directory a name%+     a directory: a piece of a part that does
 * not fit 200 bytes; the rest is inside */
#include "file.h"
#include "mola/base/check.h"

/* The longest key is 1,024 bytes of which each takes 3 and every 198th begins a "%+/" of its own,
 * or every second is a '/'. */
_Static_assert(3 * MOLA_KEY_BYTES_MAX + 3 * (3 * MOLA_KEY_BYTES_MAX / 198 + 1) + 3 <
                   MOLA_FILE_PATH_BYTES_MAX,
               "every key fits a path");

static bool is_escaped(bool fold_case, char byte)
{
    return byte == '%' || (fold_case && byte >= 'A' && byte <= 'Z');
}

static void append(mola_file_path *path, const char *bytes, size_t len)
{
    MOLA_ASSERT(path->len + len < sizeof path->text);
    memcpy(path->text + path->len, bytes, len);
    path->len += len;
}

static void append_part(bool fold_case, mola_str part, mola_file_path *path)
{
    static const char hex[] = "0123456789ABCDEF";
    path->name = path->len;
    for (size_t i = 0; i < part.len; i++) {
        char unit[3] = {part.data[i]};
        size_t unit_len = 1;
        if (is_escaped(fold_case, part.data[i])) {
            unsigned char byte = (unsigned char)part.data[i];
            memcpy(unit, (char[]){'%', hex[byte >> 4], hex[byte & 15]}, sizeof unit);
            unit_len = sizeof unit;
        }
        if (path->len - path->name + unit_len > MOLA_FILE_NAME_BYTES_MAX) {
            append(path, "%+/", 3);
            path->name = path->len;
        }
        append(path, unit, unit_len);
    }
}

static void append_directories(bool fold_case, mola_str *rest, mola_file_path *path)
{
    while (rest->len && memchr(rest->data, '/', rest->len)) {
        append_part(fold_case, mola_str_cut(rest, '/'), path);
        append(path, "/", 1);
    }
}

void mola_file_path_of_key(bool fold_case, mola_str key, mola_file_path *out)
{
    MOLA_ASSERT(mola_store_key_ok(key));
    out->len = 0;
    mola_str rest = key;
    append_directories(fold_case, &rest, out);
    append_part(fold_case, rest, out);
    append(out, "%o", 2);
    out->text[out->len] = '\0';
}

void mola_file_path_of_prefix(bool fold_case, mola_str prefix, mola_file_path *out)
{
    MOLA_ASSERT(prefix.len == 0 || prefix.data[prefix.len - 1] == '/');
    out->len = out->name = 0;
    append_directories(fold_case, &prefix, out);
    if (out->len)
        out->len--; /* the last '/' */
    out->text[out->len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static mola_file_kind cut_mark(mola_str *name)
{
    if (name->len < 2 || name->data[name->len - 2] != '%')
        return MOLA_FILE_DIRECTORY;
    char mark = name->data[name->len - 1];
    if (mark != 'o' && mark != '+')
        return MOLA_FILE_DIRECTORY;
    name->len -= 2;
    return mark == 'o' ? MOLA_FILE_OBJECT : MOLA_FILE_CHUNK;
}

bool mola_file_name_decode(bool fold_case, mola_str name, mola_file_kind *kind,
                           char bytes[MOLA_FILE_NAME_BYTES_MAX], size_t *len)
{
    *kind = cut_mark(&name);
    if (name.len == 0 || name.len > MOLA_FILE_NAME_BYTES_MAX)
        return false;
    *len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.data[i];
        if (byte == '%') {
            int high = i + 2 < name.len ? hex_digit(name.data[i + 1]) : -1;
            int low = i + 2 < name.len ? hex_digit(name.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = (char)(high << 4 | low);
            i += 2;
            if (!is_escaped(fold_case, byte))
                return false; /* we would have written it plainly: not our name */
        } else if (is_escaped(fold_case, byte)) {
            return false;
        }
        bytes[(*len)++] = byte;
    }
    return true;
}
