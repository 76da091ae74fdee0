/* A flush: the newest log entries become a segment (protocol section 8). */
#include "index/build.h"
#include "mola/base/check.h"

enum {
    OPEN_ROUNDS_MAX = 4,
    LOG_PART = 4, /* of a step's memory: encoded bytes of the log that one flush takes */
    LOG_BYTES_MIN = 1 << 20,
    LOG_ROWS_MAX = 1 << 22
};

/* What becomes of a segment that stands already. */
typedef struct {
    bool changed; /* rows of it died since its delete vector was written */
    mola_object_place place;
    uint32_t dead;
} new_deletes;

typedef struct {
    mola_build build;
    mola_held *from; /* the manifest that it began with */
    mola_view *view; /* at the last entry that is flushed */
    uint64_t base;
    mola_new_objects segment;
    mola_segment_ref ref;
    mola_segment_info info;
    /* The delete vectors go with one segment table; another one, another view of the same entries.
     */
    mola_held *table;
    mola_view *against;
    mola_new_objects deletes;
    new_deletes *rows; /* one for each segment of the table */
} flush;

/* ------------------------------------------------------------------ reading the log */
static mola_err build_view(flush *f, mola_held *held, uint64_t bytes_max, uint64_t rows_max,
                           mola_view **out)
{
    mola_err err = MOLA_NO_MEMORY;
    for (; err == MOLA_NO_MEMORY; bytes_max /= 4) {
        err = mola_view_build(&f->build.ctx, f->build.name, held, bytes_max, rows_max, out);
        if (err == MOLA_NO_MEMORY && bytes_max < LOG_BYTES_MIN)
            break;
        if (err == MOLA_NO_MEMORY)
            mola_why_clear(f->build.ctx.why);
    }
    return err;
}

/* The manifest, and a view of as many entries behind it as one flush takes. *any false: none. */
static mola_err open_view(flush *f, bool *any)
{
    mola_err err = MOLA_CONFLICT;
    uint64_t bytes_max = mola_indexer_share(f->build.indexer) / LOG_PART;
    *any = false;
    for (int round = 0; round < OPEN_ROUNDS_MAX && err == MOLA_CONFLICT; round++) {
        mola_held_unref(f->from);
        f->from = NULL;
        err = mola_manifest_read(&f->build.ctx, f->build.name, &f->from);
        if (err || mola_held_manifest(f->from)->deleted)
            return err;
        err = build_view(f, f->from, bytes_max > LOG_BYTES_MIN ? bytes_max : LOG_BYTES_MIN,
                         LOG_ROWS_MAX, &f->view);
    }
    if (!err)
        *any = f->view->seq > mola_held_manifest(f->from)->indexed_seq;
    return err;
}

/* ------------------------------------------------------------------ the new segment */
static mola_err pause_flush(void *argument)
{
    flush *f = argument;
    return mola_build_may_go_on(&f->build);
}

static mola_err build_segment(flush *f)
{
    const mola_manifest *m = mola_held_manifest(f->from);
    f->base = m->ver;
    f->segment.place = mola_build_place(&f->build, m);
    f->ref = (mola_segment_ref){.base = f->base,
                                .rand = f->segment.place.rand,
                                .seq_from = m->indexed_seq + 1,
                                .seq_to = f->view->seq};
    memcpy(f->ref.owner, m->nsid, sizeof f->ref.owner);
    const mola_build_rows tail = {.view = f->view,
                                  .part_first = f->view->segment_count,
                                  .part_until = f->view->part_count,
                                  .pause = pause_flush,
                                  .argument = f};
    if (tail.part_first == tail.part_until)
        return MOLA_OK; /* the entries left no row */
    return mola_build_segment(&f->build, &tail, &f->segment, &f->info);
}

