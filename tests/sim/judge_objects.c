/* judge_objects.c - what comes and goes in the store: may it be written, may it be deleted, and how
 * long may those who have read a manifest still rely on it? */
#include "history.h"
#include <stdio.h>

enum { RATE_MIN_PERMIL = 700 };

void judge_objects_reset(void)
{
    for (uint32_t i = 0; i < history.borrowing_count; i++)
        judge_free_version(&history.borrowings[i].needs);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static bool parse_hex(const char *text, int digits, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        const char *known = "0123456789abcdef", *at = text[i] ? strchr(known, text[i]) : NULL;
        if (!at)
            return false;
        *out = *out << 4 | (uint64_t)(at - known);
    }
    return true;
}

static bool parse_nsid(const char *text, uint8_t nsid[16])
{
    uint64_t byte = 0;
    for (int i = 0; i < 16; i++) {
        if (!parse_hex(text + 2 * (size_t)i, 2, &byte))
            return false;
        nsid[i] = (uint8_t)byte;
    }
    return true;
}

judge_key judge_parse(const char *key)
{
    judge_key k = {0};
    uint64_t inverse;
    if (strncmp(key, "d/", 2) != 0 || strlen(key) < 37 || !parse_nsid(key + 2, k.nsid) ||
        key[34] != '/' || key[36] != '/')
        return k;
    const char *rest = key + 37;
    bool known = false;
    switch (key[35]) {
    case 'w':
        known = strlen(rest) == 16 && parse_hex(rest, 16, &inverse);
        if (known)
            k.seq = (uint64_t)INT64_MAX - inverse;
        break;
    case 'p':
    case 's':
    case 'x':
        known = strlen(rest) >= 33 && parse_hex(rest, 16, &k.base) && rest[16] == '.' &&
                parse_hex(rest + 17, 16, &k.rand) && (rest[33] == '/') == (key[35] == 's');
        break;
    case 'r':
        known = true;
        k.id = rest;
        break;
    }
    k.folder = known ? key[35] : 0;
    return k;
}

/* ---- PUT ------------------------------------------------------------------------------------ */

static void on_put(const char *key, mola_str body, const world_object *old)
{
    if (history.failed)
        return;
    for (uint32_t n = 0; n < NAMES; n++)
        if (strncmp(key, "ns/", 3) == 0 && strcmp(key + 3, sim_names[n]) == 0) {
            judge_manifest(n, body, old);
            return;
        }
    judge_key k = judge_parse(key);
    if (k.folder == 'w') {
        judge_entry(k.nsid, k.seq, body, old);
    } else if (k.folder == 'p' || k.folder == 's' || k.folder == 'x') {
        if (!history_by_nsid(k.nsid))
            judge_violation("an object of an incarnation that was never begun: %s", key);
        if (old && !mola_str_eq(old->body, body))
            judge_violation("an immutable object was changed: %s", key);
    } else if (k.folder == 'r' && history_by_nsid(k.nsid)) {
        history_by_nsid(k.nsid)->was_held = true;
    } else if (k.folder != 'r' && strncmp(key, "q/", 2) != 0) {
        judge_violation("a key of no known kind: %s", key);
    }
}

/* ---- DELETE --------------------------------------------------------------------------------- */

bool judge_may_be_born(uint32_t name, const uint8_t nsid[16], uint64_t cond_ver)
{
    const incarnation *n = history_by_nsid(nsid);
    const version *v = judge_current(name);
    return !(n && n->born) && (v ? v->ver : 0) <= cond_ver;
}

void judge_borrow(uint32_t name, const uint8_t child[16], uint64_t cond_ver,
                  const mola_manifest *born)
{
    MOLA_ASSERT(history.borrowing_count < BORROWINGS_MAX);
    borrowing *b = &history.borrowings[history.borrowing_count++];
    *b = (borrowing){.name = name, .cond_ver = cond_ver, .needs = judge_take_version(born, NULL)};
    memcpy(b->needs.nsid, child, 16);
}

