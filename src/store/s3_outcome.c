/* s3_outcome.c - what an answer of the store means (protocol section 3).
 *
 * Each answer speaks of its own copy of the request. So when more than one copy of a write left
 * this machine, a refusal proves nothing about the others: the outcome is UNKNOWN. */
#include "mola/base/check.h"
#include "s3.h"

/* --- Which failures pass --- */

static bool is_code(const mola_s3_error *e, const char *code)
{
    return strcmp(e->code, code) == 0;
}

/* 501 is "never", not "later". */
static bool is_busy(uint32_t status)
{
    return status == 429 || (status >= 500 && status != 501);
}

/* The store read no further than the head, or nothing at all: nothing happened. */
static bool is_clock_or_keys(uint32_t status, const mola_s3_error *e)
{
    return (status == 400 || status == 403) &&
           (is_code(e, "RequestTimeTooSkewed") || is_code(e, "ExpiredToken") ||
            is_code(e, "InvalidAccessKeyId") || is_code(e, "InvalidClientTokenId") ||
            is_code(e, "TokenRefreshRequired"));
}

static bool passes(const mola_http_reply *reply, const mola_s3_error *e)
{
    return is_busy(reply->status) || reply->status == 408 || reply->status == 409 ||
           (reply->status == 400 && is_code(e, "RequestTimeout"));
}

/* A 404 that says it is about the key. Any other one may come from whatever stands between. */
static bool is_absent(const mola_http_reply *reply, const mola_s3_error *e)
{
    return reply->status == 404 && is_code(e, "NoSuchKey");
}

/* --- GET --- */

static bool wants_all(const mola_s3_call *call)
{
    return call->range == MOLA_S3_WHOLE ||
           (call->range == MOLA_S3_AS_ASKED && call->range_first == 0 &&
            call->range_last == UINT64_MAX);
}

/* 206: exactly the part that was asked for, cut at the end of the object. */
static bool part_fits(const mola_s3_call *call, const mola_http_reply *r)
{
    if (!r->has_range || r->range_first != call->range_first ||
        r->range_last - r->range_first + 1 != r->length)
        return false;
    uint64_t end = r->range_total - 1;
    return r->range_last == (call->range_last < end ? call->range_last : end);
}

/* 200 to a ranged GET: right only when the range held all of the object. */
static bool whole_fits(const mola_s3_call *call, const mola_http_reply *r)
{
    if (wants_all(call))
        return true;
    return call->range_first == 0 && r->length > 0 && r->length - 1 <= call->range_last;
}

/* Asked for its size because the range lay behind its end, which is no longer so. */
static bool has_grown(const mola_s3_call *call, const mola_http_reply *r)
{
    return call->range == MOLA_S3_FIRST_BYTE && r->status == 206 &&
           r->range_total > call->op->offset;
}

static bool object_fits(const mola_s3_call *call, const mola_http_reply *r)
{
    if (has_grown(call, r))
        return false;
    return r->etag.len > 0 && (r->status == 206 ? part_fits(call, r) : whole_fits(call, r));
}

/* The range begins behind the end. How long the object is, a second question tells: its first byte,
 * or all of it when it has none. */
static mola_http_verdict ask_for_size(mola_s3_call *call)
{
    call->range = call->range_first == 0 ? MOLA_S3_WHOLE : MOLA_S3_FIRST_BYTE;
    return MOLA_HTTP_OTHER;
}

static mola_http_verdict judge_object(mola_s3_call *call, const mola_http_reply *r)
{
    if (has_grown(call, r)) {
        call->range = MOLA_S3_AS_ASKED;
        return MOLA_HTTP_OTHER;
    }
    return object_fits(call, r) ? MOLA_HTTP_DONE : MOLA_HTTP_AGAIN;
}

static void take_object(mola_s3_call *call, mola_store_op *op, const mola_http_reply *r)
{
    op->new_etag = r->etag;
    op->object_size = r->status == 206 ? r->range_total : r->length;
    uint64_t skipped = call->range == MOLA_S3_AS_ASKED ? 0 : op->offset;
    op->bytes = r->bytes;
    if (skipped == 0 && call->range == MOLA_S3_AS_ASKED)
        return;
    /* It grew meanwhile, or was asked for otherwise: what is here of the range that was wanted. */
    op->bytes = mola_str_from(r->bytes, skipped < r->bytes.len ? (size_t)skipped : r->bytes.len);
    if (op->length && op->length < op->bytes.len)
        op->bytes.len = (size_t)op->length;
}

static mola_err settle_get(mola_s3_call *call, const mola_http_reply *r, const mola_s3_error *e)
{
    mola_store_op *op = call->op;
    if (r->status == 304 && op->etag.len) {
        op->not_modified = true;
        op->new_etag = op->etag;
        return MOLA_OK;
    }
    if (is_absent(r, e))
        return MOLA_NOT_FOUND;
    if (r->status == 200 || r->status == 206) {
        if (!object_fits(call, r))
            return MOLA_UNAVAILABLE;
        take_object(call, op, r);
        return MOLA_OK;
    }
    bool foreign = r->status == 404 && !is_code(e, "NoSuchBucket");
    bool later = passes(r, e) || is_clock_or_keys(r->status, e) || foreign || r->status == 416;
    return later ? MOLA_UNAVAILABLE : MOLA_INVALID;
}

/* --- PUT and DELETE --- */

/* A refusal that speaks of the only copy there was. */
static mola_err refusal(const mola_s3_call *call, mola_err err)
{
    return call->http.copies > 1 ? MOLA_UNKNOWN : err;
}

