/* judge.c - requests, answers and reads, held against the history of every name. */
#include "history.h"
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const sim_names[NAMES] = {"alpha", "beta", "gamma", "delta", "epsilon"};
judge_history history;

void judge_violation(const char *format, ...)
{
    if (history.failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    int size =
        snprintf(history.verdict, sizeof history.verdict, "at %.3f s: ", (double)sim_now() / 1e9);
    (void)vsnprintf(history.verdict + size, sizeof history.verdict - (size_t)size, format,
                    arguments);
    va_end(arguments);
    history.failed = true;
}

bool judge_failed(void)
{
    return history.failed;
}

const char *judge_verdict(void)
{
    return history.verdict;
}

judge_counts judge_totals(void)
{
    return history.counts;
}

int sim_row_of(uint64_t id)
{
    return id < DOCS ? (int)id : id >= 100 && id < 100 + CLIENTS_MAX ? (int)(id - 100 + DOCS) : -1;
}

/* ---- the history ---------------------------------------------------------------------------- */

void *history_grow(void *array, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return array;
    *room = *room * 2 + 64;
    array = realloc(array, *room * size);
    if (!array)
        abort();
    return array;
}

uint64_t history_position(uint64_t epoch, uint64_t seq)
{
    return epoch << SEQ_BITS | seq;
}

void history_saw(uint32_t name, uint64_t position)
{
    name_history *h = &history.names[name];
    if (position <= h->newest)
        return;
    h->newest = position;
    MOLA_ASSERT(h->news_count < NEWS_MAX);
    h->news[h->news_count].at = sim_now();
    h->news[h->news_count++].newest = position;
}

uint64_t judge_newest(uint32_t name)
{
    return history.names[name].newest;
}

uint64_t judge_newest_at(uint32_t name, uint64_t at)
{
    const name_history *h = &history.names[name];
    for (uint32_t i = h->news_count; i-- > 0;)
        if (h->news[i].at <= at)
            return h->news[i].newest;
    return 0;
}

void history_begin_absence(uint32_t name)
{
    name_history *h = &history.names[name];
    MOLA_ASSERT(h->spans < SPANS_MAX);
    h->absent[h->spans].from = sim_now();
    h->absent[h->spans++].until = MOLA_NEVER;
}

void history_end_absence(uint32_t name)
{
    name_history *h = &history.names[name];
    h->absent[h->spans - 1].until = sim_now();
}

static bool was_absent(uint32_t name, uint64_t from, uint64_t until)
{
    const name_history *h = &history.names[name];
    for (uint32_t i = 0; i < h->spans; i++)
        if (h->absent[i].from <= until && h->absent[i].until >= from)
            return true;
    return false;
}

void judge_reset(const judge_rules *rules)
{
    judge_objects_reset();
    judge_segment_reset();
    judge_manifest_reset();
    judge_log_reset();
    memset(&history, 0, sizeof history);
    mola_heap_init(&history.heap, SIZE_MAX);
    history.rules = *rules;
    for (uint32_t n = 0; n < NAMES; n++)
        history_begin_absence(n);
}

incarnation *history_by_nsid(const uint8_t nsid[16])
{
    for (uint32_t i = history.count; i-- > 0;)
        if (memcmp(history.all[i].nsid, nsid, 16) == 0)
            return &history.all[i];
    return NULL;
}

incarnation *history_by_epoch(uint32_t name, uint64_t epoch)
{
    for (uint32_t i = history.count; i-- > 0;)
        if (history.all[i].name == name && history.all[i].born && history.all[i].epoch == epoch)
            return &history.all[i];
    return NULL;
}

truth *history_at(const incarnation *n, uint64_t seq)
{
    while (n && seq < n->first_seq)
        n = n->parent;
    return n && seq <= n->tail ? &n->at[seq - n->first_seq] : NULL;
}

uint32_t history_compare(const sim_row a[ROWS], const sim_row b[ROWS])
{
    uint32_t i = 0;
    while (i < ROWS && a[i].exists == b[i].exists && a[i].v == b[i].v && a[i].has_w == b[i].has_w &&
           a[i].w == b[i].w && a[i].x == b[i].x)
        i++;
    return i;
}

uint64_t history_later(uint64_t at, uint64_t duration, const sim_node *node)
{
    return at + duration / node->rate_permil * 1000;
}

/* I6b: what this node has just said about the end of a log was judged by a manifest that it asked
 * for no more than W/2 before, on its boot clock; all of it was processed after `began_at`. */
static void judge_hold(uint32_t name, uint64_t began_at)
{
    const sim_node *node = sim_me();
    uint64_t asked_at = history.holds[node->index][name].asked_at;
    if (history_later(asked_at, history.rules.fence_ns / 2, node) + 2000 < began_at)
        judge_violation("an answer of %s rests on a manifest asked for %.3f s before",
                        sim_names[name], (double)(began_at - asked_at) / 1e9);
}

void judge_known(const sim_node *node, uint32_t name, uint64_t ver)
{
    uint64_t *known = &history.holds[node->index][name].known;
    if (ver < *known)
        judge_violation("node %d went back from version %llu of %s to %llu", node->index,
                        (unsigned long long)*known, sim_names[name], (unsigned long long)ver);
    *known = ver;
}

/* ---- requests ------------------------------------------------------------------------------- */

sim_op *judge_op(op_kind kind, uint32_t name, uint32_t client)
{
    if (history.op_count == OPS_MAX)
        return NULL;
    sim_op *op = &history.ops[history.op_count++];
    *op = (sim_op){.kind = kind, .name = name, .client = client};
    return op;
}

int64_t judge_op_number(const sim_op *op)
{
    return op - history.ops + 1;
}

void judge_invoke(sim_op *op)
{
    op->invoked_at = sim_now();
    op->newest_at_invoke = judge_newest(op->name);
}

uint64_t history_apply(truth *t, const sim_op *op)
{
    int64_t v = judge_op_number(op);
    uint64_t patched = 0;
    if (op->x && !t->x_type)
        t->x_type = op->x;
    for (uint32_t i = 0; i < ROWS; i++) { /* by filter first, then by id */
        if (t->rows[i].exists && t->rows[i].v < op->sweep)
            t->rows[i] = (sim_row){0};
    }
    t->rows[DOCS + op->client] = (sim_row){.exists = true, .v = v, .x = op->x};
    for (uint32_t d = 0; d < DOCS; d++) {
        sim_row *row = &t->rows[d];
        if (op->upserts >> d & 1 && !(op->newer && row->exists && row->v >= v))
            *row = (sim_row){.exists = true, .v = v};
        if (op->patches >> d & 1 && row->exists && !(op->newer && row->has_w && row->w >= v)) {
            row->has_w = true;
            row->w = v;
            patched++;
        }
        if (op->deletes >> d & 1 && !(op->newer && row->v >= v))
            *row = (sim_row){0};
    }
    return patched;
}

/* ---- answers -------------------------------------------------------------------------------- */

static const truth *truth_at(uint32_t name, uint64_t epoch, uint64_t seq)
{
    const truth *t = history_at(history_by_epoch(name, epoch), seq);
    if (!t)
        judge_violation("an answer names position (%llu, %llu), which does not exist",
                        (unsigned long long)epoch, (unsigned long long)seq);
    return t;
}

static void judge_done(sim_op *op, const mola_write_answer *a)
{
    uint64_t position = history_position(a->epoch, a->seq);
    const truth *t = truth_at(op->name, a->epoch, a->seq);
    if (!t)
        return;
    if (op->kind == OP_WRITE && (op->landed != 1 || op->landed_position != a->seq))
        judge_violation("request %lld was acknowledged at (%llu, %llu), where it is not",
                        (long long)judge_op_number(op), (unsigned long long)a->epoch,
                        (unsigned long long)a->seq);
    if (op->kind == OP_READ_ONLY && t->read_only != op->read_only)
        judge_violation("read_only was acknowledged and is not so");
    if (op->kind == OP_NOTHING && op->patched)
        judge_violation("a patch of what is not there did something");
    if (op->kind == OP_DELETE && !t->sealed)
        judge_violation("a deletion was acknowledged without a SEAL");
    if (position < op->newest_at_invoke)
        judge_violation("an acknowledged request stands before what was known when it began");
    if (a->seq > 2) /* the birth has its own proof */
        judge_hold(op->name, op->invoked_at);
    history_saw(op->name, position);
}

static bool refuses(const truth *t, const sim_op *op)
{
    return t->read_only || (op->x && t->x_type && t->x_type != op->x);
}

/* A refusal is an answer about a state: that state must say the same. */
static void judge_refused(const sim_op *op, const mola_write_answer *a)
{
    if (op->landed)
        judge_violation("request %lld was refused and is in the log",
                        (long long)judge_op_number(op));
    if (a->err == MOLA_NOT_FOUND) {
        if (!was_absent(op->name, op->invoked_at, sim_now()))
            judge_violation("not found, but the name existed all the time");
        return;
    }
    if (a->epoch == 0) {
        if (!was_absent(op->name, op->invoked_at, sim_now()))
            judge_violation("refused without a position");
        return;
    }
    const truth *t = truth_at(op->name, a->epoch, a->seq);
    if (!t)
        return;
    /* the state it was refused on is the one at seq, or that one with what earlier members of its
     * group do in seq + 1 */
    const truth *next = history_at(history_by_epoch(op->name, a->epoch), a->seq + 1);
    bool same_group = next && refuses(next, op);
    if (!refuses(t, op) && !same_group)
        judge_violation("request %lld was refused at (%llu, %llu) for no reason: " MOLA_FMT,
                        (long long)judge_op_number(op), (unsigned long long)a->epoch,
                        (unsigned long long)a->seq, MOLA_ARG(mola_why_text(&a->why)));
    if (history_position(a->epoch, a->seq) < op->newest_at_invoke)
        judge_violation(
            "a refusal speaks of a state older than what was known when the request began");
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
        history.counts.done++;
        judge_done(op, a);
        break;
    case MOLA_NOT_FOUND:
    case MOLA_INVALID:
    case MOLA_SHAPE:
        op->outcome = OUT_REFUSED;
        history.counts.refused++;
        judge_refused(op, a);
        break;
    case MOLA_UNKNOWN:
        op->outcome = OUT_UNKNOWN;
        history.counts.unknown++;
        break;
    default:
        op->outcome = OUT_FAILED;
        history.counts.failed++;
        if (op->landed)
            judge_violation("request %lld failed for certain and is in the log",
                            (long long)judge_op_number(op));
    }
}

