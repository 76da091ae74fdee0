/* request.c - what a well-shaped body asks for, before any namespace is looked at. */
#include "write/request.h"

static const char *const condition_names[MOLA_CONDITIONS] = {"upsert_condition", "patch_condition",
                                                             "delete_condition"};

const char *mola_condition_name(mola_condition which)
{
    return condition_names[which];
}

static bool flag(mola_json body, const char *name)
{
    mola_json value = mola_write_member(body, name);
    return value.doc && mola_json_bool(value);
}

mola_write_request mola_write_request_read(mola_write_kind kind, mola_json body)
{
    if (kind == MOLA_WRITE_SCHEMA)
        return (mola_write_request){.schema = body};
    MOLA_ASSERT(kind == MOLA_WRITE_ROWS);
    mola_json patching = mola_write_member(body, "patch_by_filter");
    mola_write_request r = {
        .upsert_rows = mola_write_member(body, "upsert_rows"),
        .upsert_columns = mola_write_member(body, "upsert_columns"),
        .patch_rows = mola_write_member(body, "patch_rows"),
        .patch_columns = mola_write_member(body, "patch_columns"),
        .deletes = mola_write_member(body, "deletes"),
        .schema = mola_write_member(body, "schema"),
        .distance_metric = mola_write_member(body, "distance_metric"),
        .sharding = mola_write_member(body, "sharding"),
        .encryption = mola_write_member(body, "encryption"),
        .create_namespace = mola_write_member(body, "create_namespace"),
        .delete_by_filter = mola_write_member(body, "delete_by_filter"),
        .patch_by_filter = mola_write_member(patching, "filters"),
        .patch = mola_write_member(patching, "patch"),
        .delete_by_filter_partial = flag(body, "delete_by_filter_allow_partial"),
        .patch_by_filter_partial = flag(body, "patch_by_filter_allow_partial"),
        .return_affected_ids = flag(body, "return_affected_ids"),
        .disable_backpressure = flag(body, "disable_backpressure"),
    };
    for (uint32_t i = 0; i < MOLA_CONDITIONS; i++)
        r.conditions[i] = mola_write_member(body, condition_names[i]);
    return r;
}

bool mola_write_request_creates(const mola_write_request *request)
{
    if (mola_json_first(request->upsert_rows).doc)
        return true;
    /* Columns without ids are an error of their own, which must not turn into a 404. */
    if (!mola_json_first(request->upsert_columns).doc)
        return false;
    mola_json ids = mola_json_get(request->upsert_columns, MOLA_STR("id"));
    return !ids.doc || mola_json_first(ids).doc;
}

bool mola_write_request_has_rows(const mola_write_request *request)
{
    return request->upsert_rows.doc || request->upsert_columns.doc || request->patch_rows.doc ||
           request->patch_columns.doc || request->deletes.doc || request->delete_by_filter.doc ||
           request->patch_by_filter.doc;
}

bool mola_write_request_has_filters(const mola_write_request *request)
{
    bool any = request->delete_by_filter.doc || request->patch_by_filter.doc;
    for (uint32_t i = 0; i < MOLA_CONDITIONS; i++)
        any |= request->conditions[i].doc != NULL;
    return any;
}

bool mola_write_request_is_pressing(const mola_write_request *request)
{
    return request->disable_backpressure && !request->patch_rows.doc &&
           !request->patch_columns.doc && !mola_write_request_has_filters(request);
}

static mola_err check_conditions(mola_json body, mola_why *why)
{
    static const struct {
        const char *operations[2], *words;
    } wanted[MOLA_CONDITIONS] = {
        {{"upsert_rows", "upsert_columns"}, "upsert_rows, upsert_columns"},
        {{"patch_rows", "patch_columns"}, "patch_rows, patch_columns"},
        {{"deletes", "deletes"}, "deletes"},
    };
    for (uint32_t i = 0; i < MOLA_CONDITIONS; i++) {
        if (mola_write_member(body, condition_names[i]).doc &&
            !mola_write_member(body, wanted[i].operations[0]).doc &&
            !mola_write_member(body, wanted[i].operations[1]).doc) {
            return mola_fail(why, MOLA_INVALID, "%s requires one of %s", condition_names[i],
                             wanted[i].words);
        }
    }
    return MOLA_OK;
}