/* ------------------------------------------------------------------ delete vectors */
static mola_err add_deletes(flush *f, const mola_segment_ref *ref, uint32_t rows,
                            const mola_view_part *part, new_deletes *out)
{
    size_t words = mola_words(rows);
    uint64_t *dead = mola_alloc_array(f->build.heap, uint64_t, words);
    if (!dead)
        return MOLA_NO_MEMORY;
    for (size_t i = 0; i < words; i++)
        dead[i] = part ? ~part->live[i] : UINT64_MAX;
    if (rows % 64)
        dead[words - 1] &= ((uint64_t)1 << rows % 64) - 1;
    out->changed = true;
    out->place = mola_build_place(&f->build, mola_held_manifest(f->table));
    mola_err err = mola_build_deletes(&f->build, out->place, ref, rows, dead, &f->deletes);
    mola_free(f->build.heap, dead, words * sizeof *dead);
    return err;
}

/* Rows only ever die, so a number says whether there are new ones. */
static mola_err compare_deletes(flush *f, uint32_t i)
{
    const mola_manifest *m = mola_held_manifest(f->table);
    uint32_t rows = m->infos[i].rows, at = mola_table_part(f->against, &m->segments[i]);
    if (rows == 0)
        return MOLA_OK;
    const mola_view_part *part = at == MOLA_NOWHERE ? NULL : &f->against->parts[at];
    MOLA_ASSERT(!part || part->rows == rows);
    f->rows[i].dead = part ? rows - part->live_rows : rows;
    if (f->rows[i].dead == m->infos[i].deleted)
        return MOLA_OK;
    if (f->rows[i].dead < m->infos[i].deleted) {
        return mola_fail(f->build.ctx.why, MOLA_CORRUPT,
                         "a delete vector has fewer rows than the manifest says");
    }
    return add_deletes(f, &m->segments[i], rows, part, &f->rows[i]);
}

/* Against the table of `held`, as `view` shows it at the end of the flushed entries: both are
 * handed over. */
static mola_err set_table(flush *f, mola_held *held, mola_view *view)
{
    mola_held_unref(f->table);
    if (f->against)
        mola_view_unref(f->against);
    f->table = held;
    f->against = view;
    mola_new_objects_free(&f->deletes);
    mola_build_objects(&f->build, &f->deletes);
    uint32_t count = mola_held_manifest(held)->segment_count;
    f->rows = mola_new(&f->build.arena, new_deletes, count);
    mola_err err = f->rows ? MOLA_OK : MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < count && !err; i++)
        err = compare_deletes(f, i);
    return err;
}

/* Somebody merged meanwhile: the same entries over the new table. MOLA_CONFLICT: that is not the
 * newest either. */
static mola_err follow_table(flush *f, mola_held *now)
{
    mola_view *view;
    mola_err err =
        mola_view_build(&f->build.ctx, f->build.name, now, f->view->log_bytes, UINT64_MAX, &view);
    if (err)
        return err;
    if (view->seq != f->view->seq || view->chain != f->view->chain) {
        mola_view_unref(view);
        return mola_fail(f->build.ctx.why, MOLA_UNAVAILABLE,
                         "the log entries of a flush could not be read again");
    }
    mola_held_ref(now);
    return set_table(f, now, view);
}

/* ------------------------------------------------------------------ publishing */
/* A segment without rows is nothing but a number of entries: its neighbour takes them over. */
static void append_segment(const flush *f, mola_manifest *next)
{
    uint32_t count = next->segment_count, last = count - 1;
    if (count && f->info.rows == 0) {
        next->segments[last].seq_to = f->ref.seq_to;
        return;
    }
    mola_segment_ref ref = f->ref;
    if (count && next->infos[last].rows == 0) {
        ref.seq_from = next->segments[last].seq_from;
        next->segment_count = count = last;
    }
    next->segments[count] = ref;
    next->infos[count] = f->info;
    next->segment_count++;
}