/* ---- reads ---------------------------------------------------------------------------------- */

static bool judge_content(uint32_t name, const mola_view *view, const sim_row rows[ROWS])
{
    const truth *t = truth_at(name, view->epoch, view->seq);
    if (!t)
        return false;
    uint32_t wrong = history_compare(rows, t->rows), live = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        live += t->rows[i].exists;
    if (wrong < ROWS)
        judge_violation("a view at (%llu, %llu), indexed to %llu, is not what the log says (row "
                        "%u: %d v %lld, wanted %d v %lld)",
                        (unsigned long long)view->epoch, (unsigned long long)view->seq,
                        (unsigned long long)view->indexed_seq, wrong, rows[wrong].exists,
                        (long long)rows[wrong].v, t->rows[wrong].exists,
                        (long long)t->rows[wrong].v);
    else if (view->live_rows != live)
        judge_violation("a view counts %llu rows, and has %u", (unsigned long long)view->live_rows,
                        live);
    else if (view->chain != t->chain || view->time_us != t->time_us)
        judge_violation("a view at (%llu, %llu) has another chain or time than its entry",
                        (unsigned long long)view->epoch, (unsigned long long)view->seq);
    else if (!mola_state_eq(view->state, t->state))
        judge_violation("a view at (%llu, %llu) has another state than the log",
                        (unsigned long long)view->epoch, (unsigned long long)view->seq);
    else if (t->sealed)
        judge_violation("a deleted namespace was read");
    return !history.failed;
}

