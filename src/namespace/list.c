#include "namespace/name.h"

/* The length of a tombstone is what tells it apart in a listing, without a GET. */
static bool is_live(const mola_store_entry *entry)
{
    return !entry->is_prefix && entry->size != MOLA_TOMBSTONE_BYTES;
}

/* One page of the listing after `*last`, which moves to its end. false in *further: it was the last
 * page. */
static mola_err list_page(mola_ask *ask, mola_str prefix, mola_str *last, mola_store_op *op)
{
    for (;;) {
        *op = (mola_store_op){.verb = MOLA_LIST, .key = prefix, .start_after = *last};
        mola_ask_run(ask, op, 1);
        if (op->err == MOLA_OK)
            break;
        if (!mola_answer_missing(op->err))
            return op->err;
        if (!mola_ask_again(ask))
            return mola_fail_late(&ask->ctx);
    }
    if (op->entry_count)
        *last = op->entries[op->entry_count - 1].key;
    return MOLA_OK;
}

static bool may_start_a_name(mola_str prefix)
{
    return prefix.len == 0 || mola_name_ok(prefix) || mola_str_eq(prefix, MOLA_STR(".")) ||
           mola_str_eq(prefix, MOLA_STR(".."));
}

mola_err mola_namespace_list(mola_ctx *ctx, mola_namespaces *all, mola_str prefix, mola_str after,
                             uint32_t max, mola_str **names, uint32_t *count, bool *more)
{
    MOLA_ASSERT(max > 0);
    *count = 0;
    *more = false;
    *names = mola_new(ctx->arena, mola_str, max);
    if (!*names)
        return MOLA_NO_MEMORY;
    if (!may_start_a_name(prefix))
        return MOLA_OK;
    mola_key under = mola_key_names_prefix(all->org, prefix);
    mola_key start = {
        .len = 0}; /* any text may be a cursor; one that is no name costs a longer walk */
    if (mola_name_ok(after))
        start = mola_key_manifest(all->org, after);
    mola_str last = mola_key_str(&start);
    mola_ask ask;
    mola_ask_begin(&ask, ctx);
    mola_err err;
    mola_store_op op;
    do {
        err = list_page(&ask, mola_key_str(&under), &last, &op);
        for (uint32_t i = 0; !err && !*more && i < op.entry_count; i++) {
            mola_str name;
            if (!is_live(&op.entries[i]) ||
                !mola_key_parse_manifest(all->org, op.entries[i].key, &name) ||
                mola_str_cmp(name, after) <= 0)
                continue;
            *more = *count == max;
            if (!*more && !mola_arena_copy(ctx->arena, name, &(*names)[(*count)++]))
                err = MOLA_NO_MEMORY;
        }
    } while (!err && !*more && op.truncated);
    return mola_ask_end(&ask, err);
}
