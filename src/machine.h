/* machine.h - what this machine, or the cgroup it is shared through, lets us have. */
#pragma once
#include <stdint.h>
/* Bytes of memory: the least of the machine's, our cgroup's (v1 or v2), and those around it. */
uint64_t mola_machine_memory(void);
/* Of our cgroups alone, in a tree of files that stands for the root directory; UINT64_MAX: no
 * limit. */
uint64_t mola_machine_group_memory(const char *root);
