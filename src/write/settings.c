#include "write/settings.h"

/* null and false unpin, true is one replica, an object says how many (default one). */
static mola_err read_pinning(mola_json pinning, uint32_t *replicas, mola_why *why)
{
    *replicas = 0;
    if (mola_json_kind_of(pinning) == MOLA_JSON_BOOL)
        *replicas = mola_json_bool(pinning) ? 1 : 0;
    if (mola_json_kind_of(pinning) != MOLA_JSON_OBJECT)
        return MOLA_OK;
    uint64_t count = 1;
    mola_json given = mola_write_member(pinning, "replicas");
    if (given.doc && (!mola_json_u64(given, &count) || count < 1 || count > UINT32_MAX))
        return mola_fail(why, MOLA_INVALID, "pinning.replicas must be a positive integer");
    *replicas = (uint32_t)count;
    return MOLA_OK;
}

bool mola_write_pins(mola_json body)
{
    if (mola_json_kind_of(body) != MOLA_JSON_OBJECT)
        return false;
    uint32_t replicas;
    mola_json pinning = mola_write_member(body, "pinning");
    return pinning.doc && !read_pinning(pinning, &replicas, NULL) && replicas;
}

mola_err mola_write_apply_settings(mola_heap *heap, const mola_state *state, mola_json body,
                                   mola_state **after, mola_why *why)
{
    *after = NULL;
    bool read_only = state->read_only;
    uint32_t replicas = state->pinned_replicas;
    mola_json flag = mola_write_member(body, "read_only");
    if (flag.doc)
        read_only = mola_json_bool(flag);
    mola_json pinning = mola_json_get(body, MOLA_STR("pinning"));
    if (pinning.doc) {
        mola_err err = read_pinning(pinning, &replicas, why);
        if (err)
            return err;
    }
    if (read_only == state->read_only && replicas == state->pinned_replicas)
        return MOLA_OK;
    *after = mola_state_copy(heap, state, 0);
    if (!*after)
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory to change the settings");
    (*after)->read_only = read_only;
    (*after)->pinned_replicas = replicas;
    return MOLA_OK;
}
