/* Branches and copies (protocol section 7): holders at every owner, then the manifest they protect,
 * then the birth. Who fails on the way leaves holders of a child that is not born: collectors wait
 * until it cannot be any more, and delete them. */
#include "mola/namespace/branch.h"
#include "mola/base/check.h"
#include "mola/codec/uuid.h"
#include "mola/format/delete_vector.h"
#include "mola/format/holder.h"
#include "namespace/name.h"

enum { ROUNDS_MAX = 12 };

typedef struct {
    mola_ask ask; /* its arena lives as long as the branching */
    mola_name *source, *child;
    const mola_branch *how;
    mola_held *old;        /* ns/{child}: what its birth is conditional on */
    mola_held *from;       /* ns/{source}: everything it refers to is held */
    mola_view *point;      /* the source at the last entry that the child has of it */
    uint8_t (*owners)[16]; /* that have a holder */
    uint32_t owner_count, owner_room;
    mola_manifest born;
} branching;

static mola_err no_memory(branching *b)
{
    return mola_fail(b->ask.ctx.why, MOLA_NO_MEMORY, "not enough memory to branch a namespace");
}

/* ------------------------------------------------------------------ objects of the child */
/* PUTs of keys that nobody else writes: any number of copies may land, nothing follows from them.
 */
static mola_err put_all(branching *b, mola_store_op *ops, size_t count)
{
    while (count) {
        mola_ask_run(&b->ask, ops, count);
        size_t open = 0;
        bool refused = false;
        for (size_t i = 0; i < count; i++) {
            refused |= ops[i].err == MOLA_INVALID;
            if (ops[i].err != MOLA_OK)
                ops[open++] = ops[i];
        }
        count = open;
        if (refused || (count && !mola_ask_again(&b->ask))) {
            return mola_fail(b->ask.ctx.why, MOLA_UNAVAILABLE,
                             "the object store did not take what a branch is made of");
        }
    }
    return MOLA_OK;
}

/* ------------------------------------------------------------------ holders (I10) */
/* *fresh: it had none yet. false: no memory. */
static bool note_owner(branching *b, const uint8_t owner[16], bool *fresh)
{
    for (uint32_t i = 0; i < b->owner_count; i++) {
        if (mola_same_nsid(b->owners[i], owner))
            return true;
    }
    if (b->owner_count == b->owner_room) {
        uint32_t room = b->owner_room ? 2 * b->owner_room : 16;
        uint8_t(*more)[16] = mola_arena_alloc(&b->ask.arena, room, sizeof *more, 1);
        if (!more)
            return false;
        if (b->owner_count)
            memcpy(more, b->owners, b->owner_count * sizeof *more);
        b->owners = more;
        b->owner_room = room;
    }
    memcpy(b->owners[b->owner_count++], owner, sizeof *b->owners);
    *fresh = true;
    return true;
}

static mola_err put_holders(branching *b, uint32_t first)
{
    mola_holder holder = {.name = mola_name_str(b->child), .cond_ver = b->old->manifest.ver};
    memcpy(holder.child, b->how->nsid, sizeof holder.child);
    char id[2 * sizeof holder.child];
    mola_hex_print(holder.child, sizeof holder.child, id);
    uint32_t count = b->owner_count - first;
    mola_store_op *ops = mola_new(&b->ask.arena, mola_store_op, count);
    mola_key *keys = mola_new(&b->ask.arena, mola_key, count);
    mola_buf image;
    mola_buf_init(&image, b->ask.ctx.env->heap);
    mola_holder_encode(&image, &holder);
    mola_err err = ops && keys && !image.failed ? MOLA_OK : no_memory(b);
    for (uint32_t i = 0; i < count && !err; i++) {
        keys[i] =
            mola_key_holder(b->child->all->org, b->owners[first + i], (mola_str){id, sizeof id});
        ops[i] = (mola_store_op){
            .verb = MOLA_PUT, .key = mola_key_str(&keys[i]), .body = mola_buf_str(&image)};
    }
    if (!err)
        err = put_all(b, ops, count);
    mola_buf_free(&image);
    return err;
}

static bool note_owners(branching *b, const mola_manifest *m, bool *fresh)
{
    bool good = note_owner(b, m->nsid, fresh);
    for (uint32_t i = 0; i < m->lineage_count && good; i++)
        good = note_owner(b, m->lineage[i].nsid, fresh);
    for (uint32_t i = 0; i < m->segment_count && good; i++)
        good = note_owner(b, m->segments[i].owner, fresh);
    return good;
}

/* Reads the manifest that the child borrows from: by a GET sent when there was a durable holder at
 * every owner it names. */