/* A 200 was sent before the copying ended; only its body tells how that went. */
static mola_err settle_copied(const mola_http_reply *r)
{
    char etag[MOLA_S3_CODE_BYTES * 2];
    bool done = mola_s3_element(mola_buf_str(&r->text), "ETag", etag, sizeof etag);
    return done ? MOLA_OK : MOLA_UNKNOWN;
}

static mola_err settle_write(mola_s3_call *call, const mola_http_reply *r, const mola_s3_error *e)
{
    mola_store_op *op = call->op;
    bool is_put = op->verb == MOLA_PUT, conditional = is_put && op->when != MOLA_PUT_ALWAYS;
    bool is_copy = op->verb == MOLA_COPY;
    if (is_copy && r->status == 200)
        return settle_copied(r);
    if (r->status == 200 || r->status == 204) {
        if (is_put)
            op->new_etag = r->etag;
        return MOLA_OK;
    }
    if (conditional && r->status == 412)
        return MOLA_CONFLICT;
    if (is_copy && is_absent(r, e)) /* before a byte of it was written */
        return MOLA_NOT_FOUND;
    if (is_absent(r, e)) {
        if (!is_put)
            return MOLA_OK;
        return op->when == MOLA_PUT_IF_MATCH ? MOLA_CONFLICT : MOLA_UNKNOWN;
    }
    if (is_clock_or_keys(r->status, e))
        return refusal(call, MOLA_UNAVAILABLE);
    if (passes(r, e) || r->status < 300)
        return MOLA_UNKNOWN; /* a 409 too: what raced with it may have been a copy of itself */
    if (r->status == 404 && !is_code(e, "NoSuchBucket"))
        return MOLA_UNKNOWN;
    return refusal(call, MOLA_INVALID);
}

/* --- Without an answer --- */

static mola_err settle_failure(const mola_s3_call *call, bool is_write)
{
    if (call->http.reply.end == MOLA_HTTP_NO_ROOM)
        return MOLA_NO_MEMORY;
    return is_write && call->http.copies > 0 ? MOLA_UNKNOWN : MOLA_UNAVAILABLE;
}

void mola_s3_settle(mola_s3_call *call)
{
    const mola_http_reply *r = &call->http.reply;
    mola_store_op *op = call->op;
    mola_s3_error e = {0};
    bool is_write = op->verb != MOLA_GET;
    if (r->end != MOLA_HTTP_ANSWERED) {
        op->err = settle_failure(call, is_write);
    } else {
        if (r->status >= 300)
            mola_s3_error_parse(mola_buf_str(&r->text), &e);
        op->err = is_write ? settle_write(call, r, &e) : settle_get(call, r, &e);
    }
    if (op->err && op->err != MOLA_NOT_FOUND && op->err != MOLA_CONFLICT)
        mola_s3_note(call, op->err, &e);
}

mola_err mola_s3_outcome_plain(mola_s3_call *call)
{
    const mola_http_reply *r = &call->http.reply;
    mola_s3_error e = {0};
    mola_err err = MOLA_OK;
    if (r->end != MOLA_HTTP_ANSWERED) {
        err = settle_failure(call, call->http.is_write);
    } else if (r->status < 200 || r->status >= 300) {
        mola_s3_error_parse(mola_buf_str(&r->text), &e);
        bool later = passes(r, &e) || is_clock_or_keys(r->status, &e);
        err = later && call->http.is_write ? MOLA_UNKNOWN : later ? MOLA_UNAVAILABLE : MOLA_INVALID;
    }
    if (err)
        mola_s3_note(call, err, &e);
    return err;
}

/* --- While it runs --- */

/* The skew is taken over at once; new keys are the business of whoever asks next. */
static mola_http_verdict judge_refusal(mola_s3_call *call, const mola_http_reply *r,
                                       const mola_s3_error *e)
{
    mola_s3 *s3 = call->s3;
    if (is_code(e, "RequestTimeTooSkewed") && r->date_s) {
        int64_t skew = (int64_t)r->date_s - (int64_t)(mola_wall_us(s3->env) / 1000000);
        MOLA_LOCKED(&s3->lock);
        s3->skew_s = skew;
    } else if (!is_code(e, "RequestTimeTooSkewed")) {
        mola_s3_credentials_refused(s3, call->keys);
        return MOLA_HTTP_DONE;
    }
    return call->http.repeatable && r->date_s ? MOLA_HTTP_OTHER : MOLA_HTTP_DONE;
}

mola_http_verdict mola_s3_judge(mola_http_exchange *x, const mola_http_reply *r)
{
    mola_s3_call *call = (mola_s3_call *)x;
    bool is_get = call->op && call->op->verb == MOLA_GET;
    if (is_busy(r->status))
        mola_count(call->s3->env->metrics, MOLA_M_store_overload_total, 1);
    if (r->status < 300 && is_get)
        return judge_object(call, r);
    if (r->status < 400)
        return MOLA_HTTP_DONE;
    mola_s3_error e;
    mola_s3_error_parse(mola_buf_str(&r->text), &e);
    if (r->status == 416 && is_get && call->range != MOLA_S3_WHOLE)
        return ask_for_size(call);
    if (is_clock_or_keys(r->status, &e))
        return judge_refusal(call, r, &e);
    bool foreign = r->status == 404 && !is_code(&e, "NoSuchKey") && !is_code(&e, "NoSuchBucket") &&
                   !is_code(&e, "NoSuchUpload");
    return passes(r, &e) || (is_get && foreign) ? MOLA_HTTP_AGAIN : MOLA_HTTP_DONE;
}
