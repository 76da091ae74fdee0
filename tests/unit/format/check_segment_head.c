#include "golden_segment.h"

/* The head is believed about where everything stands: a head that contradicts itself, however right
 * its sum is, must be refused, and one that reads must be safe to follow. */

enum { HEADER_BYTES = 96, BODY_AT = HEADER_BYTES };

static memory_sink sink;
static random_segment segment;

static void seal_again(void)
{
    uint8_t sum[16];
    mola_sum128((mola_str){out.data, out.len - 16}, sum);
    memcpy(out.data + out.len - 16, sum, 16);
}

/* The head of a small segment with its body raw, so that each byte of the body is a byte of `out`.
 */
static void make_raw_head(void)
{
    mola_segment_made made;
    chance c = {29};
    golden_segment_init(&segment);
    memory_init(&sink);
    write_segment(&c, &segment, &sink, &made);
    const char *image = sink.head.data;
    size_t body_bytes = mola_load_u64(image + 56), stored = sink.head.len - HEADER_BYTES - 16;
    char *body = mola_arena_alloc(&arena, body_bytes, 1, 8);
    ck_assert_uint_lt(stored, body_bytes);
    ck_assert_int_eq(mola_zstd_unpack((mola_str){image + HEADER_BYTES, stored}, body, body_bytes),
                     MOLA_OK);
    mola_buf_add(&out, image, HEADER_BYTES);
    mola_buf_add(&out, body, body_bytes);
    mola_buf_add_zeros(&out, 16);
    seal_again();
}

static void set_up_head(void)
{
    set_up();
    make_raw_head();
}

static void tear_down_head(void)
{
    memory_free(&sink);
    random_segment_free(&segment);
    tear_down();
}

static mola_err decode(mola_segment_head *head)
{
    return mola_segment_head_decode(mola_buf_str(&out), &segment.id, &arena, head, &why);
}

START_TEST(a_raw_body_reads_as_the_packed_one)
{
    mola_segment_head raw, packed;
    ck_assert_int_eq(decode(&raw), MOLA_OK);
    ck_assert_int_eq(
        mola_segment_head_decode(mola_buf_str(&sink.head), &segment.id, &arena, &packed, &why),
        MOLA_OK);
    mola_buf a, b;
    mola_buf_init(&a, &heap);
    mola_buf_init(&b, &heap);
    mola_segment_head_encode(&a, &raw);
    mola_segment_head_encode(&b, &packed);
    ck_assert(mola_str_eq(mola_buf_str(&a), mola_buf_str(&b)));
    mola_buf_free(&a);
    mola_buf_free(&b);
}
END_TEST

static void check_extent(const mola_segment_head *h, mola_extent at)
{
    ck_assert_uint_lt(at.object, h->object_count);
    ck_assert_uint_le((uint64_t)at.offset + at.bytes, h->objects[at.object].bytes);
}