void judge_read(uint32_t name, const mola_view *view, const sim_row rows[ROWS], uint64_t newest,
                uint64_t began_at)
{
    history.counts.reads++;
    history.counts.healthy_reads += began_at >= history.rules.healthy_at;
    if (!view) {
        history.counts.absent_reads++;
        if (!was_absent(name, began_at, sim_now()))
            judge_violation("a read found nothing, but the name existed all the time");
        return;
    }
    sim_trace(view->seq << 20 ^ view->epoch ^ sim_now());
    if (!judge_content(name, view, rows))
        return;
    if (history_position(view->epoch, view->seq) < newest)
        judge_violation(
            "a strong read at (%llu, %llu) misses what was acknowledged before it began",
            (unsigned long long)view->epoch, (unsigned long long)view->seq);
    judge_hold(name, began_at);
    history_saw(name, history_position(view->epoch, view->seq));
}

void judge_eventual(uint32_t name, const mola_view *view, const sim_row rows[ROWS],
                    uint64_t newest_then)
{
    history.counts.eventual_reads++;
    if (!view || !judge_content(name, view, rows))
        return;
    if (history_position(view->epoch, view->seq) < newest_then)
        judge_violation("an eventual read is older than it may be");
}

/* After the faults a read may fail now and then, when its name is made and deleted all the time; or
 * when the namespace does not fit into a node that has little memory. */
