#include "mola/scan/windows.h"
#include "query/ask.h"
#include "scan/distant.h"
#include <check.h>

/* Whole answers, byte for byte: what is printed, in which order, what is billed; and that none of
 * it depends on how the rows lie in parts. */

static fixture f;

static void set_up(void)
{
    fixture_open(&f);
}

static void tear_down(void)
{
    fixture_close(&f);
}

static const char schema[] =
    "{\"id\":\"uint\",\"s\":\"string\",\"n\":\"int\",\"u\":\"uint\",\"x\":\"float\",\"b\":\"bool\","
    "\"d\":\"datetime\","
    "\"g\":\"uuid\",\"tags\":\"[]string\",\"blob\":\"bytes\",\"vector\":{\"type\":\"[2]f32\","
    "\"ann\":true},"
    "\"h\":{\"type\":\"[2]f16\",\"ann\":true},\"mv\":{\"type\":\"[][2]f32\",\"ann\":{\"late_"
    "interaction\":true}},"
    "\"sp\":{\"type\":\"{}f16\",\"sparse_knn\":{\"distance_metric\":\"dot_product\"}}}";
static const char rows[] =
    "[{\"id\":3,\"s\":\"b\\\"\\u00e9\",\"n\":-7,\"u\":8,\"x\":1.5,\"b\":true,\"d\":\"2024-03-02\","
    "\"g\":\"00000001000040008000000000000001\",\"tags\":[\"a\",\"b\"],\"blob\":\"AA==\","
    "\"vector\":[0.5,1],\"h\":[0.5,1],"
    "\"mv\":[[0,0],[3,4]],\"sp\":{\"k\":0.5,\"a\":2}},"
    "{\"id\":1,\"s\":\"a\",\"n\":5,\"u\":2,\"x\":-2,\"b\":false,\"d\":\"2024-03-02T06:00:00Z\","
    "\"tags\":[],\"vector\":[0,0],"
    "\"h\":[0,0.7],\"mv\":[[1,0]],\"sp\":{\"a\":-1}},"
    "{\"id\":2,\"s\":\"a\",\"vector\":[1,1],\"h\":[2,2]},"
    "{\"id\":18446744073709551615,\"n\":5,\"u\":0,\"vector\":[3,4],\"h\":[0,0],\"sp\":{\"k\":4}}]";

