/* codec - how fast texts become values and values texts, beside what the memory could do at most.
 *
 *     meson setup build-release --buildtype=release && ninja -C build-release
 * benchmarks/bench_codec build-release/benchmarks/bench_codec [repetitions]
 *
 * Each line is the median over the repetitions, in CPU time of the one thread; MB are of text (of
 * gzip: of plain bytes). */
#include "mola/codec/base64.h"
#include "mola/codec/block.h"
#include "mola/codec/gzip.h"
#include "mola/codec/json.h"
#include "mola/codec/print.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS = 1000, DIMENSIONS = 768, SMALL_ROWS = 20000, REPETITIONS_MAX = 1001 };

static mola_heap heap;
static int repetitions = 15;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct {
    mola_str text;  /* what is read; padded */
    mola_buf *out;  /* what is written, empty at the start of each repetition */
    float *floats;  /* ROWS * DIMENSIONS */
    uint64_t count; /* set by the work: things it went over */
} bench;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void measure(const char *name, size_t bytes, void (*work)(bench *b), bench *b)
{
    static double seconds[REPETITIONS_MAX];
    for (int i = 0; i < repetitions; i++) {
        b->out->len = 0;
        double start = now();
        work(b);
        seconds[i] = now() - start;
    }
    qsort(seconds, (size_t)repetitions, sizeof *seconds, by_value);
    double median = seconds[repetitions / 2];
    printf("%-44s %8.1f MB %8.2f ms %9.0f MB/s", name, (double)bytes / 1e6, median * 1e3,
           (double)bytes / 1e6 / median);
    if (b->count) {
        printf(" %8.1f ns each of %llu", median * 1e9 / (double)b->count,
               (unsigned long long)b->count);
    }
    printf("\n");
    b->count = 0;
}

static float unit_float(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (float)(int32_t)*state / 2147483648.0F;
}

/* ------------------------------------------------------------------------------------------- work
 */

static void copy_text(bench *b)
{
    char *at = mola_buf_reserve(b->out, b->text.len);
    check(at != NULL, "memory");
    memcpy(at, b->text.data, b->text.len);
}

static void parse_only(bench *b)
{
    mola_json_doc doc;
    check(mola_json_parse(&heap, b->text, &doc, NULL) == MOLA_OK, "parse");
    b->count = doc.count;
    mola_json_free(&doc);
}

static void parse_vectors(bench *b)
{
    mola_json_doc doc;
    check(mola_json_parse(&heap, b->text, &doc, NULL) == MOLA_OK, "parse");
    mola_json rows = mola_json_get(mola_json_root(&doc), MOLA_STR("upsert_rows"));
    float *at = b->floats;
    for (mola_json row = mola_json_first(rows); row.doc; row = mola_json_next(rows, row)) {
        mola_json v = mola_json_get(row, MOLA_STR("vector"));
        size_t count;
        if (mola_json_kind_of(v) == MOLA_JSON_STRING) {
            mola_str s;
            check(mola_json_string(v, NULL, &s) && mola_base64_decode(s, at), "base64");
        } else {
            check(mola_json_f32_array(v, at, DIMENSIONS, &count) && count == DIMENSIONS, "vector");
        }
        at += DIMENSIONS;
    }
    b->count = (uint64_t)(at - b->floats);
    mola_json_free(&doc);
}

static void parse_small_rows(bench *b)
{
    mola_json_doc doc;
    check(mola_json_parse(&heap, b->text, &doc, NULL) == MOLA_OK, "parse");
    mola_json rows = mola_json_get(mola_json_root(&doc), MOLA_STR("upsert_rows"));
    uint64_t id;
    double price;
    for (mola_json row = mola_json_first(rows); row.doc; row = mola_json_next(rows, row)) {
        check(mola_json_u64(mola_json_get(row, MOLA_STR("id")), &id), "id");
        check(mola_json_f64(mola_json_get(row, MOLA_STR("price")), &price), "price");
        check(mola_json_kind_of(mola_json_get(row, MOLA_STR("text"))) == MOLA_JSON_STRING, "text");
        b->count++;
    }
    mola_json_free(&doc);
}

