/* legacy.c - what clients of 2024 send and expect (reference 2.3): writes of ids, vectors and
 * attributes side by side, queries answered by a bare array, the export by columns. Their bodies
 * are put into today's words and go on as such; answers are put back into theirs. */
#include "api/private.h"
#include "mola/codec/base64.h"
#include "mola/codec/print.h"

enum { EXPORT_ROWS = 1000, TOP_K_DEFAULT = 10 };

/* Rows of one answer, at the most. */
static uint32_t rows_max(const request *r)
{
    uint64_t most = mola_limits_of(r->api->env)->result_rows;
    return most < EXPORT_ROWS ? (uint32_t)most : EXPORT_ROWS;
}

static mola_json member(mola_json object, const char *name)
{
    mola_json value = mola_json_get(object, mola_str_of(name));
    return mola_json_is_set(value) ? value : (mola_json){0};
}

static mola_err no_memory(request *r)
{
    return mola_fail(&r->why, MOLA_NO_MEMORY, "not enough memory for the request");
}

/* The text becomes the body of the request. It is ours, so it parses. */
static mola_err use_text(request *r, mola_buf *text)
{
    mola_json_doc doc;
    size_t len = text->len;
    mola_buf_add_zeros(text, MOLA_JSON_PADDING);
    if (text->failed) {
        mola_buf_free(text);
        return no_memory(r);
    }
    mola_err err = mola_json_parse(&r->memory.heap, (mola_str){text->data, len}, &doc, &r->why);
    if (err) {
        mola_buf_free(text);
        return err;
    }
    if (r->has_doc)
        mola_json_free(&r->doc);
    mola_buf_free(&r->plain);
    r->plain = *text;
    r->doc = doc;
    r->has_doc = true;
    r->body = mola_json_root(&r->doc);
    return MOLA_OK;
}

/* `"key":value,` for a member that is there. */
static void carry(mola_buf *out, mola_json body, const char *name)
{
    mola_json value = member(body, name);
    if (!value.doc)
        return;
    mola_buf_print(out, "\"%s\":", name);
    mola_buf_add_str(out, mola_json_raw(value));
    mola_buf_add_char(out, ',');
}

/* `,"key":value` of every member of a map. false: no memory. */
static bool add_members(request *r, mola_buf *out, mola_json map)
{
    for (mola_json v = mola_json_first(map); v.doc; v = mola_json_next(map, v)) {
        mola_str key;
        if (!mola_json_key(v, &r->arena, &key))
            return false;
        mola_buf_add_char(out, ',');
        mola_print_string(out, key);
        mola_buf_add_char(out, ':');
        mola_buf_add_str(out, mola_json_raw(v));
    }
    return true;
}

/* ------------------------------------------------------------------ writes */
static bool has_null(mola_json list)
{
    for (mola_json v = mola_json_first(list); v.doc; v = mola_json_next(list, v)) {
        if (!mola_json_is_set(v))
            return true;
    }
    return false;
}

/* {"ids", "vectors", "attributes"} as upsert_columns. */
static mola_err write_columns(request *r, mola_buf *out)
{
    mola_json vectors = member(r->body, "vectors");
    mola_buf_add_str(out, MOLA_STR("\"upsert_columns\":{\"id\":"));
    mola_buf_add_str(out, mola_json_raw(member(r->body, "ids")));
    if (vectors.doc) {
        mola_buf_add_str(out, MOLA_STR(",\"vector\":"));
        mola_buf_add_str(out, mola_json_raw(vectors));
    }
    if (!add_members(r, out, member(r->body, "attributes")))
        return no_memory(r);
    mola_buf_add_str(out, MOLA_STR("}}"));
    return MOLA_OK;
}

/* One list beside the ids, at the row that is at hand. */
typedef struct {
    mola_str name;
    mola_json list, at;
} lane;

static mola_err make_lanes(request *r, lane **lanes, uint32_t *count)
{
    mola_json attributes = member(r->body, "attributes");
    *count = mola_json_kind_of(attributes) == MOLA_JSON_OBJECT ? mola_json_count(attributes) : 0;
    *lanes = mola_new(&r->arena, lane, *count);
    if (!*lanes)
        return no_memory(r);
    uint32_t i = 0;
    for (mola_json v = mola_json_first(attributes); *count && v.doc;
         v = mola_json_next(attributes, v), i++) {
        lane *l = &(*lanes)[i];
        if (!mola_json_key(v, &r->arena, &l->name))
            return no_memory(r);
        l->list = v;
        if (mola_json_kind_of(v) == MOLA_JSON_ARRAY)
            l->at = mola_json_first(v);
    }
    *count = i;
    return MOLA_OK;
}