typedef struct {
    const char *body, *members;
    uint64_t bytes;
} example;
#define BIG "18446744073709551615"
static const example examples[] = {
    /* none, orders */
    {"{\"limit\":10}", "\"rows\":[{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":" BIG "}]", 32},
    {"{\"rank_by\":[\"id\",\"desc\"],\"limit\":2}", "\"rows\":[{\"id\":" BIG "},{\"id\":3}]", 16},
    {"{\"rank_by\":[\"n\",\"asc\"],\"top_k\":10}",
     "\"rows\":[{\"id\":2},{\"id\":3},{\"id\":1},{\"id\":" BIG "}]", 32},
    {"{\"rank_by\":[\"n\",\"desc\"],\"top_k\":10}",
     "\"rows\":[{\"id\":1},{\"id\":" BIG "},{\"id\":3},{\"id\":2}]", 32},
    {"{\"rank_by\":[[\"s\",\"asc\"],[\"n\",\"desc\"]],\"limit\":{\"total\":3},\"offset\":1}",
     "\"rows\":[{\"id\":1},{\"id\":2},{\"id\":3}]", 24},
    {"{\"rank_by\":[\"x\",\"asc\"],\"limit\":2,\"offset\":3,\"disable_cache\":true}",
     "\"rows\":[{\"id\":3}]", 8},
    {"{\"limit\":10,\"filters\":[\"id\",\"Gt\",3]}", "\"rows\":[{\"id\":" BIG "}]", 8},
    {"{\"limit\":10,\"filters\":[\"n\",\"Gt\",100]}", "\"rows\":[]", 0},
    {"{\"limit\":1,\"rank_by\":null,\"filters\":null,\"include_attributes\":null,\"offset\":null,"
     "\"consistency\":null}",
     "\"rows\":[{\"id\":1}]", 8},
    /* columns */
    {"{\"limit\":3,\"filters\":[\"id\",\"Eq\",3],\"include_attributes\":true}",
     "\"rows\":[{\"id\":3,\"s\":\"b\\\"\u00e9\",\"n\":-7,\"u\":8,\"x\":1.5,\"b\":true,\"d\":\"2024-"
     "03-02T00:00:00.000000000Z\","
     "\"g\":\"00000001-0000-4000-8000-000000000001\",\"tags\":[\"a\",\"b\"],\"blob\":\"AA==\","
     "\"vector\":[0.5,1.0],\"h\":[0.5,1.0],"
     "\"mv\":[[0.0,0.0],[3.0,4.0]],\"sp\":{\"a\":2.0,\"k\":0.5}}]",
     8 + 4 + 8 + 8 + 8 + 1 + 8 + 16 + 2 + 1 + 8 + 4 + 16 + 6},
    {"{\"limit\":3,\"filters\":[\"id\",\"Eq\",3],\"include_attributes\":[\"vector\",\"h\",\"id\"],"
     "\"vector_encoding\":\"base64\"}",
     "\"rows\":[{\"id\":3,\"vector\":\"AAAAPwAAgD8=\",\"h\":\"ADgAPA==\"}]", 20},
    {"{\"limit\":1,\"rank_by\":[\"id\",\"asc\"],\"include_attributes\":[\"tags\",\"g\",\"tags\"]}",
     "\"rows\":[{\"id\":1,\"tags\":[]}]", 8},
    {"{\"limit\":1,\"exclude_attributes\":[\"vector\",\"h\",\"mv\",\"sp\",\"d\",\"zz\"]}",
     "\"rows\":[{\"id\":1,\"s\":\"a\",\"n\":5,\"u\":2,\"x\":-2.0,\"b\":false,\"tags\":[]}]",
     8 + 1 + 8 + 8 + 8 + 1},
    {"{\"limit\":1,\"include_attributes\":[]}", "\"rows\":[{\"id\":1}]", 8},
    /* vectors; reference 11 */
    {"{\"rank_by\":[\"vector\",\"ANN\",[0,0]],\"limit\":2}",
     "\"rows\":[{\"id\":1,\"$dist\":0.0},{\"id\":3,\"$dist\":1.25}]", 24},
    {"{\"rank_by\":[\"vector\",\"ANN\",\"AAAAAAAAAAA=\"],\"limit\":1,\"include_attributes\":["
     "\"vector\",\"s\"]}",
     "\"rows\":[{\"id\":1,\"$dist\":0.0,\"vector\":[0.0,0.0],\"s\":\"a\"}]", 21},
    {"{\"rank_by\":[\"vector\",\"kNN\",[0,0]],\"limit\":9,\"filters\":[\"n\",\"Eq\",5]}",
     "\"rows\":[{\"id\":1,\"$dist\":0.0},{\"id\":" BIG ",\"$dist\":25.0}]", 24},
    {"{\"rank_by\":[\"mv\",\"ANN\",[[0,0],[3,3]]],\"limit\":9}",
     "\"rows\":[{\"id\":3,\"$dist\":1.0},{\"id\":1,\"$dist\":14.0}]", 24},
    {"{\"rank_by\":[\"sp\",\"SparseKNN\",{\"k\":1,\"a\":0.5}],\"limit\":9}",
     "\"rows\":[{\"id\":" BIG ",\"$dist\":4.0},{\"id\":3,\"$dist\":1.5}]", 24},
    /* scores */
    {"{\"rank_by\":[\"Attribute\",\"u\"],\"limit\":9}",
     "\"rows\":[{\"id\":3,\"$dist\":8.0},{\"id\":1,\"$dist\":2.0},{\"id\":2,\"$dist\":0.0},{"
     "\"id\":" BIG ",\"$dist\":0.0}]",
     48},
    {"{\"rank_by\":[\"n\",\"Eq\",5],\"limit\":9}",
     "\"rows\":[{\"id\":1,\"$dist\":1.0},{\"id\":" BIG ",\"$dist\":1.0}]", 24},
    {"{\"rank_by\":[\"Not\",[\"n\",\"Eq\",5]],\"limit\":9}",
     "\"rows\":[{\"id\":2,\"$dist\":1.0},{\"id\":3,\"$dist\":1.0}]", 24},
    {"{\"rank_by\":[\"Sum\",[[\"n\",\"Eq\",5],[\"Product\",0.5,[\"s\",\"Eq\",\"a\"]]]],\"limit\":"
     "9}",
     "\"rows\":[{\"id\":1,\"$dist\":1.5},{\"id\":" BIG ",\"$dist\":1.0},{\"id\":2,\"$dist\":0.5}]",
     36},
    {"{\"rank_by\":[\"Max\",[0.75,[\"Product\",[\"s\",\"Eq\",\"a\"],0.5]]],\"limit\":9}",
     "\"rows\":[{\"id\":1,\"$dist\":0.75},{\"id\":2,\"$dist\":0.75}]", 24},
    {"{\"rank_by\":[\"Product\",0,[\"n\",\"Eq\",5]],\"limit\":9}", "\"rows\":[]", 0},
    {"{\"rank_by\":[\"Max\",0,[\"Attribute\",\"n\"]],\"limit\":2}",
     "\"rows\":[{\"id\":1,\"$dist\":5.0},{\"id\":" BIG ",\"$dist\":5.0}]", 24},
    {"{\"rank_by\":[\"Saturate\",[\"Attribute\",\"n\"],{\"midpoint\":5}],\"limit\":9}",
     "\"rows\":[{\"id\":1,\"$dist\":0.5},{\"id\":" BIG
     ",\"$dist\":0.5},{\"id\":2,\"$dist\":0.0},{\"id\":3,\"$dist\":0.0}]",
     48},
    {"{\"rank_by\":[\"Decay\",[\"Dist\",[\"Attribute\",\"d\"],\"2024-03-02\"],{\"midpoint\":\"2h\","
     "\"exponent\":2}],\"limit\":9}",
     "\"rows\":[{\"id\":3,\"$dist\":1.0},{\"id\":1,\"$dist\":0.1},{\"id\":2,\"$dist\":0.0},{"
     "\"id\":" BIG ",\"$dist\":0.0}]",
     48},
    {"{\"rank_by\":[\"Dist\",[\"Attribute\",\"u\"],3],\"limit\":2}",
     "\"rows\":[{\"id\":2,\"$dist\":null},{\"id\":3,\"$dist\":5.0}]", 24},
    {"{\"rank_by\":[\"Saturate\",[\"Dist\",[\"Attribute\",\"n\"],-9223372036854775808],{"
     "\"midpoint\":1e-300}],\"limit\":1}",
     "\"rows\":[{\"id\":1,\"$dist\":1.0}]", 12},
    {"{\"rank_by\":[\"Sum\",[[\"Attribute\",\"u\"],[\"sp\",\"SparseKNN\",{\"k\":1}]]],\"limit\":2}",
     "\"rows\":[{\"id\":3,\"$dist\":8.5},{\"id\":" BIG ",\"$dist\":4.0}]", 24},
    /* limit.per */
    {"{\"rank_by\":[\"id\",\"asc\"],\"limit\":{\"total\":9,\"per\":{\"attributes\":[\"s\"],"
     "\"limit\":1}}}",
     "\"rows\":[{\"id\":1},{\"id\":3},{\"id\":" BIG "}]", 24},
    {"{\"rank_by\":[\"id\",\"asc\"],\"limit\":{\"total\":2,\"per\":{\"attributes\":[\"n\"],"
     "\"limit\":1}},\"offset\":1}",
     "\"rows\":[{\"id\":2},{\"id\":3}]", 16},
    {"{\"rank_by\":[\"id\",\"asc\"],\"limit\":{\"total\":9,\"per\":{\"attributes\":[\"n\",\"id\"],"
     "\"limit\":1}}}",
     "\"rows\":[{\"id\":1},{\"id\":2},{\"id\":3},{\"id\":" BIG "}]", 32},
    {"{\"rank_by\":[\"vector\",\"ANN\",[0,0]],\"limit\":{\"total\":2,\"per\":{\"attributes\":["
     "\"s\"],\"limit\":1}}}",
     "\"rows\":[{\"id\":1,\"$dist\":0.0},{\"id\":3,\"$dist\":1.25}]", 24},
    /* aggregates */
    {"{\"aggregate_by\":{\"c\":[\"Count\"],\"i\":[\"Sum\",\"n\"],\"f\":[\"Sum\",\"x\"],\"k\":["
     "\"Count\",\"id\"]}}",
     "\"aggregations\":{\"c\":4,\"i\":3,\"f\":-0.5,\"k\":4}", 0},
    {"{\"aggregate_by\":{\"c\":[\"Count\"],\"f\":[\"Sum\",\"x\"]},\"filters\":[\"n\",\"Gt\",100]}",
     "\"aggregations\":{\"c\":0,\"f\":0.0}", 0},
    {"{\"aggregate_by\":{\"c\":[\"Count\"],\"u\":[\"Sum\",\"u\"]},\"group_by\":[\"n\"]}",
     "\"aggregation_groups\":[{\"n\":null,\"c\":1,\"u\":0},{\"n\":-7,\"c\":1,\"u\":8},{\"n\":5,"
     "\"c\":2,\"u\":2}]",
     0},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"group_by\":[\"s\",\"b\"],\"top_k\":3}",
     "\"aggregation_groups\":[{\"s\":null,\"b\":null,\"c\":1},{\"s\":\"a\",\"b\":null,\"c\":1},{"
     "\"s\":\"a\",\"b\":false,\"c\":1}]",
     0},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"group_by\":[{\"tag\":[\"ForEachUnique\",\"tags\"]},"
     "\"d\"]}",
     "\"aggregation_groups\":[{\"tag\":null,\"d\":null,\"c\":2},{\"tag\":\"a\",\"d\":\"2024-03-"
     "02T00:00:00.000000000Z\",\"c\":1},"
     "{\"tag\":\"b\",\"d\":\"2024-03-02T00:00:00.000000000Z\",\"c\":1}]",
     0},
    {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"group_by\":[],\"include_attributes\":[]}",
     "\"aggregations\":{\"c\":4}", 0},
    /* several queries */
    {"{\"queries\":[{\"limit\":1},{\"aggregate_by\":{\"c\":[\"Count\"]}},{\"limit\":1,\"rank_by\":["
     "\"Attribute\",\"u\"]}],\"limit\":3}",
     "\"results\":[{\"rows\":[{\"id\":1}]},{\"aggregations\":{\"c\":4}},{\"rows\":[{\"id\":3,\"$"
     "dist\":8.0}]}]",
     20},
    {"{\"queries\":[{\"limit\":3,\"rank_by\":[\"id\",\"asc\"]},{\"limit\":2,\"rank_by\":[\"id\","
     "\"desc\"]}],\"rerank_by\":[\"RRF\"]}",
     "\"results\":[{\"rows\":[{\"id\":3,\"$dist\":0.032002047},{\"id\":1,\"$dist\":0.016393442},{"
     "\"id\":" BIG ",\"$dist\":0.016393442},"
     "{\"id\":2,\"$dist\":0.016129032}]}]",
     40},
    {"{\"queries\":[{\"limit\":2,\"include_attributes\":[\"s\",\"n\"]},{\"limit\":2,\"include_"
     "attributes\":[\"n\",\"u\"],"
     "\"compute_attributes\":{\"c\":[\"n\",\"Eq\",5]}},{\"limit\":1,\"compute_attributes\":{\"c\":["
     "\"n\",\"Eq\",6]}}],"
     "\"rerank_by\":[\"RRF\",{\"rank_constant\":1,\"weights\":[1,2,1]}],\"limit\":2,\"offset\":0}",
     "\"results\":[{\"rows\":[{\"id\":1,\"$dist\":2.0,\"c\":false,\"n\":5,\"u\":2,\"s\":\"a\"},{"
     "\"id\":2,\"$dist\":1.0,\"c\":false,\"s\":\"a\"}]}]",
     5 * 8 + 1 + 8 + 1 + 8 + 8},
    /* compute_attributes */
    {"{\"rank_by\":[\"id\",\"asc\"],\"limit\":2,\"compute_attributes\":{\"is\":[\"n\",\"Gt\",0],"
     "\"near\":[\"vector\",\"VectorDist\",[1,0]],"
     "\"some\":[\"Saturate\",[\"Attribute\",\"u\"],{\"midpoint\":2}],\"mvd\":[\"mv\","
     "\"VectorDist\",[[1,0]]]}}",
     "\"rows\":[{\"id\":1,\"is\":true,\"near\":1.0,\"some\":0.5,\"mvd\":0.0},{\"id\":2,\"is\":"
     "false,\"near\":1.0,\"some\":0.0,\"mvd\":null}]",
     16},
};

