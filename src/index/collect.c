#include "index/collect.h"
#include "index/holders.h"
#include "index/keep.h"
#include "index/requests.h"

enum {
    WORTH_ENTRIES =
        64, /* a CAS is worth it for so many entries, or when something is wanted for L */
    PAYLOAD_DISTANCE = 1024, /* section 6: slots between a payload's base and the entry naming it */
    ROWS_AT_ONCE = 16,
};

typedef struct {
    mola_ctx *ctx;
    mola_indexer *indexer;
    mola_collect_kind kind;
    mola_collected *out;
    mola_name *name;
    mola_wait *wait;
    mola_held *held;
    const mola_manifest *m; /* of held */
    mola_retired *dropped;  /* rows that a CAS of this pass took out */
    uint32_t dropped_count;
    bool wants_gc_floor; /* DAILY: there are orphans that a higher gc_floor makes garbage */
    bool garbage;        /* DAILY: there are objects that nothing but a holder could need */
    mola_holdings holdings;
} pass;

/* L: how long a view may fetch (I7). Both are constants of the format; tests that set a short W for
 * all processes get an L as short. */
static uint64_t lease_ns(const pass *p)
{
    return 10 * p->indexer->config.fence_ns;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void earlier(uint64_t *due_ns, uint64_t at_ns)
{
    if (at_ns < *due_ns)
        *due_ns = at_ns;
}

/* ------------------------------------------------------------------ what nobody refers to */
static bool is_referred_to(const mola_manifest *m, uint64_t base, uint64_t rand)
{
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const mola_segment_ref *s = &m->segments[i];
        if ((s->base == base && s->rand == rand) || (s->dv_base == base && s->dv_rand == rand))
            return true;
    }
    return false;
}

static bool is_retired(const mola_manifest *m, uint64_t base, uint64_t rand)
{
    for (uint32_t i = 0; i < m->retired_count; i++) {
        if (m->retired[i].base == base && m->retired[i].rand == rand)
            return true;
    }
    return false;
}

/* Section 6: no entry above the floor, and none that is held, can name the payload. */
static bool payload_is_garbage(const pass *p, uint64_t base)
{
    uint64_t safe = p->wait->floor.safe;
    return base <= safe && safe - base >= PAYLOAD_DISTANCE &&
           !mola_holds_entries(&p->holdings, base, base + PAYLOAD_DISTANCE);
}

/* Garbage for ever, for all that the manifest and the holders say; `rest` is what stands behind
 * d/{nsid}/. Rows that were just dropped are not judged here. */
static bool is_garbage(const pass *p, mola_str key, mola_str rest, uint64_t gc_floor)
{
    uint8_t nsid[16];
    uint64_t seq, base, rand;
    mola_str tail;
    if (mola_key_parse_entry(p->indexer->config.org, key, nsid, &seq)) /* I6a */
        return seq <= p->wait->floor.safe && !mola_holds_entry(&p->holdings, seq);
    if (mola_key_parse_object(rest, 'p', &base, &rand, &tail))
        return payload_is_garbage(p, base);
    if (!mola_key_parse_object(rest, 's', &base, &rand, &tail) &&
        !mola_key_parse_object(rest, 'x', &base, &rand, &tail))
        return false;
    /* I4: below gc_floor, what is in no table can enter none any more. */
    return base < gc_floor && !is_referred_to(p->m, base, rand) && !is_retired(p->m, base, rand) &&
           !mola_holds_object(&p->holdings, base, rand);
}

/* ------------------------------------------------------------------ a better manifest */
/* I4: a version that was current long ago. That may be the one that still is: nothing that was
 * built from it is refused by that, and in an idle namespace the orphans of the one before would
 * stay for ever. */
static uint64_t wanted_gc_floor(const pass *p)
{
    uint64_t floor = p->m->gc_floor, now_us = mola_wall_us(p->ctx->env);
    for (uint32_t i = 0; i < p->m->history_count; i++) {
        const mola_history *h = &p->m->history[i];
        if (h->ver <= p->m->ver && h->ver > floor &&
            plus(h->time_us, p->indexer->config.gc_floor_age_us) <= now_us)
            floor = h->ver;
    }
    return floor;
}

