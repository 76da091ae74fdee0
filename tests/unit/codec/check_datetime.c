#include "mola/codec/datetime.h"
#include <check.h>
#include <stdio.h>
#include <time.h>

/* Dates are filtered and sorted as numbers: a day off by one would be a wrong answer that nobody
 * sees. The calendar is compared with the C library's, day by day. */

static mola_heap heap;
static mola_buf out;

static void set_up(void)
{
    mola_heap_init(&heap, 1 << 16);
    mola_buf_init(&out, &heap);
}

static void tear_down(void)
{
    mola_buf_free(&out);
}

static const char *text(void)
{
    mola_buf_add_char(&out, '\0');
    out.len = 0;
    return out.data;
}

START_TEST(known_texts_give_known_milliseconds)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"2015-01-20", 1421712000000},
        {"2015-01-20T12:34:56", 1421757296000},
        {"2015-01-20 12:34:56", 1421757296000},
        {"2015-01-20T12:34:56-04:00", 1421771696000},
        {"2015-01-20T12:34:56+04:00", 1421742896000},
        {"2024-03-02T00:00:00.000000000Z", 1709337600000},
        {"2024-02-29T23:59:59.999Z", 1709251199999},
        {"2024-02-29T23:59:59.9999999Z", 1709251199999},
        {"2000-02-29", 951782400000},
        {"1969-12-31T23:59:59.5Z", -500},
        {"1969-12-31T23:59:59.0009Z", -1000},
        {"1969-12-31T23:59:59.999999999Z", -1},
        {"1970-01-01T00:00:00.1", 100},
        {"1970-01-01T00:00:00.12+00:00", 120},
        {"1970-01-01T00:00:00.123-00:00", 123},
        {"1970-01-01T05:30:00+05:30", 0},
        {"1969-12-31T18:30:00-05:30", 0},
        {"1970-01-02T00:59:00+23:59", 3600000},
        {"0001-01-01", -62135596800000},
        {"0001-01-01T00:00:00.000Z", -62135596800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"9999-12-31T23:59:59+00:01", 253402300739000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms;
        ck_assert_msg(mola_datetime_parse(mola_str_of(cases[i].text), &ms), "%s", cases[i].text);
        ck_assert_msg(ms == cases[i].ms, "%s: %lld", cases[i].text, (long long)ms);
    }
}
END_TEST

START_TEST(what_is_no_such_text_is_refused)
{
    static const char *const texts[] = {
        "",
        "2024",
        "2024-03",
        "2024-3-2",
        "24-03-02",
        "20240302",
        "2024/03/02",
        "2024-03-02T",
        "2024-03-02 ",
        "2024-03-02Z",
        "2024-03-02+00:00",
        "2024-03-02T00",
        "2024-03-02T00:00",
        "2024-03-02T00:00Z",
        "2024-03-02T00:00:00z",
        "2024-03-02t00:00:00",
        "2024-03-02_00:00:00",
        "2024-03-02T24:00:00",
        "2024-03-02T23:60:00",
        "2024-03-02T23:59:60",
        "2024-03-02T23:59:61",
        "2024-03-02T00:00:00.",
        "2024-03-02T00:00:00.Z",
        "2024-03-02T00:00:00.0000000000",
        "2024-03-02T00:00:00,5",
        "2024-03-02T00:00:00+1",
        "2024-03-02T00:00:00+01",
        "2024-03-02T00:00:00+0100",
        "2024-03-02T00:00:00+24:00",
        "2024-03-02T00:00:00+00:60",
        "2024-03-02T00:00:00Z ",
        " 2024-03-02",
        "2024-03-02T00:00:00ZZ",
        "2024-03-02T00:00:00 Z",
        "0000-01-01",
        "10000-01-01",
        "-2024-03-02",
        "+2024-03-02",
        "2024-00-01",
        "2024-13-01",
        "2024-01-00",
        "2024-01-32",
        "2024-04-31",
        "2023-02-29",
        "1900-02-29",
        "2100-02-29",
        "2024-02-30",
        "2024-0a-01",
        "2024-01-0x",
        "202a-01-01",
        "2024-03-02T0a:00:00",
        "2024-W09-6",
        "2024-062",
        "now",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.999-23:59",
        "2024-03-02T00:00:00\xe2\x88\x92"
        "01:00",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!mola_datetime_parse(mola_str_of(texts[i]), &ms), "%s", texts[i]);
    ck_assert(!mola_datetime_parse((mola_str){"2024-03-02\0", 11}, &ms));
}
END_TEST

