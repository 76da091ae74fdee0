#include "../countdown.h"

#include "golden_segment.h"

/* A segment is all that is left of the log entries it was made of: what went in must come out, of
 * any type, cut in any way; and a look for an id must find its row in one page. */

static void open_head(const memory_sink *sink, const random_segment *s, mola_segment_head *head)
{
    ck_assert_int_eq(
        mola_segment_head_decode(mola_buf_str(&sink->head), &s->id, &arena, head, &why), MOLA_OK);
    ck_assert_uint_eq(head->rows, s->rows);
    ck_assert_uint_eq(head->object_count, sink->count);
}

static uint64_t logical_bytes(const mola_column *c)
{
    uint64_t bytes = 0;
    for (uint32_t r = 0; r < c->rows; r++)
        bytes += mola_column_row_bytes(c, r);
    return bytes;
}

static uint64_t check_column(chance *c, const memory_sink *sink, const mola_segment_head *head,
                             const mola_segment_attr *a, const mola_column_builder *want)
{
    mola_column_builder back;
    mola_column_builder_init(&back, &heap, want->type);
    read_attr(c, sink, head, a, &back);
    mola_column left = mola_column_built(want), right = mola_column_built(&back);
    assert_columns_eq(&left, 0, &right, 0, head->rows);
    mola_column_builder_free(&back);
    return logical_bytes(&left);
}

static void check_made(const memory_sink *sink, const mola_segment_head *head,
                       const mola_segment_made *made)
{
    uint64_t data = 0;
    for (uint32_t i = 0; i < sink->count; i++) {
        uint8_t sum[16];
        mola_sum128(mola_buf_str(&sink->data[i]), sum);
        ck_assert_uint_eq(head->objects[i].bytes, sink->data[i].len);
        ck_assert_mem_eq(head->objects[i].sum, sum, 16);
        data += sink->data[i].len;
    }
    ck_assert_uint_eq(made->head_bytes, sink->head.len);
    ck_assert_uint_eq(made->data_bytes, data);
    ck_assert_uint_eq(made->object_count, sink->count);
    ck_assert_uint_eq(made->logical_bytes, head->logical_bytes);
}

/* A head that was read is written again as the same bytes. */
static void check_head_again(const memory_sink *sink, const mola_segment_head *head)
{
    mola_buf again;
    mola_buf_init(&again, &heap);
    mola_segment_head_encode(&again, head);
    ck_assert(mola_str_eq(mola_buf_str(&again), mola_buf_str(&sink->head)));
    mola_buf_free(&again);
}

static void check_all(chance *c, const random_segment *s, const memory_sink *sink,
                      const mola_segment_head *head)
{
    uint64_t logical = check_column(c, sink, head, &head->attrs[0], &s->ids);
    uint32_t seen = 1;
    for (uint32_t i = 0; i < s->attr_count; i++) {
        const mola_segment_attr *a = mola_segment_find(head, s->attrs[i].id);
        mola_column want = mola_column_built(&s->values[i]);
        ck_assert_int_eq(a == NULL, is_absent(&want));
        if (!a)
            continue;
        seen++;
        ck_assert(mola_type_eq(a->type, s->attrs[i].type));
        ck_assert_int_eq(a->layout, mola_segment_layout_of(&s->attrs[i]));
        logical += check_column(c, sink, head, a, &s->values[i]);
    }
    ck_assert_uint_eq(seen, head->attr_count);
    ck_assert_ptr_null(mola_segment_find(head, 1000000));
    ck_assert_uint_eq(logical, head->logical_bytes);
}

/* However the rows are cut into runs, the same bytes come out. */
static void check_written_again(chance *c, const random_segment *s, const memory_sink *first)
{
    static memory_sink again;
    mola_segment_made made;
    memory_init(&again);
    write_segment(c, s, &again, &made);
    ck_assert_uint_eq(again.count, first->count);
    for (uint32_t i = 0; i < again.count; i++)
        ck_assert(mola_str_eq(mola_buf_str(&again.data[i]), mola_buf_str(&first->data[i])));
    ck_assert(mola_str_eq(mola_buf_str(&again.head), mola_buf_str(&first->head)));
    memory_free(&again);
}

static void check_segment(chance *c, const random_segment *s)
{
    static memory_sink sink;
    mola_segment_made made;
    mola_segment_head head;
    memory_init(&sink);
    write_segment(c, s, &sink, &made);
    open_head(&sink, s, &head);
    check_made(&sink, &head, &made);
    check_head_again(&sink, &head);
    check_all(c, s, &sink, &head);
    check_written_again(c, s, &sink);
    memory_free(&sink);
}

