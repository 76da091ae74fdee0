/* list.c - GET /v1/namespaces (reference 9.1). */
#include "api/private.h"
#include "mola/codec/base64.h"
#include "mola/codec/print.h"

enum { PAGE_DEFAULT = 100 };

static bool parse_page_size(mola_str text, uint64_t most, uint32_t *size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > most)
            return false;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    *size = value;
    return text.len && value >= 1 && value <= most;
}

/* A cursor is base64 of {"continuation_token":null,"start_after":"name"}. */
static mola_err parse_cursor(request *r, mola_str cursor, mola_str *after)
{
    size_t size;
    char *text = NULL;
    if (cursor.len && mola_base64_decoded_size(cursor, &size)) {
        if (!(text = mola_new(&r->arena, char, size + MOLA_JSON_PADDING)))
            return mola_fail(&r->why, MOLA_NO_MEMORY, "out of memory");
        if (!mola_base64_decode(cursor, text))
            text = NULL;
    }
    mola_json_doc doc;
    if (!text || mola_json_parse(&r->memory.heap, (mola_str){text, size}, &doc, NULL))
        return mola_fail(&r->why, MOLA_INVALID, "invalid cursor");
    mola_json start = mola_json_get(mola_json_root(&doc), MOLA_STR("start_after"));
    mola_err err = MOLA_OK;
    if (mola_json_kind_of(start) != MOLA_JSON_STRING) {
        err = mola_fail(&r->why, MOLA_INVALID, "invalid cursor");
    } else if (!mola_json_string(start, &r->arena, after) ||
               !mola_arena_copy(&r->arena, *after, after)) {
        err = mola_fail(&r->why, MOLA_NO_MEMORY, "out of memory");
    }
    mola_json_free(&doc);
    return err;
}

static void print_cursor(request *r, mola_buf *out, mola_str last)
{
    mola_buf plain;
    mola_buf_init(&plain, &r->memory.heap);
    mola_buf_add_str(&plain, MOLA_STR("{\"continuation_token\":null,\"start_after\":"));
    mola_print_string(&plain, last);
    mola_buf_add_char(&plain, '}');
    mola_buf_add_char(out, '"');
    mola_base64_print(out, plain.data, plain.len);
    mola_buf_add_char(out, '"');
    out->failed |= plain.failed;
    mola_buf_free(&plain);
}

static mola_err list(request *r, mola_buf *out)
{
    mola_str query = r->call->head->query, text, prefix = {0}, after = {0};
    uint64_t most = mola_limits_of(r->api->env)->list_page;
    uint32_t page = most < PAGE_DEFAULT ? (uint32_t)most : PAGE_DEFAULT, count;
    bool found, more;
    if (!mola_query_parameter(query, MOLA_STR("page_size"), &r->arena, &text, &found))
        return mola_fail(&r->why, MOLA_NO_MEMORY, "out of memory");
    if (found && !parse_page_size(text, most, &page)) {
        return mola_fail(&r->why, MOLA_INVALID, "page_size must be between 1 and %llu",
                         (unsigned long long)most);
    }
    if (!mola_query_parameter(query, MOLA_STR("prefix"), &r->arena, &text, &found))
        return mola_fail(&r->why, MOLA_NO_MEMORY, "out of memory");
    if (found)
        prefix = text;
    if (found && !text.data)
        return mola_fail(&r->why, MOLA_INVALID, "invalid prefix");
    if (!mola_query_parameter(query, MOLA_STR("cursor"), &r->arena, &text, &found))
        return mola_fail(&r->why, MOLA_NO_MEMORY, "out of memory");
    mola_err err = found && (text.len || !text.data) ? parse_cursor(r, text, &after) : MOLA_OK;
    if (err)
        return err;
    mola_str *names;
    err = mola_namespace_list(&r->ctx, r->api->config.namespaces, prefix, after, page, &names,
                              &count, &more);
    if (err)
        return err;
    mola_buf_add_str(out, MOLA_STR("{\"namespaces\":["));
    for (uint32_t i = 0; i < count; i++) {
        mola_buf_add_str(out, i ? MOLA_STR(",{\"id\":") : MOLA_STR("{\"id\":"));
        mola_print_string(out, names[i]);
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_str(out, MOLA_STR("],\"next_cursor\":"));
    if (more && count) {
        print_cursor(r, out, names[count - 1]);
    } else {
        mola_buf_add_str(out, MOLA_STR("null"));
    }
    mola_buf_add_char(out, '}');
    return MOLA_OK;
}

handled mola_handle_list(request *r)
{
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    return finish(r, list(r, &out), 200, &out, NULL);
}
