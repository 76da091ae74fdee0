/* clone.c - copies and branches (reference 9.9, 9.10), in the thread of the request. */
#include "mola/write/clone.h"
#include "api/private.h"

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

handled mola_handle_clone(request *r)
{
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
