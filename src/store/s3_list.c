/* s3_list.c - LIST: pages of the store, held against each other, into one page of ours. */
#include "mola/base/check.h"
#include "page.h"
#include "s3.h"
#include <stdio.h>

enum {
    XML_BYTES_MAX = 16 << 20,
    PAGES_MAX = 100, /* of the store, for one of ours: all but the first are rare */
    PATH_BYTES = MOLA_KEY_BYTES_MAX + 64
};

static uint32_t entries_max(const mola_store_op *op)
{
    bool asked = op->keys_max > 0 && op->keys_max < MOLA_LIST_KEYS_MAX;
    return asked ? op->keys_max : MOLA_LIST_KEYS_MAX;
}

/* One more than is wanted tells whether there is more. */
static uint32_t ask_for(const mola_store_op *op)
{
    uint32_t most = entries_max(op);
    return most < MOLA_LIST_KEYS_MAX ? most + 1 : most;
}

static void print_parameter(mola_buf *out, const mola_s3 *s3, const char *name, mola_str text)
{
    if (text.len == 0 && (!s3->settings.prefix[0] || strcmp(name, "start-after") == 0))
        return;
    mola_buf_print(out, "&%s=", name);
    mola_s3_encode(out, mola_str_of(s3->settings.prefix), MOLA_S3_ENCODE_VALUE);
    if (s3->settings.prefix[0])
        mola_buf_add_str(out, MOLA_STR("%2F"));
    mola_s3_encode(out, text, MOLA_S3_ENCODE_VALUE);
}

bool mola_s3_call_list(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call, mola_store_op *op,
                       mola_str token)
{
    mola_buf query;
    mola_buf_init(&query, s3->env->heap);
    if (token.len) {
        mola_buf_add_str(&query, MOLA_STR("continuation-token="));
        mola_s3_encode(&query, token, MOLA_S3_ENCODE_VALUE);
        mola_buf_add_char(&query, '&');
    }
    if (op->delimiter) {
        mola_buf_add_str(&query, MOLA_STR("delimiter="));
        mola_s3_encode(&query, (mola_str){&op->delimiter, 1}, MOLA_S3_ENCODE_VALUE);
        mola_buf_add_char(&query, '&');
    }
    mola_buf_print(&query, "encoding-type=url&list-type=2&max-keys=%u", ask_for(op));
    print_parameter(&query, s3, "prefix", op->key);
    if (!token.len)
        print_parameter(&query, s3, "start-after", op->start_after);
    bool ok = mola_s3_call_make(s3, ctx, call, "GET", MOLA_STR(""), mola_buf_str(&query));
    ok = ok && !query.failed;
    mola_buf_free(&query);
    call->op = op;
    call->http.hedged = true; /* as slow as a GET now and then, and in one batch with those */
    call->http.bytes_max = XML_BYTES_MAX;
    return ok;
}

/* --- One answer --- */

typedef struct {
    mola_s3 *s3;
    mola_store_op *op;
    mola_page page;
    mola_arena scratch; /* the answer at hand, decoded */
    mola_why why;
    char last[PATH_BYTES]; /* the last key or prefix seen, as the store has it */
    size_t last_len;
    bool encoded, complete;
} walk;

static mola_err malformed(walk *w, const char *what)
{
    return mola_fail(&w->why, MOLA_UNAVAILABLE, "a listing of the store %s", what);
}

static bool decode(walk *w, mola_str text, mola_str *out)
{
    if (!w->encoded) {
        *out = text;
        return true;
    }
    size_t size;
    char *place = mola_new(&w->scratch, char, text.len);
    if (!place || !mola_s3_decode(text, true, place, text.len, &size))
        return false;
    *out = (mola_str){place, size};
    return true;
}

/* The part of a key that is ours. false: the key is outside of what was asked for. */
static bool strip_prefix(const walk *w, mola_str path, mola_str *out)
{
    mola_str prefix = mola_str_of(w->s3->settings.prefix);
    if (prefix.len) {
        if (!mola_str_starts(path, prefix) || path.len == prefix.len ||
            path.data[prefix.len] != '/')
            return false;
        path = mola_str_from(path, prefix.len + 1);
    }
    *out = path;
    return mola_str_starts(path, w->op->key);
}

