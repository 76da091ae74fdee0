/* scan.c - what filters, orders and scores cost a row, beside what memory gives.
 *
 *   bench_scan [ROWS]
 *
 * One part of ROWS rows (1,000,000), all in memory. Each line: milliseconds for all rows,
 * nanoseconds a row, and the bytes of the columns read in GB/s; the best of five runs. The first
 * line is a plain sum over 64-bit numbers. */
#include "mola/model/schema.h"
#include "mola/query/query.h"
#include "namespace/part.h"
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 5, DIMS = 16 };
static mola_heap heap;
static mola_arena arena;
static mola_why why;
static mola_ctx ctx;
static mola_view *view;

static void must(mola_err err)
{
    if (!err)
        return;
    fprintf(stderr, "%s: %.*s\n", mola_err_name(err), (int)why.len, why.text);
    exit(1);
}

static mola_json_doc parse(const char *text)
{
    size_t len = strlen(text);
    char *padded = mola_new(&arena, char, len + MOLA_JSON_PADDING);
    mola_json_doc doc;
    memcpy(padded, text, len);
    must(mola_json_parse(&heap, (mola_str){padded, len}, &doc, &why));
    return doc;
}

static void add(mola_column_builder *b, mola_value v)
{
    must(mola_column_add_value(b, &v));
}

static void add_vector(mola_column_builder *b, uint64_t *state)
{
    float values[DIMS];
    for (int i = 0; i < DIMS; i++) {
        *state = *state * 6364136223846793005U + 1442695040888963407U;
        values[i] = (float)(*state >> 40) / (1 << 24) - 0.5f;
    }
    mola_column one = {.type = b->type, .rows = 1, .data = (const uint8_t *)values};
    must(mola_column_add_row(b, &one, 0));
}

/* n: numbers below 1,000; m: the same, a third missing; x: floats; s: 100 short strings; b:
 * booleans; u: all different; v: vectors. */
static void fill(mola_part *part, uint32_t rows)
{
    uint64_t state = 42;
    for (uint32_t r = 0; r < rows; r++) {
        char text[16];
        state = state * 6364136223846793005U + 1442695040888963407U;
        uint64_t dice = state >> 33;
        int64_t n = (int64_t)(dice % 1000);
        mola_str s = {
            text, (size_t)snprintf(text, sizeof text, "value %u", (unsigned)(dice / 1000 % 100))};
        add(&part->builders[0],
            (mola_value){.elem = MOLA_ELEM_UINT, .u = (uint64_t)r * 7919 % 1000000007});
        add(&part->builders[1], (mola_value){.elem = MOLA_ELEM_INT, .i = n});
        if (dice % 3)
            add(&part->builders[2], (mola_value){.elem = MOLA_ELEM_INT, .i = n});
        else
            must(mola_column_add_absent(&part->builders[2], 1));
        add(&part->builders[3], (mola_value){.elem = MOLA_ELEM_FLOAT, .f = (double)n / 7});
        add(&part->builders[4], (mola_value){.elem = MOLA_ELEM_STRING, .s = s});
        add(&part->builders[5], (mola_value){.elem = MOLA_ELEM_BOOL, .b = dice & 1});
        add(&part->builders[6], (mola_value){.elem = MOLA_ELEM_UINT, .u = state});
        add_vector(&part->builders[7], &state);
    }
}

static void build(uint32_t rows)
{
    mola_json_doc doc = parse("{\"id\":\"uint\",\"n\":\"int\",\"m\":\"int\",\"x\":\"float\",\"s\":"
                              "\"string\",\"b\":\"bool\","
                              "\"u\":\"uint\",\"v\":{\"type\":\"[16]f32\",\"ann\":true}}");
    mola_state *empty = mola_state_new(&heap), *state = mola_state_copy(&heap, empty, 8);
    must(mola_schema_apply(state, mola_json_root(&doc), &arena, &why));
    state->metric = MOLA_METRIC_COSINE;
    mola_state_unref(empty);
    mola_json_free(&doc);
    size_t bytes = sizeof(mola_view) + sizeof(mola_view_part);
    view = mola_alloc(&heap, bytes);
    mola_ref_init(&view->ref);
    *view = (mola_view){
        .ref = view->ref, .heap = &heap, .bytes = bytes, .state = state, .part_count = 1};
    mola_part *part;
    mola_type id_type = {.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_UINT};
    must(mola_part_begin(&heap, id_type, mola_state_sorted(state, &arena), state->attr_count,
                         &part));
    fill(part, rows);
    must(mola_part_finish(part));
    view->parts[0] = (mola_view_part){.part = part, .rows = rows, .live_rows = rows};
    view->live_rows = rows;
}

static void report(const char *name, uint64_t ns, uint32_t rows, double bytes_a_row)
{
    printf("%-46s %8.2f ms %7.2f ns/row", name, (double)ns / 1e6, (double)ns / rows);
    if (bytes_a_row > 0)
        printf(" %7.2f GB/s", bytes_a_row * rows / (double)ns);
    printf("\n");
}

static void measure_memory(uint32_t rows)
{
    mola_column c;
    uint64_t best = UINT64_MAX, sum = 0;
    if (!mola_part_whole_column(view->parts[0].part, 6, &c))
        exit(1);
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = mola_boot_ns(ctx.env);
        for (uint32_t r = 0; r < rows; r++) {
            uint64_t v;
            memcpy(&v, c.data + (size_t)r * sizeof v, sizeof v);
            sum += v;
        }
        uint64_t took = mola_boot_ns(ctx.env) - start;
        best = took < best ? took : best;
    }
    report(sum ? "sum of u" : "sum of u (0)", best, rows, 8);
}

