/* judge_manifest.c - every accepted image of ns/{name}: does it follow the one before, and does all
 * that it refers to exist and say what the log says? */
#include "history.h"
#include <stdio.h>
#include <stdlib.h>

void judge_free_version(version *v)
{
    free(v->lineage);
    free(v->needed);
    free(v->retired);
    free(v->retired_since);
}

void judge_manifest_reset(void)
{
    for (uint32_t n = 0; n < NAMES; n++) {
        for (uint32_t i = 0; i < history.names[n].version_count; i++)
            judge_free_version(&history.names[n].versions[i]);
        free(history.names[n].versions);
    }
}

version *judge_current(uint32_t name)
{
    name_history *h = &history.names[name];
    return h->version_count ? &h->versions[h->version_count - 1] : NULL;
}

bool judge_same_object(const object_ref *a, const object_ref *b)
{
    return a->base == b->base && a->rand == b->rand && memcmp(a->owner, b->owner, 16) == 0;
}

static const object_ref *find(const object_ref *refs, uint32_t count, const object_ref *ref)
{
    for (uint32_t i = 0; i < count; i++)
        if (judge_same_object(&refs[i], ref))
            return &refs[i];
    return NULL;
}

bool judge_needs(const version *v, const object_ref *ref)
{
    return find(v->needed, v->needed_count, ref) != NULL;
}

bool judge_retires(const version *v, const object_ref *ref)
{
    return find(v->retired, v->retired_count, ref) != NULL;
}

bool judge_needs_entry(const version *v, const uint8_t nsid[16], uint64_t seq)
{
    if (v->deleted || seq <= v->wal_floor)
        return false;
    for (uint32_t i = 0; i < v->lineage_count; i++)
        if (seq <= v->lineage[i].last_seq)
            return memcmp(v->lineage[i].nsid, nsid, 16) == 0;
    return memcmp(v->nsid, nsid, 16) == 0;
}

/* ---- what an image refers to ---------------------------------------------------------------- */

static bool stands_inline(const mola_manifest *m, const object_ref *ref)
{
    for (uint32_t i = 0; i < m->inline_count; i++) {
        const mola_inline_object *o = &m->inlines[i];
        bool deletes = o->kind == MOLA_OBJECT_DELETES;
        if (deletes == ref->deletes && o->base == ref->base && o->rand == ref->rand &&
            memcmp(o->owner, ref->owner, 16) == 0)
            return true;
    }
    return false;
}

static void need(version *v, const mola_manifest *m, const object_ref *ref)
{
    if (!stands_inline(m, ref))
        v->needed[v->needed_count++] = *ref;
}

static void *room_for(size_t bytes)
{
    void *room = calloc(1, bytes + 1);
    if (!room)
        abort();
    return room;
}

version judge_take_version(const mola_manifest *m, const version *was)
{
    version v = {.ver = m->ver,
                 .accepted_at = sim_now(),
                 .replaced_at = MOLA_NEVER,
                 .deleted = m->deleted,
                 .epoch = m->epoch,
                 .indexed_seq = m->indexed_seq,
                 .wal_floor = m->wal_floor,
                 .gc_floor = m->gc_floor,
                 .lineage_count = m->lineage_count};
    memcpy(v.nsid, m->nsid, 16);
    v.lineage = room_for(m->lineage_count * sizeof *m->lineage);
    if (m->lineage_count)
        memcpy(v.lineage, m->lineage, m->lineage_count * sizeof *m->lineage);
    v.needed = room_for(2 * m->segment_count * sizeof *v.needed);
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const mola_segment_ref *s = &m->segments[i];
        object_ref rows = {.base = s->base, .rand = s->rand};
        object_ref dead = {.base = s->dv_base, .rand = s->dv_rand, .deletes = true};
        memcpy(rows.owner, s->owner, 16);
        memcpy(dead.owner, m->nsid, 16);
        if (m->infos[i].rows)
            need(&v, m, &rows);
        if (s->dv_base || s->dv_rand)
            need(&v, m, &dead);
    }
    v.retired = room_for(m->retired_count * sizeof *v.retired);
    v.retired_since = room_for(m->retired_count * sizeof *v.retired_since);
    for (uint32_t i = 0; i < m->retired_count; i++) {
        object_ref ref = {.base = m->retired[i].base, .rand = m->retired[i].rand};
        memcpy(ref.owner, m->retired[i].owner, 16);
        const object_ref *known = was ? find(was->retired, was->retired_count, &ref) : NULL;
        v.retired_since[i] = known ? was->retired_since[known - was->retired] : sim_now();
        v.retired[v.retired_count++] = ref;
    }
    return v;
}

