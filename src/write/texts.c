#include "write/texts.h"
#include "mola/base/check.h"

static bool is_alike(const mola_write_text *a, const mola_write_text *b)
{
    return a->dims == b->dims && mola_str_eq(a->model, b->model);
}

const float *mola_write_texts_find(mola_write_texts *texts, const mola_write_text *wanted)
{
    uint32_t at = 0;
    while (at < texts->count &&
           !(is_alike(&texts->list[at], wanted) && mola_str_eq(texts->list[at].text, wanted->text)))
        at++;
    if (at < texts->count)
        return texts->list[at].vector;
    if (at < sizeof texts->list / sizeof *texts->list)
        texts->list[texts->count++] = *wanted;
    return NULL;
}

/* All that is missing of the kind of number `first`. */
static mola_err embed_like(mola_ctx *ctx, mola_write_texts *texts, uint32_t first,
                           mola_provider *provider, mola_model_usage *usage)
{
    const mola_write_text *like = &texts->list[first];
    mola_str *list = mola_new(ctx->arena, mola_str, texts->count);
    float *vectors = mola_new(ctx->arena, float, (size_t)texts->count * like->dims);
    if (!list || !vectors)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory to embed the texts");
    mola_embedding_call call = {.model = like->model, .texts = list, .dims = like->dims};
    for (uint32_t i = first; i < texts->count; i++) {
        if (!texts->list[i].vector && is_alike(like, &texts->list[i]))
            list[call.count++] = texts->list[i].text;
    }
    mola_err err = mola_provider_embed(ctx, provider, &call, vectors, usage);
    uint32_t given = call.count;
    for (uint32_t i = texts->count;
         i-- > first && !err;) { /* `first`, which it is compared to, last */
        if (!texts->list[i].vector && is_alike(like, &texts->list[i]))
            texts->list[i].vector = vectors + (size_t)--given * call.dims;
    }
    MOLA_IMPLIES(!err, given == 0);
    return err;
}

mola_err mola_write_texts_embed(mola_ctx *ctx, mola_write_texts *texts, mola_provider *provider,
                                mola_model_usage *usage)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < texts->count && !err; i++) {
        if (!texts->list[i].vector)
            err = embed_like(ctx, texts, i, provider, usage);
    }
    return err;
}