static void measure(const char *name, const char *body, double bytes_a_row)
{
    mola_json_doc doc = parse(body);
    uint64_t best = UINT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        mola_arena scratch;
        mola_query *query;
        mola_query_result result;
        mola_arena_init(&scratch, &heap, (size_t)1 << 32);
        ctx.arena = &scratch;
        uint64_t start = mola_boot_ns(ctx.env);
        must(mola_query_parse(&ctx, mola_json_root(&doc), &query));
        must(mola_query_run(&ctx, view, mola_kernel_select(NULL), query, &result));
        uint64_t took = mola_boot_ns(ctx.env) - start;
        best = took < best ? took : best;
        mola_buf_free(&result.members);
        mola_arena_reset(&scratch);
    }
    report(name, best, (uint32_t)view->live_rows, bytes_a_row);
    mola_json_free(&doc);
}

#define COUNT(filter) "{\"aggregate_by\":{\"c\":[\"Count\"]},\"filters\":" filter "}"
#define GROUPS(function, keys)                                                                     \
    "{\"top_k\":10,\"aggregate_by\":{\"a\":" function "},\"group_by\":[" keys "]}"
#define QUERY         "[1,0,0,0,0,0,0,0,0.5,0,0,0,0,0,0,0]"
#define FIRST(filter) "{\"limit\":10,\"rank_by\":[\"n\",\"asc\"],\"filters\":" filter "}"

int main(int argc, char **argv)
{
    uint32_t rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
    static mola_metrics metrics;
    mola_heap_init(&heap, SIZE_MAX / 2);
    mola_arena_init(&arena, &heap, (size_t)1 << 32);
    ctx = (mola_ctx){.env = mola_env_real(&heap, &metrics), .why = &why};
    build(rows ? rows : 1);
    measure_memory((uint32_t)view->live_rows);
    /* filters that let nothing through: what is left is the filter */
    measure("n in a range", FIRST("[\"n\",\"Gt\",2000]"), 8);
    measure("n in a range, a third missing", FIRST("[\"m\",\"Gt\",2000]"), 8.125);
    measure("x in a range", FIRST("[\"x\",\"Lt\",-1]"), 8);
    measure("b is null", FIRST("[\"b\",\"Eq\",null]"), 0.125);
    measure("n in 3 values", FIRST("[\"n\",\"In\",[2001,2002,2003]]"), 8);
    measure(
        "n in 10 values",
        FIRST("[\"Not\",[\"n\",\"NotIn\",[1001,1002,1003,1004,1005,1006,1007,1008,1009,1010]]]"),
        8);
    measure("s equals", FIRST("[\"s\",\"Eq\",\"value x\"]"), 12);
    measure("s matches *9*x", FIRST("[\"s\",\"Glob\",\"*9*x\"]"), 12);
    measure("n and x and s",
            FIRST("[\"And\",[[\"s\",\"Eq\",\"value 7\"],[\"n\",\"Lt\",10],[\"x\",\"Gt\",1000]]]"),
            16);
    measure("id equals", FIRST("[\"id\",\"Eq\",7919]"), 8);
    /* orders */
    measure("10 by id", "{\"limit\":10}", 8);
    measure("10 by u", "{\"limit\":10,\"rank_by\":[\"u\",\"asc\"]}", 8);
    measure("10 by n, many ties", "{\"limit\":10,\"rank_by\":[\"n\",\"desc\"]}", 8);
    measure("10 by b, half are ties", "{\"limit\":10,\"rank_by\":[\"b\",\"desc\"]}", 1);
    measure("10 by s, then n", "{\"limit\":10,\"rank_by\":[[\"s\",\"asc\"],[\"n\",\"asc\"]]}", 20);
    measure("10,000 by u", "{\"limit\":10000,\"rank_by\":[\"u\",\"asc\"]}", 8);
    measure("10 by u where n < 100",
            "{\"limit\":10,\"rank_by\":[\"u\",\"asc\"],\"filters\":[\"n\",\"Lt\",100]}", 16);
    /* scores, aggregates */
    measure("10 by Attribute u", "{\"limit\":10,\"rank_by\":[\"Attribute\",\"u\"]}", 8);
    measure("10 by n < 10 + saturated u",
            "{\"limit\":10,\"rank_by\":[\"Sum\",[[\"n\",\"Lt\",10],[\"Saturate\",[\"Attribute\","
            "\"u\"],{\"midpoint\":1e18}]]]}",
            16);
    measure("count where n < 100", COUNT("[\"n\",\"Lt\",100]"), 8);
    measure("sum of x by s", GROUPS("[\"Sum\",\"x\"]", "\"s\""), 20);
    measure("sum of n by s", GROUPS("[\"Sum\",\"n\"]", "\"s\""), 20);
    measure("count by n", GROUPS("[\"Count\"]", "\"n\""), 8);
    measure("count by s and b", GROUPS("[\"Count\"]", "\"s\",\"b\""), 13);
    measure("count by u, all different", GROUPS("[\"Count\"]", "\"u\""), 8);
    /* vectors, and what printing costs */
    measure("10 nearest", "{\"limit\":10,\"rank_by\":[\"v\",\"ANN\"," QUERY "]}", 64);
    measure("10,000 nearest", "{\"limit\":10000,\"rank_by\":[\"v\",\"ANN\"," QUERY "]}", 64);
    measure("10 nearest where n < 100",
            "{\"limit\":10,\"rank_by\":[\"v\",\"kNN\"," QUERY "],\"filters\":[\"n\",\"Lt\",100]}",
            8 + 6.4);
    measure("10,000 by u with all attributes",
            "{\"limit\":10000,\"rank_by\":[\"u\",\"asc\"],\"include_attributes\":true}", 8);
    mola_view_unref(view);
    mola_env_real_free(ctx.env);
    mola_arena_reset(&arena);
    return 0;
}