/* I7: 2 L after a manifest of this incarnation with the row was first received, and after the
 * retention, which is policy. */
static bool may_drop(const pass *p, const mola_retired *row)
{
    uint64_t now_ns = mola_boot_ns(p->ctx->env), first_ns = mola_wait_row_ns(p->wait, row);
    return first_ns < now_ns && now_ns - first_ns >= 2 * lease_ns(p) &&
           plus(row->time_us, p->indexer->config.retention_us) <= mola_wall_us(p->ctx->env);
}

static mola_err split_retired(pass *p, mola_manifest *next)
{
    uint32_t count = p->m->retired_count;
    mola_retired *kept = mola_new(p->ctx->arena, mola_retired, count);
    p->dropped = mola_new(p->ctx->arena, mola_retired, count);
    if (!kept || !p->dropped)
        return MOLA_NO_MEMORY;
    next->retired = kept;
    next->retired_count = p->dropped_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (may_drop(p, &p->m->retired[i])) {
            p->dropped[p->dropped_count++] = p->m->retired[i];
        } else {
            kept[next->retired_count++] = p->m->retired[i];
        }
    }
    return MOLA_OK;
}

/* A CAS costs a request and makes every node read the manifest again. */
static bool is_worth_it(pass *p, const mola_manifest *next)
{
    uint64_t entries = next->wal_floor - p->m->wal_floor, now_ns = mola_boot_ns(p->ctx->env);
    if (!entries && !p->dropped_count && !p->wants_gc_floor) {
        p->wait->wanted_ns = 0;
        return false;
    }
    if (!p->wait->wanted_ns)
        p->wait->wanted_ns = now_ns;
    return entries >= WORTH_ENTRIES || p->dropped_count || p->wants_gc_floor ||
           now_ns - p->wait->wanted_ns >= lease_ns(p);
}

static mola_err change_manifest(pass *p)
{
    mola_manifest next = *p->m;
    next.ver++;
    next.gc_floor = wanted_gc_floor(p);
    mola_err err = split_retired(p, &next);
    if (!err)
        err = mola_keep_floor(p->ctx, p->indexer, p->wait, p->m, &next.wal_floor);
    if (err || !is_worth_it(p, &next)) {
        p->dropped_count = 0;
        return err;
    }
    MOLA_ASSERT(next.wal_floor >= p->m->wal_floor && next.wal_floor <= next.indexed_seq);
    mola_held *after;
    err = mola_manifest_replace(p->ctx, p->name, p->held, &next, &after);
    if (err) { /* also when it is unknown: what the rows named is left to the orphans' day */
        p->dropped_count = 0;
        return err;
    }
    mola_held_unref(p->held);
    p->held = after;
    p->m = mola_held_manifest(after);
    p->wait->wanted_ns = 0;
    p->out->did = true;
    return MOLA_OK;
}

/* ------------------------------------------------------------------ deleting */
/* Walks over the keys of a folder (0: all) and deletes what is garbage. */
static mola_err delete_in(pass *p, mola_bin *bin, char folder, mola_str after)
{
    mola_key prefix = mola_key_folder(p->indexer->config.org, p->m->nsid, folder);
    mola_walk *walk = mola_new(p->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, p->ctx, p->indexer, mola_key_str(&prefix), after, 0);
    mola_err err;
    while (mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count; i++) {
            mola_str key = walk->entries[i].key, rest;
            uint8_t nsid[16];
            if (mola_key_parse_incarnation(p->indexer->config.org, key, nsid, &rest) &&
                is_garbage(p, key, rest, p->m->gc_floor))
                mola_bin_add(bin, key);
        }
    }
    mola_walk_end(walk);
    return err;
}

static mola_err delete_log(pass *p, mola_bin *bin)
{
    /* Newest first: what stands behind this key is at or below the floor. */
    mola_key after = mola_key_entry(p->indexer->config.org, p->m->nsid, p->wait->floor.safe + 1);
    mola_err err = delete_in(p, bin, 'w', mola_key_str(&after));
    return err ? err : delete_in(p, bin, 'p', (mola_str){0});
}

