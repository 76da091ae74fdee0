/* ctx.h - what every step of a request carries along: memory, time left, words for an error. */
#pragma once
#include "mola/base/arena.h"
#include "mola/base/env.h"
#include "mola/base/executor.h"

typedef struct {
    mola_env *env;
    mola_arena *arena; /* dies with the request */
    mola_why *why;
    mola_job *job;         /* pauses while the request waits; NULL outside the executor */
    uint64_t deadline_ns;  /* boot clock */
    uint32_t roundtrips;   /* store batches waited for so far */
    uint64_t bytes_read;   /* object bytes that GETs brought so far */
    struct mola_pin *pins; /* what of segments is held in memory: namespace/view.h */
    uint64_t pages_hit, pages_missed; /* pages of segments that were in memory, or not */
} mola_ctx;