static void expect_answer(const example *e, const answer *a, size_t cut_index, const char *where)
{
    ck_assert_msg(a->err == MOLA_OK, "%s: %s", e->body, a->text);
    ck_assert_msg(strcmp(a->text, e->members) == 0, "%s in parts %zu %s gives\n%s, not\n%s",
                  e->body, cut_index, where, a->text, e->members);
    ck_assert_uint_eq(a->bytes, e->bytes);
    ck_assert_uint_eq(a->exhausted, 4);
}

/* The same with the first parts out of memory, read in large steps and in small ones. */
static void expect_from_afar(world *w, const example *e, size_t cut_index)
{
    for (uint32_t parts = 1; parts <= w->view->part_count; parts++) {
        for (uint32_t steps = 0; steps < 3; steps++) {
            distant_on(w->view, parts, parts * 10 + steps);
            distant.window_bytes = steps * (MOLA_STEP_BYTES / 3);
            answer a = ask(w, e->body);
            expect_answer(e, &a, cut_index, "from afar");
            ck_assert_ptr_null(f.ctx.pins);
            distant_off(w->view);
        }
    }
}

START_TEST(answers_are_what_they_should_be)
{
    const example *e = &examples[_i];
    static const cut cuts[][3] = {{{0}}, {{1, 0}, {2, 1}}, {{1, 1}, {1, 1}, {1, 1}}, {{4, 2}}};
    static const uint32_t counts[] = {0, 2, 3, 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        world w;
        world_open(&w, &f, schema, rows, MOLA_METRIC_EUCLIDEAN, cuts[i], counts[i]);
        answer a = ask(&w, e->body);
        expect_answer(e, &a, i, "in memory");
        expect_from_afar(&w, e, i);
        world_close(&w);
    }
}
END_TEST