void judge_unread(const sim_node *node, uint64_t began_at, mola_err err)
{
    if (err == MOLA_CORRUPT && history.rules.intact && node->ill_until < began_at)
        judge_violation("a read calls what stands in the store damaged");
    if (began_at < history.rules.healthy_at || err == MOLA_NO_MEMORY)
        return;
    history.counts.healthy_unread++;
    if (err != MOLA_UNAVAILABLE && err != MOLA_CONFLICT)
        judge_violation("a read failed with %s after the faults", mola_err_name(err));
}

void judge_gone(uint32_t name, const mola_view *view)
{
    const incarnation *n = history_by_epoch(name, view->epoch);
    if (n && !n->over)
        judge_violation("a view of version %llu has lost an object within its lease",
                        (unsigned long long)view->manifest_ver);
}

void judge_final(void)
{
    uint32_t healthy = 0, unclear = 0;
    for (uint32_t i = 0; i < history.op_count; i++) {
        const sim_op *op = &history.ops[i];
        if (op->outcome == OUT_DONE && op->kind == OP_WRITE && op->landed != 1)
            judge_violation("request %u was acknowledged and is %u times in the log", i + 1,
                            op->landed);
        if (op->invoked_at <= history.rules.healthy_at)
            continue;
        healthy++;
        /* A 429 is clear: those in front have been waiting since before the faults stopped. */
        unclear += op->outcome != OUT_DONE && op->outcome != OUT_REFUSED && op->err != MOLA_BUSY;
        if (op->outcome == OUT_NONE)
            judge_violation("request %u was never answered", i + 1);
    }
    /* Not none: three nodes race for one log at the latency of a bad day, and some lose until their
     * time is over, of which the last three tenths are for learning what became of a slot; in a
     * seed of little memory and restless indexers that may be two fifths of some ten seconds'
     * requests. */
    if (unclear > 5 && unclear * 5 > healthy * 2)
        judge_violation("%u of %u requests failed long after the faults had stopped", unclear,
                        healthy);
    /* Where views push each other out of memory, logs are read again and again, and some reads are
     * late. */
    if (history.counts.healthy_unread >
        5 + history.counts.healthy_reads / (history.rules.cramped ? 4 : 10))
        judge_violation("%llu of %llu reads failed long after the faults had stopped",
                        (unsigned long long)history.counts.healthy_unread,
                        (unsigned long long)history.counts.healthy_reads);
    history.counts.healthy = healthy;
    history.counts.healthy_unclear = unclear;
    judge_garbage();
}
