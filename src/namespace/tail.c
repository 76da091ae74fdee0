#include "namespace/tail.h"
#include "mola/namespace/publish.h"
#include "namespace/live.h"
#include "namespace/trail.h"

#define NOWHERE MOLA_NOWHERE

/* One document that an entry mentions, and what becomes of it. */
typedef struct {
    uint32_t row;               /* of the entry: its first mention */
    uint32_t old_part, old_row; /* where the view holds it; NOWHERE: it does not */
    enum { GONE, OLD, UPSERTED } base;
    uint32_t upsert;     /* UPSERTED: the row of the entry */
    uint32_t patch_last; /* the newest patch over the base; NOWHERE: none */
    uint32_t fetched;    /* OLD, in a segment: the row of the fetched columns */
} document;

typedef struct {
    mola_ctx *ctx;   /* with `scratch` as its arena */
    mola_heap *heap; /* of what is made */
    const mola_view *on;
    const mola_rows *rows;
    const mola_known *known;
    mola_arena scratch;
    mola_row_at *at;     /* where the view holds the ids of the rows */
    document *documents; /* in order of first mention */
    uint32_t document_count;
    uint32_t *slots; /* id -> document + 1, open addressing */
    uint64_t slot_count;
    uint32_t *patch_before; /* row of a patch -> the older patch of the same document */
    uint32_t live_count;    /* documents that exist afterwards */
    bool any_patched;       /* one of them is more than a row of the entry */
} resolution;

static document *document_of(resolution *r, uint32_t row)
{
    mola_value id = mola_column_element(&r->rows->ids, row);
    uint64_t at = mola_value_hash(&id) & (r->slot_count - 1);
    for (; r->slots[at]; at = (at + 1) & (r->slot_count - 1)) {
        document *known = &r->documents[r->slots[at] - 1];
        mola_value other = mola_column_element(&r->rows->ids, known->row);
        if (mola_value_eq(&id, &other))
            return known;
    }
    document *d = &r->documents[r->document_count++];
    r->slots[at] = r->document_count;
    *d = (document){.row = row, .old_part = NOWHERE, .patch_last = NOWHERE};
    if (r->at[row].part != NOWHERE) {
        d->old_part = r->at[row].part;
        d->old_row = r->at[row].row;
        d->base = OLD;
    }
    return d;
}

/* Walks the rows in order: a later one wins, a patch lies over what was there, a patch of nothing
 * does nothing. */
static mola_err resolve(resolution *r)
{
    uint32_t count = r->rows->count;
    r->slot_count = 2;
    while (r->slot_count < (uint64_t)count + count / 2 + 1)
        r->slot_count *= 2;
    r->documents = mola_new(&r->scratch, document, count);
    r->patch_before = mola_new(&r->scratch, uint32_t, count);
    r->slots = mola_new(&r->scratch, uint32_t, r->slot_count);
    r->at = mola_new(&r->scratch, mola_row_at, count);
    if (!r->documents || !r->patch_before || !r->slots || !r->at)
        return MOLA_NO_MEMORY;
    mola_err err = mola_known_locate(r->ctx, r->on, r->known, &r->rows->ids, r->at);
    if (err)
        return err;
    for (uint32_t row = 0; row < count; row++) {
        document *d = document_of(r, row);
        if (r->rows->ops[row] == MOLA_OP_PATCH) {
            if (d->base == GONE)
                continue;
            r->patch_before[row] = d->patch_last;
            d->patch_last = row;
        } else {
            d->base = r->rows->ops[row] == MOLA_OP_UPSERT ? UPSERTED : GONE;
            d->upsert = row;
            d->patch_last = NOWHERE;
        }
    }
    for (uint32_t i = 0; i < r->document_count; i++) {
        r->live_count += r->documents[i].base != GONE;
        r->any_patched |= r->documents[i].patch_last != NOWHERE;
    }
    return MOLA_OK;
}

static const mola_row_column *column_of(const mola_rows *rows, uint32_t attr)
{
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (rows->columns[i].attr == attr)
            return &rows->columns[i];
    }
    return NULL;
}

/* Attribute `attr` of document `d` as it is after the entry: from the newest patch that mentions
 * it, else from the base; `fetched` are the values of bases in segments. */
