/* clone.c - copies and branches (reference 9.9, 9.10), in the thread of the request. */
#include "mola/write/clone.h"
#include "api/operations.h"

enum { ATTEMPTS_MAX = 8 };

void mola_print_cloned(mola_buf *out, uint64_t rows, uint64_t elapsed_ms)
{
    mola_buf_print(out,
                   "{\"status\":\"OK\",\"message\":\"namespace cloned successfully\","
                   "\"rows_affected\":%llu,\"billing\":{\"billable_logical_bytes_written\":0},"
                   "\"performance\":{\"server_total_ms\":%llu}}",
                   (unsigned long long)rows, (unsigned long long)elapsed_ms);
}

static mola_err clone(request *r, mola_branched *out)
{
    const mola_api_config *config = &r->api->config;
    mola_err err = MOLA_CONFLICT;
    for (int attempt = 0; attempt < ATTEMPTS_MAX && err == MOLA_CONFLICT; attempt++) {
        mola_why_clear(&r->why);
        mola_clone how;
        err = mola_clone_begin(&r->ctx, config->namespaces, request_name(r), r->body, &how);
        if (err)
            return err;
        uint8_t nsid[16];
        mola_chance(r->api->env, nsid, sizeof nsid);
        err = mola_clone_make(&r->ctx, config->namespaces, config->writer, request_name(r), &how,
                              nsid, out);
    }
    if (err != MOLA_CONFLICT)
        return err;
    return mola_fail(&r->why, MOLA_UNAVAILABLE, "namespace '%.*s' is changing too fast",
                     MOLA_ARG(request_name(r)));
}

/* ------------------------------------------------------------------ as an operation */
static mola_err start(request *r, char token[MOLA_TOKEN_BYTES])
{
    mola_clone how;
    mola_err err =
        mola_clone_begin(&r->ctx, r->api->config.namespaces, request_name(r), r->body, &how);
    if (err)
        return err;
    mola_task task = {.kind = MOLA_OPERATION_COPY,
                      .name = request_name(r),
                      .request = how.source,
                      .shards = how.shards};
    return mola_operation_start(r, &task, token);
}

handled mola_answer_started(request *r, mola_err err, int status,
                            const char token[MOLA_TOKEN_BYTES])
{
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    if (!err)
        mola_buf_print(&out, "{\"token\":\"%.*s\"}", MOLA_TOKEN_BYTES, token);
    if (!err && status == 202) { /* the path alone: clients compare hosts byte by byte */
        mola_reply_field(&r->call->reply,
                         "Preference-Applied: respond-async\r\n"
                         "Location: /v1/namespaces/%.*s/operations/%.*s\r\n",
                         MOLA_ARG(request_name(r)), MOLA_TOKEN_BYTES, token);
    }
    return finish(r, err, status, &out, NULL);
}

/* POST .../async: copies in the object form, and nothing else. */
handled mola_handle_async(request *r)
{
    char token[MOLA_TOKEN_BYTES] = {0};
    mola_json copy = {0};
    bool is_map = mola_json_kind_of(r->body) == MOLA_JSON_OBJECT;
    if (is_map)
        copy = mola_json_get(r->body, MOLA_STR("copy_from_namespace"));
    mola_err err = MOLA_OK;
    if (!copy.doc || mola_json_kind_of(copy) != MOLA_JSON_OBJECT) {
        err = mola_fail_shape(&r->why, "copy_from_namespace", "expected an object");
    } else if (mola_json_count(r->body) > 1) {
        err = mola_fail(&r->why, MOLA_INVALID,
                        "only copy_from_namespace can be started on this route");
    } else {
        err = start(r, token);
    }
    return mola_answer_started(r, err, 200, token);
}

bool mola_prefers_async(const request *r)
{
    mola_str list = r->call->head->prefer;
    while (list.len) {
        mola_str preference = mola_str_cut(&list, ',');
        if (mola_token_is(mola_trim(mola_str_cut(&preference, ';')), MOLA_STR("respond-async")))
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------ at once */
handled mola_handle_clone(request *r)
{
    if (mola_prefers_async(r) &&
        mola_json_is_set(mola_json_get(r->body, MOLA_STR("copy_from_namespace")))) {
        char token[MOLA_TOKEN_BYTES] = {0};
        mola_err err = start(r, token);
        return mola_answer_started(r, err, 202, token);
    }
    mola_branched done;
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_err err = clone(r, &done);
    mola_count(r->api->env->metrics, MOLA_M_writes_total, 1);
    if (!err) {
        mola_print_cloned(&out, done.rows, mola_elapsed_ms(r));
        mola_reply_field(&r->call->reply, "mola-seq: %llu\r\nmola-epoch: %llu\r\n",
                         (unsigned long long)done.seq, (unsigned long long)done.epoch);
    }
    return finish(r, err, 200, &out, NULL);
}