static void parse_tiny_documents(bench *b)
{
    for (b->count = 0; b->count < 10000; b->count++) {
        mola_json_doc doc;
        check(mola_json_parse(&heap, b->text, &doc, NULL) == MOLA_OK, "parse");
        mola_json_free(&doc);
    }
}

static void print_f32s(bench *b)
{
    for (size_t i = 0; i < (size_t)ROWS * DIMENSIONS; i++) {
        mola_print_f32(b->out, b->floats[i]);
        mola_buf_add_char(b->out, ',');
    }
    b->count = (uint64_t)ROWS * DIMENSIONS;
}

static void print_string(bench *b)
{
    mola_print_string(b->out, b->text);
}

static void print_base64(bench *b)
{
    mola_base64_print(b->out, b->floats, sizeof(float) * ROWS * DIMENSIONS);
}

static void decode_base64(bench *b)
{
    check(mola_base64_decode(b->text, b->floats), "base64");
}

static void deflate(bench *b)
{
    check(mola_gzip_deflate(b->text, b->out) == MOLA_OK, "deflate");
}

static void inflate(bench *b)
{
    mola_buf_free(b->out);
    check(mola_gzip_inflate(b->text, 1 << 30, b->out) == MOLA_OK, "inflate");
}

static const mola_block_place place = {.kind = 'K'};
static void write_blocks(bench *b)
{
    for (size_t at = 0; at < b->text.len; at += 65536) {
        size_t left = b->text.len - at;
        mola_block_write(b->out, &place, MOLA_BLOCK_ZSTD,
                         (mola_str){b->text.data + at, left < 65536 ? left : 65536});
        b->count++;
    }
}

static void sum(bench *b)
{
    uint8_t out[16];
    mola_sum128(b->text, out);
    b->floats[0] = out[0];
}

/* ------------------------------------------------------------------------------------------ texts
 */

typedef enum { FLOATS_F32, FLOATS_F64, FLOATS_BASE64 } vector_form;

static mola_str make_upsert(mola_buf *text, vector_form form, const float *floats)
{
    mola_buf_print(text, "{\"upsert_rows\":[");
    for (int row = 0; row < ROWS; row++) {
        mola_buf_print(text, "%s{\"id\":%d,\"vector\":", row ? "," : "", row);
        const float *v = floats + (size_t)row * DIMENSIONS;
        mola_buf_add_char(text, form == FLOATS_BASE64 ? '"' : '[');
        for (int i = 0; i < DIMENSIONS && form != FLOATS_BASE64; i++) {
            if (i)
                mola_buf_add_char(text, ',');
            if (form == FLOATS_F32) {
                mola_print_f32(text, v[i]);
            } else {
                mola_print_f64(text, (double)v[i]);
            }
        }
        if (form == FLOATS_BASE64)
            mola_base64_print(text, v, sizeof *v * DIMENSIONS);
        mola_buf_add_char(text, form == FLOATS_BASE64 ? '"' : ']');
        mola_buf_add_char(text, '}');
    }
    mola_buf_print(text, "],\"distance_metric\":\"cosine_distance\"}");
    size_t size = text->len;
    mola_buf_add_zeros(text, MOLA_JSON_PADDING);
    check(!text->failed, "memory");
    return (mola_str){text->data, size};
}

static mola_str make_small_rows(mola_buf *text)
{
    mola_buf_print(text, "{\"upsert_rows\":[");
    for (int row = 0; row < SMALL_ROWS; row++) {
        mola_buf_print(text,
                       "%s{\"id\":%d,\"category\":\"c%d\",\"price\":%d.%02d,\"in_stock\":%s,"
                       "\"tags\":[\"red\",\"blue\"],\"text\":\"the \\\"%d\\\" brown foxes jump "
                       "over lazy dogs\"}",
                       row ? "," : "", row, row % 17, row % 1000, row % 100,
                       row % 3 ? "true" : "false", row);
    }
    mola_buf_print(text, "]}");
    size_t size = text->len;
    mola_buf_add_zeros(text, MOLA_JSON_PADDING);
    check(!text->failed, "memory");
    return (mola_str){text->data, size};
}