static mola_err make_next(flush *f, const mola_manifest *now, mola_manifest *next)
{
    mola_table_room more = {.segments = 1,
                            .retired = now->segment_count,
                            .inlines = f->segment.held_count + f->deletes.held_count};
    mola_err err = mola_table_copy(now, more, &f->build.arena, next);
    if (err)
        return err;
    uint64_t now_us = mola_wall_us(f->build.ctx.env);
    for (uint32_t i = 0; i < now->segment_count; i++) {
        if (!f->rows[i].changed)
            continue;
        mola_table_retire_deletes(next, &next->segments[i], now_us);
        next->segments[i].dv_base = f->rows[i].place.base;
        next->segments[i].dv_rand = f->rows[i].place.rand;
        next->infos[i].deleted = f->rows[i].dead;
    }
    append_segment(f, next);
    const mola_view *view = f->view;
    next->indexed_seq = view->seq;
    next->indexed_chain = view->chain;
    next->indexed_time_us = view->time_us;
    next->created_us = view->created_us;
    next->updated_us = view->updated_us;
    next->written_us = view->written_us;
    next->state = view->state;
    mola_new_objects *const sets[] = {&f->segment, &f->deletes};
    return mola_table_place(next, sets, 2, f->build.indexer->config.inline_bytes_max);
}

/* One attempt, judged by the newest manifest (I9). *again: somebody else was faster with something
 * else. */
static mola_err publish_once(flush *f, mola_held *now, bool *again)
{
    const mola_manifest *m = mola_held_manifest(now);
    mola_err err = mola_table_fits(m, f->ref.owner, f->base, f->build.ctx.why);
    if (err)
        return err;
    if (m->indexed_seq + 1 != f->ref.seq_from) {
        MOLA_SOMETIMES(flush_lost_race);
        return mola_fail(f->build.ctx.why, MOLA_CONFLICT, "another indexer was faster");
    }
    if (!mola_table_same_segments(m, mola_held_manifest(f->table))) {
        MOLA_SOMETIMES(flush_follows_merge);
        err = follow_table(f, now);
        *again = err == MOLA_CONFLICT;
    }
    mola_manifest next;
    if (!err)
        err = make_next(f, m, &next);
    if (!err) {
        err = mola_build_publish(&f->build, now, &next);
        *again = err == MOLA_CONFLICT;
    }
    return err;
}

static mola_err publish(flush *f)
{
    mola_err err = MOLA_OK;
    for (int round = 0; round < MOLA_PUBLISH_ROUNDS_MAX; round++) {
        mola_held *now;
        bool again = false;
        err = mola_manifest_read(&f->build.ctx, f->build.name, &now);
        if (err)
            return err;
        err = publish_once(f, now, &again);
        mola_held_unref(now);
        if (!again)
            return err;
        mola_why_clear(f->build.ctx.why);
        err = mola_build_may_go_on(&f->build);
        if (err)
            return err;
    }
    return mola_fail(f->build.ctx.why, MOLA_CONFLICT, "the manifest is changing too fast");
}

static mola_err run(flush *f, bool *did)
{
    bool any;
    mola_err err = open_view(f, &any);
    if (err || !any)
        return err;
    err = build_segment(f);
    if (err)
        return err;
    mola_held_ref(f->from);
    mola_view_ref(f->view);
    err = set_table(f, f->from, f->view);
    if (!err)
        err = publish(f);
    if (!err) {
        mola_count(f->build.ctx.env->metrics, MOLA_M_index_flushes_total, 1);
        *did = true;
    }
    return err;
}

mola_err mola_index_flush(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did)
{
    bool more;
    return mola_flush_some(ctx, indexer, name, did, &more);
}

mola_err mola_flush_some(mola_ctx *ctx, mola_indexer *indexer, mola_str name, bool *did, bool *more)
{
    *did = *more = false;
    flush f = {0};
    mola_err err = mola_build_begin(&f.build, ctx, indexer, name);
    if (err)
        return err;
    mola_build_objects(&f.build, &f.segment);
    mola_build_objects(&f.build, &f.deletes);
    err = run(&f, did);
    *more = *did && (f.view->log_bytes >= LOG_BYTES_MIN || f.view->log_rows >= LOG_ROWS_MAX);
    mola_new_objects_free(&f.segment);
    mola_new_objects_free(&f.deletes);
    if (f.against)
        mola_view_unref(f.against);
    if (f.view)
        mola_view_unref(f.view);
    mola_held_unref(f.table);
    mola_held_unref(f.from);
    err = mola_build_end(&f.build, err);
    if (err == MOLA_NOT_FOUND) { /* deleted meanwhile: nothing is left to do */
        mola_why_clear(ctx->why);
        err = MOLA_OK;
    }
    return err;
}
