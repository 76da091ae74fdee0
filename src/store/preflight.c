#include "mola/store/preflight.h"
#include "mola/base/check.h"
#include "s3.h"
#include <inttypes.h>
#include <stdio.h>

enum {
    WRITERS = 8,
    KEYS = 6, /* raced for at once: a store that loses a race does so now and then */
    RACERS = WRITERS * KEYS,
    ROUNDS_MIN = 6, /* when there is time */
    ROUNDS_MAX = 24,
    ATTEMPTS_MAX = 20, /* of one check */
    SILENT_MAX = 3,    /* of those, while no check has had any answer: nobody is there */
    FOLDER_BYTES = 32, /* of all attempts */
    ATTEMPT_BYTES = FOLDER_BYTES + 16,
    NAME_BYTES = ATTEMPT_BYTES + 32,
    LABEL_BYTES = 64,      /* they begin with their writer */
    BODY_BYTES = 32 << 10, /* the time that a store needs for it is that in which it may err */
    RACE_BYTES = 16,
    ARENA_BYTES = 8 << 20
};
static const uint64_t racing_ns = 700 * MOLA_MILLISECOND; /* for more than these rounds */
static const uint64_t cleanup_ns = 2 * MOLA_SECOND;
static const uint64_t silence_ns = MOLA_SECOND;        /* without any answer: nobody is there */
static const uint64_t rest_ns = 20 * MOLA_MILLISECOND; /* between two attempts */

/* One check, in a thread of its own: one after the other they would take too long on a store that
 * is not near. */
typedef struct flight {
    struct preflight *all;
    mola_check check;
    mola_store *store;
    mola_arena arena;
    mola_ctx its_ctx, *ctx;
    char folder[ATTEMPT_BYTES];   /* of the attempt at hand */
    char names[KEYS][NAME_BYTES]; /* of the race at hand */
    char (*bodies)[BODY_BYTES];   /* RACERS of them, in the arena */
    mola_store_op ops[RACERS];
    mola_why detail, why; /* what was seen instead; what an operation said */
    bool troubled;        /* an operation of this attempt had no clear outcome */
    bool two_won;         /* a race was lost, whatever the network did */
    mola_err err;
    uint64_t took_ns, put_ns, get_ns;
} flight;

typedef struct preflight {
    mola_env *env;
    bool brief;        /* only those of `in_brief` */
    atomic_bool heard; /* an operation had a clear outcome */
    char folder[FOLDER_BYTES];
    mola_lock lock; /* guards the next two */
    mola_event landed;
    size_t left;
    flight flights[MOLA_CHECK_COUNT];
} preflight;

/* --- Operations --- */

/* A key of this run; `name` has no twin in it. */
static mola_str key_of(flight *f, const char *name)
{
    mola_str key = {0};
    bool ok = mola_arena_print(f->ctx->arena, &key, "%s/%s", f->folder, name);
    return ok ? key : MOLA_STR(""); /* which the store refuses */
}

static bool is_verdict(mola_err err)
{
    return err == MOLA_OK || err == MOLA_NOT_FOUND || err == MOLA_CONFLICT;
}

static void note_answer(flight *f, mola_err err)
{
    if (is_verdict(err)) {
        atomic_store_explicit(&f->all->heard, true, memory_order_relaxed);
    } else {
        f->troubled = true;
    }
}

static mola_err run(flight *f, mola_store_op *op)
{
    uint64_t from = mola_boot_ns(f->ctx->env);
    mola_store_run(f->store, f->ctx, op, 1);
    uint64_t took = mola_boot_ns(f->ctx->env) - from;
    uint64_t *best = op->verb == MOLA_PUT ? &f->put_ns : &f->get_ns;
    bool counts = op->err == MOLA_OK && (op->verb == MOLA_PUT || op->verb == MOLA_GET);
    if (counts && (*best == 0 || took < *best))
        *best = took;
    note_answer(f, op->err);
    return op->err;
}

/* MOLA_CONFLICT: a check failed; other errors are those of operations that should have had an
 * answer. */
static mola_err wrong(flight *f, const char *seen)
{
    return mola_fail(&f->detail, MOLA_CONFLICT, "%s", seen);
}

