#include "base/cpus.h"
#include "mola/base/str.h"
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_BYTES = 8192, PATH_BYTES = 1024 };

/* false: no such file, or more in it than fits. */
static bool read_text(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t len = 0;
    ssize_t got;
    while (len < room && (got = read(fd, text + len, room - len)) > 0)
        len += (size_t)got;
    (void)close(fd);
    if (len == 0 || len == room)
        return false;
    text[len] = '\0';
    return true;
}

static uint32_t rounded_up(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    int64_t cpus = quota / period + (quota % period ? 1 : 0);
    return cpus < UINT32_MAX ? (uint32_t)cpus : UINT32_MAX;
}

uint32_t mola_cpus_of_max(const char *text)
{
    char *end;
    int64_t quota = strtoll(text, &end, 10); /* 0 for "max" */
    return rounded_up(quota, strtoll(end, NULL, 10));
}

uint32_t mola_cpus_of_cfs(const char *quota, const char *period)
{
    return rounded_up(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static uint32_t quota_at(bool v2, mola_str path)
{
    char file[PATH_BYTES], quota[128], period[128];
    int dir_len = (int)path.len;
    if (v2) {
        (void)snprintf(file, sizeof file, "/sys/fs/cgroup%.*s/cpu.max", dir_len, path.data);
        return read_text(file, quota, sizeof quota) ? mola_cpus_of_max(quota) : 0;
    }
    (void)snprintf(file, sizeof file, "/sys/fs/cgroup/cpu%.*s/cpu.cfs_quota_us", dir_len,
                   path.data);
    if (!read_text(file, quota, sizeof quota))
        return 0;
    (void)snprintf(file, sizeof file, "/sys/fs/cgroup/cpu%.*s/cpu.cfs_period_us", dir_len,
                   path.data);
    return read_text(file, period, sizeof period) ? mola_cpus_of_cfs(quota, period) : 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* The smallest quota between `path` and the root. In a container the path is often that of the host
 * and not visible here; then the mount's root is the container's own group. */
static uint32_t quota_above(bool v2, mola_str path)
{
    uint32_t least = quota_at(v2, (mola_str){"", 0});
    while (path.len > 1) {
        least = smaller(least, quota_at(v2, path));
        while (path.len > 1 && path.data[path.len - 1] != '/')
            path.len--;
        path.len--; /* the slash */
    }
    return least;
}

/* True when `name` is one of the comma-separated `list`. */
static bool lists(mola_str list, const char *name)
{
    while (list.len > 0) {
        if (mola_str_eq(mola_str_cut(&list, ','), mola_str_of(name)))
            return true;
    }
    return false;
}

/* /proc/self/cgroup has a line `id:controllers:path` for each hierarchy; v2 has no controllers. */
static uint32_t cgroup_cpus(void)
{
    char text[TEXT_BYTES];
    if (!read_text("/proc/self/cgroup", text, sizeof text))
        return 0;
    uint32_t least = 0;
    for (mola_str rest = mola_str_of(text); rest.len > 0;) {
        mola_str path = mola_str_cut(&rest, '\n');
        (void)mola_str_cut(&path, ':');
        mola_str controllers = mola_str_cut(&path, ':');
        bool v2 = controllers.len == 0;
        if (v2 || lists(controllers, "cpu"))
            least = smaller(least, quota_above(v2, path));
    }
    return least;
}

static uint32_t usable_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (uint32_t)CPU_COUNT(&set);
    long online =
        sysconf(_SC_NPROCESSORS_ONLN); /* a machine with more CPUs than the set has bits */
    return online > 0 ? (uint32_t)online : 1;
}

uint32_t mola_cpus(void)
{
    uint32_t cpus = smaller(usable_cpus(), cgroup_cpus());
    return cpus ? cpus : 1;
}
