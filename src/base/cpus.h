/* cpus.h - how many CPUs this process may use. Reads the cgroup once; not for hot paths. */
#pragma once
#include <stdint.h>

/* The CPU quota of this process's cgroup and its parents (v1 or v2), rounded up; else the number of
 * CPUs it may be scheduled on. At least 1. */
uint32_t mola_cpus(void);

/* The parts that decide, for tests. `text` is the content of cpu.max ("50000 100000", "max
 * 100000"); 0: no quota. */
uint32_t mola_cpus_of_max(const char *text);
/* The content of cpu.cfs_quota_us and cpu.cfs_period_us; 0: no quota. */
uint32_t mola_cpus_of_cfs(const char *quota, const char *period);
