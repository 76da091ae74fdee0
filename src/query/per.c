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

/* Walks down a ranking; rows are read a stretch at a time, only as far as it goes. */
typedef struct {
    const mola_asking *asking;
    const mola_per *per;
    mola_attr_list reads;
    mola_buf key;
    tally tally;
    mola_column *columns; /* of the stretch at hand; rows 0: no row has a value */
} sifter;

/* The values of a row, as JSON texts that end in zero bytes; an absent one has no text. */
static void make_key(sifter *s, uint32_t row)
{
    s->key.len = 0;
    for (uint32_t i = 0; i < s->per->attr_count; i++) {
        const mola_column *column = &s->columns[i];
        if (row < column->rows && mola_column_has(column, row))
            mola_column_print(&s->key, column, row, MOLA_VECTORS_AS_BASE64);
        mola_buf_add_char(&s->key, '\0');
    }
}

/* Moves the hits of a stretch that are kept to hits[*kept], until there are `wanted`. */
static mola_err keep_some(sifter *s, mola_hit *hits, size_t from, uint32_t count, size_t wanted,
                          size_t *kept)
{
    mola_arena *arena = s->asking->ctx->arena;
    for (uint32_t i = 0; i < count && *kept < wanted; i++) {
        make_key(s, i);
        if (s->key.failed)
            return mola_query_no_memory(s->asking->ctx);
        slot *at = find_slot(&s->tally, mola_buf_str(&s->key));
        if (!at->key.data && !mola_arena_copy(arena, mola_buf_str(&s->key), &at->key))
            return mola_query_no_memory(s->asking->ctx);
        if (at->kept == s->per->limit)
            continue;
        at->kept++;
        hits[(*kept)++] = hits[from + i];
    }
    return MOLA_OK;
}

/* Moves the hits that are kept to the front. */
static mola_err sift(sifter *s, mola_hit *hits, size_t *count, size_t wanted)
{
    enum { STRETCH = 16384 };
    mola_ctx *ctx = s->asking->ctx;
    size_t kept = 0;
    if (!make_tally(ctx->arena, *count, &s->tally))
        return mola_query_no_memory(ctx);
    for (size_t from = 0; from < *count && kept < wanted; from += STRETCH) {
        size_t left = *count - from;
        uint32_t rows = left < STRETCH ? (uint32_t)left : STRETCH;
        mola_pin *mark = ctx->pins;
        mola_gathered cells;
        mola_err err = mola_read_hits(ctx, s->asking->view, &s->reads, hits + from, rows, &cells);
        for (uint32_t i = 0; i < s->per->attr_count && !err; i++)
            (void)mola_gathered_column(&cells, s->per->attrs[i], &s->columns[i]);
        if (!err)
            err = keep_some(s, hits, from, rows, wanted, &kept);
        mola_view_release(ctx, mark);
        if (err)
            return err;
    }
    *count = kept;
    return MOLA_OK;
}

mola_err mola_per_rank(const mola_asking *asking, const mola_ranking *ranking,
                       const mola_rowset *rows, const mola_per *per, size_t wanted, mola_hit **hits,
                       size_t *count)
{
    enum { FIRST_TRY = 1024, GROWTH = 8, GROWTH_OF_GROWTH = 8 };
    mola_arena *arena = asking->ctx->arena;
    sifter s = {.asking = asking,
                .per = per,
                .reads = {.arena = arena},
                .columns = mola_new(arena, mola_column, per->attr_count)};
    mola_err err = s.columns ? MOLA_OK : mola_query_no_memory(asking->ctx);
    mola_buf_init(&s.key, asking->ctx->env->heap);
    for (uint32_t i = 0; i < per->attr_count; i++)
        mola_attr_list_add(&s.reads, per->attrs[i]);
    /* Nobody knows how deep the wanted rows lie: look at more and more of the ranking, in steps
     * that grow so fast that few of them reach the end of any namespace. */
    size_t k = 4 * wanted > FIRST_TRY ? 4 * wanted : FIRST_TRY;
    for (size_t growth = GROWTH; !err; k *= growth, growth *= GROWTH_OF_GROWTH) {
        err = mola_rank_rows(asking, ranking, rows, k, hits, count);
        bool all = !err && *count < k;
        if (!err)
            err = sift(&s, *hits, count, wanted);
        if (all || (!err && *count == wanted))
            break;
    }
    mola_buf_free(&s.key);
    return err;
}