static void add_row(mola_buf *out, mola_json id, mola_json vector, const lane *lanes,
                    uint32_t count)
{
    mola_buf_add_str(out, out->len ? MOLA_STR(",{\"id\":") : MOLA_STR("{\"id\":"));
    mola_buf_add_str(out, mola_json_raw(id));
    mola_buf_add_str(out, MOLA_STR(",\"vector\":"));
    mola_buf_add_str(out, mola_json_raw(vector));
    for (uint32_t i = 0; i < count; i++) {
        if (!mola_json_is_set(lanes[i].at))
            continue;
        mola_buf_add_char(out, ',');
        mola_print_string(out, lanes[i].name);
        mola_buf_add_char(out, ':');
        mola_buf_add_str(out, mola_json_raw(lanes[i].at));
    }
    mola_buf_add_char(out, '}');
}

/* A vector that is null deletes its document: the others as upsert_rows. */
static mola_err write_rows(request *r, mola_buf *out)
{
    lane *lanes;
    uint32_t count;
    mola_json ids = member(r->body, "ids"), vectors = member(r->body, "vectors");
    mola_err err = make_lanes(r, &lanes, &count);
    if (err)
        return err;
    mola_buf rows, deletes;
    mola_buf_init(&rows, &r->memory.heap);
    mola_buf_init(&deletes, &r->memory.heap);
    mola_json vector = mola_json_first(vectors);
    for (mola_json id = mola_json_first(ids); id.doc; id = mola_json_next(ids, id)) {
        if (!mola_json_is_set(vector)) {
            mola_buf_add_str(&deletes, deletes.len ? MOLA_STR(",") : MOLA_STR(""));
            mola_buf_add_str(&deletes, mola_json_raw(id));
        } else {
            add_row(&rows, id, vector, lanes, count);
        }
        if (vector.doc)
            vector = mola_json_next(vectors, vector);
        for (uint32_t i = 0; i < count; i++) {
            if (lanes[i].at.doc)
                lanes[i].at = mola_json_next(lanes[i].list, lanes[i].at);
        }
    }
    if (rows.len)
        mola_buf_print(out, "\"upsert_rows\":[");
    mola_buf_add_str(out, mola_buf_str(&rows));
    if (rows.len)
        mola_buf_add_str(out, MOLA_STR("],"));
    mola_buf_add_str(out, MOLA_STR("\"deletes\":["));
    mola_buf_add_str(out, mola_buf_str(&deletes));
    mola_buf_add_str(out, MOLA_STR("]}"));
    out->failed |= rows.failed || deletes.failed;
    mola_buf_free(&rows);
    mola_buf_free(&deletes);
    return MOLA_OK;
}

