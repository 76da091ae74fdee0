/* A merge: neighbouring segments become one (protocol section 8).
 *
 * The output has the rows of the inputs that lived when it was begun, in their order. The way from
 * a row of an input to its row in the output is its rank among those: no map but the live masks of
 * the view is kept. */
#include "index/build.h"
#include "index/policy.h"
#include "mola/base/check.h"

enum { LEASE_LEFT_FENCES = 7 }; /* of the 10 W that a view may fetch: then it is renewed */

typedef struct {
    mola_build build;
    mola_merge_plan plan;
    mola_held *from;                 /* the manifest that it began with */
    mola_view *view;                 /* at its indexed_seq, no log behind it */
    const mola_segment_ref *inputs;  /* of `from`: plan.count of them */
    uint32_t part_first, part_until; /* of the view: those inputs that have live rows */
    mola_new_objects output, deletes;
    mola_segment_ref ref;
    mola_segment_info info;
} merge;

/* ------------------------------------------------------------------ what to merge */
static mola_err choose(merge *g, bool force)
{
    const mola_manifest *m = mola_held_manifest(g->from);
    const mola_indexer_config *config = &g->build.indexer->config;
    mola_merge_row *rows = mola_new(&g->build.arena, mola_merge_row, m->segment_count);
    if (!rows)
        return MOLA_NO_MEMORY;
    bool is_branch = m->state && m->state->parent_bytes; /* it goes on sharing */
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const mola_segment_ref *ref = &m->segments[i];
        const mola_segment_info *info = &m->infos[i];
        bool own = memcmp(ref->owner, m->nsid, sizeof ref->owner) == 0;
        rows[i] =
            (mola_merge_row){.rows = info->rows,
                             .dead = info->deleted,
                             .bytes = info->head_bytes + info->data_bytes,
                             .level = info->level,
                             .lent = info->rows && !own && !is_branch,
                             .inlined = mola_table_is_inline(m, ref->owner, ref->base, ref->rand)};
    }
    uint32_t rows_max = config->segment_rows_max;
    mola_merge_rules rules = {.fan_in = config->merge_fan_in,
                              .rows_max = rows_max < MOLA_SEGMENT_ROWS_MAX ? rows_max
                                                                           : MOLA_SEGMENT_ROWS_MAX,
                              .force = force};
    g->plan = mola_merge_choose(rows, m->segment_count, &rules);
    g->inputs = m->segments + g->plan.first;
    return MOLA_OK;
}

/* ------------------------------------------------------------------ the inputs */
/* Where the inputs stand in another manifest; MOLA_NOWHERE: not all of them, or not side by side.
 */
static uint32_t inputs_in(const merge *g, const mola_manifest *m)
{
    uint32_t count = g->plan.count;
    for (uint32_t first = 0; first + count <= m->segment_count; first++) {
        uint32_t same = 0;
        while (same < count && mola_same_segment(&g->inputs[same], &m->segments[first + same]))
            same++;
        if (same == count)
            return first;
    }
    return MOLA_NOWHERE;
}

static mola_err open_view(merge *g)
{
    mola_err err = mola_view_build(&g->build.ctx, g->build.name, g->from, 0, 0, &g->view);
    if (err)
        return err;
    MOLA_ASSERT(g->view->seq == mola_held_manifest(g->from)->indexed_seq);
    g->part_first = g->part_until = 0;
    for (uint32_t i = 0; i < g->plan.count; i++) {
        uint32_t part = mola_table_part(g->view, &g->inputs[i]);
        if (part == MOLA_NOWHERE)
            continue;
        MOLA_ASSERT(g->part_until == 0 || part == g->part_until);
        g->part_first = g->part_until ? g->part_first : part;
        g->part_until = part + 1;
    }
    return MOLA_OK;
}

/* A merge may take longer than a view may fetch (I7). As long as its inputs are in the newest
 * manifest, their objects stay for the whole time again. */
