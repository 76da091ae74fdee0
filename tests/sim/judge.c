/* judge.c - the history of every name, and what it says of each answer. */
#include "judge.h"
#include "mola/format/entry.h"
#include "mola/format/key.h"
#include "mola/format/manifest.h"
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const sim_names[NAMES] = {"alpha", "beta", "gamma"};
enum {
    INCARNATIONS_MAX = 512,
    SPANS_MAX = 1024,
    NEWS_MAX = 1 << 14,
    UNBORN_MAX = 64,
    SEQ_BITS = 32
};

/* One name after one entry. */
typedef struct {
    sim_row rows[ROWS];
    uint8_t x_type; /* 0 not inferred yet, 1 int, 2 string */
    bool read_only, sealed;
} truth;

typedef struct {
    sim_incarnation is;
    uint64_t epoch, tail, dead_position;
    uint32_t v_attr, w_attr, x_attr; /* attribute ids; 0: none yet */
    truth *at;                       /* [tail], of entries 1.. */
    size_t room;
    struct { /* requests in entries of an incarnation that is not born yet: in the log only once it
                is */
        uint32_t op;
        uint64_t seq;
    } unborn[UNBORN_MAX];
    uint32_t unborn_count;
} incarnation;

static struct {
    incarnation all[INCARNATIONS_MAX];
    sim_incarnation exported[INCARNATIONS_MAX];
    uint32_t count;
    sim_op ops[OPS_MAX];
    uint32_t op_count;
    uint64_t newest[NAMES]; /* highest position acknowledged or seen by anybody */
    struct {
        uint64_t at, newest;
    } news[NAMES][NEWS_MAX]; /* how `newest` grew */
    uint32_t news_count[NAMES];
    struct {
        uint64_t from, until;
    } absent[NAMES][SPANS_MAX]; /* when the name did not exist */
    uint32_t spans[NAMES];
    bool sweeping, failed;
    char verdict[256];
    judge_counts counts;
    mola_heap heap;
} judge;

