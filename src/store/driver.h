/* driver.h - what the drivers of store/ share. Private to the folder.
 *
 * run() of a driver gets operations that mola_store_run has prepared: everything under "what came
 * back" is zero, except that `err` is set where the operation was refused already. A driver leaves
 * those alone and answers all others. */
#pragma once
#include "mola/store/store.h"

mola_err mola_mem_store_open(mola_env *env, mola_store **out, mola_why *why) MOLA_NODISCARD;
/* `place`: what follows "file:" in the URL. */
mola_err mola_file_store_open(mola_env *env, mola_str place, mola_store **out,
                              mola_why *why) MOLA_NODISCARD;

/* `place`: what follows "s3:" in the URL. */
mola_err mola_s3_store_open(mola_env *env, mola_str place, mola_store **out,
                            mola_why *why) MOLA_NODISCARD;

/* A definite refusal once the time of the request is over; asked before each operation. */
static inline bool mola_store_late(mola_ctx *ctx)
{
    return mola_boot_ns(ctx->env) >= ctx->deadline_ns;
}

static inline bool mola_etag_eq(const mola_etag *a, const mola_etag *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}
