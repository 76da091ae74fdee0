/* namespaces.c - what a namespace says of itself: metadata, schema, warmth (reference 9.4-9.8). */
#include "api/private.h"
#include "mola/codec/datetime.h"
#include "mola/codec/print.h"
#include "mola/model/schema.h"

static mola_err newest_view(request *r, mola_view **view)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    return mola_request_read(r, &strong, view);
}

static void print_time(mola_buf *out, const char *label, uint64_t us)
{
    mola_buf_print(out, ",\"%s\":\"", label);
    mola_timestamp_print(out, us);
    mola_buf_add_char(out, '"');
}

/* Both counters are 0 until there is a first segment (reference 9.4). Then the rows are exact. */
static void print_size(mola_buf *out, const mola_view *view)
{
    uint64_t rows = view->indexed_seq ? view->live_rows : 0;
    uint64_t bytes = view->indexed_seq ? mola_view_logical_bytes(view) : 0;
    mola_buf_print(out, ",\"approx_logical_bytes\":%llu,\"approx_row_count\":%llu",
                   (unsigned long long)bytes, (unsigned long long)rows);
}

/* A log that is searched as fast without an index does not count as one that waits for it. */
enum { UNINDEXED_BYTES_MIN = 256 << 10 };
static bool waits_for_index(const mola_view *view)
{
    return view->log_bytes >= UNINDEXED_BYTES_MIN;
}

static void print_index(mola_buf *out, const mola_view *view)
{
    if (!waits_for_index(view)) {
        mola_buf_add_str(out, MOLA_STR(",\"index\":{\"status\":\"up-to-date\"}"));
        return;
    }
    mola_buf_print(out,
                   ",\"index\":{\"status\":\"updating\",\"unindexed_bytes\":%llu,"
                   "\"unindexed_rows\":%llu}",
                   (unsigned long long)view->log_bytes, (unsigned long long)view->log_rows);
}

/* The replica is this node: it holds what is in its memory for all that are configured. How much of
 * the slots that other namespaces have its queries take says how busy it is. */
static void print_pinning(mola_buf *out, const request *r, const mola_view *view)
{
    const mola_api_config *config = &r->api->config;
    uint32_t replicas = view->state->pinned_replicas;
    mola_pin_status status = mola_pin_look(config->namespaces, request_name(r), view);
    uint32_t slots = config->queries_per_namespace ? config->queries_per_namespace : 1;
    double used = (double)status.slot_ns / ((double)status.within_ns * slots);
    mola_buf_print(
        out,
        ",\"pinning\":{\"replicas\":%u,\"status\":{\"replicas\":%u,\"ready_replicas\":%u,"
        "\"utilization\":",
        replicas, replicas, status.warm ? replicas : 0);
    mola_print_f64(out, used < 1 ? used : 1);
    mola_buf_add_str(out, MOLA_STR(",\"updated_at\":\""));
    mola_timestamp_print(out, mola_wall_us(r->api->env));
    mola_buf_add_str(out, MOLA_STR("\"}}"));
}

void mola_print_metadata(mola_buf *out, const request *r, const mola_view *view)
{
    const mola_state *state = view->state;
    mola_buf_add_str(out, MOLA_STR("{\"schema\":"));
    mola_schema_print_metadata(out, state);
    print_size(out, view);
    print_time(out, "created_at", view->created_us);
    print_time(out, "updated_at", view->updated_us);
    print_time(out, "last_write_at", view->written_us);
    /* Clients of the 1.x SDKs read the old form, which /v1 carries beside the new one
     * (reference 9.5). */
    mola_buf_add_str(out, r->match.version == 1
                              ? MOLA_STR(",\"encryption\":{\"mode\":\"default\",\"sse\":true}")
                              : MOLA_STR(",\"encryption\":{\"mode\":\"default\"}"));
    print_index(out, view);
    if (state->pinned_replicas)
        print_pinning(out, r, view);
    if (state->parent_bytes) {
        mola_buf_print(out, ",\"branching\":{\"parent\":\"%.*s\"}",
                       MOLA_ARG(mola_state_parent(state)));
    }
    if (state->shards)
        mola_buf_print(out, ",\"sharding\":{\"num_shards\":%u}", state->shards);
    if (state->read_only)
        mola_buf_add_str(out, MOLA_STR(",\"read_only\":true"));
    mola_buf_add_char(out, '}');
}

/* HEAD /v1/namespaces/{ns} (reference 2.3), as the SDKs of 2024 read it: how many documents, and
 * how long their vectors are. */
handled mola_handle_counts(request *r)
{
    mola_view *view = NULL;
    mola_err err = newest_view(r, &view);
    if (!err) {
        const mola_attr *vector = mola_state_find(view->state, MOLA_STR("vector"));
        mola_reply_field(&r->call->reply,
                         "x-turbopuffer-approx-num-vectors: %llu\r\n"
                         "x-turbopuffer-dimensions: %u\r\n",
                         (unsigned long long)view->live_rows, vector ? vector->type.dims : 0);
    }
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_buf_add_str(&out, MOLA_STR("{}"));
    handled done = finish(r, err, 200, &out, view);
    if (view)
        mola_view_unref(view);
    return done;
}

