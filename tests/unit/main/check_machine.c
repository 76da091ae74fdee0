/* A server in a cgroup takes its shares of what the cgroup has, not of the machine. */
#include "../../../src/machine.c"
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>

static char root[64];

static void write_file(const char *path, const char *text)
{
    char whole[256];
    (void)snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_root(void)
{
    (void)snprintf(root, sizeof root, "/tmp/mola-machine-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(nothing_there_is_no_limit)
{
    ck_assert_uint_eq(mola_machine_group_memory(root), UINT64_MAX);
    write_file("/proc/self/cgroup", "0::/a\nnonsense\n1:memory\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), UINT64_MAX);
}
END_TEST

START_TEST(a_group_of_version_1_and_those_around_it_are_read)
{
    write_file("/proc/self/cgroup", "5:cpu:/other\n4:memory:/a/b\n0::/\n");
    write_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write_file("/sys/fs/cgroup/memory/other/memory.limit_in_bytes", "5\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), 9223372036854771712u);
    write_file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), 3000);
    write_file("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "2000\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), 2000);
}
END_TEST

START_TEST(a_group_of_version_2_and_those_around_it_are_read)
{
    write_file("/proc/self/cgroup", "0::/system.slice/mola.service\n");
    write_file("/sys/fs/cgroup/system.slice/memory.max", "max\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), UINT64_MAX);
    write_file("/sys/fs/cgroup/system.slice/mola.service/memory.max", "7000\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), 7000);
}
END_TEST

START_TEST(in_a_container_the_root_counts)
{
    write_file("/proc/self/cgroup", "0::/../outside\n");
    write_file("/sys/fs/cgroup/memory.max", "4000\n");
    ck_assert_uint_eq(mola_machine_group_memory(root), 4000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine");
    TCase *tcase = tcase_create("memory");
    tcase_add_checked_fixture(tcase, make_root, remove_root);
    tcase_add_test(tcase, nothing_there_is_no_limit);
    tcase_add_test(tcase, a_group_of_version_1_and_those_around_it_are_read);
    tcase_add_test(tcase, a_group_of_version_2_and_those_around_it_are_read);
    tcase_add_test(tcase, in_a_container_the_root_counts);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
