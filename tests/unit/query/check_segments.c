#include "../index/place.h"
#include "mola/format/dictionary.h"
#include "mola/query/query.h"
#include "mola/scan/text.h"

/* Two namespaces get the same writes, one of them is flushed and merged in between: both must
 * answer every query with the same text, whether its rows stand in segments or in memory. */

static world w;
static mola_namespaces *writer;
static mola_indexer indexer;
static document docs[DOCS_MAX];

static void begin(void)
{
    world_open(&w);
    writer = node_open(&w, SIZE_MAX);
    indexer_open(&w, &indexer, 256 << 20);
    memset(docs, 0, sizeof docs);
    mola_state_edit(w.state, MOLA_STR("n"))->filterable = true;
    mola_state_edit(w.state, MOLA_STR("tag"))->filterable = true;
    static const char *const texts[] = {"tag", "list"};
    for (int i = 0; i < 2; i++) {
        mola_attr *text = mola_state_edit(w.state, mola_str_of(texts[i]));
        text->has_fts = true;
        text->fts = (mola_fts){.k1 = 1.2F,
                               .b = 0.75F,
                               .k3 = 8,
                               .tokenizer = MOLA_TOKENIZER_WORD_V4,
                               .language = MOLA_LANGUAGE_ENGLISH,
                               .max_token_length = 39,
                               .stemming = i};
    }
}

static void end(void)
{
    indexer_close(&indexer);
    mola_namespaces_close(writer);
    world_close(&w);
}

static const char *const bodies[] = {
    "{\"limit\":1000}",
    "{\"limit\":50,\"include_attributes\":true}",
    "{\"limit\":7,\"rank_by\":[\"n\",\"desc\"],\"include_attributes\":true}",
    "{\"limit\":9000,\"rank_by\":[[\"tag\",\"asc\"],[\"n\",\"desc\"]],\"include_attributes\":["
    "\"list\"]}",
    "{\"limit\":100,\"rank_by\":[\"n\",\"asc\"],\"filters\":[\"And\",[[\"tag\",\"NotEq\",null],["
    "\"n\","
    "\"Gt\",3]]],\"include_attributes\":true}",
    "{\"limit\":100,\"filters\":[\"id\",\"In\",[1,5,17,100,4097,9000,77777]],\"include_"
    "attributes\":"
    "true}",
    "{\"limit\":20,\"rank_by\":[\"vec\",\"ANN\",[1,0.5,-1]],\"include_attributes\":true}",
    "{\"limit\":20,\"rank_by\":[\"vec\",\"kNN\",[1,0.5,-1]],\"filters\":[\"n\",\"Lt\",2]}",
    "{\"limit\":20,\"rank_by\":[\"vec\",\"kNN\",[1,0.5,-1]],\"filters\":[\"id\",\"Lt\",40]}",
    "{\"limit\":30,\"rank_by\":[\"Sum\",[[\"n\",\"Gt\",5],[\"tag\",\"Eq\",null]]],"
    "\"compute_attributes\":{\"near\":[\"vec\",\"VectorDist\",[0,0,1]],\"is\":[\"n\",\"Gte\",2]}}",
    "{\"limit\":{\"total\":10,\"per\":{\"attributes\":[\"tag\"],\"limit\":1}},\"rank_by\":[\"n\","
    "\"asc\"],\"include_attributes\":true}",
    "{\"aggregate_by\":{\"c\":[\"Count\"],\"s\":[\"Sum\",\"n\"]},\"group_by\":[\"tag\"]}",
    "{\"aggregate_by\":{\"c\":[\"Count\"]},\"filters\":[\"n\",\"Lte\",4]}",
    /* texts: by postings there, by the texts themselves here */
    "{\"limit\":50,\"rank_by\":[\"tag\",\"BM25\",\"tag 7\",{\"last_as_prefix\":true}],"
    "\"include_attributes\":[\"tag\"]}",
    "{\"limit\":9000,\"rank_by\":[\"Sum\",[[\"list\",\"BM25\",\"a b b\"],[\"Product\",0.5,["
    "\"tag\",\"ContainsAnyToken\",\"nothing 9\",{\"last_as_prefix\":true}]],[\"tag\",\"BM25\","
    "\"tag\"]]],\"filters\":[\"n\",\"Gt\",100],\"compute_attributes\":{\"c\":[\"list\",\"BM25\","
    "\"c\"]}}",
    /* few of many: windows that cannot hold one of them are passed over */
    "{\"limit\":5,\"rank_by\":[\"list\",\"BM25\",\"a b\"]}",
    "{\"limit\":3,\"rank_by\":[\"tag\",\"BM25\",\"tag 7 nowhere\"],\"filters\":[\"n\",\"Gt\",2]}",
    "{\"limit\":4,\"rank_by\":[\"Sum\",[[\"Product\",0.3,[\"tag\",\"BM25\",\"9\"]],[\"Max\",[["
    "\"list\","
    "\"BM25\",\"c c\"],[\"n\",\"Gt\",500]]]]]}",
    "{\"limit\":9000,\"filters\":[\"list\",\"ContainsAllTokens\",\"a c\"]}",
    "{\"limit\":9000,\"filters\":[\"Or\",[[\"list\",\"ContainsTokenSequence\",\"a b\"],[\"Not\",["
    "\"tag\",\"ContainsAllTokens\",\"tag 3\",{\"last_as_prefix\":true}]]]]}",
    "{\"limit\":9000,\"filters\":[\"list\",\"ContainsTokenSequence\",\"b c\"],\"rank_by\":["
    "\"list\",\"BM25\",\"c\"]}",
    "{\"queries\":[{\"limit\":10,\"rank_by\":[\"n\",\"asc\"],\"include_attributes\":true},{"
    "\"limit\":"
    "10,\"rank_by\":[\"vec\",\"ANN\",[1,2,3]]}],\"rerank_by\":[\"RRF\"]}",
};