static mola_err renew_lease(merge *g)
{
    uint64_t left_ns = LEASE_LEFT_FENCES * g->build.indexer->config.fence_ns;
    if (mola_boot_ns(g->build.ctx.env) + left_ns < g->view->leased_until_ns)
        return MOLA_OK;
    MOLA_SOMETIMES(merge_renews_lease);
    mola_err err =
        mola_view_renew(&g->build.ctx, g->build.name, g->view, g->part_first, g->part_until);
    if (err == MOLA_CONFLICT)
        return mola_fail(g->build.ctx.why, err, "another indexer merged meanwhile");
    return err;
}

static mola_err pause_merge(void *argument)
{
    merge *g = argument;
    mola_err err = mola_build_may_go_on(&g->build);
    return err ? err : renew_lease(g);
}

/* ------------------------------------------------------------------ the output */
static mola_err build_output(merge *g)
{
    const mola_manifest *m = mola_held_manifest(g->from);
    g->output.place = mola_build_place(&g->build, m);
    g->ref = (mola_segment_ref){.base = g->output.place.base, .rand = g->output.place.rand};
    memcpy(g->ref.owner, m->nsid, sizeof g->ref.owner);
    mola_err err = open_view(g);
    if (err)
        return err;
    const mola_build_rows rows = {.view = g->view,
                                  .part_first = g->part_first,
                                  .part_until = g->part_until,
                                  .pause = pause_merge,
                                  .argument = g};
    if (g->part_first < g->part_until)
        err = mola_build_segment(&g->build, &rows, &g->output, &g->info);
    g->info.level = g->plan.level;
    return err;
}

/* ------------------------------------------------------------------ deletes of meanwhile */
static uint64_t word_of(const uint64_t *live, uint32_t rows, size_t word)
{
    if (live)
        return live[word];
    return word == rows / 64 ? ((uint64_t)1 << rows % 64) - 1 : UINT64_MAX;
}

/* Marks the rows of the output, from `first` on, that lived in `then` and do not in `now` (NULL:
 * none does). Gives the number of marks. */
static uint32_t carry_part(const mola_view_part *then, const mola_view_part *now, uint64_t first,
                           uint64_t *dead)
{
    uint32_t marked = 0;
    uint64_t rank = first;
    for (size_t word = 0; word < mola_words(then->rows); word++) {
        uint64_t lived = word_of(then->live, then->rows, word);
        uint64_t died = lived & ~(now ? word_of(now->live, now->rows, word) : 0);
        for (; died; died &= died - 1) {
            uint64_t below = lived & ((died & -died) - 1);
            uint64_t row = rank + (uint64_t)__builtin_popcountll(below);
            dead[row / 64] |= (uint64_t)1 << row % 64;
            marked++;
        }
        rank += (uint64_t)__builtin_popcountll(lived);
    }
    return marked;
}

static uint32_t carry_view(const merge *g, const mola_view *now, uint64_t *dead)
{
    uint32_t marked = 0;
    uint64_t first = 0;
    for (uint32_t i = 0; i < g->plan.count; i++) {
        uint32_t part = mola_table_part(g->view, &g->inputs[i]);
        if (part == MOLA_NOWHERE)
            continue;
        uint32_t at = mola_table_part(now, &g->inputs[i]);
        marked += carry_part(&g->view->parts[part], at == MOLA_NOWHERE ? NULL : &now->parts[at],
                             first, dead);
        first += g->view->parts[part].live_rows;
    }
    MOLA_ASSERT(first == g->info.rows);
    return marked;
}

/* I9: every bit that was set on an input since it was read becomes one of a delete vector of the
 * output. `first`: where the inputs stand in the manifest `held`. */
