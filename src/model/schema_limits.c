/* schema_limits.c - what a write may make of a schema: the limits of an installation (limits.h).
 *
 * Definitions and inference refuse what no state can carry; this refuses what this installation
 * does not want, and only of what is new: a limit that was lowered leaves old schemas alone. */
#include "mola/model/schema.h"

static mola_err check_dims(const mola_attr *a, const mola_limits *limits, mola_why *why)
{
    bool multi = a->type.form == MOLA_FORM_MULTI;
    uint64_t most = multi ? limits->multi_vector_dims : limits->dense_dims;
    if ((!multi && a->type.form != MOLA_FORM_DENSE) || a->type.dims <= most)
        return MOLA_OK;
    return mola_fail(why, MOLA_INVALID, "%s has %u dimensions, the limit is %llu",
                     multi ? "multi-vector" : "vector", a->type.dims, (unsigned long long)most);
}

static mola_err check_tokens(const mola_attr *a, const mola_limits *limits, mola_why *why)
{
    if (!a->has_fts || a->fts.max_token_length <= limits->token_chars)
        return MOLA_OK;
    return mola_fail(why, MOLA_INVALID,
                     "attribute '" MOLA_FMT "': max_token_length must be between 1 and %llu",
                     MOLA_ARG(a->name), (unsigned long long)limits->token_chars);
}

static mola_err check_attr(const mola_attr *a, const mola_attr *old, const mola_limits *limits,
                           mola_why *why)
{
    if (!old && a->name.len > limits->attribute_name_bytes) {
        return mola_fail(why, MOLA_INVALID, "invalid attribute name `" MOLA_FMT "`",
                         MOLA_ARG(a->name));
    }
    bool same_type = old && mola_type_eq(a->type, old->type);
    mola_err err = same_type ? MOLA_OK : check_dims(a, limits, why);
    bool same_tokens = old && old->has_fts && a->fts.max_token_length == old->fts.max_token_length;
    return err || same_tokens ? err : check_tokens(a, limits, why);
}

mola_err mola_schema_check_limits(const mola_state *state, const mola_state *before,
                                  const mola_limits *limits, mola_why *why)
{
    uint32_t known = before ? before->attr_count : 0;
    if (state->attr_count > known && state->attr_count + UINT64_C(1) > limits->attribute_names) {
        return mola_fail(why, MOLA_INVALID, "a namespace can have at most %llu attribute names",
                         (unsigned long long)limits->attribute_names);
    }
    if (!before && mola_state_vector_count(state) > limits->vector_attributes) {
        return mola_fail(why, MOLA_INVALID, "a namespace can have at most %llu vector attributes",
                         (unsigned long long)limits->vector_attributes);
    }
    for (uint32_t i = 0; i < state->attr_count; i++) {
        const mola_attr *a = &state->attrs[i];
        mola_err err = check_attr(a, before ? mola_state_attr(before, a->id) : NULL, limits, why);
        if (err)
            return err;
    }
    return MOLA_OK;
}
