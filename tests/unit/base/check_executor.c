/* The executor promises four things: a full queue refuses at once, permits are never exceeded, a
 * paused job's permit serves others, and close runs what is queued. Threads make each of them easy
 * to break in a way that shows once a week; run this under ThreadSanitizer too. */
#include "base/cpus.h"
#include "mola/base/check.h"
#include "mola/base/executor.h"
#include <check.h>
#include <stdio.h>

static mola_heap heap;
static mola_metrics metrics;
static mola_env *env;

static void open_env(void)
{
    mola_heap_init(&heap, 64 << 20);
    metrics = (mola_metrics){0};
    env = mola_env_real(&heap, &metrics);
    ck_assert_ptr_nonnull(env);
}

static void close_env(void)
{
    mola_env_real_free(env);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_executor_threads]), 0);
}

/* --- The real env with some operations replaced --- */

static const mola_env_ops *real_ops;
static mola_env_ops changed_ops;

static void change_ops(void)
{
    real_ops = env->ops;
    changed_ops = *real_ops;
    env->ops = &changed_ops;
    env->log_level = MOLA_LOG_ERROR; /* the refused thread is meant */
}

static mola_executor *open_executor(uint32_t threads_max, uint32_t permits, uint32_t queue_max)
{
    mola_executor_config config = {.threads_max = threads_max};
    for (int i = 0; i < MOLA_JOB_CLASSES; i++) {
        config.permits[i] = permits;
        config.queue_max[i] = queue_max;
    }
    mola_executor *executor = NULL;
    ck_assert_int_eq(mola_executor_open(env, &config, &executor), MOLA_OK);
    return executor;
}

/* A gate that jobs wait at until the test opens it; counts who is inside. */
typedef struct {
    mola_lock lock; /* guards all below */
    mola_event changed;
    bool open;
    uint32_t arrived, left;
} gate;

static void gate_init(gate *g)
{
    *g = (gate){0};
    mola_lock_init(&g->lock, env, MOLA_RANK_WRITER);
    mola_event_init(&g->changed, env);
}

static void gate_free(gate *g)
{
    mola_event_free(&g->changed);
    mola_lock_free(&g->lock);
}

static void gate_pass(gate *g)
{
    MOLA_LOCKED(&g->lock);
    g->arrived++;
    mola_event_wake_all(&g->changed);
    while (!g->open)
        (void)mola_event_wait(&g->changed, &g->lock, MOLA_NEVER);
    g->left++;
    mola_event_wake_all(&g->changed);
}

static void gate_open(gate *g)
{
    MOLA_LOCKED(&g->lock);
    g->open = true;
    mola_event_wake_all(&g->changed);
}

static void await(gate *g, const uint32_t *counter, uint32_t count)
{
    uint64_t until = mola_boot_ns(env) + 20 * MOLA_SECOND;
    MOLA_LOCKED(&g->lock);
    while (*counter < count)
        ck_assert_msg(mola_event_wait(&g->changed, &g->lock, until), "%u of %u came", *counter,
                      count);
}

typedef struct {
    mola_job job; /* first */
    gate *gate;
    bool pauses;
} gate_job;

static void run_gate_job(mola_job *job)
{
    gate_job *g = (gate_job *)(void *)job;
    if (g->pauses)
        mola_job_pause(job);
    gate_pass(g->gate);
    if (g->pauses)
        mola_job_resume(job);
}

static mola_err submit(mola_executor *executor, gate_job *job, gate *g, bool pauses)
{
    *job = (gate_job){.job.run = run_gate_job, .gate = g, .pauses = pauses};
    return mola_executor_submit(executor, MOLA_JOB_QUERY, &job->job);
}

START_TEST(a_full_queue_refuses_at_once_and_counts_it)
{
    mola_executor *executor = open_executor(8, 1, 2);
    gate g;
    gate_init(&g);
    gate_job jobs[4];
    ck_assert_int_eq(submit(executor, &jobs[0], &g, false), MOLA_OK);
    await(&g, &g.arrived, 1); /* it runs: the queue is empty again */
    ck_assert_int_eq(submit(executor, &jobs[1], &g, false), MOLA_OK);
    ck_assert_int_eq(submit(executor, &jobs[2], &g, false), MOLA_OK);
    ck_assert_int_eq(submit(executor, &jobs[3], &g, false), MOLA_UNAVAILABLE);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_executor_refused_total]), 1);
    gate_open(&g);
    mola_executor_close(executor);
    ck_assert_uint_eq(g.left, 3);
    gate_free(&g);
}
END_TEST

