/* question.h - any JSON as a query of a few rows: refused with words, or answered with the same
 * JSON however the rows lie in parts and whichever kernel looks at them. */
#pragma once
#include "../unit/query/ask.h"
#include "fuzz.h"

static const char schema[] =
    "{\"id\":\"uint\",\"s\":\"string\",\"n\":\"int\",\"u\":\"uint\",\"x\":\"float\",\"b\":\"bool\","
    "\"d\":\"datetime\","
    "\"g\":\"uuid\",\"ss\":\"[]string\",\"ns\":\"[]int\",\"e\":\"[]unknown\",\"blob\":\"bytes\","
    "\"vector\":{\"type\":\"[2]f32\",\"ann\":true},\"q\":{\"type\":\"[2]i8\",\"ann\":true},"
    "\"mv\":{\"type\":\"[][2]f32\",\"ann\":{\"late_interaction\":true}},"
    "\"sp\":{\"type\":\"{}f16\",\"sparse_knn\":{\"distance_metric\":\"dot_product\"}},"
    "\"t\":{\"type\":\"string\",\"full_text_search\":true},"
    "\"rx\":{\"type\":\"string\",\"regex\":true},\"fz\":{\"type\":\"[]string\",\"fuzzy\":true}}";
static const char rows[] =
    "[{\"id\":3,\"s\":\"b\",\"n\":-7,\"u\":8,\"x\":1.5,\"b\":true,\"d\":\"2024-03-02\",\"ss\":["
    "\"a\",\"b\"],"
    "\"ns\":[1,2],\"blob\":\"AA==\",\"vector\":[0.5,1],\"q\":[1,-1],\"mv\":[[0,0],[3,4]],\"sp\":{"
    "\"k\":0.5,\"a\":2}},"
    "{\"id\":1,\"s\":\"a/"
    "b\",\"n\":5,\"u\":2,\"x\":-2,\"b\":false,\"ss\":[],\"e\":[],\"vector\":[0,0],\"q\":[0,0],"
    "\"mv\":[[1,0]],\"sp\":{\"a\":-1},\"g\":\"00000001-0000-4000-8000-000000000001\"},"
    "{\"id\":2,\"s\":\"a\",\"rx\":\"a "
    "Fox\",\"fz\":[\"walrus\",\"\"],\"t\":\"text\",\"vector\":[1,1],\"q\":[2,2]},"
    "{\"id\":18446744073709551615,\"n\":5,\"u\":0,\"vector\":[3,4],\"q\":[3,4],\"sp\":{\"k\":4}}]";

static inline answer ask_in_parts(fixture *f, const char *body, const char *kernel, const cut *cuts,
                                  uint32_t cut_count)
{
    world w;
    world_open(&w, f, schema, rows, MOLA_METRIC_COSINE, cuts, cut_count);
    answer a = ask_with(&w, body, kernel);
    world_close(&w);
    return a;
}

/* With memory that may end anywhere: an answer, an error in words, or no memory; and no leak. */
static inline void ask_with_little_memory(const char *body, size_t size)
{
    fixture f;
    world w;
    uint32_t dice = 2166136261U;
    for (size_t i = 0; i < size; i++)
        dice = (dice ^ (unsigned char)body[i]) * 16777619U;
    fixture_open(&f);
    world_open(&w, &f, schema, rows, MOLA_METRIC_COSINE, NULL, 0);
    mola_json_doc *doc = parse_text(&f, body, size);
    mola_query *query;
    mola_query_result result;
    f.arena.limit = f.arena.used + dice % (dice & 1 ? 4096 : 65536);
    mola_err err = mola_query_parse(&f.ctx, mola_json_root(doc), &query);
    if (!err)
        err = mola_query_run(&f.ctx, w.view, mola_kernel_select(NULL), query, &result);
    FUZZ_CHECK(!err || f.why.len);
    if (!err)
        mola_buf_free(&result.members);
    mola_json_free(doc);
    world_close(&w);
    fixture_close(&f);
}

/* The same JSON as a recall, and as a query that is explained: refused with words, or answered. */
static inline void recall_and_explain(const char *body, size_t size)
{
    fixture f;
    world w;
    fixture_open(&f);
    world_open(&w, &f, schema, rows, MOLA_METRIC_COSINE, NULL, 0);
    const mola_kernel *kernel = mola_kernel_select(NULL);
    mola_json_doc *doc = parse_text(&f, body, size);
    mola_recall *asked;
    mola_query *query;
    mola_buf out;
    mola_buf_init(&out, &f.heap);
    mola_err err = mola_recall_parse(&f.ctx, mola_json_root(doc), &asked);
    if (!err)
        err = mola_recall_run(&f.ctx, w.view, kernel, asked, &out);
    FUZZ_CHECK(err ? f.why.len > 0 : out.len > 0 && !out.failed);
    mola_why_clear(&f.why);
    out.len = 0;
    err = mola_query_parse(&f.ctx, mola_json_root(doc), &query);
    if (!err)
        err = mola_query_explain(&f.ctx, w.view, kernel, query, &out);
    FUZZ_CHECK(err ? f.why.len > 0 : out.len > 0 && !out.failed);
    mola_buf_free(&out);
    mola_json_free(doc);
    world_close(&w);
    fixture_close(&f);
}

/* Any text; what is no JSON is passed over. */
static inline void check_question(const char *text, size_t size)
{
    static const cut halves[] = {{1, 0}, {2, 1}};
    fixture f;
    mola_json_doc doc;
    fixture_open(&f);
    if (mola_json_parse(&f.heap, (mola_str){text, size}, &doc, NULL) == MOLA_OK) {
        mola_json_free(&doc);
        answer whole = ask_in_parts(&f, text, NULL, NULL, 0);
        answer parts = ask_in_parts(&f, text, "scalar", halves, 2);
        FUZZ_CHECK(whole.err == parts.err && strcmp(whole.text, parts.text) == 0 &&
                   whole.bytes == parts.bytes);
        FUZZ_CHECK(whole.err == MOLA_OK || whole.err == MOLA_SHAPE || whole.err == MOLA_INVALID);
        FUZZ_CHECK(whole.text[0] != '\0');
        ask_with_little_memory(text, size);
        recall_and_explain(text, size);
        if (!whole.err) { /* the members of a JSON object */
            mola_str body = {0};
            FUZZ_CHECK(mola_arena_print(&f.arena, &body, "{%s}", whole.text));
            mola_json_free(parse_text(&f, body.data, body.len));
        }
    }
    fixture_close(&f);
}

/* The same of `before`, then the input, then `after`. */
static inline void check_expression(const char *before, const uint8_t *data, size_t size,
                                    const char *after)
{
    size_t head = strlen(before), tail = strlen(after);
    char *text = calloc(1, head + size + tail + MOLA_JSON_PADDING);
    FUZZ_CHECK(text != NULL);
    memcpy(text, before, head);
    if (size)
        memcpy(text + head, data, size);
    memcpy(text + head + size, after, tail);
    check_question(text, head + size + tail);
    free(text);
}
