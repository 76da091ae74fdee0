/* From a manifest to a view: its segments are opened, and what the log holds behind them is for
 * catching up. The objects that opening needs go out together with the first probe of the log. */
#include "mola/format/delete_vector.h"
#include "namespace/live.h"
#include "namespace/segment.h"

enum { LEASE_FENCES = 10 }; /* L of protocol I7, in W */

/* One segment that is yet to be opened. */
typedef struct {
    const mola_segment_ref *ref;
    const mola_segment_info *info;
    mola_part *part; /* known from an older view: its head is not read again. One reference */
    mola_key head_key, deletes_key;
    mola_store_op *head, *deletes; /* of the batch; NULL: not asked for */
} opening_segment;

struct mola_opening {
    mola_heap *heap;
    size_t size;
    uint32_t count;
    opening_segment segments[];
};

void mola_opening_free(mola_opening *opening)
{
    if (!opening)
        return;
    for (uint32_t i = 0; i < opening->count; i++) {
        if (opening->segments[i].part)
            mola_part_unref(opening->segments[i].part);
    }
    mola_free(opening->heap, opening, opening->size);
}

/* ------------------------------------------------------------------ inline objects */
static const mola_str *inline_object(const mola_manifest *m, const uint8_t owner[16], uint64_t base,
                                     uint64_t rand, uint32_t kind, uint32_t number)
{
    for (uint32_t i = 0; i < m->inline_count; i++) {
        const mola_inline_object *o = &m->inlines[i];
        if (o->kind == kind && o->number == number && o->base == base && o->rand == rand &&
            mola_same_nsid(o->owner, owner))
            return &o->bytes;
    }
    return NULL;
}

static const mola_str *inline_head(const mola_manifest *m, const mola_segment_ref *ref)
{
    return inline_object(m, ref->owner, ref->base, ref->rand, MOLA_OBJECT_HEAD, 0);
}

/* A delete vector lies under the namespace that deleted, not under the owner of the segment. */
static const mola_str *inline_deletes(const mola_manifest *m, const mola_segment_ref *ref)
{
    return inline_object(m, m->nsid, ref->dv_base, ref->dv_rand, MOLA_OBJECT_DELETES, 0);
}

/* ------------------------------------------------------------------ a view without its parts */
static mola_part *part_of(const mola_view *view, const mola_segment_ref *ref)
{
    for (uint32_t p = 0; view && p < view->segment_count; p++) {
        const mola_segment_id *id = &mola_part_segment(view->parts[p].part)->id;
        if (id->base == ref->base && id->rand == ref->rand && mola_same_nsid(id->owner, ref->owner))
            return view->parts[p].part;
    }
    return NULL;
}

static mola_opening *new_opening(mola_heap *heap, const mola_manifest *m, const mola_view *known)
{
    size_t size = sizeof(mola_opening) + m->segment_count * sizeof(opening_segment);
    mola_opening *o = mola_alloc(heap, size);
    if (!o)
        return NULL;
    o->heap = heap;
    o->size = size;
    for (uint32_t i = 0; i < m->segment_count; i++) {
        if (m->infos[i].rows == 0)
            continue;
        opening_segment *s = &o->segments[o->count++];
        *s = (opening_segment){.ref = &m->segments[i], .info = &m->infos[i]};
        s->part = part_of(known, s->ref);
        if (s->part)
            mola_part_ref(s->part);
    }
    return o;
}

static void set_manifest(mola_view *view, mola_held *held, uint64_t leased_until_ns)
{
    if (held != view->held) {
        mola_held_ref(held);
        mola_held_unref(view->held);
        view->held = held;
    }
    view->manifest_ver = held->manifest.ver;
    view->leased_until_ns = leased_until_ns;
}

static mola_view *new_view(mola_namespaces *all, mola_held *held, uint64_t leased_until_ns,
                           const mola_view *known)
{
    const mola_manifest *m = &held->manifest;
    mola_heap *heap = &all->views.heap;
    mola_view *view = mola_view_empty(heap, m->nsid, m->epoch, m->segment_count);
    if (!view)
        return NULL;
    view->home = all;
    view->opening = new_opening(heap, m, known);
    if (!view->opening) {
        mola_view_unref(view);
        return NULL;
    }
    view->seq = view->indexed_seq = m->indexed_seq;
    view->chain = m->indexed_chain;
    view->time_us = m->indexed_time_us;
    view->created_us = m->created_us;
    view->updated_us = m->updated_us;
    view->written_us = m->written_us;
    if (m->state) {
        mola_state_ref(m->state);
        view->state = m->state;
    }
    set_manifest(view, held, leased_until_ns);
    return view;
}

