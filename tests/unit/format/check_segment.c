#include "segments.h"

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
    uint64_t logical = check_column(c, &sink, &head, &head.attrs[0], &s->ids);
    uint32_t seen = 1;
    for (uint32_t i = 0; i < s->attr_count; i++) {
        const mola_segment_attr *a = mola_segment_find(&head, s->attrs[i].id);
        mola_column want = mola_column_built(&s->values[i]);
        ck_assert_int_eq(a == NULL, is_absent(&want));
        if (!a)
            continue;
        seen++;
        ck_assert(mola_type_eq(a->type, s->attrs[i].type));
        ck_assert_int_eq(a->layout, mola_segment_layout_of(&s->attrs[i]));
        logical += check_column(c, &sink, &head, a, &s->values[i]);
    }
    ck_assert_uint_eq(seen, head.attr_count);
    ck_assert_ptr_null(mola_segment_find(&head, 1000000));
    ck_assert_uint_eq(logical, made.logical_bytes);
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

int main(void)
{
    Suite *suite = suite_create("segment");
    TCase *segments = tcase_create("segments");
    tcase_add_checked_fixture(segments, set_up, tear_down);
    tcase_set_timeout(segments, 60);
    tcase_add_loop_test(segments, what_goes_in_comes_out, 0, 60);
    tcase_add_loop_test(segments, ids_lead_to_their_rows, 0, 12);
    tcase_add_loop_test(segments, zones_are_what_the_values_lie_between, 0, 20);
    suite_add_tcase(suite, segments);
    return run(suite);
}
