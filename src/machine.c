/* machine.c - reads the limits of machine and cgroup. */
#include "machine.h"
#include <stdio.h>
#include <unistd.h>

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

uint64_t mola_machine_memory(void)
{
    uint64_t limits[] = {(uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE),
                         number_in("/sys/fs/cgroup/memory.max"),
                         number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes")};
    uint64_t least = limits[0];
    for (size_t i = 1; i < sizeof limits / sizeof *limits; i++)
        least = limits[i] < least ? limits[i] : least;
    return least;
}
