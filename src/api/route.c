/* route.c - a method and a path, give me a route and a namespace name (reference 2, 1.1, 3.1). */
#include "api/private.h"
#include <stdio.h>

#define NAMED(m, t, h, ...)                                                                        \
    {                                                                                              \
        .method = MOLA_STR_C(m), .tail = MOLA_STR_C(t), .has_name = true, .needs_key = true,       \
        .handle = (h), __VA_ARGS__                                                                 \
    }
#define BODY  .takes_body = true
#define WRITE BODY, .class = MOLA_JOB_WRITE
#define PROBE(path)                                                                                \
    {                                                                                              \
        .method = MOLA_STR_C("GET"), .tail = MOLA_STR_C(path), .in_loop = true                     \
    }

/* Administration has lived under /v1 and /v2; every route is served under both. */
static const mola_api_route routes[] = {
    PROBE("/health"),
    PROBE("/healthz"),
    PROBE("/ready"),
    PROBE("/readyz"),
    PROBE("/metrics"),
    PROBE("/openapi.yaml"),
    {.method = MOLA_STR_C("GET"),
     .tail = MOLA_STR_C("namespaces"),
     .needs_key = true,
     .handle = mola_handle_list},
    NAMED("POST", "", mola_handle_write, WRITE),
    NAMED("GET", "", mola_handle_export, .is_query = true),
    NAMED("DELETE", "", mola_handle_delete, .class = MOLA_JOB_WRITE),
    NAMED("POST", "query", mola_handle_query, BODY, .is_query = true),
    NAMED("POST", "multi-query", mola_handle_query, BODY, .is_query = true),
    NAMED("GET", "metadata", mola_handle_metadata),
    NAMED("PATCH", "metadata", mola_handle_update_metadata, WRITE),
    NAMED("GET", "schema", mola_handle_schema),
    NAMED("POST", "schema", mola_handle_update_schema, WRITE),
    NAMED("GET", "hint_cache_warm", mola_handle_warm),
    NAMED("POST", "read_only_optimize", mola_handle_optimize, BODY, .body_optional = true),
    NAMED("GET", "_debug/warm_cache", mola_handle_warm_now),
    NAMED("GET", "_debug/purge_cache", mola_handle_purge),
    NAMED("POST", "explain_query", mola_handle_explain, BODY, .is_query = true),
    NAMED("POST", "async", mola_handle_async, BODY),
    NAMED("GET", "operations/", mola_handle_operation),
    NAMED("POST", "_debug/recall", mola_handle_recall, BODY, .body_optional = true,
          .is_query = true),
};
enum { ROUTES = sizeof routes / sizeof *routes };

bool mola_method_known(mola_str method)
{
    static const mola_str known[] = {
        MOLA_STR_C("GET"),   MOLA_STR_C("HEAD"),   MOLA_STR_C("POST"),   MOLA_STR_C("PUT"),
        MOLA_STR_C("PATCH"), MOLA_STR_C("DELETE"), MOLA_STR_C("OPTIONS")};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (mola_str_eq(method, known[i]))
            return true;
    }
    return false;
}

bool mola_route_is_ready(const mola_api_route *route)
{
    return mola_str_starts(route->tail, MOLA_STR("/ready"));
}

static bool method_fits(const mola_api_route *route, mola_str method)
{
    return mola_str_eq(route->method, method) ||
           (mola_str_eq(method, MOLA_STR("HEAD")) && mola_str_eq(route->method, MOLA_STR("GET")));
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* Percent-decodes once into `out`; the length it would have, even where `room` ends. SIZE_MAX:
 * malformed. */
static size_t percent_decode(mola_str text, char *out, size_t room)
{
    size_t size = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            if (text.len - i < 3 || hex_digit(text.data[i + 1]) < 0 ||
                hex_digit(text.data[i + 2]) < 0)
                return SIZE_MAX;
            c = (char)((unsigned)hex_digit(text.data[i + 1]) << 4 |
                       (unsigned)hex_digit(text.data[i + 2]));
            i += 2;
        }
        if (size < room)
            out[size] = c;
        size++;
    }
    return size;
}

static bool name_byte(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '_' ||
           c == '.';
}