void judge_forked(const uint8_t child[16], mola_err err)
{
    incarnation *n = history_by_nsid(child);
    if (!err && !(n && n->born))
        judge_violation("a branch was acknowledged, and is not born");
    else if (err && err != MOLA_UNKNOWN && n && n->born)
        judge_violation("a branch was refused with %s, and is born", mola_err_name(err));
    if (!err)
        history.counts.forks++;
    else if (err != MOLA_UNKNOWN && n)
        n->refused = true;
}

typedef enum { NOBODY, CURRENT, RETIRED, PINNED, TRUSTED, UNBORN } needer;
static const char *const needers[] = {
    [CURRENT] = "the current version needs it",        [RETIRED] = "it still stands in RETIRED",
    [PINNED] = "a view may read it within its lease",  [TRUSTED] = "a hold may still vouch for it",
    [UNBORN] = "a child on its way to birth needs it",
};

/* Versions whose readers may still rely on them, the newest first. NULL: no more. */
static const version *relied_on(uint32_t name, uint32_t *from_end)
{
    const name_history *h = &history.names[name];
    if (*from_end == h->version_count)
        return NULL;
    const version *v = &h->versions[h->version_count - ++*from_end];
    uint64_t longest = history.rules.lease_ns > history.rules.fence_ns ? history.rules.lease_ns
                                                                       : history.rules.fence_ns;
    bool over = v->replaced_at != MOLA_NEVER &&
                v->replaced_at + longest / RATE_MIN_PERMIL * 1000 < sim_now();
    return over ? NULL : v;
}

static bool is_over(const version *v)
{
    const incarnation *n = history_by_nsid(v->nsid);
    return !n || n->over;
}

/* Segments and delete vectors. A view of an incarnation that is over may lose them: it is read
 * again, and finds nothing. */
static needer who_needs_object(const object_ref *ref)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        uint32_t from_end = 0;
        for (const version *v; (v = relied_on(i, &from_end));) {
            if (v->deleted)
                continue;
            bool needs = judge_needs(v, ref);
            if (needs && v->replaced_at == MOLA_NEVER)
                return CURRENT;
            if (v->replaced_at == MOLA_NEVER && judge_retires(v, ref))
                return RETIRED;
            if (needs && v->leased_until > sim_now() && !is_over(v))
                return PINNED;
        }
    }
    for (uint32_t i = 0; i < history.borrowing_count; i++) {
        const borrowing *b = &history.borrowings[i];
        if (judge_needs(&b->needs, ref) && judge_may_be_born(b->name, b->needs.nsid, b->cond_ver))
            return UNBORN;
    }
    return NOBODY;
}

static needer who_needs_entry(const uint8_t nsid[16], uint64_t seq)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        uint32_t from_end = 0;
        for (const version *v; (v = relied_on(i, &from_end));) {
            if (!judge_needs_entry(v, nsid, seq))
                continue;
            if (v->replaced_at == MOLA_NEVER)
                return CURRENT;
            if (v->trusted_until > sim_now())
                return TRUSTED;
        }
    }
    for (uint32_t i = 0; i < history.borrowing_count; i++) {
        const borrowing *b = &history.borrowings[i];
        if (judge_needs_entry(&b->needs, nsid, seq) && memcmp(b->needs.nsid, nsid, 16) != 0 &&
            judge_may_be_born(b->name, b->needs.nsid, b->cond_ver))
            return UNBORN;
    }
    return NOBODY;
}

/* A payload may go with the entry that names it; one that none names when none can any more. */
static needer who_needs_payload(const incarnation *n, const judge_key *k)
{
    for (uint32_t i = 0; i < n->payload_count; i++)
        if (n->payloads[i].base == k->base && n->payloads[i].rand == k->rand)
            return who_needs_entry(k->nsid, n->payloads[i].seq);
    return who_needs_entry(k->nsid, k->base + 1024);
}

