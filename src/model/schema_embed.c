/* schema_embed.c - `embed` in a definition: texts that become vectors (reference 5.6). Definitions
 * are gone through twice: the vectors may be declared behind the texts. */
#include "model/schema_embed.h"
#include "model/state_edit.h"
#include "mola/model/schema.h"
#include <stdio.h>

/* What an `embed` says. */
typedef struct {
    mola_str model, target; /* target: as given, or made from the name of the text */
    bool has_target;
    uint64_t dims; /* 0: not given */
    uint8_t elem;  /* MOLA_ELEM_NONE: not given */
} embedding;

/* ---- shape ---- */

static mola_err check_option(mola_json embed, const char *key, mola_json_kind kind, mola_str name,
                             mola_why *why)
{
    mola_json v = mola_json_get(embed, mola_str_of(key));
    bool fits = mola_json_kind_of(v) == kind;
    if (fits && kind == MOLA_JSON_NUMBER)
        fits = mola_json_is_integer(v) && mola_json_number_text(v).data[0] != '-';
    if (!mola_json_is_set(v) || fits)
        return MOLA_OK;
    char path[MOLA_WHY_BYTES / 2];
    (void)snprintf(path, sizeof path, MOLA_FMT ".embed.%s", MOLA_ARG(name), key);
    return mola_fail_type(why, path, v, kind == MOLA_JSON_NUMBER ? "usize" : "a string");
}

mola_err mola_embed_check_shape(mola_json embed, mola_str name, mola_why *why)
{
    mola_json_kind kind = mola_json_kind_of(embed);
    if (!mola_json_is_set(embed) || kind == MOLA_JSON_STRING)
        return MOLA_OK;
    char path[MOLA_WHY_BYTES / 2];
    (void)snprintf(path, sizeof path, MOLA_FMT ".embed", MOLA_ARG(name));
    if (kind != MOLA_JSON_OBJECT) {
        return mola_fail_shape(why, path,
                               "data did not match any variant of untagged enum EmbedInput");
    }
    if (!mola_json_is_set(mola_json_get(embed, MOLA_STR("model"))))
        return mola_fail_shape(why, path, "missing field `model`");
    mola_err err = check_option(embed, "model", MOLA_JSON_STRING, name, why);
    if (!err)
        err = check_option(embed, "attribute", MOLA_JSON_STRING, name, why);
    if (!err)
        err = check_option(embed, "dims", MOLA_JSON_NUMBER, name, why);
    return err ? err : check_option(embed, "dtype", MOLA_JSON_STRING, name, why);
}

/* ---- meaning ---- */

static mola_err no_memory(mola_why *why)
{
    return mola_fail(why, MOLA_NO_MEMORY, "out of memory for this request");
}

static mola_err take_dtype(mola_json dtype, mola_str name, uint8_t *elem, mola_why *why)
{
    *elem = MOLA_ELEM_NONE;
    if (!mola_json_is_set(dtype))
        return MOLA_OK;
    if (mola_json_string_is(dtype, MOLA_STR("f16"))) {
        *elem = MOLA_ELEM_VEC_F16;
    } else if (mola_json_string_is(dtype, MOLA_STR("f32"))) {
        *elem = MOLA_ELEM_VEC_F32;
    } else {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': embed.dtype must be f16 or f32",
                         MOLA_ARG(name));
    }
    return MOLA_OK;
}

static mola_err read(mola_json json, mola_str name, mola_arena *arena, embedding *out,
                     mola_why *why)
{
    bool is_object = mola_json_kind_of(json) == MOLA_JSON_OBJECT;
    mola_json model = is_object ? mola_json_get(json, MOLA_STR("model")) : json;
    mola_json target = mola_json_get(json, MOLA_STR("attribute"));
    mola_json dims = mola_json_get(json, MOLA_STR("dims"));
    *out = (embedding){.has_target = mola_json_is_set(target)};
    if (!mola_json_string(model, arena, &out->model))
        return no_memory(why);
    if (!(out->has_target
              ? mola_json_string(target, arena, &out->target)
              : mola_arena_print(arena, &out->target, "embed_" MOLA_FMT, MOLA_ARG(name))))
        return no_memory(why);
    if (mola_json_is_set(dims) &&
        (!mola_json_u64(dims, &out->dims) || out->dims < 1 || out->dims > MOLA_DIMS_MAX)) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': embed.dims must be between 1 and %d",
                         MOLA_ARG(name), MOLA_DIMS_MAX);
    }
    return take_dtype(mola_json_get(json, MOLA_STR("dtype")), name, &out->elem, why);
}

/* It asks for what is there already, as clients that repeat their schema do. */
static bool is_same(const mola_state *state, const mola_embed *have, const embedding *e)
{
    const mola_attr *target = mola_state_attr(state, have->target);
    return mola_str_eq((mola_str){have->model, have->model_bytes}, e->model) &&
           (!e->has_target || mola_str_eq(target->name, e->target)) &&
           (!e->dims || e->dims == target->type.dims) && (!e->elem || e->elem == target->type.elem);
}