START_TEST(a_paused_job_gives_its_permit_to_the_next)
{
    mola_executor *executor = open_executor(8, 1, 8);
    gate blocked, passed;
    gate_init(&blocked);
    gate_init(&passed);
    passed.open = true;
    gate_job waiting[3], quick;
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(submit(executor, &waiting[i], &blocked, true), MOLA_OK);
    await(&blocked, &blocked.arrived,
          3); /* all three got the one permit in turn, and gave it back */
    ck_assert_int_eq(submit(executor, &quick, &passed, false), MOLA_OK);
    await(&passed, &passed.left, 1);
    gate_open(&blocked);
    mola_executor_close(executor);
    ck_assert_uint_eq(blocked.left, 3);
    gate_free(&blocked);
    gate_free(&passed);
}
END_TEST

START_TEST(classes_do_not_share_permits)
{
    mola_executor *executor = open_executor(8, 1, 8);
    gate g;
    gate_init(&g);
    gate_job jobs[MOLA_JOB_CLASSES];
    for (int i = 0; i < MOLA_JOB_CLASSES; i++) {
        jobs[i] = (gate_job){.job.run = run_gate_job, .gate = &g};
        ck_assert_int_eq(mola_executor_submit(executor, (mola_job_class)i, &jobs[i].job), MOLA_OK);
    }
    await(&g, &g.arrived, MOLA_JOB_CLASSES);
    gate_open(&g);
    mola_executor_close(executor);
    gate_free(&g);
}
END_TEST

typedef struct {
    mola_job job; /* first */
    gate *hold;
    bool pauses; /* while it is held */
    uint32_t *order, number, *next;
} order_job;

static void run_order_job(mola_job *job)
{
    order_job *o = (order_job *)(void *)job;
    if (o->pauses)
        mola_job_pause(job);
    if (o->hold)
        gate_pass(o->hold);
    if (o->pauses)
        mola_job_resume(job);
    o->order[(*o->next)++] = o->number; /* one permit: nobody else runs */
}

START_TEST(jobs_of_a_class_start_in_the_order_they_came)
{
    enum { COUNT = 100 };
    mola_executor *executor = open_executor(8, 1, COUNT);
    gate g;
    gate_init(&g);
    order_job jobs[COUNT];
    uint32_t order[COUNT], next = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        jobs[i] = (order_job){.job.run = run_order_job,
                              .hold = i ? NULL : &g,
                              .order = order,
                              .number = i,
                              .next = &next};
        ck_assert_int_eq(mola_executor_submit(executor, MOLA_JOB_WRITE, &jobs[i].job), MOLA_OK);
    }
    gate_open(&g);
    mola_executor_close(executor);
    ck_assert_uint_eq(next, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(order[i], i);
    gate_free(&g);
}
END_TEST

/* Counts who waits for a permit: those who resume are the only ones to wait for ever there, but for
 * the last idle thread, which does so only after ten seconds. */
static atomic_int permit_waits;

static bool counting_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns)
{
    if (lock->rank == MOLA_RANK_EXECUTOR && deadline_ns == MOLA_NEVER)
        atomic_fetch_add(&permit_waits, 1);
    return real_ops->event_wait(event, lock, deadline_ns);
}

START_TEST(a_resuming_job_goes_before_queued_ones)
{
    change_ops();
    changed_ops.event_wait = counting_wait;
    atomic_store(&permit_waits, 0);
    mola_executor *executor = open_executor(8, 1, 8);
    gate store, compute;
    gate_init(&store);
    gate_init(&compute);
    uint32_t order[4], next = 0;
    order_job jobs[4];
    for (uint32_t i = 0; i < 4; i++) {
        gate *hold = i == 0 ? &store : i == 1 ? &compute : NULL;
        jobs[i] = (order_job){.job.run = run_order_job,
                              .hold = hold,
                              .pauses = i == 0,
                              .order = order,
                              .number = i,
                              .next = &next};
        ck_assert_int_eq(mola_executor_submit(executor, MOLA_JOB_QUERY, &jobs[i].job), MOLA_OK);
        if (hold)
            await(hold, &hold->arrived, 1);
    }
    gate_open(&store); /* job 0 now asks for the permit, which job 1 holds; 2 and 3 are queued */
    uint64_t until = mola_boot_ns(env) + 20 * MOLA_SECOND;
    while (atomic_load(&permit_waits) == 0 && mola_boot_ns(env) < until)
        mola_sleep_ns(env, MOLA_MILLISECOND);
    gate_open(&compute);
    mola_executor_close(executor);
    ck_assert_uint_eq(next, 4);
    static const uint32_t expected[4] = {1, 0, 2, 3};
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(order[i], expected[i]);
    gate_free(&store);
    gate_free(&compute);
}
END_TEST

