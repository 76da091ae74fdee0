/* query.c - POST /v2/namespaces/{ns}/query: pin a view, rank it, say what it cost (reference 8.10).
 */
#include "mola/query/query.h"
#include "api/private.h"
#include "mola/codec/datetime.h"
#include "mola/codec/print.h"

/* The least that a query is billed; what the SDKs' own tests expect of a small namespace (reference
 * 11). */
#define BYTES_QUERIED_MIN 256000000ull

/* How much of the namespace was in memory already when the query came. */
static double hit_ratio(const request *r, const mola_view *view)
{
    if (r->ctx.bytes_read == 0 || view->log_bytes == 0)
        return 1.0;
    return r->ctx.bytes_read >= view->log_bytes
               ? 0.0
               : 1.0 - (double)r->ctx.bytes_read / (double)view->log_bytes;
}

static void print_trailer(request *r, mola_buf *out, const mola_view *view,
                          const mola_query_result *result, double ratio, uint64_t run_ns)
{
    uint64_t run_ms = (run_ns + MOLA_MILLISECOND - 1) / MOLA_MILLISECOND;
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
    mola_buf_add_str(out, MOLA_STR("\"}}"));
}

handled mola_handle_query(request *r)
{
    mola_count(r->api->env->metrics, MOLA_M_queries_total, 1);
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_query_result result = {0};
    mola_buf_init(&result.members, r->api->env->heap);
    mola_query *query;
    mola_view *view = NULL;
    mola_err err = mola_query_parse(&r->ctx, r->body, &query);
    if (!err) {
        err = mola_namespace_read(&r->ctx, r->api->config.namespaces, request_name(r),
                                  mola_query_freshness(query), &view);
    }
    if (!err) {
        double ratio = hit_ratio(r, view);
        uint64_t began_ns = mola_boot_ns(r->api->env);
        err = mola_query_run(&r->ctx, view, r->api->config.kernel, query, &result);
        if (!err) {
            mola_buf_add_char(&out, '{');
            mola_buf_add_str(&out, mola_buf_str(&result.members));
            out.failed |= result.members.failed;
            print_trailer(r, &out, view, &result, ratio, mola_boot_ns(r->api->env) - began_ns);
        }
    }
    mola_buf_free(&result.members);
    handled done = finish(r, err, 200, &out, view);
    if (view)
        mola_view_unref(view);
    return done;
}