START_TEST(what_goes_in_comes_out)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 1009};
    random_segment s;
    static const uint32_t most[] = {2, 100, 1000, 5000, 13000};
    random_segment_init(&c, &s, 1 + below(&c, most[_i % 5]), below(&c, _i % 5 == 4 ? 4 : 12));
    check_segment(&c, &s);
    random_segment_free(&s);
}
END_TEST

static mola_value other_id(chance *c, mola_elem elem)
{
    static char text[16];
    mola_value id = {.elem = (uint8_t)elem};
    uint64_t some = next_u64(c);
    if (elem == MOLA_ELEM_STRING)
        id.s = (mola_str){text, (size_t)snprintf(text, sizeof text, "?%x", below(c, 1000000))};
    else if (elem == MOLA_ELEM_UUID)
        memcpy(id.uuid + 8, &some, 8);
    else
        id.u = some;
    return id;
}

static uint64_t *read_bloom(const memory_sink *sink, const mola_segment_head *head)
{
    uint64_t *words = mola_new(&arena, uint64_t, head->bloom_words);
    for (uint32_t i = 0; i < head->bloom_block_count; i++)
        ck_assert_int_eq(
            mola_segment_bloom_decode(head, i, bytes_at_extent(sink, head->bloom_blocks[i]), words),
            MOLA_OK);
    return words;
}

/* Every id is found in its row, and no other is; the Bloom filter has no false negative and about
 * one false positive in a hundred. */
START_TEST(ids_lead_to_their_rows)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 1013};
    static memory_sink sink;
    random_segment s;
    mola_segment_made made;
    mola_segment_head head;
    random_segment_init(&c, &s, _i % 2 ? 20000 + below(&c, 20000) : 1 + below(&c, 700), 0);
    memory_init(&sink);
    write_segment(&c, &s, &sink, &made);
    open_head(&sink, &s, &head);
    uint64_t *bloom = read_bloom(&sink, &head);
    mola_column ids = mola_column_built(&s.ids);
    uint32_t row, taken = 0, tries = 20000;
    for (uint32_t r = 0; r < s.rows; r += 1 + s.rows / 3000) {
        mola_value id = mola_column_element(&ids, r);
        ck_assert(find_id(&sink, &head, &id, &row));
        ck_assert_uint_eq(row, r);
    }
    for (uint32_t r = 0; r < s.rows; r++) {
        mola_value id = mola_column_element(&ids, r);
        ck_assert(mola_bloom_may_have(bloom, head.bloom_words, mola_value_hash(&id)));
    }
    for (uint32_t i = 0; i < tries; i++) {
        mola_value id = other_id(&c, s.id_type.elem);
        taken += mola_bloom_may_have(bloom, head.bloom_words, mola_value_hash(&id));
        ck_assert(i % 16 || !find_id(&sink, &head, &id, &row));
    }
    printf("rows %u: %u pages, %.2f %% false\n", s.rows, head.index_page_count,
           100.0 * taken / tries);
    if (s.rows > 1000) {
        ck_assert_uint_lt(taken, tries / 60);
        uint32_t width = s.id_type.elem == MOLA_ELEM_UINT ? 12 : 20;
        ck_assert(s.id_type.elem == MOLA_ELEM_STRING ||
                  head.index_page_count * 4096.0 < s.rows * width * 1.5);
    }
    memory_free(&sink);
    random_segment_free(&s);
}
END_TEST

/* What a dumb walk over the rows of each window says. */
static mola_zone dumb_zone(const mola_column *c, uint32_t first, uint32_t until)
{
    mola_zone zone = {.least = UINT64_MAX};
    for (uint32_t r = first; r < until; r++) {
        zone.any_null = zone.any_null || !mola_column_has(c, r);
        uint32_t from = c->row_from ? c->row_from[r] : r;
        uint32_t to = c->row_from ? c->row_from[r + 1] : r + 1;
        for (uint32_t e = from; mola_column_has(c, r) && e < to; e++) {
            uint64_t key = mola_sort_key(c, e);
            zone.any_value = true;
            if (key < zone.least)
                zone.least = key;
            if (key > zone.most)
                zone.most = key;
        }
    }
    if (!zone.any_value)
        zone.least = 0;
    return zone;
}

