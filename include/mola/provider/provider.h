/* provider.h - models that others run: a text, give me its vector; candidates, give me their scores
 * (reference 9.13).
 *
 * The operator names the endpoints and the models, a request only a model of that table. Endpoints
 * speak OpenAI's `/embeddings` and Cohere's or Jina's `/rerank`. Failures of 429 and 5xx are tried
 * again while there is time, with the rest that the endpoint asks for; of an answer nothing is
 * believed before all of it is checked.
 *
 * Where a provider is asked for, NULL is one without endpoints: everything is refused with words
 * that name the setting. Threads: any. A call waits in its thread, without a permit of the
 * executor; how many wait at once is bounded. */
#pragma once
#include "mola/base/ctx.h"
#include "mola/model/schema.h"

typedef struct mola_provider mola_provider;

/* Settings of one kind of model, each an entry or several (separated by ';' or a new line):
 *   urls    `URL`, or `PROVIDER=URL` for models called PROVIDER or PROVIDER/...
 *   keys    `KEY`, or `PROVIDER=KEY` for the URL of that provider
 *   models  `NAME=REMOTE[,dims=N][,dtype=f16|f32][,document={..}][,query={..}][,bound=NAME]`: what
 *           requests call it, what the endpoint does; the members of the objects are sent along
 * with documents and queries. `bound` is the member that says how many scores are wanted: top_n,
 * top_k or none. */
typedef struct {
    const char *const *urls, *const *models, *const *keys; /* texts; they may end with the open */
    uint32_t url_count, model_count, key_count;
} mola_provider_settings;

typedef struct {
    mola_env *env;
    mola_provider_settings embedding, rerank;
    const char *ca_file;     /* NULL: the system's certificates; it stays where it is */
    uint64_t timeout_ns;     /* of a call, its repetitions included */
    uint32_t batch;          /* texts in one request for embeddings */
    uint32_t calls_max;      /* under way at once; more are told 429 */
    uint32_t candidates_max; /* of one reranking */
} mola_provider_config;

/* *out is NULL when no URL is set. MOLA_INVALID: a setting that cannot be, with words that hold no
 * key. */
mola_err mola_provider_open(const mola_provider_config *config, mola_provider **out,
                            mola_why *why) MOLA_NODISCARD;
/* Calls under way end with MOLA_UNAVAILABLE, and so do later ones. NULL: nothing to do. */
void mola_provider_stop(mola_provider *provider);
void mola_provider_close(mola_provider *provider); /* nothing is under way; NULL: nothing to do */

/* What definitions of a schema may name. NULL: no endpoint for embeddings is set. */
const mola_embedding_models *mola_provider_embeddings(const mola_provider *provider);

/* What calls took, added up. */
typedef struct {
    uint64_t ns, tokens;
    bool used;
} mola_model_usage;

typedef struct {
    mola_str model;
    const mola_str *texts;
    uint32_t count;
    uint32_t dims;
    bool is_query; /* the texts are questions, not documents */
} mola_embedding_call;
/* Vector i of `dims` finite numbers to vectors[i * dims]. MOLA_INVALID: no such model, the endpoint
 * refuses the request, or its answer makes no sense; MOLA_BUSY: it, or this server, has too much to
 * do; MOLA_UNAVAILABLE: it does not answer. why->retry_after_s is what the endpoint said. */
mola_err mola_provider_embed(mola_ctx *ctx, mola_provider *provider,
                             const mola_embedding_call *call, float *vectors,
                             mola_model_usage *usage) MOLA_NODISCARD;

/* MOLA_INVALID: there is no such model. */
mola_err mola_provider_knows_reranker(const mola_provider *provider, mola_str model,
                                      mola_why *why) MOLA_NODISCARD;
typedef struct {
    mola_str model, query;
    const mola_str *texts;
    uint32_t count; /* over candidates_max: MOLA_INVALID */
} mola_rerank_call;
/* The finite score of each text. Errors as above. */
mola_err mola_provider_rerank(mola_ctx *ctx, mola_provider *provider, const mola_rerank_call *call,
                              float *scores, mola_model_usage *usage) MOLA_NODISCARD;