static mola_err carry_deletes(merge *g, mola_held *held, uint32_t first)
{
    const mola_segment_ref *now = mola_held_manifest(held)->segments + first;
    bool same = true;
    for (uint32_t i = 0; i < g->plan.count; i++) {
        same = same && now[i].dv_base == g->inputs[i].dv_base &&
               now[i].dv_rand == g->inputs[i].dv_rand;
    }
    mola_new_objects_free(&g->deletes);
    mola_build_objects(&g->build, &g->deletes);
    g->ref.dv_base = g->ref.dv_rand = 0;
    g->info.deleted = 0;
    if (same || g->info.rows == 0)
        return MOLA_OK;
    MOLA_SOMETIMES(merge_carries_deletes);
    mola_view *view;
    mola_err err = mola_view_build(&g->build.ctx, g->build.name, held, 0, 0, &view);
    if (err)
        return err;
    size_t words = mola_words(g->info.rows);
    uint64_t *dead = mola_alloc_array(g->build.heap, uint64_t, words);
    if (dead) {
        g->info.deleted = carry_view(g, view, dead);
        mola_object_place place = mola_build_place(&g->build, mola_held_manifest(held));
        g->ref.dv_base = g->info.deleted ? place.base : 0;
        g->ref.dv_rand = g->info.deleted ? place.rand : 0;
        if (g->info.deleted)
            err = mola_build_deletes(&g->build, place, &g->ref, g->info.rows, dead, &g->deletes);
    } else {
        err = MOLA_NO_MEMORY;
    }
    mola_free(g->build.heap, dead, dead ? words * sizeof *dead : 0);
    mola_view_unref(view);
    return err;
}

/* ------------------------------------------------------------------ publishing */
/* The one of the inputs that has rows, or the first when none has. */
static uint32_t kept_input(const mola_manifest *m, uint32_t first, uint32_t count)
{
    uint32_t kept = first;
    for (uint32_t i = first; i < first + count; i++) {
        if (m->infos[i].rows)
            kept = i;
    }
    return kept;
}

/* Inputs [first, first + count) become the output in place. Without rows it is nothing but a number
 * of entries: a neighbour takes them over. */
static void put_output(const merge *g, mola_manifest *next, uint32_t first)
{
    uint32_t count = g->plan.count;
    mola_segment_ref ref = g->ref;
    mola_segment_info info = g->info;
    uint32_t from = first, all = count;
    if (info.rows == 0 && next->segment_count > count) {
        uint32_t neighbour = first > 0 ? first - 1 : first + count;
        ref = next->segments[neighbour];
        info = next->infos[neighbour];
        from = first > 0 ? first - 1 : first;
        all = count + 1;
    } else if (info.rows == 0) {
        info = (mola_segment_info){.rows = 0};
    }
    ref.seq_from = next->segments[from].seq_from;
    ref.seq_to = next->segments[from + all - 1].seq_to;
    mola_table_replace(next, from, all, &ref, &info);
}

static mola_err make_next(merge *g, const mola_manifest *now, uint32_t first, mola_manifest *next)
{
    mola_table_room more = {.retired = 2 * g->plan.count,
                            .inlines = g->output.held_count + g->deletes.held_count};
    mola_err err = mola_table_copy(now, more, &g->build.arena, next);
    if (err)
        return err;
    uint64_t now_us = mola_wall_us(g->build.ctx.env);
    for (uint32_t i = first; i < first + g->plan.count; i++) {
        mola_table_retire_segment(next, &next->segments[i], next->infos[i].rows, now_us);
        mola_table_retire_deletes(next, &next->segments[i], now_us);
    }
    put_output(g, next, first);
    mola_new_objects *const sets[] = {&g->output, &g->deletes};
    return mola_table_place(next, sets, 2, g->build.indexer->config.inline_bytes_max);
}

