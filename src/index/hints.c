#include "index/hints.h"
#include "index/requests.h"
#include "index/work.h"
#include <stdlib.h>

enum { BATCH = 16, POLL_SECONDS = 60 };

typedef struct {
    mola_ctx *ctx;
    mola_indexer *indexer;
    uint8_t (*known)[16]; /* hints whose names are being looked after already; sorted */
    uint32_t known_count;
    uint32_t count;
    uint8_t nsids[BATCH][16];
} poll;

static int order(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

/* Reads the bodies of some hints: the names. */
static mola_err read_names(poll *p)
{
    mola_key keys[BATCH];
    mola_store_op ops[BATCH];
    for (uint32_t i = 0; i < p->count; i++) {
        keys[i] = mola_key_hint(p->indexer->config.org, p->nsids[i]);
        ops[i] = (mola_store_op){.verb = MOLA_GET, .key = mola_key_str(&keys[i])};
    }
    if (p->count)
        mola_store_run(p->ctx->env->store, p->ctx, ops, p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        if (ops[i].err) /* gone, or not read: the next poll will see */
            continue;
        if (!mola_name_ok(ops[i].bytes)) { /* nobody else can do anything with it either */
            ops[i] = (mola_store_op){.verb = MOLA_DELETE, .key = mola_key_str(&keys[i])};
            mola_store_run(p->ctx->env->store, p->ctx, &ops[i], 1);
            continue;
        }
        mola_notice notice = {.name = ops[i].bytes, .hint = p->nsids[i]};
        mola_work_notice(p->indexer->work, &notice);
    }
    p->count = 0;
    return MOLA_OK;
}

static mola_err list(poll *p)
{
    mola_key prefix = mola_key_hints(p->indexer->config.org);
    mola_walk *walk = mola_new(p->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, p->ctx, p->indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    mola_err err;
    while (mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count && !err; i++) {
            uint8_t *nsid = p->nsids[p->count];
            if (!mola_key_parse_hint(p->indexer->config.org, walk->entries[i].key, nsid) ||
                (p->known_count &&
                 bsearch(nsid, p->known, p->known_count, sizeof p->known[0], order)))
                continue;
            if (++p->count == BATCH)
                err = read_names(p);
        }
    }
    if (!err)
        err = read_names(p);
    mola_walk_end(walk);
    return err;
}

mola_err mola_hints_poll(mola_ctx *ctx, mola_indexer *indexer)
{
    poll p = {.ctx = ctx, .indexer = indexer};
    uint32_t room = mola_work_count(indexer->work) + 16; /* a few may come meanwhile */
    size_t size = room * sizeof p.known[0];
    p.known = mola_alloc(ctx->env->heap, size);
    if (!p.known)
        return MOLA_NO_MEMORY;
    p.known_count = mola_work_hints(indexer->work, p.known, room);
    if (p.known_count)
        qsort(p.known, p.known_count, sizeof p.known[0], order);
    mola_err err = list(&p);
    mola_free(ctx->env->heap, p.known, size);
    return err;
}

void mola_hints_watch(mola_indexer *indexer)
{
    while (!mola_indexer_stopping(indexer)) {
        mola_why why = {.len = 0};
        mola_arena arena;
        mola_arena_init(&arena, indexer->env->heap, SIZE_MAX);
        mola_ctx ctx = {.env = indexer->env,
                        .arena = &arena,
                        .why = &why,
                        .deadline_ns = mola_boot_ns(indexer->env) + POLL_SECONDS * MOLA_SECOND};
        if (mola_hints_poll(&ctx, indexer) && !mola_indexer_stopping(indexer)) {
            mola_log(indexer->env, MOLA_LOG_WARN, "hints_unread", "why=\"%.*s\"",
                     MOLA_ARG(mola_why_text(&why)));
        }
        mola_arena_reset(&arena);
        mola_work_rest(indexer->work, indexer->config.poll_ns);
    }
}