/* The outcome of an operation that can have only one. */
static mola_err expect(flight *f, mola_store_op *op, mola_err expected, const char *else_seen)
{
    mola_err err = run(f, op);
    if (err == expected)
        return MOLA_OK;
    return is_verdict(err) ? wrong(f, else_seen) : err;
}

static mola_err put(flight *f, mola_str key, mola_str body, mola_etag *etag)
{
    mola_store_op op = {.verb = MOLA_PUT, .key = key, .body = body};
    mola_err err = expect(f, &op, MOLA_OK, "a plain PUT was refused");
    if (!err && op.new_etag.len == 0)
        return wrong(f, "the answer to a PUT has no ETag");
    *etag = op.new_etag;
    return err;
}

static mola_err expect_body(flight *f, mola_str key, mola_str body)
{
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    mola_err err = expect(f, &op, MOLA_OK, "an object that was put is not there");
    if (err)
        return err;
    return mola_str_eq(op.bytes, body) ? MOLA_OK : wrong(f, "the object holds other bytes");
}

static mola_err expect_absent(flight *f, mola_str key)
{
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    return expect(f, &op, MOLA_NOT_FOUND, "a key is there that must not be");
}

static mola_err expect_no_swap(flight *f, mola_str key, const mola_etag *etag,
                               const char *else_seen)
{
    mola_store_op op = {.verb = MOLA_PUT,
                        .key = key,
                        .body = MOLA_STR("never"),
                        .when = MOLA_PUT_IF_MATCH,
                        .etag = *etag};
    return expect(f, &op, MOLA_CONFLICT, else_seen);
}

/* --- Races --- */

/* WRITERS operations for each of KEYS keys, all on their way at once. */
static void set_race(flight *f, const char *name, mola_put_when when, const mola_etag *etags)
{
    for (size_t i = 0; i < RACERS; i++) {
        size_t k = i / WRITERS;
        (void)snprintf(f->names[k], NAME_BYTES, "%s/%s%zu", f->folder, name, k);
        int size = snprintf(f->bodies[i], BODY_BYTES, "%s by writer %zu ", name, i % WRITERS);
        memset(f->bodies[i] + size, '.', BODY_BYTES - (size_t)size);
        f->ops[i] = (mola_store_op){.verb = MOLA_PUT,
                                    .key = mola_str_of(f->names[k]),
                                    .body = {f->bodies[i], BODY_BYTES},
                                    .when = when,
                                    .etag = etags ? etags[k] : (mola_etag){0}};
    }
}

/* Who won key `k`, by the answers: at most one, or two said so. An UNKNOWN is nobody's word, and a
 * refusal may speak of the second copy of a request whose first one won: the object itself tells
 * then, as it tells whoever reads a refusal back. */
static mola_err judge_race(flight *f, size_t k, const mola_store_op *now)
{
    const mola_store_op *of = &f->ops[k * WRITERS];
    size_t winners = 0;
    bool holds_loser = false, holds_any = false;
    for (size_t i = 0; i < WRITERS; i++) {
        mola_str label = {of[i].body.data, LABEL_BYTES};
        bool held = mola_str_eq(label, now->bytes) && now->object_size == of[i].body.len;
        winners += of[i].err == MOLA_OK;
        holds_any |= held;
        holds_loser |= held && of[i].err != MOLA_OK;
        f->troubled |= !is_verdict(of[i].err);
        if (!is_verdict(of[i].err) && of[i].err != MOLA_UNKNOWN)
            return of[i].err;
    }
    f->two_won |= winners > 1;
    if (winners > 1) {
        return mola_fail(&f->detail, MOLA_CONFLICT, "%zu of %d writers were told that they won",
                         winners, WRITERS);
    }
    if (winners && holds_loser)
        return wrong(f, "one writer was told that it won, and the object holds another's bytes");
    return holds_any ? MOLA_OK : wrong(f, "the object does not hold what the winner put");
}

static mola_err race(flight *f, mola_etag *etags)
{
    mola_store_op now[KEYS];
    mola_store_run(f->store, f->ctx, f->ops, RACERS);
    for (size_t k = 0; k < KEYS; k++) {
        now[k] = (mola_store_op){
            .verb = MOLA_GET, .key = mola_str_of(f->names[k]), .length = LABEL_BYTES};
    }
    mola_store_run(f->store, f->ctx, now, KEYS);
    for (size_t k = 0; k < KEYS; k++) {
        note_answer(f, now[k].err);
        mola_err err = now[k].err == MOLA_NOT_FOUND ? wrong(f, "nobody won") : now[k].err;
        if (!err)
            err = judge_race(f, k, &now[k]);
        if (err)
            return err;
        etags[k] = now[k].new_etag;
    }
    return MOLA_OK;
}

