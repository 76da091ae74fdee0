/* world.h - one shared mem: store, any number of nodes over it, and a network between them that a
 * test can make lose, repeat, delay and damage chosen requests. Clocks move only forward, by the
 * test's hand, on top of the real ones. */
#pragma once
#include "mola/format/entry.h"
#include "mola/format/key.h"
#include "mola/format/manifest.h"
#include "mola/store/store.h"
#include "support.h"

typedef enum {
    PASS,
    LOSE_ANSWER,  /* done, but the answer is lost: MOLA_UNKNOWN */
    LOSE_REQUEST, /* never arrives: MOLA_UNKNOWN */
    REFUSE,       /* MOLA_UNAVAILABLE: nothing happened */
    DENY,         /* MOLA_INVALID: a configuration error */
    SEND_TWICE,   /* the second copy's answer is what is seen */
    DAMAGE,       /* GET: one bit is wrong */
    HIDE,         /* GET: MOLA_NOT_FOUND */
} fate;

typedef struct world world;
/* Decides about one operation before it is sent; may do anything meanwhile (other nodes act in it).
 * Called by whichever thread sends: what it keeps in its argument is atomic where there are
 * several. */
typedef fate (*judge)(world *w, const mola_store_op *op, void *argument);

struct world {
    mola_heap heap;
    mola_metrics metrics;
    mola_env *env;
    mola_env_ops ops;
    const mola_env_ops *real;
    mola_store *store; /* the real one */
    mola_store faulty;
    _Atomic(judge) judge; /* both may be changed while threads run */
    void *_Atomic argument;
    _Atomic uint64_t boot_ahead_ns;
    _Atomic int64_t wall_ahead_us;
    _Atomic uint64_t gets, puts, lists, batches;
    mola_state *state;
};
static _Thread_local bool world_judging; /* operations of the judge itself pass */
static world *the_world; /* one at a time: the hooks of an env carry no pointer of ours */

static inline uint64_t world_boot_ns(mola_env *env)
{
    return the_world->real->boot_ns(env) + the_world->boot_ahead_ns;
}
static inline uint64_t world_wall_us(mola_env *env)
{
    return the_world->real->wall_us(env) + (uint64_t)the_world->wall_ahead_us;
}
/* Nobody really waits between two attempts. */
static inline void world_sleep_ns(mola_env *env, uint64_t duration)
{
    (void)env;
    the_world->boot_ahead_ns += duration;
    the_world->wall_ahead_us += (int64_t)(duration / 1000);
}
static inline bool world_event_wait(mola_event *event, mola_lock *lock, uint64_t deadline_ns)
{
    uint64_t ahead = the_world->boot_ahead_ns;
    if (deadline_ns != MOLA_NEVER)
        deadline_ns = deadline_ns > ahead ? deadline_ns - ahead : 0;
    return the_world->real->event_wait(event, lock, deadline_ns);
}

