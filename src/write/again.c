#include "write/again.h"
#include "mola/base/check.h"
#include "mola/namespace/log.h"
#include "mola/scan/rowset.h"
#include "write/found.h"

/* -- a set of hashes --------------------------------------------------------------------------- */

static uint64_t nonzero(uint64_t hash)
{
    return hash ? hash : 1;
}

static size_t place_of(const mola_write_again *again, uint64_t hash)
{
    size_t at = (size_t)hash & (again->room - 1);
    while (again->hashes[at] && again->hashes[at] != hash)
        at = (at + 1) & (again->room - 1);
    return at;
}

static bool has_hash(const mola_write_again *again, uint64_t hash)
{
    return again->count && again->hashes[place_of(again, nonzero(hash))] != 0;
}

static bool make_room(mola_write_again *again, size_t more)
{
    mola_write_again wider = *again;
    size_t wanted = again->count + more;
    wider.room = again->room ? again->room : 64;
    while (wider.room / 2 < wanted)
        wider.room *= 2;
    if (wider.room == again->room)
        return true;
    wider.hashes = mola_alloc_array(again->heap, uint64_t, wider.room);
    if (!wider.hashes)
        return false;
    for (size_t i = 0; i < again->room; i++) {
        if (again->hashes[i])
            wider.hashes[place_of(&wider, again->hashes[i])] = again->hashes[i];
    }
    mola_free(again->heap, again->hashes, again->room * sizeof *again->hashes);
    *again = wider;
    return true;
}

static void add_hash(mola_write_again *again, uint64_t hash)
{
    uint64_t *place = &again->hashes[place_of(again, nonzero(hash))];
    again->count += *place == 0;
    *place = nonzero(hash);
}

/* Without room for them nothing holds any more. */
static void add_ids(mola_write_again *again, const mola_column *ids)
{
    enum { IDS_MAX = 65536 };
    if (again->all || ids->rows > IDS_MAX || !make_room(again, ids->rows)) {
        again->all = true;
        return;
    }
    for (uint32_t row = 0; row < ids->rows; row++) {
        mola_value id = mola_column_element(ids, row);
        add_hash(again, mola_value_hash(&id));
    }
}

static bool has_id(const mola_write_again *again, const mola_column *ids, uint32_t first)
{
    for (uint32_t row = first; row < ids->rows && again->count; row++) {
        mola_value id = mola_column_element(ids, row);
        if (has_hash(again, mola_value_hash(&id)))
            return true;
    }
    return false;
}

/* -- what others have touched ------------------------------------------------------------------ */

static bool add_entries(mola_write_again *again)
{
    mola_buf hashes;
    mola_buf_init(&hashes, again->heap);
    bool known = mola_view_touched(again->now, again->before->seq, &hashes) &&
                 make_room(again, hashes.len / sizeof(uint64_t));
    for (size_t at = 0; known && at < hashes.len; at += sizeof(uint64_t)) {
        uint64_t hash;
        memcpy(&hash, hashes.data + at, sizeof hash);
        add_hash(again, hash);
    }
    mola_buf_free(&hashes);
    return known;
}

void mola_write_again_open(mola_write_again *again, mola_heap *heap, const mola_view *before,
                           const mola_view *now)
{
    *again = (mola_write_again){.heap = heap, .before = before, .now = now};
    bool same_life = before && now && before->epoch == now->epoch &&
                     memcmp(before->nsid, now->nsid, sizeof now->nsid) == 0 &&
                     before->seq <= now->seq && before->state == now->state;
    again->all = !same_life || !add_entries(again);
}

void mola_write_again_close(mola_write_again *again)
{
    mola_free(again->heap, again->hashes, again->room * sizeof *again->hashes);
    *again = (mola_write_again){.heap = again->heap, .all = true};
}

/* -- members ----------------------------------------------------------------------------------- */

/* Upserts without a condition look at nothing. */
static uint32_t first_looked_at(const mola_write_plan *plan)
{
    return plan->conditions[MOLA_IF_UPSERT] ? 0 : plan->upserts;
}