START_TEST(flipped_bits_under_a_good_sum_stay_consistent)
{
    uint32_t accepted = 0;
    mola_buf again;
    mola_buf_init(&again, &heap);
    for (size_t bit = 0; bit < (out.len - 16) * 8; bit++) {
        mola_segment_head h, back;
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        seal_again();
        mola_err err = decode(&h);
        ck_assert(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
        if (err == MOLA_OK) {
            accepted++;
            for (uint32_t i = 0; i < h.attr_count; i++)
                for (uint32_t page = 0; page < h.attrs[i].page_count; page++)
                    check_extent(&h, h.attrs[i].pages[page].at);
            for (uint32_t page = 0; page < h.index_page_count; page++)
                check_extent(&h, mola_segment_index_at(&h, page));
            again.len = 0;
            mola_segment_head_encode(&again, &h);
            ck_assert_int_eq(
                mola_segment_head_decode(mola_buf_str(&again), &segment.id, &arena, &back, &why),
                MOLA_OK);
        }
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    mola_buf_free(&again);
    ck_assert_uint_gt(accepted, 64 + 128); /* logical bytes, the sum of the object; more */
}
END_TEST

static void expect_refused(size_t at, uint64_t value, size_t size)
{
    mola_segment_head h;
    char was[8];
    ck_assert_uint_lt(at + size, out.len - 16);
    memcpy(was, out.data + at, size);
    ck_assert_msg(memcmp(was, &value, size) != 0, "at %zu", at);
    memcpy(out.data + at, &value, size);
    seal_again();
    ck_assert_msg(decode(&h) == MOLA_CORRUPT, "at %zu", at);
    memcpy(out.data + at, was, size);
    seal_again();
    ck_assert_int_eq(decode(&h), MOLA_OK);
}

START_TEST(heads_that_contradict_themselves_are_refused)
{
    /* one object; places of the index run, the Bloom block, the group, then the ids */
    const size_t objects = BODY_AT + 40, index = objects + 24, bloom = index + 16,
                 group = bloom + 16, ids = group + 16, page = ids + 16;
    expect_refused(8, 1, 4);   /* flags */
    expect_refused(12, 95, 4); /* header_bytes */
    expect_refused(48, 0, 4);  /* rows */
    expect_refused(48, 69, 4); /* do not agree with the places */
    expect_refused(48, (1 << 24) + 1, 4);
    expect_refused(52, 1, 4);                 /* reserved */
    expect_refused(56, UINT64_C(1) << 40, 8); /* more than can be packed there */
    expect_refused(64, 1, 8);
    expect_refused(BODY_AT, 0, 4); /* no objects */
    expect_refused(BODY_AT, UINT32_MAX, 4);
    expect_refused(BODY_AT + 4, 0, 4); /* no attributes */
    expect_refused(BODY_AT + 4, UINT32_MAX, 4);
    expect_refused(BODY_AT + 8, 0, 4); /* documents without groups */
    expect_refused(BODY_AT + 8, UINT32_MAX, 4);
    expect_refused(BODY_AT + 12, 2, 4); /* pages that the run does not have */
    expect_refused(BODY_AT + 16, 0, 4);
    expect_refused(BODY_AT + 20, 8, 4); /* words that the block does not have */
    expect_refused(BODY_AT + 20, 12, 4);
    expect_refused(BODY_AT + 24, 0, 4);
    expect_refused(BODY_AT + 28, 1, 4);
    expect_refused(objects, 40, 8);                  /* an object smaller than what stands in it */
    expect_refused(index, 0, 4);                     /* no units */
    expect_refused(index + 4, 1, 4);                 /* no such object */
    expect_refused(index + 8, 8, 4);                 /* not on 4,096 */
    expect_refused(index + 8, UINT32_MAX - 4095, 4); /* behind the object */
    expect_refused(index + 12, 4095, 4);
    expect_refused(bloom + 12, 24, 4);
    expect_refused(group, 71, 4);
    expect_refused(group + 12, 0, 4);
    expect_refused(ids, 1, 4); /* no document ids */
    expect_refused(ids + 4, MOLA_FORM_ARRAY, 1);
    expect_refused(ids + 5, MOLA_ELEM_FLOAT, 1);
    expect_refused(ids + 6, MOLA_AS_DOCUMENTS, 1);
    expect_refused(ids + 6, 3, 1);
    expect_refused(ids + 7, 2, 1);
    expect_refused(ids + 8, 1, 4);
    expect_refused(ids + 12, 0, 4);
    expect_refused(ids + 12, UINT32_MAX, 4);
    expect_refused(page, 64, 4);          /* not all rows */
    expect_refused(page + 16 + 8, 0, 8);  /* a zone whose most is less than its least */
    expect_refused(page + 16 + 16, 4, 1); /* no such flag */
    expect_refused(page + 16 + 16, 0, 1); /* no value, and what it lies between */
}
END_TEST

START_TEST(heads_of_other_places_and_lengths_are_corrupt)
{
    mola_segment_head h;
    for (int which = 0; which < 3; which++) {
        mola_segment_id other = segment.id;
        other.owner[3] ^= which == 0;
        other.base ^= which == 1;
        other.rand ^= which == 2;
        ck_assert_int_eq(mola_segment_head_decode(mola_buf_str(&out), &other, &arena, &h, &why),
                         MOLA_CORRUPT);
        ck_assert_str_eq(said(), "the head of another segment");
    }
    mola_buf_add_zeros(&out, 8); /* more than the body has */
    uint64_t body = mola_load_u64(out.data + 56) + 8;
    memcpy(out.data + 56, &body, 8);
    memset(out.data + out.len - 24, 0, 24);
    seal_again();
    ck_assert_int_eq(decode(&h), MOLA_CORRUPT);
    ck_assert_str_eq(said(), "damaged head of a segment");
}
END_TEST

START_TEST(a_newer_format_is_refused_politely)
{
    mola_segment_head h;
    out.data[4] = 2;  /* written by a newer one that we may still read */
    out.data[70] = 1; /* and which has a use for what is reserved */
    seal_again();
    ck_assert_int_eq(decode(&h), MOLA_OK);
    out.data[6] = 2;
    seal_again();
    ck_assert_int_eq(decode(&h), MOLA_INVALID);
    ck_assert_str_eq(said(), "format 2 of a segment needs a newer mola (this one reads up to 1)");
    out.data[6] = 3; /* needs more than it is */
    seal_again();
    ck_assert_int_eq(decode(&h), MOLA_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("segment_head");
    TCase *heads = tcase_create("heads");
    tcase_add_checked_fixture(heads, set_up_head, tear_down_head);
    tcase_add_test(heads, a_raw_body_reads_as_the_packed_one);
    tcase_add_test(heads, flipped_bits_under_a_good_sum_stay_consistent);
    tcase_add_test(heads, heads_that_contradict_themselves_are_refused);
    tcase_add_test(heads, heads_of_other_places_and_lengths_are_corrupt);
    tcase_add_test(heads, a_newer_format_is_refused_politely);
    suite_add_tcase(suite, heads);
    return run(suite);
}