static mola_err add_value(mola_column_builder *b, const resolution *r, const document *d,
                          uint32_t attr, const mola_row_column *given, const mola_column *fetched)
{
    for (uint32_t row = d->patch_last; given && row != NOWHERE; row = r->patch_before[row]) {
        if (given->given ? mola_bit(given->given, row) : mola_column_has(&given->column, row))
            return mola_part_add_cell(b, &given->column, row);
    }
    if (d->base == UPSERTED)
        return mola_part_add_cell(b, given ? &given->column : NULL, d->upsert);
    const mola_part *old = r->on->parts[d->old_part].part;
    if (old->segment)
        return mola_part_add_cell(b, fetched && fetched->rows ? fetched : NULL, d->fetched);
    return mola_part_add_cell(b, mola_part_attr_column(old, attr), d->old_row);
}

/* The old rows in segments that patches lie over: all their attributes, in one batch. `fetched`
 * gets a column for each attribute of `attrs`, where the view has it. */
static mola_err fetch_bases(resolution *r, const mola_attr *const *attrs, uint32_t attr_count,
                            mola_column *fetched)
{
    mola_row_at *at = mola_new(&r->scratch, mola_row_at, r->document_count);
    uint32_t *wanted = mola_new(&r->scratch, uint32_t, attr_count);
    uint32_t *places = mola_new(&r->scratch, uint32_t, attr_count);
    uint32_t count = 0, wanted_count = 0;
    if (!at || !wanted || !places)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < r->document_count; i++) {
        document *d = &r->documents[i];
        if (d->base != OLD || d->old_part >= r->on->segment_count)
            continue;
        d->fetched = count;
        at[count++] = (mola_row_at){.part = d->old_part, .row = d->old_row};
    }
    if (count == 0)
        return MOLA_OK;
    MOLA_SOMETIMES(patch_over_segment);
    for (uint32_t a = 0; a < attr_count; a++) {
        if (!mola_state_attr(r->on->state, attrs[a]->id))
            continue;
        places[wanted_count] = a;
        wanted[wanted_count++] = attrs[a]->id;
    }
    mola_column *columns;
    mola_err err = mola_view_gather(r->ctx, r->on, at, count, wanted, wanted_count, &columns);
    for (uint32_t i = 0; i < wanted_count && !err; i++)
        fetched[places[i]] = columns[i];
    return err;
}

static bool is_mentioned(const resolution *r, const bool *old_parts, uint32_t attr)
{
    if (column_of(r->rows, attr))
        return true;
    for (uint32_t i = 0; i < r->on->part_count; i++) {
        if (old_parts[i] && mola_part_has_attr(r->on->parts[i].part, attr))
            return true;
    }
    return false;
}

/* Rows of a new part from older columns plus patches: every live document becomes one full row. */
static mola_err build_rows(resolution *r, const mola_state *state, mola_part **out)
{
    bool *old_parts = mola_new(&r->scratch, bool, r->on->part_count);
    const mola_attr **attrs = mola_state_sorted(state, &r->scratch);
    if (!old_parts || !attrs)
        return MOLA_NO_MEMORY;
    for (uint32_t i = 0; i < r->document_count; i++) {
        if (r->documents[i].base == OLD)
            old_parts[r->documents[i].old_part] = true;
    }
    uint32_t attr_count = 0; /* a dropped attribute is left behind here */
    for (uint32_t i = 0; i < state->attr_count; i++) {
        if (is_mentioned(r, old_parts, attrs[i]->id))
            attrs[attr_count++] = attrs[i];
    }

    mola_part *part;
    mola_column *fetched = mola_new(&r->scratch, mola_column, attr_count);
    mola_err err = fetched ? fetch_bases(r, attrs, attr_count, fetched) : MOLA_NO_MEMORY;
    if (!err)
        err = mola_part_begin(r->heap, r->rows->ids.type, attrs, attr_count, &part);
    if (err)
        return err;
    for (uint32_t i = 0; i < r->document_count && !err; i++) {
        if (r->documents[i].base != GONE)
            err = mola_column_add_row(&part->builders[0], &r->rows->ids, r->documents[i].row);
    }
    for (uint32_t a = 0; a < attr_count && !err; a++) {
        const mola_row_column *given = column_of(r->rows, attrs[a]->id);
        for (uint32_t i = 0; i < r->document_count && !err; i++) {
            if (r->documents[i].base != GONE) {
                err = add_value(&part->builders[a + 1], r, &r->documents[i], attrs[a]->id, given,
                                &fetched[a]);
            }
        }
    }
    if (!err)
        err = mola_part_finish(part);
    if (err) {
        mola_part_unref(part);
    } else {
        *out = part;
    }
    return err;
}