/* Some stores lose one race in a hundred, most of them once connections are warm and writers come
 * at the same moment: they are raced again and again, for at most a quarter of the time there is.
 */
static mola_err race_for(flight *f, const char *what, mola_err (*once)(flight *f, const char *name))
{
    uint64_t began = mola_boot_ns(f->ctx->env), deadline = f->ctx->deadline_ns;
    uint64_t most = began < deadline ? (deadline - began) / 4 : 0;
    uint64_t more = most < racing_ns ? most : racing_ns;
    mola_err err = MOLA_OK;
    if (!f->bodies)
        f->bodies = mola_arena_alloc(f->ctx->arena, RACERS, BODY_BYTES, 1);
    if (!f->bodies)
        return MOLA_NO_MEMORY;
    for (uint32_t round = 0; !err && round < ROUNDS_MAX; round++) {
        char name[RACE_BYTES];
        (void)snprintf(name, sizeof name, "%s%u-", what, round);
        err = once(f, name);
        uint64_t took = mola_boot_ns(f->ctx->env) - began;
        if (err && round && f->troubled && !f->two_won) { /* one was clear, and that is enough */
            mola_why_clear(&f->detail);
            return MOLA_OK;
        }
        if (took >= (round + 1 < ROUNDS_MIN ? most : more))
            break;
    }
    return err;
}

static mola_err create_once(flight *f, const char *name)
{
    mola_etag etags[KEYS];
    set_race(f, name, MOLA_PUT_IF_ABSENT, NULL);
    return race(f, etags);
}

static mola_err check_create_once(flight *f)
{
    return race_for(f, "create", create_once);
}

static mola_err swap_once(flight *f, const char *name)
{
    mola_etag etags[KEYS];
    mola_store_op before[KEYS];
    set_race(f, name, MOLA_PUT_IF_ABSENT, NULL); /* for the names */
    for (size_t k = 0; k < KEYS; k++) {
        before[k] = (mola_store_op){
            .verb = MOLA_PUT, .key = mola_str_of(f->names[k]), .body = MOLA_STR("before")};
    }
    mola_store_run(f->store, f->ctx, before, KEYS);
    for (size_t k = 0; k < KEYS; k++) {
        note_answer(f, before[k].err);
        if (before[k].err)
            return before[k].err;
        if (before[k].new_etag.len == 0)
            return wrong(f, "the answer to a PUT has no ETag");
        etags[k] = before[k].new_etag;
    }
    set_race(f, name, MOLA_PUT_IF_MATCH, etags);
    return race(f, etags);
}

static mola_err check_swap_once(flight *f)
{
    return race_for(f, "swap", swap_once);
}

/* --- One writer --- */

static mola_err check_read_after_write(flight *f)
{
    mola_str key = key_of(f, "read");
    mola_etag etag = {.len = 0};
    mola_err err = expect_absent(f, key);
    if (!err)
        err = put(f, key, MOLA_STR("written"), &etag);
    return err ? err : expect_body(f, key, MOLA_STR("written"));
}

static mola_err check_create_refused(flight *f)
{
    mola_str key = key_of(f, "refused");
    mola_etag etag = {.len = 0};
    mola_err err = put(f, key, MOLA_STR("first"), &etag);
    mola_store_op op = {
        .verb = MOLA_PUT, .key = key, .body = MOLA_STR("second"), .when = MOLA_PUT_IF_ABSENT};
    if (!err)
        err = expect(f, &op, MOLA_CONFLICT, "it was overwritten: If-None-Match is ignored");
    return err ? err : expect_body(f, key, MOLA_STR("first"));
}