static void measure_json(bench *b, mola_buf *texts)
{
    static const char *const names[][2] = {
        {"parse: 1,000 rows x 768, shortest f32", "parse and read the f32s"},
        {"parse: the same as 17-digit doubles", "parse and read the f32s"},
        {"parse: the same as base64", "parse and decode base64"},
    };
    for (int form = FLOATS_F32; form <= FLOATS_BASE64; form++) {
        texts->len = 0;
        b->text = make_upsert(texts, (vector_form)form, b->floats);
        measure(names[form][0], b->text.len, parse_only, b);
        measure(names[form][1], b->text.len, parse_vectors, b);
    }
    texts->len = 0;
    b->text = make_small_rows(texts);
    measure("parse: 20,000 small rows", b->text.len, parse_only, b);
    measure("parse and look three members up", b->text.len, parse_small_rows, b);
    measure("gzip deflate: the same text", b->text.len, deflate, b);
    mola_buf packed = *b->out, inflated;
    mola_buf_init(&inflated, &heap);
    mola_buf_init(b->out, &heap);
    bench read = {.text = mola_buf_str(&packed), .out = &inflated, .floats = b->floats};
    measure("gzip inflate", b->text.len, inflate, &read);
    measure("64 KiB blocks, zstd 1", b->text.len, write_blocks, b);
    measure("xxh3-128", b->text.len, sum, b);
    measure("print: as one string", b->text.len, print_string, b);
    static const char tiny[256] = "{\"rank_by\":[\"vector\",\"ANN\",[0.1,0.2,0.3]],\"top_k\":10,"
                                  "\"filters\":[\"category\",\"Eq\",\"shoes\"]}";
    b->text = (mola_str){tiny, strlen(tiny)};
    measure("parse: 10,000 times a tiny query", b->text.len * 10000, parse_tiny_documents, b);
    mola_buf_free(&packed);
    mola_buf_free(&inflated);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        repetitions = (int)strtol(argv[1], NULL, 10);
    if (repetitions < 1 || repetitions > REPETITIONS_MAX)
        repetitions = REPETITIONS_MAX;
    mola_heap_init(&heap, (size_t)4 << 30);
    mola_buf out, texts;
    mola_buf_init(&out, &heap);
    mola_buf_init(&texts, &heap);
    float *floats = malloc(sizeof *floats * ROWS * DIMENSIONS + 64);
    check(floats != NULL, "memory");
    uint32_t state = 1;
    for (size_t i = 0; i < (size_t)ROWS * DIMENSIONS; i++)
        floats[i] = unit_float(&state) / 8;
    bench b = {.out = &out, .floats = floats};

    b.text = make_upsert(&texts, FLOATS_F32, floats);
    measure("memcpy, for comparison", b.text.len, copy_text, &b);
    measure("print: f32s", b.text.len, print_f32s, &b);
    size_t base64_bytes = sizeof(float) * ROWS * DIMENSIONS / 3 * 4;
    measure("print: base64", base64_bytes, print_base64, &b);
    mola_buf encoded;
    mola_buf_init(&encoded, &heap);
    mola_base64_print(&encoded, floats, sizeof(float) * ROWS * DIMENSIONS);
    bench decode = {.text = mola_buf_str(&encoded), .out = &out, .floats = floats};
    measure("base64 decode", base64_bytes, decode_base64, &decode);
    measure_json(&b, &texts);
    mola_buf_free(&encoded);
    mola_buf_free(&out);
    mola_buf_free(&texts);
    free(floats);
    return 0;
}
