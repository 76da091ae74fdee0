/* schema_apply.c - definitions change a state (reference 5.3, 5.4, 5.7). */
#include "model/fts.h"
#include "model/schema_embed.h"
#include "model/state_edit.h"
#include "mola/model/schema.h"

mola_err mola_schema_check_name(mola_str name, mola_why *why)
{
    if (name.len == 0 || name.data[0] == '$' || name.len > MOLA_ATTR_NAME_BYTES_MAX) {
        return mola_fail(why, MOLA_INVALID, "invalid attribute name `" MOLA_FMT "`",
                         MOLA_ARG(name));
    }
    return MOLA_OK;
}

static mola_err no_memory(mola_why *why)
{
    return mola_fail(why, MOLA_NO_MEMORY, "out of memory for this request");
}

/* "which cannot be changed": the one error that names its attribute in a member of its own. */
static mola_err fail_change(mola_str name, const char *old, const char *new, mola_why *why)
{
    if (why && why->len == 0) {
        why->attribute_len =
            (uint32_t)(name.len < sizeof why->attribute ? name.len : sizeof why->attribute);
        memcpy(why->attribute, name.data, why->attribute_len);
    }
    return mola_fail(why, MOLA_INVALID,
                     "attribute '" MOLA_FMT "' has type %s, which cannot be changed to %s",
                     MOLA_ARG(name), old, new);
}

static mola_err declare_id(mola_state *state, mola_str text, mola_why *why)
{
    mola_elem elem = MOLA_ELEM_NONE;
    if (mola_str_eq(text, MOLA_STR("uint"))) {
        elem = MOLA_ELEM_UINT;
    } else if (mola_str_eq(text, MOLA_STR("uuid"))) {
        elem = MOLA_ELEM_UUID;
    } else if (mola_str_eq(text, MOLA_STR("string"))) {
        elem = MOLA_ELEM_STRING;
    } else {
        return mola_fail(why, MOLA_INVALID, "invalid type `" MOLA_FMT "` for the `id` attribute",
                         MOLA_ARG(text));
    }
    if (state->id_type != MOLA_ELEM_NONE && state->id_type != elem) {
        return fail_change(MOLA_STR("id"), mola_elem_name(state->id_type), mola_elem_name(elem),
                           why);
    }
    state->id_type = (uint8_t)elem;
    return MOLA_OK;
}

static mola_err drop(mola_state *state, mola_str name, mola_why *why)
{
    mola_err err = mola_schema_check_name(name, why);
    const mola_attr *attr = err ? NULL : mola_state_find(state, name);
    if (!attr)
        return err;
    if (mola_type_is_vector(attr->type)) {
        return mola_fail(why, MOLA_INVALID, "vector attribute '" MOLA_FMT "' cannot be dropped",
                         MOLA_ARG(name));
    }
    if (mola_state_embed_of(state, attr->id)) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "' is embedded and cannot be dropped; remove the "
                         "embedding first, with \"embed\": null",
                         MOLA_ARG(name));
    }
    mola_state_remove(state, attr->id);
    return MOLA_OK;
}

static mola_err fail_for_type(const mola_attr *a, const char *need, mola_why *why)
{
    char type[MOLA_TYPE_TEXT_BYTES];
    (void)mola_type_print(a->type, type);
    return mola_fail(why, MOLA_INVALID, "attribute '" MOLA_FMT "': %s, got %s", MOLA_ARG(a->name),
                     need, type);
}

/* A boolean option; `current` when it is not mentioned. */
static bool option(mola_json definition, const char *key, bool current)
{
    mola_json v = mola_json_get(definition, mola_str_of(key));
    return mola_json_is_set(v) ? mola_json_bool(v) : current;
}

static mola_err merge_patterns(mola_attr *a, mola_json definition, mola_why *why)
{
    struct {
        const char *key;
        bool *on;
        bool arrays;
    } flags[] = {{"regex", &a->regex, false}, {"glob", &a->glob, true}, {"fuzzy", &a->fuzzy, true}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        mola_json v = mola_json_get(definition, mola_str_of(flags[i].key));
        if (!mola_json_is_set(v))
            continue;
        bool allowed = a->type.elem == MOLA_ELEM_STRING &&
                       (a->type.form == MOLA_FORM_SCALAR || flags[i].arrays);
        if (mola_json_bool(v) && !allowed) {
            char type[MOLA_TYPE_TEXT_BYTES];
            (void)mola_type_print(a->type, type);
            return mola_fail(why, MOLA_INVALID,
                             "attribute '" MOLA_FMT "': %s is not supported for type %s",
                             MOLA_ARG(a->name), flags[i].key, type);
        }
        *flags[i].on = mola_json_bool(v);
    }
    return MOLA_OK;
}

static mola_err merge_ann(mola_attr *a, mola_json ann, mola_why *why)
{
    if (!mola_json_is_set(ann))
        return MOLA_OK;
    bool off = mola_json_kind_of(ann) == MOLA_JSON_BOOL && !mola_json_bool(ann);
    if (!off && !mola_type_is_vector(a->type))
        return fail_for_type(a, "ann needs a vector type", why);
    a->ann = !off;
    a->late_interaction = option(ann, "late_interaction", false);
    a->ann_metric = MOLA_METRIC_NONE;
    mola_json metric = mola_json_get(ann, MOLA_STR("distance_metric"));
    mola_metric_kind kind;
    if (mola_json_is_set(metric)) {
        mola_err err = mola_metric_from_json(metric, "", &kind, why);
        if (err)
            return err;
        a->ann_metric = (uint8_t)kind;
    }
    return MOLA_OK;
}

