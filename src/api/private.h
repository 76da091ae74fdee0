/* private.h - what the files of api/ share: the request at work, and how it ends. */
#pragma once
#include "mola/api/api.h"
#include "mola/codec/json.h"
#include "mola/namespace/namespace.h"
#include "mola/write/write.h"

/* Accepted keys; see keys.c. */
typedef struct mola_keys mola_keys;
mola_err mola_keys_open(const mola_api_config *config, mola_keys **out, mola_why *why);
void mola_keys_close(mola_keys *keys);
bool mola_keys_accept(mola_keys *keys, mola_str authorization);

/* The routes; see route.c. */
typedef struct request request;
typedef enum { DONE, PENDING } handled; /* PENDING: somebody calls request_finish later */
struct mola_api_route {
    mola_str method;
    mola_str
        tail; /* after the namespace name: "", "query", ...; of a route without a name: the path */
    bool has_name, takes_body, needs_key, in_loop;
    uint8_t class; /* mola_job_class */
    bool is_query; /* body limit: query_bytes_max instead of request_bytes_max */
    handled (*handle)(request *r);
};
typedef struct {
    const mola_api_route *route; /* NULL: see status */
    int status;                  /* 400, 404 or 405 when there is no route */
    const char *why;
    const char *allow; /* 405: the Allow header */
    uint8_t version;   /* 1 or 2 */
    char name[128];
    size_t name_len;
} route_match;
void mola_route_match(mola_str method, mola_str path, route_match *out);
bool mola_method_known(mola_str method);
/* The value of a query-string parameter, percent-decoded into the arena. false: no memory; *found
 * says if it is there. */
bool mola_query_parameter(mola_str query, mola_str name, mola_arena *arena, mola_str *out,
                          bool *found);

struct mola_api {
    mola_api_config config;
    mola_env *env;
    mola_keys *keys;
    atomic_bool draining;
};

/* Memory of one request: a heap that charges the budget of bodies, so that inflated text, JSON
 * tapes and decoded columns count where the body itself does. */
typedef struct {
    mola_heap heap; /* must be first */
    mola_heap *parent;
    mola_budget *budget;
} budget_heap;

struct request {
    mola_api *api;
    mola_api_call *call;
    route_match match;
    budget_heap memory;
    mola_arena arena;
    mola_why why;
    mola_ctx ctx;
    mola_buf plain; /* the body, inflated */
    mola_json_doc doc;
    bool has_doc;
    int refused_status; /* instead of the one that belongs to the error; 0: none */
    mola_json body;
    mola_write write;
};
static inline mola_str request_name(const request *r)
{
    return (mola_str){r->match.name, r->match.name_len};
}

/* The answer of a request: `status`, or the one of `err` (r->refused_status, when set) with r->why
 * for its words. Sets content and fields, gzips when asked, calls done, frees the request. `body`
 * is taken over (may be NULL for errors). */
void mola_request_finish(request *r, mola_err err, int status, mola_buf *body,
                         const mola_view *view);
static inline handled finish(request *r, mola_err err, int status, mola_buf *body,
                             const mola_view *view)
{
    mola_request_finish(r, err, status, body, view);
    return DONE;
}
void mola_reply_field(mola_api_reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* X-Request-Id, telemetry answer. head may be NULL. Stores the id that the log should show in `id`.
 */
void mola_reply_common(mola_api *api, const mola_api_head *head, mola_api_reply *reply,
                       char id[129]);
void mola_reply_error(mola_api *api, mola_api_reply *reply, int status, mola_str words,
                      mola_str attribute);
int mola_status_of(mola_err err);
uint64_t mola_elapsed_ms(const request *r); /* since the call began; rounded up, at least 1 */

/* Handlers, a file each. */
handled mola_handle_list(request *r);
handled mola_handle_write(request *r);
handled mola_handle_update_schema(request *r);
handled mola_handle_update_metadata(request *r);
handled mola_handle_delete(request *r);
handled mola_handle_query(request *r);
handled mola_handle_metadata(request *r);
handled mola_handle_schema(request *r);
handled mola_handle_warm(request *r);
handled mola_handle_unbuilt(request *r);
void mola_print_metadata(mola_buf *out, const mola_view *view, uint8_t version);
void mola_answer_probe(mola_api *api, const mola_api_route *route, mola_api_reply *reply);
bool mola_route_is_ready(const mola_api_route *route);