/* The objects of a row are a segment's or a delete vector; both are looked for. */
static mola_err delete_row(pass *p, mola_bin *bin, const mola_retired *row)
{
    mola_str org = p->indexer->config.org;
    if (memcmp(row->owner, p->m->nsid, sizeof row->owner) != 0) /* borrowed: its owner does that */
        return MOLA_OK;
    if (is_referred_to(p->m, row->base, row->rand) ||
        mola_holds_object(&p->holdings, row->base, row->rand))
        return MOLA_OK;
    mola_key deletes = mola_key_deletes(org, row->owner, row->base, row->rand);
    mola_bin_add(bin, mola_key_str(&deletes));
    mola_key head = mola_key_segment(org, row->owner, row->base, row->rand, 'h', 0);
    while (head.text[head.len - 1] != '/')
        head.len--;
    mola_walk *walk = mola_new(p->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    mola_walk_begin(walk, p->ctx, p->indexer, mola_key_str(&head), (mola_str){0}, 0);
    mola_err err;
    while (mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count; i++)
            mola_bin_add(bin, walk->entries[i].key);
    }
    mola_walk_end(walk);
    return err;
}

static mola_err delete_all(pass *p)
{
    mola_bin *bin = mola_new(p->ctx->arena, mola_bin, 1);
    if (!bin)
        return MOLA_NO_MEMORY;
    mola_bin_begin(bin, p->ctx, p->indexer);
    uint64_t safe = p->wait->floor.safe;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < p->dropped_count && !err; i++)
        err = delete_row(p, bin, &p->dropped[i]);
    if (!err && p->garbage) {
        err = delete_in(p, bin, 0, (mola_str){0});
    } else if (!err && safe > p->wait->deleted) {
        err = delete_log(p, bin);
    }
    mola_err emptied = mola_bin_end(bin);
    p->out->did = p->out->did || bin->deleted;
    if (!err && !emptied)
        p->wait->deleted = safe;
    return err ? err : emptied;
}

static mola_err delete_unneeded(pass *p)
{
    if (!p->dropped_count && p->wait->floor.safe <= p->wait->deleted && !p->garbage)
        return MOLA_OK;
    /* I10: the holders are listed after the CAS. */
    mola_err err = mola_holders_read(p->ctx, p->indexer, p->m->nsid, p->wait, &p->holdings);
    if (err || p->holdings.everything)
        return err;
    return delete_all(p);
}

/* ------------------------------------------------------------------ the daily look */
static void look_at(pass *p, const mola_store_entry *entry, uint64_t next_gc_floor)
{
    mola_collected *out = p->out;
    uint8_t nsid[16];
    uint64_t seq;
    mola_str rest;
    if (!mola_key_parse_incarnation(p->indexer->config.org, entry->key, nsid, &rest))
        return;
    if (is_garbage(p, entry->key, rest, p->m->gc_floor)) {
        p->garbage = true;
    } else if (is_garbage(p, entry->key, rest, next_gc_floor)) {
        p->wants_gc_floor = p->garbage = true;
    }
    if (!mola_key_parse_entry(p->indexer->config.org, entry->key, nsid, &seq) ||
        seq <= p->m->indexed_seq)
        return;
    out->newest_seq = seq > out->newest_seq ? seq : out->newest_seq;
    out->unindexed_bytes += entry->size;
}

/* One LIST of everything under the incarnation. */
static mola_err look_around(pass *p)
{
    mola_key prefix = mola_key_folder(p->indexer->config.org, p->m->nsid, 0);
    mola_walk *walk = mola_new(p->ctx->arena, mola_walk, 1);
    if (!walk)
        return MOLA_NO_MEMORY;
    uint64_t next_gc_floor = wanted_gc_floor(p);
    mola_walk_begin(walk, p->ctx, p->indexer, mola_key_str(&prefix), (mola_str){0}, 0);
    mola_err err;
    while (mola_walk_page(walk, &err)) {
        for (uint32_t i = 0; i < walk->count; i++)
            look_at(p, &walk->entries[i], next_gc_floor);
    }
    mola_walk_end(walk);
    return err;
}

