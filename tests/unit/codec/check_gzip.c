#include "mola/codec/gzip.h"
#include <check.h>
#include <stdlib.h>

/* A compressed body is the cheapest attack there is: a few kilobytes that ask for gigabytes. The
 * cap must hold whatever the stream says of itself. */

enum { PADDING = 64 };
static mola_heap heap;
static mola_buf packed, plain;

static void set_up(void)
{
    mola_heap_init(&heap, (size_t)1 << 30);
    mola_buf_init(&packed, &heap);
    mola_buf_init(&plain, &heap);
}

static void tear_down(void)
{
    mola_buf_free(&packed);
    mola_buf_free(&plain);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static mola_err inflate(mola_str bytes, size_t size_max)
{
    mola_buf_free(&plain);
    mola_err err = mola_gzip_inflate(bytes, size_max, &plain);
    if (err) {
        ck_assert_uint_eq(plain.len, 0);
    } else {
        ck_assert_uint_le(plain.len, size_max);
        for (size_t i = 0; i < PADDING; i++)
            ck_assert_int_eq(plain.data[plain.len + i], 0);
    }
    return err;
}

/* `size` bytes of text that packs well, but not to nothing. */
static char *make_text(size_t size)
{
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = "0123456789,.[] \n"[state >> 28];
    }
    return text;
}

START_TEST(bodies_of_any_size_come_back)
{
    static const size_t sizes[] = {0, 1, 100, 1024, 4096, 65535, 65536, 1000000, 5000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *text = make_text(sizes[i]);
        packed.len = 0;
        ck_assert_int_eq(mola_gzip_deflate((mola_str){text, sizes[i]}, &packed), MOLA_OK);
        ck_assert_int_eq(inflate(mola_buf_str(&packed), sizes[i]), MOLA_OK);
        ck_assert(mola_str_eq(mola_buf_str(&plain), (mola_str){text, sizes[i]}));
        if (sizes[i])
            ck_assert_int_eq(inflate(mola_buf_str(&packed), sizes[i] - 1), MOLA_NO_MEMORY);
        free(text);
    }
}
END_TEST

static const char fish[] =
    "mola mola, the ocean sunfish; mola mola, the heaviest bony fish there is. "
    "mola mola, the ocean sunfish; mola mola, the heaviest bony fish there is. "
    "mola mola, the ocean sunfish; mola mola, the heaviest bony fish there is. ";
/* Written by zlib: with a file name and a time; with an extra field, a comment and a header sum. */
static const unsigned char by_python[] = {
    0x1f, 0x8b, 0x08, 0x08, 0x87, 0xd6, 0x12, 0x00, 0x02, 0xff, 0x66, 0x69, 0x73, 0x68, 0x2e,
    0x74, 0x78, 0x74, 0x00, 0xcb, 0xcd, 0xcf, 0x49, 0x54, 0xc8, 0x05, 0x12, 0x3a, 0x0a, 0x25,
    0x19, 0xa9, 0x0a, 0xf9, 0xc9, 0xa9, 0x89, 0x79, 0x0a, 0xc5, 0xa5, 0x79, 0x69, 0x99, 0xc5,
    0x19, 0xd6, 0x60, 0x09, 0x24, 0xd9, 0x8c, 0xd4, 0xc4, 0xb2, 0xcc, 0xd4, 0xe2, 0x12, 0x85,
    0xa4, 0xfc, 0xbc, 0x4a, 0x05, 0x90, 0x12, 0x90, 0x70, 0x51, 0xaa, 0x42, 0x66, 0xb1, 0x1e,
    0xba, 0xda, 0x41, 0x61, 0x12, 0x00, 0x64, 0x7e, 0x1c, 0x74, 0xde, 0x00, 0x00, 0x00,
};
static const unsigned char with_all_fields[] = {
    0x1f, 0x8b, 0x08, 0x16, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x04, 0x00, 0x61, 0x62,
    0x00, 0x00, 0x61, 0x20, 0x63, 0x6f, 0x6d, 0x6d, 0x65, 0x6e, 0x74, 0x00, 0x6e, 0xfd,
    0xcb, 0xcd, 0xcf, 0x49, 0x54, 0xc8, 0x05, 0x12, 0x3a, 0x0a, 0x25, 0x19, 0xa9, 0x0a,
    0xf9, 0xc9, 0xa9, 0x89, 0x79, 0x0a, 0xc5, 0xa5, 0x79, 0x69, 0x99, 0xc5, 0x19, 0xd6,
    0x60, 0x09, 0x24, 0xd9, 0x8c, 0xd4, 0xc4, 0xb2, 0xcc, 0xd4, 0xe2, 0x12, 0x85, 0xa4,
    0xfc, 0xbc, 0x4a, 0x05, 0x90, 0x12, 0x90, 0x70, 0x51, 0xaa, 0x42, 0x66, 0xb1, 0x1e,
    0xba, 0xda, 0x41, 0x61, 0x12, 0x00, 0x64, 0x7e, 0x1c, 0x74, 0xde, 0x00, 0x00, 0x00,
};

START_TEST(streams_of_other_writers_are_read)
{
    ck_assert_int_eq(inflate((mola_str){(const char *)by_python, sizeof by_python}, 1000), MOLA_OK);
    ck_assert(mola_str_eq(mola_buf_str(&plain), MOLA_STR(fish)));
    ck_assert_int_eq(
        inflate((mola_str){(const char *)with_all_fields, sizeof with_all_fields}, 1000), MOLA_OK);
    ck_assert(mola_str_eq(mola_buf_str(&plain), MOLA_STR(fish)));
}
END_TEST

