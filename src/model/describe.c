/* describe.c - the words of 422 answers, as serde and its untagged enums put them. */
#include "mola/base/check.h"
#include "mola/codec/print.h"
#include "mola/model/value.h"
#include <stdarg.h>
#include <stdio.h>

#define PREFIX "Failed to deserialize the JSON body into the target type: "

/* The unescaped text; in case of doubt (no memory) the raw one without its quotes. */
static void add_string(mola_json json, mola_buf *out)
{
    mola_arena scratch;
    mola_arena_init(&scratch, out->heap, 1 << 20);
    mola_str text;
    if (!mola_json_string(json, &scratch, &text)) {
        text = mola_json_raw(json);
        text = (mola_str){text.data + 1, text.len - 2};
    }
    mola_buf_add_str(out, text);
    mola_arena_reset(&scratch);
}

static void add_number(mola_json json, mola_buf *out)
{
    mola_str text = mola_json_number_text(json);
    double value;
    if (mola_json_is_integer(json)) {
        mola_buf_add_str(out, mola_str_eq(text, MOLA_STR("-0")) ? MOLA_STR("0") : text);
    } else if (mola_json_f64(json, &value)) {
        mola_print_f64(out, value);
    } else {
        mola_buf_add_str(out, text);
    }
}

void mola_json_describe(mola_json json, mola_buf *out)
{
    switch (mola_json_kind_of(json)) {
    case MOLA_JSON_NONE:
    case MOLA_JSON_NULL:
        mola_buf_add_str(out, MOLA_STR("null"));
        break;
    case MOLA_JSON_BOOL:
        mola_buf_add_str(out, mola_json_bool(json) ? MOLA_STR("boolean `true`")
                                                   : MOLA_STR("boolean `false`"));
        break;
    case MOLA_JSON_NUMBER:
        mola_buf_add_str(out, mola_json_is_integer(json) ? MOLA_STR("integer `")
                                                         : MOLA_STR("floating point `"));
        add_number(json, out);
        mola_buf_add_char(out, '`');
        break;
    case MOLA_JSON_STRING:
        mola_buf_add_str(out, MOLA_STR("string \""));
        add_string(json, out);
        mola_buf_add_char(out, '"');
        break;
    case MOLA_JSON_ARRAY:
        mola_buf_add_str(out, MOLA_STR("sequence"));
        break;
    case MOLA_JSON_OBJECT:
        mola_buf_add_str(out, MOLA_STR("map"));
        break;
    }
}

static mola_err fail(mola_why *why, const char *path, const char *reason)
{
    return mola_fail(why, MOLA_SHAPE, PREFIX "%s%s%s", path, *path ? ": " : "", reason);
}

mola_err mola_fail_shape(mola_why *why, const char *path, const char *format, ...)
{
    char reason[MOLA_WHY_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return fail(why, path, len < 0 ? "" : reason);
}

/* What a description may take: more would be cut from the words anyway. */
static int shown(const mola_buf *text)
{
    return text->failed ? 0 : (int)(text->len < MOLA_WHY_BYTES ? text->len : MOLA_WHY_BYTES);
}

mola_err mola_fail_type(mola_why *why, const char *path, mola_json got, const char *expected)
{
    char reason[MOLA_WHY_BYTES] = "";
    if (!got.doc) {
        (void)snprintf(reason, sizeof reason, "invalid type: null, expected %s", expected);
        return fail(why, path, reason);
    }
    mola_buf text;
    mola_buf_init(&text, got.doc->heap);
    mola_json_describe(got, &text);
    (void)snprintf(reason, sizeof reason, "invalid type: %.*s, expected %s", shown(&text),
                   text.data, expected);
    mola_buf_free(&text);
    return fail(why, path, reason);
}

static void add_options(char *options, size_t room, const char *const *names, size_t count)
{
    size_t used = 0;
    for (size_t i = 0; i < count && used < room; i++) {
        const char *before = i == 0 ? (count == 2 ? "" : "one of ") : count == 2 ? " or " : ", ";
        int len = snprintf(options + used, room - used, "%s`%s`", before, names[i]);
        used += len < 0 ? 0 : (size_t)len;
    }
}

mola_err mola_fail_variant(mola_why *why, const char *path, mola_json got, const char *const *names,
                           size_t count)
{
    char options[MOLA_WHY_BYTES] = "", reason[3 * MOLA_WHY_BYTES] = "";
    add_options(options, sizeof options, names, count);
    MOLA_ASSERT(got.doc);
    mola_buf text;
    mola_buf_init(&text, got.doc->heap);
    if (mola_json_kind_of(got) == MOLA_JSON_STRING) {
        add_string(got, &text);
    } else {
        mola_buf_add_str(&text, mola_json_raw(got));
    }
    (void)snprintf(reason, sizeof reason, "unknown variant `%.*s`, expected %s", shown(&text),
                   text.data, options);
    mola_buf_free(&text);
    return fail(why, path, reason);
}
