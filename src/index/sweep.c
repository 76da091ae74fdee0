#include "index/sweep.h"
#include "index/collect.h"
#include "index/doomed.h"
#include "index/holders.h"
#include "index/requests.h"
#include "index/work.h"
#include "mola/format/entry.h"
#include <stdlib.h>

enum { INCARNATIONS_MAX = 1 << 22, DOOMED_AT_ONCE = 1024, STEP_SECONDS = 600 };

typedef struct {
    uint8_t nsid[16];
    bool named; /* a live manifest refers to it */
} incarnation;

typedef struct {
    mola_ctx *ctx;
    mola_indexer *indexer;
    incarnation *rows; /* sorted */
    uint32_t count, room;
    bool blind;   /* some manifest could not be read: any incarnation may be the one it refers to */
    mola_err err; /* the first one; the sweep goes on */
} sweep;

static int order(const void *a, const void *b)
{
    return memcmp(((const incarnation *)a)->nsid, ((const incarnation *)b)->nsid, 16);
}

/* A step of the walk, with an arena and a deadline of its own. */
typedef struct {
    mola_ctx ctx;
    mola_arena arena;
} step;
static mola_ctx *step_begin(step *s, mola_ctx *outer)
{
    uint64_t until_ns = mola_boot_ns(outer->env) + STEP_SECONDS * MOLA_SECOND;
    mola_arena_init(&s->arena, outer->env->heap, SIZE_MAX);
    s->ctx = *outer;
    s->ctx.arena = &s->arena;
    s->ctx.deadline_ns = until_ns < outer->deadline_ns ? until_ns : outer->deadline_ns;
    return &s->ctx;
}
static void step_end(step *s)
{
    mola_arena_reset(&s->arena);
}

static void note(sweep *w, mola_err err)
{
    if (err && !w->err)
        w->err = err;
}

/* ------------------------------------------------------------------ all incarnations */
static mola_err add_incarnation(sweep *w, const uint8_t nsid[16])
{
    if (w->count == w->room) {
        uint32_t room = w->room ? w->room * 2 : 256;
        incarnation *more = w->room < INCARNATIONS_MAX
                                ? mola_realloc(w->ctx->env->heap, w->rows, w->room * sizeof *more,
                                               room * sizeof *more)
                                : NULL;
        if (!more)
            return mola_fail(w->ctx->why, MOLA_NO_MEMORY, "too many incarnations to sweep");
        w->rows = more;
        w->room = room;
    }
    w->rows[w->count] = (incarnation){.named = false};
    memcpy(w->rows[w->count++].nsid, nsid, 16);
    return MOLA_OK;
}

static mola_err list_incarnations(sweep *w)
{
    mola_str org = w->indexer->config.org;
    mola_key prefix = mola_key_incarnations(org);
    mola_walk *walk = mola_new(w->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, w->ctx, w->indexer, mola_key_str(&prefix), (mola_str){0}, '/');
    mola_err err, added = MOLA_OK;
    while (!added && mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count && !added; i++) {
            uint8_t nsid[16];
            mola_str rest;
            if (mola_key_parse_incarnation(org, walk->entries[i].key, nsid, &rest))
                added = add_incarnation(w, nsid);
        }
    }
    mola_walk_end(walk);
    if (w->count)
        qsort(w->rows, w->count, sizeof *w->rows, order);
    return added ? added : err;
}

/* ------------------------------------------------------------------ all names */
static void mark_named(sweep *w, const uint8_t nsid[16])
{
    incarnation key;
    memcpy(key.nsid, nsid, sizeof key.nsid);
    incarnation *hit = NULL;
    if (w->count)
        hit = bsearch(&key, w->rows, w->count, sizeof key, order);
    if (hit)
        hit->named = true;
    mola_doomed_forget(w->indexer->doomed, nsid);
}

