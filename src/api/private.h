/* private.h - what the files of api/ share: the request at work, and how it ends. */
#pragma once
#include "api/gate.h"
#include "mola/api/api.h"
#include "mola/codec/json.h"
#include "mola/namespace/namespace.h"
#include "mola/provider/provider.h"
#include "mola/write/write.h"

/* Accepted keys; see keys.c. */
typedef struct mola_keys mola_keys;
mola_err mola_keys_open(const mola_api_config *config, mola_keys **out, mola_why *why);
void mola_keys_close(mola_keys *keys);
bool mola_keys_accept(mola_keys *keys, mola_str authorization);

/* Operations; see operations.h. */
typedef struct mola_operations mola_operations;
mola_err mola_operations_open(mola_api *api, mola_why *why);
void mola_operations_stop(mola_api *api); /* nothing new is begun; does not wait */
void mola_operations_wait(mola_api *api); /* and what is under way has ended */
void mola_operations_close(mola_api *api);

/* The routes; see route.c. */
typedef struct request request;
typedef enum { DONE, PENDING } handled; /* PENDING: somebody calls request_finish later */
struct mola_api_route {
    mola_str method;
    mola_str tail; /* after the namespace name: "", "query", ...; of a route without a name: the
                      path. One that ends in '/' is followed by one segment more */
    bool has_name, takes_body, needs_key, in_loop;
    bool body_optional; /* no body is as good as an empty one: then request.body is {0} */
    uint8_t class;      /* mola_job_class */
    bool is_query;      /* body limit: query_bytes_max instead of request_bytes_max */
    handled (*handle)(request *r);
};
typedef struct {
    const mola_api_route *route; /* NULL: see status */
    int status;                  /* 400, 404 or 405 when there is no route */
    const char *why;
    char allow[40];  /* 405: the Allow header; else empty */
    uint8_t version; /* 1 or 2 */
    bool is_vectors; /* /vectors/ instead of /namespaces/ (reference 2.3) */
    char name[128];
    size_t name_len;
    mola_str last; /* the segment behind a tail that ends in '/', as it was sent */
} route_match;
void mola_route_match(mola_str method, mola_str path, route_match *out);
bool mola_method_known(mola_str method);
/* The value of a query-string parameter, percent-decoded into the arena; of several, the last.
 * false: no memory. *found says if it is there; a malformed one is {NULL, 0}. */
bool mola_query_parameter(mola_str query, mola_str name, mola_arena *arena, mola_str *out,
                          bool *found);

/* Without the spaces, tabs and carriage returns around it. */
static inline mola_str mola_trim(mola_str text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t' || text.data[0] == '\r'))
        text = mola_str_from(text, 1);
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t' ||
                        text.data[text.len - 1] == '\r'))
        text.len--;
    return text;
}

/* Equal in any case of letters; `lower` is in lower case. */
static inline bool mola_token_is(mola_str token, mola_str lower)
{
    if (token.len != lower.len)
        return false;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c | 32) : c) != lower.data[i])
            return false;
    }
    return true;
}

struct mola_api {
    mola_api_config config;
    mola_env *env;
    mola_keys *keys;
    struct mola_operations *operations;
    mola_gate *gate;
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
    bool limited;                                            /* it went through the gate */
    enum { LEGACY_NONE, LEGACY_ROWS, LEGACY_EXPORT } legacy; /* the form of its answer */
    bool shows_vectors;                                      /* LEGACY_ROWS: include_vectors */
    int refused_status; /* instead of the one that belongs to the error; 0: none */
    mola_json body;
    mola_write write;
};
static inline mola_str request_name(const request *r)
{
    return (mola_str){r->match.name, r->match.name_len};
}

/* The view that the request is to see. A store that does not answer is reported after some seconds,
 * whatever time the request has left; what was read of a long log stays, so that the next try gets
 * further. */