static mola_err hold_source(branching *b)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        mola_held_unref(b->from);
        b->from = NULL;
        mola_err err = mola_manifest_read(&b->ask.ctx, b->source, &b->from);
        if (err)
            return err;
        const mola_manifest *m = &b->from->manifest;
        if (m->deleted) {
            return mola_fail(b->ask.ctx.why, MOLA_NOT_FOUND, "namespace '%.*s' was not found",
                             (int)b->source->len, b->source->text);
        }
        if (m->newer)
            return mola_fail_newer(&b->ask.ctx, b->source);
        bool fresh = false;
        uint32_t first = b->owner_count;
        if (!note_owners(b, m, &fresh))
            return no_memory(b);
        if (!fresh)
            return MOLA_OK;
        err = put_holders(b, first);
        if (err)
            return err;
    }
    return mola_fail(b->ask.ctx.why, MOLA_UNAVAILABLE, "namespace '%.*s' is changing too fast",
                     (int)b->source->len, b->source->text);
}

/* The point where the child leaves: the tail of the log behind that manifest. A deletion and a
 * rebirth of the source in between begin another round. */
static mola_err find_point(branching *b)
{
    mola_err err = MOLA_CONFLICT;
    for (int round = 0; round < ROUNDS_MAX && err == MOLA_CONFLICT; round++) {
        err = hold_source(b);
        if (!err)
            err = mola_strong_read(&b->ask.ctx, b->source, &b->point);
        if (err)
            return err;
        if (mola_same_nsid(b->point->nsid, b->from->manifest.nsid))
            return MOLA_OK;
        mola_view_unref(b->point);
        b->point = NULL;
        err = MOLA_CONFLICT;
    }
    return mola_fail(b->ask.ctx.why, MOLA_UNAVAILABLE, "namespace '%.*s' is changing too fast",
                     (int)b->source->len, b->source->text);
}

/* ------------------------------------------------------------------ the child's first manifest */
static mola_err plan(branching *b)
{
    const mola_manifest *m = &b->from->manifest;
    mola_arena *arena = &b->ask.arena;
    MOLA_ASSERT(b->point->seq >= m->indexed_seq && b->point->seq > 0);
    mola_manifest *born = &b->born;
    *born = *m;
    memcpy(born->nsid, b->how->nsid, sizeof born->nsid);
    born->ver = b->old->manifest.ver + 1;
    born->epoch = b->old->manifest.epoch + 1;
    born->wal_floor = m->indexed_seq;
    born->gc_floor = 0;
    born->retired_count = 0;
    born->lineage = mola_new(arena, mola_lineage, (size_t)m->lineage_count + 1);
    born->segments = mola_new(arena, mola_segment_ref, m->segment_count);
    born->inlines = mola_new(arena, mola_inline_object, m->inline_count);
    born->history = mola_new(arena, mola_history, 1);
    if (!born->lineage || !born->segments || !born->inlines || !born->history)
        return no_memory(b);
    born->history_count = 1;
    born->history[0] = (mola_history){.ver = born->ver, .time_us = mola_wall_us(b->ask.ctx.env)};
    if (m->segment_count)
        memcpy(born->segments, m->segments, m->segment_count * sizeof *m->segments);
    if (m->inline_count)
        memcpy(born->inlines, m->inlines, m->inline_count * sizeof *m->inlines);
    born->lineage_count = 0;
    for (uint32_t i = 0; i < m->lineage_count; i++) {
        if (m->lineage[i].last_seq > m->indexed_seq)
            born->lineage[born->lineage_count++] = m->lineage[i];
    }
    mola_lineage *last = &born->lineage[born->lineage_count++];
    last->last_seq = b->point->seq;
    memcpy(last->nsid, m->nsid, sizeof last->nsid);
    return MOLA_OK;
}

/* ------------------------------------------------------------------ delete vectors */
/* The bytes of a delete vector of the source, for the child: it has copies of its own, for a delete
 * vector lies under the namespace that uses it. */
static mola_err copy_deletes(branching *b, uint32_t segment, mola_str bytes, mola_str *out)
{
    const mola_manifest *m = &b->from->manifest;
    const mola_segment_ref *ref = &m->segments[segment];
    mola_segment_ref *copy = &b->born.segments[segment];
    mola_delete_vector_id from = {.base = ref->dv_base, .rand = ref->dv_rand};
    mola_delete_vector_id to = {.base = b->born.ver};
    mola_segment_id of = {.base = ref->base, .rand = ref->rand};
    memcpy(from.owner, m->nsid, sizeof from.owner);
    memcpy(to.owner, b->born.nsid, sizeof to.owner);
    memcpy(of.owner, ref->owner, sizeof of.owner);
    mola_chance(b->ask.ctx.env, &to.rand, sizeof to.rand);
    uint64_t *dead;
    uint32_t dead_count;
    mola_err err = mola_delete_vector_decode(bytes, &from, &of, m->infos[segment].rows,
                                             &b->ask.arena, &dead, &dead_count, b->ask.ctx.why);
    if (err)
        return err;
    mola_buf image;
    mola_buf_init(&image, b->ask.ctx.env->heap);
    mola_delete_vector_encode(&image, &to, &of, m->infos[segment].rows, dead);
    bool good = !image.failed && mola_arena_copy(&b->ask.arena, mola_buf_str(&image), out);
    mola_buf_free(&image);
    copy->dv_base = to.base;
    copy->dv_rand = to.rand;
    return good ? MOLA_OK : no_memory(b);
}