/* The rows of the entry in place, those that no later row replaced being live. */
static mola_err keep_rows(resolution *r, mola_image *image, mola_view_part *out)
{
    mola_live *live = NULL;
    if (r->live_count < r->rows->count) {
        live = mola_live_new(r->heap, r->rows->count);
        if (!live)
            return MOLA_NO_MEMORY;
        for (uint32_t i = 0; i < r->document_count; i++) {
            if (r->documents[i].base == UPSERTED) {
                live->bits[r->documents[i].upsert / 64] |= (uint64_t)1
                                                           << r->documents[i].upsert % 64;
            }
        }
    }
    mola_part *part;
    mola_err err = mola_part_of_rows(r->heap, r->rows, image, live ? live->bits : NULL, &part);
    if (err) {
        mola_live_unref(live);
        return err;
    }
    *out = (mola_view_part){.part = part,
                            .rows = part->rows,
                            .live_rows = r->live_count,
                            .live = live ? live->bits : NULL,
                            .live_owner = live};
    return MOLA_OK;
}

mola_view *mola_view_draft(mola_heap *heap, const mola_view *on, uint32_t more)
{
    size_t size = sizeof *on + (on->part_count + more) * sizeof on->parts[0];
    mola_view *view = mola_alloc(heap, size);
    if (!view)
        return NULL;
    size_t skip = offsetof(mola_view, heap); /* not the count of owners, which others change */
    memcpy((char *)view + skip, (const char *)on + skip,
           sizeof *on - skip + on->part_count * sizeof on->parts[0]);
    mola_ref_init(&view->ref);
    view->heap = heap;
    view->bytes = size;
    for (uint32_t i = 0; i < view->part_count; i++) {
        mola_part_ref(view->parts[i].part);
        if (view->parts[i].live_owner)
            mola_live_ref(view->parts[i].live_owner);
    }
    if (view->state)
        mola_state_ref(view->state);
    if (view->held)
        mola_held_ref(view->held);
    mola_trail_ref(view);
    return view;
}

static void drop_part(mola_view *draft, uint32_t index)
{
    draft->segment_count -= index < draft->segment_count;
    mola_live_unref(draft->parts[index].live_owner);
    mola_part_unref(draft->parts[index].part);
    draft->part_count--;
    memmove(&draft->parts[index], &draft->parts[index + 1],
            (draft->part_count - index) * sizeof draft->parts[0]);
}

/* Shadows what the entry replaces, then adds the part of what it leaves. */
static mola_err change_rows(mola_view *draft, resolution *r, mola_image *image)
{
    mola_err err = resolve(r);
    if (err)
        return err;
    for (uint32_t i = 0; i < r->document_count; i++) {
        const document *d = &r->documents[i];
        if (d->old_part == NOWHERE)
            continue;
        MOLA_ASSERT(d->base != OLD || d->patch_last != NOWHERE);
        err = mola_live_clear(draft->heap, &draft->parts[d->old_part], d->old_row);
        if (err)
            return err;
        draft->live_rows--;
    }
    if (r->live_count == 0)
        return MOLA_OK;
    mola_view_part *added = &draft->parts[draft->part_count];
    if (!r->any_patched && image) {
        err = keep_rows(r, image, added);
    } else {
        *added = (mola_view_part){0};
        err = build_rows(r, draft->state, &added->part);
        if (!err)
            added->rows = added->live_rows = added->part->rows;
    }
    if (err)
        return err;
    MOLA_ASSERT(added->live_rows == r->live_count);
    added->part->home = draft->home;
    draft->part_count++;
    draft->live_rows += r->live_count;
    return MOLA_OK;
}

