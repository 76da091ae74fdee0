#include "mola/codec/block.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* A block is what stands between a bad disk and a wrong answer. Any byte that is not as written, in
 * any place but its own, must be seen; and what was written today must be readable for ever. */

static mola_heap heap;
static mola_arena arena;
static mola_buf block;
static const mola_block_place place = {
    .nsid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .base = 0x1122334455667788,
    .rand = 0x99aabbccddeeff00,
    .column = 7,
    .block = 42,
    .kind = 'K',
};

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 26);
    mola_arena_init(&arena, &heap, 1 << 25);
    mola_buf_init(&block, &heap);
}

static void tear_down(void)
{
    mola_arena_reset(&arena);
    mola_buf_free(&block);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

/* Reads from a copy of exactly that size, so that a sanitizer sees a byte too many. */
static mola_err read_copy(mola_str bytes, mola_str *plain)
{
    char *copy = mola_arena_alloc(&arena, bytes.len, 1, 1);
    ck_assert_ptr_nonnull(copy);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return mola_block_read((mola_str){copy, bytes.len}, &place, &arena, plain);
}

static const char text[] =
    "a text that repeats itself, a text that repeats itself, a text that repeats "
    "itself, a text that repeats itself, and then ends";

START_TEST(blocks_of_any_size_come_back)
{
    static char plain[70000];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (char)(i % 251 * (i % 7));
    for (size_t size = 0; size <= sizeof plain; size = size * 3 / 2 + 1) {
        for (int codec = MOLA_BLOCK_RAW; codec <= MOLA_BLOCK_ZSTD; codec++) {
            block.len = 0;
            mola_block_write(&block, &place, (mola_block_codec)codec, (mola_str){plain, size});
            ck_assert(!block.failed);
            if (codec == MOLA_BLOCK_RAW) {
                ck_assert_uint_eq(block.len,
                                  size + MOLA_BLOCK_HEAD_BYTES + MOLA_BLOCK_TRAILER_BYTES);
            }
            mola_str back;
            ck_assert_int_eq(read_copy(mola_buf_str(&block), &back), MOLA_OK);
            ck_assert(mola_str_eq(back, (mola_str){plain, size}));
            mola_arena_reset(&arena);
        }
    }
}
END_TEST

START_TEST(packing_is_used_only_when_it_gains)
{
    mola_block_write(&block, &place, MOLA_BLOCK_ZSTD, MOLA_STR(text));
    ck_assert_int_eq(block.data[4], MOLA_BLOCK_ZSTD);
    ck_assert_uint_lt(block.len, sizeof text);
    block.len = 0;
    char noise[64];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * i * 31 + i * 17);
    mola_block_write(&block, &place, MOLA_BLOCK_ZSTD, (mola_str){noise, sizeof noise});
    ck_assert_int_eq(block.data[4], MOLA_BLOCK_RAW);
    ck_assert_uint_eq(block.len, sizeof noise + MOLA_BLOCK_HEAD_BYTES + MOLA_BLOCK_TRAILER_BYTES);
}
END_TEST

/* Blocks are written one behind the other into one image. */
START_TEST(a_block_behind_others_is_read_alone)
{
    mola_buf_add(&block, "before", 6);
    mola_block_write(&block, &place, MOLA_BLOCK_ZSTD, MOLA_STR(text));
    mola_str plain;
    ck_assert_int_eq(read_copy(mola_str_from(mola_buf_str(&block), 6), &plain), MOLA_OK);
    ck_assert(mola_str_eq(plain, MOLA_STR(text)));
}
END_TEST