mola_err mola_request_read(request *r, const mola_freshness *freshness, mola_view **out);

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
/* X-Request-Id, telemetry answer. head may be NULL. Stores the id that the log should show in `id`:
 * spaces, quotes and equals signs are underscores there, so that no client writes fields of a log
 * line. */
void mola_reply_common(mola_api *api, const mola_api_head *head, mola_api_reply *reply,
                       char id[129]);
void mola_reply_error(mola_api *api, mola_api_reply *reply, int status, mola_str words,
                      mola_str attribute);
/* What models took, for the `performance` of an answer: nothing, when nothing was embedded. */
unsigned long long mola_usage_ms(const mola_model_usage *usage);
void mola_print_embedding(mola_buf *out, const mola_model_usage *usage);
void mola_print_error(mola_buf *out, mola_str words, mola_str attribute); /* the error body */
int mola_status_of(mola_err err);
/* A list of codings accepts gzip: it names it, and not with a weight of zero. */
bool mola_accepts_gzip(mola_str list);
uint64_t mola_elapsed_ms(const request *r); /* since the call began; rounded up, at least 1 */

/* Puts the body of a write or a query of 2024 into today's words; others stay as they are. Then
 * r->legacy says how a query is answered. */
mola_err mola_legacy_write(request *r) MOLA_NODISCARD;
mola_err mola_legacy_query(request *r) MOLA_NODISCARD;
/* The answer in their form, of the members of today's. */
mola_err mola_legacy_print(request *r, const mola_view *view, mola_buf *members,
                           mola_buf *out) MOLA_NODISCARD;

/* Handlers, a file each. */
handled mola_handle_list(request *r);
handled mola_handle_write(request *r);
handled mola_handle_clone(request *r);
handled mola_handle_async(request *r);
handled mola_handle_recall(request *r);
handled mola_handle_operation(request *r);
handled mola_handle_update_schema(request *r);
handled mola_handle_update_metadata(request *r);
handled mola_handle_delete(request *r);
handled mola_handle_query(request *r);
handled mola_handle_explain(request *r);
handled mola_handle_export(request *r);
handled mola_handle_counts(request *r); /* HEAD of a namespace */
handled mola_handle_metadata(request *r);
handled mola_handle_schema(request *r);
handled mola_handle_warm(request *r);
handled mola_handle_warm_now(request *r);
handled mola_handle_optimize(request *r);
handled mola_handle_purge(request *r);
/* A turn among the queries of a namespace, for one that has read `view` of it; those that are
 * pinned have no limit (reference 1.11). After MOLA_OK it ends with mola_turn_end. */
typedef struct {
    mola_api *api;
    mola_str name;
    uint32_t weight;
    bool counted; /* it holds slots of the gate */
    uint64_t began_ns;
} mola_turn;
mola_err mola_turn_begin(mola_ctx *ctx, mola_api *api, mola_str name, const mola_view *view,
                         uint32_t weight, mola_turn *out) MOLA_NODISCARD;
void mola_turn_end(const mola_turn *turn);
/* Appends the answer to a recall; *seen: the view it is about, one reference, or NULL. */
mola_err mola_recall_answer(mola_ctx *ctx, mola_api *api, mola_str name, mola_json body,
                            mola_buf *out, mola_view **seen) MOLA_NODISCARD;
/* The client would rather have an operation (reference 1.10). */
bool mola_prefers_async(const request *r);
/* The answer to a copy or a branch of so many rows. */
void mola_print_cloned(mola_buf *out, uint64_t rows, uint64_t elapsed_ms);
void mola_print_metadata(mola_buf *out, const request *r, const mola_view *view);
void mola_answer_probe(mola_api *api, const mola_api_route *route, mola_api_reply *reply);
bool mola_route_is_ready(const mola_api_route *route);
/* openapi/openapi.yaml, put into the binary by embed.py, and a tag that changes with it. */
extern const mola_str mola_openapi_text;
extern const char mola_openapi_tag[];