START_TEST(cosine_with_a_zero_vector_is_null_and_last)
{
    world w;
    world_open(&w, &f, schema, rows, MOLA_METRIC_COSINE, NULL, 0);
    answer a = ask(&w, "{\"rank_by\":[\"vector\",\"ANN\",[2,2]],\"limit\":9}");
    ck_assert_str_eq(a.text,
                     "\"rows\":[{\"id\":2,\"$dist\":0.0},{\"id\":" BIG ",\"$dist\":0.010050535},"
                     "{\"id\":3,\"$dist\":0.05131668},{\"id\":1,\"$dist\":null}]");
    world_close(&w);
}
END_TEST

START_TEST(an_empty_view_answers_with_no_rows)
{
    world w;
    world_open(&w, &f, schema, "[]", MOLA_METRIC_EUCLIDEAN, NULL, 0);
    static const char *const bodies[] = {
        "{\"limit\":3}", "{\"limit\":3,\"rank_by\":[\"vector\",\"ANN\",[1,2]]}",
        "{\"limit\":3,\"rank_by\":[\"Attribute\",\"u\"]}",
        "{\"limit\":{\"total\":3,\"per\":{\"attributes\":[\"n\"],\"limit\":1}},\"rank_by\":[\"n\","
        "\"asc\"],\"filters\":[\"n\",\"Eq\",1]}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        ck_assert_str_eq(ask(&w, bodies[i]).text, "\"rows\":[]");
    world_close(&w);
}
END_TEST

