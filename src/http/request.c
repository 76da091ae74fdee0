#include "http/conn.h"
#include "mola/base/check.h"

enum { PLACE_BYTES = 256 << 10 }; /* most that one read puts straight into a body */

static const char no_room[] = "too many request bodies in memory";

static void free_request(mola_request *r)
{
    mola_env *env = r->loop->env;
    mola_body_free(&r->body);
    mola_buf_free(&r->call.reply.body);
    mola_budget_give(&r->loop->http->heads, r->size);
    mola_free(env->heap, r, r->size);
}

void mola_request_drop(mola_conn *c)
{
    if (!c->request)
        return;
    MOLA_ASSERT(!c->request->is_travelling);
    free_request(c->request);
    c->request = NULL;
}

void mola_request_abandon(mola_conn *c)
{
    mola_request *r = c->request;
    if (!r)
        return;
    c->request = NULL;
    r->conn = NULL;
    if (r->is_travelling) {
        atomic_store(&r->call.abandoned, true);
    } else {
        free_request(r);
    }
}

/* ---- to the api and back ---- */

/* Any thread. */
static void on_done(mola_api_call *call)
{
    mola_request *r = MOLA_OWNER(mola_request, call, call);
    h2o_multithread_send_message(&r->loop->arrivals, &r->message);
}

/* Sends the reply of the connection's request and forgets both. */
static void answer(mola_conn *c)
{
    mola_request *r = c->request;
    mola_api_reply reply = r->call.reply;
    r->call.reply.body = (mola_buf){0};
    c->request = NULL;
    free_request(r);
    mola_reply_send(c, &reply);
}

void mola_request_arrive(mola_request *r)
{
    MOLA_ASSERT(r->is_travelling && r->loop->executing_count > 0);
    r->is_travelling = false;
    r->loop->executing_count--;
    mola_conn *c = r->conn;
    if (!c) {
        free_request(r);
        return;
    }
    MOLA_ASSERT(c->request == r && c->state == MOLA_CONN_EXECUTING);
    answer(c);
    mola_conn_resume(c);
}

/* The request is complete. */
static void start(mola_conn *c)
{
    mola_request *r = c->request;
    mola_api *api = c->loop->http->config.api;
    r->call.body = mola_body_finish(&r->body);
    if (r->call.verdict.in_loop) {
        mola_api_answer_now(api, &r->call);
        answer(c);
        return;
    }
    c->state = MOLA_CONN_EXECUTING;
    mola_conn_set_deadline(c, MOLA_NEVER); /* the api has its own */
    r->is_travelling = true;
    c->loop->executing_count++;
    if (mola_api_start(api, &r->call))
        return; /* r may be on another thread now */
    c->loop->executing_count--;
    r->is_travelling = false;
    answer(c);
}

/* ---- head ---- */

static bool open_request(mola_conn *c, const mola_head *head, const mola_api_verdict *verdict,
                         mola_str bytes)
{
    mola_loop *loop = c->loop;
    mola_budget *heads = &loop->http->heads;
    size_t size = sizeof(mola_request) + bytes.len;
    if (!mola_budget_take(heads, size))
        return false;
    mola_request *r = mola_alloc(loop->env->heap, size);
    if (!r) {
        mola_budget_give(heads, size);
        return false;
    }
    r->size = size;
    r->loop = loop;
    r->conn = c;
    r->head = *head;
    memcpy(r->bytes, bytes.data, bytes.len);
    mola_head_move(&r->head.api, bytes.data, r->bytes);
    r->body = (mola_body){.env = loop->env, .budget = loop->http->config.bodies};
    r->chunks.room = verdict->body_max;
    r->call.head = &r->head.api;
    r->call.verdict = *verdict;
    r->call.done = on_done;
    c->request = r;
    return true;
}

/* Health and metrics have no body and stay in the loop: nothing is copied or allocated for them. */
static void answer_in_loop(mola_conn *c, const mola_head *head, const mola_api_verdict *verdict)
{
    mola_api_call call = {.head = &head->api, .verdict = *verdict};
    mola_body none = {0};
    call.body = mola_body_finish(&none);
    mola_api_answer_now(c->loop->http->config.api, &call);
    mola_reply_send(c, &call.reply);
}