/* --- Many jobs that pause, resume, spawn others: the invariant is checked from inside --- */

enum { STORM_JOBS = 4000, STORM_PERMITS = 3 };

typedef struct {
    mola_executor *executor;
    atomic_int computing[MOLA_JOB_CLASSES];
    atomic_int done, worst;
} storm;

typedef struct {
    mola_job job; /* first */
    storm *storm;
    uint32_t pauses, children;
} storm_job;

static void compute(storm *s, mola_job_class class)
{
    int now = atomic_fetch_add(&s->computing[class], 1) + 1;
    int worst = atomic_load(&s->worst);
    while (now > worst && !atomic_compare_exchange_weak(&s->worst, &worst, now))
        ;
    for (volatile int i = 0; i < 200; i++)
        ;
    atomic_fetch_sub(&s->computing[class], 1);
}

static void run_storm_job(mola_job *job);

static void submit_storm(storm *s, mola_job_class class, uint32_t pauses, uint32_t children)
{
    storm_job *made = mola_alloc(&heap, sizeof *made);
    ck_assert_ptr_nonnull(made);
    *made =
        (storm_job){.job.run = run_storm_job, .storm = s, .pauses = pauses, .children = children};
    ck_assert_int_eq(mola_executor_submit(s->executor, class, &made->job), MOLA_OK);
}

static void run_storm_job(mola_job *job)
{
    storm_job *self = (storm_job *)(void *)job;
    storm *s = self->storm;
    mola_job_class class = job->class;
    compute(s, class);
    for (uint32_t i = 0; i < self->pauses; i++) {
        mola_job_pause(job);
        if (i % 2 == 0)
            mola_sleep_ns(env, 1000);
        mola_job_resume(job);
        compute(s, class);
    }
    for (uint32_t i = 0; i < self->children; i++)
        submit_storm(s, (mola_job_class)((class + i) % MOLA_JOB_CLASSES), i % 3, 0);
    atomic_fetch_add(&s->done, 1);
    mola_free(&heap, self, sizeof *self);
}

START_TEST(permits_are_never_exceeded_and_no_job_is_lost)
{
    storm s = {0};
    s.executor = open_executor(64, STORM_PERMITS, STORM_JOBS * 2);
    for (uint32_t i = 0; i < STORM_JOBS / 4; i++)
        submit_storm(&s, (mola_job_class)(i % MOLA_JOB_CLASSES), i % 4, 3);
    uint64_t until = mola_boot_ns(env) + 60 * MOLA_SECOND;
    while (atomic_load(&s.done) < STORM_JOBS && mola_boot_ns(env) < until)
        mola_sleep_ns(env, MOLA_MILLISECOND);
    ck_assert_int_eq(atomic_load(&s.done),
                     STORM_JOBS); /* before close, which would help a lost one */
    mola_executor_close(s.executor);
    ck_assert_int_le(atomic_load(&s.worst), STORM_PERMITS);
    ck_assert_int_ge(atomic_load(&s.worst), 1);
}
END_TEST

static void run_counted(mola_job *job)
{
    storm_job *self = (storm_job *)(void *)job;
    atomic_fetch_add(&self->storm->done, 1);
}

/* A lost wake-up shows as a hang: each round waits for its own job alone. */
START_TEST(a_single_job_is_always_picked_up)
{
    storm s = {0};
    s.executor = open_executor(4, 1, 4);
    uint64_t until = mola_boot_ns(env) + 60 * MOLA_SECOND;
    for (int i = 0; i < 2000; i++) {
        storm_job one = {.job.run = run_counted, .storm = &s};
        ck_assert_int_eq(mola_executor_submit(s.executor, MOLA_JOB_QUERY, &one.job), MOLA_OK);
        while (atomic_load(&s.done) <= i)
            ck_assert_uint_lt(mola_boot_ns(env), until);
    }
    mola_executor_close(s.executor);
}
END_TEST