static mola_err resolve_and_change(mola_ctx *ctx, mola_view *draft, const mola_view *on,
                                   const mola_rows *rows, const mola_known *known,
                                   mola_image *image)
{
    mola_ctx own = *ctx;
    own.pins = NULL;
    resolution r = {.ctx = &own,
                    .heap = draft->heap,
                    .on = on,
                    .rows = rows,
                    .known = known,
                    .scratch = mola_scratch(draft->heap)};
    own.arena = &r.scratch;
    mola_err err = change_rows(draft, &r, image);
    mola_view_release(&own, NULL);
    mola_arena_reset(&r.scratch);
    ctx->roundtrips = own.roundtrips;
    ctx->bytes_read = own.bytes_read;
    return err;
}

static mola_err change(mola_ctx *ctx, mola_view *draft, const mola_view *on, const mola_rows *rows,
                       const mola_known *known, mola_image *image)
{
    static const mola_known nothing;
    if (rows->count == 0)
        return MOLA_OK;
    MOLA_ASSERT(draft->state);
    known = known ? known : &nothing;
    mola_err err = mola_view_only_deletes(rows)
                       ? mola_view_delete(ctx, draft, on, rows, known)
                       : resolve_and_change(ctx, draft, on, rows, known, image);
    if (err)
        return err;
    for (uint32_t i = draft->part_count; i-- > 0;) {
        if (draft->parts[i].live_rows == 0)
            drop_part(draft, i);
    }
    return MOLA_OK;
}

static void set_state(mola_view *draft, mola_state *state)
{
    if (!state)
        return;
    mola_state_ref(state);
    if (draft->state)
        mola_state_unref(draft->state);
    draft->state = state;
}

/* created, updated and last write by reference 9.4: settings move none of them. The rows of a
 * branch or a copy are as old as those of its source. */
static void set_times(mola_view *draft, const mola_entry *entry)
{
    bool created = entry->flags & MOLA_ENTRY_CREATE;
    bool borrows = entry->flags & (MOLA_ENTRY_BRANCH | MOLA_ENTRY_COPY);
    bool wrote = (created && !borrows) || entry->rows.count > 0;
    draft->time_us = entry->time_us;
    if (created)
        draft->created_us = entry->time_us;
    if (wrote)
        draft->written_us = entry->time_us;
    if (created || wrote || (entry->flags & MOLA_ENTRY_SCHEMA))
        draft->updated_us = entry->time_us;
}

mola_err mola_view_apply(mola_ctx *ctx, const mola_view *on, const mola_entry *entry,
                         mola_image *image, uint64_t log_bytes, const mola_known *known,
                         mola_view **out)
{
    MOLA_ASSERT(!on->sealed); /* nothing is ever appended behind a SEAL (I8) */
    MOLA_ASSERT(!on->opening);
    mola_view *draft = mola_view_draft(on->heap, on, 1);
    if (!draft)
        return MOLA_NO_MEMORY;
    set_state(draft, entry->state);
    mola_err err = change(ctx, draft, on, &entry->rows, known, image);
    if (err) {
        mola_view_unref(draft);
        return err;
    }
    set_times(draft, entry);
    draft->seq = on->seq + 1;
    mola_trail_add(draft, draft->seq, &entry->rows);
    draft->chain = mola_entry_chain(entry);
    draft->log_bytes += log_bytes;
    draft->log_rows += entry->rows.count;
    draft->sealed = entry->flags & MOLA_ENTRY_SEAL;
    mola_view_compact(draft);
    *out = draft;
    return MOLA_OK;
}

mola_err mola_view_overlay(mola_ctx *ctx, mola_heap *heap, const mola_view *on,
                           const mola_rows *rows, const mola_known *known, mola_state *state,
                           mola_view **out)
{
    mola_view *draft = mola_view_draft(heap, on, 1);
    if (!draft)
        return MOLA_NO_MEMORY;
    draft->home = NULL; /* its parts live for a moment, on another heap */
    set_state(draft, state);
    mola_err err = change(ctx, draft, on, rows, known, NULL);
    if (err) {
        mola_view_unref(draft);
        return err;
    }
    mola_view_compact(draft);
    *out = draft;
    return MOLA_OK;
}