/* ---- an image against the one before -------------------------------------------------------- */

static void judge_floors(const mola_manifest *m, const version *was)
{
    const unsigned long long ver = m->ver;
    if (m->epoch != was->epoch)
        judge_violation("version %llu has another epoch, but no other incarnation", ver);
    if (m->indexed_seq < was->indexed_seq || m->wal_floor < was->wal_floor ||
        m->gc_floor < was->gc_floor)
        judge_violation("a floor went back in version %llu", ver);
    if (m->wal_floor > m->indexed_seq)
        judge_violation("the floor of the log is above what is indexed in version %llu", ver);
}

/* I4: gc_floor follows versions that were current long ago, as HISTORY remembers them. */
static void judge_gc_floor(const mola_manifest *m, const mola_manifest *before)
{
    if (m->gc_floor == before->gc_floor)
        return;
    const mola_history *row = NULL;
    for (uint32_t i = 0; i < before->history_count; i++)
        if (before->history[i].ver == m->gc_floor)
            row = &before->history[i];
    uint64_t now_us = sim_now() / 1000 + SIM_EPOCH_US;
    if (!row || m->gc_floor >= before->ver)
        judge_violation("gc_floor %llu of version %llu is no older version that HISTORY names",
                        (unsigned long long)m->gc_floor, (unsigned long long)m->ver);
    else if (history.rules.floor_age_us && row->time_us + history.rules.floor_age_us > now_us)
        judge_violation("gc_floor %llu is too young for running builds",
                        (unsigned long long)m->gc_floor);
}

static void judge_ring(const mola_manifest *m, const mola_manifest *before)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < m->history_count; i++) {
        const mola_history *h = &m->history[i];
        bool same = false, fresh = h->ver == m->ver || h->ver == before->ver;
        for (uint32_t j = 0; j < before->history_count; j++)
            same = same ||
                   (before->history[j].ver == h->ver && before->history[j].time_us == h->time_us);
        if (h->ver <= last || (!same && !fresh))
            judge_violation("HISTORY of version %llu has a row from nowhere",
                            (unsigned long long)m->ver);
        last = h->ver;
    }
}

static void judge_lineage(const mola_manifest *m, const mola_manifest *before)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < before->lineage_count; i++) {
        const mola_lineage *l = &before->lineage[i];
        if (kept < m->lineage_count && memcmp(&m->lineage[kept], l, sizeof *l) == 0)
            kept++;
        else if (l->last_seq > m->wal_floor)
            judge_violation("version %llu forgets where its log is", (unsigned long long)m->ver);
    }
    if (kept != m->lineage_count)
        judge_violation("version %llu has a lineage from nowhere", (unsigned long long)m->ver);
}

/* I4, I7: what enters the table was built late enough; what leaves it goes to RETIRED. */
static void judge_table(const version *v, const version *was)
{
    for (uint32_t i = 0; i < v->needed_count; i++) {
        const object_ref *ref = &v->needed[i];
        if (judge_needs(was, ref))
            continue;
        if (ref->base < was->gc_floor)
            judge_violation("version %llu adds an object with base %llu below gc_floor %llu",
                            (unsigned long long)v->ver, (unsigned long long)ref->base,
                            (unsigned long long)was->gc_floor);
        if (judge_retires(was, ref))
            judge_violation("version %llu takes an object back from RETIRED",
                            (unsigned long long)v->ver);
    }
    for (uint32_t i = 0; i < was->needed_count; i++)
        if (!judge_needs(v, &was->needed[i]) && !judge_retires(v, &was->needed[i]))
            judge_violation("version %llu drops an object without retiring it",
                            (unsigned long long)v->ver);
    for (uint32_t i = 0; i < v->retired_count; i++) {
        if (judge_needs(v, &v->retired[i]))
            judge_violation("version %llu retires an object that it needs",
                            (unsigned long long)v->ver);
        if (!judge_retires(was, &v->retired[i]) && !judge_needs(was, &v->retired[i]))
            judge_violation("version %llu retires an object that was never in the table",
                            (unsigned long long)v->ver);
    }
}

