#include "mola/base/executor.h"
#include "base/cpus.h"
#include "mola/base/check.h"

/* Threads wait one event each, in a stack: the one that went idle last is still in the caches, and
 * those at the bottom stay undisturbed until they leave. Whoever makes work possible decides, under
 * the lock, how many threads it takes, and wakes or starts them; so no wake-up depends on who gets
 * the lock first. Permits are handed over, never raced for. */

#define IDLE_NS (10 * MOLA_SECOND)

/* A thread that waits: for work, or (one inside mola_job_resume) for a permit. */
typedef struct waiter waiter;
struct waiter {
    waiter *next;
    mola_event event;
    bool woken;
};

typedef struct {
    mola_job *first, *last; /* queued, oldest first */
    uint32_t queued, computing;
    waiter *resume_first, *resume_last; /* jobs that want their permit back, oldest first */
} class_state;

struct mola_executor {
    mola_env *env;
    mola_executor_config config;
    mola_lock lock; /* guards all below */
    class_state class[MOLA_JOB_CLASSES];
    waiter *idle;        /* a stack */
    uint32_t threads;    /* in thread_main; one of them never leaves before the end */
    uint32_t starting;   /* asked of the system, not yet in thread_main */
    uint32_t woken;      /* taken off `idle`, not yet looking for work */
    uint32_t class_next; /* the class that is looked at first, in turns */
    bool closing;
    mola_event ended; /* threads + starting became 0 */
};

/* --- What can run --- */

/* No new job starts while a resuming one waits; and when one waits, no permit is free anyway. */
static uint32_t runnable(const mola_executor *ex, size_t which)
{
    const class_state *c = &ex->class[which];
    uint32_t permits_free = ex->config.permits[which] - c->computing;
    return c->queued < permits_free ? c->queued : permits_free;
}

/* The oldest job of the next class that has a permit left, with the permit; or NULL. */
static mola_job *take_job(mola_executor *ex)
{
    for (uint32_t i = 0; i < MOLA_JOB_CLASSES; i++) {
        uint32_t which = (ex->class_next + i) % MOLA_JOB_CLASSES;
        class_state *c = &ex->class[which];
        if (runnable(ex, which) == 0)
            continue;
        mola_job *job = c->first;
        c->first = job->next;
        if (!c->first)
            c->last = NULL;
        job->next = NULL;
        c->queued--;
        c->computing++;
        ex->class_next = (which + 1) % MOLA_JOB_CLASSES;
        return job;
    }
    return NULL;
}

static void give_permit(mola_executor *ex, mola_job_class class)
{
    class_state *c = &ex->class[class];
    MOLA_ASSERT(c->computing > 0);
    waiter *next = c->resume_first;
    if (!next) {
        c->computing--;
        return;
    }
    c->resume_first = next->next;
    if (!c->resume_first)
        c->resume_last = NULL;
    next->woken = true;
    mola_event_wake_one(&next->event);
}

/* --- Threads --- */

/* Wakes idle threads for what is runnable. Returns how many jobs that leaves without a thread. */
static uint32_t wake_threads(mola_executor *ex)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < MOLA_JOB_CLASSES; i++)
        wanted += runnable(ex, i);
    while (ex->woken + ex->starting < wanted && ex->idle) {
        waiter *top = ex->idle;
        ex->idle = top->next;
        top->woken = true;
        ex->woken++;
        mola_event_wake_one(&top->event);
    }
    uint32_t coming = ex->woken + ex->starting;
    return coming < wanted ? wanted - coming : 0;
}

/* Wakes threads; returns how many the caller has to start once it has given the lock. */
static uint32_t call_threads(mola_executor *ex)
{
    uint32_t missing = wake_threads(ex);
    uint32_t allowed = ex->config.threads_max - ex->threads - ex->starting;
    uint32_t start = missing < allowed ? missing : allowed;
    ex->starting += start;
    return start;
}

static void thread_main(void *argument);

/* Outside the lock: making a thread takes a while. When the system has no more of them, the jobs
 * wait for the threads that are there; one always is. */
static void start_threads(mola_executor *ex, uint32_t count)
{
    mola_env *env = ex->env;
    for (uint32_t i = 0; i < count; i++) {
        if (env->ops->spawn(env, "executor", thread_main, ex) == MOLA_OK)
            continue;
        mola_lock_take(&ex->lock);
        ex->starting -= count - i;
        uint32_t threads = ex->threads;
        (void)wake_threads(ex); /* a thread that went idle meanwhile takes over */
        if (threads + ex->starting == 0)
            mola_event_wake_all(&ex->ended);
        mola_lock_give(&ex->lock); /* a close may free the executor from here on */
        mola_log(env, MOLA_LOG_WARN, "executor_thread_refused", "threads=%u", threads);
        return;
    }
}

static void leave_idle(mola_executor *ex, const waiter *self)
{
    waiter **link = &ex->idle;
    while (*link != self)
        link = &(*link)->next;
    *link = self->next;
}

/* false: nothing came for a while, or the executor is closing; the thread should leave. */
static bool wait_for_work(mola_executor *ex, waiter *self)
{
    if (ex->closing)
        return false;
    self->woken = false;
    self->next = ex->idle;
    ex->idle = self;
    uint64_t until = mola_boot_ns(ex->env) + IDLE_NS;
    while (!self->woken) {
        if (mola_event_wait(&self->event, &ex->lock, until) || self->woken)
            continue;
        if (ex->threads > 1) {
            leave_idle(ex, self);
            return false;
        }
        until = MOLA_NEVER; /* the last one stays, for when the system refuses new threads */
    }
    ex->woken--;
    return true;
}