mola_err mola_embed_check_model(const mola_state *state, mola_str name, mola_json embed,
                                const mola_embedding_models *models, mola_arena *arena,
                                mola_why *why)
{
    embedding e;
    mola_err err = read(embed, name, arena, &e, why);
    const mola_attr *a = mola_state_find(state, name);
    const mola_embed *have = a ? mola_state_embed_of(state, a->id) : NULL;
    const mola_embedding_model *known;
    if (have && !err && is_same(state, have, &e))
        return MOLA_OK;
    mola_err unknown = mola_embedding_find(models, name, e.model, &known, err ? NULL : why);
    return err ? err : unknown;
}

static mola_err make_target(mola_state *state, mola_str name, const embedding *e,
                            const mola_embedding_model *model, mola_attr **out, mola_why *why)
{
    uint32_t dims = e->dims ? (uint32_t)e->dims : model->dims;
    if (dims == 0) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': the dimensions of embedding model \"" MOLA_FMT
                         "\" are not known to this server: give `dims`",
                         MOLA_ARG(name), MOLA_ARG(e->model));
    }
    mola_type type = {
        .form = MOLA_FORM_DENSE, .elem = e->elem ? e->elem : model->elem, .dims = dims};
    mola_err err = mola_schema_check_name(e->target, why);
    if (!err)
        err = mola_state_add(state, e->target, type, out, why);
    if (!err)
        (*out)->ann = true;
    return err;
}

static mola_err check_target(const mola_state *state, mola_str name, const embedding *e,
                             const mola_attr *target, mola_why *why)
{
    char type[MOLA_TYPE_TEXT_BYTES];
    (void)mola_type_print(target->type, type);
    bool floats = target->type.form == MOLA_FORM_DENSE && target->type.elem != MOLA_ELEM_VEC_I8;
    if (!floats || (e->dims && e->dims != target->type.dims) ||
        (e->elem && e->elem != target->type.elem)) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "' cannot be embedded into '" MOLA_FMT
                         "' of type %s",
                         MOLA_ARG(name), MOLA_ARG(target->name), type);
    }
    if (!mola_state_embed_into(state, target->id))
        return MOLA_OK;
    return mola_fail(why, MOLA_INVALID,
                     "attribute '" MOLA_FMT "': another attribute is embedded into '" MOLA_FMT "'",
                     MOLA_ARG(name), MOLA_ARG(target->name));
}

static void remove_embed(mola_state *state, const mola_embed *gone)
{
    size_t at = (size_t)(gone - state->embeds);
    state->embed_count--;
    memmove(&state->embeds[at], &state->embeds[at + 1],
            (state->embed_count - at) * sizeof *state->embeds);
    state->embeds[state->embed_count] = (mola_embed){0};
}

static mola_err add(mola_state *state, const mola_attr *a, const embedding *e,
                    const mola_embedding_model *model, mola_why *why)
{
    if (state->embed_count == MOLA_EMBEDS_MAX) {
        return mola_fail(why, MOLA_INVALID, "a namespace can have at most %d embedded attributes",
                         MOLA_EMBEDS_MAX);
    }
    uint32_t source = a->id;
    mola_attr *target = mola_state_edit(state, e->target);
    mola_err err = target ? check_target(state, a->name, e, target, why)
                          : make_target(state, a->name, e, model, &target, why);
    if (err)
        return err;
    mola_embed *embed = &state->embeds[state->embed_count++];
    *embed =
        (mola_embed){.source = source, .target = target->id, .model_bytes = (uint8_t)e->model.len};
    memcpy(embed->model, e->model.data, e->model.len);
    return MOLA_OK;
}

mola_err mola_embed_apply(mola_state *state, mola_str name, mola_json json,
                          const mola_embedding_models *models, mola_arena *arena, mola_why *why)
{
    const mola_attr *a = mola_state_find(state, name);
    MOLA_ASSERT(a != NULL);
    const mola_embed *have = mola_state_embed_of(state, a->id);
    if (mola_json_kind_of(json) == MOLA_JSON_NULL) {
        if (have)
            remove_embed(state, have);
        return MOLA_OK;
    }
    embedding e;
    const mola_embedding_model *model;
    mola_err err = read(json, name, arena, &e, why);
    if (err || (have && is_same(state, have, &e)))
        return err;
    if (have) {
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': its embedding cannot be changed; remove it "
                         "first, with \"embed\": null",
                         MOLA_ARG(name));
    }
    if (a->type.form != MOLA_FORM_SCALAR || a->type.elem != MOLA_ELEM_STRING) {
        char type[MOLA_TYPE_TEXT_BYTES];
        (void)mola_type_print(a->type, type);
        return mola_fail(why, MOLA_INVALID,
                         "attribute '" MOLA_FMT "': embed needs type string, got %s",
                         MOLA_ARG(name), type);
    }
    err = mola_embedding_find(models, name, e.model, &model, why);
    return err ? err : add(state, a, &e, model, why);
}
