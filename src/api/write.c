/* write.c - everything that changes a namespace: the body goes to write/, the answer comes back
 * from its commit group on another thread (reference 7.10, 9.2, 9.5, 9.7). */
#include "api/private.h"
#include "mola/codec/print.h"
#include "mola/model/schema.h"
#include "mola/write/clone.h"

static void print_count(mola_buf *out, const char *label, bool asked, uint64_t count)
{
    if (asked)
        mola_buf_print(out, ",\"%s\":%llu", label, (unsigned long long)count);
}

static void print_ids(mola_buf *out, const char *label, const mola_buf *ids)
{
    if (ids->len) {
        mola_buf_print(out, ",\"%s\":", label);
        mola_buf_add_str(out, mola_buf_str(ids));
    }
    out->failed |= ids->failed;
}

static void print_written(const request *r, mola_buf *out)
{
    const mola_write_answer *a = &r->write.answer;
    uint64_t affected = a->rows_upserted + a->rows_patched + a->rows_deleted;
    mola_buf_print(out,
                   "{\"status\":\"OK\",\"message\":\"documents committed "
                   "successfully\",\"rows_affected\":%llu",
                   (unsigned long long)affected);
    print_count(out, "rows_upserted", a->had_upserts, a->rows_upserted);
    print_count(out, "rows_patched", a->had_patches, a->rows_patched);
    print_count(out, "rows_deleted", a->had_deletes, a->rows_deleted);
    if (a->rows_remaining)
        mola_buf_add_str(out, MOLA_STR(",\"rows_remaining\":true"));
    print_ids(out, "upserted_ids", &a->upserted_ids);
    print_ids(out, "patched_ids", &a->patched_ids);
    print_ids(out, "deleted_ids", &a->deleted_ids);
    mola_buf_print(out, ",\"billing\":{\"billable_logical_bytes_written\":%llu",
                   (unsigned long long)a->bytes_written);
    if (a->had_query) {
        mola_buf_add_str(out, MOLA_STR(",\"query\":{\"billable_logical_bytes_queried\":256000000,"
                                       "\"billable_logical_bytes_returned\":0}"));
    }
    mola_buf_print(out, "},\"performance\":{\"server_total_ms\":%llu",
                   (unsigned long long)mola_elapsed_ms(r));
    mola_print_embedding(out, &r->write.embedding);
    mola_buf_add_str(out, MOLA_STR("}}"));
}

static void on_done(mola_write *write)
{
    request *r = (request *)((char *)write - offsetof(request, write));
    mola_write_answer *answer = &write->answer;
    mola_err err = answer->err;
    mola_count(r->api->env->metrics, MOLA_M_writes_total, 1);
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    if (err) {
        r->why = answer->why;
    } else {
        switch (write->kind) {
        case MOLA_WRITE_ROWS:
            print_written(r, &out);
            break;
        case MOLA_WRITE_SCHEMA:
            mola_schema_print(&out, answer->view->state);
            break;
        case MOLA_WRITE_SETTINGS:
            mola_print_metadata(&out, answer->view, r->match.version);
            break;
        case MOLA_WRITE_DELETE:
        case MOLA_WRITE_DELETE_EMPTY:
            mola_buf_add_str(&out, MOLA_STR("{\"status\":\"OK\"}"));
            break;
        }
    }
    if (answer->epoch) {
        mola_reply_field(&r->call->reply, "mola-seq: %llu\r\nmola-epoch: %llu\r\n",
                         (unsigned long long)answer->seq, (unsigned long long)answer->epoch);
    }
    mola_write_answer_free(answer); /* before finish(), which frees the request and its heap */
    (void)finish(r, err, 200, &out, NULL);
}

static handled submit(request *r, mola_write_kind kind)
{
    r->write = (mola_write){.kind = kind,
                            .name = request_name(r),
                            .body = r->body,
                            .arena = &r->arena,
                            .heap = &r->memory.heap,
                            .deadline_ns = r->ctx.deadline_ns,
                            .done = on_done};
    mola_writer_submit(r->api->config.writer, r->ctx.job, &r->write);
    return PENDING;
}

handled mola_handle_write(request *r)
{
    mola_err err = mola_legacy_write(r);
    if (err)
        return finish(r, err, 0, NULL, NULL);
    if (mola_clone_asked(r->body))
        return mola_handle_clone(r);
    return submit(r, MOLA_WRITE_ROWS);
}

handled mola_handle_update_schema(request *r)
{
    return submit(r, MOLA_WRITE_SCHEMA);
}

handled mola_handle_update_metadata(request *r)
{
    return submit(r, MOLA_WRITE_SETTINGS);
}

handled mola_handle_delete(request *r)
{
    return submit(r, MOLA_WRITE_DELETE);
}
