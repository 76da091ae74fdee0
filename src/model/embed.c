#include "mola/model/embed.h"
#include <stdio.h>

void mola_embedding_names(const mola_embedding_models *models, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < models->count && used < room; i++) {
        int size = snprintf(out + used, room - used, "%s" MOLA_FMT, i ? ", " : "",
                            MOLA_ARG(models->list[i].name));
        used += size < 0 ? 0 : (size_t)size;
    }
}

static mola_err not_enabled(mola_str attr, mola_str name, mola_why *why)
{
    if (!attr.len) {
        return mola_fail(why, MOLA_INVALID,
                         "native embedding is not enabled on this server: set --embedding-url");
    }
    return mola_fail(why, MOLA_INVALID,
                     "native embedding is not enabled on this server: set --embedding-url "
                     "(attribute \"" MOLA_FMT "\", model \"" MOLA_FMT "\")",
                     MOLA_ARG(attr), MOLA_ARG(name));
}

mola_err mola_embedding_find(const mola_embedding_models *models, mola_str attr, mola_str name,
                             const mola_embedding_model **out, mola_why *why)
{
    if (!models)
        return not_enabled(attr, name, why);
    for (uint32_t i = 0; i < models->count; i++) {
        *out = &models->list[i];
        if (mola_str_eq((*out)->name, name))
            return MOLA_OK;
    }
    char known[MOLA_WHY_BYTES];
    mola_embedding_names(models, known, sizeof known);
    return mola_fail(why, MOLA_INVALID,
                     "embedding model \"" MOLA_FMT
                     "\" is not configured on this server; known are: %s",
                     MOLA_ARG(name), known);
}
