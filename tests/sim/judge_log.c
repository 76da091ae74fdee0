/* judge_log.c - the first accepted PUT of a slot is the log: what each entry does, and whether it
 * may stand there. */
#include "history.h"
#include <stdlib.h>

void judge_log_reset(void)
{
    for (uint32_t i = 0; i < history.count; i++) {
        incarnation *n = &history.all[i];
        for (uint64_t seq = n->first_seq; seq <= n->tail; seq++)
            mola_state_unref(n->at[seq - n->first_seq].state);
        free(n->at);
        free(n->payloads);
    }
}

static uint32_t attr_named(const mola_state *state, const char *name)
{
    const mola_attr *a = mola_state_find(state, mola_str_of(name));
    return a ? a->id : 0;
}

static void take_state(incarnation *n, truth *t, mola_state *state)
{
    n->v_attr = attr_named(state, "v");
    n->w_attr = attr_named(state, "w");
    n->x_attr = attr_named(state, "x");
    t->read_only = state->read_only;
    mola_state_unref(t->state);
    mola_state_ref(state);
    t->state = state;
    if (n->x_attr) {
        uint8_t elem = mola_state_attr(state, n->x_attr)->type.elem;
        uint8_t type = elem == MOLA_ELEM_INT ? 1 : 2;
        if (t->x_type && t->x_type != type)
            judge_violation("the type of an attribute has changed");
        t->x_type = type;
    }
}

/* Writes the cells that `column` gives row r into the truth's row. */
static void take_cell(const incarnation *n, sim_row *row, const mola_row_column *column, uint32_t r,
                      bool patch)
{
    bool has = mola_column_has(&column->column, r);
    bool given = column->given ? mola_bit(column->given, r) : has;
    if (patch && !given)
        return;
    mola_value value = mola_column_cell(&column->column, r);
    if (column->attr == n->v_attr)
        row->v = has ? value.i : 0;
    if (column->attr == n->w_attr) {
        row->has_w = has;
        row->w = has ? value.i : 0;
    }
    if (column->attr == n->x_attr)
        row->x = !has ? 0 : value.elem == MOLA_ELEM_INT ? 1 : 2;
}

void judge_land(sim_op *op, uint64_t seq)
{
    op->landed++;
    op->landed_position = seq;
    if (op->landed > 1)
        judge_violation("request %lld is in the log twice", (long long)judge_op_number(op));
    if (op->outcome == OUT_REFUSED || op->outcome == OUT_FAILED)
        judge_violation("request %lld was answered with %s and landed later",
                        (long long)judge_op_number(op), mola_err_name(op->err));
}

/* A marker row: the request that wrote it stands in this entry. */
static void take_request(incarnation *n, const truth *t, truth *expected, int64_t v, uint64_t seq)
{
    if (v < 1 || v > history.op_count) {
        judge_violation("an entry has a request that nobody made");
        return;
    }
    sim_op *op = &history.ops[v - 1];
    (void)history_apply(expected, op);
    if (n->born) {
        judge_land(op, seq);
    } else {
        MOLA_ASSERT(n->unborn_count < UNBORN_MAX);
        n->unborn[n->unborn_count].op = (uint32_t)(v - 1);
        n->unborn[n->unborn_count++].seq = seq;
    }
    if (op->x && t->x_type && op->x != t->x_type)
        judge_violation("request %lld wrote a value of the wrong type", (long long)v);
}

/* Applies the entry's rows to `t`; the requests found by their marker rows, in order, to
 * `expected`. */