START_TEST(string_and_uuid_ids_are_billed_by_their_size)
{
    world w;
    world_open(&w, &f, "{\"id\":\"string\"}", "[{\"id\":\"\"},{\"id\":\"b\"},{\"id\":\"\\u00e9\"}]",
               MOLA_METRIC_NONE, NULL, 0);
    answer a = ask(&w, "{\"limit\":9}");
    ck_assert_str_eq(a.text, "\"rows\":[{\"id\":\"\"},{\"id\":\"b\"},{\"id\":\"\u00e9\"}]");
    ck_assert_uint_eq(a.bytes, 3);
    world_close(&w);
    world_open(&w, &f, "{\"id\":\"uuid\"}", "[{\"id\":\"00000002000040008000000000000001\"}]",
               MOLA_METRIC_NONE, NULL, 0);
    a = ask(&w,
            "{\"limit\":9,\"filters\":[\"id\",\"Eq\",\"{00000002-0000-4000-8000-000000000001}\"]}");
    ck_assert_str_eq(a.text, "\"rows\":[{\"id\":\"00000002-0000-4000-8000-000000000001\"}]");
    ck_assert_uint_eq(a.bytes, 16);
    world_close(&w);
}
END_TEST

/* Diversity must look past the first rows when one key fills them. */
START_TEST(a_rare_key_deep_in_the_ranking_is_found)
{
    enum { ROWS = 6000 };
    mola_buf text;
    world w;
    mola_buf_init(&text, &f.heap);
    for (int i = 0; i < ROWS; i++)
        mola_buf_print(&text, "%s{\"id\":%d,\"n\":%d}", i ? "," : "[", i,
                       i == ROWS - 1 ? 2
                       : i == 5000   ? 3
                                     : 1);
    mola_buf_print(&text, "]%c", 0);
    world_open(&w, &f, "{\"id\":\"uint\",\"n\":\"int\"}", text.data, MOLA_METRIC_NONE,
               &(cut){3000, 0}, 1);
    answer a = ask(&w, "{\"rank_by\":[\"id\",\"asc\"],\"limit\":{\"total\":3,\"per\":{"
                       "\"attributes\":[\"n\"],\"limit\":1}}}");
    ck_assert_str_eq(a.text, "\"rows\":[{\"id\":0},{\"id\":5000},{\"id\":5999}]");
    ck_assert_uint_eq(a.exhausted, 6000); /* no part has an index */
    distant_on(w.view, 2, 1);
    f.ctx.roundtrips = 0;
    answer afar = ask(&w, "{\"rank_by\":[\"id\",\"asc\"],\"limit\":{\"total\":3,\"per\":{"
                          "\"attributes\":[\"n\"],\"limit\":1}}}");
    ck_assert_str_eq(afar.text, a.text);
    ck_assert_uint_le(f.ctx.roundtrips, 5);
    distant_off(w.view);
    world_close(&w);
    mola_buf_free(&text);
}
END_TEST

