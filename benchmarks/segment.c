/* segment - how fast segments are written and their blocks read, in memory.
 *
 *     ninja -C build-release benchmarks/bench_segment
 *     build-release/benchmarks/bench_segment [repetitions]
 *
 * Each line is the median over the repetitions, in CPU time of the one thread. MB are of plain
 * values. */
#include "mola/format/segment.h"
#include "mola/base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS = 64 << 10, WINDOW = MOLA_SEGMENT_WINDOW, DIMS = 128, WIDE = 768, ATTRS = 6 };
enum { NUMBER = 1, DATE, WORD, SMALL, LARGE, TEXT }; /* attribute ids */

static mola_heap heap;
static int repetitions = 31;

typedef struct {
    mola_segment_sink sink;
    mola_buf objects[64], head;
} memory;

static mola_err put(mola_segment_sink *sink, char kind, uint32_t number, mola_str bytes)
{
    memory *m = (memory *)(void *)sink;
    mola_buf *to = kind == 'o' ? &m->objects[number] : &m->head;
    to->len = 0;
    mola_buf_add_str(to, bytes);
    return to->failed ? MOLA_NO_MEMORY : MOLA_OK;
}

static memory made;
static mola_segment_head head;
static mola_arena lasting, arena;
static mola_column columns[ATTRS + 1];
static mola_attr attrs[ATTRS];
static const char *const types[] = {"uint",     "int",      "datetime", "string",
                                    "[128]f32", "[768]f32", "string"};

static void check(mola_err err)
{
    if (!err)
        return;
    fprintf(stderr, "failed: %s\n", mola_err_name(err));
    exit(1);
}

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

static void measure(const char *name, double bytes, double things, void (*work)(void))
{
    static double seconds[1001];
    for (int i = 0; i < repetitions; i++) {
        double start = now();
        work();
        seconds[i] = now() - start;
        mola_arena_reset(&arena);
    }
    qsort(seconds, (size_t)repetitions, sizeof *seconds, by_value);
    double median = seconds[repetitions / 2];
    printf("%-40s %8.2f MB %9.1f us %9.0f MB/s %8.1f ns each\n", name, bytes / 1e6, median * 1e6,
           bytes / 1e6 / median, median * 1e9 / things);
}

static uint64_t chance(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005U + 1442695040888963407U;
    return state ^ state >> 29;
}

/* -- what is written --------------------------------------------------------------------------- */

static void fill(mola_column_builder *b, uint32_t row)
{
    static float vector[WIDE];
    char text[400];
    mola_value v = {.elem = b->type.elem};
    if (b->type.form == MOLA_FORM_DENSE) {
        for (uint32_t i = 0; i < b->type.dims; i++)
            vector[i] = (float)(int32_t)chance() / 2147483648.0F;
        mola_column one = {.type = b->type, .rows = 1, .data = (const uint8_t *)vector};
        check(mola_column_add_rows(b, &one, 0, 1));
        return;
    }
    if (b->type.elem == MOLA_ELEM_STRING) {
        size_t len = (size_t)snprintf(text, sizeof text, "word %u ", (unsigned)(chance() % 1000));
        for (; b != NULL && row % 2 && len < 300; len++)
            text[len] = (char)('a' + chance() % 16);
        v.s = (mola_str){text, len};
    } else if (b->type.elem == MOLA_ELEM_DATETIME) {
        v.i = (int64_t)(1700000000000U + chance() % 1000000000);
    } else {
        v.u = b->type.elem == MOLA_ELEM_UINT ? row * 7919U : chance() >> 1;
    }
    check(mola_column_add_value(b, &v));
}

static void make_columns(void)
{
    static mola_column_builder builders[ATTRS + 1];
    for (uint32_t i = 0; i <= ATTRS; i++) {
        mola_type type;
        check(mola_type_parse(mola_str_of(types[i]), &type, NULL));
        mola_column_builder_init(&builders[i], &heap, type);
        for (uint32_t row = 0; row < ROWS; row++)
            fill(&builders[i], i == WORD ? 0 : row);
        columns[i] = mola_column_built(&builders[i]);
        if (i)
            attrs[i - 1] = (mola_attr){.id = i, .type = type, .filterable = i != TEXT};
    }
}

static const mola_segment_id id = {"benchmark", 1, 2};

