/* gate.h - how many queries of one namespace run at once (reference 1.11).
 *
 * A namespace has so many slots; a query takes as many as it weighs, at most all of them. Who finds
 * too few waits, first come first served, and is refused when that takes too long. Threads: any. */
#pragma once
#include "mola/base/env.h"
#include "mola/base/executor.h"

typedef struct mola_gate mola_gate;
typedef struct {
    mola_env *env;
    uint32_t slots;   /* of each namespace; 0: no limit */
    uint64_t wait_ns; /* how long one waits for them */
} mola_gate_config;
mola_err mola_gate_open(const mola_gate_config *config, mola_gate **out) MOLA_NODISCARD;
void mola_gate_close(mola_gate *gate); /* everybody has left; NULL: nothing to do */

/* MOLA_BUSY with words: too many for too long. MOLA_NO_MEMORY. */
mola_err mola_gate_enter(mola_gate *gate, mola_job *job, mola_str name, uint32_t weight,
                         mola_why *why) MOLA_NODISCARD;
/* Of whoever entered, with the same name and weight. */
void mola_gate_leave(mola_gate *gate, mola_str name, uint32_t weight);
