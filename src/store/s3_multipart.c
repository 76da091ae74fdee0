/* s3_multipart.c - a large plain PUT in parts. The object appears whole, when the upload is
 * completed; until then nothing has happened. An upload that is left behind is for the bucket's
 * lifecycle to remove, when the wish to abort it does not get through. */
#include "mola/base/check.h"
#include "s3.h"

enum { PART_BYTES = 16 << 20, PARTS_MAX = 10000, PARTS_AT_ONCE = 8 };

typedef struct {
    mola_s3 *s3;
    mola_ctx *ctx;
    mola_store_op *op;
    char id[MOLA_S3_UPLOAD_ID_BYTES];
    uint64_t part_bytes;
    mola_buf parts; /* the body of the completion */
} upload;

static mola_err run_one(upload *u, mola_s3_call *call)
{
    return mola_s3_calls_run(u->s3, u->ctx, &call, 1);
}

static mola_err begin(upload *u)
{
    mola_s3_call call;
    bool ok = mola_s3_call_make(u->s3, u->ctx, &call, "POST", u->op->key, MOLA_STR("uploads="));
    mola_err err = ok ? run_one(u, &call) : MOLA_UNAVAILABLE;
    if (!err)
        err = mola_s3_outcome_plain(&call);
    if (!err &&
        !mola_s3_element(mola_buf_str(&call.http.reply.text), "UploadId", u->id, sizeof u->id))
        err = MOLA_UNAVAILABLE;
    mola_s3_call_free(&call);
    return err == MOLA_UNKNOWN ? MOLA_UNAVAILABLE : err;
}

/* "uploadId=..." behind what comes first. */
static bool make_call(upload *u, mola_s3_call *call, const char *method, uint32_t part)
{
    mola_buf query;
    mola_buf_init(&query, u->s3->env->heap);
    if (part)
        mola_buf_print(&query, "partNumber=%u&", part);
    mola_buf_add_str(&query, MOLA_STR("uploadId="));
    mola_s3_encode(&query, mola_str_of(u->id), MOLA_S3_ENCODE_VALUE);
    bool ok = mola_s3_call_make(u->s3, u->ctx, call, method, u->op->key, mola_buf_str(&query)) &&
              !query.failed;
    mola_buf_free(&query);
    call->http.stall_ns = 0; /* an upload shows no progress until it is over */
    return ok;
}

static void set_body(mola_s3_call *call, mola_str body)
{
    call->http.body = body;
    mola_s3_hash(body, call->payload_hash);
}

static mola_str part_of(const upload *u, uint32_t number)
{
    mola_str rest = mola_str_from(u->op->body, (size_t)((number - 1) * u->part_bytes));
    if (rest.len > u->part_bytes)
        rest.len = (size_t)u->part_bytes;
    return rest;
}

static void print_escaped(mola_buf *out, mola_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '&' || c == '<' || c == '>') {
            mola_buf_print(out, "&#%d;", c);
        } else {
            mola_buf_add_char(out, c);
        }
    }
}

static mola_err take_part(upload *u, mola_s3_call *call, uint32_t number)
{
    mola_err err = mola_s3_outcome_plain(call);
    mola_etag etag = call->http.reply.etag;
    if (!err && etag.len == 0)
        err = MOLA_UNAVAILABLE;
    mola_buf_print(&u->parts, "<Part><PartNumber>%u</PartNumber><ETag>", number);
    print_escaped(&u->parts, (mola_str){etag.bytes, etag.len});
    mola_buf_add_str(&u->parts, MOLA_STR("</ETag></Part>"));
    return err == MOLA_UNKNOWN ? MOLA_UNAVAILABLE : err;
}

/* Parts `first` and following, at most PARTS_AT_ONCE, side by side. */
static mola_err send_parts(upload *u, uint32_t first, uint32_t count)
{
    mola_s3_call calls[PARTS_AT_ONCE], *list[PARTS_AT_ONCE];
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        list[i] = &calls[i];
        ok = make_call(u, &calls[i], "PUT", first + i) && ok;
        set_body(&calls[i], part_of(u, first + i));
    }
    mola_err err = ok ? mola_s3_calls_run(u->s3, u->ctx, list, count) : MOLA_UNAVAILABLE;
    for (uint32_t i = 0; i < count; i++) {
        if (!err)
            err = take_part(u, &calls[i], first + i);
        mola_s3_call_free(&calls[i]);
    }
    return err;
}

static mola_err send_all(upload *u)
{
    uint64_t size = u->op->body.len;
    u->part_bytes = PART_BYTES;
    while ((size + u->part_bytes - 1) / u->part_bytes > PARTS_MAX)
        u->part_bytes *= 2;
    uint32_t parts = (uint32_t)((size + u->part_bytes - 1) / u->part_bytes);
    mola_buf_add_str(&u->parts, MOLA_STR("<CompleteMultipartUpload>"));
    mola_err err = MOLA_OK;
    for (uint32_t sent = 0; !err && sent < parts;) {
        uint32_t count = parts - sent < PARTS_AT_ONCE ? parts - sent : PARTS_AT_ONCE;
        err = send_parts(u, sent + 1, count);
        sent += count;
    }
    mola_buf_add_str(&u->parts, MOLA_STR("</CompleteMultipartUpload>"));
    return !err && u->parts.failed ? MOLA_UNAVAILABLE : err;
}

/* Sent once: a second sending would find no upload, whether the first has landed or not. The store
 * answers 200 before it knows; the document tells. */
static mola_err complete(upload *u)
{
    mola_s3_call call;
    mola_err err = make_call(u, &call, "POST", 0) ? MOLA_OK : MOLA_UNAVAILABLE;
    set_body(&call, mola_buf_str(&u->parts));
    call.http.repeatable = false;
    if (!err)
        err = run_one(u, &call);
    if (!err) {
        char etag[MOLA_ETAG_BYTES_MAX + 1];
        const mola_http_reply *r = &call.http.reply;
        bool done = mola_s3_outcome_plain(&call) == MOLA_OK &&
                    mola_s3_element(mola_buf_str(&r->text), "ETag", etag, sizeof etag);
        err = done ? MOLA_OK : call.http.copies ? MOLA_UNKNOWN : MOLA_UNAVAILABLE;
        if (done) {
            u->op->new_etag.len = (uint8_t)strlen(etag);
            memcpy(u->op->new_etag.bytes, etag, u->op->new_etag.len);
        }
    }
    mola_s3_call_free(&call);
    return err;
}

static void abort_upload(upload *u)
{
    mola_s3_call call;
    if (make_call(u, &call, "DELETE", 0) && run_one(u, &call) == MOLA_OK)
        (void)mola_s3_outcome_plain(&call);
    mola_s3_call_free(&call);
}

void mola_s3_multipart(mola_s3 *s3, mola_ctx *ctx, mola_store_op *op)
{
    MOLA_ASSERT(op->verb == MOLA_PUT && op->when == MOLA_PUT_ALWAYS);
    upload u = {.s3 = s3, .ctx = ctx, .op = op};
    mola_buf_init(&u.parts, s3->env->heap);
    op->err = begin(&u);
    if (!op->err) {
        op->err = send_all(&u);
        if (op->err) {
            abort_upload(&u);
        } else {
            op->err = complete(&u);
        }
    }
    mola_buf_free(&u.parts);
}
