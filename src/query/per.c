#include "mola/codec/block.h"
#include "query/page.h"

mola_err mola_per_plan(mola_ctx *ctx, const mola_limit_tree *limit, const mola_state *state,
                       mola_per *out)
{
    const mola_names *names = &limit->per;
    if (!names->count)
        return mola_fail(ctx->why, MOLA_INVALID, "limit.per.attributes must not be empty");
    if (limit->per_limit < 1 || limit->per_limit > limit->total) {
        return mola_fail(ctx->why, MOLA_INVALID,
                         "limit.per.limit must be between 1 and limit.total");
    }
    *out = (mola_per){.attrs = mola_new(ctx->arena, uint32_t, names->count),
                      .limit = limit->per_limit};
    if (!out->attrs)
        return mola_query_no_memory(ctx);
    for (uint32_t i = 0; i < names->count; i++) {
        const mola_attr *a = mola_state_find(state, names->names[i]);
        bool is_id = mola_str_eq(names->names[i], MOLA_STR("id"));
        if (!is_id && !a)
            return mola_plan_unknown(ctx, names->names[i]);
        out->attrs[out->attr_count++] = is_id ? MOLA_ATTR_ID : a->id;
    }
    return MOLA_OK;
}

/* How many rows of each key were kept: open addressing, at most half full. */
typedef struct {
    mola_str key;
    uint64_t kept;
} slot;
typedef struct {
    slot *slots;
    uint64_t mask;
} tally;

static bool make_tally(mola_arena *arena, size_t keys, tally *out)
{
    uint64_t room = 16;
    while (room < 2 * (uint64_t)keys)
        room *= 2;
    *out = (tally){.slots = mola_new(arena, slot, room), .mask = room - 1};
    return out->slots;
}

static slot *find_slot(const tally *t, mola_str key)
{
    uint64_t at = mola_hash64(key) & t->mask;
    while (t->slots[at].key.data && !mola_str_eq(t->slots[at].key, key))
        at = (at + 1) & t->mask;
    return &t->slots[at];
}

/* The values of a row, as JSON texts that end in zero bytes; an absent one has no text. */
static void add_key(const mola_view *view, const mola_per *per, const mola_hit *hit, mola_buf *key)
{
    key->len = 0;
    for (uint32_t i = 0; i < per->attr_count; i++) {
        mola_column column;
        uint32_t row;
        if (mola_view_column(view, hit->part, hit->row, per->attrs[i], &column, &row))
            mola_column_print(key, &column, row, MOLA_VECTORS_AS_BASE64);
        mola_buf_add_char(key, '\0');
    }
}

/* Moves the hits that are kept to the front. */
static mola_err keep_some(const mola_asking *asking, const mola_per *per, size_t wanted,
                          mola_hit *hits, size_t *count, mola_buf *key)
{
    mola_arena *arena = asking->ctx->arena;
    size_t kept = 0;
    tally t;
    if (!make_tally(arena, *count, &t))
        return mola_query_no_memory(asking->ctx);
    for (size_t i = 0; i < *count && kept < wanted; i++) {
        add_key(asking->view, per, &hits[i], key);
        if (key->failed)
            return mola_query_no_memory(asking->ctx);
        slot *s = find_slot(&t, mola_buf_str(key));
        if (!s->key.data && !mola_arena_copy(arena, mola_buf_str(key), &s->key))
            return mola_query_no_memory(asking->ctx);
        if (s->kept == per->limit)
            continue;
        s->kept++;
        hits[kept++] = hits[i];
    }
    *count = kept;
    return MOLA_OK;
}

mola_err mola_per_rank(const mola_asking *asking, const mola_ranking *ranking,
                       const mola_rowset *rows, const mola_per *per, size_t wanted, mola_hit **hits,
                       size_t *count)
{
    enum { FIRST_TRY = 1024, GROWTH = 8 };
    mola_attr_list reads = {.arena = asking->ctx->arena};
    mola_buf key;
    mola_err err = MOLA_OK;
    mola_buf_init(&key, asking->ctx->env->heap);
    for (uint32_t i = 0; i < per->attr_count; i++)
        mola_attr_list_add(&reads, per->attrs[i]);
    /* Nobody knows how deep the wanted rows lie: look at more and more of the ranking. */
    for (size_t k = 4 * wanted > FIRST_TRY ? 4 * wanted : FIRST_TRY;; k *= GROWTH) {
        err = mola_rank_rows(asking, ranking, rows, k, hits, count);
        bool all = *count < k;
        if (!err)
            err = mola_read_hits(asking->ctx, asking->view, &reads, *hits, *count);
        if (!err)
            err = keep_some(asking, per, wanted, *hits, count, &key);
        if (err || all || *count == wanted)
            break;
    }
    mola_buf_free(&key);
    return err;
}
