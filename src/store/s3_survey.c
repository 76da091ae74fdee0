/* s3_survey.c - what a bucket says of itself. */
#include "mola/base/check.h"
#include "s3.h"

/* The text of one sub-resource of the bucket. false: the store does not say. */
static bool ask(mola_s3 *s3, mola_ctx *ctx, mola_str what, mola_s3_call *call)
{
    mola_s3_call *one = call;
    if (!mola_s3_call_make(s3, ctx, call, "GET", MOLA_STR(""), what) ||
        mola_s3_calls_run(s3, ctx, &one, 1) != MOLA_OK)
        return false;
    return call->http.reply.end == MOLA_HTTP_ANSWERED && call->http.reply.status == 200;
}

static bool says(const mola_s3_call *call, const char *element, const char *value)
{
    char text[64];
    return mola_s3_element(mola_buf_str(&call->http.reply.text), element, text, sizeof text) &&
           strcmp(text, value) == 0;
}

mola_err mola_s3_survey(mola_store *store, mola_ctx *ctx, mola_store_survey *out)
{
    mola_s3 *s3 = (mola_s3 *)store;
    mola_s3_call call;
    *out = (mola_store_survey){.asked = true};
    out->versioning =
        ask(s3, ctx, MOLA_STR("versioning="), &call) && says(&call, "Status", "Enabled");
    if (call.http.reply.date_s)
        out->skew_s = (int64_t)call.http.reply.date_s - (int64_t)(mola_wall_us(s3->env) / 1000000);
    mola_s3_call_free(&call);
    out->lifecycle = ask(s3, ctx, MOLA_STR("lifecycle="), &call);
    mola_s3_call_free(&call);
    out->object_lock = ask(s3, ctx, MOLA_STR("object-lock="), &call) &&
                       says(&call, "ObjectLockEnabled", "Enabled");
    mola_s3_call_free(&call);
    return MOLA_OK;
}