/* A log that is longer than what is indexed: a lost hint, or a deletion that nobody finished. */
static mola_err look_at_log(mola_ctx *ctx, sweep *w, mola_name *name, const mola_collected *seen)
{
    mola_held *held = mola_manifest_known(name);
    bool sealed = false;
    mola_err err = MOLA_OK;
    if (held)
        err = mola_manifest_finish(ctx, name, held, seen->newest_seq, &sealed);
    mola_held_unref(held);
    if (sealed)
        MOLA_SOMETIMES(sweep_met_seal);
    if (err || sealed)
        return err;
    MOLA_SOMETIMES(sweep_found_unindexed);
    mola_notice notice = {.name = mola_name_text(name),
                          .measured = true,
                          .bytes = seen->unindexed_bytes,
                          .indexed_seq = seen->indexed_seq};
    mola_work_notice(w->indexer->work, &notice);
    return MOLA_OK;
}

static void sweep_name(sweep *w, mola_str text)
{
    step s;
    mola_ctx *ctx = step_begin(&s, w->ctx);
    mola_name *name = mola_name_open(w->indexer->names, text);
    mola_collected seen = {.due_ns = MOLA_NEVER};
    mola_err err =
        name ? mola_collect(ctx, w->indexer, text, MOLA_COLLECT_DAILY, &seen) : MOLA_NO_MEMORY;
    if (err == MOLA_BUSY && name) { /* somebody collects it just now */
        mola_held *held;
        mola_why_clear(ctx->why);
        err = mola_manifest_read(ctx, name, &held);
        if (!err) {
            const mola_manifest *m = mola_held_manifest(held);
            seen.lives = !m->deleted;
            memcpy(seen.nsid, m->nsid, sizeof seen.nsid);
            mola_held_unref(held);
        }
    }
    if (seen.lives) {
        mark_named(w, seen.nsid);
    } else if (err) {
        w->blind = true;
    }
    note(w, err);
    if (!err && seen.newest_seq > seen.indexed_seq)
        note(w, look_at_log(ctx, w, name, &seen));
    mola_work_collect_at(w->indexer->work, text, seen.due_ns);
    if (name && mola_work_knows(w->indexer->work, text)) {
        mola_name_close(name);
    } else if (name) {
        mola_name_close_forgotten(name);
    }
    step_end(&s);
}

/* The listing of names shows every manifest that was there before it began (section 3), so what was
 * born before the incarnations were listed is among them. Tombstones refer to nothing. */
static mola_err sweep_names(sweep *w)
{
    mola_str org = w->indexer->config.org;
    mola_key prefix = mola_key_names_prefix(org, (mola_str){0});
    mola_walk *walk = mola_new(w->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, w->ctx, w->indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    mola_err err;
    while (mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count && !err; i++) {
            mola_str name;
            if (mola_indexer_stopping(w->indexer)) {
                err = mola_fail(w->ctx->why, MOLA_UNAVAILABLE, "the indexer is closing");
            } else if (walk->entries[i].size != MOLA_TOMBSTONE_BYTES &&
                       mola_key_parse_manifest(org, walk->entries[i].key, &name)) {
                sweep_name(w, name);
            }
        }
        if (err)
            break;
    }
    mola_walk_end(walk);
    return err;
}

/* ------------------------------------------------------------------ what no name refers to */
/* The lowest entry of the log: slot 1, or what a branch begins with. MOLA_NOT_FOUND: there is none.
 */
static mola_err lowest_entry(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16],
                             uint64_t *seq)
{
    mola_key prefix = mola_key_log_prefix(indexer->config.org, nsid);
    mola_walk *walk = mola_new(ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, ctx, indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    mola_err err;
    *seq = 0;
    while (mola_walk_page(walk, &err)) {
        uint8_t of[16];
        uint64_t found; /* newest first */
        for (uint32_t i = 0; i < walk->count; i++) {
            if (mola_key_parse_entry(indexer->config.org, walk->entries[i].key, of, &found))
                *seq = found;
        }
    }
    mola_walk_end(walk);
    return err ? err : *seq ? MOLA_OK : MOLA_NOT_FOUND;
}

/* *birth.name is empty when there is no CREATE entry. Words of an unreadable entry stay. */
static mola_err read_birth(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16],
                           mola_birth *birth)
{
    *birth = (mola_birth){0};
    uint64_t seq;
    mola_err err = lowest_entry(ctx, indexer, nsid, &seq);
    if (err)
        return err == MOLA_NOT_FOUND ? MOLA_OK : err;
    mola_key key = mola_key_entry(indexer->config.org, nsid, seq);
    mola_store_op op = {.verb = MOLA_GET, .key = mola_key_str(&key)};
    err = mola_index_ask(ctx, indexer, &op);
    if (err) /* NOT_FOUND: another sweeper has just deleted it */
        return err == MOLA_NOT_FOUND ? MOLA_CONFLICT : err;
    mola_entry entry;
    mola_entry_memory *memory;
    err = mola_entry_decode(ctx->env->heap, op.bytes, nsid, seq, &entry, &memory, ctx->why);
    if (err)
        return err;
    if (entry.flags & MOLA_ENTRY_CREATE) {
        birth->cond_ver = entry.cond_ver;
        if (!mola_arena_copy(ctx->arena, entry.name, &birth->name))
            err = MOLA_NO_MEMORY;
    }
    mola_state_unref(entry.state);
    mola_entry_free(ctx->env->heap, memory);
    return err;
}

