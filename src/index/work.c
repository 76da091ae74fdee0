#include "index/work.h"
#include "index/collect.h"
#include "index/hints.h"
#include "index/sweep.h"
#include "mola/codec/block.h"

enum {
    BUCKETS = 4096,
    ITEMS_MAX = 65536,
    STEP_SECONDS = 600, /* the deadline of one step */
    RETRY_MS = 1000,    /* after a failure; doubled with each */
    RETRY_STEPS_MAX = 9,
    FAILURES_MAX = 8, /* then it is left alone for an hour */
    QUARANTINE_SECONDS = 3600,
    MEASURE_SECONDS_MIN = 1, /* between two looks at a log of unknown size */
};

typedef struct item item;
struct item {
    item *next;
    bool busy;            /* a worker has it */
    bool unindexed;       /* counted in the gauge */
    bool measured, fresh; /* fresh: a notice came while a worker had it */
    bool hinted;
    uint8_t hint[16];
    uint64_t since_ns; /* first notice of what is unindexed */
    uint64_t bytes, rows;
    uint64_t indexed_seq;          /* of the last flush here */
    uint64_t index_ns, collect_ns; /* when to work on it; MOLA_NEVER */
    uint64_t retry_ns;             /* not before: it has failed */
    uint32_t failures;
    size_t len;
    char text[];
};

struct mola_work {
    mola_indexer *indexer;
    mola_env *env;
    mola_lock lock; /* guards what follows */
    mola_event changed;
    bool closing;
    uint32_t threads; /* running */
    uint32_t count;
    item *buckets[BUCKETS];
};

/* ------------------------------------------------------------------ the table; lock held */
static mola_str name_of(const item *it)
{
    return (mola_str){it->text, it->len};
}

static void set_unindexed(mola_work *work, item *it, bool unindexed)
{
    if (it->unindexed != unindexed)
        mola_count(work->env->metrics, MOLA_M_index_namespaces_waiting, unindexed ? 1 : -1);
    it->unindexed = unindexed;
}

static item **slot_of(mola_work *work, mola_str name)
{
    item **at = &work->buckets[mola_hash64(name) % BUCKETS];
    while (*at && !mola_str_eq(name_of(*at), name))
        at = &(*at)->next;
    return at;
}

static void remove_item(mola_work *work, item *it)
{
    item **at = slot_of(work, name_of(it));
    MOLA_ASSERT(*at == it && !it->busy);
    *at = it->next;
    work->count--;
    set_unindexed(work, it, false);
    mola_free(work->env->heap, it, sizeof *it + it->len);
}

/* NULL: no room. A notice that is lost is made good by the next one, or by the daily sweep. */
static item *find_or_add(mola_work *work, mola_str name)
{
    item **at = slot_of(work, name);
    if (*at || work->count == ITEMS_MAX)
        return *at;
    item *it = mola_alloc(work->env->heap, sizeof *it + name.len);
    if (!it)
        return NULL;
    it->len = name.len;
    memcpy(it->text, name.data, name.len);
    it->index_ns = it->collect_ns = MOLA_NEVER;
    *at = it;
    work->count++;
    return it;
}

static bool is_large(const mola_indexer_config *c, const item *it)
{
    return it->measured && (it->bytes >= c->flush_bytes || it->rows >= c->flush_rows);
}

/* When to look at it: at once when it is large or its size is not known, else when it is old. */
static uint64_t index_due(const mola_work *work, const item *it)
{
    const mola_indexer_config *c = &work->indexer->config;
    uint64_t now = mola_boot_ns(work->env);
    if (!it->unindexed)
        return MOLA_NEVER;
    if (is_large(c, it) || !it->measured)
        return now;
    uint64_t old_ns = it->since_ns + c->flush_age_ns;
    uint64_t again_ns = MOLA_NEVER;
    if (it->hinted) { /* a hint does not say how the log grows from there */
        uint64_t pause = c->poll_ns > MEASURE_SECONDS_MIN * MOLA_SECOND
                             ? c->poll_ns
                             : MEASURE_SECONDS_MIN * MOLA_SECOND;
        again_ns = now + pause;
    }
    return old_ns < again_ns ? old_ns : again_ns;
}

/* true: it is due earlier than before. */
static bool reschedule(mola_work *work, item *it)
{
    uint64_t due = index_due(work, it);
    if (due < it->retry_ns)
        due = it->retry_ns;
    if (due >= it->index_ns)
        return false;
    it->index_ns = due;
    return true;
}

void mola_work_notice(mola_work *work, const mola_notice *notice)
{
    MOLA_LOCKED(&work->lock);
    item *it = find_or_add(work, notice->name);
    if (!it)
        return;
    /* A writer whose view has not moved on yet counts what has just been flushed. */
    bool stale = notice->measured && notice->indexed_seq < it->indexed_seq;
    if (!it->unindexed) {
        it->since_ns = mola_boot_ns(work->env);
        it->bytes = it->rows = 0;
        it->measured = stale;
    }
    if (notice->measured && !stale) {
        it->bytes = notice->bytes;
        it->rows = notice->rows;
        it->measured = true;
    }
    if (notice->hint) {
        it->hinted = true;
        memcpy(it->hint, notice->hint, sizeof it->hint);
    }
    set_unindexed(work, it, true);
    it->fresh = true;
    if (!it->busy && reschedule(work, it))
        mola_event_wake_all(&work->changed);
}