static void write_all(void)
{
    const mola_attr *list[ATTRS];
    const mola_column *documents[] = {&columns[TEXT]};
    mola_segment_writer *w;
    mola_segment_made about;
    for (uint32_t i = 0; i < ATTRS; i++)
        list[i] = &attrs[i];
    check(mola_segment_writer_open(&heap, &id, ROWS, columns[0].type, list, ATTRS, &made.sink, &w));
    check(mola_segment_add_ids(w, &columns[0]));
    for (uint32_t i = 0; i + 1 < ATTRS; i++)
        check(mola_segment_add(w, i, &columns[i + 1], ROWS));
    check(mola_segment_add_documents(w, documents, ROWS));
    check(mola_segment_finish(w, &about));
    mola_segment_writer_free(w);
}

/* -- what is read ------------------------------------------------------------------------------ */

static mola_str at(mola_extent e)
{
    return (mola_str){made.objects[e.object].data + e.offset, e.bytes};
}

static void read_page(uint32_t attr)
{
    const mola_segment_attr *a = mola_segment_find(&head, attr);
    mola_column c;
    check(mola_segment_page_decode(&head, a, 3, at(a->pages[3].at), &arena, &c));
}

static void read_numbers(void)
{
    read_page(NUMBER);
}
static void read_dates(void)
{
    read_page(DATE);
}
static void read_words(void)
{
    read_page(WORD);
}

static void read_records(uint32_t attr, uint32_t step)
{
    static float out[WINDOW * WIDE];
    const mola_segment_attr *a = mola_segment_find(&head, attr);
    for (uint32_t row = 0; row < WINDOW; row += step) {
        uint32_t rows = step;
        mola_extent e = mola_segment_records_at(a, row, &rows);
        check(mola_segment_records_decode(&head, a, row, rows, at(e), out));
    }
}

static void read_small(void)
{
    read_records(SMALL, WINDOW);
}
static void read_large(void)
{
    read_records(LARGE, WINDOW);
}
static void read_large_one_by_one(void)
{
    read_records(LARGE, 1);
}

static void read_group(void)
{
    const mola_segment_attr *a = mola_segment_find(&head, TEXT);
    mola_column c;
    check(mola_segment_group_decode(&head, 1, at(a->pages[1].at), &arena, &c));
}

static void find_ids(void)
{
    for (uint32_t row = 0; row < 1000; row++) {
        mola_value v = mola_column_element(&columns[0], row * 61);
        uint32_t page = mola_segment_index_page(&head, mola_value_hash(&v)), found_row;
        bool found;
        check(mola_segment_index_find(&head, page, at(mola_segment_index_at(&head, page)), &v,
                                      &found, &found_row));
        MOLA_ASSERT(found && found_row == row * 61);
    }
}

static void read_head(void)
{
    mola_segment_head h;
    check(mola_segment_head_decode(mola_buf_str(&made.head), &id, &arena, &h, NULL));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        repetitions = (int)strtol(argv[1], NULL, 10);
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena_init(&lasting, &heap, SIZE_MAX);
    mola_arena_init(&arena, &heap, SIZE_MAX);
    made.sink.put = put;
    for (int i = 0; i < 64; i++)
        mola_buf_init(&made.objects[i], &heap);
    mola_buf_init(&made.head, &heap);
    make_columns();
    write_all();
    check(mola_segment_head_decode(mola_buf_str(&made.head), &id, &lasting, &head, NULL));
    const mola_segment_attr *text = mola_segment_find(&head, TEXT);
    uint32_t group_rows = mola_segment_page_rows(&head, text, 1);
    int all = repetitions;
    repetitions = 3;
    measure("write 65,536 rows, 3.7 KB each", (double)head.logical_bytes, ROWS, write_all);
    repetitions = all;
    measure("page of 4,096 i64", WINDOW * 8.0, WINDOW, read_numbers);
    measure("page of 4,096 datetimes", WINDOW * 8.0, WINDOW, read_dates);
    measure("page of 4,096 short strings", WINDOW * 9.0, WINDOW, read_words);
    measure("4,096 records of 128 f32", WINDOW * DIMS * 4.0, WINDOW, read_small);
    measure("4,096 records of 768 f32", WINDOW * WIDE * 4.0, WINDOW, read_large);
    measure("the same one by one", WINDOW * WIDE * 4.0, WINDOW, read_large_one_by_one);
    measure("group of documents", group_rows * 155.0, group_rows, read_group);
    measure("1,000 ids on their pages", 1000 * 4096.0, 1000, find_ids);
    measure("head", (double)made.head.len, 1, read_head);
    return 0;
}