static bool is_held(mola_indexer *indexer, const mola_holdings *holdings, mola_str key,
                    mola_str rest)
{
    uint8_t nsid[16];
    uint64_t seq, base, rand;
    mola_str tail;
    if (mola_key_parse_entry(indexer->config.org, key, nsid, &seq))
        return mola_holds_entry(holdings, seq);
    if (mola_key_parse_object(rest, 'p', &base, &rand, &tail)) {
        uint64_t last = base < UINT64_MAX - 1024 ? base + 1024 : UINT64_MAX; /* section 6 */
        return mola_holds_entries(holdings, base, last);
    }
    if (mola_key_parse_object(rest, 's', &base, &rand, &tail) ||
        mola_key_parse_object(rest, 'x', &base, &rand, &tail))
        return mola_holds_object(holdings, base, rand);
    return mola_str_starts(rest, MOLA_STR("r/")); /* holders go when they hold nothing */
}

/* Dead for good, and for W (I11, I6a): everything goes that nobody else needs. */
static mola_err bury(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16])
{
    mola_holdings holdings;
    mola_err err = mola_holders_read(ctx, indexer, nsid, NULL, &holdings);
    if (!err && holdings.everything)
        mola_doomed_rest(indexer->doomed, nsid);
    if (err || holdings.everything)
        return err;
    mola_key prefix = mola_key_folder(indexer->config.org, nsid, 0);
    mola_walk *walk = mola_new(ctx->arena, mola_walk, 1);
    mola_bin *bin = mola_new(ctx->arena, mola_bin, 1);
    if (!walk || !bin)
        return MOLA_NO_MEMORY;
    bool left = false;
    mola_bin_begin(bin, ctx, indexer);
    mola_walk_begin(walk, ctx, indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    while (mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count; i++) {
            mola_str key = walk->entries[i].key, rest;
            uint8_t of[16];
            if (!mola_key_parse_incarnation(indexer->config.org, key, of, &rest) ||
                is_held(indexer, &holdings, key, rest)) {
                left = true;
            } else {
                mola_bin_add(bin, key);
            }
        }
    }
    mola_walk_end(walk);
    mola_err emptied = mola_bin_end(bin);
    if (!err && !emptied && !left) {
        mola_doomed_forget(indexer->doomed, nsid);
    } else {
        mola_doomed_rest(indexer->doomed, nsid);
    }
    return err ? err : emptied;
}

/* A child that only a holder knows of may have no object yet, and says nothing by that. */
static mola_err has_objects(mola_ctx *ctx, mola_indexer *indexer, const uint8_t nsid[16], bool *any)
{
    mola_key prefix = mola_key_folder(indexer->config.org, nsid, 0);
    mola_store_op op = {.verb = MOLA_LIST, .key = mola_key_str(&prefix), .keys_max = 1};
    mola_err err = mola_index_ask(ctx, indexer, &op);
    *any = !err && op.entry_count;
    return err;
}

