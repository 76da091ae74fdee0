#include "api/gate.h"
#include "mola/base/check.h"
#include "mola/codec/block.h"

enum { BUCKETS = 1024 };

typedef struct waiter waiter;
struct waiter { /* on the stack of who waits */
    waiter *next;
    uint32_t weight;
    bool granted;
};

typedef struct entry entry;
struct entry { /* a namespace that somebody is in, or waits for */
    entry *next;
    uint32_t used;
    waiter *first, *last;
    size_t len;
    char text[];
};

struct mola_gate {
    mola_gate_config config;
    mola_lock lock; /* guards what follows */
    mola_event changed;
    entry *buckets[BUCKETS];
};

mola_err mola_gate_open(const mola_gate_config *config, mola_gate **out)
{
    mola_gate *gate = mola_alloc(config->env->heap, sizeof *gate);
    if (!gate)
        return MOLA_NO_MEMORY;
    *gate = (mola_gate){.config = *config};
    mola_lock_init(&gate->lock, config->env, MOLA_RANK_CACHE);
    mola_event_init(&gate->changed, config->env);
    *out = gate;
    return MOLA_OK;
}

void mola_gate_close(mola_gate *gate)
{
    if (!gate)
        return;
    for (uint32_t i = 0; i < BUCKETS; i++)
        MOLA_ASSERT(!gate->buckets[i]);
    mola_event_free(&gate->changed);
    mola_lock_free(&gate->lock);
    mola_free(gate->config.env->heap, gate, sizeof *gate);
}

/* ------------------------------------------------------------------ entries; lock held */
static entry **slot_of(mola_gate *gate, mola_str name)
{
    entry **at = &gate->buckets[mola_hash64(name) % BUCKETS];
    while (*at && !mola_str_eq((mola_str){(*at)->text, (*at)->len}, name))
        at = &(*at)->next;
    return at;
}

static entry *find_or_add(mola_gate *gate, mola_str name)
{
    entry **at = slot_of(gate, name);
    if (*at)
        return *at;
    entry *e = mola_alloc(gate->config.env->heap, sizeof *e + name.len);
    if (!e)
        return NULL;
    *e = (entry){.len = name.len};
    memcpy(e->text, name.data, name.len);
    *at = e;
    return e;
}

static void drop_unused(mola_gate *gate, mola_str name)
{
    entry **at = slot_of(gate, name), *e = *at;
    MOLA_ASSERT(e != NULL);
    if (e->used || e->first)
        return;
    *at = e->next;
    mola_free(gate->config.env->heap, e, sizeof *e + e->len);
}

/* Those who are first, as long as there is room for them. */
static void grant(mola_gate *gate, entry *e)
{
    while (e->first && e->used + e->first->weight <= gate->config.slots) {
        waiter *w = e->first;
        e->first = w->next;
        e->used += w->weight;
        w->granted = true;
    }
    if (!e->first)
        e->last = NULL;
    mola_event_wake_all(&gate->changed);
}

static void give_up(entry *e, waiter *w)
{
    waiter *before = NULL, **at = &e->first;
    for (; *at != w; at = &(*at)->next)
        before = *at;
    *at = w->next;
    if (e->last == w)
        e->last = before;
}

/* ------------------------------------------------------------------ coming and going */
static uint32_t fitting(const mola_gate *gate, uint32_t weight)
{
    return weight < gate->config.slots ? weight : gate->config.slots;
}

mola_err mola_gate_enter(mola_gate *gate, mola_job *job, mola_str name, uint32_t weight,
                         mola_why *why)
{
    if (gate->config.slots == 0)
        return MOLA_OK;
    waiter w = {.weight = fitting(gate, weight)};
    mola_lock_take(&gate->lock);
    entry *e = find_or_add(gate, name);
    if (!e) {
        mola_lock_give(&gate->lock);
        return mola_fail(why, MOLA_NO_MEMORY, "not enough memory to run the query");
    }
    *(e->last ? &e->last->next : &e->first) = &w;
    e->last = &w;
    grant(gate, e);
    bool in_time = true;
    if (!w.granted) {
        uint64_t until_ns = mola_boot_ns(gate->config.env) + gate->config.wait_ns;
        mola_lock_give(&gate->lock); /* a job takes its permit back without holding locks */
        mola_job_pause(job);
        mola_lock_take(&gate->lock);
        while (!w.granted && in_time)
            in_time = mola_event_wait(&gate->changed, &gate->lock, until_ns);
        if (!w.granted) {
            give_up(e, &w);
            grant(gate, e); /* who stood behind may be lighter */
            drop_unused(gate, name);
        }
        mola_lock_give(&gate->lock);
        mola_job_resume(job);
        mola_lock_take(&gate->lock);
    }
    mola_lock_give(&gate->lock);
    if (w.granted)
        return MOLA_OK;
    return mola_fail(why, MOLA_BUSY, "Too many concurrent queries to a single namespace");
}

void mola_gate_leave(mola_gate *gate, mola_str name, uint32_t weight)
{
    if (gate->config.slots == 0)
        return;
    MOLA_LOCKED(&gate->lock);
    entry *e = *slot_of(gate, name);
    MOLA_ASSERT(e && e->used >= fitting(gate, weight));
    e->used -= fitting(gate, weight);
    grant(gate, e);
    drop_unused(gate, name);
}