static void thread_main(void *argument)
{
    mola_executor *ex = argument;
    mola_count(ex->env->metrics, MOLA_M_executor_threads, 1);
    waiter self = {0};
    mola_event_init(&self.event, ex->env);
    mola_lock_take(&ex->lock);
    ex->starting--;
    ex->threads++;
    for (;;) {
        mola_job *job = take_job(ex);
        if (!job) {
            if (wait_for_work(ex, &self))
                continue;
            break;
        }
        mola_job_class class = job->class; /* run() may free the job */
        mola_lock_give(&ex->lock);
        job->run(job);
        mola_lock_take(&ex->lock);
        give_permit(ex, class);
    }
    mola_event_free(&self.event);
    mola_count(ex->env->metrics, MOLA_M_executor_threads, -1);
    ex->threads--;
    if (ex->threads + ex->starting == 0)
        mola_event_wake_all(&ex->ended);
    mola_lock_give(&ex->lock);
}

/* --- What callers see --- */

mola_err mola_executor_open(mola_env *env, const mola_executor_config *config, mola_executor **out)
{
    MOLA_ASSERT(config->threads_max >= 1);
    for (size_t i = 0; i < MOLA_JOB_CLASSES; i++)
        MOLA_ASSERT(config->permits[i] >= 1);
    mola_executor *ex = mola_alloc(env->heap, sizeof *ex);
    if (!ex)
        return MOLA_NO_MEMORY;
    ex->env = env;
    ex->config = *config;
    ex->starting = 1;
    mola_lock_init(&ex->lock, env, MOLA_RANK_EXECUTOR);
    mola_event_init(&ex->ended, env);
    mola_err err = env->ops->spawn(env, "executor", thread_main, ex);
    if (err) {
        mola_event_free(&ex->ended);
        mola_lock_free(&ex->lock);
        mola_free(env->heap, ex, sizeof *ex);
        return err;
    }
    *out = ex;
    return MOLA_OK;
}

void mola_executor_close(mola_executor *ex)
{
    if (!ex)
        return;
    mola_lock_take(&ex->lock);
    ex->closing = true;
    /* A queued job without a permit needs none of these: whoever holds the permit looks for work
     * before it leaves. */
    for (waiter *idle = ex->idle; idle; idle = idle->next) {
        idle->woken = true;
        ex->woken++;
        mola_event_wake_one(&idle->event);
    }
    ex->idle = NULL;
    while (ex->threads + ex->starting > 0)
        (void)mola_event_wait(&ex->ended, &ex->lock, MOLA_NEVER);
    for (size_t i = 0; i < MOLA_JOB_CLASSES; i++)
        MOLA_ASSERT(ex->class[i].queued == 0 && ex->class[i].computing == 0);
    mola_lock_give(&ex->lock);
    mola_event_free(&ex->ended);
    mola_lock_free(&ex->lock);
    mola_free(ex->env->heap, ex, sizeof *ex);
}

mola_err mola_executor_submit(mola_executor *ex, mola_job_class class, mola_job *job)
{
    MOLA_ASSERT(class < MOLA_JOB_CLASSES);
    class_state *c = &ex->class[class];
    uint64_t now_ns = mola_boot_ns(ex->env);
    mola_lock_take(&ex->lock);
    bool refused = ex->closing || c->queued >= ex->config.queue_max[class];
    uint32_t start = 0;
    if (!refused) {
        job->next = NULL;
        job->executor = ex;
        job->class = class;
        job->paused = false;
        job->queued_ns = now_ns;
        if (c->last) {
            c->last->next = job;
        } else {
            c->first = job;
        }
        c->last = job;
        c->queued++;
        start = call_threads(ex);
    }
    mola_lock_give(&ex->lock);
    if (refused) {
        mola_count(ex->env->metrics, MOLA_M_executor_refused_total, 1);
        return MOLA_UNAVAILABLE;
    }
    start_threads(ex, start);
    return MOLA_OK;
}

void mola_job_pause(mola_job *job)
{
    if (!job)
        return;
    mola_executor *ex = job->executor;
    MOLA_ASSERT(!job->paused);
    job->paused = true;
    mola_lock_take(&ex->lock);
    give_permit(ex, job->class);
    uint32_t start = call_threads(ex);
    mola_lock_give(&ex->lock);
    start_threads(ex, start);
}

void mola_job_resume(mola_job *job)
{
    if (!job)
        return;
    mola_executor *ex = job->executor;
    class_state *c = &ex->class[job->class];
    MOLA_ASSERT(job->paused);
    job->paused = false;
    MOLA_LOCKED(&ex->lock);
    if (c->computing < ex->config.permits[job->class]) {
        MOLA_ASSERT(!c->resume_first);
        c->computing++;
        return;
    }
    waiter self = {0};
    mola_event_init(&self.event, ex->env);
    if (c->resume_last) {
        c->resume_last->next = &self;
    } else {
        c->resume_first = &self;
    }
    c->resume_last = &self;
    while (!self.woken)
        (void)mola_event_wait(&self.event, &ex->lock, MOLA_NEVER);
    mola_event_free(&self.event);
}

mola_executor_config mola_executor_defaults(void)
{
    uint32_t cpus = mola_cpus();
    return (mola_executor_config){
        .threads_max = 1024,
        .permits = {[MOLA_JOB_QUERY] = cpus,
                    [MOLA_JOB_WRITE] = cpus,
                    [MOLA_JOB_INDEX] = cpus > 1 ? cpus / 2 : 1},
        .queue_max = {[MOLA_JOB_QUERY] = 4096, [MOLA_JOB_WRITE] = 4096, [MOLA_JOB_INDEX] = 1024},
    };
}