/* Memory may end at any allocation: the query is then refused with words, and leaves nothing
 * behind. */
START_TEST(memory_may_end_anywhere)
{
    static const char *const bodies[] = {
        "{\"limit\":9,\"include_attributes\":true,\"filters\":[\"And\",[[\"n\",\"In\",[1,2,3,4,5,6,"
        "7,8,9,10]],"
        "[\"Or\",[[\"tags\",\"Eq\",[\"\\u0061\"]],[\"s\",\"IGlob\",\"{A,[b-c]}*\"],[\"id\",\"In\",["
        "1,2]]]]]]}",
        "{\"limit\":{\"total\":3,\"per\":{\"attributes\":[\"s\",\"tags\"],\"limit\":1}},\"rank_"
        "by\":[[\"s\",\"asc\"],[\"n\",\"desc\"]],"
        "\"compute_attributes\":{\"a\":[\"n\",\"Eq\",5],\"e\":[\"Attribute\",\"u\"],\"c\":["
        "\"vector\",\"VectorDist\",\"AAAAAAAAAAA=\"]}}",
        "{\"limit\":3,\"rank_by\":[\"Sum\",[[\"sp\",\"SparseKNN\",{\"k\":1,\"\\u0061\":2}],["
        "\"Decay\",[\"Dist\",[\"Attribute\",\"d\"],"
        "\"2024-03-02\"],{\"midpoint\":\"1h\"}],[\"Product\",2,[\"n\",\"Eq\",5]]]]}",
        "{\"queries\":[{\"limit\":3,\"rank_by\":[\"mv\",\"ANN\",[[1,2]]]},{\"limit\":3,\"exclude_"
        "attributes\":[\"s\"]}],"
        "\"rerank_by\":[\"RRF\",{\"weights\":[1,2]}]}",
        "{\"aggregate_by\":{\"c\":[\"Count\"],\"x\":[\"Sum\",\"x\"]},\"group_by\":[\"s\",{\"t\":["
        "\"ForEachUnique\",\"tags\"]}]}",
    };
    world w;
    world_open(&w, &f, schema, rows, MOLA_METRIC_EUCLIDEAN, &(cut){2, 1}, 1);
    if (_i % 2)
        distant_on(w.view, 2, 1);
    mola_json_doc *doc = parse_text(&f, bodies[_i / 2], strlen(bodies[_i / 2]));
    mola_err err = MOLA_NO_MEMORY;
    uint32_t refused = 0;
    size_t limit = 0, used = atomic_load(&f.heap.used);
    for (; err; limit += 1 + limit / 50) {
        mola_arena arena;
        mola_query *query;
        mola_query_result result = {0};
        mola_ctx ctx = f.ctx;
        mola_arena_init(&arena, &f.heap, limit);
        ctx.arena = &arena;
        mola_why_clear(&f.why);
        err = mola_query_parse(&ctx, mola_json_root(doc), &query);
        if (!err)
            err = mola_query_run(&ctx, w.view, mola_kernel_select(NULL), query, &result);
        ck_assert_msg(!err || err == MOLA_NO_MEMORY, "limit %zu: %s", limit, f.why.text);
        ck_assert(!err || f.why.len > 0);
        refused += err != MOLA_OK;
        if (!err)
            mola_buf_free(&result.members);
        mola_arena_reset(&arena);
        ck_assert_uint_eq(atomic_load(&f.heap.used), used);
        ck_assert_uint_lt(limit, (size_t)1 << 24);
    }
    ck_assert_uint_gt(refused, 10);
    mola_json_free(doc);
    distant_off(w.view);
    world_close(&w);
}
END_TEST

