/* The only file that knows the operating system's clocks, chance and threads. */
#include "base/sanitizer.h"
#include "mola/base/check.h"
#include "mola/base/env.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#if defined(MOLA_HAS_ASAN) || defined(MOLA_HAS_TSAN)
enum { STACK_BYTES = 1024 * 1024 };
#else
enum { STACK_BYTES = 256 * 1024 };
#endif

enum { CHANCE_BYTES = 512, THREAD_NAME_BYTES = 16 };

typedef struct {
    mola_env env;                 /* first: the ops get a pointer to it */
    pthread_mutex_t threads_lock; /* guards threads */
    pthread_cond_t threads_ended;
    size_t threads;
    pthread_mutex_t chance_lock; /* guards chance, chance_left */
    unsigned char chance[CHANCE_BYTES];
    size_t chance_left;
} real_env;

_Static_assert(sizeof(pthread_mutex_t) <= sizeof((mola_lock *)0)->impl, "room for the mutex");
_Static_assert(sizeof(pthread_cond_t) <= sizeof((mola_event *)0)->impl, "room for the condition");

/* Calls that fail only when they are misused. */
static void must(int error)
{
    MOLA_ASSERT(error == 0);
}

/* --- Clocks --- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    must(clock_gettime(clock, &now));
    return (uint64_t)now.tv_sec * MOLA_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t real_wall_us(mola_env *env)
{
    (void)env;
    return clock_ns(CLOCK_REALTIME) / 1000;
}

static uint64_t real_boot_ns(mola_env *env)
{
    (void)env;
    return clock_ns(CLOCK_BOOTTIME);
}

/* Sleeps and waits count CLOCK_MONOTONIC, which stands still while the machine is suspended. None
 * is longer than a second, so that a deadline on the boot clock is met that soon after a resume. */
static uint64_t slice(uint64_t left)
{
    return left < MOLA_SECOND ? left : MOLA_SECOND;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / MOLA_SECOND),
                             .tv_nsec = (long)(ns % MOLA_SECOND)};
}

static void real_sleep_ns(mola_env *env, uint64_t duration)
{
    uint64_t now = real_boot_ns(env);
    uint64_t until = duration < MOLA_NEVER - now ? now + duration : MOLA_NEVER;
    for (; now < until; now = real_boot_ns(env)) {
        struct timespec left = timespec_of(slice(until - now));
        int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &left, NULL);
        MOLA_ASSERT(error == 0 || error == EINTR);
    }
}

/* --- Chance --- */

static void system_chance(void *out, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = getrandom((char *)out + done, size - done, 0);
        MOLA_ASSERT(got > 0 || errno == EINTR);
        if (got > 0)
            done += (size_t)got;
    }
}

static void real_chance(mola_env *env, void *out, size_t size)
{
    if (size > CHANCE_BYTES / 4) {
        system_chance(out, size);
        return;
    }
    real_env *real = (real_env *)env;
    must(pthread_mutex_lock(&real->chance_lock));
    if (real->chance_left < size) {
        system_chance(real->chance, CHANCE_BYTES);
        real->chance_left = CHANCE_BYTES;
    }
    real->chance_left -= size;
    unsigned char *drawn = real->chance + real->chance_left;
    memcpy(out, drawn, size);
    memset(drawn, 0, size); /* what was handed out can be a secret */
    must(pthread_mutex_unlock(&real->chance_lock));
}

/* --- Threads --- */

typedef struct {
    real_env *real;
    void (*run)(void *argument);
    void *argument;
    char name[THREAD_NAME_BYTES];
} thread_start;

static void *thread_main(void *argument)
{
    thread_start start = *(thread_start *)argument;
    real_env *real = start.real;
    mola_free(real->env.heap, argument, sizeof start);
    (void)pthread_setname_np(pthread_self(), start.name); /* only seen by debuggers */
    start.run(start.argument);
    must(pthread_mutex_lock(&real->threads_lock));
    real->threads--;
    must(pthread_cond_broadcast(&real->threads_ended));
    must(pthread_mutex_unlock(&real->threads_lock));
    return NULL;
}

/* Signals are for the main thread; those that report a fault of the thread itself stay open. */
static int create_detached(thread_start *start)
{
    sigset_t blocked, before;
    must(sigfillset(&blocked));
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        must(sigdelset(&blocked, faults[i]));
    pthread_attr_t attributes;
    must(pthread_attr_init(&attributes));
    must(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    must(pthread_attr_setstacksize(&attributes, STACK_BYTES));
    must(pthread_sigmask(SIG_SETMASK, &blocked, &before));
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, thread_main, start);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    must(pthread_attr_destroy(&attributes));
    return error;
}

static mola_err real_spawn(mola_env *env, const char *name, void (*run)(void *argument),
                           void *argument)
{
    real_env *real = (real_env *)env;
    thread_start *start = mola_alloc(env->heap, sizeof *start);
    if (!start)
        return MOLA_UNAVAILABLE;
    *start = (thread_start){.real = real, .run = run, .argument = argument};
    (void)snprintf(start->name, sizeof start->name, "%s", name);
    must(pthread_mutex_lock(&real->threads_lock));
    real->threads++;
    must(pthread_mutex_unlock(&real->threads_lock));
    if (create_detached(start) == 0)
        return MOLA_OK;
    must(pthread_mutex_lock(&real->threads_lock));
    real->threads--;
    must(pthread_mutex_unlock(&real->threads_lock));
    mola_free(env->heap, start, sizeof *start);
    return MOLA_UNAVAILABLE;
}