static mola_json_doc parse_in(request *r, const char *body)
{
    mola_json_doc doc;
    size_t len = strlen(body);
    char *padded = mola_new(&r->arena, char, len + MOLA_JSON_PADDING);
    memcpy(padded, body, len);
    ck_assert_int_eq(mola_json_parse(&w.heap, (mola_str){padded, len}, &doc, &r->why), MOLA_OK);
    return doc;
}

/* The answer in the arena of `r`, which the caller ends. */
static const char *answer_of(request *r, mola_namespaces *all, const char *name, const char *body,
                             uint32_t *segments)
{
    mola_ctx *ctx = request_begin(&w, r, 60000);
    mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view;
    mola_query *query;
    mola_query_result result;
    mola_json_doc doc = parse_in(r, body);
    ck_assert_int_eq(mola_namespace_read(ctx, all, mola_str_of(name), &strong, &view), MOLA_OK);
    mola_err err = mola_query_parse(ctx, mola_json_root(&doc), &query);
    if (!err)
        err = mola_query_run(ctx, view, mola_kernel_select(NULL), query, &result);
    ck_assert_msg(!err, "%s: %s", body, r->why.text);
    ck_assert_ptr_null(ctx->pins);
    char *text = mola_new(&r->arena, char, result.members.len + 1);
    memcpy(text, result.members.data, result.members.len);
    mola_buf_free(&result.members);
    mola_json_free(&doc);
    *segments = view->segment_count;
    mola_view_unref(view);
    return text;
}

/* By a node that knows nothing yet: those that replayed the log keep it in memory. Returns how many
 * segments there were. */
static uint32_t compare(void)
{
    mola_namespaces *all = node_open(&w, SIZE_MAX);
    uint32_t segments = 0, none = 0;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        request far, near;
        const char *a = answer_of(&far, all, "flushed", bodies[i], &segments);
        const char *b = answer_of(&near, all, "plain", bodies[i], &none);
        ck_assert_msg(strcmp(a, b) == 0, "%s:\n%.2000s\nnot\n%.2000s", bodies[i], a, b);
        ck_assert_uint_eq(none, 0);
        request_end(&far);
        request_end(&near);
    }
    mola_namespaces_close(all);
    return segments;
}

/* Else the texts would be read, and the comparison would prove nothing. */
static void expect_postings(void)
{
    request r;
    mola_view *view;
    mola_namespaces *all = node_open(&w, SIZE_MAX);
    mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    ck_assert_int_eq(mola_namespace_read(ctx, all, MOLA_STR("flushed"), &strong, &view), MOLA_OK);
    const mola_attr *tag = mola_state_find(view->state, MOLA_STR("tag"));
    mola_analysis analysis = mola_fts_analysis(&tag->fts);
    ck_assert_uint_gt(view->segment_count, 0);
    for (uint32_t i = 0; i < view->segment_count; i++) {
        const mola_segment_head *head = mola_part_segment(view->parts[i].part);
        uint32_t column = mola_postings_attr(tag->id, &analysis);
        ck_assert(mola_segment_find(head, column));
        ck_assert(!mola_segment_find(head, mola_dictionary_attr(column)) ==
                  (head->rows <= MOLA_SEGMENT_WINDOW));
    }
    mola_view_unref(view);
    request_end(&r);
    mola_namespaces_close(all);
}

