/* operation_work.c - what an operation does when it is its turn. */
#include "api/operations.h"
#include "mola/namespace/publish.h"
#include "mola/write/clone.h"

/* ------------------------------------------------------------------ copies */
/* What stands under the name, or stood there last, was made by a try of this operation: it is done,
 * whatever became of the answer then. MOLA_NOT_FOUND: no. */
static mola_err find_done(mola_ctx *ctx, mola_api *api, const mola_operation *o)
{
    mola_name *name = mola_name_open(api->config.namespaces, o->name);
    mola_held *held;
    if (!name)
        return MOLA_NO_MEMORY;
    mola_err err = mola_manifest_read(ctx, name, &held);
    if (!err) {
        err = MOLA_NOT_FOUND;
        for (uint32_t i = 0; i < o->tries; i++) {
            if (memcmp(mola_held_manifest(held)->nsid, o->nsids[i], sizeof o->nsids[i]) == 0)
                err = MOLA_OK;
        }
        mola_held_unref(held);
    }
    mola_name_close(name);
    return err;
}

/* The rows that it has now: how many it began with nobody remembers. */
static uint64_t rows_now(mola_ctx *ctx, mola_api *api, mola_str name)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view;
    if (mola_namespace_read(ctx, api->config.namespaces, name, &strong, &view)) {
        mola_why_clear(ctx->why);
        return 0;
    }
    uint64_t rows = view->live_rows;
    mola_view_unref(view);
    return rows;
}

static mola_err copy_once(mola_ctx *ctx, mola_api *api, const mola_operation *o, uint64_t *rows)
{
    mola_err err = o->tries > 1 ? find_done(ctx, api, o) : MOLA_NOT_FOUND;
    if (!err)
        *rows = rows_now(ctx, api, o->name);
    if (err != MOLA_NOT_FOUND)
        return err;
    mola_clone clone = {.kind = MOLA_COPY_OF, .source = o->request, .shards = o->shards};
    err = mola_clone_begin_again(ctx, api->config.namespaces, o->name, &clone);
    if (err == MOLA_CONFLICT && !find_done(ctx, api, o)) { /* a late one of ours */
        *rows = rows_now(ctx, api, o->name);
        return MOLA_OK;
    }
    if (err)
        return err;
    mola_branched done;
    err = mola_clone_make(ctx, api->config.namespaces, api->config.writer, o->name, &clone,
                          o->nsids[o->tries - 1], &done);
    *rows = done.rows;
    return err == MOLA_CONFLICT ? MOLA_UNAVAILABLE : err; /* look again */
}

static uint64_t elapsed_ms(mola_env *env, const mola_operation *o)
{
    uint64_t now_us = mola_wall_us(env);
    return now_us > o->started_us ? (now_us - o->started_us + 999) / 1000 : 1;
}

/* Nothing can be said now; a later try may. */
static bool is_open(mola_err err)
{
    return err == MOLA_UNAVAILABLE || err == MOLA_UNKNOWN || err == MOLA_NO_MEMORY ||
           err == MOLA_BUSY;
}

/* ------------------------------------------------------------------ recalls */
/* With the readable bytes behind it that the parser wants. */
static mola_err parse(mola_ctx *ctx, mola_str text, mola_json_doc *doc)
{
    char *copy = mola_new(ctx->arena, char, text.len + MOLA_JSON_PADDING);
    if (!copy)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "not enough memory for the request");
    memcpy(copy, text.data, text.len);
    return mola_json_parse(ctx->env->heap, (mola_str){copy, text.len}, doc, ctx->why);
}

static mola_err recall_once(mola_ctx *ctx, mola_api *api, const mola_operation *o, mola_buf *out)
{
    mola_json_doc doc;
    mola_view *view = NULL;
    mola_err err = MOLA_OK;
    if (o->request.len)
        err = parse(ctx, o->request, &doc);
    if (err)
        return err;
    mola_json body = o->request.len ? mola_json_root(&doc) : (mola_json){0};
    err = mola_recall_answer(ctx, api, o->name, body, out, &view);
    if (o->request.len)
        mola_json_free(&doc);
    if (view)
        mola_view_unref(view);
    return err;
}

bool mola_operation_try(mola_ctx *ctx, mola_api *api, const mola_operation *operation,
                        mola_task_result *out)
{
    uint64_t rows = 0;
    out->answer.len = 0;
    if (operation->kind == MOLA_OPERATION_RECALL) {
        out->err = recall_once(ctx, api, operation, &out->answer);
        return !is_open(out->err);
    }
    out->err = copy_once(ctx, api, operation, &rows);
    if (!out->err)
        mola_print_cloned(&out->answer, rows, elapsed_ms(ctx->env, operation));
    return !is_open(out->err);
}