static mola_err check_swap_current(flight *f)
{
    mola_str key = key_of(f, "current");
    mola_etag etag = {.len = 0};
    mola_err err = put(f, key, MOLA_STR("one"), &etag);
    mola_store_op replace = {.verb = MOLA_PUT,
                             .key = key,
                             .body = MOLA_STR("two"),
                             .when = MOLA_PUT_IF_MATCH,
                             .etag = etag};
    if (!err) /* a refusal may be that of a second copy: the object tells */
        err = run(f, &replace) == MOLA_CONFLICT ? MOLA_OK : replace.err;
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    if (!err)
        err = expect(f, &op, MOLA_OK, "the object is gone");
    if (!err && !mola_str_eq(op.bytes, MOLA_STR("two")))
        err = wrong(f, "the object was not replaced");
    bool same = op.new_etag.len == etag.len && memcmp(op.new_etag.bytes, etag.bytes, etag.len) == 0;
    return !err && same ? wrong(f, "the ETag did not change") : err;
}

static mola_err check_swap_stale(flight *f)
{
    mola_str key = key_of(f, "stale");
    mola_etag stale = {.len = 0}, etag = {.len = 0};
    mola_err err = put(f, key, MOLA_STR("one"), &stale);
    if (!err)
        err = put(f, key, MOLA_STR("two"), &etag);
    if (!err)
        err = expect_no_swap(f, key, &stale, "it was overwritten: If-Match is ignored");
    return err ? err : expect_body(f, key, MOLA_STR("two"));
}

static mola_err check_swap_absent(flight *f)
{
    mola_str key = key_of(f, "absent");
    mola_etag etag = {.len = 0};
    mola_err err = put(f, key_of(f, "other"), MOLA_STR("one"), &etag);
    if (!err)
        err = expect_no_swap(f, key, &etag, "it was created: If-Match is ignored");
    return err ? err : expect_absent(f, key);
}

static mola_err check_unchanged(flight *f)
{
    mola_str key = key_of(f, "unchanged");
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    mola_err err = put(f, key, MOLA_STR("same"), &op.etag);
    if (!err)
        err = expect(f, &op, MOLA_OK, "the object is gone");
    return !err && !op.not_modified ? wrong(f, "the body came again") : err;
}

static mola_err check_ranges(flight *f)
{
    static const struct {
        uint64_t offset, length;
        const char *bytes;
    } parts[] = {{2, 3, "234"}, {7, 100, "789"}, {4, 0, "456789"}, {10, 5, ""}};
    mola_str key = key_of(f, "ranges");
    mola_etag etag = {.len = 0};
    mola_err err = put(f, key, MOLA_STR("0123456789"), &etag);
    for (size_t i = 0; !err && i < sizeof parts / sizeof *parts; i++) {
        mola_store_op op = {
            .verb = MOLA_GET, .key = key, .offset = parts[i].offset, .length = parts[i].length};
        err = expect(f, &op, MOLA_OK, "the object is gone");
        if (!err && (!mola_str_eq(op.bytes, mola_str_of(parts[i].bytes)) || op.object_size != 10))
            err = wrong(f, "other bytes came");
    }
    return err;
}

static mola_err check_list_after_write(flight *f)
{
    static const char *const names[] = {"list/b", "list/a-c", "list/a"}, *const sorted[] = {
                                                                             "list/a", "list/a-c",
                                                                             "list/b"};
    mola_etag etag = {.len = 0};
    for (size_t i = 0; i < 3; i++) {
        mola_err err = put(f, key_of(f, names[i]), MOLA_STR("x"), &etag);
        mola_store_op op = {.verb = MOLA_LIST, .key = key_of(f, "list/")};
        if (!err)
            err = expect(f, &op, MOLA_OK, "a LIST was refused");
        if (!err && op.entry_count != i + 1)
            err = wrong(f, "a key is missing, or one too many");
        for (size_t k = 0; i == 2 && !err && k < 3; k++) {
            if (!mola_str_eq(op.entries[k].key, key_of(f, sorted[k])))
                err = wrong(f, "the keys are not in byte order");
        }
        if (err)
            return err;
    }
    return MOLA_OK;
}

static mola_err check_delete_seen(flight *f)
{
    mola_str key = key_of(f, "deleted");
    mola_etag etag = {.len = 0};
    mola_store_op op = {.verb = MOLA_DELETE, .key = key};
    mola_err err = put(f, key, MOLA_STR("x"), &etag);
    if (!err)
        err = expect(f, &op, MOLA_OK, "a DELETE was refused");
    if (!err)
        err = expect_absent(f, key);
    if (!err)
        err = expect(f, &op, MOLA_OK, "a DELETE of a key that is not there was refused");
    return err;
}

/* --- All of them --- */