START_TEST(close_runs_what_is_queued)
{
    mola_executor *executor = open_executor(2, 1, 64);
    gate g;
    gate_init(&g);
    gate_job jobs[40];
    for (size_t i = 0; i < 40; i++)
        ck_assert_int_eq(submit(executor, &jobs[i], &g, i % 5 == 0), MOLA_OK);
    gate_open(&g);
    mola_executor_close(executor);
    ck_assert_uint_eq(g.left, 40);
    gate_free(&g);
}
END_TEST

typedef struct {
    mola_job job; /* first */
    gate *gate;
    storm late;
    mola_err err;
} late_job;

/* Submits one job after the other until one is refused, which shows that close has begun. */
static void run_late(mola_job *job)
{
    late_job *self = (late_job *)(void *)job;
    gate_pass(self->gate);
    uint64_t until = mola_boot_ns(env) + 20 * MOLA_SECOND;
    for (int ran = 0; mola_boot_ns(env) < until; ran++) {
        storm_job one = {.job.run = run_counted, .storm = &self->late};
        self->err = mola_executor_submit(job->executor, MOLA_JOB_INDEX, &one.job);
        if (self->err)
            return;
        while (atomic_load(&self->late.done) <= ran)
            mola_sleep_ns(env, 10000);
    }
}

START_TEST(a_job_submitted_while_closing_is_refused)
{
    mola_executor *executor = open_executor(4, 1, 64);
    gate g;
    gate_init(&g);
    late_job job = {.job.run = run_late, .gate = &g};
    ck_assert_int_eq(mola_executor_submit(executor, MOLA_JOB_QUERY, &job.job), MOLA_OK);
    await(&g, &g.arrived, 1);
    gate_open(&g);
    mola_executor_close(executor);
    ck_assert_int_eq(job.err, MOLA_UNAVAILABLE);
    gate_free(&g);
}
END_TEST

/* --- A system with few threads, and one where time passes quickly --- */

static atomic_int spawns_left;

static mola_err scarce_spawn(mola_env *e, const char *name, void (*run)(void *), void *argument)
{
    if (atomic_fetch_sub(&spawns_left, 1) <= 0)
        return MOLA_UNAVAILABLE;
    return real_ops->spawn(e, name, run, argument);
}

static bool hasty_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns)
{
    if (deadline_ns != MOLA_NEVER) {
        uint64_t now = mola_boot_ns(env);
        deadline_ns = deadline_ns > now ? now + (deadline_ns - now) / 500 : now;
    }
    return real_ops->event_wait(event, lock, deadline_ns);
}

START_TEST(an_executor_without_its_first_thread_does_not_open)
{
    change_ops();
    changed_ops.spawn = scarce_spawn;
    atomic_store(&spawns_left, 0);
    mola_executor_config config = {.threads_max = 4, .permits = {1, 1, 1}, .queue_max = {4, 4, 4}};
    mola_executor *executor = NULL;
    ck_assert_int_eq(mola_executor_open(env, &config, &executor), MOLA_UNAVAILABLE);
    ck_assert_ptr_null(executor);
}
END_TEST

START_TEST(jobs_run_on_the_threads_there_are_when_the_system_has_no_more)
{
    change_ops();
    changed_ops.spawn = scarce_spawn;
    atomic_store(&spawns_left, 1 + _i);
    storm s = {0};
    s.executor = open_executor(64, STORM_PERMITS, 1000);
    for (uint32_t i = 0; i < 300; i++)
        submit_storm(&s, (mola_job_class)(i % MOLA_JOB_CLASSES), i % 3, 0);
    uint64_t until = mola_boot_ns(env) + 60 * MOLA_SECOND;
    while (atomic_load(&s.done) < 300 && mola_boot_ns(env) < until)
        mola_sleep_ns(env, MOLA_MILLISECOND);
    ck_assert_int_eq(atomic_load(&s.done), 300);
    ck_assert_int_le(atomic_load(&metrics.value[MOLA_M_executor_threads]), 1 + _i);
    mola_executor_close(s.executor);
}
END_TEST

START_TEST(threads_never_pass_their_maximum)
{
    mola_executor *executor = open_executor(3, 8, 64);
    gate g;
    gate_init(&g);
    gate_job jobs[20];
    for (size_t i = 0; i < 20; i++)
        ck_assert_int_eq(submit(executor, &jobs[i], &g, true), MOLA_OK);
    await(&g, &g.arrived, 3);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_executor_threads]), 3);
    gate_open(&g);
    mola_executor_close(executor);
    ck_assert_uint_eq(g.left, 20);
    gate_free(&g);
}
END_TEST