static mola_err check_operations(mola_json body, mola_why *why)
{
    static const char *const operations[] = {
        "upsert_rows", "upsert_columns",   "patch_rows",      "patch_columns",   "deletes",
        "schema",      "create_namespace", "patch_by_filter", "delete_by_filter"};
    bool any = false;
    for (size_t i = 0; !any && i < sizeof operations / sizeof *operations; i++)
        any = mola_write_member(body, operations[i]).doc != NULL;
    if (!any)
        return mola_fail(why, MOLA_INVALID, "the write request contains no operation");
    mola_err err = check_conditions(body, why);
    static const char *const filtered[] = {"patch_by_filter", "delete_by_filter"};
    static const char *const partial[] = {"patch_by_filter_allow_partial",
                                          "delete_by_filter_allow_partial"};
    for (size_t i = 0; i < 2 && !err; i++) {
        if (mola_write_member(body, partial[i]).doc && !mola_write_member(body, filtered[i]).doc)
            err = mola_fail(why, MOLA_INVALID, "%s requires %s", partial[i], filtered[i]);
    }
    return err;
}

static mola_err check_context(mola_json context, mola_arena *arena, mola_why *why)
{
    if (!context.doc)
        return MOLA_OK;
    bool ok = mola_json_kind_of(context) == MOLA_JSON_OBJECT;
    for (mola_json v = ok ? mola_json_first(context) : (mola_json){0}; ok && v.doc;
         v = mola_json_next(context, v))
        ok = mola_json_kind_of(v) == MOLA_JSON_STRING;
    if (!ok)
        return mola_fail_shape(why, "encryption.encryption_context", "expected a map of strings");
    for (mola_json v = mola_json_first(context); v.doc; v = mola_json_next(context, v)) {
        mola_str key;
        if (!mola_json_key(v, arena, &key))
            return MOLA_NO_MEMORY;
        if (mola_str_starts(key, MOLA_STR("tpuf:")) || mola_str_starts(key, MOLA_STR("aws:"))) {
            return mola_fail(why, MOLA_INVALID,
                             "encryption_context keys may not start with `tpuf:` or `aws:`");
        }
    }
    return MOLA_OK;
}

/* Reference 7.8: a server without a key service accepts the default alone. */
mola_err mola_write_check_encryption(mola_json encryption, mola_arena *arena, mola_why *why)
{
    if (!encryption.doc)
        return MOLA_OK;
    mola_err err = check_context(mola_write_member(encryption, "encryption_context"), arena, why);
    if (err)
        return err;
    mola_json mode = mola_write_member(encryption, "mode");
    mola_json old_form = mola_json_get(encryption, MOLA_STR("cmek"));
    if (old_form.doc || mola_json_string_is(mode, MOLA_STR("customer-managed"))) {
        mola_json key = mola_write_member(encryption, "key_name");
        if (!key.doc)
            key = mola_write_member(old_form, "key_name");
        mola_str text = key.doc ? mola_json_raw(key) : MOLA_STR("None");
        if (mola_json_kind_of(key) == MOLA_JSON_STRING && !mola_json_string(key, arena, &text))
            return MOLA_NO_MEMORY;
        return mola_fail(why, MOLA_INVALID, "Malformed Cloud KMS crypto key: " MOLA_FMT,
                         MOLA_ARG(text));
    }
    if (!mode.doc || mola_json_string_is(mode, MOLA_STR("default")))
        return MOLA_OK;
    mola_str text = mola_json_raw(mode);
    if (mola_json_kind_of(mode) == MOLA_JSON_STRING && !mola_json_string(mode, arena, &text))
        return MOLA_NO_MEMORY;
    return mola_fail_shape(
        why, "encryption",
        "unknown variant `" MOLA_FMT "`, expected `default` or `customer-managed`", MOLA_ARG(text));
}

mola_err mola_write_check_meaning(mola_json body, mola_arena *arena, mola_why *why)
{
    mola_err err = check_operations(body, why);
    mola_json encryption = mola_write_member(body, "encryption");
    return err ? err : mola_write_check_encryption(encryption, arena, why);
}