static void take_rows(incarnation *n, truth *t, truth *expected, const mola_rows *rows,
                      uint64_t seq)
{
    for (uint32_t r = 0; r < rows->count && !history.failed; r++) {
        mola_value id = mola_column_cell(&rows->ids, r);
        int index = sim_row_of(id.u);
        if (index < 0) {
            judge_violation("an entry has a document that nobody wrote");
            return;
        }
        sim_row *row = &t->rows[index];
        if (rows->ops[r] == MOLA_OP_UPSERT)
            *row = (sim_row){.exists = true};
        if (rows->ops[r] == MOLA_OP_DELETE)
            *row = (sim_row){0};
        for (uint32_t c = 0;
             c < rows->column_count && row->exists && rows->ops[r] != MOLA_OP_DELETE; c++)
            take_cell(n, row, &rows->columns[c], r, rows->ops[r] == MOLA_OP_PATCH);
        if (index >= DOCS && rows->ops[r] == MOLA_OP_UPSERT)
            take_request(n, t, expected, row->v, seq);
    }
}

/* The rows of a LARGE entry, which stand in an object that must be there before the entry is. */
static mola_entry_memory *take_payload(incarnation *n, mola_entry *entry)
{
    const world_object *object = world_find_key(
        mola_key_payload((mola_str){0}, entry->nsid, entry->large.base, entry->large.rand));
    mola_entry_memory *memory = NULL;
    mola_why why = {0};
    if (!object)
        judge_violation("entry %llu names a payload that is not there",
                        (unsigned long long)entry->seq);
    else if (mola_payload_decode(&history.heap, object->body, &entry->large, &entry->rows, &memory,
                                 &why))
        judge_violation("the payload of entry %llu cannot be decoded",
                        (unsigned long long)entry->seq);
    n->payloads = realloc(n->payloads, (n->payload_count + 1) * sizeof *n->payloads);
    if (!n->payloads)
        abort();
    n->payloads[n->payload_count++] =
        (named_payload){entry->large.base, entry->large.rand, entry->seq};
    return memory;
}

/* The next entry of its log, appended. */
static void append(incarnation *n, mola_entry *entry)
{
    const truth *last = history_at(n, entry->seq - 1);
    if (last && last->sealed)
        judge_violation("an entry behind a SEAL");
    if (entry->prev_chain != (last ? last->chain : 0))
        judge_violation("entry %llu has another chain than the one before it",
                        (unsigned long long)entry->seq);
    mola_entry_memory *payload = NULL;
    if (!history.failed && entry->flags & MOLA_ENTRY_LARGE)
        payload = take_payload(n, entry);
    uint32_t room = (uint32_t)n->room;
    truth before = last ? *last : (truth){0};
    n->at = history_grow(n->at, (uint32_t)(entry->seq - n->first_seq), &room, sizeof *n->at);
    n->room = room;
    truth *t = &n->at[entry->seq - n->first_seq];
    *t = before;
    if (t->state)
        mola_state_ref(t->state);
    t->chain = mola_entry_chain(entry);
    t->time_us = entry->time_us;
    t->landed_at = sim_now();
    n->tail = entry->seq;
    history.counts.entries++;
    if (entry->state)
        take_state(n, t, entry->state);
    truth expected = *t;
    take_rows(n, t, &expected, &entry->rows, entry->seq);
    if (history_compare(expected.rows, t->rows) < ROWS)
        judge_violation("entry %llu is not what its requests do", (unsigned long long)entry->seq);
    /* (a birth too large for one entry brings its state first and its rows next, unseen until it is
     * whole) */
    if (entry->rows.count && before.read_only && t->read_only && n->born)
        judge_violation("entry %llu (flags %x, %u rows) writes to a read-only namespace",
                        (unsigned long long)entry->seq, entry->flags, entry->rows.count);
    if (entry->flags & MOLA_ENTRY_SEAL) {
        t->sealed = true;
        if (n->born) {
            history_begin_absence(n->name);
            history.counts.deaths++;
        }
    }
    if (payload)
        mola_entry_free(&history.heap, payload);
}

static uint32_t name_index(mola_str name)
{
    for (uint32_t n = 0; n < NAMES; n++)
        if (mola_str_eq(name, mola_str_of(sim_names[n])))
            return n;
    judge_violation("an entry of a name that nobody asked for");
    return 0;
}

