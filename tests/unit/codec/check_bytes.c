#include "mola/codec/bytes.h"
#include <check.h>

/* Every decoder of an image reads through the cursor: it must stop at the end and say so. */

static const unsigned char image[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

START_TEST(what_was_added_is_taken_in_little_endian_order)
{
    mola_heap heap;
    mola_heap_init(&heap, 4096);
    mola_buf b;
    mola_buf_init(&b, &heap);
    mola_add_u8(&b, 1);
    mola_add_u16(&b, 0x0302);
    mola_add_u32(&b, 0x07060504);
    mola_add_u64(&b, UINT64_C(0x0f0e0d0c0b0a0908));
    ck_assert_uint_eq(b.len, sizeof image);
    ck_assert_mem_eq(b.data, image, sizeof image);
    mola_cursor c = {.rest = mola_buf_str(&b)};
    ck_assert_uint_eq(mola_take_u8(&c), 1);
    ck_assert_uint_eq(mola_take_u16(&c), 0x0302);
    ck_assert_uint_eq(mola_take_u32(&c), 0x07060504);
    ck_assert_uint_eq(mola_take_u64(&c), UINT64_C(0x0f0e0d0c0b0a0908));
    ck_assert(!c.bad && c.rest.len == 0);
    mola_buf_free(&b);
}
END_TEST

START_TEST(a_cursor_past_the_end_stays_bad_and_gives_zero)
{
    mola_cursor c = {.rest = {(const char *)image, 7}};
    ck_assert_uint_eq(mola_take_u32(&c), 0x04030201);
    ck_assert_uint_eq(mola_take_u32(&c), 0);
    ck_assert(c.bad);
    ck_assert_uint_eq(mola_take_u8(&c), 0); /* although there are bytes left */
    ck_assert_ptr_null(mola_take(&c, 0).data);
    mola_cursor d = {.rest = {(const char *)image, 3}};
    ck_assert_ptr_null(mola_take(&d, SIZE_MAX).data);
    ck_assert(d.bad);
}
END_TEST

START_TEST(taking_nothing_is_fine_at_the_end)
{
    mola_cursor c = {.rest = {(const char *)image, 2}};
    ck_assert_uint_eq(mola_take(&c, 2).len, 2);
    ck_assert_uint_eq(mola_take(&c, 0).len, 0);
    ck_assert(!c.bad);
    ck_assert_uint_eq(mola_take_u16(&c), 0);
    ck_assert(c.bad);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bytes");
    TCase *all = tcase_create("bytes");
    tcase_add_test(all, what_was_added_is_taken_in_little_endian_order);
    tcase_add_test(all, a_cursor_past_the_end_stays_bad_and_gives_zero);
    tcase_add_test(all, taking_nothing_is_fine_at_the_end);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
