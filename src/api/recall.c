/* recall.c - POST .../_debug/recall, at once or as an operation (reference 9.11). */
#include "api/operations.h"
#include "mola/query/query.h"

enum { RUNS_MAX = 1 + 3, WEIGHT = 2 /* of a kNN query */ };

mola_err mola_recall_answer(mola_ctx *ctx, mola_api *api, mola_str name, mola_json body,
                            mola_buf *out, mola_view **seen)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_recall *recall;
    mola_err err = mola_recall_parse(ctx, body, &recall);
    if (err)
        return err;
    err = MOLA_CONFLICT; /* objects that it was reading were collected: again, on a newer view */
    for (int runs = 0; err == MOLA_CONFLICT && runs < RUNS_MAX; runs++) {
        mola_why_clear(ctx->why);
        if (*seen)
            mola_view_unref(*seen);
        *seen = NULL;
        err = mola_namespace_read(ctx, api->config.namespaces, name, &strong, seen);
        if (err)
            break;
        out->len = 0;
        mola_turn turn;
        err = mola_turn_begin(ctx, api, name, *seen, WEIGHT, &turn);
        if (err)
            break;
        err = mola_recall_run(ctx, *seen, api->config.kernel, recall, out);
        mola_turn_end(&turn);
        mola_view_release(ctx, NULL);
    }
    if (err != MOLA_CONFLICT)
        return err;
    mola_why_clear(ctx->why);
    return mola_fail(ctx->why, MOLA_UNAVAILABLE,
                     "the namespace changes faster than the query reads it");
}

static handled start(request *r)
{
    char token[MOLA_TOKEN_BYTES] = {0};
    mola_recall *recall;
    mola_err err = mola_recall_parse(&r->ctx, r->body, &recall); /* what is known at once */
    mola_task task = {.kind = MOLA_OPERATION_RECALL, .name = request_name(r)};
    if (!err && r->body.doc)
        task.request = mola_json_raw(r->body);
    if (!err && task.request.len > MOLA_OPERATION_REQUEST_BYTES_MAX)
        err = mola_fail(&r->why, MOLA_INVALID, "the request is too large for an operation");
    if (!err)
        err = mola_operation_start(r, &task, token);
    return mola_answer_started(r, err, 202, token);
}

handled mola_handle_recall(request *r)
{
    if (mola_prefers_async(r))
        return start(r);
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_view *view = NULL;
    mola_err err = mola_recall_answer(&r->ctx, r->api, request_name(r), r->body, &out, &view);
    mola_view_release(&r->ctx, NULL);
    handled done = finish(r, err, 200, &out, view);
    if (view)
        mola_view_unref(view);
    return done;
}