/* Waiting for the store is what an answer from afar costs: what a query reads is read at once as
 * far as it is known. */
START_TEST(few_round_trips_are_made)
{
    static const struct {
        const char *body;
        uint32_t trips;
    } cases[] = {
        {"{\"aggregate_by\":{\"c\":[\"Count\"]}}", 0},
        {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"filters\":[\"n\",\"Gt\",17]}", 1},
        {"{\"aggregate_by\":{\"c\":[\"Count\"]},\"filters\":[\"n\",\"Gt\",-17]}", 0},
        {"{\"aggregate_by\":{\"c\":[\"Sum\",\"m\"]},\"filters\":[\"n\",\"Gt\",17]}", 1},
        {"{\"limit\":3}", 2},
        {"{\"limit\":3,\"include_attributes\":true}", 2},
        {"{\"limit\":3,\"rank_by\":[\"m\",\"desc\"],\"filters\":[\"n\",\"Gt\",17],"
         "\"include_attributes\":true}",
         2},
        {"{\"limit\":3,\"rank_by\":[\"m\",\"desc\"],\"filters\":[\"n\",\"Gt\",17],"
         "\"compute_attributes\":{\"far\":[\"v\",\"VectorDist\",[1,2]],\"is\":[\"s\",\"Eq\","
         "\"7\"]}}",
         2},
        {"{\"limit\":3,\"rank_by\":[\"v\",\"ANN\",[1,2]],\"include_attributes\":true}", 2},
        {"{\"limit\":3,\"rank_by\":[\"v\",\"kNN\",[1,2]],\"filters\":[\"n\",\"Gt\",17],"
         "\"include_attributes\":true}",
         3},
        {"{\"limit\":3,\"rank_by\":[\"Attribute\",\"m\"],\"filters\":[\"n\",\"Gt\",17],"
         "\"include_attributes\":true}",
         2},
        /* 2 of real segments: what was read ahead for few rows stays in memory there, but not here
         */
        {"{\"limit\":3,\"filters\":[\"id\",\"In\",[1,5000]],\"include_attributes\":true}", 4},
    };
    enum { ROWS = 6000 };
    mola_buf text;
    world w;
    mola_buf_init(&text, &f.heap);
    for (int i = 0; i < ROWS; i++)
        mola_buf_print(&text, "%s{\"id\":%d,\"n\":%d,\"m\":%d,\"s\":\"%d\",\"v\":[1,%d]}",
                       i ? "," : "[", i, i * 7919 % 100, i * 31 % 1000, i, i % 50);
    mola_buf_print(&text, "]%c", 0);
    world_open(&w, &f,
               "{\"id\":\"uint\",\"n\":\"int\",\"m\":\"uint\",\"s\":\"string\",\"v\":{\"type\":"
               "\"[2]f32\",\"ann\":true}}",
               text.data, MOLA_METRIC_COSINE, &(cut){3000, 0}, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        answer near = ask(&w, cases[i].body);
        distant_on(w.view, 2, 1);
        distant.exact_zones = true;
        f.ctx.roundtrips = 0;
        answer far = ask(&w, cases[i].body);
        ck_assert_str_eq(far.text, near.text);
        ck_assert_msg(f.ctx.roundtrips == cases[i].trips, "%s: %u", cases[i].body,
                      f.ctx.roundtrips);
        distant_off(w.view);
    }
    world_close(&w);
    mola_buf_free(&text);
}
END_TEST