/* The inline object that a delete vector of the source is, in the child's manifest; NULL: it is
 * none. */
static mola_inline_object *inline_deletes(branching *b, const mola_segment_ref *ref)
{
    for (uint32_t i = 0; i < b->born.inline_count; i++) {
        mola_inline_object *o = &b->born.inlines[i];
        if (o->kind == MOLA_OBJECT_DELETES && o->base == ref->dv_base && o->rand == ref->dv_rand)
            return o;
    }
    return NULL;
}

static mola_err copy_inline_deletes(branching *b, uint32_t segment, mola_inline_object *object)
{
    mola_str bytes;
    mola_err err = copy_deletes(b, segment, object->bytes, &bytes);
    if (err)
        return err;
    memcpy(object->owner, b->born.nsid, sizeof object->owner);
    object->base = b->born.segments[segment].dv_base;
    object->rand = b->born.segments[segment].dv_rand;
    object->bytes = bytes;
    return MOLA_OK;
}

typedef struct {
    uint32_t segment;
    mola_key from, to;
} vector_copy;

/* I14: no byte is believed unchecked; what is damaged is read once more. MOLA_CORRUPT also when it
 * is gone, although a holder asks for it. */
static mola_err copy_read(branching *b, uint32_t segment, mola_store_op *op, mola_str *out)
{
    mola_err err = MOLA_CORRUPT;
    for (int attempt = 0; attempt < 2 && err == MOLA_CORRUPT; attempt++) {
        if (attempt) {
            MOLA_SOMETIMES(reread_corrupt);
            *op = (mola_store_op){.verb = MOLA_GET, .key = op->key};
            mola_err asked = mola_ask_get(&b->ask, op, 1);
            if (asked)
                return asked;
        }
        if (op->err == MOLA_OK)
            err = copy_deletes(b, segment, op->bytes, out);
    }
    return err == MOLA_CORRUPT ? mola_fail_object(&b->ask.ctx, err, op->key) : err;
}

/* Reads the delete vectors that are objects, and puts the child's. */
static mola_err copy_objects(branching *b, vector_copy *copies, mola_store_op *ops, uint32_t count)
{
    mola_str org = b->child->all->org;
    const mola_manifest *m = &b->from->manifest;
    for (uint32_t i = 0; i < count; i++) {
        const mola_segment_ref *ref = &m->segments[copies[i].segment];
        copies[i].from = mola_key_deletes(org, m->nsid, ref->dv_base, ref->dv_rand);
        ops[i] = (mola_store_op){
            .verb = MOLA_GET, .key = mola_key_str(&copies[i].from), .immutable = true};
    }
    mola_err err = mola_ask_get(&b->ask, ops, count);
    for (uint32_t i = 0; i < count && !err; i++) {
        mola_str bytes = {0};
        err = copy_read(b, copies[i].segment, &ops[i], &bytes);
        const mola_segment_ref *copy = &b->born.segments[copies[i].segment];
        copies[i].to = mola_key_deletes(org, b->born.nsid, copy->dv_base, copy->dv_rand);
        ops[i] =
            (mola_store_op){.verb = MOLA_PUT, .key = mola_key_str(&copies[i].to), .body = bytes};
    }
    return err ? err : put_all(b, ops, count);
}

static mola_err copy_all_deletes(branching *b)
{
    const mola_manifest *m = &b->from->manifest;
    vector_copy *copies = mola_new(&b->ask.arena, vector_copy, m->segment_count);
    mola_store_op *ops = mola_new(&b->ask.arena, mola_store_op, m->segment_count);
    if (!copies || !ops)
        return no_memory(b);
    uint32_t count = 0;
    mola_err err = MOLA_OK;
    for (uint32_t i = 0; i < m->segment_count && !err; i++) {
        if (!m->infos[i].deleted)
            continue;
        mola_inline_object *object = inline_deletes(b, &m->segments[i]);
        if (object) {
            err = copy_inline_deletes(b, i, object);
        } else {
            copies[count++].segment = i;
        }
    }
    return err || count == 0 ? err : copy_objects(b, copies, ops, count);
}