/* Like await, for the hasty env. */
static void await_slowly(gate *g, uint32_t count)
{
    uint64_t until = mola_boot_ns(env) + 20 * MOLA_SECOND;
    for (uint32_t arrived = 0; arrived < count && mola_boot_ns(env) < until;) {
        mola_sleep_ns(env, MOLA_MILLISECOND);
        MOLA_LOCKED(&g->lock);
        arrived = g->arrived;
    }
}

START_TEST(idle_threads_leave_except_one)
{
    change_ops();
    changed_ops.event_wait = hasty_wait;
    mola_executor *executor = open_executor(16, 8, 64);
    gate g;
    gate_init(&g);
    gate_job jobs[8];
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(submit(executor, &jobs[i], &g, false), MOLA_OK);
    await_slowly(&g, 8);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_executor_threads]), 8);
    gate_open(&g);
    uint64_t until = mola_boot_ns(env) + 20 * MOLA_SECOND;
    while (atomic_load(&metrics.value[MOLA_M_executor_threads]) > 1 && mola_boot_ns(env) < until)
        mola_sleep_ns(env, MOLA_MILLISECOND);
    mola_sleep_ns(env, 50 * MOLA_MILLISECOND); /* several idle times more */
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_executor_threads]), 1);
    gate_job last;
    ck_assert_int_eq(submit(executor, &last, &g, false), MOLA_OK);
    mola_executor_close(executor);
    ck_assert_uint_eq(g.left, 9);
    gate_free(&g);
}
END_TEST

START_TEST(a_cpu_quota_is_rounded_up_and_its_absence_is_seen)
{
    ck_assert_uint_eq(mola_cpus_of_max("max 100000\n"), 0);
    ck_assert_uint_eq(mola_cpus_of_max("50000 100000\n"), 1);
    ck_assert_uint_eq(mola_cpus_of_max("150000 100000\n"), 2);
    ck_assert_uint_eq(mola_cpus_of_max("400000 100000\n"), 4);
    ck_assert_uint_eq(mola_cpus_of_max(""), 0);
    ck_assert_uint_eq(mola_cpus_of_max("400000"), 0);
    ck_assert_uint_eq(mola_cpus_of_cfs("-1\n", "100000\n"), 0);
    ck_assert_uint_eq(mola_cpus_of_cfs("250000\n", "100000\n"), 3);
    ck_assert_uint_eq(mola_cpus_of_cfs("250000\n", "0\n"), 0);
    mola_executor_config config = mola_executor_defaults();
    ck_assert_uint_eq(config.permits[MOLA_JOB_QUERY], mola_cpus());
    for (int i = 0; i < MOLA_JOB_CLASSES; i++)
        ck_assert_uint_ge(config.permits[i], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor");
    TCase *jobs = tcase_create("jobs");
    tcase_set_timeout(jobs, 100);
    tcase_add_checked_fixture(jobs, open_env, close_env);
    tcase_add_test(jobs, a_full_queue_refuses_at_once_and_counts_it);
    tcase_add_test(jobs, a_paused_job_gives_its_permit_to_the_next);
    tcase_add_test(jobs, classes_do_not_share_permits);
    tcase_add_test(jobs, jobs_of_a_class_start_in_the_order_they_came);
    tcase_add_test(jobs, a_resuming_job_goes_before_queued_ones);
    tcase_add_test(jobs, permits_are_never_exceeded_and_no_job_is_lost);
    tcase_add_test(jobs, a_single_job_is_always_picked_up);
    tcase_add_test(jobs, close_runs_what_is_queued);
    tcase_add_test(jobs, a_job_submitted_while_closing_is_refused);
    tcase_add_test(jobs, an_executor_without_its_first_thread_does_not_open);
    tcase_add_loop_test(jobs, jobs_run_on_the_threads_there_are_when_the_system_has_no_more, 0, 4);
    tcase_add_test(jobs, threads_never_pass_their_maximum);
    tcase_add_test(jobs, idle_threads_leave_except_one);
    tcase_add_test(jobs, a_cpu_quota_is_rounded_up_and_its_absence_is_seen);
    suite_add_tcase(suite, jobs);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