static inline void world_one(world *w, mola_ctx *ctx, mola_store_op *op, fate f)
{
    if (f == REFUSE || f == LOSE_REQUEST || f == HIDE || f == DENY) {
        op->err = f == REFUSE ? MOLA_UNAVAILABLE
                  : f == HIDE ? MOLA_NOT_FOUND
                  : f == DENY ? MOLA_INVALID
                              : MOLA_UNKNOWN;
        return;
    }
    w->store->driver->run(w->store, ctx, op, 1);
    if (f == SEND_TWICE)
        w->store->driver->run(w->store, ctx, op, 1);
    if (f == LOSE_ANSWER)
        op->err = MOLA_UNKNOWN;
    if (f == DAMAGE && op->err == MOLA_OK && op->bytes.len) {
        char *copy = mola_arena_alloc(ctx->arena, op->bytes.len, 1, 1);
        memcpy(copy, op->bytes.data, op->bytes.len);
        copy[op->bytes.len / 2] ^= 4;
        op->bytes.data = copy;
    }
}
static inline void world_run(mola_store *store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    (void)store;
    world *w = the_world;
    w->batches++;
    for (size_t i = 0; i < count; i++) {
        w->gets += ops[i].verb == MOLA_GET;
        w->puts += ops[i].verb == MOLA_PUT;
        w->lists += ops[i].verb == MOLA_LIST;
        fate f = PASS;
        judge decide = w->judge;
        if (decide && !world_judging) {
            world_judging = true;
            f = decide(w, &ops[i], w->argument);
            world_judging = false;
        }
        world_one(w, ctx, &ops[i], f);
    }
}
static inline void world_close_faulty(mola_store *store)
{
    (void)store;
}
static inline void world_open(world *w)
{
    static const mola_store_driver driver = {
        .scheme = "faulty", .run = world_run, .close = world_close_faulty};
    memset(w, 0, sizeof *w);
    the_world = w;
    mola_heap_init(&w->heap, SIZE_MAX);
    w->env = mola_env_real(&w->heap, &w->metrics);
    w->env->log_level = MOLA_LOG_ERROR + 1;
    w->real = w->env->ops;
    w->ops = *w->real;
    w->ops.boot_ns = world_boot_ns;
    w->ops.wall_us = world_wall_us;
    w->ops.event_wait = world_event_wait;
    w->ops.sleep_ns = world_sleep_ns;
    w->env->ops = &w->ops;
    mola_why why = {0};
    ck_assert_int_eq(mola_store_open(w->env, MOLA_STR("mem:"), &w->store, &why), MOLA_OK);
    w->faulty.driver = &driver;
    w->env->store = &w->faulty;
    w->state = new_state(&w->heap);
}
static inline void world_close(world *w)
{
    mola_state_unref(w->state);
    mola_store_close(w->store);
    w->env->ops = w->real;
    mola_env_real_free(w->env);
    ck_assert_uint_eq(atomic_load(&w->heap.used), 0); /* nothing leaked */
}
static inline int64_t world_metric(world *w, mola_metric which)
{
    return atomic_load(&w->metrics.value[which]);
}

/* ------------------------------------------------------------------ a node and its requests */
enum { FENCE_SECONDS = 60 };
static inline mola_namespaces *node_open(world *w, size_t view_bytes_max)
{
    mola_namespaces *all;
    mola_namespaces_config config = {
        .env = w->env, .view_bytes_max = view_bytes_max, .fence_ns = FENCE_SECONDS * MOLA_SECOND};
    ck_assert_int_eq(mola_namespaces_open(&config, &all), MOLA_OK);
    return all;
}

typedef struct {
    mola_ctx ctx;
    mola_arena arena;
    mola_why why;
} request;
static inline mola_ctx *request_begin(world *w, request *r, uint64_t patience_ms)
{
    *r = (request){0};
    mola_arena_init(&r->arena, &w->heap, SIZE_MAX);
    r->ctx = (mola_ctx){.env = w->env,
                        .arena = &r->arena,
                        .why = &r->why,
                        .deadline_ns = mola_boot_ns(w->env) + patience_ms * MOLA_MILLISECOND};
    return &r->ctx;
}
static inline void request_end(request *r)
{
    mola_arena_reset(&r->arena);
}

static inline mola_err read_view(world *w, mola_namespaces *all, const char *name,
                                 mola_consistency level, mola_view **out, request *r)
{
    mola_freshness freshness = {.level = level, .staleness_ns = 10 * MOLA_SECOND};
    mola_ctx *ctx = request_begin(w, r, 60000);
    mola_err err = mola_namespace_read(ctx, all, mola_str_of(name), &freshness, out);
    request_end(r);
    return err;
}
/* A strong read that must find the documents as they are in `docs`; gives the sequence. */
static inline uint64_t check_read(world *w, mola_namespaces *all, const char *name,
                                  const document *docs)
{
    request r;
    mola_view *view;
    mola_err err = read_view(w, all, name, MOLA_READ_STRONG, &view, &r);
    ck_assert_msg(err == MOLA_OK, "read: %s: %s", mola_err_name(err), r.why.text);
    check_view(view, docs);
    uint64_t seq = view->seq;
    mola_view_unref(view);
    return seq;
}
static inline mola_err strong_err(world *w, mola_namespaces *all, const char *name)
{
    request r;
    mola_view *view;
    mola_err err = read_view(w, all, name, MOLA_READ_STRONG, &view, &r);
    if (!err)
        mola_view_unref(view);
    return err;
}

/* What write/ does with a group of unconditional changes: open, create or append, again after a
 * lost slot. Applies the rows to `docs` (NULL: not) when they are in the log. `flags`:
 * MOLA_ENTRY_SEAL deletes. */
