/* private.h - what the files of provider/ share. */
#pragma once
#include "mola/base/buf.h"
#include "mola/base/check.h"
#include "mola/provider/provider.h"
#include "mola/store/http_client.h"

typedef struct {
    mola_str name;   /* of the provider; empty: of all others */
    const char *url; /* of the call, with its path; ends in NUL */
    mola_str key;    /* empty: none */
} mola_endpoint;

typedef struct {
    mola_str name, remote;
    uint32_t dims; /* 0: not given */
    uint8_t elem;
    mola_str document, query; /* JSON members, without braces; empty: none */
    mola_str bound;
    const mola_endpoint *at;
} mola_remote_model;

/* One kind of model; in the provider's arena. */
typedef struct {
    const char *what, *setting; /* "embedding", "--embedding-url" */
    const char *path;           /* what follows the base of a URL */
    mola_endpoint *endpoints;
    mola_remote_model *models;
    uint32_t endpoint_count, model_count;
} mola_model_table;
/* Reads the settings, into a table that has its first three members. */
mola_err mola_model_table_read(mola_model_table *table, const mola_provider_settings *settings,
                               mola_arena *arena, mola_why *why) MOLA_NODISCARD;
/* NULL: not in the table. */
const mola_remote_model *mola_model_table_find(const mola_model_table *table, mola_str name);

struct mola_provider {
    mola_provider_config config;
    mola_env *env;
    mola_arena arena;
    mola_model_table embedding, rerank;
    mola_embedding_models catalogue, rerankers;
    mola_http_client *client;
    mola_lock lock; /* guards under_way */
    uint32_t under_way;
};

/* ---- a call: call.c */

typedef struct {
    mola_http_exchange http; /* must be first */
    const mola_endpoint *at;
    mola_buf body; /* JSON; the caller's to print */
} mola_model_call;
void mola_model_call_init(mola_model_call *call, mola_provider *provider,
                          const mola_remote_model *model);
void mola_model_call_free(mola_model_call *call);
/* `{"model":"..."` and the members that the operator adds. */
void mola_model_call_open(mola_model_call *call, const mola_remote_model *model, mola_str members);
/* Runs all of them. MOLA_OK: each has an answer of 200, followed by MOLA_JSON_PADDING bytes. */
mola_err mola_model_calls_run(mola_ctx *ctx, mola_provider *provider,
                              const mola_remote_model *model, const mola_model_table *table,
                              mola_model_call *calls, uint32_t count) MOLA_NODISCARD;
static inline mola_str mola_model_answer(const mola_model_call *call)
{
    return (mola_str){call->http.reply.text.data, call->http.reply.text.len - MOLA_JSON_PADDING};
}
