#include "mola/provider/provider.h"
#include "provider/private.h"

enum { TABLE_BYTES_MAX = 4 << 20 };

static const mola_http_owner owner = {.name = "models",
                                      .requests = MOLA_M_model_requests_total,
                                      .retries = MOLA_M_model_retries_total,
                                      .timeouts = MOLA_M_model_timeouts_total,
                                      .connections = MOLA_M_model_connections_total,
                                      .bytes_sent = MOLA_M_model_bytes_sent_total,
                                      .bytes_received = MOLA_M_model_bytes_received_total};

/* What of a table others may know. NULL: no memory. */
static mola_embedding_model *list(mola_provider *p, const mola_model_table *table)
{
    mola_embedding_model *models = mola_new(&p->arena, mola_embedding_model, table->model_count);
    for (uint32_t i = 0; models && i < table->model_count; i++) {
        const mola_remote_model *m = &table->models[i];
        models[i] = (mola_embedding_model){.name = m->name, .dims = m->dims, .elem = m->elem};
    }
    return models;
}

static mola_err read_tables(mola_provider *p, mola_why *why)
{
    const mola_provider_config *c = &p->config;
    mola_err err = mola_model_table_read(&p->embedding, &c->embedding, &p->arena, why);
    if (!err)
        err = mola_model_table_read(&p->rerank, &c->rerank, &p->arena, why);
    if (err)
        return err;
    p->catalogue.list = list(p, &p->embedding);
    p->catalogue.count = p->embedding.model_count;
    p->rerankers.list = list(p, &p->rerank);
    p->rerankers.count = p->rerank.model_count;
    return p->catalogue.list && p->rerankers.list
               ? MOLA_OK
               : mola_fail(why, MOLA_NO_MEMORY, "no memory for the table of models");
}

static void free_provider(mola_provider *p)
{
    mola_env *env = p->env;
    mola_arena_reset(&p->arena);
    mola_lock_free(&p->lock);
    mola_free(env->heap, p, sizeof *p);
}

mola_err mola_provider_open(const mola_provider_config *config, mola_provider **out, mola_why *why)
{
    MOLA_ASSERT(config->batch > 0 && config->calls_max > 0);
    mola_provider *p = mola_alloc(config->env->heap, sizeof *p);
    *out = NULL;
    if (!p)
        return mola_fail(why, MOLA_NO_MEMORY, "no memory for the table of models");
    p->config = *config;
    p->env = config->env;
    p->embedding = (mola_model_table){
        .what = "embedding", .setting = "--embedding-url", .path = "/embeddings"};
    p->rerank = (mola_model_table){.what = "rerank", .setting = "--rerank-url", .path = "/rerank"};
    mola_arena_init(&p->arena, p->env->heap, TABLE_BYTES_MAX);
    mola_lock_init(&p->lock, p->env, MOLA_RANK_CACHE);
    mola_err err = read_tables(p, why);
    bool any = p->embedding.endpoint_count + p->rerank.endpoint_count > 0;
    if (!err && any)
        err = mola_http_client_open(p->env, &owner, &p->client, why);
    if (err || !any) {
        free_provider(p);
        return err;
    }
    *out = p;
    return MOLA_OK;
}

void mola_provider_stop(mola_provider *p)
{
    if (p)
        mola_http_client_stop(p->client);
}

void mola_provider_close(mola_provider *p)
{
    if (!p)
        return;
    MOLA_ASSERT(p->under_way == 0);
    mola_http_client_close(p->client);
    free_provider(p);
}

const mola_embedding_models *mola_provider_embeddings(const mola_provider *p)
{
    return p && p->embedding.endpoint_count ? &p->catalogue : NULL;
}