/* Takes the name out of its path segment. false: out->status and why are set. */
static bool take_name(mola_str segment, route_match *out)
{
    size_t size = percent_decode(segment, out->name, sizeof out->name);
    out->status = 400;
    out->why = "Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]";
    if (size == SIZE_MAX || size == 0)
        return false;
    for (size_t i = 0; i < size && i < sizeof out->name; i++) {
        if (!name_byte(out->name[i]))
            return false;
    }
    if (size > sizeof out->name) {
        out->why = "Invalid URL: Namespace is too long, limit is currently 128 characters";
        return false;
    }
    if (out->name[0] == '.' && (size == 1 || (size == 2 && out->name[1] == '.')))
        return false;
    out->name_len = size;
    return true;
}

static void allow(route_match *out, mola_str method)
{
    size_t size = strlen(out->allow), room = sizeof out->allow - size;
    bool is_get = mola_str_eq(method, MOLA_STR("GET"));
    int more = snprintf(out->allow + size, room, "%s" MOLA_FMT "%s", size ? ", " : "",
                        MOLA_ARG(method), is_get ? ", HEAD" : "");
    MOLA_ASSERT(more > 0 && (size_t)more < room);
}

/* The rest of the path is the route's, with one segment more where that wants one. */
static bool tail_fits(const mola_api_route *route, mola_str tail, mola_str *last)
{
    *last = (mola_str){0};
    if (!route->tail.len || route->tail.data[route->tail.len - 1] != '/')
        return mola_str_eq(route->tail, tail);
    if (!mola_str_starts(tail, route->tail))
        return false;
    *last = mola_str_from(tail, route->tail.len);
    return last->len && !memchr(last->data, '/', last->len);
}

/* The route of `method` among those that `fits` the rest of the path, or 404, or 405. */
static void choose(mola_str method, bool has_name, mola_str tail, route_match *out)
{
    out->status = 404;
    out->why = "no such route";
    for (size_t i = 0; i < ROUTES; i++) {
        const mola_api_route *route = &routes[i];
        mola_str last;
        if (route->has_name != has_name || !tail_fits(route, tail, &last))
            continue;
        if (method_fits(route, method)) {
            out->route = route;
            out->last = last;
            out->allow[0] = 0;
            return;
        }
        out->status = 405;
        out->why = "method not allowed here";
        allow(out, route->method);
    }
}

void mola_route_match(mola_str method, mola_str path, route_match *out)
{
    *out = (route_match){.status = 404, .why = "no such route"};
    mola_str rest = path;
    if (mola_str_cut(&rest, '/').len != 0) /* paths begin with '/' */
        return;
    mola_str first = mola_str_cut(&rest, '/');
    bool versioned = mola_str_eq(first, MOLA_STR("v1")) || mola_str_eq(first, MOLA_STR("v2"));
    if (!versioned && rest.len == 0) {
        choose(method, false, path, out);
        return;
    }
    if (!versioned) /* one leading segment, such as a region, is ignored (reference 1.1) */
        first = mola_str_cut(&rest, '/');
    if (!mola_str_eq(first, MOLA_STR("v1")) && !mola_str_eq(first, MOLA_STR("v2")))
        return;
    out->version = (uint8_t)(first.data[1] - '0');
    mola_str what = mola_str_cut(&rest, '/');
    out->is_vectors = out->version == 1 && mola_str_eq(what, MOLA_STR("vectors"));
    if (!out->is_vectors && !mola_str_eq(what, MOLA_STR("namespaces")))
        return;
    if (rest.len == 0) {
        choose(method, false, MOLA_STR("namespaces"), out);
        return;
    }
    mola_str name = mola_str_cut(&rest, '/');
    if (take_name(name, out))
        choose(method, true, rest, out);
}

bool mola_query_parameter(mola_str query, mola_str name, mola_arena *arena, mola_str *out,
                          bool *found)
{
    *found = false;
    while (query.len) {
        mola_str value = mola_str_cut(&query, '&');
        mola_str key = mola_str_cut(&value, '=');
        if (!mola_str_eq(key, name))
            continue;
        char *text = mola_new(arena, char, value.len + 1);
        if (!text)
            return false;
        size_t size = percent_decode(value, text, value.len);
        *found = true;
        *out = size == SIZE_MAX ? (mola_str){0} : (mola_str){text, size};
    }
    return true;
}
