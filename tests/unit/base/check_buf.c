/* What is encoded and sent goes through a buffer: a failed append must stick, never cut silently.
 */
#include "../countdown.h"
#include "mola/base/buf.h"
#include "mola/base/metrics.h"
#include <stdio.h>

static mola_heap heap;
static mola_buf buf;

static void open_buf(void)
{
    mola_heap_init(&heap, SIZE_MAX);
    mola_buf_init(&buf, &heap);
}

static void close_buf(void)
{
    mola_buf_free(&buf);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

START_TEST(appends_come_out_in_order)
{
    mola_buf_add(&buf, "ab", 2);
    mola_buf_add_char(&buf, 'c');
    mola_buf_add_str(&buf, MOLA_STR("de"));
    mola_buf_add_zeros(&buf, 2);
    mola_buf_print(&buf, "%d|%s", 7, "x");
    mola_buf_add(&buf, NULL, 0);
    mola_buf_add_str(&buf, (mola_str){NULL, 0});
    mola_buf_add_zeros(&buf, 0);
    mola_buf_print(&buf, "%s", "");
    ck_assert(mola_str_eq(mola_buf_str(&buf), (mola_str){"abcde\0\0007|x", 10}));
    ck_assert(!buf.failed);
}
END_TEST

START_TEST(an_empty_buffer_takes_no_memory)
{
    ck_assert_uint_eq(mola_buf_str(&buf).len, 0);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
    ck_assert_ptr_nonnull(mola_buf_reserve(&buf, 0));
}
END_TEST

/* Every length around the moments where the buffer grows, against bytes known beforehand. */
START_TEST(it_grows_without_losing_a_byte)
{
    for (size_t i = 0; i < 100000; i++) {
        char *at = i % 3 == 0 ? mola_buf_reserve(&buf, 1) : NULL;
        if (at) {
            *at = (char)(i * 7);
            buf.len++;
        } else {
            mola_buf_add_char(&buf, (char)(i * 7));
        }
    }
    ck_assert_uint_eq(buf.len, 100000);
    size_t same = 0; /* Check tells its parent about each assertion: one is enough */
    for (size_t i = 0; i < buf.len; i++)
        same += buf.data[i] == (char)(i * 7);
    ck_assert_uint_eq(same, buf.len);
    ck_assert_uint_le(buf.room, 2 * buf.len);
}
END_TEST

START_TEST(prints_of_any_length_are_whole)
{
    size_t expected = 0;
    for (int width = 1; width < 1200; width++) {
        mola_buf_print(&buf, "%*d", width, 5);
        expected += (size_t)width;
        ck_assert_uint_eq(buf.len, expected);
        ck_assert_int_eq(buf.data[expected - 1], '5');
    }
}
END_TEST

START_TEST(a_failed_append_sticks)
{
    heap.limit = 300;
    mola_buf_add_zeros(&buf,
                       299); /* more than doubling the first room allows, but within the limit */
    ck_assert(!buf.failed);
    mola_buf_add_char(&buf, 'x');
    ck_assert(!buf.failed);
    mola_buf_add_char(&buf, 'y');
    ck_assert(buf.failed);
    heap.limit = SIZE_MAX;
    mola_buf_add_char(&buf, 'z');
    mola_buf_print(&buf, "%d", 1);
    ck_assert_ptr_null(mola_buf_reserve(&buf, 1));
    ck_assert_uint_eq(buf.len, 300);
    ck_assert_int_eq(buf.data[299], 'x');
    mola_buf_free(&buf);
    mola_buf_add_char(&buf, 'a'); /* freed is as good as new */
    ck_assert(!buf.failed);
}
END_TEST

START_TEST(a_size_that_overflows_fails)
{
    mola_buf_add_char(&buf, 'a');
    ck_assert_ptr_null(mola_buf_reserve(&buf, SIZE_MAX));
    ck_assert(buf.failed);
    ck_assert_uint_eq(buf.len, 1);
}
END_TEST

START_TEST(when_memory_ends_anywhere_the_front_is_intact)
{
    int good = 0;
    for (bool failed = true; failed; good++) {
        countdown_heap c;
        countdown_init(&c, good);
        mola_buf b;
        mola_buf_init(&b, &c.heap);
        for (int i = 0; i < 3000; i++)
            mola_buf_print(&b, "%04d", i);
        failed = c.failed;
        ck_assert(failed || !b.failed);
        ck_assert_uint_eq(b.len % 4, 0);
        ck_assert(b.failed || b.len == 12000);
        size_t same = 0;
        for (size_t i = 0; i < b.len; i += 4) {
            char number[5];
            (void)snprintf(number, sizeof number, "%04u", (unsigned)(i / 4) % 10000);
            same += memcmp(b.data + i, number, 4) == 0;
        }
        ck_assert_uint_eq(same * 4, b.len);
        mola_buf_free(&b);
        countdown_check_empty(&c);
    }
    ck_assert_int_gt(good, 3);
}
END_TEST

START_TEST(metrics_are_printed_with_type_and_help)
{
    static mola_metrics metrics;
    mola_count(&metrics, MOLA_M_writes_total, 3);
    mola_count(&metrics, MOLA_M_http_connections, -2);
    mola_count(NULL, MOLA_M_http_connections, 1);
    mola_count_operation(&metrics, 0, MOLA_NOT_FOUND);
    mola_count_operation(&metrics, 1, MOLA_OK);
    mola_count_operation(&metrics, 1, MOLA_OK);
    mola_metrics_print(&metrics, &buf);
    mola_buf_add_char(&buf, '\0');
    ck_assert_ptr_nonnull(strstr(buf.data,
                                 "# HELP mola_writes_total writes answered, errors included\n"
                                 "# TYPE mola_writes_total counter\nmola_writes_total 3\n"));
    ck_assert_ptr_nonnull(
        strstr(buf.data, "# TYPE mola_http_connections gauge\nmola_http_connections -2\n"));
    ck_assert_ptr_nonnull(
        strstr(buf.data, "# TYPE mola_store_operations_total counter\n"
                         "mola_store_operations_total{operation=\"get\",outcome=\"not_found\"} 1\n"
                         "mola_store_operations_total{operation=\"put\",outcome=\"ok\"} 2\n"));
    size_t lines = 0;
    for (const char *at = buf.data; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_eq(lines, 3 * MOLA_METRIC_COUNT + 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *cases = tcase_create("buf");
    tcase_add_checked_fixture(cases, open_buf, close_buf);
    tcase_add_test(cases, appends_come_out_in_order);
    tcase_add_test(cases, an_empty_buffer_takes_no_memory);
    tcase_add_test(cases, it_grows_without_losing_a_byte);
    tcase_add_test(cases, prints_of_any_length_are_whole);
    tcase_add_test(cases, a_failed_append_sticks);
    tcase_add_test(cases, a_size_that_overflows_fails);
    tcase_add_test(cases, when_memory_ends_anywhere_the_front_is_intact);
    tcase_add_test(cases, metrics_are_printed_with_type_and_help);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