static void __attribute__((format(printf, 1, 2))) violation(const char *format, ...)
{
    if (judge.failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    int size =
        snprintf(judge.verdict, sizeof judge.verdict, "at %.3f s: ", (double)sim_now() / 1e9);
    (void)vsnprintf(judge.verdict + size, sizeof judge.verdict - (size_t)size, format, arguments);
    va_end(arguments);
    judge.failed = true;
}

bool judge_failed(void)
{
    return judge.failed;
}

const char *judge_verdict(void)
{
    return judge.verdict;
}

judge_counts judge_totals(void)
{
    return judge.counts;
}

static uint64_t position_of(uint64_t epoch, uint64_t seq)
{
    return epoch << SEQ_BITS | seq;
}

static void saw(uint32_t name, uint64_t position)
{
    if (position <= judge.newest[name])
        return;
    judge.newest[name] = position;
    MOLA_ASSERT(judge.news_count[name] < NEWS_MAX);
    judge.news[name][judge.news_count[name]].at = sim_now();
    judge.news[name][judge.news_count[name]++].newest = position;
}

uint64_t judge_newest(uint32_t name)
{
    return judge.newest[name];
}

uint64_t judge_newest_at(uint32_t name, uint64_t at)
{
    for (uint32_t i = judge.news_count[name]; i-- > 0;)
        if (judge.news[name][i].at <= at)
            return judge.news[name][i].newest;
    return 0;
}

static void begin_absence(uint32_t name)
{
    MOLA_ASSERT(judge.spans[name] < SPANS_MAX);
    judge.absent[name][judge.spans[name]].from = sim_now();
    judge.absent[name][judge.spans[name]++].until = MOLA_NEVER;
}

static void end_absence(uint32_t name)
{
    judge.absent[name][judge.spans[name] - 1].until = sim_now();
}

static bool was_absent(uint32_t name, uint64_t from, uint64_t until)
{
    for (uint32_t i = 0; i < judge.spans[name]; i++)
        if (judge.absent[name][i].from <= until && judge.absent[name][i].until >= from)
            return true;
    return false;
}

void judge_reset(void)
{
    for (uint32_t i = 0; i < judge.count; i++)
        free(judge.all[i].at);
    memset(&judge, 0, sizeof judge);
    mola_heap_init(&judge.heap, SIZE_MAX);
    for (uint32_t n = 0; n < NAMES; n++)
        begin_absence(n);
}

static incarnation *by_nsid(const uint8_t nsid[16])
{
    for (uint32_t i = 0; i < judge.count; i++)
        if (memcmp(judge.all[i].is.nsid, nsid, 16) == 0)
            return &judge.all[i];
    return NULL;
}

static incarnation *by_epoch(uint32_t name, uint64_t epoch)
{
    for (uint32_t i = 0; i < judge.count; i++)
        if (judge.all[i].is.name == name && judge.all[i].is.born && judge.all[i].epoch == epoch)
            return &judge.all[i];
    return NULL;
}

static uint32_t name_index(mola_str name)
{
    for (uint32_t n = 0; n < NAMES; n++)
        if (mola_str_eq(name, mola_str_of(sim_names[n])))
            return n;
    violation("an object of a name that nobody asked for");
    return 0;
}

/* ---- requests ------------------------------------------------------------------------------- */

sim_op *judge_op(op_kind kind, uint32_t name, uint32_t client)
{
    if (judge.op_count == OPS_MAX)
        return NULL;
    sim_op *op = &judge.ops[judge.op_count++];
    *op = (sim_op){.kind = kind, .name = name, .client = client};
    return op;
}

int64_t judge_op_number(const sim_op *op)
{
    return op - judge.ops + 1;
}

void judge_invoke(sim_op *op)
{
    op->invoked_at = sim_now();
    op->newest_at_invoke = judge.newest[op->name];
}

/* What the request does to a table, in the dumbest way. Returns how many rows it patched. */
static uint64_t apply_op(truth *t, const sim_op *op)
{
    int64_t v = judge_op_number(op);
    uint64_t patched = 0;
    if (op->x && !t->x_type)
        t->x_type = op->x;
    t->rows[DOCS + op->client] = (sim_row){.exists = true, .v = v, .x = op->x};
    for (uint32_t d = 0; d < DOCS; d++) {
        sim_row *row = &t->rows[d];
        if (op->upserts >> d & 1)
            *row = (sim_row){.exists = true, .v = v};
        if (op->patches >> d & 1 && row->exists) {
            row->has_w = true;
            row->w = v;
            patched++;
        }
        if (op->deletes >> d & 1)
            *row = (sim_row){0};
    }
    return patched;
}

/* ---- entries -------------------------------------------------------------------------------- */

static uint32_t attr_named(const mola_state *state, const char *name)
{
    const mola_attr *a = mola_state_find(state, mola_str_of(name));
    return a ? a->id : 0;
}

static void take_state(incarnation *n, truth *t, const mola_state *state)
{
    n->v_attr = attr_named(state, "v");
    n->w_attr = attr_named(state, "w");
    n->x_attr = attr_named(state, "x");
    t->read_only = state->read_only;
    if (n->x_attr) {
        uint8_t elem = mola_state_attr(state, n->x_attr)->type.elem;
        uint8_t type = elem == MOLA_ELEM_INT ? 1 : 2;
        if (t->x_type && t->x_type != type)
            violation("the type of an attribute has changed");
        t->x_type = type;
    }
}

static int row_index(uint64_t id)
{
    return id < DOCS ? (int)id : id >= 100 && id < 100 + CLIENTS_MAX ? (int)(id - 100 + DOCS) : -1;
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

/* The request stands in the log of a living name. */
static void land(sim_op *op, uint64_t seq)
{
    op->landed++;
    op->landed_position = seq;
    if (op->landed > 1)
        violation("request %lld is in the log twice", (long long)judge_op_number(op));
    if (op->outcome == OUT_REFUSED || op->outcome == OUT_FAILED)
        violation("request %lld was answered with %s and landed later",
                  (long long)judge_op_number(op), mola_err_name(op->err));
}

/* Applies the entry's rows to `t`; the requests found by their marker rows, in order, to
 * `expected`. */
static void take_rows(incarnation *n, truth *t, truth *expected, const mola_rows *rows,
                      uint64_t seq)
{
    for (uint32_t r = 0; r < rows->count; r++) {
        mola_value id = mola_column_cell(&rows->ids, r);
        int index = row_index(id.u);
        if (index < 0) {
            violation("an entry has a document that nobody wrote");
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
        if (index < DOCS || rows->ops[r] != MOLA_OP_UPSERT)
            continue;
        if (row->v < 1 || row->v > judge.op_count) {
            violation("an entry has a request that nobody made");
            return;
        }
        sim_op *op = &judge.ops[row->v - 1];
        (void)apply_op(expected, op);
        if (n->is.born) {
            land(op, seq);
        } else {
            MOLA_ASSERT(n->unborn_count < UNBORN_MAX);
            n->unborn[n->unborn_count].op = (uint32_t)(row->v - 1);
            n->unborn[n->unborn_count++].seq = seq;
        }
        if (op->x && t->x_type && op->x != t->x_type)
            violation("request %lld wrote a value of the wrong type", (long long)row->v);
    }
}

/* The rows of a LARGE entry, which stand in an object that must be there before the entry is. */
static mola_entry_memory *take_payload(mola_entry *entry)
{
    mola_key key =
        mola_key_payload((mola_str){0}, entry->nsid, entry->large.base, entry->large.rand);
    char text[sizeof key.text + 1] = {0};
    memcpy(text, key.text, key.len);
    const world_object *object = world_find(text);
    mola_entry_memory *memory = NULL;
    mola_why why = {0};
    if (!object)
        violation("entry %llu names a payload that is not there", (unsigned long long)entry->seq);
    else if (mola_payload_decode(&judge.heap, object->body, &entry->large, &entry->rows, &memory,
                                 &why))
        violation("the payload of entry %llu cannot be decoded", (unsigned long long)entry->seq);
    return memory;
}

static void judge_entry(const uint8_t nsid[16], uint64_t seq, mola_str body,
                        const world_object *old)
{
    if (old) {
        violation("log slot %llu was overwritten", (unsigned long long)seq);
        return;
    }
    mola_entry entry;
    mola_entry_memory *memory;
    mola_why why = {0};
    if (mola_entry_decode(&judge.heap, body, nsid, seq, &entry, &memory, &why)) {
        violation("a log entry that cannot be decoded was stored");
        return;
    }
    incarnation *n = by_nsid(nsid);
    if (!n && seq == 1 && entry.flags & MOLA_ENTRY_CREATE) {
        MOLA_ASSERT(judge.count < INCARNATIONS_MAX);
        n = &judge.all[judge.count++];
        *n = (incarnation){.is = {.name = name_index(entry.name),
                                  .cond_ver = entry.cond_ver,
                                  .begun_at = sim_now()}};
        memcpy(n->is.nsid, nsid, 16);
    }
    mola_entry_memory *payload = NULL;
    bool late = n && n->is.swept; /* a duplicate that lands in a collected slot: garbage that nobody
                                     may believe */
    if (!n)
        violation("an entry of an incarnation that was never begun");
    else if (!late && seq != n->tail + 1)
        violation("entry %llu follows entry %llu", (unsigned long long)seq,
                  (unsigned long long)n->tail);
    else if (!late && n->tail && n->at[n->tail - 1].sealed)
        violation("an entry behind a SEAL");
    if (!judge.failed && !late && entry.flags & MOLA_ENTRY_LARGE)
        payload = take_payload(&entry);
    if (!judge.failed && !late) {
        if (n->tail == n->room &&
            !(n->at = realloc(n->at, (n->room = n->room * 2 + 64) * sizeof *n->at)))
            abort();
        truth *t = &n->at[n->tail], before = n->tail ? n->at[n->tail - 1] : (truth){0};
        *t = before;
        n->tail = seq;
        judge.counts.entries++;
        if (entry.state)
            take_state(n, t, entry.state);
        truth expected = *t;
        take_rows(n, t, &expected, &entry.rows, seq);
        if (memcmp(expected.rows, t->rows, sizeof t->rows) != 0)
            violation("entry %llu is not what its requests do", (unsigned long long)seq);
        /* (a birth too large for one entry brings its state first and its rows next, unseen until
         * it is whole) */
        if (entry.rows.count && before.read_only && t->read_only && n->is.born)
            violation("entry %llu (flags %x, %u rows) writes to a read-only namespace",
                      (unsigned long long)seq, entry.flags, entry.rows.count);
        if (entry.flags & MOLA_ENTRY_SEAL) {
            t->sealed = true;
            if (n->is.born) {
                begin_absence(n->is.name);
                judge.counts.deaths++;
            }
        }
    }
    mola_entry_free(&judge.heap, memory);
    if (payload)
        mola_entry_free(&judge.heap, payload);
    if (entry.state)
        mola_state_unref(entry.state);
}

/* ---- manifests ------------------------------------------------------------------------------ */

static bool decode_manifest(mola_str body, mola_manifest *out)
{
    mola_arena arena;
    mola_why why = {0};
    mola_arena_init(&arena, &judge.heap, 1 << 20);
    mola_err err = mola_manifest_decode(body, &arena, &judge.heap, out, &why);
    if (!err && out->state)
        mola_state_unref(out->state);
    mola_arena_reset(&arena);
    return !err;
}

static void judge_birth(uint32_t name, const mola_manifest *m, const mola_manifest *was)
{
    incarnation *n = by_nsid(m->nsid);
    if (!n || n->tail == 0 || n->is.swept)
        violation("a name was bound to an incarnation without a first entry");
    else if (n->is.born)
        violation("an incarnation was born twice");
    else if (!was->deleted)
        violation("a live name was bound to another incarnation");
    else if (m->epoch != was->epoch + 1)
        violation("a birth did not raise the epoch by one");
    if (judge.failed)
        return;
    n->is.born = true;
    n->epoch = m->epoch;
    judge.counts.births++;
    if (n->is.dead)
        violation("an incarnation that was dead for good was born");
    for (uint32_t i = 0; i < n->unborn_count; i++)
        land(&judge.ops[n->unborn[i].op], n->unborn[i].seq);
    end_absence(name);
    if (n->at[n->tail - 1].sealed)
        begin_absence(name);
}

static void judge_manifest(mola_str name_text, mola_str body, const world_object *old)
{
    uint32_t name = name_index(name_text);
    mola_manifest m, was = {.deleted = true};
    if (!decode_manifest(body, &m) || (old && !decode_manifest(old->body, &was))) {
        violation("a manifest that cannot be decoded was stored");
        return;
    }
    if (m.ver != was.ver + 1)
        violation("the version of a manifest went from %llu to %llu", (unsigned long long)was.ver,
                  (unsigned long long)m.ver);
    if (!m.deleted) {
        judge_birth(name, &m, &was);
        return;
    }
    if (m.epoch != was.epoch)
        violation("a tombstone changed the epoch");
    incarnation *n = by_nsid(m.nsid);
    if (!was.deleted) {
        if (!n || memcmp(was.nsid, m.nsid, 16) != 0)
            violation("a tombstone of another incarnation");
        else if (!n->at[n->tail - 1].sealed)
            violation("a tombstone without a SEAL");
        else if (!n->is.dead) {
            n->is.dead = true;
            n->is.dead_at = sim_now();
        }
    }
}

static void on_put(const char *key, mola_str body, const world_object *old)
{
    uint8_t nsid[16];
    uint64_t seq;
    mola_str name;
    if (judge.failed)
        return;
    if (mola_key_parse_entry((mola_str){0}, mola_str_of(key), nsid, &seq))
        judge_entry(nsid, seq, body, old);
    else if (mola_key_parse_manifest((mola_str){0}, mola_str_of(key), &name))
        judge_manifest(name, body, old);
    else if (!strstr(key, "/p/"))
        violation("a key of no known kind: %s", key);
}

static void on_delete(const char *key, const world_object *old)
{
    (void)old;
    if (!judge.sweeping)
        violation("%s was deleted", key);
}

/* ---- answers -------------------------------------------------------------------------------- */

static const truth *truth_at(uint32_t name, uint64_t epoch, uint64_t seq)
{
    incarnation *n = by_epoch(name, epoch);
    if (!n || seq < 1 || seq > n->tail) {
        violation("an answer names position (%llu, %llu), which does not exist",
                  (unsigned long long)epoch, (unsigned long long)seq);
        return NULL;
    }
    return &n->at[seq - 1];
}

static void judge_done(sim_op *op, const mola_write_answer *a)
{
    uint64_t position = position_of(a->epoch, a->seq);
    const truth *t = truth_at(op->name, a->epoch, a->seq);
    if (!t)
        return;
    if (op->kind == OP_WRITE && (op->landed != 1 || op->landed_position != a->seq))
        violation("request %lld was acknowledged at (%llu, %llu), where it is not",
                  (long long)judge_op_number(op), (unsigned long long)a->epoch,
                  (unsigned long long)a->seq);
    if (op->kind == OP_READ_ONLY && t->read_only != op->read_only)
        violation("read_only was acknowledged and is not so");
    if (op->kind == OP_NOTHING && op->patched)
        violation("a patch of what is not there did something");
    if (op->kind == OP_DELETE && !t->sealed)
        violation("a deletion was acknowledged without a SEAL");
    if (position < op->newest_at_invoke)
        violation("an acknowledged request stands before what was known when it began");
    saw(op->name, position);
}

static bool refuses(const truth *t, const sim_op *op)
{
    return t->read_only || (op->x && t->x_type && t->x_type != op->x);
}

/* A refusal is an answer about a state: that state must say the same. */
static void judge_refused(const sim_op *op, const mola_write_answer *a)
{
    if (op->landed)
        violation("request %lld was refused and is in the log", (long long)judge_op_number(op));
    if (a->err == MOLA_NOT_FOUND) {
        if (!was_absent(op->name, op->invoked_at, sim_now()))
            violation("not found, but the name existed all the time");
        return;
    }
    if (a->epoch == 0) {
        if (!was_absent(op->name, op->invoked_at, sim_now()))
            violation("refused without a position");
        return;
    }
    const truth *t = truth_at(op->name, a->epoch, a->seq);
    if (!t)
        return;
    /* the state it was refused on is the one at seq, or that one with what earlier members of its
     * group do in seq + 1 */
    const incarnation *n = by_epoch(op->name, a->epoch);
    bool same_group = a->seq < n->tail && refuses(&n->at[a->seq], op);
    if (!refuses(t, op) && !same_group)
        violation("request %lld was refused at (%llu, %llu) for no reason: " MOLA_FMT,
                  (long long)judge_op_number(op), (unsigned long long)a->epoch,
                  (unsigned long long)a->seq, MOLA_ARG(mola_why_text(&a->why)));
    if (position_of(a->epoch, a->seq) < op->newest_at_invoke)
        violation("a refusal speaks of a state older than what was known when the request began");
}

void judge_answer(sim_op *op, const mola_write_answer *a)
{
    op->done_at = sim_now();
    op->err = a->err;
    op->patched = a->rows_patched;
    sim_trace((uint64_t)a->err ^ a->seq << 8 ^ sim_now());
    switch (a->err) {
    case MOLA_OK:
        op->outcome = OUT_DONE;
        judge.counts.done++;
        judge_done(op, a);
        break;
    case MOLA_NOT_FOUND:
    case MOLA_INVALID:
    case MOLA_SHAPE:
        op->outcome = OUT_REFUSED;
        judge.counts.refused++;
        judge_refused(op, a);
        break;
    case MOLA_UNKNOWN:
        op->outcome = OUT_UNKNOWN;
        judge.counts.unknown++;
        break;
    default:
        op->outcome = OUT_FAILED;
        judge.counts.failed++;
        if (op->landed)
            violation("request %lld failed for certain and is in the log",
                      (long long)judge_op_number(op));
    }
}

/* Reads every row of the view by its parts and columns, as a query would. */
static void read_view(const mola_view *view, sim_row rows[ROWS])
{
    uint32_t v = attr_named(view->state, "v"), w = attr_named(view->state, "w"),
             x = attr_named(view->state, "x");
    for (uint32_t p = 0; p < view->part_count; p++)
        for (uint32_t r = 0; r < view->parts[p].rows; r++) {
            mola_column ids, cells;
            uint32_t window = r / MOLA_WINDOW_ROWS, in = r % MOLA_WINDOW_ROWS;
            if (!mola_bit(view->parts[p].live, r))
                continue;
            if (!mola_part_column(view->parts[p].part, MOLA_ATTR_ID, window, &ids)) {
                violation("a part without ids");
                return;
            }
            int index = row_index(mola_column_cell(&ids, in).u);
            if (index < 0 || rows[index].exists) {
                violation("a view has a document twice, or one that nobody wrote");
                return;
            }
            rows[index].exists = true;
            if (v && mola_part_column(view->parts[p].part, v, window, &cells) &&
                mola_column_has(&cells, in))
                rows[index].v = mola_column_cell(&cells, in).i;
            if (w && mola_part_column(view->parts[p].part, w, window, &cells) &&
                mola_column_has(&cells, in)) {
                rows[index].has_w = true;
                rows[index].w = mola_column_cell(&cells, in).i;
            }
            if (x && mola_part_column(view->parts[p].part, x, window, &cells) &&
                mola_column_has(&cells, in))
                rows[index].x = mola_column_cell(&cells, in).elem == MOLA_ELEM_INT ? 1 : 2;
        }
}

static bool judge_content(uint32_t name, const mola_view *view)
{
    const truth *t = truth_at(name, view->epoch, view->seq);
    if (!t)
        return false;
    sim_row rows[ROWS] = {0};
    read_view(view, rows);
    for (uint32_t i = 0; i < ROWS; i++) {
        const sim_row *a = &rows[i], *b = &t->rows[i];
        if (a->exists != b->exists || a->v != b->v || a->has_w != b->has_w || a->w != b->w ||
            a->x != b->x) {
            violation("a view at (%llu, %llu) is not what the log says (row %u)",
                      (unsigned long long)view->epoch, (unsigned long long)view->seq, i);
            return false;
        }
    }
    if (t->sealed)
        violation("a deleted namespace was read");
    return true;
}

void judge_read(uint32_t name, const mola_view *view, uint64_t newest, uint64_t began_at)
{
    judge.counts.reads++;
    if (!view) {
        judge.counts.absent_reads++;
        if (!was_absent(name, began_at, sim_now()))
            violation("a read found nothing, but the name existed all the time");
        return;
    }
    sim_trace(view->seq << 20 ^ view->epoch ^ sim_now());
    if (!judge_content(name, view))
        return;
    if (position_of(view->epoch, view->seq) < newest)
        violation("a strong read at (%llu, %llu) misses what was acknowledged before it began",
                  (unsigned long long)view->epoch, (unsigned long long)view->seq);
    saw(name, position_of(view->epoch, view->seq));
}

void judge_eventual(uint32_t name, const mola_view *view, uint64_t newest_then)
{
    judge.counts.eventual_reads++;
    if (!view || !judge_content(name, view))
        return;
    if (position_of(view->epoch, view->seq) < newest_then)
        violation("an eventual read is older than it may be");
}

void judge_final(uint64_t healthy_at)
{
    uint32_t healthy = 0, unclear = 0;
    for (uint32_t i = 0; i < judge.op_count; i++) {
        const sim_op *op = &judge.ops[i];
        if (op->outcome == OUT_DONE && op->kind == OP_WRITE && op->landed != 1)
            violation("request %u was acknowledged and is %u times in the log", i + 1, op->landed);
        if (op->invoked_at <= healthy_at)
            continue;
        healthy++;
        unclear += op->outcome != OUT_DONE && op->outcome != OUT_REFUSED;
        if (op->outcome == OUT_NONE)
            violation("request %u was never answered", i + 1);
    }
    /* Not none: three nodes race for one log at the latency of a bad day, and some lose until their
     * time is over. */
    if (unclear > 5 && unclear * 4 > healthy)
        violation("%u of %u requests failed long after the faults had stopped", unclear, healthy);
    judge.counts.healthy = healthy;
    judge.counts.healthy_unclear = unclear;
}

/* ---- the sweeper's view -----------------------------------------------------------------------
 */

uint32_t judge_incarnations(sim_incarnation **out)
{
    for (uint32_t i = 0; i < judge.count; i++)
        judge.exported[i] = judge.all[i].is;
    *out = judge.exported;
    return judge.count;
}

void judge_sweeping(bool on)
{
    judge.sweeping = on;
}

void judge_mark(const uint8_t nsid[16], bool swept)
{
    incarnation *n = by_nsid(nsid);
    if (swept) {
        n->is.swept = true;
        judge.counts.swept++;
    } else if (!n->is.dead) {
        n->is.dead = true;
        n->is.dead_at = sim_now();
    }
}

void judge_install(void)
{
    static const world_judge hooks = {.put = on_put, .deleted = on_delete};
    world_set_judge(&hooks);
}
