/* shape.c - is a body of the right form? The texts are those of the reference (7.1, 14), in the
 * order in which the live service looks. */
#include "mola/scan/filter.h"
#include "write/request.h"
#include <stdio.h>

enum { PATH_BYTES = 224 };

mola_json mola_write_member(mola_json object, const char *name)
{
    mola_json value = mola_json_get(object, mola_str_of(name));
    return mola_json_is_set(value) ? value : (mola_json){0};
}

static bool is_kind(mola_json value, mola_json_kind kind)
{
    return mola_json_kind_of(value) == kind;
}

/* `upsert_rows` and `patch_rows`: a list of objects, each with an id. */
static mola_err check_rows(mola_json body, const char *name, mola_why *why)
{
    mola_json rows = mola_write_member(body, name);
    if (!rows.doc)
        return MOLA_OK;
    if (!is_kind(rows, MOLA_JSON_ARRAY))
        return mola_fail_type(why, name, rows, "a sequence");
    char path[PATH_BYTES];
    size_t i = 0;
    for (mola_json row = mola_json_first(rows); row.doc; row = mola_json_next(rows, row), i++) {
        if (!is_kind(row, MOLA_JSON_OBJECT)) {
            (void)snprintf(path, sizeof path, "%s[%zu]", name, i);
            return mola_fail_type(why, path, row, "a map");
        }
        mola_json id = mola_json_get(row, MOLA_STR("id"));
        if (!id.doc) {
            (void)snprintf(path, sizeof path, "%s[%zu]", name, i);
            return mola_fail_shape(why, path, "missing field `id`");
        }
        if (!mola_id_shape_ok(id)) {
            (void)snprintf(path, sizeof path, "%s[%zu].id", name, i);
            return mola_fail_shape(why, path, "data did not match any variant of untagged enum Id");
        }
    }
    return MOLA_OK;
}

/* A list of ids, all numbers or all strings. */
static mola_err check_ids(mola_json ids, const char *path, mola_why *why)
{
    bool same = is_kind(ids, MOLA_JSON_ARRAY);
    mola_json first = same ? mola_json_first(ids) : (mola_json){0};
    for (mola_json id = first; same && id.doc; id = mola_json_next(ids, id))
        same = mola_id_shape_ok(id) && mola_json_kind_of(id) == mola_json_kind_of(first);
    if (same)
        return MOLA_OK;
    return mola_fail_shape(why, path, "data did not match any variant of untagged enum IdVec");
}

/* `upsert_columns` and `patch_columns`: a map of lists; `vector` may be one base64 text. */
static mola_err check_columns(mola_json body, const char *name, mola_arena *arena, mola_why *why)
{
    mola_json columns = mola_write_member(body, name);
    if (!columns.doc)
        return MOLA_OK;
    if (!is_kind(columns, MOLA_JSON_OBJECT))
        return mola_fail_type(why, name, columns, "a map");
    char path[PATH_BYTES];
    mola_json ids = mola_json_get(columns, MOLA_STR("id"));
    if (ids.doc) {
        (void)snprintf(path, sizeof path, "%s.id", name);
        mola_err err = check_ids(ids, path, why);
        if (err)
            return err;
    }
    for (mola_json column = mola_json_first(columns); column.doc;
         column = mola_json_next(columns, column)) {
        if (is_kind(column, MOLA_JSON_ARRAY))
            continue;
        mola_str key;
        if (!mola_json_key(column, arena, &key))
            return MOLA_NO_MEMORY;
        if (is_kind(column, MOLA_JSON_STRING) && mola_str_eq(key, MOLA_STR("vector")))
            continue;
        (void)snprintf(path, sizeof path, "%s." MOLA_FMT, name, MOLA_ARG(key));
        return mola_fail_type(why, path, column, "a sequence");
    }
    return MOLA_OK;
}

static mola_err check_flags(mola_json body, mola_why *why)
{
    static const char *const flags[] = {"patch_by_filter_allow_partial",
                                        "delete_by_filter_allow_partial", "return_affected_ids",
                                        "disable_backpressure", "create_namespace"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        mola_json flag = mola_write_member(body, flags[i]);
        if (flag.doc && !is_kind(flag, MOLA_JSON_BOOL))
            return mola_fail_type(why, flags[i], flag, "a boolean");
    }
    return MOLA_OK;
}

static mola_err check_filter(mola_json filter, const char *path, mola_arena *arena, mola_why *why)
{
    const mola_filter_tree *tree;
    mola_ctx ctx = {.arena = arena, .why = why};
    return mola_filter_parse(&ctx, filter, path, &tree);
}

