/* A log line is one line whatever is in it, and a flood of one warning is a count. */
#include "mola/base/env.h"
#include <check.h>
#include <stdio.h>

/* An env of clocks that the test sets, which keeps its lines. */
enum { LINES_MAX = 64 };
static uint64_t now_ns;
static char lines[LINES_MAX][5000];
static size_t line_count;

static uint64_t fixed_wall_us(mola_env *env)
{
    (void)env;
    return 1795222923123456; /* 2026-11-21T01:02:03.123456Z */
}

static uint64_t fixed_boot_ns(mola_env *env)
{
    (void)env;
    return now_ns;
}

static void keep_line(mola_env *env, mola_str line)
{
    (void)env;
    ck_assert_uint_lt(line_count, LINES_MAX);
    ck_assert_uint_lt(line.len, sizeof lines[0]);
    memcpy(lines[line_count], line.data, line.len);
    lines[line_count++][line.len] = '\0';
}

static const mola_env_ops ops = {
    .wall_us = fixed_wall_us, .boot_ns = fixed_boot_ns, .log_line = keep_line};
static mola_env env;

static void open_log(void)
{
    now_ns = 5 * MOLA_SECOND + 4000;
    line_count = 0;
    env = (mola_env){.ops = &ops, .log_level = MOLA_LOG_INFO};
}

START_TEST(a_line_has_time_level_event_and_values)
{
    mola_log(&env, MOLA_LOG_INFO, "write", "rows=%d id=%s", 3, "abc");
    mola_log(&env, MOLA_LOG_ERROR, "stopped", "%s", "");
    ck_assert_uint_eq(line_count, 2);
    ck_assert_str_eq(lines[0],
                     "2026-11-21T01:02:03.123456Z info write rows=3 id=abc boot=5.000004\n");
    ck_assert_ptr_eq(strstr(lines[1], "2026-11-21T01:02:03.123456Z error stopped"), lines[1]);
}
END_TEST

START_TEST(lines_below_the_level_are_not_written)
{
    mola_log(&env, MOLA_LOG_DEBUG, "detail", "x=1");
    ck_assert_uint_eq(line_count, 0);
    env.log_level = MOLA_LOG_ERROR;
    mola_log(&env, MOLA_LOG_WARN, "careful", "x=1");
    ck_assert_uint_eq(line_count, 0);
}
END_TEST

START_TEST(no_value_can_start_a_line_of_its_own)
{
    mola_log(&env, MOLA_LOG_INFO, "path", "name=%s", "a\r\nfalse line\x1B[2J\x7F\xC3\xA9");
    ck_assert_uint_eq(line_count, 1);
    ck_assert_ptr_eq(strchr(lines[0], '\n'), lines[0] + strlen(lines[0]) - 1);
    ck_assert_ptr_nonnull(strstr(lines[0], "name=a??false line?[2J?\xC3\xA9"));
}
END_TEST

START_TEST(a_line_too_long_is_cut_and_still_ends)
{
    mola_log(&env, MOLA_LOG_INFO, "long", "x=%08000d", 1);
    ck_assert_uint_eq(line_count, 1);
    ck_assert_uint_lt(strlen(lines[0]), 4097);
    ck_assert_uint_gt(strlen(lines[0]), 4000);
    ck_assert_ptr_nonnull(strstr(lines[0], " boot=5.000004\n"));
}
END_TEST

START_TEST(repeats_of_a_warning_collapse_to_a_count)
{
    for (int i = 0; i < 1000; i++)
        mola_log(&env, MOLA_LOG_WARN, "slow", "i=%d", i);
    mola_log(&env, MOLA_LOG_ERROR, "slow", "another level");
    mola_log(&env, MOLA_LOG_WARN, "other", "another event");
    ck_assert_uint_eq(line_count, 3);
    ck_assert_ptr_nonnull(strstr(lines[0], "warn slow i=0 "));
    now_ns += MOLA_SECOND;
    mola_log(&env, MOLA_LOG_INFO, "later", "x=1");
    ck_assert_uint_eq(line_count, 5);
    ck_assert_ptr_nonnull(strstr(lines[3], "warn slow repeats=999 "));
    ck_assert_ptr_nonnull(strstr(lines[4], "info later x=1 "));
    mola_log(&env, MOLA_LOG_WARN, "slow", "again");
    ck_assert_ptr_nonnull(strstr(lines[5], "warn slow again "));
}
END_TEST

START_TEST(ordinary_lines_do_not_collapse)
{
    for (int i = 0; i < 20; i++)
        mola_log(&env, MOLA_LOG_INFO, "request", "i=%d", i);
    ck_assert_uint_eq(line_count, 20);
}
END_TEST

/* More different warnings than the table holds: none may vanish without a trace. */
START_TEST(no_count_is_lost_when_the_table_is_full)
{
    enum { EVENTS = MOLA_LOG_REPEATS + 4 };
    for (int i = 0; i < EVENTS; i++) {
        char event[16];
        (void)snprintf(event, sizeof event, "event_%02d", i);
        mola_log(&env, MOLA_LOG_WARN, event, "first=1");
        mola_log(&env, MOLA_LOG_WARN, event, "second=1");
    }
    now_ns += MOLA_SECOND;
    mola_log(&env, MOLA_LOG_INFO, "end", "x=1");
    size_t repeats = 0, firsts = 0;
    for (size_t i = 0; i < line_count; i++) {
        repeats += strstr(lines[i], "repeats=1 ") != NULL;
        firsts += strstr(lines[i], "first=1 ") != NULL;
    }
    ck_assert_uint_eq(firsts, EVENTS);
    ck_assert_uint_eq(repeats, EVENTS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *cases = tcase_create("log");
    tcase_add_checked_fixture(cases, open_log, NULL);
    tcase_add_test(cases, a_line_has_time_level_event_and_values);
    tcase_add_test(cases, lines_below_the_level_are_not_written);
    tcase_add_test(cases, no_value_can_start_a_line_of_its_own);
    tcase_add_test(cases, a_line_too_long_is_cut_and_still_ends);
    tcase_add_test(cases, repeats_of_a_warning_collapse_to_a_count);
    tcase_add_test(cases, ordinary_lines_do_not_collapse);
    tcase_add_test(cases, no_count_is_lost_when_the_table_is_full);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