bool mola_write_again_ids_hold(const mola_write_again *again, const mola_write_plan *plan)
{
    return !again->all && plan->effect.is_evaluated &&
           !has_id(again, &plan->rows.ids, first_looked_at(plan));
}

static bool was_there(const mola_write_again *again, const mola_part *part)
{
    uint32_t p = 0;
    while (p < again->before->part_count && again->before->parts[p].part != part)
        p++;
    return p < again->before->part_count;
}

/* The rows of one part that others have written. */
static mola_err add_written(const mola_write_again *again, mola_ctx *ctx, uint32_t part,
                            mola_rowset *out)
{
    const mola_view_part *p = &again->now->parts[part];
    mola_column ids;
    bool have = mola_part_whole_column(p->part, MOLA_ATTR_ID, &ids);
    MOLA_ASSERT(have);
    uint64_t *bits = mola_new(ctx->arena, uint64_t, mola_words(p->rows));
    if (!bits)
        return MOLA_NO_MEMORY;
    for (uint32_t row = 0; row < p->rows; row++) {
        mola_value id = mola_column_element(&ids, row);
        if (!mola_bit(p->live, row) || !has_hash(again, mola_value_hash(&id)))
            continue;
        bits[row / 64] |= (uint64_t)1 << row % 64;
        out->count++;
    }
    out->bits[part] = bits;
    return MOLA_OK;
}

/* What others have written, as it stands now. MOLA_CONFLICT: some of it may be in segments. */
static mola_err written_rows(const mola_write_again *again, mola_ctx *ctx, mola_rowset *out)
{
    const mola_view *now = again->now;
    *out = (mola_rowset){.view = now, .bits = mola_new(ctx->arena, uint64_t *, now->part_count)};
    mola_err err = out->bits ? MOLA_OK : MOLA_NO_MEMORY;
    for (uint32_t p = 0; p < now->part_count && !err; p++) {
        if (was_there(again, now->parts[p].part))
            continue;
        err = p < now->segment_count ? MOLA_CONFLICT : add_written(again, ctx, p, out);
    }
    return err;
}

static bool none_matches(const mola_write_again *again, mola_ctx *ctx, const mola_filter *filter)
{
    mola_rowset rows;
    if (!filter || again->count == 0)
        return true;
    mola_err err = written_rows(again, ctx, &rows);
    if (!err && rows.count)
        err = mola_filter_run(ctx, filter, &rows);
    return !err && rows.count == 0;
}

/* Of what matched nothing was touched, and nothing that was touched matches now. Members that
 * differ may have written what matches; of more matches than a request may touch the others are not
 * known. */
static bool filters_hold(const mola_write_again *again, mola_ctx *ctx, const mola_write_plan *plan)
{
    const mola_write_found *found = plan->effect.found;
    if (again->members_differ || !found || plan->state || plan->base != again->now->state ||
        (found->remaining && again->count) || has_id(again, &found->rows.ids, 0))
        return false;
    mola_arena arena;
    mola_arena_init(&arena, again->heap, SIZE_MAX);
    mola_ctx own = *ctx;
    mola_why why = {0};
    own.arena = &arena;
    own.why = &why;
    own.pins = NULL;
    bool holds = none_matches(again, &own, plan->delete_by_filter) &&
                 none_matches(again, &own, plan->patch_by_filter);
    mola_view_release(&own, NULL);
    mola_arena_reset(&arena);
    return holds;
}

bool mola_write_again_holds(const mola_write_again *again, mola_ctx *ctx,
                            const mola_write_plan *plan, const mola_state *state)
{
    if (!mola_write_again_ids_hold(again, plan) || plan->base != state)
        return false;
    bool filters = plan->delete_by_filter || plan->patch_by_filter;
    return !filters || filters_hold(again, ctx, plan);
}

void mola_write_again_differs(mola_write_again *again, const mola_write_plan *plan)
{
    again->members_differ = true;
    add_ids(again, &plan->rows.ids);
    if (plan->effect.found)
        add_ids(again, &plan->effect.found->rows.ids);
}
