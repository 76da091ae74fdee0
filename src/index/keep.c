#include "index/keep.h"
#include "index/requests.h"
#include "mola/codec/bytes.h"
#include "mola/format/entry.h"

enum { TIME_AT = 64, STEP = 64 };

/* When an entry was written, from its header alone. One that cannot be read (a borrowed slot,
 * damage) counts as young: what is kept too long harms nobody. */
static mola_err time_of(mola_ctx *ctx, mola_indexer *indexer, const mola_manifest *m, uint64_t seq,
                        uint64_t *time_us)
{
    mola_key key = mola_key_entry(indexer->config.org, m->nsid, seq);
    mola_store_op op = {
        .verb = MOLA_GET, .key = mola_key_str(&key), .length = MOLA_ENTRY_HEADER_BYTES};
    mola_err err = mola_index_ask(ctx, indexer, &op);
    *time_us = UINT64_MAX;
    if (err == MOLA_NOT_FOUND || err == MOLA_CORRUPT)
        return MOLA_OK;
    if (!err && op.bytes.len == MOLA_ENTRY_HEADER_BYTES &&
        mola_str_starts(op.bytes, MOLA_STR("LOG1")))
        *time_us = mola_load_u64(op.bytes.data + TIME_AT);
    return err;
}

/* The last entry of (old, young) that is old enough; times rise with the sequence. */
static mola_err search(mola_ctx *ctx, mola_indexer *indexer, const mola_manifest *m,
                       uint64_t cutoff_us, uint64_t old, uint64_t young, uint64_t *out)
{
    while (young - old > 1) {
        uint64_t middle = old + (young - old) / 2, time_us;
        mola_err err = time_of(ctx, indexer, m, middle, &time_us);
        if (err)
            return err;
        *(time_us <= cutoff_us ? &old : &young) = middle;
    }
    *out = old;
    return MOLA_OK;
}

mola_err mola_keep_floor(mola_ctx *ctx, mola_indexer *indexer, mola_wait *wait,
                         const mola_manifest *m, uint64_t *out)
{
    uint64_t now_us = mola_wall_us(ctx->env), retention = indexer->config.retention_us;
    uint64_t cutoff_us = now_us > retention ? now_us - retention : 0;
    *out = m->wal_floor;
    if (retention == 0 || m->indexed_time_us <= cutoff_us) {
        *out = m->indexed_seq;
        return MOLA_OK;
    }
    if (m->indexed_seq == m->wal_floor || now_us < wait->keep_until)
        return MOLA_OK;
    /* Fewer than 64 entries are not worth a change of the manifest; when those are young, nothing
     * needs to be asked until they are not. */
    uint64_t probe = m->indexed_seq - m->wal_floor > STEP ? m->wal_floor + STEP : m->indexed_seq;
    uint64_t time_us = m->indexed_time_us;
    mola_err err = MOLA_OK;
    if (probe < m->indexed_seq)
        err = time_of(ctx, indexer, m, probe, &time_us);
    if (err || time_us > cutoff_us) {
        uint64_t age_us = now_us > time_us ? now_us - time_us : 0;
        wait->keep_until = now_us + (retention > age_us ? retention - age_us : 0);
        return err;
    }
    return search(ctx, indexer, m, cutoff_us, probe, m->indexed_seq, out);
}