START_TEST(freshness_is_what_the_request_says)
{
    static const struct {
        const char *body;
        mola_consistency level;
        uint64_t staleness_ns;
    } cases[] = {
        {"{\"limit\":1}", MOLA_READ_STRONG, 0},
        {"{\"limit\":1,\"consistency\":{\"level\":\"strong\",\"max_staleness_seconds\":3}}",
         MOLA_READ_STRONG, 3 * MOLA_SECOND},
        {"{\"limit\":1,\"consistency\":{\"level\":\"eventual\"}}", MOLA_READ_EVENTUAL,
         MOLA_STALENESS_SECONDS * MOLA_SECOND},
        {"{\"limit\":1,\"consistency\":{\"level\":\"eventual\",\"max_staleness_seconds\":0}}",
         MOLA_READ_EVENTUAL, 0},
        {"{\"limit\":1,\"consistency\":{\"level\":\"eventual\",\"max_staleness_seconds\":"
         "18446744073709551616}}",
         MOLA_READ_EVENTUAL, MOLA_NEVER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mola_json_doc *doc = parse_text(&f, cases[i].body, strlen(cases[i].body));
        mola_query *query;
        ck_assert_int_eq(mola_query_parse(&f.ctx, mola_json_root(doc), &query), MOLA_OK);
        const mola_freshness *freshness = mola_query_freshness(query);
        ck_assert_int_eq(freshness->level, cases[i].level);
        ck_assert_uint_eq(freshness->staleness_ns, cases[i].staleness_ns);
        mola_json_free(doc);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answers");
    TCase *cases = tcase_create("answers");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, answers_are_what_they_should_be, 0,
                        sizeof examples / sizeof *examples);
    tcase_add_test(cases, cosine_with_a_zero_vector_is_null_and_last);
    tcase_add_test(cases, an_empty_view_answers_with_no_rows);
    tcase_add_test(cases, string_and_uuid_ids_are_billed_by_their_size);
    tcase_add_test(cases, a_rare_key_deep_in_the_ranking_is_found);
    tcase_add_loop_test(cases, memory_may_end_anywhere, 0, 10);
    tcase_add_test(cases, few_round_trips_are_made);
    tcase_add_test(cases, freshness_is_what_the_request_says);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