static mola_err sweep_nameless(mola_ctx *outer, mola_indexer *indexer, const uint8_t nsid[16])
{
    /* I11: suspected for W before anything is done about it. */
    if (!mola_doom_suspected(indexer, nsid))
        return MOLA_OK;
    step s;
    mola_ctx *ctx = step_begin(&s, outer);
    mola_birth birth;
    bool gone = false, any;
    /* Whatever there is was put after the CREATE entry, so that is looked for afterwards. */
    mola_err err = has_objects(ctx, indexer, nsid, &any);
    if (!err && !any)
        mola_doomed_rest(indexer->doomed, nsid);
    if (!err && any)
        err = read_birth(ctx, indexer, nsid, &birth);
    if (!err && any)
        err = mola_doom(ctx, indexer, nsid, birth.name.len ? &birth : NULL, &gone);
    if (!err && gone)
        err = bury(ctx, indexer, nsid);
    step_end(&s);
    return err == MOLA_CONFLICT ? MOLA_OK : err;
}

mola_err mola_sweep_doomed(mola_ctx *ctx, mola_indexer *indexer)
{
    size_t size = DOOMED_AT_ONCE * sizeof(uint8_t[16]);
    uint8_t(*nsids)[16] = mola_alloc(ctx->env->heap, size);
    if (!nsids)
        return MOLA_NO_MEMORY;
    uint32_t count = mola_doomed_list(indexer->doomed, nsids, DOOMED_AT_ONCE);
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < count && !mola_indexer_stopping(indexer); i++) {
        mola_err one = sweep_nameless(ctx, indexer, nsids[i]);
        err = err ? err : one;
    }
    mola_free(ctx->env->heap, nsids, size);
    return err;
}

/* ------------------------------------------------------------------ the whole */
mola_err mola_index_sweep(mola_ctx *ctx, mola_indexer *indexer)
{
    sweep w = {.ctx = ctx, .indexer = indexer};
    mola_err err =
        list_incarnations(&w); /* before the names: what is born later is not among them */
    uint64_t names_ns = mola_boot_ns(ctx->env);
    if (!err)
        err = sweep_names(&w);
    if (!err && !w.blind)
        mola_doomed_named(indexer->doomed, names_ns);
    for (uint32_t i = 0; i < w.count && !err && !w.blind; i++) {
        if (mola_indexer_stopping(indexer)) {
            err = mola_fail(ctx->why, MOLA_UNAVAILABLE, "the indexer is closing");
        } else if (!w.rows[i].named) {
            note(&w, sweep_nameless(ctx, indexer, w.rows[i].nsid));
        }
    }
    mola_free(ctx->env->heap, w.rows, w.room * sizeof *w.rows);
    mola_doomed_expire(indexer->doomed, 2 * indexer->config.sweep_ns);
    return err ? err : w.err;
}

enum { SWEEP, LOOK_AGAIN };
static void run(mola_indexer *indexer, int what)
{
    mola_why why = {.len = 0};
    mola_arena arena;
    mola_arena_init(&arena, indexer->env->heap, SIZE_MAX);
    mola_ctx ctx = {.env = indexer->env, .arena = &arena, .why = &why, .deadline_ns = MOLA_NEVER};
    mola_err err =
        what == SWEEP ? mola_index_sweep(&ctx, indexer) : mola_sweep_doomed(&ctx, indexer);
    if (err && !mola_indexer_stopping(indexer)) {
        mola_log(indexer->env, MOLA_LOG_WARN, "sweep_incomplete", "why=\"%.*s\"",
                 MOLA_ARG(mola_why_text(&why)));
    }
    mola_arena_reset(&arena);
}

/* The first sweep finds what was left behind when the process before this one ended. */
void mola_sweep_watch(mola_indexer *indexer)
{
    const mola_indexer_config *c = &indexer->config;
    uint64_t first_ns = 5 * c->fence_ns < c->sweep_ns ? 5 * c->fence_ns : c->sweep_ns;
    uint64_t sweep_ns = mola_boot_ns(indexer->env) + first_ns;
    while (!mola_indexer_stopping(indexer)) {
        uint64_t now = mola_boot_ns(indexer->env);
        if (now >= sweep_ns) {
            run(indexer, SWEEP);
            sweep_ns = mola_boot_ns(indexer->env) + c->sweep_ns;
        } else {
            uint64_t pause = c->fence_ns < sweep_ns - now ? c->fence_ns : sweep_ns - now;
            mola_work_rest(indexer->work, pause);
            run(indexer, LOOK_AGAIN);
        }
    }
}