/* --- Locks and events --- */

static pthread_mutex_t *mutex_of(mola_lock *lock)
{
    return (pthread_mutex_t *)(void *)lock->impl;
}

static pthread_cond_t *condition_of(mola_event *event)
{
    return (pthread_cond_t *)(void *)event->impl;
}

#ifndef NDEBUG
/* The ranks this thread holds, in the order it took them: a wrong order is found the first time it
 * is walked, not the first time two threads meet in it. */
enum { HELD_MAX = 16 };
static _Thread_local struct {
    uint32_t rank[HELD_MAX];
    uint32_t count;
} held;

static void rank_push(const mola_lock *lock)
{
    MOLA_ASSERT(held.count < HELD_MAX);
    MOLA_IMPLIES(held.count > 0, held.rank[held.count - 1] < lock->rank);
    held.rank[held.count++] = lock->rank;
}

static void rank_drop(const mola_lock *lock)
{
    uint32_t at = held.count;
    while (at > 0 && held.rank[at - 1] != lock->rank)
        at--;
    MOLA_ASSERT(at > 0); /* else: given by a thread that does not hold it */
    for (; at < held.count; at++)
        held.rank[at - 1] = held.rank[at];
    held.count--;
}

/* A thread that waits with a second lock in hand stops all who want that one. */
static void rank_check_wait(const mola_lock *lock)
{
    MOLA_ASSERT(held.count == 1 && held.rank[0] == lock->rank);
}
#else
static void rank_push(const mola_lock *lock)
{
    (void)lock;
}

static void rank_drop(const mola_lock *lock)
{
    (void)lock;
}

static void rank_check_wait(const mola_lock *lock)
{
    (void)lock;
}
#endif

static void real_lock_init(mola_lock *lock)
{
    must(pthread_mutex_init(mutex_of(lock), NULL));
}

static void real_lock_free(mola_lock *lock)
{
    must(pthread_mutex_destroy(mutex_of(lock)));
}

static void real_lock_take(mola_lock *lock)
{
    rank_push(lock); /* before blocking: a deadlock is then a failed assertion */
    must(pthread_mutex_lock(mutex_of(lock)));
}

static void real_lock_give(mola_lock *lock)
{
    rank_drop(lock);
    must(pthread_mutex_unlock(mutex_of(lock)));
}

static void real_event_init(mola_event *event)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(condition_of(event), &attributes));
    must(pthread_condattr_destroy(&attributes));
}

static void real_event_free(mola_event *event)
{
    must(pthread_cond_destroy(condition_of(event)));
}

static bool real_event_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns)
{
    rank_check_wait(lock);
    if (deadline_ns == MOLA_NEVER) {
        must(pthread_cond_wait(condition_of(event), mutex_of(lock)));
        return true;
    }
    for (;;) {
        uint64_t now = real_boot_ns(event->env);
        if (now >= deadline_ns)
            return false;
        struct timespec until = timespec_of(clock_ns(CLOCK_MONOTONIC) + slice(deadline_ns - now));
        int error = pthread_cond_timedwait(condition_of(event), mutex_of(lock), &until);
        MOLA_ASSERT(error == 0 || error == ETIMEDOUT);
        if (error == 0)
            return true;
    }
}

static void real_event_wake(mola_event *event, bool all)
{
    must(all ? pthread_cond_broadcast(condition_of(event))
             : pthread_cond_signal(condition_of(event)));
}

/* --- Log --- */

static void real_log_line(mola_env *env, mola_str line)
{
    (void)env;
    /* One write, so that lines of several threads and processes do not mix. A log that takes no
     * more must not stop the server: what does not fit is lost. */
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line.data, line.len);
    } while (written < 0 && errno == EINTR);
}

mola_env *mola_env_real(mola_heap *heap, mola_metrics *metrics)
{
    static const mola_env_ops ops = {
        .wall_us = real_wall_us,
        .boot_ns = real_boot_ns,
        .sleep_ns = real_sleep_ns,
        .chance = real_chance,
        .spawn = real_spawn,
        .lock_init = real_lock_init,
        .lock_free = real_lock_free,
        .lock_take = real_lock_take,
        .lock_give = real_lock_give,
        .event_init = real_event_init,
        .event_free = real_event_free,
        .event_wait = real_event_wait,
        .event_wake = real_event_wake,
        .log_line = real_log_line,
    };
    real_env *real = mola_alloc(heap, sizeof *real);
    if (!real)
        return NULL;
    real->env =
        (mola_env){.ops = &ops, .heap = heap, .metrics = metrics, .log_level = MOLA_LOG_INFO};
    must(pthread_mutex_init(&real->threads_lock, NULL));
    must(pthread_cond_init(&real->threads_ended, NULL));
    must(pthread_mutex_init(&real->chance_lock, NULL));
    return &real->env;
}

void mola_env_real_free(mola_env *env)
{
    real_env *real = (real_env *)env;
    must(pthread_mutex_lock(&real->threads_lock));
    while (real->threads > 0)
        must(pthread_cond_wait(&real->threads_ended, &real->threads_lock));
    must(pthread_mutex_unlock(&real->threads_lock));
    must(pthread_mutex_destroy(&real->threads_lock));
    must(pthread_cond_destroy(&real->threads_ended));
    must(pthread_mutex_destroy(&real->chance_lock));
    mola_heap *heap = env->heap;
    mola_free(heap, real, sizeof *real);
}