/* {"upserts": [{"id", "vector", "attributes"}, ...]} */
static mola_err write_upserts(request *r, mola_buf *out, mola_json upserts)
{
    mola_buf deletes;
    mola_buf_init(&deletes, &r->memory.heap);
    mola_buf_add_str(out, MOLA_STR("\"upsert_rows\":["));
    bool any = false, good = true;
    for (mola_json row = mola_json_first(upserts); row.doc && good;
         row = mola_json_next(upserts, row)) {
        mola_json id = mola_json_get(row, MOLA_STR("id"));
        mola_json vector = mola_json_get(row, MOLA_STR("vector"));
        if (id.doc && vector.doc && !mola_json_is_set(vector)) {
            mola_buf_add_str(&deletes, deletes.len ? MOLA_STR(",") : MOLA_STR(""));
            mola_buf_add_str(&deletes, mola_json_raw(id));
            continue;
        }
        mola_buf_add_str(out, any ? MOLA_STR(",{") : MOLA_STR("{"));
        any = true;
        if (id.doc) { /* else the row is refused as it stands */
            mola_buf_add_str(out, MOLA_STR("\"id\":"));
            mola_buf_add_str(out, mola_json_raw(id));
            if (vector.doc) {
                mola_buf_add_str(out, MOLA_STR(",\"vector\":"));
                mola_buf_add_str(out, mola_json_raw(vector));
            }
            good = add_members(r, out, member(row, "attributes"));
        }
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
    if (deletes.len) {
        mola_buf_add_str(out, MOLA_STR(",\"deletes\":["));
        mola_buf_add_str(out, mola_buf_str(&deletes));
        mola_buf_add_char(out, ']');
    }
    mola_buf_add_char(out, '}');
    out->failed |= deletes.failed;
    mola_buf_free(&deletes);
    return good ? MOLA_OK : no_memory(r);
}

static mola_err translate_write(request *r, mola_buf *out)
{
    mola_json ids = member(r->body, "ids"), vectors = member(r->body, "vectors");
    mola_json attributes = member(r->body, "attributes"), upserts = member(r->body, "upserts");
    mola_buf_add_char(out, '{');
    carry(out, r->body, "distance_metric");
    carry(out, r->body, "schema");
    carry(out, r->body, "encryption");
    if (upserts.doc && mola_json_kind_of(upserts) != MOLA_JSON_ARRAY)
        return mola_fail_type(&r->why, "upserts", upserts, "a sequence");
    if (upserts.doc)
        return write_upserts(r, out, upserts);
    if (mola_json_kind_of(ids) != MOLA_JSON_ARRAY)
        return mola_fail_type(&r->why, "ids", ids, "a sequence");
    if (vectors.doc && mola_json_kind_of(vectors) != MOLA_JSON_ARRAY)
        return mola_fail_type(&r->why, "vectors", vectors, "a sequence");
    if (attributes.doc && mola_json_kind_of(attributes) != MOLA_JSON_OBJECT)
        return mola_fail_type(&r->why, "attributes", attributes, "a map");
    return vectors.doc && has_null(vectors) ? write_rows(r, out) : write_columns(r, out);
}

mola_err mola_legacy_write(request *r)
{
    bool old = r->match.version == 1 && mola_json_kind_of(r->body) == MOLA_JSON_OBJECT &&
               (member(r->body, "ids").doc || member(r->body, "upserts").doc) &&
               !member(r->body, "upsert_rows").doc && !member(r->body, "upsert_columns").doc;
    if (!old)
        return MOLA_OK;
    mola_buf text;
    mola_buf_init(&text, &r->memory.heap);
    mola_err err = translate_write(r, &text);
    if (err) {
        mola_buf_free(&text);
        return err;
    }
    return use_text(r, &text);
}

/* ------------------------------------------------------------------ queries */
/* What is to be shown: attributes asked for by name, and the vector where it is wanted. */
static void add_included(mola_buf *out, mola_json body)
{
    mola_json include = member(body, "include_attributes"),
              vector = member(body, "include_vectors");
    bool wants_vector = vector.doc && mola_json_bool(vector);
    bool is_list = mola_json_kind_of(include) == MOLA_JSON_ARRAY;
    if (include.doc && !is_list) {
        carry(out, body, "include_attributes");
        return;
    }
    mola_buf_add_str(out, MOLA_STR("\"include_attributes\":["));
    bool any = wants_vector;
    if (wants_vector)
        mola_buf_add_str(out, MOLA_STR("\"vector\""));
    for (mola_json v = is_list ? mola_json_first(include) : (mola_json){0}; v.doc;
         v = mola_json_next(include, v)) {
        if (wants_vector && mola_json_string_is(v, MOLA_STR("vector")))
            continue;
        mola_buf_add_str(out, any ? MOLA_STR(",") : MOLA_STR(""));
        mola_buf_add_str(out, mola_json_raw(v));
        any = true;
    }
    mola_buf_add_str(out, MOLA_STR("],"));
}

mola_err mola_legacy_query(request *r)
{
    mola_json vector = member(r->body, "vector"), with = member(r->body, "include_vectors");
    bool old = r->match.version == 1 && mola_json_kind_of(r->body) == MOLA_JSON_OBJECT &&
               (r->match.is_vectors || vector.doc || with.doc);
    if (!old)
        return MOLA_OK;
    if (with.doc && mola_json_kind_of(with) != MOLA_JSON_BOOL)
        return mola_fail_type(&r->why, "include_vectors", with, "a boolean");
    r->legacy = LEGACY_ROWS;
    r->shows_vectors = with.doc && mola_json_bool(with);
    mola_buf text;
    mola_buf_init(&text, &r->memory.heap);
    mola_buf_add_char(&text, '{');
    carry(&text, r->body, "filters");
    carry(&text, r->body, "distance_metric");
    carry(&text, r->body, "consistency");
    add_included(&text, r->body);
    if (member(r->body, "top_k").doc) {
        carry(&text, r->body, "top_k");
    } else {
        uint32_t most = rows_max(r);
        mola_buf_print(&text, "\"top_k\":%u,", most < TOP_K_DEFAULT ? most : TOP_K_DEFAULT);
    }
    mola_json rank_by = member(r->body, "rank_by");
    mola_buf_add_str(&text, MOLA_STR("\"rank_by\":"));
    if (rank_by.doc) {
        mola_buf_add_str(&text, mola_json_raw(rank_by));
    } else if (vector.doc) {
        mola_buf_add_str(&text, MOLA_STR("[\"vector\",\"ANN\","));
        mola_buf_add_str(&text, mola_json_raw(vector));
        mola_buf_add_char(&text, ']');
    } else {
        mola_buf_add_str(&text, MOLA_STR("[\"id\",\"asc\"]"));
    }
    mola_buf_add_char(&text, '}');
    return use_text(r, &text);
}

/* ------------------------------------------------------------------ the export */
/* A cursor is base64 of the JSON of the last id. */
static mola_err read_cursor(request *r, mola_str *last)
{
    mola_str text;
    bool found;
    *last = (mola_str){0};
    if (!mola_query_parameter(r->call->head->query, MOLA_STR("cursor"), &r->arena, &text, &found))
        return no_memory(r);
    if (!found || (text.data && !text.len))
        return MOLA_OK;
    size_t size;
    char *id = NULL;
    if (text.len && mola_base64_decoded_size(text, &size) && size) {
        if (!(id = mola_new(&r->arena, char, size + MOLA_JSON_PADDING)))
            return no_memory(r);
        if (!mola_base64_decode(text, id))
            id = NULL;
    }
    mola_json_doc doc;
    if (!id || mola_json_parse(&r->memory.heap, (mola_str){id, size}, &doc, NULL))
        return mola_fail(&r->why, MOLA_INVALID, "invalid cursor");
    mola_json_kind kind = mola_json_kind_of(mola_json_root(&doc));
    mola_json_free(&doc);
    if (kind != MOLA_JSON_NUMBER && kind != MOLA_JSON_STRING)
        return mola_fail(&r->why, MOLA_INVALID, "invalid cursor");
    *last = (mola_str){id, size};
    return MOLA_OK;
}

handled mola_handle_export(request *r)
{
    if (mola_str_eq(r->call->head->method, MOLA_STR("HEAD")))
        return mola_handle_counts(r);
    mola_str last;
    mola_buf text;
    mola_buf_init(&text, &r->memory.heap);
    mola_err err = read_cursor(r, &last);
    if (!err) {
        mola_buf_print(&text,
                       "{\"rank_by\":[\"id\",\"asc\"],\"limit\":%u,\"include_attributes\":true",
                       rows_max(r));
        if (last.len)
            mola_buf_print(&text, ",\"filters\":[\"id\",\"Gt\",%.*s]", MOLA_ARG(last));
        mola_buf_add_char(&text, '}');
        err = use_text(r, &text);
    }
    if (err)
        return finish(r, err, 0, NULL, NULL);
    r->legacy = LEGACY_EXPORT;
    return mola_handle_query(r);
}

/* ------------------------------------------------------------------ answers */
static bool is_vector(mola_str key)
{
    return mola_str_eq(key, MOLA_STR("vector"));
}

/* {"id", "dist", "attributes", "vector"} of one row. false: no memory. */
static bool print_row(request *r, mola_buf *out, mola_json row)
{
    mola_json dist = mola_json_get(row, MOLA_STR("$dist"));
    mola_json vector = mola_json_get(row, MOLA_STR("vector"));
    mola_buf_add_str(out, MOLA_STR("{\"id\":"));
    mola_buf_add_str(out, mola_json_raw(mola_json_get(row, MOLA_STR("id"))));
    if (dist.doc) {
        mola_buf_add_str(out, MOLA_STR(",\"dist\":"));
        mola_buf_add_str(out, mola_json_raw(dist));
    }
    if (vector.doc && r->shows_vectors) {
        mola_buf_add_str(out, MOLA_STR(",\"vector\":"));
        mola_buf_add_str(out, mola_json_raw(vector));
    }
    mola_buf_add_str(out, MOLA_STR(",\"attributes\":{"));
    bool any = false;
    for (mola_json v = mola_json_first(row); v.doc; v = mola_json_next(row, v)) {
        mola_str key;
        if (!mola_json_key(v, &r->arena, &key))
            return false;
        if (mola_str_eq(key, MOLA_STR("id")) || mola_str_eq(key, MOLA_STR("$dist")) ||
            (is_vector(key) && r->shows_vectors))
            continue;
        mola_buf_add_str(out, any ? MOLA_STR(",") : MOLA_STR(""));
        mola_print_string(out, key);
        mola_buf_add_char(out, ':');
        mola_buf_add_str(out, mola_json_raw(v));
        any = true;
    }
    mola_buf_add_str(out, MOLA_STR("}}"));
    return true;
}

static bool print_rows(request *r, mola_buf *out, mola_json rows)
{
    bool good = true;
    mola_buf_add_char(out, '[');
    bool any = false;
    for (mola_json row = mola_json_first(rows); row.doc && good; row = mola_json_next(rows, row)) {
        mola_buf_add_str(out, any ? MOLA_STR(",") : MOLA_STR(""));
        any = true;
        good = print_row(r, out, row);
    }
    mola_buf_add_char(out, ']');
    return good;
}

/* The values of one attribute side by side; null where a row has none. */
static void print_column(mola_buf *out, mola_json rows, mola_str key)
{
    mola_buf_add_char(out, '[');
    bool any = false;
    for (mola_json row = mola_json_first(rows); row.doc; row = mola_json_next(rows, row)) {
        mola_json value = mola_json_get(row, key);
        mola_buf_add_str(out, any ? MOLA_STR(",") : MOLA_STR(""));
        mola_buf_add_str(out, value.doc ? mola_json_raw(value) : MOLA_STR("null"));
        any = true;
    }
    mola_buf_add_char(out, ']');
}

static void print_export(const request *r, mola_buf *out, mola_json rows, const mola_state *state)
{
    mola_buf_add_str(out, MOLA_STR("{\"ids\":"));
    print_column(out, rows, MOLA_STR("id"));
    mola_buf_add_str(out, MOLA_STR(",\"vectors\":"));
    print_column(out, rows, MOLA_STR("vector"));
    mola_buf_add_str(out, MOLA_STR(",\"attributes\":{"));
    bool any = false;
    for (uint32_t i = 0; i < state->attr_count; i++) {
        if (is_vector(state->attrs[i].name))
            continue;
        mola_buf_add_str(out, any ? MOLA_STR(",") : MOLA_STR(""));
        mola_print_string(out, state->attrs[i].name);
        mola_buf_add_char(out, ':');
        print_column(out, rows, state->attrs[i].name);
        any = true;
    }
    mola_json last = {0};
    uint32_t count = 0;
    for (mola_json row = mola_json_first(rows); row.doc; row = mola_json_next(rows, row), count++)
        last = row;
    mola_buf_add_str(out, MOLA_STR("},\"next_cursor\":"));
    if (count == rows_max(r)) {
        mola_str id = mola_json_raw(mola_json_get(last, MOLA_STR("id")));
        mola_buf_add_char(out, '"');
        mola_base64_print(out, id.data, id.len);
        mola_buf_add_str(out, MOLA_STR("\"}"));
    } else {
        mola_buf_add_str(out, MOLA_STR("null}"));
    }
}

mola_err mola_legacy_print(request *r, const mola_view *view, mola_buf *members, mola_buf *out)
{
    mola_buf text;
    mola_buf_init(&text, &r->memory.heap);
    mola_buf_add_char(&text, '{');
    mola_buf_add_str(&text, mola_buf_str(members));
    mola_buf_add_char(&text, '}');
    size_t len = text.len;
    mola_buf_add_zeros(&text, MOLA_JSON_PADDING);
    mola_json_doc doc;
    mola_err err =
        text.failed ? no_memory(r)
                    : mola_json_parse(&r->memory.heap, (mola_str){text.data, len}, &doc, &r->why);
    if (!err) {
        mola_json rows = mola_json_get(mola_json_root(&doc), MOLA_STR("rows"));
        if (r->legacy == LEGACY_EXPORT) {
            print_export(r, out, rows, view->state);
        } else if (!print_rows(r, out, rows)) {
            err = no_memory(r);
        }
        mola_json_free(&doc);
    }
    mola_buf_free(&text);
    return err;
}