#define CHECK_ROW(name, text) {check_##name, text},
static const struct {
    mola_err (*run)(flight *f);
    const char *text;
} rows[MOLA_CHECK_COUNT] = {MOLA_PREFLIGHT_CHECKS(CHECK_ROW)};

static const bool in_brief[MOLA_CHECK_COUNT] = {[MOLA_CHECK_read_after_write] = true,
                                                [MOLA_CHECK_create_refused] = true,
                                                [MOLA_CHECK_swap_current] = true,
                                                [MOLA_CHECK_swap_stale] = true,
                                                [MOLA_CHECK_swap_absent] = true};

const char *mola_check_text(mola_check check)
{
    MOLA_ASSERT(check < MOLA_CHECK_COUNT);
    return rows[check].text;
}

/* A network may lose, repeat and delay. What was seen while it did is no verdict about the store:
 * the check begins anew with other keys, as long as there is time. Two winners are a verdict
 * always. */
static void try_until_clear(flight *f)
{
    for (int attempt = 0, silent = 0; attempt < ATTEMPTS_MAX && silent < SILENT_MAX; attempt++) {
        (void)snprintf(f->folder, sizeof f->folder, "%s/%d", f->all->folder, attempt);
        f->troubled = false;
        mola_why_clear(&f->detail);
        uint64_t began = mola_boot_ns(f->ctx->env);
        f->err = rows[f->check].run(f);
        bool long_enough = mola_boot_ns(f->ctx->env) - began > silence_ns;
        bool heard = atomic_load_explicit(&f->all->heard, memory_order_relaxed);
        silent = heard ? 0 : long_enough ? SILENT_MAX : silent + 1;
        bool clear = !f->err || f->err == MOLA_INVALID || !f->troubled || f->two_won;
        if (clear || mola_boot_ns(f->ctx->env) + rest_ns >= f->ctx->deadline_ns)
            break;
        mola_sleep_ns(f->ctx->env, rest_ns);
    }
    if (f->err == MOLA_CONFLICT && f->troubled && !f->two_won)
        f->err = MOLA_UNAVAILABLE;
}

static void fly(void *argument)
{
    flight *f = argument;
    preflight *all = f->all;
    uint64_t from = mola_boot_ns(all->env);
    try_until_clear(f);
    f->took_ns = mola_boot_ns(all->env) - from;
    mola_arena_reset(&f->arena);
    MOLA_LOCKED(&all->lock);
    if (--all->left == 0)
        mola_event_wake_all(&all->landed);
}

static bool is_wanted(const preflight *all, size_t check)
{
    return !all->brief || in_brief[check];
}

static void fly_all(preflight *all, mola_store *store, const mola_ctx *ctx)
{
    for (size_t i = 0; i < MOLA_CHECK_COUNT; i++)
        all->left += is_wanted(all, i);
    for (size_t i = 0; i < MOLA_CHECK_COUNT; i++) {
        flight *f = &all->flights[i];
        if (!is_wanted(all, i))
            continue;
        f->all = all;
        f->check = (mola_check)i;
        f->store = store;
        mola_arena_init(&f->arena, all->env->heap, ARENA_BYTES);
        f->its_ctx = (mola_ctx){
            .env = all->env, .arena = &f->arena, .why = &f->why, .deadline_ns = ctx->deadline_ns};
        f->ctx = &f->its_ctx;
        if (all->env->ops->spawn(all->env, "preflight", fly, f) != MOLA_OK)
            fly(f);
    }
    MOLA_LOCKED(&all->lock);
    while (all->left > 0)
        (void)mola_event_wait(&all->landed, &all->lock, MOLA_NEVER);
}

static void keep_least(uint64_t *least, uint64_t value)
{
    if (value && (*least == 0 || value < *least))
        *least = value;
}