/* ------------------------------------------------------------------ the pass */
/* When there may be something to do again. */
static void plan_next(pass *p)
{
    uint64_t now_ns = mola_boot_ns(p->ctx->env), now_us = mola_wall_us(p->ctx->env);
    uint64_t fence_ns = p->indexer->config.fence_ns, *due_ns = &p->out->due_ns;
    const mola_wait *wait = p->wait;
    if (wait->floor.pending)
        earlier(due_ns, plus(wait->floor.since_ns, fence_ns));
    if (p->m->wal_floor > wait->floor.safe && p->m->wal_floor > wait->floor.pending)
        earlier(due_ns, now_ns); /* it must be received first */
    if (wait->floor.safe > wait->deleted || p->garbage)
        earlier(due_ns, plus(now_ns, lease_ns(p)));
    if (wait->wanted_ns) {
        earlier(due_ns, plus(wait->wanted_ns, lease_ns(p)));
    } else if (p->m->wal_floor < p->m->indexed_seq && wait->keep_until > now_us) {
        earlier(due_ns, plus(now_ns, (wait->keep_until - now_us) * 1000));
    }
    for (uint32_t i = 0; i < p->m->retired_count; i++) {
        const mola_retired *row = &p->m->retired[i];
        uint64_t first_ns = mola_wait_row_ns(wait, row);
        uint64_t until_us = plus(row->time_us, p->indexer->config.retention_us);
        uint64_t at_ns = plus(first_ns == UINT64_MAX ? now_ns : first_ns, 2 * lease_ns(p));
        if (until_us > now_us && plus(now_ns, (until_us - now_us) * 1000) > at_ns)
            at_ns = plus(now_ns, (until_us - now_us) * 1000);
        earlier(due_ns, at_ns);
    }
    if (*due_ns < plus(now_ns, fence_ns))
        *due_ns = plus(now_ns, fence_ns);
}

static mola_err run(pass *p)
{
    mola_err err = mola_manifest_read(p->ctx, p->name, &p->held);
    if (err)
        return err;
    uint64_t received_ns = mola_boot_ns(p->ctx->env);
    p->m = mola_held_manifest(p->held);
    if (p->m->deleted) /* what is left of it is the sweeper's */
        return MOLA_OK;
    p->out->lives = true;
    p->out->indexed_seq = p->out->newest_seq = p->m->indexed_seq;
    memcpy(p->out->nsid, p->m->nsid, sizeof p->out->nsid);
    if (p->m->newer) /* nobody but a newer mola knows what it refers to */
        return MOLA_OK;
    mola_wait_for(p->indexer->waits, p->wait, p->m->nsid);
    mola_floor_received(&p->wait->floor, p->m->wal_floor, received_ns, p->indexer->config.fence_ns);
    err = mola_wait_for_rows(p->indexer->waits, p->wait, p->m, received_ns);
    if (!err && p->kind == MOLA_COLLECT_DAILY)
        err = look_around(p);
    if (!err)
        err = change_manifest(p);
    if (!err)
        err = delete_unneeded(p);
    plan_next(p);
    return err == MOLA_CONFLICT ? MOLA_OK : err; /* somebody published: the next pass sees it */
}

mola_err mola_collect(mola_ctx *ctx, mola_indexer *indexer, mola_str name, mola_collect_kind kind,
                      mola_collected *out)
{
    *out = (mola_collected){.due_ns = MOLA_NEVER};
    pass p = {.ctx = ctx, .indexer = indexer, .kind = kind, .out = out};
    mola_err err = mola_waits_take(indexer->waits, name, &p.wait);
    if (err)
        return mola_fail(ctx->why, err, "the namespace is being collected, or there is no memory");
    p.name = mola_name_open(indexer->names, name);
    err = p.name ? run(&p) : MOLA_NO_MEMORY;
    mola_count(ctx->env->metrics, MOLA_M_collect_passes_total, 1);
    mola_held_unref(p.held);
    if (p.name)
        mola_name_close(p.name);
    mola_waits_give(indexer->waits, p.wait);
    return err;
}

mola_err mola_index_collect(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did)
{
    mola_collected out;
    mola_err err = mola_collect(ctx, indexer, name, MOLA_COLLECT_USUAL, &out);
    *did = out.did;
    return err;
}
