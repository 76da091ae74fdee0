#include "golden.h"
#include "mola/codec/bytes.h"
#include "mola/format/delete_vector.h"

/* A row that comes back from the dead, or a live one that is gone, is the worst a segment can do:
 * the vector must say exactly what was written, of exactly this segment. */

static const mola_delete_vector_id place = {"namespace number", 6, 0xdead};
static const mola_segment_id segment = {"parent namespace", 4, 0xbeef};

static mola_err decode(mola_str image, uint32_t rows, uint64_t **dead, uint32_t *count)
{
    return mola_delete_vector_decode(image, &place, &segment, rows, &arena, dead, count, &why);
}

static uint64_t *random_bits(chance *c, uint32_t rows, uint32_t one_in, uint32_t *count)
{
    uint64_t *bits = mola_new(&arena, uint64_t, mola_words(rows));
    *count = 0;
    for (uint32_t r = 0; r < rows; r++) {
        uint64_t bit = below(c, one_in) == 0;
        bits[r / 64] |= bit << r % 64;
        *count += (uint32_t)bit;
    }
    return bits;
}

START_TEST(dead_rows_read_back)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 1021};
    static const uint32_t rows_of[] = {1, 63, 64, 65, 4096, 100000, 1 << 24};
    uint32_t rows = rows_of[_i % 7], count, back_count;
    uint64_t *dead = random_bits(&c, rows, 1 + below(&c, 200), &count), *back;
    mola_delete_vector_encode(&out, &place, &segment, rows, dead);
    ck_assert(!out.failed);
    ck_assert_int_eq(decode(mola_buf_str(&out), rows, &back, &back_count), MOLA_OK);
    ck_assert_uint_eq(count, back_count);
    ck_assert_mem_eq(dead, back, mola_words(rows) * 8);
}
END_TEST

static void golden_bits(uint64_t bits[4])
{
    bits[0] = 0x9e3779b97f4a7c15U;
    bits[1] = 0xbf58476d1ce4e5b9U;
    bits[2] = 0x94d049bb133111ebU;
    bits[3] = 0x53;
}

START_TEST(the_golden_vector_reads_and_is_written_the_same)
{
    uint64_t bits[4], *back;
    uint32_t count;
    golden_bits(bits);
    mola_delete_vector_encode(&out, &place, &segment, 199, bits);
    mola_str image = golden("deletes_1.bin", mola_buf_str(&out));
    ck_assert_int_eq(decode(image, 199, &back, &count), MOLA_OK);
    ck_assert_uint_eq(count, 107);
    ck_assert_mem_eq(bits, back, sizeof bits);
    ck_assert(mola_str_eq(image, mola_buf_str(&out)));
}
END_TEST

/* What zstd makes may change with its version; what it made must read for ever. */
START_TEST(the_golden_packed_vector_reads)
{
    uint64_t bits[64] = {0}, *back;
    uint32_t count;
    bits[7] = 1;
    bits[40] = 2;
    mola_delete_vector_encode(&out, &place, &segment, 4096, bits);
    mola_str image = golden("deletes_packed_1.bin", mola_buf_str(&out));
    ck_assert_uint_lt(image.len, 96 + 64 + 16);
    ck_assert_int_eq(decode(image, 4096, &back, &count), MOLA_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_mem_eq(bits, back, sizeof bits);
}
END_TEST

START_TEST(vectors_of_other_places_are_corrupt)
{
    uint64_t bits[4], *back;
    uint32_t count;
    golden_bits(bits);
    for (int which = 0; which < 6; which++) {
        mola_delete_vector_id other = place;
        mola_segment_id of = segment;
        other.owner[3] ^= which == 0;
        other.base ^= which == 1;
        other.rand ^= which == 2;
        of.owner[3] ^= which == 3;
        of.base ^= which == 4;
        of.rand ^= which == 5;
        out.len = 0;
        mola_delete_vector_encode(&out, &other, &of, 199, bits);
        ck_assert_int_eq(decode(mola_buf_str(&out), 199, &back, &count), MOLA_CORRUPT);
        ck_assert_str_eq(said(), "a delete vector of another place or segment");
    }
    out.len = 0;
    mola_delete_vector_encode(&out, &place, &segment, 199, bits);
    ck_assert_int_eq(decode(mola_buf_str(&out), 200, &back, &count), MOLA_CORRUPT);
    ck_assert_int_eq(decode(mola_buf_str(&out), 198, &back, &count), MOLA_CORRUPT);
}
END_TEST

static void seal_again(void)
{
    uint8_t sum[16];
    mola_sum128((mola_str){out.data, out.len - 16}, sum);
    memcpy(out.data + out.len - 16, sum, 16);
}

START_TEST(flipped_bits_under_a_good_sum_stay_consistent)
{
    uint64_t bits[4], *back;
    uint32_t count, accepted = 0;
    golden_bits(bits);
    mola_delete_vector_encode(&out, &place, &segment, 199, bits);
    for (size_t bit = 0; bit < (out.len - 16) * 8; bit++) {
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        seal_again();
        mola_err err = decode(mola_buf_str(&out), 199, &back, &count);
        ck_assert(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
        accepted += err == MOLA_OK;
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert_uint_lt(accepted, 64); /* a bit and the count never change together; fmt may rise */
}
END_TEST

START_TEST(a_newer_format_is_refused_politely)
{
    uint64_t bits[4], *back;
    uint32_t count;
    golden_bits(bits);
    mola_delete_vector_encode(&out, &place, &segment, 199, bits);
    out.data[4] = 3;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), 199, &back, &count), MOLA_OK);
    out.data[6] = 2;
    seal_again();
    ck_assert_int_eq(decode(mola_buf_str(&out), 199, &back, &count), MOLA_INVALID);
    ck_assert_str_eq(said(),
                     "format 2 of a delete vector needs a newer mola (this one reads up to 1)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("delete_vector");
    TCase *vectors = tcase_create("vectors");
    tcase_add_checked_fixture(vectors, set_up, tear_down);
    tcase_add_loop_test(vectors, dead_rows_read_back, 0, 21);
    tcase_add_test(vectors, the_golden_vector_reads_and_is_written_the_same);
    tcase_add_test(vectors, the_golden_packed_vector_reads);
    tcase_add_test(vectors, vectors_of_other_places_are_corrupt);
    tcase_add_test(vectors, flipped_bits_under_a_good_sum_stay_consistent);
    tcase_add_test(vectors, a_newer_format_is_refused_politely);
    suite_add_tcase(suite, vectors);
    return run(suite);
}