void mola_work_collect_at(mola_work *work, mola_str name, uint64_t due_ns)
{
    if (due_ns == MOLA_NEVER)
        return;
    MOLA_LOCKED(&work->lock);
    item *it = find_or_add(work, name);
    if (it && due_ns < it->collect_ns) {
        it->collect_ns = due_ns;
        mola_event_wake_all(&work->changed);
    }
}

bool mola_work_knows(mola_work *work, mola_str name)
{
    MOLA_LOCKED(&work->lock);
    return *slot_of(work, name);
}

uint32_t mola_work_count(mola_work *work)
{
    MOLA_LOCKED(&work->lock);
    return work->count;
}

uint32_t mola_work_hints(mola_work *work, uint8_t (*nsids)[16], uint32_t max)
{
    MOLA_LOCKED(&work->lock);
    uint32_t count = 0;
    for (uint32_t b = 0; b < BUCKETS; b++) {
        for (const item *it = work->buckets[b]; it; it = it->next) {
            if (it->hinted && count < max)
                memcpy(nsids[count++], it->hint, sizeof nsids[0]);
        }
    }
    return count;
}

/* ------------------------------------------------------------------ one step of a worker */
typedef struct {
    mola_ctx ctx;
    mola_arena arena;
    mola_why why;
} step_ctx;
static mola_ctx *step_begin(mola_work *work, step_ctx *s)
{
    *s = (step_ctx){0};
    mola_arena_init(&s->arena, work->env->heap, SIZE_MAX);
    s->ctx = (mola_ctx){.env = work->env,
                        .arena = &s->arena,
                        .why = &s->why,
                        .deadline_ns = mola_boot_ns(work->env) + STEP_SECONDS * MOLA_SECOND};
    return &s->ctx;
}

/* Lock held. */
static void push_away(mola_work *work, item *it, mola_err err, const mola_why *why)
{
    uint32_t step = it->failures < RETRY_STEPS_MAX ? it->failures : RETRY_STEPS_MAX;
    uint64_t pause = RETRY_MS * MOLA_MILLISECOND << step;
    it->failures++;
    if (err != MOLA_CONFLICT)
        mola_count(work->env->metrics, MOLA_M_index_failures_total, 1);
    if (it->failures == FAILURES_MAX) {
        mola_log(work->env, MOLA_LOG_WARN, "index_quarantined",
                 "namespace=%.*s failures=%u error=%s why=\"%.*s\"", (int)it->len, it->text,
                 it->failures, mola_err_name(err), MOLA_ARG(mola_why_text(why)));
    }
    if (it->failures >= FAILURES_MAX)
        pause = QUARANTINE_SECONDS * MOLA_SECOND;
    it->retry_ns = mola_boot_ns(work->env) + pause + mola_chance_below(work->env, pause / 2);
    if (it->collect_ns < it->retry_ns)
        it->collect_ns = it->retry_ns;
    it->index_ns = MOLA_NEVER;
}

/* What the index step of an item means for its next one. Lock held. */
static void settle_index(mola_work *work, item *it, const mola_found *f)
{
    it->indexed_seq = f->indexed_seq;
    if (f->caught_up)
        it->hinted = it->hinted && it->fresh;
    if (f->measured) {
        it->bytes = f->bytes;
        it->rows = 0;
        it->measured = true;
    }
    if (f->caught_up && !it->fresh) {
        set_unindexed(work, it, false);
    } else if (f->caught_up) { /* it grew meanwhile: as if noticed now */
        it->since_ns = mola_boot_ns(work->env);
        it->bytes = it->rows = 0;
        it->measured = !it->hinted;
    }
    it->index_ns = MOLA_NEVER;
    if (f->did) {
        uint64_t pass_ns = mola_boot_ns(work->env) + work->indexer->config.fence_ns;
        it->collect_ns = pass_ns < it->collect_ns ? pass_ns : it->collect_ns;
    }
}

/* What this process knows of a name that has nothing to do is given up. */
static void forget(mola_indexer *indexer, mola_str name)
{
    mola_name *open = mola_name_open(indexer->names, name);
    if (open)
        mola_name_close_forgotten(open);
}

static void work_on(mola_work *work, item *it, bool collect, const mola_look *look)
{
    step_ctx s;
    mola_ctx *ctx = step_begin(work, &s);
    mola_found f = {0};
    mola_collected collected = {.due_ns = MOLA_NEVER};
    mola_err err =
        collect ? mola_collect(ctx, work->indexer, look->name, MOLA_COLLECT_USUAL, &collected)
                : mola_work_look(ctx, work->indexer, look, &f);
    mola_arena_reset(&s.arena);
    mola_lock_take(&work->lock);
    if (err) {
        push_away(work, it, err, &s.why);
    } else {
        it->failures = 0;
        it->retry_ns = 0;
        if (collect) {
            it->collect_ns = collected.due_ns;
        } else {
            settle_index(work, it, &f);
        }
    }
    (void)reschedule(work, it);
    bool idle = it->index_ns == MOLA_NEVER && it->collect_ns == MOLA_NEVER;
    mola_lock_give(&work->lock);
    if (idle)
        forget(work->indexer, look->name);
    mola_lock_take(&work->lock);
    it->busy = false;
    (void)reschedule(work, it); /* a notice may have come */
    if (it->index_ns == MOLA_NEVER && it->collect_ns == MOLA_NEVER)
        remove_item(work, it);
    mola_event_wake_all(&work->changed);
    mola_lock_give(&work->lock);
}