/* One of two neighbours has no rows: nothing is built. */
static mola_err make_absorbed(merge *g, const mola_manifest *now, uint32_t first,
                              mola_manifest *next)
{
    mola_err err = mola_table_copy(now, (mola_table_room){0}, &g->build.arena, next);
    if (err)
        return err;
    uint32_t last = first + g->plan.count - 1, kept = kept_input(next, first, g->plan.count);
    mola_segment_ref ref = next->segments[kept];
    mola_segment_info info = next->infos[kept];
    ref.seq_from = next->segments[first].seq_from;
    ref.seq_to = next->segments[last].seq_to;
    mola_table_replace(next, first, g->plan.count, &ref, &info);
    return MOLA_OK;
}

/* One attempt, judged by the newest manifest (I9). *again: somebody else was faster with something
 * else. */
static mola_err publish_once(merge *g, mola_held *now, bool *again)
{
    const mola_manifest *m = mola_held_manifest(now);
    const mola_manifest *then = mola_held_manifest(g->from);
    mola_err err = mola_table_fits(m, then->nsid, then->ver, g->build.ctx.why);
    if (err)
        return err;
    uint32_t first = inputs_in(g, m);
    if (first == MOLA_NOWHERE) {
        MOLA_SOMETIMES(merge_lost_inputs);
        return mola_fail(g->build.ctx.why, MOLA_CONFLICT, "another indexer merged meanwhile");
    }
    mola_manifest next;
    if (g->plan.kind == MOLA_MERGE_ABSORB) {
        err = make_absorbed(g, m, first, &next);
    } else {
        err = carry_deletes(g, now, first);
        *again = err == MOLA_CONFLICT;
        if (!err)
            err = make_next(g, m, first, &next);
    }
    if (!err) {
        err = mola_build_publish(&g->build, now, &next);
        *again = err == MOLA_CONFLICT;
    }
    return err;
}

static mola_err publish(merge *g)
{
    for (int round = 0; round < MOLA_PUBLISH_ROUNDS_MAX; round++) {
        mola_held *now;
        bool again = false;
        mola_err err = mola_manifest_read(&g->build.ctx, g->build.name, &now);
        if (err)
            return err;
        err = publish_once(g, now, &again);
        mola_held_unref(now);
        if (!again)
            return err;
        mola_why_clear(g->build.ctx.why);
        err = mola_build_may_go_on(&g->build);
        if (err)
            return err;
    }
    return mola_fail(g->build.ctx.why, MOLA_CONFLICT, "the manifest is changing too fast");
}

/* The newest manifest, what to merge in it, and the output. MOLA_CONFLICT: it was outrun. */
static mola_err prepare(merge *g, bool force)
{
    mola_err err = mola_manifest_read(&g->build.ctx, g->build.name, &g->from);
    if (err || mola_held_manifest(g->from)->deleted)
        return err;
    err = choose(g, force);
    if (!err && g->plan.kind == MOLA_MERGE_REWRITE)
        err = build_output(g);
    return err;
}

static mola_err run(merge *g, bool force, bool *did)
{
    mola_err err = prepare(g, force);
    if (err || g->plan.kind == MOLA_MERGE_NOTHING)
        return err;
    err = publish(g);
    if (!err) {
        mola_count(g->build.ctx.env->metrics, MOLA_M_index_merges_total, 1);
        *did = true;
    }
    return err;
}

mola_err mola_index_merge(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool force,
                          bool *did)
{
    *did = false;
    merge g = {0};
    mola_err err = mola_build_begin(&g.build, ctx, indexer, name);
    if (err)
        return err;
    mola_build_objects(&g.build, &g.output);
    mola_build_objects(&g.build, &g.deletes);
    err = run(&g, force, did);
    mola_new_objects_free(&g.output);
    mola_new_objects_free(&g.deletes);
    if (g.view)
        mola_view_unref(g.view);
    mola_held_unref(g.from);
    err = mola_build_end(&g.build, err);
    if (err == MOLA_NOT_FOUND) { /* deleted meanwhile: nothing is left to do */
        mola_why_clear(ctx->why);
        err = MOLA_OK;
    }
    return err;
}
