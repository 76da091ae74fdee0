/* machine.h - what this machine, or the cgroup it is shared through, lets us have. */
#pragma once
#include <stdint.h>
/* Bytes of memory: the smaller of the machine's and the cgroup's (v1 or v2). */
uint64_t mola_machine_memory(void);
