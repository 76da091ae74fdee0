#include "index/requests.h"

enum { PAUSE_MS = 50, PAUSE_STEPS = 6 };

static bool says_nothing(mola_err err)
{
    return err == MOLA_UNAVAILABLE || err == MOLA_UNKNOWN || err == MOLA_BUSY;
}

mola_err mola_index_ask(mola_ctx *ctx, mola_indexer *indexer, mola_store_op *op)
{
    bool reread = false;
    for (uint32_t attempt = 0;; attempt++) {
        mola_store_run(ctx->env->store, ctx, op, 1);
        bool again = says_nothing(op->err);
        if (op->err == MOLA_CORRUPT && !reread) /* section 3: once */
            again = reread = true;
        uint32_t step = attempt < PAUSE_STEPS ? attempt : PAUSE_STEPS;
        uint64_t pause = mola_chance_below(ctx->env, PAUSE_MS * MOLA_MILLISECOND << step);
        uint64_t now = mola_boot_ns(ctx->env);
        bool late = now >= ctx->deadline_ns || pause >= ctx->deadline_ns - now;
        if (!again || late || mola_indexer_stopping(indexer))
            break;
        mola_sleep_ns(ctx->env, pause);
    }
    if (op->err == MOLA_OK || op->err == MOLA_NOT_FOUND)
        return op->err;
    mola_err err = op->err == MOLA_UNKNOWN ? MOLA_UNAVAILABLE : op->err;
    return mola_fail(ctx->why, err, "the object store answers '%s'", mola_err_name(op->err));
}

/* ------------------------------------------------------------------ listings */
void mola_walk_begin(mola_walk *walk, mola_ctx *ctx, mola_indexer *indexer, mola_str prefix,
                     mola_str after, char delimiter)
{
    MOLA_ASSERT(after.len <= sizeof walk->last);
    walk->indexer = indexer;
    walk->outer = ctx;
    walk->ctx = *ctx;
    walk->prefix = prefix;
    walk->delimiter = delimiter;
    walk->ended = false;
    walk->last_len = after.len;
    if (after.len)
        memcpy(walk->last, after.data, after.len);
    walk->entries = NULL;
    walk->count = 0;
    mola_arena_init(&walk->arena, ctx->env->heap, SIZE_MAX);
    walk->ctx.arena = &walk->arena;
}

bool mola_walk_page(mola_walk *walk, mola_err *err)
{
    *err = MOLA_OK;
    if (walk->ended)
        return false;
    mola_arena_reset(&walk->arena);
    mola_store_op op = {.verb = MOLA_LIST,
                        .key = walk->prefix,
                        .start_after = {walk->last, walk->last_len},
                        .delimiter = walk->delimiter};
    *err = mola_index_ask(&walk->ctx, walk->indexer, &op);
    if (*err == MOLA_NOT_FOUND)
        *err = MOLA_OK;
    walk->entries = op.entries;
    walk->count = *err ? 0 : op.entry_count;
    walk->ended = *err || !op.truncated || walk->count == 0;
    if (walk->count) {
        mola_str last = op.entries[walk->count - 1].key;
        MOLA_ASSERT(last.len <= sizeof walk->last);
        memcpy(walk->last, last.data, last.len);
        walk->last_len = last.len;
    }
    return walk->count > 0;
}

void mola_walk_end(mola_walk *walk)
{
    mola_arena_reset(&walk->arena);
    walk->outer->roundtrips = walk->ctx.roundtrips;
}

/* ------------------------------------------------------------------ deleting */
void mola_bin_begin(mola_bin *bin, mola_ctx *ctx, mola_indexer *indexer)
{
    bin->indexer = indexer;
    bin->ctx = ctx;
    bin->count = 0;
    bin->deleted = 0;
    bin->err = MOLA_OK;
}

/* A DELETE may land however late, or twice, so one whose answer is lost needs no care (section 1).
 */
static void empty(mola_bin *bin)
{
    mola_store_op ops[MOLA_BIN_KEYS];
    if (bin->count == 0)
        return;
    for (uint32_t i = 0; i < bin->count; i++)
        ops[i] = (mola_store_op){.verb = MOLA_DELETE, .key = mola_key_str(&bin->keys[i])};
    mola_store_run(bin->ctx->env->store, bin->ctx, ops, bin->count);
    uint64_t deleted = 0;
    for (uint32_t i = 0; i < bin->count; i++) {
        if (ops[i].err == MOLA_OK || ops[i].err == MOLA_NOT_FOUND) {
            deleted++;
        } else if (!bin->err) {
            bin->err = mola_fail(bin->ctx->why, MOLA_UNAVAILABLE, "an object was not deleted");
        }
    }
    bin->deleted += deleted;
    mola_count(bin->ctx->env->metrics, MOLA_M_collect_deleted_total, (int64_t)deleted);
    bin->count = 0;
}

void mola_bin_add(mola_bin *bin, mola_str key)
{
    mola_key *slot = &bin->keys[bin->count];
    if (key.len > sizeof slot->text) /* no key of ours is so long */
        return;
    memcpy(slot->text, key.data, key.len);
    slot->len = key.len;
    if (++bin->count == MOLA_BIN_KEYS)
        empty(bin);
}

mola_err mola_bin_end(mola_bin *bin)
{
    empty(bin);
    return bin->err;
}