static mola_err offer(walk *w, mola_str path, uint64_t size, bool is_prefix)
{
    mola_str key;
    if (path.len >= sizeof w->last || mola_str_cmp(path, (mola_str){w->last, w->last_len}) <= 0)
        return malformed(w, "is not in order");
    memcpy(w->last, path.data, path.len);
    w->last_len = path.len;
    if (!strip_prefix(w, path, &key))
        return malformed(w, "has keys that were not asked for");
    if (!is_prefix && !mola_store_key_ok(key))
        return MOLA_OK; /* not ours: others may use the bucket too */
    w->complete = !mola_page_add(&w->page, key, size);
    return w->op->err;
}

/* The store lists keys and common prefixes apart, each in order. */
static mola_err offer_all(walk *w, const mola_s3_listing *l)
{
    uint32_t k = 0, p = 0;
    mola_err err = MOLA_OK;
    while (!err && !w->complete && (k < l->key_count || p < l->prefix_count)) {
        mola_str key = {0}, prefix = {0};
        bool has_key = k < l->key_count, has_prefix = p < l->prefix_count;
        if ((has_key && !decode(w, l->keys[k].key, &key)) ||
            (has_prefix && !decode(w, l->prefixes[p].key, &prefix)))
            return malformed(w, "has keys that are not well encoded");
        if (has_key && (!has_prefix || mola_str_cmp(key, prefix) < 0)) {
            err = offer(w, key, l->keys[k++].size, false);
        } else {
            err = offer(w, prefix, l->prefixes[p++].size, true);
        }
    }
    return err;
}

/* --- All of them --- */

/* Takes one answer; `token` is where the next one begins, empty when none is needed. */
static mola_err take_answer(walk *w, mola_s3_call *call, mola_str *token)
{
    mola_s3_listing l;
    *token = (mola_str){0};
    mola_err err = mola_s3_outcome_plain(call);
    if (err)
        return err;
    mola_arena_reset(&w->scratch);
    err = mola_s3_listing_parse(mola_buf_str(&call->http.reply.text), &w->scratch, &l, &w->why);
    if (err)
        return err;
    w->encoded = l.encoded;
    err = offer_all(w, &l);
    if (err || w->complete || !l.truncated)
        return err;
    if (w->op->entry_count == MOLA_LIST_KEYS_MAX) {
        w->op->truncated = true; /* its word is taken for it, instead of another request */
    } else {
        *token = l.next;
    }
    return MOLA_OK;
}

static mola_err next_page(walk *w, mola_ctx *ctx, mola_str *token)
{
    mola_s3_call call, *one = &call;
    bool ok = mola_s3_call_list(w->s3, ctx, &call, w->op, *token);
    mola_err err = ok ? mola_s3_calls_run(w->s3, ctx, &one, 1) : MOLA_UNAVAILABLE;
    if (!err)
        err = take_answer(w, &call, token);
    mola_s3_call_free(&call);
    return err;
}

void mola_s3_list_finish(mola_s3 *s3, mola_ctx *ctx, mola_s3_call *call)
{
    mola_store_op *op = call->op;
    walk w = {.s3 = s3, .op = op};
    mola_arena_init(&w.scratch, s3->env->heap, (size_t)4 * XML_BYTES_MAX);
    mola_page_init(&w.page, ctx->arena, op);
    mola_str token;
    mola_err err = take_answer(&w, call, &token);
    for (int pages = 1; !err && token.len; pages++)
        err = pages < PAGES_MAX ? next_page(&w, ctx, &token) : malformed(&w, "does not end");
    if (err) {
        op->err = err;
        op->entry_count = 0;
        op->truncated = false;
        mola_str text = mola_why_text(&w.why);
        if (text.len) {
            mola_log(s3->env, MOLA_LOG_WARN, "store_failed", "words=\"" MOLA_FMT "\"",
                     MOLA_ARG(text));
        }
    }
    mola_arena_reset(&w.scratch);
}