typedef struct {
    mola_err err;
    uint64_t epoch, seq;
    uint32_t lost;
} written;
static inline written write_rows(world *w, mola_namespaces *all, const char *text, const row *rows,
                                 uint32_t count, uint32_t flags, uint64_t patience_ms)
{
    written result = {0};
    request r;
    mola_ctx *ctx = request_begin(w, &r, patience_ms);
    mola_name *name = mola_name_open(all, mola_str_of(text));
    ck_assert_ptr_nonnull(name);
    batch b;
    batch_make(&b, &w->heap, rows, count);
    mola_change change = {.flags = flags, .rows = b.rows};
    mola_view *on = NULL, *after = NULL;
    do {
        result.err = mola_log_open(ctx, name, &on);
        if (result.err == MOLA_NOT_FOUND && !(flags & MOLA_ENTRY_SEAL)) {
            mola_change first = {.state = w->state, .rows = b.rows};
            mola_why_clear(&r.why);
            result.err = mola_log_create(ctx, name, &first, &after);
        } else if (!result.err) {
            result.err = mola_log_append(ctx, name, on, &change, &after);
            mola_view_unref(on);
        }
        result.lost += result.err == MOLA_CONFLICT;
    } while (result.err == MOLA_CONFLICT);
    if (!result.err) {
        result.epoch = after->epoch;
        result.seq = after->seq;
        if (flags & MOLA_ENTRY_SEAL)
            mola_log_finish_deletion(ctx, name, after);
        mola_view_unref(after);
    } else {
        ck_assert_uint_gt(r.why.len, 0); /* every refusal has words */
    }
    batch_free(&b);
    mola_name_close(name);
    request_end(&r);
    return result;
}
static inline row upsert(uint64_t id, int64_t n)
{
    row r = {.op = MOLA_OP_UPSERT, .id = id, .value = {.exists = true, .n = n}};
    r.value.has[ATTR_N] = true;
    return r;
}
/* One upsert that must succeed. */
static inline uint64_t put_one(world *w, mola_namespaces *all, const char *name, uint64_t id,
                               int64_t n, document *docs)
{
    row r = upsert(id, n);
    written done = write_rows(w, all, name, &r, 1, 0, 5000);
    ck_assert_int_eq(done.err, MOLA_OK);
    oracle_apply(docs, &r, 1);
    return done.seq;
}
static inline mola_err delete_name(world *w, mola_namespaces *all, const char *name)
{
    return write_rows(w, all, name, NULL, 0, MOLA_ENTRY_SEAL, 5000).err;
}

/* ------------------------------------------------------------------ the store, looked at directly
 */
static inline bool key_is_entry(mola_str key, uint64_t seq)
{
    uint8_t nsid[16];
    uint64_t found;
    return mola_key_parse_entry((mola_str){0}, key, nsid, &found) && found == seq;
}
static inline bool key_is_manifest(mola_str key)
{
    return mola_str_starts(key, MOLA_STR("ns/"));
}
static inline bool key_is_payload(mola_str key)
{
    return key.len > 37 && mola_str_starts(mola_str_from(key, 35), MOLA_STR("p/"));
}
static inline mola_err store_do(world *w, mola_store_op *op, mola_arena *arena)
{
    mola_ctx ctx = {.env = w->env, .arena = arena, .deadline_ns = MOLA_NEVER};
    w->store->driver->run(w->store, &ctx, op, 1);
    return op->err;
}
/* Number of keys that start with `prefix`. */
static inline uint32_t count_keys(world *w, const char *prefix)
{
    mola_arena arena;
    mola_arena_init(&arena, &w->heap, SIZE_MAX);
    mola_store_op op = {.verb = MOLA_LIST, .key = mola_str_of(prefix)};
    ck_assert_int_eq(store_do(w, &op, &arena), MOLA_OK);
    uint32_t count = op.entry_count;
    mola_arena_reset(&arena);
    return count;
}
/* ns/{name} as it stands; NULL state. false: absent. */
static inline bool manifest_now(world *w, const char *name, mola_manifest *out, mola_etag *etag)
{
    mola_arena arena;
    mola_arena_init(&arena, &w->heap, SIZE_MAX);
    mola_key key = mola_key_manifest((mola_str){0}, mola_str_of(name));
    mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
    mola_err err = store_do(w, &op, &arena);
    if (!err) {
        ck_assert_int_eq(mola_manifest_decode(op.bytes, &arena, &w->heap, out, NULL), MOLA_OK);
        mola_state_unref(out->state);
        out->state = NULL;
        if (etag)
            *etag = op.new_etag;
    }
    mola_arena_reset(&arena);
    return !err;
}
