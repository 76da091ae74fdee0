/* executor.h - threads that run jobs in plain blocking code.
 *
 * Threads are made on demand, up to `threads_max`; how many compute at one moment is bounded by
 * permits, per class, so that queries, writes and index work cannot starve each other. A job gives
 * its permit back while it waits (mola_job_pause/resume around store batches and event waits).
 * Queues are bounded: a full one refuses at once. FIFO within a class. */
#pragma once
#include "mola/base/env.h"

typedef enum { MOLA_JOB_QUERY, MOLA_JOB_WRITE, MOLA_JOB_INDEX, MOLA_JOB_CLASSES } mola_job_class;
typedef struct mola_executor mola_executor;
typedef struct mola_job mola_job;
struct mola_job { /* owned by the caller until run() is called; run() may free it */
    void (*run)(mola_job *job);
    mola_job *next;          /* the executor's, while queued */
    mola_executor *executor; /* set by submit */
    mola_job_class class;
    bool paused;        /* the executor's, while running */
    uint64_t queued_ns; /* boot clock; set by submit */
};

typedef struct {
    uint32_t threads_max;               /* 1,024 */
    uint32_t permits[MOLA_JOB_CLASSES]; /* jobs of the class that may compute at once; >= 1 */
    uint32_t queue_max[MOLA_JOB_CLASSES];
} mola_executor_config;

/* Permits from the cgroup's CPU quota (v1 or v2), else the number of usable CPUs. */
mola_executor_config mola_executor_defaults(void);
/* Starts one thread, which stays. UNAVAILABLE: the system refuses it. */
mola_err mola_executor_open(mola_env *env, const mola_executor_config *config,
                            mola_executor **out) MOLA_NODISCARD;
/* Runs what is queued, lets running jobs end, stops the threads. */
void mola_executor_close(mola_executor *executor);

/* UNAVAILABLE: the queue is full or the executor is closing; the job was not taken. */
mola_err mola_executor_submit(mola_executor *executor, mola_job_class class,
                              mola_job *job) MOLA_NODISCARD;

/* Around everything that waits, in the thread that runs the job; not nested. Resume waits for a
 * permit, before any job that is still queued. NULL job: nothing to do. */
void mola_job_pause(mola_job *job);
void mola_job_resume(mola_job *job);
