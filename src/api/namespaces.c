/* namespaces.c - what a namespace says of itself: metadata, schema, warmth (reference 9.4-9.8). */
#include "api/private.h"
#include "mola/codec/datetime.h"
#include "mola/codec/print.h"
#include "mola/model/schema.h"

static mola_err newest_view(request *r, mola_view **view)
{
    static const mola_freshness strong = {.level = MOLA_READ_STRONG};
    return mola_namespace_read(&r->ctx, r->api->config.namespaces, request_name(r), &strong, view);
}

static void print_time(mola_buf *out, const char *label, uint64_t us)
{
    mola_buf_print(out, ",\"%s\":\"", label);
    mola_timestamp_print(out, us);
    mola_buf_add_char(out, '"');
}

void mola_print_metadata(mola_buf *out, const mola_view *view, uint8_t version)
{
    const mola_state *state = view->state;
    mola_buf_add_str(out, MOLA_STR("{\"schema\":"));
    mola_schema_print_metadata(out, state);
    /* Both counters describe segments; nothing is in segments yet. */
    mola_buf_add_str(out, MOLA_STR(",\"approx_logical_bytes\":0,\"approx_row_count\":0"));
    print_time(out, "created_at", view->created_us);
    print_time(out, "updated_at", view->updated_us);
    print_time(out, "last_write_at", view->written_us);
    /* Clients of the 1.x SDKs read the old form, which /v1 carries beside the new one
     * (reference 9.5). */
    mola_buf_add_str(out, version == 1
                              ? MOLA_STR(",\"encryption\":{\"mode\":\"default\",\"sse\":true}")
                              : MOLA_STR(",\"encryption\":{\"mode\":\"default\"}"));
    mola_buf_add_str(out, MOLA_STR(",\"index\":{\"status\":\"up-to-date\"}"));
    if (state->pinned_replicas) {
        mola_buf_print(
            out,
            ",\"pinning\":{\"replicas\":%u,\"status\":{\"replicas\":%u,\"ready_replicas\":%u,"
            "\"utilization\":0.0,\"updated_at\":\"",
            state->pinned_replicas, state->pinned_replicas, state->pinned_replicas);
        mola_timestamp_print(out, view->updated_us);
        mola_buf_add_str(out, MOLA_STR("\"}}"));
    }
    if (state->shards)
        mola_buf_print(out, ",\"sharding\":{\"num_shards\":%u}", state->shards);
    if (state->read_only)
        mola_buf_add_str(out, MOLA_STR(",\"read_only\":true"));
    mola_buf_add_char(out, '}');
}

typedef enum { METADATA, SCHEMA, WARM } answer_kind;

static handled answer_about(request *r, answer_kind kind)
{
    mola_buf out;
    mola_buf_init(&out, r->api->env->heap);
    mola_view *view = NULL;
    mola_err err = newest_view(r, &view); /* which also warms: the view stays in memory */
    if (!err && kind == METADATA) {
        mola_print_metadata(&out, view, r->match.version);
    } else if (!err && kind == SCHEMA) {
        mola_schema_print(&out, view->state);
    } else if (!err) {
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

handled mola_handle_unbuilt(request *r)
{
    mola_err err =
        mola_fail(&r->why, MOLA_INVALID, "%.*s is not supported by this version of mola yet",
                  MOLA_ARG(r->match.route->tail));
    return finish(r, err, 0, NULL, NULL);
}
