/* branches.c - children that borrow segments and log (protocol section 7).
 *
 * Some are made by the harness, on a node that nothing happens to: what a child needs, the
 * collectors of its parent must keep, however long its making takes. Others by the production code,
 * on nodes that everything happens to. */
#include "history.h"
#include "mola/format/delete_vector.h"
#include "mola/format/entry.h"
#include "mola/format/holder.h"
#include "mola/namespace/branch.h"
#include "sim.h"
#include <stdio.h>

enum { OWNERS_MAX = 64 };

/* ns/{name} as it is now. */
typedef struct {
    mola_manifest m;
    uint64_t tag;
} image;

typedef struct {
    mola_arena arena;
    uint32_t source, child;
    uint8_t nsid[16]; /* of the child */
    image old;        /* of the child's name: its birth depends on it */
    image from;
    uint8_t owners[OWNERS_MAX][16];
    uint32_t owner_count;
    mola_manifest born;
    truth point; /* the branch point; one reference to its state */
    uint64_t point_seq;
} branching;

static image look(branching *b, uint32_t name)
{
    image i = {.m = {.deleted = true}};
    mola_why why = {0};
    const world_object *o =
        world_find_key(mola_key_manifest((mola_str){0}, mola_str_of(sim_names[name])));
    if (!o)
        return i;
    mola_str copy;
    MOLA_ASSERT(mola_arena_copy(&b->arena, o->body, &copy));
    MOLA_ASSERT(mola_manifest_decode(copy, &b->arena, &history.heap, &i.m, &why) == MOLA_OK);
    i.tag = o->tag;
    return i;
}

static void forget(image *i)
{
    if (i->m.state)
        mola_state_unref(i->m.state);
    i->m.state = NULL;
}

/* Hours may lie between two steps; here: up to three fences. */
static void dawdle(void)
{
    sim_sleep(MOLA_MILLISECOND * 20 + sim_below(SECONDS(1)));
    if (sim_now() < SIM_HEAL_AT && sim_below(4) == 0)
        sim_sleep(sim_below(3 * limits.fence_ns));
}

/* I10: a holder at this owner. false: there was one. */
static bool hold(branching *b, const uint8_t owner[16])
{
    for (uint32_t i = 0; i < b->owner_count; i++)
        if (memcmp(b->owners[i], owner, 16) == 0)
            return false;
    MOLA_ASSERT(b->owner_count < OWNERS_MAX);
    memcpy(b->owners[b->owner_count++], owner, 16);
    char id[33];
    for (int i = 0; i < 16; i++)
        (void)snprintf(id + 2 * (size_t)i, 3, "%02x", b->nsid[i]);
    mola_holder holder = {.name = mola_str_of(sim_names[b->child]), .cond_ver = b->old.m.ver};
    memcpy(holder.child, b->nsid, 16);
    mola_buf text;
    mola_buf_init(&text, &history.heap);
    mola_holder_encode(&text, &holder);
    (void)world_cas(mola_key_holder((mola_str){0}, owner, mola_str_of(id)), mola_buf_str(&text), 0);
    mola_buf_free(&text);
    return true;
}

/* Holders first, then the manifest that they protect. false: the source is no more. */
static bool hold_all(branching *b)
{
    b->from = look(b, b->source);
    for (bool fresh = true; fresh && !b->from.m.deleted;) {
        const mola_manifest *m = &b->from.m;
        fresh = hold(b, m->nsid);
        for (uint32_t i = 0; i < m->lineage_count; i++)
            fresh = hold(b, m->lineage[i].nsid) || fresh;
        for (uint32_t i = 0; i < m->segment_count; i++)
            fresh = hold(b, m->segments[i].owner) || fresh;
        if (!fresh)
            return true;
        dawdle();
        uint8_t nsid[16];
        memcpy(nsid, m->nsid, 16);
        forget(&b->from);
        b->from = look(b, b->source);
        if (memcmp(nsid, b->from.m.nsid, 16) != 0)
            return false;
    }
    return false;
}

