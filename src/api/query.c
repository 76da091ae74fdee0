/* query.c - POST /v2/namespaces/{ns}/query: pin a view, rank it, say what it cost (reference 8.10).
 */
#include "mola/query/query.h"
#include "api/private.h"
#include "mola/codec/datetime.h"
#include "mola/codec/print.h"

/* The least that a query is billed; what the SDKs' own tests expect of a small namespace (reference
 * 11). */
#define BYTES_QUERIED_MIN 256000000ull

/* How often a query is run again because objects it was reading were collected. */
enum { RUNS_MAX = 1 + 3 };

/* How much of the log was in memory already when the view was asked for. */
static double log_ratio(const request *r, const mola_view *view)
{
    if (r->ctx.bytes_read == 0 || view->log_bytes == 0)
        return 1.0;
    return r->ctx.bytes_read >= view->log_bytes
               ? 0.0
               : 1.0 - (double)r->ctx.bytes_read / (double)view->log_bytes;
}

/* How much of what was needed was in memory: of the log and of the pages of segments, the worse. */
static double hit_ratio(const request *r, double log)
{
    uint64_t pages = r->ctx.pages_hit + r->ctx.pages_missed;
    double ratio = pages ? (double)r->ctx.pages_hit / (double)pages : 1.0;
    return ratio < log ? ratio : log;
}

typedef struct {
    mola_view *view;
    mola_query_result result;
    mola_buf *plan; /* NULL: the query is answered; else it is explained, here */
    double log_ratio;
    uint64_t run_ns;
    mola_model_usage embedding, reranking;
} answer;

static void print_trailer(request *r, mola_buf *out, const answer *a)
{
    const mola_view *view = a->view;
    const mola_query_result *result = &a->result;
    double ratio = hit_ratio(r, a->log_ratio);
    uint64_t run_ms = (a->run_ns + MOLA_MILLISECOND - 1) / MOLA_MILLISECOND;
    mola_buf_print(out,
                   ",\"billing\":{\"billable_logical_bytes_queried\":%llu,\"billable_logical_bytes_"
                   "returned\":%llu},"
                   "\"performance\":{\"cache_hit_ratio\":",
                   BYTES_QUERIED_MIN, (unsigned long long)result->bytes_returned);
    mola_print_f64(out, ratio);
    mola_buf_print(
        out,
        ",\"cache_temperature\":\"%s\",\"server_total_ms\":%llu,\"query_execution_ms\":%llu,"
        "\"exhaustive_search_count\":%llu,\"approx_namespace_size\":%llu,\"storage_roundtrips\":%u,"
        "\"last_included_write_at\":\"",
        ratio >= 0.95  ? "hot"
        : ratio >= 0.5 ? "warm"
                       : "cold",
        (unsigned long long)mola_elapsed_ms(r), (unsigned long long)(run_ms ? run_ms : 1),
        (unsigned long long)result->rows_exhausted, (unsigned long long)view->live_rows,
        r->ctx.roundtrips);
    mola_timestamp_print(out, view->written_us);
    mola_buf_add_char(out, '"');
    mola_print_embedding(out, &a->embedding);
    if (a->reranking.used)
        mola_buf_print(out, ",\"rerank_ms\":%llu", mola_usage_ms(&a->reranking));
    mola_buf_add_str(out, MOLA_STR("}}"));
}

mola_err mola_turn_begin(mola_ctx *ctx, mola_api *api, mola_str name, const mola_view *view,
                         uint32_t weight, bool *counted)
{
    *counted = view->state->pinned_replicas == 0;
    return *counted ? mola_gate_enter(api->gate, ctx->job, name, weight, ctx->why) : MOLA_OK;
}

void mola_turn_end(mola_api *api, mola_str name, uint32_t weight, bool counted)
{
    if (counted)
        mola_gate_leave(api->gate, name, weight);
}

/* On the view that was read: who waits for the log of a namespace, or for a model, holds no slot of
 * it. */