/* ------------------------------------------------------------------ the threads */
/* The item that is due first; *next_ns: when there will be one, if none is now. Lock held. */
static item *choose(mola_work *work, uint64_t now, uint64_t *next_ns)
{
    item *best = NULL;
    *next_ns = MOLA_NEVER;
    for (uint32_t b = 0; b < BUCKETS; b++) {
        for (item *it = work->buckets[b]; it; it = it->next) {
            uint64_t due = it->index_ns < it->collect_ns ? it->index_ns : it->collect_ns;
            if (!it->busy && due < *next_ns) {
                *next_ns = due;
                best = it;
            }
        }
    }
    return *next_ns <= now ? best : NULL;
}

static void run_worker(void *argument)
{
    mola_work *work = argument;
    mola_lock_take(&work->lock);
    while (!work->closing) {
        uint64_t next_ns, now = mola_boot_ns(work->env);
        item *it = choose(work, now, &next_ns);
        if (!it) {
            (void)mola_event_wait(&work->changed, &work->lock, next_ns);
            continue;
        }
        bool collect = it->collect_ns < it->index_ns;
        mola_look look = {.name = name_of(it),
                          .large = is_large(&work->indexer->config, it),
                          .old = now - it->since_ns >= work->indexer->config.flush_age_ns,
                          .hinted = it->hinted};
        memcpy(look.hint, it->hint, sizeof look.hint);
        it->busy = true;
        it->fresh = false;
        mola_lock_give(&work->lock);
        work_on(work, it, collect, &look);
        mola_lock_take(&work->lock);
    }
    work->threads--;
    mola_event_wake_all(&work->changed);
    mola_lock_give(&work->lock);
}

mola_err mola_work_open(mola_indexer *indexer, mola_work **out)
{
    mola_work *work = mola_alloc(indexer->env->heap, sizeof *work);
    if (!work)
        return MOLA_NO_MEMORY;
    work->indexer = indexer;
    work->env = indexer->env;
    mola_lock_init(&work->lock, work->env, MOLA_RANK_CACHE);
    mola_event_init(&work->changed, work->env);
    *out = work;
    return MOLA_OK;
}

static mola_err spawn(mola_work *work, const char *name, void (*run)(void *), void *argument)
{
    mola_lock_take(&work->lock);
    work->threads++;
    mola_lock_give(&work->lock);
    mola_err err = work->env->ops->spawn(work->env, name, run, argument);
    if (err) {
        mola_lock_take(&work->lock);
        work->threads--;
        mola_lock_give(&work->lock);
    }
    return err;
}

static void end_thread(mola_work *work)
{
    MOLA_LOCKED(&work->lock);
    work->threads--;
    mola_event_wake_all(&work->changed);
}

static void run_hints(void *argument)
{
    mola_work *work = argument;
    mola_hints_watch(work->indexer);
    end_thread(work);
}

static void run_sweeps(void *argument)
{
    mola_work *work = argument;
    mola_sweep_watch(work->indexer);
    end_thread(work);
}

mola_err mola_work_start(mola_work *work)
{
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < work->indexer->config.workers && !err; i++)
        err = spawn(work, "index", run_worker, work);
    if (!err && work->indexer->config.workers)
        err = spawn(work, "index-sweep", run_sweeps, work);
    if (!err && work->indexer->config.workers && work->indexer->config.poll_ns)
        err = spawn(work, "index-hints", run_hints, work);
    return err;
}

bool mola_work_closing(mola_work *work)
{
    MOLA_LOCKED(&work->lock);
    return work->closing;
}

void mola_work_rest(mola_work *work, uint64_t duration_ns)
{
    uint64_t until_ns = mola_boot_ns(work->env) + duration_ns;
    MOLA_LOCKED(&work->lock);
    while (!work->closing && mola_event_wait(&work->changed, &work->lock, until_ns))
        ;
}

void mola_work_close(mola_work *work)
{
    if (!work)
        return;
    mola_lock_take(&work->lock);
    work->closing = true;
    mola_event_wake_all(&work->changed);
    while (work->threads)
        (void)mola_event_wait(&work->changed, &work->lock, MOLA_NEVER);
    for (uint32_t b = 0; b < BUCKETS; b++) {
        while (work->buckets[b])
            remove_item(work, work->buckets[b]);
    }
    mola_lock_give(&work->lock);
    mola_event_free(&work->changed);
    mola_lock_free(&work->lock);
    mola_free(work->env->heap, work, sizeof *work);
}
