/* One pass over everything, in the calling thread. */
#include "index/requests.h"
#include "index/work.h"

enum { STEP_SECONDS = 3600, NAMES_AT_ONCE = 100 };

static mola_err index_name(mola_ctx *outer, mola_indexer *indexer, mola_str name)
{
    mola_arena arena;
    mola_arena_init(&arena, outer->env->heap, SIZE_MAX);
    mola_ctx ctx = *outer;
    ctx.arena = &arena;
    uint64_t until_ns = mola_boot_ns(outer->env) + STEP_SECONDS * MOLA_SECOND;
    ctx.deadline_ns = until_ns < outer->deadline_ns ? until_ns : outer->deadline_ns;
    bool did;
    mola_err err = mola_work_index(&ctx, indexer, name, &did);
    mola_arena_reset(&arena);
    return err;
}

mola_err mola_index_once(mola_ctx *ctx, mola_indexer *indexer, uint64_t *failed)
{
    mola_arena page;
    mola_ctx listing = *ctx;
    mola_str *names, after = {0};
    char last[128];
    bool more = true;
    mola_err err = MOLA_OK;
    listing.arena = &page;
    mola_arena_init(&page, ctx->env->heap, SIZE_MAX);
    *failed = 0;
    while (!err && more) {
        uint32_t count;
        mola_arena_reset(&page);
        err = mola_namespace_list(&listing, indexer->names, (mola_str){0}, after, NAMES_AT_ONCE,
                                  &names, &count, &more);
        for (uint32_t i = 0; i < count && !err; i++) {
            mola_why_clear(ctx->why);
            mola_err one = index_name(ctx, indexer, names[i]);
            if (one) {
                ++*failed;
                mola_log(ctx->env, MOLA_LOG_WARN, "index_failed", "namespace=%.*s why=\"%.*s\"",
                         MOLA_ARG(names[i]), MOLA_ARG(mola_why_text(ctx->why)));
            }
        }
        if (!err && count) {
            MOLA_ASSERT(names[count - 1].len <= sizeof last);
            memcpy(last, names[count - 1].data, names[count - 1].len);
            after = (mola_str){last, names[count - 1].len};
        }
    }
    mola_arena_reset(&page);
    mola_why_clear(ctx->why);
    return err ? err : mola_index_sweep(ctx, indexer);
}