/* Orphans of a living incarnation: somebody may be about to publish them. */
static bool may_be_published(const incarnation *n, const object_ref *ref)
{
    const name_history *h = &history.names[n->name];
    const version *now = judge_current(n->name);
    if (!n->born || n->over || !now || ref->base < now->gc_floor)
        return false;
    for (uint32_t i = h->version_count; i-- > 0 && !h->versions[i].deleted;)
        if (judge_needs(&h->versions[i], ref) || judge_retires(&h->versions[i], ref))
            return false;
    return true;
}

/* A holder may go when its child needs nothing of this incarnation, and never will. */
static void judge_holder_deleted(const char *key, const judge_key *k)
{
    uint8_t child[16];
    if (strlen(k->id) != 32 || !parse_nsid(k->id, child))
        return;
    for (uint32_t i = 0; i < history.borrowing_count; i++) {
        const borrowing *b = &history.borrowings[i];
        if (memcmp(b->needs.nsid, child, 16) == 0 && judge_may_be_born(b->name, child, b->cond_ver))
            judge_violation("the holder of a child on its way to birth was deleted: %s", key);
    }
    for (uint32_t i = 0; i < NAMES; i++) {
        const version *v = judge_current(i);
        if (!v || v->deleted || memcmp(v->nsid, child, 16) != 0)
            continue;
        bool needs = judge_needs_entry(v, k->nsid, v->wal_floor + 1);
        for (uint32_t j = 0; j < v->needed_count; j++)
            needs = needs || memcmp(v->needed[j].owner, k->nsid, 16) == 0;
        if (needs)
            judge_violation("the holder of a living child was deleted: %s", key);
    }
}

static void on_delete(const char *key, const world_object *old)
{
    (void)old;
    judge_key k = judge_parse(key);
    if (history.failed || strncmp(key, "q/", 2) == 0)
        return;
    const incarnation *n = k.folder ? history_by_nsid(k.nsid) : NULL;
    if (!n) {
        judge_violation("%s was deleted", key);
        return;
    }
    object_ref ref = {.base = k.base, .rand = k.rand, .deletes = k.folder == 'x'};
    memcpy(ref.owner, k.nsid, 16);
    needer who = k.folder == 's' || k.folder == 'x' ? who_needs_object(&ref)
                 : k.folder == 'w'                  ? who_needs_entry(k.nsid, k.seq)
                 : k.folder == 'p'                  ? who_needs_payload(n, &k)
                                                    : NOBODY;
    if (who != NOBODY)
        judge_violation("%s was deleted: %s", key, needers[who]);
    else if (judge_may_be_born(n->name, n->nsid, n->cond_ver))
        judge_violation("%s was deleted, and its incarnation may still be born", key);
    else if ((k.folder == 's' || k.folder == 'x') && may_be_published(n, &ref))
        judge_violation("%s was deleted: somebody may be about to publish it", key);
    if (k.folder == 'r')
        judge_holder_deleted(key, &k);
    else
        *(k.folder == 'w' ? &history.counts.deleted_entries : &history.counts.deleted_objects) += 1;
}

/* ---- GET ------------------------------------------------------------------------------------ */

/* Time on the node's own clock, in true time. */
static uint64_t later(uint64_t sent_at, uint64_t duration, const sim_node *node)
{
    return sent_at + duration / node->rate_permil * 1000;
}

static void on_get(const char *key, const sim_node *node, uint64_t sent_at)
{
    for (uint32_t n = 0; n < NAMES && node; n++) {
        version *v = judge_current(n);
        if (!v || strncmp(key, "ns/", 3) != 0 || strcmp(key + 3, sim_names[n]) != 0)
            continue;
        uint64_t leased = later(sent_at, history.rules.lease_ns, node);
        uint64_t trusted = later(sent_at, history.rules.fence_ns / 2, node);
        v->leased_until = leased > v->leased_until ? leased : v->leased_until;
        v->trusted_until = trusted > v->trusted_until ? trusted : v->trusted_until;
    }
}

void judge_install(void)
{
    static const world_judge hooks = {.put = on_put, .deleted = on_delete, .got = on_get};
    world_set_judge(&hooks);
}