static mola_err run_in_turn(request *r, mola_query *query, answer *out)
{
    uint32_t weight = mola_query_weight(query);
    const mola_kernel *kernel = r->api->config.kernel;
    bool counted;
    mola_err err = mola_query_prepare(&r->ctx, out->view->state, r->api->config.provider, query,
                                      &out->embedding);
    if (!err)
        err = mola_turn_begin(&r->ctx, r->api, request_name(r), out->view, weight, &counted);
    if (err)
        return err;
    uint64_t began_ns = mola_boot_ns(r->api->env);
    if (out->plan) {
        out->plan->len = 0;
        err = mola_query_explain(&r->ctx, out->view, kernel, query, out->plan);
    } else {
        err = mola_query_run(&r->ctx, out->view, kernel, query, &out->result);
    }
    out->run_ns = mola_boot_ns(r->api->env) - began_ns;
    mola_turn_end(r->api, request_name(r), weight, counted);
    return err;
}

/* Reference 7.7, 12: who lets the log grow past the limit, by disable_backpressure, is told so
 * where all of it would have to be searched for an answer that is up to date. */
static mola_err check_unindexed(request *r, const mola_query *query, const mola_view *view)
{
    uint64_t most = r->api->config.unindexed_bytes_max;
    if (!most || view->log_bytes <= most || mola_query_freshness(query)->level != MOLA_READ_STRONG)
        return MOLA_OK;
    return mola_fail(&r->why, MOLA_BUSY,
                     "the namespace has %llu bytes of writes that are not indexed yet, more than "
                     "the limit of %llu: try again later, or query with eventual consistency",
                     (unsigned long long)view->log_bytes, (unsigned long long)most);
}

/* Reads the namespace and runs the query. When the collector outran the view, a newer one is asked
 * for: a view may read for L (protocol) after its manifest was, so it takes a very slow query. */
static mola_err run(request *r, mola_query *query, answer *out)
{
    mola_freshness freshness = *mola_query_freshness(query);
    mola_err err = MOLA_CONFLICT;
    for (int runs = 0; err == MOLA_CONFLICT && runs < RUNS_MAX; runs++) {
        mola_why_clear(&r->why);
        if (out->view)
            mola_view_unref(out->view);
        out->view = NULL;
        err = mola_request_read(r, &freshness, &out->view);
        if (err)
            return err;
        out->log_ratio = log_ratio(r, out->view);
        err = check_unindexed(r, query, out->view);
        if (!err)
            err = run_in_turn(r, query, out);
        mola_view_release(&r->ctx, NULL);
        freshness = (mola_freshness){.level = MOLA_READ_STRONG};
    }
    if (!err && out->result.candidates)
        err = mola_query_rerank(&r->ctx, query, &out->result, &out->reranking);
    if (err != MOLA_CONFLICT)
        return err;
    mola_why_clear(&r->why);
    return mola_fail(&r->why, MOLA_UNAVAILABLE,
                     "the namespace changes faster than the query reads it");
}

handled mola_handle_query(request *r)
{
    mola_count(r->api->env->metrics, MOLA_M_queries_total, 1);
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    answer a = {0};
    mola_buf_init(&a.result.members, r->api->env->heap);
    mola_query *query;
    mola_err err = r->legacy ? MOLA_OK : mola_legacy_query(r);
    if (!err)
        err = mola_query_parse(&r->ctx, r->body, &query);
    if (!err)
        err = run(r, query, &a);
    if (!err && r->legacy) {
        err = mola_legacy_print(r, a.view, &a.result.members, &out);
    } else if (!err) {
        mola_buf_add_char(&out, '{');
        mola_buf_add_str(&out, mola_buf_str(&a.result.members));
        out.failed |= a.result.members.failed;
        print_trailer(r, &out, &a);
    }
    mola_view_release(&r->ctx, NULL); /* also what a failed read of the namespace left */
    mola_buf_free(&a.result.members);
    handled done = finish(r, err, 200, &out, a.view);
    if (a.view)
        mola_view_unref(a.view);
    return done;
}

handled mola_handle_explain(request *r)
{
    mola_buf out, plan;
    mola_buf_init(&out, r->api->env->heap);
    mola_buf_init(&plan, r->api->env->heap);
    answer a = {.plan = &plan};
    mola_query *query;
    mola_err err = mola_query_parse(&r->ctx, r->body, &query);
    if (!err)
        err = run(r, query, &a);
    if (!err) {
        mola_buf_add_str(&out, MOLA_STR("{\"plan_text\":"));
        mola_print_string(&out, mola_buf_str(&plan));
        mola_buf_add_char(&out, '}');
    }
    mola_view_release(&r->ctx, NULL); /* also what a failed read of the namespace left */
    mola_buf_free(&plan);
    handled done = finish(r, err, 200, &out, a.view);
    if (a.view)
        mola_view_unref(a.view);
    return done;
}