/* ------------------------------------------------------------------ the child's first entry */
static mola_state *state_of_child(branching *b)
{
    mola_state *state = mola_state_copy(b->ask.ctx.env->heap, b->point->state, 0);
    if (!state)
        return NULL;
    bool copy = b->how->kind == MOLA_COPY_OF;
    state->pinned_replicas = 0;
    state->read_only = state->read_only && !copy;
    if (copy && b->how->shards)
        state->shards = b->how->shards;
    mola_state_set_parent(state, copy ? (mola_str){0} : mola_name_str(b->source));
    return state;
}

/* The first object under the fresh nsid (I8): its log goes on where the source's was left. What
 * fails here has not happened, for nobody knows of the nsid. */
static mola_err put_entry(branching *b, uint64_t *seq)
{
    mola_env *env = b->ask.ctx.env;
    mola_draft d = {.name = b->child};
    mola_buf_init(&d.image, env->heap);
    mola_buf_init(&d.payload, env->heap);
    uint64_t wall_us = mola_wall_us(env);
    const mola_view *on = b->point;
    mola_entry *e = &d.entry;
    e->flags =
        MOLA_ENTRY_CREATE | (b->how->kind == MOLA_COPY_OF ? MOLA_ENTRY_COPY : MOLA_ENTRY_BRANCH);
    memcpy(e->nsid, b->how->nsid, sizeof e->nsid);
    mola_chance(env, e->batch_id, sizeof e->batch_id);
    e->seq = *seq = on->seq + 1;
    e->prev_chain = on->chain;
    e->time_us = wall_us > on->time_us ? wall_us : on->time_us + 1;
    e->cond_ver = b->old->manifest.ver;
    e->name = mola_name_str(b->child);
    e->state = state_of_child(b);
    mola_err err = e->state ? MOLA_OK : no_memory(b);
    if (!err)
        mola_entry_encode(&d.image, e);
    if (!err && d.image.failed)
        err = no_memory(b);
    mola_record theirs = {0};
    if (!err && mola_draft_offer(&b->ask, &d, &theirs) != MOLA_SLOT_OURS) {
        err =
            mola_fail(b->ask.ctx.why, MOLA_UNAVAILABLE, "the object store did not take the write");
    }
    mola_record_free(&theirs);
    mola_state_unref(e->state);
    mola_draft_free(&d);
    return err;
}

/* ------------------------------------------------------------------ all of it */
/* Whoever indexes learns of the child: what it borrows of the log is not in its segments, and what
 * a copy borrows is to be rewritten. A lost hint is found by the daily sweep. */
static void hint(branching *b, uint64_t seq)
{
    mola_namespaces *all = b->child->all;
    mola_view *child = all->unindexed ? mola_view_draft(&all->views.heap, b->point, 0) : NULL;
    if (child) {
        child->seq = seq;
        all->unindexed(all->unindexed_of, mola_name_str(b->child), child);
        mola_view_unref(child);
    }
    if (!all->hints)
        return;
    mola_key key = mola_key_hint(all->org, b->born.nsid);
    mola_store_op op = {
        .verb = MOLA_PUT, .key = mola_key_str(&key), .body = mola_name_str(b->child)};
    mola_ask_run(&b->ask, &op, 1); /* what became of it does not matter */
}

static mola_err read_child(branching *b)
{
    mola_err err = mola_manifest_read(&b->ask.ctx, b->child, &b->old);
    if (err)
        return err;
    if (b->old->manifest.newer)
        return mola_fail_newer(&b->ask.ctx, b->child);
    return b->old->manifest.deleted ? MOLA_OK : MOLA_CONFLICT;
}

static mola_err make(branching *b, mola_branched *out)
{
    mola_err err = read_child(b);
    if (!err)
        err = find_point(b);
    if (!err && b->how->kind == MOLA_BRANCH_OF && b->point->state->shards) {
        err = mola_fail(b->ask.ctx.why, MOLA_INVALID,
                        "branching a sharded namespace is not supported");
    }
    if (!err)
        err = plan(b);
    if (!err)
        err = put_entry(b, &out->seq);
    if (!err)
        err = copy_all_deletes(b);
    if (!err)
        err = mola_birth(&b->ask.ctx, b->child, b->old, &b->born);
    if (!err)
        hint(b, out->seq);
    out->rows = err ? 0 : b->point->live_rows;
    out->epoch = b->born.epoch;
    return err;
}

mola_err mola_name_branch(mola_ctx *ctx, mola_name *source, mola_name *child,
                          const mola_branch *how, mola_branched *out)
{
    MOLA_ASSERT(source->all->env == child->all->env);
    *out = (mola_branched){0};
    branching b = {.source = source, .child = child, .how = how};
    mola_ask_begin(&b.ask, ctx);
    mola_name_use(source);
    mola_err err = make(&b, out);
    if (b.point)
        mola_view_unref(b.point);
    mola_held_unref(b.from);
    mola_held_unref(b.old);
    return mola_ask_end(&b.ask, err);
}