START_TEST(zones_are_what_the_values_lie_between)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 1019};
    static memory_sink sink;
    random_segment s;
    mola_segment_made made;
    mola_segment_head head;
    random_segment_init(&c, &s, 1 + below(&c, 9000), 6);
    for (uint32_t i = 0; i < s.attr_count; i++)
        s.attrs[i].filterable = true;
    memory_init(&sink);
    write_segment(&c, &s, &sink, &made);
    open_head(&sink, &s, &head);
    for (int i = -1; i < (int)s.attr_count; i++) {
        const mola_segment_attr *a = mola_segment_find(&head, i < 0 ? 0 : s.attrs[i].id);
        mola_column values = mola_column_built(i < 0 ? &s.ids : &s.values[i]);
        if (!a)
            continue;
        bool has = mola_type_can_order(values.type) ||
                   (values.type.form == MOLA_FORM_ARRAY && values.type.elem != MOLA_ELEM_UNKNOWN);
        ck_assert_int_eq(a->zones != NULL, has);
        for (uint32_t first = 0; has && first < s.rows; first += 4096) {
            uint32_t until = s.rows - first < 4096 ? s.rows : first + 4096;
            mola_zone want = dumb_zone(&values, first, until), got = a->zones[first / 4096];
            ck_assert_uint_eq(got.least, want.least);
            ck_assert_uint_eq(got.most, want.most);
            ck_assert_int_eq(got.any_value, want.any_value);
            ck_assert_int_eq(got.any_null, want.any_null);
        }
    }
    memory_free(&sink);
    random_segment_free(&s);
}
END_TEST

/* What zstd makes may change with its version; what it made must read for ever. */
START_TEST(the_golden_segment_reads)
{
    chance c = {7};
    static memory_sink made, sink;
    random_segment s;
    mola_segment_made about;
    mola_segment_head head;
    golden_segment_init(&s);
    memory_init(&made);
    write_segment(&c, &s, &made, &about);
    ck_assert_uint_eq(made.count, 1);
    golden_segment_read(&sink, &made);
    open_head(&sink, &s, &head);
    ck_assert_uint_eq(sink.data[0].len, head.objects[0].bytes);
    check_all(&c, &s, &sink, &head);
    mola_column ids = mola_column_built(&s.ids);
    for (uint32_t r = 0, row; r < s.rows; r++) {
        mola_value id = mola_column_element(&ids, r);
        ck_assert(find_id(&sink, &head, &id, &row));
        ck_assert_uint_eq(row, r);
    }
    memory_free(&sink);
    memory_free(&made);
    random_segment_free(&s);
}
END_TEST

/* Pages hold what a reader expects: a window, or less when it is wide; groups about 32 KiB. */
START_TEST(wide_values_make_more_pages)
{
    enum { ROWS = 9000 };
    static memory_sink sink;
    chance c = {11};
    random_segment s = {
        .rows = ROWS, .attr_count = 3, .id_type = type_of("uint"), .object_bytes = 1 << 20};
    char text[1000];
    memset(text, 'x', sizeof text);
    mola_column_builder_init(&s.ids, &heap, s.id_type);
    random_ids(&c, &s.ids, ROWS);
    for (uint32_t i = 0; i < 3; i++) {
        s.attrs[i] = (mola_attr){
            .id = i + 1, .type = type_of(i == 1 ? "int" : "string"), .filterable = i < 2};
        mola_column_builder_init(&s.values[i], &heap, s.attrs[i].type);
        for (uint32_t r = 0; r < ROWS; r++) {
            mola_value v = {.elem = s.attrs[i].type.elem};
            if (i == 1)
                v.i = r;
            else
                v.s = (mola_str){text, 500 + r % 500};
            ck_assert_int_eq(mola_column_add_value(&s.values[i], &v), MOLA_OK);
        }
    }
    mola_segment_made made;
    mola_segment_head head;
    memory_init(&sink);
    write_segment(&c, &s, &sink, &made);
    open_head(&sink, &s, &head);
    ck_assert_uint_eq(head.attrs[0].page_count, 3);
    ck_assert_uint_eq(head.attrs[2].page_count, 3);
    ck_assert_uint_gt(head.attrs[1].page_count, 9000 * 750 / 200000);
    ck_assert_uint_lt(head.attrs[1].page_count, 9000 * 750 / 100000);
    ck_assert_uint_gt(head.attrs[3].page_count, 9000 * 750 / 36000);
    ck_assert_uint_lt(head.attrs[3].page_count, 9000 * 750 / 30000);
    check_all(&c, &s, &sink, &head);
    memory_free(&sink);
    random_segment_free(&s);
}
END_TEST

/* Ids that crowd one page whatever the number of pages cannot be indexed: told, not looped over.
 * The same id many times is the simplest such set. */
START_TEST(too_many_ids_of_one_hash_are_told)
{
    enum { ROWS = 400 };
    static memory_sink sink;
    mola_segment_writer *w;
    mola_segment_made made;
    mola_segment_id id = {"owner", 1, 2};
    mola_column_builder ids;
    mola_column_builder_init(&ids, &heap, type_of("uint"));
    for (uint32_t r = 0; r < ROWS; r++) {
        mola_value v = {.elem = MOLA_ELEM_UINT, .u = 7};
        ck_assert_int_eq(mola_column_add_value(&ids, &v), MOLA_OK);
    }
    mola_column all = mola_column_built(&ids);
    memory_init(&sink);
    ck_assert_int_eq(mola_segment_writer_open(&heap, &id, ROWS, all.type, NULL, 0, &sink.sink, &w),
                     MOLA_OK);
    ck_assert_int_eq(mola_segment_add_ids(w, &all), MOLA_OK);
    ck_assert_int_eq(mola_segment_finish(w, &made), MOLA_INVALID);
    mola_segment_writer_free(w);
    memory_free(&sink);
    mola_column_builder_free(&ids);
}
END_TEST

