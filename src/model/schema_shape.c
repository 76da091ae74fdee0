/* schema_shape.c - what a definition must look like, whatever the namespace (reference 5.1). */
#include "model/fts.h"
#include "model/schema_embed.h"
#include "mola/model/schema.h"
#include <stdio.h>

enum { PATH_BYTES = 512 };

static const char *const metrics[] = {
    [MOLA_METRIC_NONE] = "none",
    [MOLA_METRIC_COSINE] = "cosine_distance",
    [MOLA_METRIC_EUCLIDEAN] = "euclidean_squared",
    [MOLA_METRIC_DOT] = "dot_product",
};

const char *mola_metric_name(mola_metric_kind metric)
{
    return metric <= MOLA_METRIC_DOT ? metrics[metric] : metrics[MOLA_METRIC_NONE];
}

mola_metric_kind mola_metric_parse(mola_str text)
{
    for (int i = MOLA_METRIC_COSINE; i <= MOLA_METRIC_DOT; i++) {
        if (mola_str_eq(text, mola_str_of(metrics[i])))
            return (mola_metric_kind)i;
    }
    return MOLA_METRIC_NONE;
}

mola_err mola_metric_from_json(mola_json json, const char *path, mola_metric_kind *out,
                               mola_why *why)
{
    for (int i = MOLA_METRIC_COSINE; i <= MOLA_METRIC_DOT; i++) {
        if (mola_json_string_is(json, mola_str_of(metrics[i]))) {
            *out = (mola_metric_kind)i;
            return MOLA_OK;
        }
    }
    /* the documented ones only: dot_product is an extension of ours */
    return mola_fail_variant(why, path, json, &metrics[MOLA_METRIC_COSINE], 2);
}

static mola_err no_variant(mola_str name, const char *input, mola_why *why)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, MOLA_FMT, MOLA_ARG(name));
    return mola_fail_shape(why, path, "data did not match any variant of untagged enum %s", input);
}

static mola_err check_bool(mola_json definition, mola_str name, const char *key, mola_why *why)
{
    mola_json v = mola_json_get(definition, mola_str_of(key));
    if (!mola_json_is_set(v) || mola_json_kind_of(v) == MOLA_JSON_BOOL)
        return MOLA_OK;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, MOLA_FMT ".%s", MOLA_ARG(name), key);
    return mola_fail_type(why, path, v, "a boolean");
}

static mola_err check_drop(mola_json definition, mola_str name, mola_json drop, mola_why *why)
{
    mola_err err = check_bool(definition, name, "drop", why);
    if (err)
        return err;
    mola_json first = mola_json_first(definition);
    if (!mola_json_bool(drop) || mola_json_next(definition, first).doc) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT
                         "': drop must be true and cannot be combined with other options",
                         MOLA_ARG(name));
    }
    return MOLA_OK;
}

static mola_err check_ann(mola_json ann, mola_str name, mola_why *why)
{
    mola_json_kind kind = mola_json_kind_of(ann);
    if (!mola_json_is_set(ann) || kind == MOLA_JSON_BOOL)
        return MOLA_OK;
    if (kind != MOLA_JSON_OBJECT)
        return no_variant(name, "AnnInput", why);
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, MOLA_FMT, MOLA_ARG(name));
    mola_json metric = mola_json_get(ann, MOLA_STR("distance_metric"));
    mola_metric_kind parsed;
    if (mola_json_is_set(metric)) {
        mola_err err = mola_metric_from_json(metric, path, &parsed, why);
        if (err)
            return err;
    }
    return check_bool(ann, name, "late_interaction", why);
}

static mola_err check_sparse_knn(mola_json knn, mola_str name, mola_why *why)
{
    if (!mola_json_is_set(knn) ||
        mola_json_string_is(mola_json_get(knn, MOLA_STR("distance_metric")),
                            MOLA_STR("dot_product")))
        return MOLA_OK;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, MOLA_FMT ".sparse_knn", MOLA_ARG(name));
    return mola_fail_shape(why, path, "unknown variant, expected `dot_product`");
}

static mola_err check_definition(mola_json definition, mola_str name, mola_arena *arena,
                                 mola_why *why)
{
    if (mola_json_kind_of(definition) == MOLA_JSON_STRING)
        return MOLA_OK;
    if (mola_json_kind_of(definition) != MOLA_JSON_OBJECT)
        return no_variant(name, "AttributeSchemaInput", why);
    mola_json drop = mola_json_get(definition, MOLA_STR("drop"));
    if (mola_json_is_set(drop))
        return check_drop(definition, name, drop, why);
    if (mola_json_kind_of(mola_json_get(definition, MOLA_STR("type"))) != MOLA_JSON_STRING)
        return no_variant(name, "AttributeSchemaInput", why);
    static const char *const flags[] = {"filterable", "regex", "glob", "fuzzy"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        mola_err err = check_bool(definition, name, flags[i], why);
        if (err)
            return err;
    }
    mola_json fts = mola_json_get(definition, MOLA_STR("full_text_search"));
    mola_err err = mola_json_is_set(fts) ? mola_fts_check_shape(fts, name, arena, why) : MOLA_OK;
    if (!err)
        err = check_ann(mola_json_get(definition, MOLA_STR("ann")), name, why);
    if (!err)
        err = check_sparse_knn(mola_json_get(definition, MOLA_STR("sparse_knn")), name, why);
    if (!err)
        err = mola_embed_check_shape(mola_json_get(definition, MOLA_STR("embed")), name, why);
    return err;
}

mola_err mola_schema_check_shape(mola_json definitions, const char *path, mola_arena *arena,
                                 mola_why *why)
{
    if (mola_json_kind_of(definitions) != MOLA_JSON_OBJECT)
        return mola_fail_type(why, path, definitions, "a map");
    for (mola_json d = mola_json_first(definitions); d.doc; d = mola_json_next(definitions, d)) {
        mola_str name;
        if (!mola_json_key(d, arena, &name))
            return mola_fail(why, MOLA_NO_MEMORY, "out of memory for this request");
        mola_err err = check_definition(d, name, arena, why);
        if (err)
            return err;
    }
    return MOLA_OK;
}