static mola_err take_results(const preflight *all, mola_ctx *ctx, mola_preflight *out)
{
    mola_err unsafe = MOLA_OK, trouble = MOLA_OK;
    for (size_t i = 0; i < MOLA_CHECK_COUNT; i++) {
        const flight *f = &all->flights[i];
        if (!is_wanted(all, i))
            continue; /* MOLA_CHECK_SKIPPED */
        out->took_ns[i] = f->took_ns;
        keep_least(&out->put_ns, f->put_ns);
        keep_least(&out->get_ns, f->get_ns);
        out->checks[i] = !f->err                   ? MOLA_CHECK_PASSED
                         : f->err == MOLA_CONFLICT ? MOLA_CHECK_FAILED
                                                   : MOLA_CHECK_SKIPPED;
        mola_str seen = mola_why_text(f->err == MOLA_CONFLICT ? &f->detail : &f->why);
        if (f->err == MOLA_CONFLICT) {
            unsafe = mola_fail(ctx->why, MOLA_INVALID,
                               "the store is not safe: it must hold that %s; but " MOLA_FMT,
                               rows[i].text, MOLA_ARG(seen));
        } else if (f->err == MOLA_INVALID) {
            trouble = mola_fail(ctx->why, MOLA_INVALID, "the store cannot be used: " MOLA_FMT,
                                MOLA_ARG(seen));
        } else if (f->err && !trouble) {
            trouble = MOLA_UNAVAILABLE;
        }
    }
    return unsafe ? unsafe : trouble;
}

/* What is left behind is under a name of its own, and harms nobody. */
static void clean_up(preflight *all, mola_store *store)
{
    mola_arena arena;
    mola_why ignored = {.len = 0};
    mola_arena_init(&arena, all->env->heap, ARENA_BYTES);
    mola_ctx ctx = {.env = all->env,
                    .arena = &arena,
                    .why = &ignored,
                    .deadline_ns = mola_boot_ns(all->env) + cleanup_ns};
    mola_store_op list = {.verb = MOLA_LIST, .key = mola_str_of(all->folder)};
    mola_store_run(store, &ctx, &list, 1);
    mola_store_op *ops = list.err ? NULL : mola_new(&arena, mola_store_op, list.entry_count);
    for (uint32_t i = 0; ops && i < list.entry_count; i++)
        ops[i] = (mola_store_op){.verb = MOLA_DELETE, .key = list.entries[i].key};
    if (ops)
        mola_store_run(store, &ctx, ops, list.entry_count);
    mola_arena_reset(&arena);
}

static mola_err run_all(preflight *all, mola_store *store, mola_ctx *ctx, mola_preflight *out)
{
    bool is_s3 = strcmp(store->driver->scheme, "s3") == 0;
    uint64_t chance;
    mola_chance(all->env, &chance, sizeof chance);
    (void)snprintf(all->folder, sizeof all->folder, MOLA_PREFLIGHT_FOLDER "%016" PRIx64, chance);
    mola_lock_init(&all->lock, all->env, MOLA_RANK_STORE);
    mola_event_init(&all->landed, all->env);
    fly_all(all, store, ctx);
    mola_event_free(&all->landed);
    mola_lock_free(&all->lock);
    mola_err err = take_results(all, ctx, out);
    if (is_s3 && !err && !all->brief)
        err = mola_s3_survey(store, ctx, &out->survey);
    if (err == MOLA_UNAVAILABLE) {
        mola_why last = {.len = 0};
        if (is_s3)
            mola_s3_failure(store, &last);
        mola_str words = mola_why_text(&last);
        return mola_fail(ctx->why, err, "the store could not be checked%s" MOLA_FMT,
                         words.len ? ": " : " in time", MOLA_ARG(words));
    }
    clean_up(all, store);
    return err;
}

static mola_err check(mola_store *store, mola_ctx *ctx, bool brief, mola_preflight *out)
{
    *out = (mola_preflight){0};
    preflight *all = mola_alloc(ctx->env->heap, sizeof *all);
    if (!all)
        return mola_fail(ctx->why, MOLA_NO_MEMORY, "no memory to check the store");
    all->env = ctx->env;
    all->brief = brief;
    mola_err err = run_all(all, store, ctx, out);
    mola_free(ctx->env->heap, all, sizeof *all);
    return err;
}

mola_err mola_store_preflight(mola_store *store, mola_ctx *ctx, mola_preflight *out)
{
    return check(store, ctx, false, out);
}

mola_err mola_store_recheck(mola_store *store, mola_ctx *ctx)
{
    mola_preflight found;
    mola_err err = check(store, ctx, true, &found);
    for (size_t i = 0; i < MOLA_CHECK_COUNT; i++) {
        if (found.checks[i] == MOLA_CHECK_FAILED)
            return MOLA_INVALID;
    }
    return err ? MOLA_UNAVAILABLE : MOLA_OK; /* a store that refuses us may be as good as it was */
}