/* ---- warming: after the answer, on a job of its own */

typedef struct {
    mola_job job; /* must be first */
    mola_env *env;
    mola_view *view; /* one reference */
    uint64_t bytes_max;
} warm_job;

#define WARM_SECONDS ((uint64_t)60)

static void run_warm(mola_job *job)
{
    warm_job *w = (warm_job *)job;
    mola_env *env = w->env;
    mola_why why;
    mola_why_clear(&why);
    mola_arena arena;
    mola_arena_init(&arena, env->heap, SIZE_MAX);
    mola_ctx ctx = {.env = env,
                    .arena = &arena,
                    .why = &why,
                    .job = job,
                    .deadline_ns = mola_boot_ns(env) + WARM_SECONDS * MOLA_SECOND};
    mola_err err = mola_view_warm(&ctx, w->view, w->bytes_max, NULL);
    if (err) {
        mola_log(env, MOLA_LOG_INFO, "warming_ended_early", "reason=%.*s",
                 MOLA_ARG(mola_why_text(&why)));
    }
    mola_view_release(&ctx, NULL);
    mola_arena_reset(&arena);
    mola_view_unref(w->view);
    mola_free(env->heap, w, sizeof *w);
}

/* A hint: where there is no room for the job, nothing happens. */
static void warm_later(request *r, mola_view *view)
{
    mola_env *env = r->api->env;
    warm_job *w = mola_alloc(env->heap, sizeof *w);
    if (!w)
        return;
    *w = (warm_job){
        .job = {.run = run_warm}, .env = env, .view = view, .bytes_max = view->heap->limit / 2};
    mola_view_ref(view);
    if (mola_executor_submit(r->api->config.executor, MOLA_JOB_INDEX, &w->job) == MOLA_OK)
        return;
    mola_view_unref(view);
    mola_free(env->heap, w, sizeof *w);
}

/* The indexer works without being asked; ACCEPTED: it has something to do. */
static void print_optimizing(mola_buf *out, const mola_view *view)
{
    mola_buf_add_str(out, waits_for_index(view)
                              ? MOLA_STR("{\"status\":\"ACCEPTED\",\"message\":\"the indexer is "
                                         "at work\"}")
                              : MOLA_STR("{\"status\":\"OK\",\"message\":\"all is indexed\"}"));
}

typedef enum { METADATA, SCHEMA, WARM, OPTIMIZE } answer_kind;

static handled answer_about(request *r, answer_kind kind)
{
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_view *view = NULL;
    mola_err err = newest_view(r, &view);
    if (!err && kind == METADATA) {
        mola_print_metadata(&out, r, view);
    } else if (!err && kind == SCHEMA) {
        mola_schema_print(&out, view->state);
    } else if (!err && kind == OPTIMIZE) {
        print_optimizing(&out, view);
    } else if (!err) {
        warm_later(r, view);
        mola_buf_add_str(
            &out, MOLA_STR("{\"status\":\"ACCEPTED\",\"message\":\"cache warm hint accepted\"}"));
    }
    handled done = finish(r, err, kind == WARM ? 202 : 200, &out, view);
    if (view)
        mola_view_unref(view);
    return done;
}

handled mola_handle_metadata(request *r)
{
    return answer_about(r, METADATA);
}

handled mola_handle_schema(request *r)
{
    return answer_about(r, SCHEMA);
}

handled mola_handle_warm(request *r)
{
    return answer_about(r, WARM);
}

handled mola_handle_optimize(request *r)
{
    return answer_about(r, OPTIMIZE);
}

/* Returns when the caches are as the route says (reference 2.2). */
static handled answer_done(request *r, mola_err err)
{
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_buf_add_str(&out, MOLA_STR("{\"status\":\"OK\"}"));
    mola_view_release(&r->ctx, NULL);
    return finish(r, err, 200, &out, NULL);
}

handled mola_handle_warm_now(request *r)
{
    mola_view *view;
    mola_err err = newest_view(r, &view);
    if (!err) {
        err = mola_view_warm(&r->ctx, view, view->heap->limit / 2, NULL);
        if (err == MOLA_CONFLICT) { /* the collector was faster: there is another one to warm */
            err =
                mola_fail(&r->why, MOLA_UNAVAILABLE, "the namespace changes faster than it warms");
        }
        mola_view_release(&r->ctx, NULL);
        mola_view_unref(view);
    }
    return answer_done(r, err);
}

handled mola_handle_purge(request *r)
{
    return answer_done(r,
                       mola_namespace_purge(&r->ctx, r->api->config.namespaces, request_name(r)));
}