/* The object form: members that are mentioned change, the others stay. */
static mola_err merge(mola_attr *a, bool is_new, mola_json definition, mola_why *why)
{
    mola_json fts = mola_json_get(definition, MOLA_STR("full_text_search"));
    mola_err err = mola_json_is_set(fts) ? mola_fts_merge(a, fts, why) : MOLA_OK;
    if (!err)
        err = merge_patterns(a, definition, why);
    if (err)
        return err;
    if (is_new && (a->has_fts || a->regex || a->glob || a->fuzzy))
        a->filterable = false;
    if (option(definition, "filterable", false) && !mola_type_can_filter(a->type)) {
        char type[MOLA_TYPE_TEXT_BYTES];
        (void)mola_type_print(a->type, type);
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "' of type %s cannot be filterable",
                         MOLA_ARG(a->name), type);
    }
    a->filterable = option(definition, "filterable", a->filterable);
    err = merge_ann(a, mola_json_get(definition, MOLA_STR("ann")), why);
    if (err || !mola_json_is_set(mola_json_get(definition, MOLA_STR("sparse_knn"))))
        return err;
    if (a->type.form != MOLA_FORM_SPARSE)
        return fail_for_type(a, "sparse_knn needs type {}f16", why);
    a->sparse_knn = true;
    return MOLA_OK;
}

static mola_err check_ann(const mola_attr *a, mola_why *why)
{
    if (a->type.form != MOLA_FORM_DENSE || a->ann)
        return MOLA_OK;
    if (mola_str_eq(a->name, MOLA_STR("vector"))) {
        return mola_fail(why, MOLA_INVALID,
                         "the `vector` attribute must have `ann` set to `true`, eg: "
                         "\"vector\": { \"type\": \"[1024]f32\", \"ann\": true }");
    }
    return mola_fail(why, MOLA_INVALID, "vector attribute '" MOLA_FMT "' must have ann:true",
                     MOLA_ARG(a->name));
}

static mola_err define(mola_state *state, mola_str name, mola_str type_text, mola_json definition,
                       const mola_embedding_models *models, mola_arena *arena, mola_why *why)
{
    mola_type type;
    mola_err err = mola_schema_check_name(name, why);
    if (!err)
        err = mola_type_parse(type_text, &type, why);
    if (err)
        return err;
    mola_attr *a = mola_state_edit(state, name);
    bool is_new = !a, shorthand = mola_json_kind_of(definition) == MOLA_JSON_STRING;
    if (a && !mola_type_eq(a->type, type) &&
        !(a->type.elem == MOLA_ELEM_UNKNOWN && type.form == MOLA_FORM_ARRAY)) {
        char old[MOLA_TYPE_TEXT_BYTES], new[MOLA_TYPE_TEXT_BYTES];
        (void)mola_type_print(a->type, old);
        (void)mola_type_print(type, new);
        return fail_change(name, old, new, why);
    }
    mola_json embed = mola_json_get(definition, MOLA_STR("embed"));
    if (mola_json_is_set(embed) &&
        (err = mola_embed_check_model(state, name, embed, models, arena, why)))
        return err;
    if (is_new) {
        err = mola_state_add(state, name, type, &a, why);
        if (err)
            return err;
        a->filterable = mola_type_can_filter(type) || type.form == MOLA_FORM_MULTI;
    }
    a->type = type;
    if (!shorthand) {
        err = merge(a, is_new, definition, why);
    } else if (!is_new) {
        a->has_fts = a->regex = a->glob = a->fuzzy = false;
        a->fts = (mola_fts){0};
    }
    return err ? err : check_ann(a, why);
}

/* Once all attributes are there. */
static mola_err apply_embeds(mola_state *state, mola_json definitions,
                             const mola_embedding_models *models, mola_arena *arena, mola_why *why)
{
    for (mola_json d = mola_json_first(definitions); d.doc; d = mola_json_next(definitions, d)) {
        mola_str name;
        mola_json embed = mola_json_get(d, MOLA_STR("embed"));
        if (!embed.doc)
            continue;
        if (!mola_json_key(d, arena, &name))
            return no_memory(why);
        if (mola_str_eq(name, MOLA_STR("id")) || !mola_state_find(state, name)) {
            if (!mola_json_is_set(embed))
                continue;
            return mola_fail(why, MOLA_INVALID, "the `id` attribute cannot be embedded");
        }
        mola_err err = mola_embed_apply(state, name, embed, models, arena, why);
        if (err)
            return err;
    }
    return MOLA_OK;
}

mola_err mola_schema_apply(mola_state *state, mola_json definitions,
                           const mola_embedding_models *models, mola_arena *arena, mola_why *why)
{
    for (mola_json d = mola_json_first(definitions); d.doc; d = mola_json_next(definitions, d)) {
        mola_str name, type = {0};
        mola_json text =
            mola_json_kind_of(d) == MOLA_JSON_STRING ? d : mola_json_get(d, MOLA_STR("type"));
        bool dropped = !text.doc;
        if (!mola_json_key(d, arena, &name) || (!dropped && !mola_json_string(text, arena, &type)))
            return no_memory(why);
        mola_err err;
        if (mola_str_eq(name, MOLA_STR("id"))) {
            err = dropped ? mola_fail(why, MOLA_INVALID, "the `id` attribute cannot be dropped")
                          : declare_id(state, type, why);
        } else {
            err =
                dropped ? drop(state, name, why) : define(state, name, type, d, models, arena, why);
        }
        if (err)
            return err;
    }
    return apply_embeds(state, definitions, models, arena, why);
}