/* Conditions, and operations by filter. A `filters` that is null is there, and not a filter. */
static mola_err check_filters(mola_json body, mola_arena *arena, mola_why *why)
{
    mola_err err = MOLA_OK;
    for (mola_condition i = 0; i < MOLA_CONDITIONS && !err; i++) {
        mola_json condition = mola_write_member(body, mola_condition_name(i));
        if (condition.doc)
            err = check_filter(condition, mola_condition_name(i), arena, why);
    }
    mola_json deleting = mola_write_member(body, "delete_by_filter");
    if (!err && deleting.doc)
        err = check_filter(deleting, "delete_by_filter", arena, why);
    mola_json patching = mola_write_member(body, "patch_by_filter");
    if (err || !patching.doc)
        return err;
    bool is_map = is_kind(patching, MOLA_JSON_OBJECT);
    mola_json filters = is_map ? mola_json_get(patching, MOLA_STR("filters")) : (mola_json){0};
    if (!filters.doc || !is_kind(mola_write_member(patching, "patch"), MOLA_JSON_OBJECT)) {
        return mola_fail_shape(why, "patch_by_filter",
                               "expected an object with `filters` and `patch`");
    }
    return check_filter(filters, "patch_by_filter.filters", arena, why);
}

static mola_err check_metric(mola_json body, mola_why *why)
{
    mola_metric_kind metric;
    mola_json given = mola_write_member(body, "distance_metric");
    return given.doc ? mola_metric_from_json(given, "distance_metric", &metric, why) : MOLA_OK;
}

static mola_err check_settings_of_write(mola_json body, mola_arena *arena, mola_why *why)
{
    mola_json schema = mola_write_member(body, "schema");
    if (schema.doc && !is_kind(schema, MOLA_JSON_OBJECT))
        return mola_fail_type(why, "schema", schema, "a map");
    if (schema.doc) {
        mola_err err = mola_schema_check_shape(schema, "", arena, why);
        if (err)
            return err;
    }
    mola_json sharding = mola_write_member(body, "sharding");
    if (sharding.doc && !mola_json_is_integer(mola_json_get(sharding, MOLA_STR("num_shards"))))
        return mola_fail_shape(why, "sharding", "missing field `num_shards`");
    mola_json encryption = mola_write_member(body, "encryption");
    if (encryption.doc && !is_kind(encryption, MOLA_JSON_OBJECT))
        return mola_fail_type(why, "encryption", encryption, "struct Encryption");
    return MOLA_OK;
}

static mola_err check_sources(mola_json body, mola_why *why)
{
    static const char *const members[] = {"copy_from_namespace", "branch_from_namespace"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        mola_json source = mola_write_member(body, members[i]);
        if (!source.doc || is_kind(source, MOLA_JSON_STRING))
            continue;
        if (!is_kind(mola_json_get(source, MOLA_STR("source_namespace")), MOLA_JSON_STRING)) {
            return mola_fail_shape(why, members[i],
                                   "data did not match any variant of untagged enum SourceInput");
        }
    }
    return MOLA_OK;
}

static mola_err check_write(mola_json body, mola_arena *arena, mola_why *why)
{
    if (!is_kind(body, MOLA_JSON_OBJECT))
        return mola_fail_type(why, "", body, "struct WriteRequest");
    mola_err err = check_rows(body, "upsert_rows", why);
    if (!err)
        err = check_rows(body, "patch_rows", why);
    if (!err)
        err = check_columns(body, "upsert_columns", arena, why);
    if (!err)
        err = check_columns(body, "patch_columns", arena, why);
    mola_json deletes = mola_write_member(body, "deletes");
    if (!err && deletes.doc)
        err = check_ids(deletes, "deletes", why);
    if (!err)
        err = check_flags(body, why);
    if (!err)
        err = check_filters(body, arena, why);
    if (!err)
        err = check_metric(body, why);
    if (!err)
        err = check_settings_of_write(body, arena, why);
    if (!err)
        err = check_sources(body, why);
    return err;
}

/* PATCH metadata (reference 9.5): null means "as it is" for read_only and "unpin" for pinning. */
static mola_err check_settings(mola_json body, mola_why *why)
{
    if (!is_kind(body, MOLA_JSON_OBJECT))
        return mola_fail_type(why, "", body, "a map");
    mola_json read_only = mola_write_member(body, "read_only");
    if (read_only.doc && !is_kind(read_only, MOLA_JSON_BOOL))
        return mola_fail_type(why, "read_only", read_only, "a boolean");
    mola_json pinning = mola_write_member(body, "pinning");
    if (pinning.doc && !is_kind(pinning, MOLA_JSON_BOOL) && !is_kind(pinning, MOLA_JSON_OBJECT))
        return mola_fail_type(why, "pinning", pinning, "a boolean or a map");
    return MOLA_OK;
}

mola_err mola_write_check_shape(mola_write_kind kind, mola_json body, mola_arena *arena,
                                mola_why *why)
{
    switch (kind) {
    case MOLA_WRITE_ROWS:
        return check_write(body, arena, why);
    case MOLA_WRITE_SCHEMA:
        if (!is_kind(body, MOLA_JSON_OBJECT))
            return mola_fail_type(why, "", body, "a map");
        return mola_schema_check_shape(body, "", arena, why);
    case MOLA_WRITE_SETTINGS:
        return check_settings(body, why);
    case MOLA_WRITE_DELETE:
    case MOLA_WRITE_DELETE_EMPTY:
        break;
    }
    return MOLA_OK;
}
