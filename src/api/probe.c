/* probe.c - what the server says of itself: health, readiness, metrics, the document of its API.
 * Answered on the event loop; never touches the store. */
#include "api/private.h"

void mola_answer_probe(mola_api *api, const mola_api_route *route, mola_api_reply *reply)
{
    if (mola_route_is_ready(route) && atomic_load(&api->draining)) {
        mola_reply_error(api, reply, 503, MOLA_STR("draining: this server is about to stop"),
                         (mola_str){0});
        return;
    }
    reply->status = 200;
    mola_buf_init(&reply->body, api->env->heap);
    if (mola_str_eq(route->tail, MOLA_STR("/metrics"))) {
        reply->content_type = "text/plain; version=0.0.4";
        mola_metrics_print(api->env->metrics, &reply->body);
    } else if (mola_str_eq(route->tail, MOLA_STR("/openapi.yaml"))) {
        reply->content_type = "application/yaml";
        mola_buf_add_str(&reply->body, mola_openapi_text);
        if (!reply->body.failed) {
            mola_reply_field(reply, "Cache-Control: public, max-age=3600\r\nETag: \"%s\"\r\n",
                             mola_openapi_tag);
        }
    } else {
        reply->content_type = "application/json";
        mola_buf_add_str(&reply->body, MOLA_STR("{\"status\":\"OK\"}"));
    }
    if (reply->body.failed) {
        mola_buf_free(&reply->body);
        mola_reply_error(api, reply, 503, MOLA_STR("out of memory"), (mola_str){0});
    }
}