/* The log that a branch goes on with. */
static incarnation *parent_of(const uint8_t child[16], uint64_t first_seq)
{
    for (uint32_t i = 0; i < history.borrowing_count; i++) {
        const version *v = &history.borrowings[i].needs;
        if (memcmp(v->nsid, child, 16) != 0)
            continue;
        const mola_lineage *last = &v->lineage[v->lineage_count - 1];
        return last->last_seq + 1 == first_seq ? history_by_nsid(last->nsid) : NULL;
    }
    return NULL;
}

/* Those that the production code makes say it by their chain. */
static incarnation *parent_by_chain(const mola_entry *entry)
{
    for (uint32_t i = 0; i < history.count; i++) {
        incarnation *n = &history.all[i];
        uint64_t last = entry->seq - 1;
        if (last >= n->first_seq && last <= n->tail &&
            n->at[last - n->first_seq].chain == entry->prev_chain)
            return n;
    }
    return NULL;
}

static bool borrows(const mola_entry *entry)
{
    return entry->flags & (MOLA_ENTRY_BRANCH | MOLA_ENTRY_COPY);
}

static incarnation *begin(const mola_entry *entry)
{
    MOLA_ASSERT(history.count < INCARNATIONS_MAX);
    incarnation *parent = NULL;
    if (borrows(entry) && !(parent = parent_of(entry->nsid, entry->seq)))
        parent = parent_by_chain(entry);
    if (borrows(entry) && !parent)
        judge_violation("a branch from an impossible point");
    if (parent && history_at(parent, entry->seq - 1)->sealed)
        judge_violation("a branch of what was deleted");
    incarnation *n = &history.all[history.count++];
    *n = (incarnation){.name = name_index(entry->name),
                       .cond_ver = entry->cond_ver,
                       .begun_at = sim_now(),
                       .first_seq = entry->seq,
                       .tail = entry->seq - 1,
                       .parent = parent};
    memcpy(n->nsid, entry->nsid, 16);
    if (parent) {
        n->v_attr = parent->v_attr;
        n->w_attr = parent->w_attr;
        n->x_attr = parent->x_attr;
    }
    return n;
}

/* An object in a slot that the log has passed: it may only be a late copy that lands where the
 * entry was collected. It is garbage, and nobody may believe it. */
static void judge_stray(const uint8_t nsid[16], uint64_t seq, bool overwrites)
{
    bool needed = overwrites;
    for (uint32_t i = 0; i < NAMES; i++) {
        const version *v = judge_current(i);
        needed = needed || (v && judge_needs_entry(v, nsid, seq));
    }
    if (needed)
        judge_violation("log slot %llu was written twice", (unsigned long long)seq);
    else
        mola_probe_hit("sim_stray_entry");
}

void judge_entry(const uint8_t nsid[16], uint64_t seq, mola_str body, const world_object *old)
{
    mola_entry entry;
    mola_entry_memory *memory;
    mola_why why = {0};
    if (mola_entry_decode(&history.heap, body, nsid, seq, &entry, &memory, &why)) {
        judge_violation("a log entry that cannot be decoded was stored");
        return;
    }
    incarnation *n = history_by_nsid(nsid);
    if (!n && entry.flags & MOLA_ENTRY_CREATE && (seq == 1 || borrows(&entry)))
        n = begin(&entry);
    if (!n)
        judge_violation("an entry of an incarnation that was never begun");
    else if (!n->born && !judge_may_be_born(n->name, nsid, n->cond_ver))
        mola_probe_hit("sim_entry_of_the_stillborn");
    else if (seq < n->first_seq)
        judge_violation("an entry in the borrowed slot %llu", (unsigned long long)seq);
    else if (seq <= n->tail)
        judge_stray(nsid, seq, old != NULL);
    else if (seq != n->tail + 1)
        judge_violation("entry %llu follows entry %llu", (unsigned long long)seq,
                        (unsigned long long)n->tail);
    else
        append(n, &entry);
    mola_entry_free(&history.heap, memory);
    if (entry.state)
        mola_state_unref(entry.state);
}