START_TEST(every_flipped_bit_is_corrupt)
{
    mola_block_write(&block, &place, (mola_block_codec)_i, MOLA_STR(text));
    for (size_t bit = 0; bit < block.len * 8; bit++) {
        mola_str plain;
        block.data[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_int_eq(read_copy(mola_buf_str(&block), &plain), MOLA_CORRUPT);
        block.data[bit / 8] ^= (char)(1 << bit % 8);
        mola_arena_reset(&arena);
    }
}
END_TEST

START_TEST(every_truncation_and_a_byte_too_many_are_corrupt)
{
    mola_block_write(&block, &place, (mola_block_codec)_i, MOLA_STR(text));
    mola_str plain;
    for (size_t size = 0; size < block.len; size++)
        ck_assert_int_eq(read_copy((mola_str){block.data, size}, &plain), MOLA_CORRUPT);
    mola_buf_add_char(&block, '\0');
    ck_assert_int_eq(read_copy(mola_buf_str(&block), &plain), MOLA_CORRUPT);
}
END_TEST

START_TEST(a_block_in_another_place_is_corrupt)
{
    mola_block_write(&block, &place, MOLA_BLOCK_RAW, MOLA_STR(text));
    mola_str plain;
    for (int field = 0; field < 21; field++) {
        mola_block_place other = place;
        if (field < 16) {
            other.nsid[field] ^= 1;
        } else if (field == 16) {
            other.base++;
        } else if (field == 17) {
            other.rand ^= UINT64_C(1) << 63;
        } else if (field == 18) {
            other.column--;
        } else if (field == 19) {
            other.block++;
        } else {
            other.kind ^= 0x80;
        }
        ck_assert_int_eq(mola_block_read(mola_buf_str(&block), &other, &arena, &plain),
                         MOLA_CORRUPT);
    }
    ck_assert_int_eq(mola_block_read(mola_buf_str(&block), &place, &arena, &plain), MOLA_OK);
}
END_TEST

/* With a right sum: what a newer version, or a bug of ours, could have written. */
static mola_err read_forged(mola_str forged)
{
    mola_buf image;
    mola_buf_init(&image, &heap);
    mola_buf_add(&image, place.nsid, 16);
    mola_buf_add(&image, &place.base, 8);
    mola_buf_add(&image, &place.rand, 8);
    mola_buf_add(&image, &place.column, 4);
    mola_buf_add(&image, &place.block, 4);
    mola_buf_add(&image, &place.kind, 1);
    mola_buf_add_str(&image, forged);
    uint8_t sum[16];
    mola_sum128(mola_buf_str(&image), sum);
    mola_buf_add(&image, sum, sizeof sum);
    mola_str plain;
    mola_err err = read_copy(mola_str_from(mola_buf_str(&image), 41), &plain);
    mola_buf_free(&image);
    return err;
}

START_TEST(a_head_that_says_something_else_is_corrupt_even_with_a_right_sum)
{
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\0\0\0\0abc", 11}), MOLA_OK);
    ck_assert_int_eq(read_forged((mola_str){"\2\0\0\0\0\0\0\0abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\4\0\0\0\0\0\0\0abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\2\0\0\0abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\0\1\0\0abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\0\0\1\0abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\0\0\0\1abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\1\0\0\0abc", 11}), MOLA_CORRUPT);
    ck_assert_int_eq(read_forged((mola_str){"\3\0\0\0\1\0\0\0", 8}), MOLA_CORRUPT);
    mola_block_write(&block, &place, MOLA_BLOCK_ZSTD, MOLA_STR(text));
    block.len -= MOLA_BLOCK_TRAILER_BYTES;
    ck_assert_int_eq(read_forged(mola_buf_str(&block)), MOLA_OK);
    block.data[0]++;
    ck_assert_int_eq(read_forged(mola_buf_str(&block)), MOLA_CORRUPT);
    block.data[3] = 0x7f; /* 2 GB, which must not be asked for first */
    ck_assert_int_eq(read_forged(mola_buf_str(&block)), MOLA_CORRUPT);
}
END_TEST

START_TEST(without_room_it_is_no_memory)
{
    mola_block_write(&block, &place, MOLA_BLOCK_ZSTD, MOLA_STR(text));
    mola_arena small;
    mola_arena_init(&small, &heap, 16);
    mola_str plain;
    ck_assert_int_eq(mola_block_read(mola_buf_str(&block), &place, &small, &plain), MOLA_NO_MEMORY);
    mola_arena_reset(&small);
    bool written = false;
    for (size_t limit = 0; limit < 1024;
         limit += 8) { /* wherever it runs out, the buffer says so */
        mola_heap tight;
        mola_heap_init(&tight, limit);
        mola_buf out;
        mola_buf_init(&out, &tight);
        mola_block_write(&out, &place, _i ? MOLA_BLOCK_ZSTD : MOLA_BLOCK_RAW, MOLA_STR(text));
        ck_assert(out.failed ? !written : read_copy(mola_buf_str(&out), &plain) == MOLA_OK);
        written = !out.failed;
        ck_assert(limit >= sizeof text / 2 || !written);
        mola_buf_free(&out);
    }
    ck_assert(written);
}
END_TEST

/* tests/golden/: written by the first version of the format. The path is where meson says it is. */
static mola_str read_golden(const char *name)
{
    const char *directory = getenv("MOLA_GOLDEN_DIR");
    mola_str path;
    ck_assert(
        mola_arena_print(&arena, &path, "%s/%s", directory ? directory : "tests/golden", name));
    FILE *file = fopen(path.data, "rb");
    ck_assert_msg(file != NULL, "%s", path.data);
    char *bytes = mola_arena_alloc(&arena, 4096, 1, 1);
    size_t size = fread(bytes, 1, 4096, file);
    (void)fclose(file);
    return (mola_str){bytes, size};
}

START_TEST(golden_blocks_are_read_and_written_as_ever)
{
    mola_str plain, raw = read_golden("block_raw.bin"), zstd = read_golden("block_zstd.bin");
    ck_assert_int_eq(mola_block_read(raw, &place, &arena, &plain), MOLA_OK);
    ck_assert(mola_str_eq(plain, MOLA_STR(text)));
    ck_assert_int_eq(zstd.data[4], MOLA_BLOCK_ZSTD);
    ck_assert_int_eq(mola_block_read(zstd, &place, &arena, &plain), MOLA_OK);
    ck_assert(mola_str_eq(plain, MOLA_STR(text)));
    mola_block_write(&block, &place, MOLA_BLOCK_RAW, MOLA_STR(text));
    ck_assert(mola_str_eq(mola_buf_str(&block), raw));
}
END_TEST

START_TEST(sums_are_those_of_xxh3)
{
    static const uint8_t of_nothing[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                           0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
    uint8_t sum[16];
    mola_sum128((mola_str){0}, sum);
    ck_assert_mem_eq(sum, of_nothing, sizeof sum);
    ck_assert_uint_eq(mola_hash64((mola_str){0}), UINT64_C(0x2d06800538d394c2));
}
END_TEST

START_TEST(packed_bytes_unpack_to_exactly_their_size)
{
    char out[sizeof text + 1];
    ck_assert(mola_zstd_pack(&block, MOLA_STR(text), 3));
    mola_str packed = mola_buf_str(&block);
    ck_assert_int_eq(mola_zstd_unpack(packed, out, sizeof text - 1), MOLA_OK);
    ck_assert_int_eq(memcmp(out, text, sizeof text - 1), 0);
    ck_assert_int_eq(mola_zstd_unpack(packed, out, sizeof text), MOLA_CORRUPT);
    ck_assert_int_eq(mola_zstd_unpack(packed, out, sizeof text - 2), MOLA_CORRUPT);
    ck_assert_int_eq(mola_zstd_unpack(packed, out, 0), MOLA_CORRUPT);
    ck_assert_int_eq(mola_zstd_unpack((mola_str){0}, out, 0), MOLA_CORRUPT);
    for (size_t size = 0; size < packed.len; size++) {
        ck_assert_int_eq(mola_zstd_unpack((mola_str){packed.data, size}, out, sizeof text - 1),
                         MOLA_CORRUPT);
    }
    block.len = 0;
    ck_assert(mola_zstd_pack(&block, (mola_str){0}, 1));
    ck_assert_int_eq(mola_zstd_unpack(mola_buf_str(&block), out, 0), MOLA_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block");
    TCase *all = tcase_create("block");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, blocks_of_any_size_come_back);
    tcase_add_test(all, packing_is_used_only_when_it_gains);
    tcase_add_test(all, a_block_behind_others_is_read_alone);
    tcase_add_loop_test(all, every_flipped_bit_is_corrupt, 0, 2);
    tcase_add_loop_test(all, every_truncation_and_a_byte_too_many_are_corrupt, 0, 2);
    tcase_add_test(all, a_block_in_another_place_is_corrupt);
    tcase_add_test(all, a_head_that_says_something_else_is_corrupt_even_with_a_right_sum);
    tcase_add_loop_test(all, without_room_it_is_no_memory, 0, 2);
    tcase_add_test(all, golden_blocks_are_read_and_written_as_ever);
    tcase_add_test(all, sums_are_those_of_xxh3);
    tcase_add_test(all, packed_bytes_unpack_to_exactly_their_size);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
