/* machine.c - reads the limits of machine and cgroup. */
#include "machine.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* A hierarchy of cgroups, where it is usually mounted. */
typedef struct {
    const char *controller; /* in /proc/self/cgroup */
    const char *mount, *limit;
} hierarchy;
static const hierarchy hierarchies[] = {
    {"", "/sys/fs/cgroup", "memory.max"}, /* version 2 */
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
};

/* The number in a one-line file; UINT64_MAX when there is none ("max", or no file). */
static uint64_t number_in(const char *path)
{
    unsigned long long value;
    FILE *file = fopen(path, "re");
    if (!file)
        return UINT64_MAX;
    int got = fscanf(file, "%llu", &value);
    (void)fclose(file);
    return got == 1 ? value : UINT64_MAX;
}

/* The least limit of `group` and of those around it. In a container its path may be that of the
 * world outside, where it is not found; then only the root counts, which is the container's own. */
static uint64_t limit_of(const char *root, const hierarchy *h, char *group)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char path[2 * PATH_BYTES];
        int size = snprintf(path, sizeof path, "%s%s%s/%s", root, h->mount, group, h->limit);
        uint64_t limit = size > 0 && (size_t)size < sizeof path ? number_in(path) : UINT64_MAX;
        least = limit < least ? limit : least;
        char *last = strrchr(group, '/');
        if (!last)
            return least;
        *last = '\0';
    }
}

/* A line of /proc/self/cgroup is "number:controllers:path". */
static uint64_t limit_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return UINT64_MAX;
    controllers++;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++) {
        if (strcmp(controllers, hierarchies[i].controller) == 0)
            return limit_of(root, &hierarchies[i], group);
    }
    return UINT64_MAX;
}

uint64_t mola_machine_group_memory(const char *root)
{
    char line[PATH_BYTES];
    uint64_t least = UINT64_MAX;
    int size = snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = size > 0 && (size_t)size < sizeof line ? fopen(line, "re") : NULL;
    if (!file)
        return least;
    while (fgets(line, sizeof line, file)) {
        uint64_t limit = limit_of_line(root, line);
        least = limit < least ? limit : least;
    }
    (void)fclose(file);
    return least;
}

uint64_t mola_machine_memory(void)
{
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = mola_machine_group_memory("");
    return group < machine ? group : machine;
}