/* Millions of checks: ck_assert would tell the parent process of each. */
#define expect(c, ...) ((c) ? (void)0 : ck_abort_msg(__VA_ARGS__))

START_TEST(every_day_of_every_year_agrees_with_the_c_library)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    char printed[32], wanted[64];
    for (int year = 1; year <= 9999; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= 31; day++) {
                bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
                bool exists = day <= days[month - 1] + (month == 2 && leap);
                (void)snprintf(printed, sizeof printed, "%04d-%02d-%02d", year, month, day);
                int64_t ms;
                expect(mola_datetime_parse(mola_str_of(printed), &ms) == exists, "%s", printed);
                if (!exists)
                    continue;
                struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                expect(ms == (int64_t)timegm(&tm) * 1000, "%s", printed);
                if (day % 7)
                    continue; /* printing costs more than parsing */
                mola_datetime_print(&out, ms);
                (void)snprintf(wanted, sizeof wanted, "%sT00:00:00.000000000Z", printed);
                expect(strcmp(text(), wanted) == 0, "%s", wanted);
            }
}
END_TEST

START_TEST(any_millisecond_prints_as_a_text_that_parses_back)
{
    const int64_t first = -62135596800000, last = 253402300799999;
    int64_t step = (last - first) / 200000 + 1;
    for (int64_t ms = first; ms <= last; ms += step - ms % 1000 % 7) {
        mola_datetime_print(&out, ms);
        int64_t back;
        const char *printed = text();
        expect(mola_datetime_parse(mola_str_of(printed), &back) && back == ms, "%lld: %s",
               (long long)ms, printed);
    }
    mola_datetime_print(&out, -1);
    ck_assert_str_eq(text(), "1969-12-31T23:59:59.999000000Z");
    mola_datetime_print(&out, last);
    ck_assert_str_eq(text(), "9999-12-31T23:59:59.999000000Z");
}
END_TEST

START_TEST(timestamps_print_microseconds)
{
    mola_timestamp_print(&out, 0);
    ck_assert_str_eq(text(), "1970-01-01T00:00:00.000000000Z");
    mola_timestamp_print(&out, 1709337600123456);
    ck_assert_str_eq(text(), "2024-03-02T00:00:00.123456000Z");
}
END_TEST

/* A stored number that is no date is damage or a bug elsewhere; printing it must not end the
 * process. */
START_TEST(any_number_prints_as_something)
{
    mola_datetime_print(&out, INT64_MIN);
    ck_assert_uint_gt(strlen(text()), 20);
    mola_datetime_print(&out, INT64_MAX);
    ck_assert_uint_gt(strlen(text()), 20);
    mola_timestamp_print(&out, UINT64_MAX);
    ck_assert_uint_gt(strlen(text()), 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("datetime");
    TCase *all = tcase_create("datetime");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, known_texts_give_known_milliseconds);
    tcase_add_test(all, what_is_no_such_text_is_refused);
    tcase_add_test(all, every_day_of_every_year_agrees_with_the_c_library);
    tcase_add_test(all, any_millisecond_prints_as_a_text_that_parses_back);
    tcase_add_test(all, timestamps_print_microseconds);
    tcase_add_test(all, any_number_prints_as_something);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
