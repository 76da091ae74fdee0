#include "index/fsck_run.h"
#include "mola/format/entry.h"

/* The log that slot `seq` stands in. */
static const uint8_t *log_of(const mola_manifest *m, uint64_t seq)
{
    for (uint32_t i = 0; i < m->lineage_count; i++) {
        if (seq <= m->lineage[i].last_seq)
            return m->lineage[i].nsid;
    }
    return m->nsid;
}

/* The newest entry of the own log, from one LIST: its keys begin with the newest. */
static mola_err find_last(mola_fsck_run *run)
{
    run->log_last = run->m->indexed_seq;
    mola_arena arena;
    mola_arena_init(&arena, run->ctx->env->heap, SIZE_MAX);
    mola_key prefix = mola_key_log_prefix(run->org, run->m->nsid);
    mola_store_op op = {.verb = MOLA_LIST, .key = mola_key_str(&prefix), .keys_max = 1};
    mola_err err = mola_fsck_ask(run, &op, &arena);
    if (!err && op.err)
        err = op.err;
    uint8_t nsid[16];
    uint64_t seq;
    if (!err && op.entry_count && mola_key_parse_entry(run->org, op.entries[0].key, nsid, &seq) &&
        seq > run->log_last)
        run->log_last = seq;
    mola_arena_reset(&arena);
    return err;
}

static mola_err check_payload(mola_fsck_run *run, const uint8_t nsid[16],
                              const mola_payload_ref *ref, mola_arena *arena)
{
    mola_key key = mola_key_payload(run->org, nsid, ref->base, ref->rand);
    mola_str bytes;
    bool found;
    mola_buf_add(&run->payloads, ref, sizeof *ref);
    if (run->payloads.failed)
        return MOLA_NO_MEMORY;
    mola_err err = mola_fsck_read(run, mola_key_str(&key), arena, &found, &bytes);
    if (err || !found)
        return err;
    mola_rows rows;
    mola_why why = {0};
    mola_entry_memory *memory = NULL;
    err = mola_payload_decode(run->ctx->env->heap, bytes, ref, &rows, &memory, &why);
    if (!err)
        mola_entry_free(run->ctx->env->heap, memory);
    if (!mola_fsck_is_finding(err))
        return err;
    mola_fsck_bad(run, mola_key_str(&key), err, &why);
    return MOLA_OK;
}

typedef struct {
    bool known; /* the chain up to the entry before */
    uint64_t chain;
    bool sealed;
} log_walk;

static mola_err check_links(mola_fsck_run *run, mola_str key, const mola_entry *entry, log_walk *at)
{
    if (at->sealed)
        mola_fsck_damage(run, key, "it stands behind a SEAL");
    if (at->known && entry->prev_chain != at->chain)
        mola_fsck_damage(run, key, "it does not follow the entry before it");
    at->known = true;
    at->chain = mola_entry_chain(entry);
    at->sealed = entry->flags & MOLA_ENTRY_SEAL;
    if (entry->seq == run->m->indexed_seq && at->chain != run->m->indexed_chain)
        mola_fsck_damage(run, key, "it is not the entry that the manifest was made from");
    return MOLA_OK;
}

static mola_err check_entry(mola_fsck_run *run, uint64_t seq, log_walk *at, mola_arena *arena)
{
    const uint8_t *nsid = log_of(run->m, seq);
    mola_key key = mola_key_entry(run->org, nsid, seq);
    mola_heap *heap = run->ctx->env->heap;
    mola_str bytes;
    bool found;
    mola_err err = mola_fsck_read(run, mola_key_str(&key), arena, &found, &bytes);
    bool knew = at->known;
    at->known = false;
    if (err || !found)
        return err;
    run->totals->entries++;
    mola_why why = {0};
    mola_entry entry = {0};
    mola_entry_memory *memory = NULL;
    err = mola_entry_decode(heap, bytes, nsid, seq, &entry, &memory, &why);
    if (mola_fsck_is_finding(err)) {
        mola_fsck_bad(run, mola_key_str(&key), err, &why);
        return MOLA_OK;
    }
    if (err)
        return err;
    at->known = knew;
    err = check_links(run, mola_key_str(&key), &entry, at);
    if (!err && (entry.flags & MOLA_ENTRY_LARGE))
        err = check_payload(run, nsid, &entry.large, arena);
    mola_state_unref(entry.state);
    mola_entry_free(heap, memory);
    return err;
}

mola_err mola_fsck_log(mola_fsck_run *run)
{
    mola_err err = find_last(run);
    const mola_manifest *m = run->m;
    log_walk at = {.known = m->wal_floor == 0 || m->wal_floor == m->indexed_seq};
    at.chain = m->wal_floor == 0 ? 0 : m->indexed_chain;
    for (uint64_t seq = m->wal_floor + 1; seq <= run->log_last && !err; seq++) {
        mola_arena arena;
        mola_arena_init(&arena, run->ctx->env->heap, SIZE_MAX);
        err = check_entry(run, seq, &at, &arena);
        mola_arena_reset(&arena);
    }
    return err;
}
