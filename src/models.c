#include "models.h"
#include <stdio.h>
#include <unistd.h>

enum { KEY_FILE_BYTES_MAX = 64 << 10 };

/* Where the keys of one kind of model come from. */
typedef struct {
    const char *key, *file, *setting; /* of the environment; the file and its setting */
    char text[KEY_FILE_BYTES_MAX + 1];
    const char *items[2];
} keys;

static mola_err read_keys(mola_process *p, keys *k, mola_provider_settings *out)
{
    uint32_t count = 0;
    out->keys = k->items;
    if (k->key[0])
        k->items[count++] = k->key;
    if (k->file[0]) {
        FILE *file = fopen(k->file, "re");
        size_t size = file ? fread(k->text, 1, sizeof k->text, file) : 0;
        bool ok = file && !ferror(file) && size < sizeof k->text && !memchr(k->text, 0, size);
        if (file)
            (void)fclose(file);
        if (!ok) {
            return mola_fail(&p->why, MOLA_INVALID, "%s: \"%s\" cannot be read", k->setting,
                             k->file);
        }
        k->text[size] = '\0';
        k->items[count++] = k->text;
    }
    out->key_count = count;
    return MOLA_OK;
}

static mola_provider_settings settings_of(const mola_config_list *urls,
                                          const mola_config_list *models)
{
    return (mola_provider_settings){.urls = urls->items,
                                    .url_count = urls->count,
                                    .models = models->items,
                                    .model_count = models->count};
}

/* libcurl would say so at the first call. */
static mola_err check_ca_file(mola_process *p)
{
    const char *path = p->config.model_ca_file;
    if (!path[0] || access(path, R_OK) == 0)
        return MOLA_OK;
    return mola_fail(&p->why, MOLA_INVALID, "model_ca_file: \"%s\" cannot be read", path);
}

mola_err mola_models_open(mola_process *p, mola_provider **out)
{
    const mola_config *c = &p->config;
    mola_provider_config config = {
        .env = p->env,
        .embedding = settings_of(&c->embedding_url, &c->embedding_model),
        .rerank = settings_of(&c->rerank_url, &c->rerank_model),
        .ca_file = c->model_ca_file[0] ? c->model_ca_file : NULL,
        .timeout_ns = c->model_timeout_ms * MOLA_MILLISECOND,
        .batch = (uint32_t)c->embedding_batch,
        .calls_max = (uint32_t)c->model_calls_max,
        .candidates_max = (uint32_t)c->rerank_candidates_max,
    };
    keys *k = mola_alloc_array(&p->heap, keys, 2);
    if (!k)
        return mola_fail(&p->why, MOLA_NO_MEMORY, "no memory");
    k[0].key = c->embedding_key;
    k[0].file = c->embedding_key_file;
    k[0].setting = "embedding_key_file";
    k[1].key = c->rerank_key;
    k[1].file = c->rerank_key_file;
    k[1].setting = "rerank_key_file";
    mola_err err = check_ca_file(p);
    if (!err)
        err = read_keys(p, &k[0], &config.embedding);
    if (!err)
        err = read_keys(p, &k[1], &config.rerank);
    if (!err)
        err = mola_provider_open(&config, out, &p->why);
    memset(k, 0, 2 * sizeof *k);
    mola_free(&p->heap, k, 2 * sizeof *k);
    return err;
}