mola_err mola_opening_begin(mola_name *name, mola_held *held, uint64_t leased_until_ns,
                            const mola_view *known, mola_view **out, mola_why *why)
{
    mola_view *view;
    mola_err err;
    MOLA_WITH_ROOM(name, err,
                   (view = new_view(name->all, held, leased_until_ns, known)) ? MOLA_OK
                                                                              : MOLA_NO_MEMORY);
    if (err)
        return mola_fail_room(name, why);
    *out = view;
    return MOLA_OK;
}

uint64_t mola_lease_ns(const mola_namespaces *all)
{
    return LEASE_FENCES * all->fence_ns;
}

/* ------------------------------------------------------------------ reading what it needs */
size_t mola_opening_ops(mola_name *name, const mola_view *view, mola_store_op *ops)
{
    mola_opening *o = view->opening;
    if (!o) /* it is open, or of a birth and has no manifest */
        return 0;
    const mola_manifest *m = &view->held->manifest;
    size_t count = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        opening_segment *s = &o->segments[i];
        s->head = s->deletes = NULL;
        if (!s->part && !inline_head(m, s->ref)) {
            s->head_key = mola_key_segment(name->all->org, s->ref->owner, s->ref->base,
                                           s->ref->rand, MOLA_OBJECT_HEAD, 0);
            s->head = &ops[count++];
            *s->head = (mola_store_op){
                .verb = MOLA_GET, .key = mola_key_str(&s->head_key), .immutable = true};
        }
        if (s->info->deleted && !inline_deletes(m, s->ref)) {
            s->deletes_key =
                mola_key_deletes(name->all->org, m->nsid, s->ref->dv_base, s->ref->dv_rand);
            s->deletes = &ops[count++];
            *s->deletes = (mola_store_op){
                .verb = MOLA_GET, .key = mola_key_str(&s->deletes_key), .immutable = true};
        }
    }
    return count;
}

size_t mola_opening_ops_max(const mola_view *view)
{
    return view->opening ? 2 * (size_t)view->opening->count : 0;
}

/* ------------------------------------------------------------------ what came back */
typedef struct {
    mola_ask *ask;
    mola_name *name;
    const mola_manifest *m;
    mola_view *view;
} finishing;

static mola_err decode_head(finishing *f, opening_segment *s, mola_str image)
{
    mola_segment_id id = {.base = s->ref->base, .rand = s->ref->rand};
    memcpy(id.owner, s->ref->owner, sizeof id.owner);
    mola_str *objects = NULL;
    if (!s->head) { /* inline, and so are its data objects */
        objects = mola_new(&f->ask->arena, mola_str, s->info->object_count);
        for (uint32_t i = 0; objects && i < s->info->object_count; i++) {
            const mola_str *bytes =
                inline_object(f->m, s->ref->owner, s->ref->base, s->ref->rand, MOLA_OBJECT_DATA, i);
            if (!bytes)
                return mola_fail(f->ask->ctx.why, MOLA_CORRUPT, "an inline object is missing");
            objects[i] = *bytes;
        }
        if (!objects)
            return MOLA_NO_MEMORY;
    }
    mola_err err;
    MOLA_WITH_ROOM(
        f->name, err,
        mola_segment_part(f->name->all, &id, s->info, image, objects, &s->part, f->ask->ctx.why));
    return err;
}

static mola_err decode_deletes(finishing *f, opening_segment *s, mola_str image, mola_live **out)
{
    const mola_segment_head *head = mola_part_segment(s->part);
    mola_delete_vector_id id = {.base = s->ref->dv_base, .rand = s->ref->dv_rand};
    memcpy(id.owner, f->m->nsid, sizeof id.owner);
    uint64_t *dead;
    uint32_t dead_count;
    mola_err err = mola_delete_vector_decode(image, &id, &head->id, head->rows, &f->ask->arena,
                                             &dead, &dead_count, f->ask->ctx.why);
    if (!err && dead_count != s->info->deleted) {
        err = mola_fail(f->ask->ctx.why, MOLA_CORRUPT,
                        "a delete vector does not hold what the manifest says");
    }
    if (err)
        return err;
    mola_live *live;
    MOLA_WITH_ROOM(f->name, err,
                   (live = mola_live_new(f->view->heap, head->rows)) ? MOLA_OK : MOLA_NO_MEMORY);
    if (err)
        return err;
    for (size_t w = 0; w < mola_words(head->rows); w++)
        live->bits[w] = ~dead[w];
    if (head->rows % 64)
        live->bits[head->rows / 64] &= ((uint64_t)1 << head->rows % 64) - 1;
    *out = live;
    return MOLA_OK;
}