/* ---- an image against the log --------------------------------------------------------------- */

static void judge_state(const mola_manifest *m, const truth *t)
{
    if (m->indexed_chain != t->chain || m->indexed_time_us != t->time_us)
        judge_violation("version %llu has another chain or time than entry %llu",
                        (unsigned long long)m->ver, (unsigned long long)m->indexed_seq);
    else if (!mola_state_eq(m->state, t->state))
        judge_violation("the state of version %llu is not that of entry %llu",
                        (unsigned long long)m->ver, (unsigned long long)m->indexed_seq);
    else if (t->sealed)
        judge_violation("version %llu has indexed a SEAL", (unsigned long long)m->ver);
}

/* Segments and delete vectors together hold exactly what the log left behind. */
static void judge_rows(const incarnation *n, const mola_manifest *m)
{
    sim_row rows[ROWS] = {0};
    for (uint32_t i = 0; i < m->segment_count; i++) {
        judge_segment *s = judge_segment_load(n, m, i);
        if (!s)
            return;
        for (uint32_t r = 0; r < s->rows; r++) {
            if (s->dead[r])
                continue;
            if (rows[s->index[r]].exists) {
                judge_violation("version %llu has row %u twice (again in segment %u)",
                                (unsigned long long)m->ver, s->index[r], i);
                return;
            }
            rows[s->index[r]] = s->cells[r];
        }
    }
    const truth *t = history_at(n, m->indexed_seq);
    uint32_t wrong = history_compare(rows, t->rows);
    if (wrong < ROWS)
        judge_violation("version %llu is not what the log says at %llu (row %u: %d v %lld, wanted "
                        "%d v %lld)",
                        (unsigned long long)m->ver, (unsigned long long)m->indexed_seq, wrong,
                        rows[wrong].exists, (long long)rows[wrong].v, t->rows[wrong].exists,
                        (long long)t->rows[wrong].v);
}

static void judge_content(const incarnation *n, const mola_manifest *m)
{
    uint64_t from = 1;
    for (uint32_t i = 0; i < m->segment_count; i++) {
        if (m->segments[i].seq_from != from)
            judge_violation("the segments of version %llu do not tile", (unsigned long long)m->ver);
        from = m->segments[i].seq_to + 1;
    }
    if (from != m->indexed_seq + 1)
        judge_violation("the segments of version %llu end at %llu, and indexed is %llu",
                        (unsigned long long)m->ver, (unsigned long long)from - 1,
                        (unsigned long long)m->indexed_seq);
    const truth *t = history_at(n, m->indexed_seq);
    if (!t && m->indexed_seq)
        judge_violation("version %llu has indexed entry %llu, which does not exist",
                        (unsigned long long)m->ver, (unsigned long long)m->indexed_seq);
    if (history.failed || !t)
        return;
    judge_state(m, t);
    judge_rows(n, m);
}

/* ---- births, deaths, publications ----------------------------------------------------------- */

static bool has_entry(const mola_manifest *m, uint64_t seq)
{
    const uint8_t *owner = m->nsid;
    for (uint32_t i = m->lineage_count; i-- > 0;)
        if (seq <= m->lineage[i].last_seq)
            owner = m->lineage[i].nsid;
    return world_find_key(mola_key_entry((mola_str){0}, owner, seq)) != NULL;
}

static void judge_birth(uint32_t name, const mola_manifest *m, const version *was)
{
    incarnation *n = history_by_nsid(m->nsid);
    if (!n || n->tail < n->first_seq) {
        judge_violation("a name was bound to an incarnation without a first entry");
        return;
    }
    if (n->born)
        judge_violation("an incarnation was born twice");
    else if (n->refused)
        judge_violation("a branch was born that was refused");
    else if (was && !was->deleted)
        judge_violation("a live name was bound to another incarnation");
    else if (m->epoch != (was ? was->epoch : 0) + 1)
        judge_violation("a birth did not raise the epoch by one");
    else if (n->name != name)
        judge_violation("an incarnation was born under another name than its own");
    for (uint64_t seq = m->wal_floor + 1; seq <= n->tail && !history.failed; seq++)
        if (!has_entry(m, seq))
            judge_violation("a name was born whose entry %llu is gone", (unsigned long long)seq);
    if (history.failed)
        return;
    n->born = true;
    n->epoch = m->epoch;
    history.counts.births++;
    for (uint32_t i = 0; i < n->unborn_count; i++)
        judge_land(&history.ops[n->unborn[i].op], n->unborn[i].seq);
    history_end_absence(name);
    if (history_at(n, n->tail)->sealed)
        history_begin_absence(name);
    judge_content(n, m);
}