START_TEST(members_are_joined)
{
    mola_buf wanted;
    mola_buf_init(&wanted, &heap);
    for (size_t i = 0; i < 40; i++) {
        size_t size = i % 5 ? i * 997 : 0;
        char *text = make_text(size);
        ck_assert_int_eq(mola_gzip_deflate((mola_str){text, size}, &packed), MOLA_OK);
        mola_buf_add(&wanted, text, size);
        free(text);
    }
    ck_assert_int_eq(inflate(mola_buf_str(&packed), wanted.len), MOLA_OK);
    ck_assert(mola_str_eq(mola_buf_str(&plain), mola_buf_str(&wanted)));
    ck_assert_int_eq(inflate(mola_buf_str(&packed), wanted.len - 1), MOLA_NO_MEMORY);
    mola_buf_add(&packed, "x", 1);
    ck_assert_int_eq(inflate(mola_buf_str(&packed), wanted.len), MOLA_INVALID);
    mola_buf_free(&wanted);
}
END_TEST

/* The heap has room for the cap and no byte more, so going over it even for a moment would fail. */
START_TEST(a_bomb_takes_no_more_than_the_cap)
{
    enum { BOMB = 64 << 20, CAP = 1 << 20 };
    char *zeros = calloc(1, BOMB);
    ck_assert_int_eq(mola_gzip_deflate((mola_str){zeros, BOMB}, &packed), MOLA_OK);
    ck_assert_uint_lt(packed.len, BOMB / 500);
    size_t held = atomic_load(&heap.used);
    heap.limit = held + CAP + PADDING;
    ck_assert_int_eq(inflate(mola_buf_str(&packed), CAP), MOLA_NO_MEMORY);
    ck_assert_uint_eq(atomic_load(&heap.used), held);
    for (uint32_t lie = 0; lie < 5; lie++) { /* whatever size the trailer claims */
        static const uint32_t sizes[] = {0, 1, 4096, CAP, UINT32_MAX};
        memcpy(packed.data + packed.len - 4, &sizes[lie], 4);
        ck_assert_int_eq(inflate(mola_buf_str(&packed), CAP), MOLA_NO_MEMORY);
    }
    free(zeros);
}
END_TEST

START_TEST(a_stream_of_exactly_the_cap_fits_a_heap_of_that_size)
{
    enum { CAP = 3000000 };
    char *text = make_text(CAP);
    ck_assert_int_eq(mola_gzip_deflate((mola_str){text, CAP}, &packed), MOLA_OK);
    heap.limit = atomic_load(&heap.used) + CAP + PADDING;
    ck_assert_int_eq(inflate(mola_buf_str(&packed), CAP), MOLA_OK);
    ck_assert(mola_str_eq(mola_buf_str(&plain), (mola_str){text, CAP}));
    free(text);
}
END_TEST

START_TEST(a_claimed_size_that_is_a_lie_is_invalid)
{
    ck_assert_int_eq(mola_gzip_deflate(MOLA_STR(fish), &packed), MOLA_OK);
    static const uint32_t sizes[] = {0, 1, sizeof fish - 2, sizeof fish, 1 << 30, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(packed.data + packed.len - 4, &sizes[i], 4);
        ck_assert_int_eq(inflate(mola_buf_str(&packed), 1 << 20), MOLA_INVALID);
    }
}
END_TEST

START_TEST(every_truncation_is_invalid)
{
    for (size_t size = 0; size < sizeof by_python; size++)
        ck_assert_int_eq(inflate((mola_str){(const char *)by_python, size}, 1000), MOLA_INVALID);
}
END_TEST

/* Some bits of a header mean nothing, so a flip may pass; but never with another text. */
START_TEST(no_flipped_bit_gives_another_text)
{
    size_t refused = 0;
    for (size_t bit = 0; bit < sizeof by_python * 8; bit++) {
        char bytes[sizeof by_python];
        memcpy(bytes, by_python, sizeof bytes);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        if (inflate((mola_str){bytes, sizeof bytes}, 1 << 20)) {
            refused++;
        } else {
            ck_assert(mola_str_eq(mola_buf_str(&plain), MOLA_STR(fish)));
        }
    }
    ck_assert_uint_gt(refused, sizeof by_python * 8 - 8 * 20);
}
END_TEST

START_TEST(a_heap_without_room_is_an_error)
{
    ck_assert_int_eq(mola_gzip_deflate(MOLA_STR(fish), &packed), MOLA_OK);
    heap.limit = atomic_load(&heap.used) + 16;
    ck_assert_int_eq(inflate(mola_buf_str(&packed), 1 << 20), MOLA_NO_MEMORY);
    mola_buf more;
    mola_buf_init(&more, &heap);
    ck_assert_int_eq(mola_gzip_deflate(MOLA_STR(fish), &more), MOLA_NO_MEMORY);
    mola_buf_free(&more);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gzip");
    TCase *all = tcase_create("gzip");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, bodies_of_any_size_come_back);
    tcase_add_test(all, streams_of_other_writers_are_read);
    tcase_add_test(all, members_are_joined);
    tcase_add_test(all, a_bomb_takes_no_more_than_the_cap);
    tcase_add_test(all, a_stream_of_exactly_the_cap_fits_a_heap_of_that_size);
    tcase_add_test(all, a_claimed_size_that_is_a_lie_is_invalid);
    tcase_add_test(all, every_truncation_is_invalid);
    tcase_add_test(all, no_flipped_bit_gives_another_text);
    tcase_add_test(all, a_heap_without_room_is_an_error);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
