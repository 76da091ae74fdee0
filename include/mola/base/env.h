/* env.h - everything that is not computation: time, chance, threads, locks, the store.
 *
 * One mola_env per process; in the simulator one per simulated node, where lock and event are fiber
 * operations and time is virtual. Nothing above base/ uses pthreads, nanosleep or time() directly
 * (a lint test holds it), so one seed replays the whole engine.
 *
 * Clocks: wall_us may jump and only decorates; boot_ns counts suspend, never goes back, and is the
 * only clock that rules may measure elapsed time with (protocol rule I6). */
#pragma once
#include "mola/base/err.h"
#include "mola/base/heap.h"
#include "mola/base/limits.h"
#include "mola/base/log.h"
#include "mola/base/metrics.h"

typedef struct mola_env mola_env;
struct mola_store; /* store/store.h */
struct mola_cache; /* store/cache.h */

/* A mutex. Names what it guards where it is declared; held for lines, never across I/O. `rank`
 * orders locks: a thread takes them in rising rank only (asserted unless NDEBUG). */
typedef struct {
    mola_env *env;
    uint32_t rank;
    _Alignas(16) unsigned char impl[64];
} mola_lock;

/* A condition variable: wait releases the lock and takes it again; wake-ups may be spurious. */
typedef struct {
    mola_env *env;
    _Alignas(16) unsigned char impl[64];
} mola_event;

/* Lock order of the whole program, outermost first. */
enum {
    MOLA_RANK_HTTP = 5,       /* http/: its loops' comings and goings */
    MOLA_RANK_WRITER = 10,    /* write/: registry of commit groups */
    MOLA_RANK_GROUP = 20,     /* write/: one namespace's group */
    MOLA_RANK_REGISTRY = 30,  /* namespace/: name -> namespace */
    MOLA_RANK_NAMESPACE = 40, /* namespace/: hold, view, probes of one name */
    MOLA_RANK_CACHE = 50,     /* caches and budgets */
    MOLA_RANK_EXECUTOR = 60,  /* base/: queues and permits */
    MOLA_RANK_STORE = 70,     /* store/: a driver's own tables */
    MOLA_RANK_LOG = 90,
};

typedef struct {
    uint64_t (*wall_us)(mola_env *env); /* microseconds since 1970, UTC */
    uint64_t (*boot_ns)(mola_env *env); /* nanoseconds since boot, suspend included */
    void (*sleep_ns)(mola_env *env, uint64_t duration);
    void (*chance)(mola_env *env, void *out, size_t size);
    /* Runs run(argument) on a thread of its own. UNAVAILABLE: the system has no more. */
    mola_err (*spawn)(mola_env *env, const char *name, void (*run)(void *argument), void *argument);
    void (*lock_init)(mola_lock *lock);
    void (*lock_free)(mola_lock *lock);
    void (*lock_take)(mola_lock *lock);
    void (*lock_give)(mola_lock *lock);
    void (*event_init)(mola_event *event);
    void (*event_free)(mola_event *event);
    bool (*event_wait)(mola_event *event, mola_lock *lock, uint64_t deadline_ns);
    void (*event_wake)(mola_event *event, bool all);
    void (*log_line)(mola_env *env, mola_str line); /* one whole line with its newline */
} mola_env_ops;

struct mola_env {
    const mola_env_ops *ops;
    mola_heap *heap;
    mola_metrics *metrics;
    struct mola_store *store;
    struct mola_cache *cache;  /* NULL: none */
    const mola_limits *limits; /* NULL: the defaults */
    mola_log_level log_level;
    mola_log_state log;
};

#define MOLA_NEVER       UINT64_MAX
#define MOLA_MILLISECOND ((uint64_t)1000000)
#define MOLA_SECOND      ((uint64_t)1000000000)

/* The real world: clocks, threads and malloc of this process. Log lines go to file descriptor 2.
 * The heap and metrics are the caller's and outlive the env. */
mola_env *mola_env_real(mola_heap *heap, mola_metrics *metrics);
void mola_env_real_free(mola_env *env);

/* What requests are judged by. */
static inline const mola_limits *mola_limits_of(const mola_env *env)
{
    return env->limits ? env->limits : &mola_limits_default;
}

static inline uint64_t mola_wall_us(mola_env *env)
{
    return env->ops->wall_us(env);
}
static inline uint64_t mola_boot_ns(mola_env *env)
{
    return env->ops->boot_ns(env);
}
static inline void mola_sleep_ns(mola_env *env, uint64_t duration)
{
    env->ops->sleep_ns(env, duration);
}
static inline void mola_chance(mola_env *env, void *out, size_t size)
{
    env->ops->chance(env, out, size);
}
uint64_t mola_chance_below(mola_env *env, uint64_t limit); /* 0 <= result < limit; limit >= 1 */

void mola_lock_init(mola_lock *lock, mola_env *env, uint32_t rank);
void mola_lock_free(mola_lock *lock);
void mola_lock_take(mola_lock *lock);
void mola_lock_give(mola_lock *lock);
void mola_event_init(mola_event *event, mola_env *env);
void mola_event_free(mola_event *event);
/* false: the deadline (boot clock; MOLA_NEVER = none) has passed. The lock is held again either
 * way. */
bool mola_event_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns);
void mola_event_wake_one(mola_event *event);
void mola_event_wake_all(mola_event *event);

static inline void mola_lock_give_scoped_(mola_lock **lock)
{
    if (*lock)
        mola_lock_give(*lock);
}
/* Holds `lock` until the end of the enclosing block. */
#define MOLA_LOCKED(lock_pointer)                                                                  \
    __attribute__((cleanup(mola_lock_give_scoped_), unused)) mola_lock *mola_locked_ =             \
        (mola_lock_take(lock_pointer), (lock_pointer))
