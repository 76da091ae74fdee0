/* Bearer keys: from the settings, from a file, and rotated in the file while the server runs. */
#include "api/private.h"
#include "mola/base/check.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROTATION_SECONDS = 3 };

static mola_heap heap;
static mola_metrics metrics;
static mola_env *env;
static char path[64], other[72];

static void set_up(void)
{
    mola_heap_init(&heap, SIZE_MAX);
    env = mola_env_real(&heap, &metrics);
    env->log_level = MOLA_LOG_ERROR + 1;
    strcpy(path, "/tmp/mola-keys-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    (void)snprintf(other, sizeof other, "%s.new", path);
}

static void tear_down(void)
{
    (void)unlink(path);
    (void)unlink(other);
    mola_env_real_free(env);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static void write_file(const char *where, const char *text, size_t size)
{
    FILE *file = fopen(where, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static mola_keys *open_keys(const char *setting, const char *file)
{
    mola_api_config config = {.env = env, .keys = mola_str_of(setting), .keys_file = file};
    mola_keys *keys = NULL;
    mola_why why = {0};
    mola_err err = mola_keys_open(&config, &keys, &why);
    ck_assert_msg(err == MOLA_OK, "%s", why.text);
    return keys;
}

static void must_refuse(const char *setting, const char *file, const char *words)
{
    mola_api_config config = {.env = env, .keys = mola_str_of(setting), .keys_file = file};
    mola_keys *keys = NULL;
    mola_why why = {0};
    ck_assert_int_eq(mola_keys_open(&config, &keys, &why), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(why.text, words));
}

static bool accepts(mola_keys *keys, const char *authorization)
{
    return mola_keys_accept(keys, mola_str_of(authorization));
}

START_TEST(without_keys_everybody_may_come_in)
{
    mola_keys *keys = open_keys("", NULL);
    ck_assert(accepts(keys, ""));
    ck_assert(accepts(keys, "Bearer whatever"));
    ck_assert(accepts(keys, "Basic Zm9vOmJhcg=="));
    mola_keys_close(keys);
}
END_TEST

START_TEST(only_the_whole_key_behind_the_bearer_scheme_opens)
{
    mola_keys *keys = open_keys("one\ntwo\r\n\n #three \n", NULL);
    static const char *const good[] = {"Bearer one", "bearer two", "BEARER   one", "Bearer one ",
                                       "Bearer #three"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(accepts(keys, good[i]), "%s", good[i]);
    static const char *const bad[] = {"",
                                      "Bearer",
                                      "Bearer ",
                                      "Bearer on",
                                      "Bearer One",
                                      "Bearer one1",
                                      "one",
                                      "Basic one",
                                      "Bearerone",
                                      " Bearer one",
                                      "Bearer one,two",
                                      "Bearer three",
                                      "Bearer one\ntwo"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!accepts(keys, bad[i]), "%s", bad[i]);
    mola_keys_close(keys);
}
END_TEST

START_TEST(comments_and_empty_lines_of_a_file_are_no_keys)
{
    static const char text[] = "# the first of May\n\nalpha\n  beta\t\r\n#gamma\n\tdelta";
    write_file(path, text, sizeof text - 1);
    mola_keys *keys = open_keys("", path);
    ck_assert(accepts(keys, "Bearer alpha"));
    ck_assert(accepts(keys, "Bearer beta"));
    ck_assert(accepts(keys, "Bearer delta"));
    ck_assert(!accepts(keys, "Bearer gamma"));
    ck_assert(!accepts(keys, "Bearer #gamma"));
    ck_assert(!accepts(keys, "Bearer # the first of May"));
    mola_keys_close(keys);
}
END_TEST

/* A mistake in the settings must never open the server to everybody. */
START_TEST(settings_that_hold_no_key_are_refused)
{
    must_refuse("\n\n", NULL, "holds no key");
    must_refuse(" ", NULL, "holds no key");
    must_refuse("", "/nonexistent/keys", "/nonexistent/keys");
    must_refuse("", "/tmp", "/tmp");
    must_refuse("", path, "holds no key");
    write_file(path, "# only\n# comments\n", 18);
    must_refuse("", path, "holds no key");
}
END_TEST

START_TEST(keys_are_bounded_in_size_and_number)
{
    char *text = calloc(1, 300 * 1024);
    memset(text, 'k', 1024);
    mola_keys *keys = open_keys(text, NULL);
    char *authorization = calloc(1, 2048);
    (void)snprintf(authorization, 2048, "Bearer %s", text);
    ck_assert(accepts(keys, authorization));
    strcat(authorization, "k");
    ck_assert(!accepts(keys, authorization));
    mola_keys_close(keys);
    text[1024] = 'k';
    must_refuse(text, NULL, "one over 1024 bytes");
    size_t len = 0;
    for (int i = 0; i < 1024; i++)
        len += (size_t)sprintf(text + len, "key%d\n", i);
    keys = open_keys(text, NULL);
    ck_assert(accepts(keys, "Bearer key0"));
    ck_assert(accepts(keys, "Bearer key1023"));
    mola_keys_close(keys);
    strcpy(text + len, "key1024\n");
    must_refuse(text, NULL, "more than 1024 keys");
    memset(text, '#', 300 * 1024);
    write_file(path, text, 300 * 1024);
    must_refuse("", path, "cannot read");
    free(authorization);
    free(text);
}
END_TEST

static void wait_until_accepted(mola_keys *keys, const char *authorization)
{
    uint64_t end = mola_boot_ns(env) + ROTATION_SECONDS * MOLA_SECOND;
    while (!accepts(keys, authorization)) {
        ck_assert_msg(mola_boot_ns(env) < end, "%s was not taken in time", authorization);
        mola_sleep_ns(env, 10 * MOLA_MILLISECOND);
    }
}

START_TEST(a_changed_file_rotates_the_keys)
{
    write_file(path, "old\n", 4);
    mola_keys *keys = open_keys("fixed", path);
    ck_assert(accepts(keys, "Bearer old") && accepts(keys, "Bearer fixed"));
    write_file(path, "new\n", 4); /* in place, and of the same size */
    wait_until_accepted(keys, "Bearer new");
    ck_assert(!accepts(keys, "Bearer old"));
    ck_assert(accepts(keys, "Bearer fixed"));
    write_file(other, "newest\n", 7); /* and by renaming over it */
    ck_assert_int_eq(rename(other, path), 0);
    wait_until_accepted(keys, "Bearer newest");
    ck_assert(!accepts(keys, "Bearer new"));
    mola_keys_close(keys);
}
END_TEST

/* The watcher looks every second; each spoiled file stands for longer than that. */
START_TEST(a_file_that_is_gone_or_spoiled_keeps_the_old_keys)
{
    char *large = calloc(1, 300 * 1024);
    memset(large, 'x', 300 * 1024);
    write_file(path, "old\n", 4);
    mola_keys *keys = open_keys("", path);
    for (int spoiled = 0; spoiled < 3; spoiled++) {
        if (spoiled == 0)
            write_file(path, "# empty\n", 8);
        else if (spoiled == 1)
            write_file(path, large, 300 * 1024);
        else
            ck_assert_int_eq(unlink(path), 0);
        uint64_t end = mola_boot_ns(env) + 3 * MOLA_SECOND / 2;
        for (; mola_boot_ns(env) < end; mola_sleep_ns(env, 10 * MOLA_MILLISECOND)) {
            ck_assert(accepts(keys, "Bearer old"));
            ck_assert(!accepts(keys, "Bearer x"));
            ck_assert(!accepts(keys, ""));
        }
    }
    write_file(path, "again\n", 6);
    wait_until_accepted(keys, "Bearer again");
    ck_assert(!accepts(keys, "Bearer old"));
    mola_keys_close(keys);
    free(large);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keys");
    TCase *cases = tcase_create("keys");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, without_keys_everybody_may_come_in);
    tcase_add_test(cases, only_the_whole_key_behind_the_bearer_scheme_opens);
    tcase_add_test(cases, comments_and_empty_lines_of_a_file_are_no_keys);
    tcase_add_test(cases, settings_that_hold_no_key_are_refused);
    tcase_add_test(cases, keys_are_bounded_in_size_and_number);
    tcase_add_test(cases, a_changed_file_rotates_the_keys);
    tcase_add_test(cases, a_file_that_is_gone_or_spoiled_keeps_the_old_keys);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