/* What the child's first manifest says, and with it what it needs from now on. */
static bool plan(branching *b)
{
    const mola_manifest *m = &b->from.m;
    const incarnation *n = history_by_nsid(m->nsid);
    b->point_seq = n->tail;
    const truth *point = history_at(n, n->tail);
    if (point->sealed)
        return false;
    b->point = *point;
    mola_state_ref(b->point.state);
    b->born = *m;
    b->born.ver = b->old.m.ver + 1;
    b->born.epoch = b->old.m.epoch + 1;
    b->born.wal_floor = m->indexed_seq;
    b->born.gc_floor = 0;
    b->born.retired_count = b->born.history_count = b->born.lineage_count = 0;
    memcpy(b->born.nsid, b->nsid, 16);
    b->born.lineage = mola_new(&b->arena, mola_lineage, m->lineage_count + 1);
    for (uint32_t i = 0; i < m->lineage_count; i++)
        if (m->lineage[i].last_seq > m->indexed_seq)
            b->born.lineage[b->born.lineage_count++] = m->lineage[i];
    mola_lineage *last = &b->born.lineage[b->born.lineage_count++];
    last->last_seq = b->point_seq;
    memcpy(last->nsid, m->nsid, 16);
    judge_borrow(b->child, b->nsid, b->old.m.ver, &b->born);
    return !judge_failed();
}

/* The entry that begins the child's own log, behind the branch point. */
static void put_create(branching *b)
{
    mola_entry e = {.flags = MOLA_ENTRY_CREATE | MOLA_ENTRY_BRANCH,
                    .seq = b->point_seq + 1,
                    .prev_chain = b->point.chain,
                    .time_us = b->point.time_us + 1,
                    .cond_ver = b->old.m.ver,
                    .name = mola_str_of(sim_names[b->child]),
                    .state = b->point.state};
    uint64_t chance[2] = {sim_below(UINT64_MAX), sim_below(UINT64_MAX)};
    memcpy(e.batch_id, chance, 16);
    memcpy(e.nsid, b->nsid, 16);
    mola_buf text;
    mola_buf_init(&text, &history.heap);
    mola_entry_encode(&text, &e);
    (void)world_cas(mola_key_entry((mola_str){0}, b->nsid, e.seq), mola_buf_str(&text), 0);
    mola_buf_free(&text);
}

static mola_str deletes_of(const mola_manifest *m, const mola_segment_ref *ref)
{
    for (uint32_t i = 0; i < m->inline_count; i++)
        if (m->inlines[i].kind == MOLA_OBJECT_DELETES && m->inlines[i].base == ref->dv_base &&
            m->inlines[i].rand == ref->dv_rand)
            return m->inlines[i].bytes;
    const world_object *o =
        world_find_key(mola_key_deletes((mola_str){0}, m->nsid, ref->dv_base, ref->dv_rand));
    if (!o)
        judge_violation("a delete vector is gone, although a holder asks for it");
    return o ? o->body : (mola_str){0};
}

/* A delete vector lies under the namespace that uses it: the child has copies of its own. */
static void copy_deletes(branching *b, uint32_t segment)
{
    const mola_segment_ref *ref = &b->from.m.segments[segment];
    uint32_t rows = b->born.infos[segment].rows, count;
    mola_delete_vector_id from = {.base = ref->dv_base, .rand = ref->dv_rand};
    mola_delete_vector_id to = {.base = 1, .rand = sim_below(UINT64_MAX)};
    mola_segment_id of = {.base = ref->base, .rand = ref->rand};
    memcpy(from.owner, b->from.m.nsid, 16);
    memcpy(to.owner, b->nsid, 16);
    memcpy(of.owner, ref->owner, 16);
    uint64_t *dead;
    mola_why why = {0};
    mola_str bytes = deletes_of(&b->from.m, ref);
    if (judge_failed())
        return;
    MOLA_ASSERT(mola_delete_vector_decode(bytes, &from, &of, rows, &b->arena, &dead, &count,
                                          &why) == MOLA_OK);
    mola_buf text;
    mola_buf_init(&text, &history.heap);
    mola_delete_vector_encode(&text, &to, &of, rows, dead);
    mola_str body;
    MOLA_ASSERT(mola_arena_copy(&b->arena, mola_buf_str(&text), &body));
    mola_buf_free(&text);
    b->born.segments[segment].dv_base = to.base;
    b->born.segments[segment].dv_rand = to.rand;
    for (uint32_t i = 0; i < b->born.inline_count; i++) {
        mola_inline_object *o = &b->born.inlines[i];
        if (o->kind == MOLA_OBJECT_DELETES && o->base == from.base && o->rand == from.rand) {
            memcpy(o->owner, to.owner, 16);
            o->base = to.base;
            o->rand = to.rand;
            o->bytes = body;
            return;
        }
    }
    (void)world_cas(mola_key_deletes((mola_str){0}, to.owner, to.base, to.rand), body, 0);
}