START_TEST(segments_answer_like_rows_in_memory)
{
    dice d = {test_seed(0x5e9a) + (uint64_t)_i};
    uint32_t most = 0, ids = _i % 2 ? 200 : 6000;
    for (int step = 0; step < 8; step++) {
        dice same = d;
        if (ids > 200 && step % 3 == 0) {
            put_many(&w, writer, "flushed", &d, (uint64_t)step * 2000, 5000, docs);
            put_many(&w, writer, "plain", &same, (uint64_t)step * 2000, 5000, docs);
        } else {
            put_random(&w, writer, "flushed", &d, ids, 60, 2, docs);
            put_random(&w, writer, "plain", &same, ids, 60, 2, docs);
        }
        if (below(&d, 2))
            must_flush(&w, &indexer, "flushed");
        if (below(&d, 4) == 0)
            must_merge(&w, &indexer, "flushed", true);
        uint32_t segments = compare();
        most = segments > most ? segments : most;
    }
    must_flush(&w, &indexer, "flushed");
    ck_assert_uint_gt(compare(), 0);
    ck_assert_uint_gt(most, 0);
    expect_postings();
}
END_TEST

static uint64_t number_after(const char *text, const char *mark)
{
    const char *at = strstr(text, mark);
    ck_assert_msg(at != NULL, "no `%s` in\n%s", mark, text);
    uint64_t n = 0;
    for (at += strlen(mark); (*at >= '0' && *at <= '9') || *at == ','; at++) {
        if (*at != ',')
            n = n * 10 + (uint64_t)(*at - '0');
    }
    return n;
}

/* A plan says how many segments there are, which windows zones spare, and counts as the query does.
 */
START_TEST(a_plan_tells_parts_zones_counts_and_round_trips)
{
    static const char body[] =
        "{\"rank_by\":[\"n\",\"desc\"],\"limit\":3,\"filters\":[\"And\",[[\"tag\",\"NotEq\",null],"
        "[\"id\",\"Lt\",3000]]]}";
    dice d = {test_seed(0xe8b1)};
    put_many(&w, writer, "flushed", &d, 0, 5000, docs);
    must_flush(&w, &indexer, "flushed");
    put_many(&w, writer, "flushed", &d, 8000, 5000, docs);
    must_flush(&w, &indexer, "flushed");
    mola_namespaces *all = node_open(&w, SIZE_MAX);
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view;
    mola_query *query;
    mola_buf plan;
    mola_buf_init(&plan, &w.heap);
    mola_json_doc doc = parse_in(&r, body);
    ck_assert_int_eq(mola_namespace_read(ctx, all, MOLA_STR("flushed"), &strong, &view), MOLA_OK);
    ck_assert_int_eq(mola_query_parse(ctx, mola_json_root(&doc), &query), MOLA_OK);
    ck_assert_msg(!mola_query_explain(ctx, view, mola_kernel_select(NULL), query, &plan), "%s",
                  r.why.text);
    ck_assert_ptr_null(ctx->pins);
    mola_buf_add_char(&plan, '\0');
    const char *text = plan.data;
    uint64_t expected = 0;
    for (uint32_t id = 0; id < 3000; id++)
        expected += docs[id].exists && docs[id].has[ATTR_TAG];
    ck_assert_msg(strstr(text, "2 segments with 10,000 rows") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "`id` Lt 3000: windows 3 ruled out") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "rows 3,000 estimated, 3,000 true") != NULL, "%s", text);
    ck_assert_uint_eq(number_after(strstr(text, "And: "), "estimated, "), expected);
    ck_assert_uint_gt(number_after(text, "returned, "), 0);
    mola_buf_free(&plan);
    mola_json_free(&doc);
    mola_view_unref(view);
    request_end(&r);
    mola_namespaces_close(all);
}
END_TEST

/* ---- reading ahead ---- */

static _Thread_local bool is_main; /* the thread that runs the query */
static atomic_bool in_query;
static uint32_t gets_ahead; /* GETs by another one; one thread asks the store at a time */

static fate count_ahead(world *place, const mola_store_op *op, void *argument)
{
    (void)place;
    (void)argument;
    gets_ahead += op->verb == MOLA_GET && atomic_load(&in_query) && !is_main;
    return PASS;
}

/* A walk looks at the clock at each window: there it takes its time, so that another thread can be
 * faster. */
static uint64_t slow_boot_ns(mola_env *env)
{
    if (is_main)
        w.real->sleep_ns(env, 2 * MOLA_MILLISECOND);
    return world_boot_ns(env);
}

typedef struct {
    mola_job job; /* must be first */
    mola_namespaces *all;
    const char *body;
    bool ahead; /* the request has a job, so it may have others */
    char *text; /* of the answer */
    uint64_t pages, roundtrips;
    mola_err err;
    bool done;
} asking;

static mola_lock asked_lock;
static mola_event asked;

