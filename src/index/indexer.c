#include "index/doomed.h"
#include "index/waits.h"
#include "index/work.h"

mola_indexer_config mola_indexer_defaults(mola_env *env)
{
    const uint64_t day_s = 86400;
    return (mola_indexer_config){
        .env = env,
        .fence_ns = 60 * MOLA_SECOND,
        .memory_max = (uint64_t)512 << 20,
        .workers = 1,
        .flush_bytes = (uint64_t)16 << 20,
        .flush_rows = 100000,
        .flush_age_ns = 60 * MOLA_SECOND,
        .merge_fan_in = 8,
        .segment_rows_max = 1 << 22,
        .inline_bytes_max = MOLA_INLINE_BYTES_MAX,
        .poll_ns = 10 * MOLA_SECOND,
        .sweep_ns = day_s * MOLA_SECOND,
        .retention_us = day_s * 1000000,
        .gc_floor_age_us = day_s * 1000000,
    };
}

static mola_err check(const mola_indexer_config *c, mola_why *why)
{
    if (c->fence_ns == 0 || c->sweep_ns == 0)
        return mola_fail(why, MOLA_INVALID, "fence and sweep must not be 0");
    if (c->merge_fan_in < 2)
        return mola_fail(why, MOLA_INVALID, "at least 2 segments are merged into one");
    if (c->segment_rows_max == 0 || c->segment_rows_max > MOLA_SEGMENT_ROWS_MAX) {
        return mola_fail(why, MOLA_INVALID, "a segment has 1 to %d rows", MOLA_SEGMENT_ROWS_MAX);
    }
    return MOLA_OK;
}

static mola_err open_parts(mola_indexer *indexer, mola_why *why)
{
    mola_env *env = indexer->env;
    mola_namespaces_config names = {.env = env,
                                    .org = indexer->config.org,
                                    .view_bytes_max = indexer->config.memory_max / 2,
                                    .fence_ns = indexer->config.fence_ns};
    mola_err err = mola_namespaces_open(&names, &indexer->names);
    if (!err)
        err = mola_waits_open(env, &indexer->waits);
    if (!err)
        err = mola_doomed_open(env, &indexer->doomed);
    if (!err)
        err = mola_work_open(indexer, &indexer->work);
    if (!err)
        err = mola_work_start(indexer->work);
    return err ? mola_fail(why, err, "cannot open the indexer") : MOLA_OK;
}

mola_err mola_indexer_open(const mola_indexer_config *config, mola_indexer **out, mola_why *why)
{
    mola_err err = check(config, why);
    if (err)
        return err;
    mola_env *env = config->env;
    size_t size = sizeof(mola_indexer) + config->org.len;
    mola_indexer *indexer = mola_alloc(env->heap, size);
    if (!indexer)
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory for the indexer");
    indexer->env = env;
    indexer->config = *config;
    if (config->org.len)
        memcpy(indexer + 1, config->org.data, config->org.len);
    indexer->config.org = (mola_str){(const char *)(indexer + 1), config->org.len};
    mola_inner_heap_init(&indexer->heap, env->heap, config->memory_max / 2);
    err = open_parts(indexer, why);
    if (err) {
        mola_indexer_close(indexer);
        return err;
    }
    *out = indexer;
    return MOLA_OK;
}

void mola_indexer_close(mola_indexer *indexer)
{
    mola_work_close(indexer->work);
    mola_doomed_close(indexer->doomed);
    mola_waits_close(indexer->waits);
    if (indexer->names)
        mola_namespaces_close(indexer->names);
    MOLA_ASSERT(atomic_load(&indexer->heap.heap.used) == 0);
    mola_free(indexer->env->heap, indexer, sizeof *indexer + indexer->config.org.len);
}

bool mola_indexer_stopping(mola_indexer *indexer)
{
    return indexer->work && mola_work_closing(indexer->work);
}

void mola_indexer_published(mola_ctx *ctx, mola_indexer *indexer, mola_str name)
{
    if (indexer->config.serving)
        mola_namespace_published(ctx, indexer->config.serving, name);
}

void mola_indexer_notice(mola_indexer *indexer, mola_str name)
{
    mola_notice notice = {.name = name};
    mola_work_notice(indexer->work, &notice);
}

void mola_indexer_grew(mola_indexer *indexer, mola_str name, const mola_view *view)
{
    mola_notice notice = {.name = name,
                          .measured = true,
                          .bytes = view->log_bytes,
                          .rows = view->log_rows,
                          .indexed_seq = view->indexed_seq};
    if (view->seq > view->indexed_seq)
        mola_work_notice(indexer->work, &notice);
}