/* I14: no byte is believed unchecked; what is damaged is read once more. */
static mola_err reread(finishing *f, mola_store_op *op)
{
    MOLA_SOMETIMES(reread_corrupt);
    mola_why_clear(f->ask->ctx.why);
    *op = (mola_store_op){.verb = MOLA_GET, .key = op->key};
    mola_err err = mola_ask_get(f->ask, op, 1);
    return !err && op->err == MOLA_NOT_FOUND ? MOLA_CONFLICT : err;
}

static mola_err take_head(finishing *f, opening_segment *s)
{
    if (s->part)
        return MOLA_OK;
    if (!s->head)
        return decode_head(f, s, *inline_head(f->m, s->ref));
    mola_err err = decode_head(f, s, s->head->bytes);
    if (err == MOLA_CORRUPT) {
        err = reread(f, s->head);
        if (!err)
            err = decode_head(f, s, s->head->bytes);
    }
    return err == MOLA_CORRUPT ? mola_fail_object(&f->ask->ctx, err, s->head->key) : err;
}

/* *live stays NULL when no row is dead. */
static mola_err take_deletes(finishing *f, opening_segment *s, mola_live **live)
{
    if (!s->info->deleted)
        return MOLA_OK;
    if (!s->deletes)
        return decode_deletes(f, s, *inline_deletes(f->m, s->ref), live);
    mola_err err = decode_deletes(f, s, s->deletes->bytes, live);
    if (err == MOLA_CORRUPT) {
        err = reread(f, s->deletes);
        if (!err)
            err = decode_deletes(f, s, s->deletes->bytes, live);
    }
    return err == MOLA_CORRUPT ? mola_fail_object(&f->ask->ctx, err, s->deletes->key) : err;
}

/* The columns must be what the schema says: operators go by that. A list whose elements were not
 * known when the segment was written is empty. */
static mola_err check_types(finishing *f, const opening_segment *s)
{
    const mola_segment_head *head = mola_part_segment(s->part);
    const mola_state *state = f->m->state;
    bool ok = head->attrs[0].type.elem == state->id_type;
    for (uint32_t i = 1; i < head->attr_count; i++) {
        const mola_attr *a = mola_state_attr(state, head->attrs[i].attr);
        mola_type type = head->attrs[i].type;
        bool unknown = type.form == MOLA_FORM_ARRAY && type.elem == MOLA_ELEM_UNKNOWN;
        ok = ok && (!a || mola_type_eq(type, a->type) || (unknown && a->type.form == type.form));
    }
    if (ok)
        return MOLA_OK;
    return mola_fail(f->ask->ctx.why, MOLA_CORRUPT,
                     "a segment has other types than the schema of '%.*s'", (int)f->name->len,
                     f->name->text);
}

static mola_err attach(finishing *f, opening_segment *s)
{
    mola_live *live = NULL;
    mola_err err = take_head(f, s);
    if (!err)
        err = check_types(f, s);
    if (!err)
        err = take_deletes(f, s, &live);
    if (err)
        return err;
    uint32_t live_rows = s->info->rows - s->info->deleted;
    if (live_rows == 0) {
        mola_live_unref(live);
        return MOLA_OK;
    }
    f->view->parts[f->view->part_count++] = (mola_view_part){.part = s->part,
                                                             .rows = s->info->rows,
                                                             .live_rows = live_rows,
                                                             .live = live ? live->bits : NULL,
                                                             .live_owner = live};
    s->part = NULL;
    f->view->segment_count++;
    f->view->live_rows += live_rows;
    return MOLA_OK;
}

mola_err mola_opening_finish(mola_ask *ask, mola_name *name, mola_view *view)
{
    finishing f = {.ask = ask, .name = name, .m = &view->held->manifest, .view = view};
    mola_opening *o = view->opening;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < o->count && !err; i++) {
        const opening_segment *s = &o->segments[i];
        if ((s->head && s->head->err == MOLA_NOT_FOUND) ||
            (s->deletes && s->deletes->err == MOLA_NOT_FOUND)) {
            MOLA_SOMETIMES(segment_was_collected);
            return MOLA_CONFLICT; /* the manifest is an old one: read it again */
        }
        err = attach(&f, &o->segments[i]);
    }
    if (err)
        return err;
    mola_opening_free(o);
    view->opening = NULL;
    return MOLA_OK;
}