static void ask_in_job(mola_job *job)
{
    asking *a = (asking *)(void *)job;
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 600000);
    mola_freshness strong = {.level = MOLA_READ_STRONG};
    mola_view *view;
    mola_query *query;
    mola_query_result result;
    mola_json_doc doc = parse_in(&r, a->body);
    a->err = mola_namespace_read(ctx, a->all, MOLA_STR("flushed"), &strong, &view);
    if (!a->err) {
        ctx->job = a->ahead ? job : NULL;
        is_main = true;
        atomic_store(&in_query, true);
        a->err = mola_query_parse(ctx, mola_json_root(&doc), &query);
        if (!a->err)
            a->err = mola_query_run(ctx, view, mola_kernel_select(NULL), query, &result);
        is_main = false;
        atomic_store(&in_query, false);
        mola_view_unref(view);
    }
    if (!a->err) {
        mola_buf_add_char(&result.members, '\0');
        a->text = strdup(result.members.data);
        mola_buf_free(&result.members);
    }
    a->pages = ctx->pages_hit + ctx->pages_missed;
    a->roundtrips = ctx->roundtrips;
    mola_json_free(&doc);
    request_end(&r);
    MOLA_LOCKED(&asked_lock);
    a->done = true;
    mola_event_wake_all(&asked);
}

/* By a node with nothing in memory and little room, so in many steps. */
static asking ask_cold(mola_executor *executor, const char *body, bool ahead)
{
    asking a = {.job = {.run = ask_in_job}, .body = body, .ahead = ahead};
    a.all = node_open(&w, 3 << 20);
    ck_assert_int_eq(mola_executor_submit(executor, MOLA_JOB_QUERY, &a.job), MOLA_OK);
    mola_lock_take(&asked_lock);
    while (!a.done)
        (void)mola_event_wait(&asked, &asked_lock, MOLA_NEVER);
    mola_lock_give(&asked_lock);
    ck_assert_int_eq(a.err, MOLA_OK);
    mola_namespaces_close(a.all);
    return a;
}

/* The next step of a walk is fetched by another thread meanwhile: the same answer, and the same
 * pages and round trips in the books. */
START_TEST(what_is_read_ahead_changes_no_answer)
{
    static const char *const cold[] = {
        "{\"limit\":20,\"rank_by\":[\"vec\",\"ANN\",[1,0.5,-1]]}",
        "{\"limit\":50,\"rank_by\":[\"id\",\"asc\"],\"filters\":[\"tag\",\"NotEq\",\"x\"]}",
        "{\"limit\":30,\"rank_by\":[\"Sum\",[[\"n\",\"Gt\",5],[\"tag\",\"Eq\",null]]]}",
        "{\"aggregate_by\":{\"c\":[\"Count\"],\"s\":[\"Sum\",\"n\"]},\"group_by\":[\"tag\"]}"};
    dice d = {test_seed(0xa4ead)};
    for (uint32_t i = 0; i < 4; i++)
        put_many(&w, writer, "flushed", &d, i * 5000, 5000, docs);
    must_flush(&w, &indexer, "flushed");
    mola_executor_config threads = {.threads_max = 4, .permits = {2, 1, 1}, .queue_max = {8, 8, 8}};
    mola_executor *executor;
    w.ops.boot_ns = slow_boot_ns;
    w.judge = count_ahead;
    ck_assert_int_eq(mola_executor_open(w.env, &threads, &executor), MOLA_OK);
    mola_lock_init(&asked_lock, w.env, MOLA_RANK_HTTP);
    mola_event_init(&asked, w.env);
    for (size_t i = 0; i < sizeof cold / sizeof *cold; i++) {
        asking alone = ask_cold(executor, cold[i], false);
        gets_ahead = 0;
        for (int tries = 0; tries < (i ? 3 : 1000) && !gets_ahead; tries++) { /* luck, if busy */
            asking ahead = ask_cold(executor, cold[i], true);
            ck_assert_str_eq(ahead.text, alone.text);
            ck_assert_uint_eq(ahead.pages, alone.pages);
            ck_assert_uint_eq(ahead.roundtrips, alone.roundtrips);
            free(ahead.text);
        }
        ck_assert_msg(i || gets_ahead > 0, "nothing was read ahead"); /* the others fit a step */
        free(alone.text);
    }
    mola_executor_close(executor);
    w.judge = NULL;
    w.ops.boot_ns = world_boot_ns;
    mola_event_free(&asked);
    mola_lock_free(&asked_lock);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("segments");
    TCase *cases = tcase_create("segments");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, a_plan_tells_parts_zones_counts_and_round_trips);
    tcase_add_test(cases, what_is_read_ahead_changes_no_answer);
    tcase_add_loop_test(cases, segments_answer_like_rows_in_memory, 0, 6);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