static void judge_death(const mola_manifest *m, const version *was)
{
    if (m->epoch != (was ? was->epoch : 0))
        judge_violation("a tombstone changed the epoch");
    if (!was || was->deleted)
        return;
    incarnation *n = history_by_nsid(was->nsid);
    if (memcmp(was->nsid, m->nsid, 16) != 0)
        judge_violation("a tombstone of another incarnation");
    else if (!history_at(n, n->tail)->sealed)
        judge_violation("a tombstone without a SEAL");
    n->over = true;
    n->over_at = sim_now();
}

static void judge_publication(const mola_manifest *m, const version *v, const version *was,
                              const mola_manifest *before)
{
    judge_floors(m, was);
    judge_gc_floor(m, before);
    judge_ring(m, before);
    judge_lineage(m, before);
    judge_table(v, was);
    if (!history.failed)
        judge_content(history_by_nsid(m->nsid), m);
    if (m->indexed_seq > was->indexed_seq)
        history.counts.flushes++;
    else if (m->segment_count < before->segment_count)
        history.counts.merges++;
    else
        history.counts.collections++;
}

/* Both images; what they hold in `arena`. */
static bool decode(mola_str body, mola_arena *arena, mola_manifest *out)
{
    mola_why why = {0};
    mola_err err = mola_manifest_decode(body, arena, &history.heap, out, &why);
    if (err)
        judge_violation("a manifest that cannot be decoded was stored: " MOLA_FMT,
                        MOLA_ARG(mola_why_text(&why)));
    return !err;
}

/* For who looks at one seed. */
static void show(uint32_t name, const mola_manifest *m)
{
    if (!getenv("SIM_LOG"))
        return;
    (void)fprintf(stderr, "[%.3f] %s version %llu%s: indexed %llu floor %llu gc %llu retired %u:",
                  (double)sim_now() / 1e9, sim_names[name], (unsigned long long)m->ver,
                  m->deleted ? " (tombstone)" : "", (unsigned long long)m->indexed_seq,
                  (unsigned long long)m->wal_floor, (unsigned long long)m->gc_floor,
                  m->retired_count);
    for (uint32_t i = 0; i < m->segment_count; i++)
        (void)fprintf(stderr, " [%llu..%llu rows %u-%u level %u base %llu]",
                      (unsigned long long)m->segments[i].seq_from,
                      (unsigned long long)m->segments[i].seq_to, m->infos[i].rows,
                      m->infos[i].deleted, m->infos[i].level,
                      (unsigned long long)m->segments[i].base);
    (void)fprintf(stderr, "\n");
}

static void judge_image(uint32_t name, const mola_manifest *m, const mola_manifest *before)
{
    name_history *h = &history.names[name];
    version *was = judge_current(name);
    if (m->ver != h->version_count + 1) {
        judge_violation("the version of a manifest went from %u to %llu", h->version_count,
                        (unsigned long long)m->ver);
        return;
    }
    show(name, m);
    version v = judge_take_version(m, was);
    if (m->deleted)
        judge_death(m, was);
    else if (!was || was->deleted || memcmp(was->nsid, m->nsid, 16) != 0)
        judge_birth(name, m, was);
    else
        judge_publication(m, &v, was, before);
    if (was)
        was->replaced_at = sim_now();
    h->versions =
        history_grow(h->versions, h->version_count, &h->version_room, sizeof *h->versions);
    h->versions[h->version_count++] = v;
}

void judge_manifest(uint32_t name, mola_str body, const world_object *old)
{
    mola_arena arena;
    mola_arena_init(&arena, &history.heap, SIZE_MAX);
    mola_manifest m = {0}, before = {.deleted = true};
    if (decode(body, &arena, &m) && (!old || decode(old->body, &arena, &before)))
        judge_image(name, &m, &before);
    if (m.state)
        mola_state_unref(m.state);
    if (before.state)
        mola_state_unref(before.state);
    mola_arena_reset(&arena);
}