/* ------------------------------------------------------------------ the view of a name */
static bool same_segments(const mola_view *view, const mola_manifest *m)
{
    const mola_manifest *of = view->held ? &view->held->manifest : NULL;
    uint32_t count = of ? of->segment_count : 0;
    return count == m->segment_count &&
           (count == 0 || memcmp(of->segments, m->segments, count * sizeof *m->segments) == 0);
}

/* The same parts under a newer manifest, or with a longer lease. */
static mola_err renew(mola_name *name, mola_view **view, mola_held *held, uint64_t leased_until_ns,
                      mola_why *why)
{
    mola_view *renewed;
    mola_err err;
    MOLA_WITH_ROOM(name, err,
                   (renewed = mola_view_draft(&name->all->views.heap, *view, 0)) ? MOLA_OK
                                                                                 : MOLA_NO_MEMORY);
    if (err)
        return mola_fail_room(name, why);
    set_manifest(renewed, held, leased_until_ns);
    mola_view_install(name, renewed, false);
    mola_view_unref(*view);
    *view = renewed;
    return MOLA_OK;
}

static bool is_usable(const mola_view *view, const mola_manifest *m)
{
    return mola_same_nsid(view->nsid, m->nsid) && view->seq >= m->indexed_seq &&
           (view->manifest_ver > m->ver || same_segments(view, m));
}

mola_err mola_view_open(mola_ctx *ctx, mola_name *name, mola_view **out)
{
    mola_moment sent;
    mola_held *held = mola_hold_get_sent(name, &sent);
    if (!held)
        return MOLA_CONFLICT;
    const mola_manifest *m = &held->manifest;
    uint64_t lease = mola_lease_ns(name->all), until = sent.boot_ns + lease;
    mola_view *cached = mola_view_cached(name), *view = NULL;
    mola_err err = m->deleted ? MOLA_NOT_FOUND : MOLA_OK;
    if (!err && cached && is_usable(cached, m)) {
        view = cached;
        mola_view_ref(view);
        bool old = until > view->leased_until_ns && until - view->leased_until_ns > lease / 2;
        if (m->segment_count && view->manifest_ver <= m->ver && old)
            err = renew(name, &view, held, until, ctx->why);
    } else if (!err) {
        const mola_view *known = cached && mola_same_nsid(cached->nsid, m->nsid) ? cached : NULL;
        err = mola_opening_begin(name, held, until, known, &view, ctx->why);
    }
    if (cached)
        mola_view_unref(cached);
    mola_held_unref(held);
    if (err && view)
        mola_view_unref(view);
    if (!err)
        *out = view;
    return err;
}

void mola_view_follow(mola_ctx *ctx, mola_name *name)
{
    mola_view *view = mola_view_cached(name);
    if (!view)
        return;
    mola_view_unref(view);
    if (mola_view_open(ctx, name, &view))
        return;
    MOLA_ASSERT(view != NULL);
    if (view->opening) {
        mola_err err = mola_catch_up(ctx, name, &view);
        (void)err;
    }
    mola_view_unref(view);
}

static bool has_all(const mola_manifest *m, const mola_view *view, uint32_t first, uint32_t until)
{
    for (uint32_t p = first; p < until; p++) {
        const mola_segment_id *id = &mola_part_segment(view->parts[p].part)->id;
        uint32_t i = 0;
        while (i < m->segment_count &&
               !(m->segments[i].base == id->base && m->segments[i].rand == id->rand &&
                 mola_same_nsid(m->segments[i].owner, id->owner)))
            i++;
        if (i == m->segment_count)
            return false;
    }
    return true;
}

mola_err mola_view_renew(mola_ctx *ctx, mola_name *name, mola_view *view, uint32_t part_first,
                         uint32_t part_until)
{
    uint64_t sent_ns = mola_boot_ns(ctx->env); /* no later than the GET is sent */
    mola_held *held;
    mola_err err = mola_manifest_read(ctx, name, &held);
    if (err)
        return err;
    const mola_manifest *m = &held->manifest;
    if (m->deleted || !mola_same_nsid(m->nsid, view->nsid) ||
        !has_all(m, view, part_first, part_until)) {
        err = MOLA_CONFLICT;
    } else {
        view->leased_until_ns = sent_ns + mola_lease_ns(name->all);
    }
    mola_held_unref(held);
    return err;
}