/* Judges a head and begins its body. `bytes` is all of it; `is_alone`: nothing came after it. */
static void begin(mola_conn *c, const mola_head *head, mola_str bytes, bool is_alone)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const mola_api_head *said = &head->api;
    bool has_body = said->is_chunked || said->content_length > 0;
    mola_api_verdict verdict = {0};
    const char *why = "";
    int status = mola_api_judge(c->loop->http->config.api, said, &verdict, &why);
    if (status) {
        mola_reply_refuse(c, said, status, why, has_body ? MOLA_FRAMING_LOST : MOLA_FRAMING_KNOWN);
        return;
    }
    MOLA_ASSERT(said->content_length <= verdict.body_max);
    if (!has_body && verdict.in_loop) {
        answer_in_loop(c, head, &verdict);
        return;
    }
    if (!open_request(c, head, &verdict, bytes)) {
        mola_reply_refuse(c, said, 503, "too many requests in memory",
                          has_body ? MOLA_FRAMING_LOST : MOLA_FRAMING_KNOWN);
        return;
    }
    if (!has_body) {
        start(c);
        return;
    }
    if (said->content_length && !mola_body_reserve(&c->request->body, said->content_length)) {
        mola_reply_refuse(c, said, 503, no_room, MOLA_FRAMING_LOST);
        return;
    }
    c->state = MOLA_CONN_BODY;
    mola_conn_set_deadline(c, mola_loop_now(c->loop) + MOLA_HTTP_GRACE);
    /* a part of it could not be told from the reply, and nothing else is being sent: all or nothing
     */
    if (head->expects_continue && is_alone &&
        mola_wire_write(c, go_on, sizeof go_on - 1, false) != (ssize_t)sizeof go_on - 1)
        mola_conn_reset(c);
}

size_t mola_request_feed_head(mola_conn *c, mola_str in)
{
    int status = mola_head_scan_on(&c->scan, in);
    if (status == MOLA_SCAN_MORE)
        return 0;
    size_t size = c->scan.at;
    if (status == MOLA_SCAN_DONE && c->scan.lines == 0 && !c->has_skipped_line) {
        c->has_skipped_line = true; /* RFC 9112, 2.2: one empty line may come first */
        c->scan = (mola_head_scan){0};
        return size;
    }
    mola_count(c->loop->env->metrics, MOLA_M_http_requests_total, 1);
    c->is_head_request = c->is_http10 = false;
    if (status != MOLA_SCAN_DONE) {
        mola_reply_refuse(c, NULL, status, mola_head_scan_why(status), MOLA_FRAMING_LOST);
        return size;
    }
    mola_head head;
    mola_str bytes = {in.data, size};
    status = mola_head_parse(&head, bytes);
    c->is_head_request = mola_str_eq(head.api.method, MOLA_STR("HEAD"));
    if (status) {
        mola_reply_refuse(c, &head.api, status, head.why, MOLA_FRAMING_LOST);
        return size;
    }
    c->closes_after = head.wants_close;
    c->is_http10 = head.is_http10;
    begin(c, &head, bytes, in.len == size);
    return size;
}

/* ---- body ---- */

static void grew(mola_conn *c, size_t bytes)
{
    mola_request *r = c->request;
    bool is_complete = r->head.api.is_chunked ? r->chunks.state == MOLA_CHUNKS_DONE
                                              : r->body.len == r->head.api.content_length;
    if (is_complete) {
        start(c);
    } else if (bytes) {
        mola_conn_make_progress(c, bytes);
    }
}

size_t mola_request_feed_body(mola_conn *c, mola_str in)
{
    mola_request *r = c->request;
    const mola_api_head *said = &r->head.api;
    mola_str data = in;
    size_t used;
    if (said->is_chunked) {
        used = mola_chunks_next(&r->chunks, in, &data);
        if (r->chunks.status) {
            mola_reply_refuse(c, said, r->chunks.status, mola_chunks_why(r->chunks.status),
                              MOLA_FRAMING_LOST);
            return used;
        }
    } else {
        uint64_t left = said->content_length - r->body.len;
        used = data.len = in.len < left ? in.len : (size_t)left;
    }
    if (data.len && !mola_body_append(&r->body, data, r->call.verdict.body_max)) {
        mola_reply_refuse(c, said, 503, no_room, MOLA_FRAMING_LOST);
        return used;
    }
    grew(c, data.len);
    return used;
}

char *mola_request_place(mola_conn *c, size_t *room)
{
    mola_request *r = c->request;
    if (!r->head.api.has_length)
        return NULL;
    uint64_t left = r->head.api.content_length - r->body.len;
    MOLA_ASSERT(left > 0 && r->body.len + left <= r->body.room);
    *room = left < PLACE_BYTES ? (size_t)left : PLACE_BYTES;
    return r->body.data + r->body.len;
}

void mola_request_placed(mola_conn *c, size_t bytes)
{
    c->request->body.len += bytes;
    grew(c, bytes);
}