START_TEST(an_error_of_the_sink_ends_the_writing)
{
    static memory_sink sink;
    random_segment s;
    mola_segment_made made;
    chance c = {13};
    random_segment_init(&c, &s, 3000, 8);
    s.object_bytes = 8192;
    for (int good = 0;; good++) {
        chance again = {17};
        memory_init(&sink);
        sink.puts_left = good;
        mola_err err = write_segment_on(&heap, &again, &s, &sink, &made);
        bool whole = sink.head.len > 0;
        memory_free(&sink);
        ck_assert_int_eq(err, whole ? MOLA_OK : MOLA_UNAVAILABLE);
        if (whole) {
            ck_assert_int_gt(good, 4);
            break;
        }
    }
    random_segment_free(&s);
}
END_TEST

/* Every allocation of the writer fails once. */
START_TEST(no_memory_to_write_is_told_and_leaks_nothing)
{
    static memory_sink sink;
    random_segment s;
    mola_segment_made made;
    golden_segment_init(&s);
    s.object_bytes = 8192;
    for (int good = 0;; good++) {
        countdown_heap few;
        chance again = {19};
        countdown_init(&few, good);
        memory_init(&sink);
        mola_err err = write_segment_on(&few.heap, &again, &s, &sink, &made);
        countdown_check_empty(&few);
        memory_free(&sink);
        if (!few.failed) {
            ck_assert_int_eq(err, MOLA_OK);
            ck_assert_int_gt(good, 50);
            break;
        }
        ck_assert(err == MOLA_NO_MEMORY || err == MOLA_OK); /* buffers may do with less */
    }
    random_segment_free(&s);
}
END_TEST

/* And every amount of memory that is too little to read. */
START_TEST(no_memory_to_read_is_told_and_leaks_nothing)
{
    static memory_sink sink;
    random_segment s;
    mola_segment_made made;
    mola_segment_head head, small_head;
    chance c = {23};
    golden_segment_init(&s);
    memory_init(&sink);
    write_segment(&c, &s, &sink, &made);
    open_head(&sink, &s, &head);
    uint32_t refused = 0;
    for (uint32_t i = 0; i <= head.attr_count; i++) {
        mola_err err = MOLA_NO_MEMORY;
        for (size_t limit = 0; err; limit += 16) {
            mola_arena small;
            mola_column columns[GOLDEN_ATTRS];
            mola_arena_init(&small, &heap, limit);
            const mola_segment_attr *a = i ? &head.attrs[i - 1] : NULL;
            if (!a)
                err = mola_segment_head_decode(mola_buf_str(&sink.head), &s.id, &small, &small_head,
                                               &why);
            else if (a->layout == MOLA_AS_PAGES)
                err = mola_segment_page_decode(&head, a, 0, bytes_at_extent(&sink, a->pages[0].at),
                                               &small, columns);
            else if (a->layout == MOLA_AS_DOCUMENTS)
                err = mola_segment_group_decode(&head, 0, bytes_at_extent(&sink, a->pages[0].at),
                                                &small, columns);
            else
                err = MOLA_OK;
            mola_arena_reset(&small);
            ck_assert(err == MOLA_OK || err == MOLA_NO_MEMORY);
            refused += err != MOLA_OK;
        }
    }
    ck_assert_uint_gt(refused, 100);
    memory_free(&sink);
    random_segment_free(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("segment");
    TCase *segments = tcase_create("segments");
    tcase_add_checked_fixture(segments, set_up, tear_down);
    tcase_set_timeout(segments, 60);
    tcase_add_loop_test(segments, what_goes_in_comes_out, 0, 60);
    tcase_add_loop_test(segments, ids_lead_to_their_rows, 0, 12);
    tcase_add_loop_test(segments, zones_are_what_the_values_lie_between, 0, 20);
    tcase_add_test(segments, the_golden_segment_reads);
    tcase_add_test(segments, wide_values_make_more_pages);
    tcase_add_test(segments, too_many_ids_of_one_hash_are_told);
    tcase_add_test(segments, an_error_of_the_sink_ends_the_writing);
    tcase_add_test(segments, no_memory_to_write_is_told_and_leaks_nothing);
    tcase_add_test(segments, no_memory_to_read_is_told_and_leaks_nothing);
    suite_add_tcase(suite, segments);
    return run(suite);
}
