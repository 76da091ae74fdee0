/* judge_garbage.c - the end of a seed: the faults have stopped long ago, so the log is indexed, and
 * what nobody needs any more is gone. */
#include "history.h"

/* That moment lies so long back that what had to follow it has followed. 0: it need not. Before the
 * faults have stopped, whoever waits may have begun anew. */
static bool long_ago(uint64_t at, uint64_t within)
{
    at = at > history.rules.healed_at ? at : history.rules.healed_at;
    return within && at + within < sim_now();
}

/* Nobody can index what is not born: the entries of a branch may stand long before its manifest. */
static uint64_t born_at(uint32_t name, const uint8_t nsid[16])
{
    const name_history *h = &history.names[name];
    for (uint32_t i = 0; i < h->version_count; i++) {
        if (memcmp(h->versions[i].nsid, nsid, 16) == 0)
            return h->versions[i].accepted_at;
    }
    return 0;
}

static uint64_t seen_from(uint32_t name, const version *v, const truth *entry)
{
    uint64_t born = born_at(name, v->nsid);
    return entry->landed_at > born ? entry->landed_at : born;
}

static void judge_backlog(uint32_t name)
{
    const version *v = judge_current(name);
    if (!v || v->deleted)
        return;
    const incarnation *n = history_by_nsid(v->nsid);
    const truth *last = history_at(n, n->tail), *next = history_at(n, v->indexed_seq + 1);
    uint64_t within = history.rules.indexed_within_ns;
    if (last->sealed && long_ago(seen_from(name, v, last), within))
        judge_violation("%s was deleted long ago and is not buried", sim_names[name]);
    else if (next && !last->sealed && long_ago(seen_from(name, v, next), within))
        judge_violation("%s is indexed to %llu, and its log goes on to %llu since %.1f s",
                        sim_names[name], (unsigned long long)v->indexed_seq,
                        (unsigned long long)n->tail, (double)(sim_now() - next->landed_at) / 1e9);
    const truth *kept = history_at(n, v->wal_floor + 1);
    if (v->wal_floor < v->indexed_seq && long_ago(kept->landed_at, history.rules.floored_within_ns))
        judge_violation("%s keeps its log from %llu on, and is indexed to %llu", sim_names[name],
                        (unsigned long long)v->wal_floor + 1, (unsigned long long)v->indexed_seq);
    for (uint32_t i = 0; i < v->retired_count; i++)
        if (long_ago(v->retired_since[i], history.rules.retired_within_ns))
            judge_violation("%s keeps an object in RETIRED since %.1f s", sim_names[name],
                            (double)(sim_now() - v->retired_since[i]) / 1e9);
}

/* Since when the floors of its name say so: first version for which `below` holds. */
static uint64_t since(uint32_t name, const uint8_t nsid[16], uint64_t seq, uint64_t base)
{
    const name_history *h = &history.names[name];
    uint64_t at = MOLA_NEVER;
    for (uint32_t i = h->version_count; i-- > 0;) {
        const version *v = &h->versions[i];
        bool below = !v->deleted && memcmp(v->nsid, nsid, 16) == 0 &&
                     (seq ? seq <= v->wal_floor : base < v->gc_floor);
        if (!below)
            break;
        at = v->accepted_at;
    }
    return at;
}

static bool is_borrowed(const uint8_t nsid[16])
{
    for (uint32_t i = 0; i < NAMES; i++) {
        const version *v = judge_current(i);
        for (uint32_t j = 0; v && !v->deleted && j < v->needed_count; j++)
            if (memcmp(v->nsid, nsid, 16) != 0 && memcmp(v->needed[j].owner, nsid, 16) == 0)
                return true;
        for (uint32_t j = 0; v && !v->deleted && j < v->lineage_count; j++)
            if (memcmp(v->lineage[j].nsid, nsid, 16) == 0)
                return true;
    }
    for (uint32_t i = 0; i < history.borrowing_count; i++) {
        const borrowing *b = &history.borrowings[i];
        for (uint32_t j = 0; j < b->needs.needed_count; j++)
            if (memcmp(b->needs.needed[j].owner, nsid, 16) == 0 &&
                judge_may_be_born(b->name, b->needs.nsid, b->cond_ver))
                return true;
    }
    return false;
}

/* Since when it stands neither in the table nor in RETIRED; 0: it never did. */
static uint64_t left_at(uint32_t name, const object_ref *ref)
{
    const name_history *h = &history.names[name];
    for (uint32_t i = h->version_count; i-- > 0;)
        if (judge_needs(&h->versions[i], ref) || judge_retires(&h->versions[i], ref))
            return h->versions[i].replaced_at;
    return 0;
}

/* Built from a version that is long past, and in no table since. */
static bool is_old_orphan(uint32_t name, const judge_key *k, const world_object *object)
{
    const name_history *h = &history.names[name];
    uint64_t within = history.rules.orphaned_within_ns;
    bool past = k->base < h->version_count && h->versions[k->base].accepted_at + within < sim_now();
    return k->folder != 'w' && within && past && long_ago(object->put_at, within);
}

static void judge_leftover(const world_object *object, void *unused)
{
    (void)unused;
    judge_key k = judge_parse(object->key);
    const incarnation *n = k.folder ? history_by_nsid(k.nsid) : NULL;
    if (!n || history.failed || is_borrowed(k.nsid))
        return;
    uint64_t swept = history.rules.swept_within_ns, collected = history.rules.collected_within_ns;
    const version *v = judge_current(n->name);
    object_ref ref = {.base = k.base, .rand = k.rand};
    memcpy(ref.owner, k.nsid, 16);
    bool live = n->born && !n->over;
    /* (a holder whose child never came holds everything, until its birth is impossible, and longer)
     */
    if (!live && long_ago(n->born ? n->over_at : n->begun_at, swept) &&
        long_ago(object->put_at, swept) &&
        (!n->was_held || long_ago(n->born ? n->over_at : n->begun_at, 2 * swept)))
        judge_violation("%s is left of an incarnation that is %s", object->key,
                        n->born ? "over" : "unborn");
    if (!live || k.folder == 'r' || k.folder == 'p' || !long_ago(object->put_at, collected))
        return;
    bool stays =
        k.folder == 'w' ? k.seq > v->wal_floor : judge_needs(v, &ref) || judge_retires(v, &ref);
    if (k.folder != 'w' && !stays && !long_ago(left_at(n->name, &ref), collected))
        return;
    uint64_t at = since(n->name, k.nsid, k.folder == 'w' ? k.seq : 0, k.base);
    if (!stays && at != MOLA_NEVER && long_ago(at, collected))
        judge_violation("%s is garbage, and nobody has deleted it", object->key);
    else if (!stays && is_old_orphan(n->name, &k, object))
        judge_violation("%s is garbage, and gc_floor is kept below it", object->key);
}

void judge_garbage(void)
{
    for (uint32_t n = 0; n < NAMES; n++)
        judge_backlog(n);
    world_each(judge_leftover, NULL);
}