static void give_birth(branching *b)
{
    uint64_t chance[2] = {sim_below(UINT64_MAX), sim_below(UINT64_MAX)};
    memcpy(b->born.commit_id, chance, 16);
    mola_history now = {.ver = b->born.ver, .time_us = mola_wall_us(&sim_me()->env)};
    b->born.history = &now;
    b->born.history_count = 1;
    mola_buf text;
    mola_buf_init(&text, &history.heap);
    mola_manifest_encode(&text, &b->born);
    if (world_cas(mola_key_manifest((mola_str){0}, mola_str_of(sim_names[b->child])),
                  mola_buf_str(&text), b->old.tag))
        history.counts.branches++;
    mola_buf_free(&text);
}

static void branch_off(branching *b)
{
    b->old = look(b, b->child);
    if (!b->old.m.deleted)
        return;
    for (int i = 0; i < 16; i++)
        b->nsid[i] = (uint8_t)sim_below(256);
    if (!hold_all(b))
        return;
    mola_segment_ref *table = mola_new(&b->arena, mola_segment_ref, b->from.m.segment_count);
    if (!plan(b))
        return;
    if (b->born.segment_count)
        memcpy(table, b->from.m.segments, b->born.segment_count * sizeof *table);
    b->born.segments = table; /* its own, for its own delete vectors */
    dawdle();
    put_create(b);
    for (uint32_t i = 0; i < b->born.segment_count && !judge_failed(); i++)
        if (b->born.infos[i].deleted)
            copy_deletes(b, i);
    dawdle();
    if (!judge_failed())
        give_birth(b);
}

void sim_brancher(void *unused)
{
    (void)unused;
    while (!sim_over()) {
        sim_sleep(SECONDS(2) + sim_below(SECONDS(20)));
        branching b = {.child = PLAIN_NAMES + (uint32_t)sim_below(2)};
        b.source = (uint32_t)sim_below(b.child); /* the second one may be a child of the first */
        mola_arena_init(&b.arena, &history.heap, SIZE_MAX);
        branch_off(&b);
        forget(&b.old);
        forget(&b.from);
        if (b.point.state)
            mola_state_unref(b.point.state);
        mola_arena_reset(&b.arena);
    }
}

/* ---- the production code -------------------------------------------------------------------- */

static void fork_off(uint32_t source, uint32_t child)
{
    sim_node *node = sim_me();
    mola_arena arena;
    mola_why why = {0};
    mola_arena_init(&arena, &node->heap, SIZE_MAX);
    mola_ctx ctx = {.env = &node->env,
                    .arena = &arena,
                    .why = &why,
                    .deadline_ns =
                        mola_boot_ns(&node->env) + limits.commit_ns_max + sim_below(SECONDS(60))};
    mola_branch how = {.kind = sim_below(3) ? MOLA_BRANCH_OF : MOLA_COPY_OF};
    mola_chance(&node->env, how.nsid, sizeof how.nsid);
    mola_name *from = mola_name_open(sim_my_engine()->namespaces, mola_str_of(sim_names[source]));
    mola_name *to = mola_name_open(sim_my_engine()->namespaces, mola_str_of(sim_names[child]));
    mola_branched done;
    mola_err err = mola_name_branch(&ctx, from, to, &how, &done);
    judge_forked(how.nsid, err);
    mola_name_close(from);
    mola_name_close(to);
    mola_arena_reset(&arena);
}

void sim_forker(void *unused)
{
    (void)unused;
    while (!sim_over()) {
        sim_sleep(SECONDS(1) + sim_below(SECONDS(15)));
        uint32_t child = PLAIN_NAMES + (uint32_t)sim_below(2);
        fork_off((uint32_t)sim_below(child), child);
    }
}
