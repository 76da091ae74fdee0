#include "world.h"
#include <pthread.h>

/* Random everything: a node in a faulty network, a rival that writes in between, evictions, clocks
 * that jump, deletions; and threads. What is judged: the log is dense, every acknowledged write
 * stands in the slot it was told, nothing that failed stands anywhere, and readers see exactly the
 * sum of the entries. */
static world w;
static void begin(void)
{
    world_open(&w);
}
static void end(void)
{
    world_close(&w);
}

/* ------------------------------------------------------------------ the truth */
enum { ROWS_MAX = 8, WRITES_MAX = 2000 };
typedef struct {
    uint64_t epoch, seq;
    bool seal;
    uint32_t count;
    row rows[ROWS_MAX];
} fact;
typedef struct {
    fact facts[WRITES_MAX];
    uint32_t count;
    fact doubt; /* a write whose outcome is unknown, until the witness has looked */
    bool in_doubt;
    uint64_t sealed_epoch;
} truth;

static void know(truth *t, fact f)
{
    ck_assert_uint_lt(t->count, WRITES_MAX);
    ck_assert_uint_gt(f.epoch, t->sealed_epoch); /* nothing is ever appended behind a SEAL */
    t->facts[t->count++] = f;
    if (f.seal)
        t->sealed_epoch = f.epoch;
}
static const fact *fact_at(const truth *t, uint64_t epoch, uint64_t seq)
{
    const fact *hit = NULL;
    for (uint32_t i = 0; i < t->count; i++)
        if (t->facts[i].epoch == epoch && t->facts[i].seq == seq) {
            ck_assert_msg(!hit, "slot %llu was acknowledged twice", (unsigned long long)seq);
            hit = &t->facts[i];
        }
    return hit;
}

/* The witness found the name at (epoch, seq): the one hole there may be is the write in doubt. */
static void resolve(truth *t, uint64_t epoch, uint64_t seq)
{
    for (uint64_t slot = 1; slot <= seq; slot++) {
        if (fact_at(t, epoch, slot))
            continue;
        ck_assert_msg(t->in_doubt && !t->doubt.seal, "nobody wrote slot %llu of %llu",
                      (unsigned long long)slot, (unsigned long long)epoch);
        t->in_doubt = false;
        t->doubt.epoch = epoch;
        t->doubt.seq = slot;
        know(t, t->doubt);
    }
    if (t->in_doubt && t->doubt.seal && epoch > t->sealed_epoch + 1)
        t->sealed_epoch = epoch - 1;
    t->in_doubt = false;
    for (uint32_t i = 0; i < t->count; i++)
        ck_assert_msg(t->facts[i].epoch < epoch || t->facts[i].seq <= seq,
                      "acknowledged slot %llu is not there", (unsigned long long)t->facts[i].seq);
}

static void check_truth(truth *t, mola_namespaces *witness)
{
    request r;
    mola_view *view;
    mola_err err = read_view(&w, witness, "fish", MOLA_READ_STRONG, &view, &r);
    if (err == MOLA_NOT_FOUND) {
        if (t->in_doubt && t->doubt.seal && t->count)
            t->sealed_epoch = t->facts[t->count - 1].epoch;
        t->in_doubt = false;
        for (uint32_t i = 0; i < t->count; i++)
            ck_assert_uint_le(t->facts[i].epoch, t->sealed_epoch);
        return;
    }
    ck_assert_msg(err == MOLA_OK, "witness: %s %s", mola_err_name(err), r.why.text);
    resolve(t, view->epoch, view->seq);
    document docs[IDS_MAX] = {0};
    for (uint64_t slot = 1; slot <= view->seq; slot++) {
        const fact *f = fact_at(t, view->epoch, slot);
        oracle_apply(docs, f->rows, f->count);
    }
    check_view(view, docs);
    mola_view_unref(view);
}

/* ------------------------------------------------------------------ the storm */
typedef struct {
    dice d;
    truth *truth;
    uint32_t faults_in_1000;
    bool calm; /* the rival rests */
    mola_namespaces *rival;
} storm;

static fact random_fact(dice *d)
{
    fact f = {.count = 1 + below(d, ROWS_MAX)};
    for (uint32_t i = 0; i < f.count; i++)
        f.rows[i] = random_row(d, IDS_MAX, 2, 2);
    return f;
}
static written try_write(mola_namespaces *all, truth *t, fact f)
{
    written done = write_rows(&w, all, "fish", f.rows, f.seal ? 0 : f.count,
                              f.seal ? MOLA_ENTRY_SEAL : 0, 2000);
    f.epoch = done.epoch;
    f.seq = done.seq;
    if (f.seal)
        f.count = 0;
    if (!done.err)
        know(t, f);
    if (done.err == MOLA_UNKNOWN) {
        t->doubt = f;
        t->in_doubt = true;
    }
    return done;
}

static fate judge_storm(world *at, const mola_store_op *op, void *argument)
{
    storm *s = argument;
    if (below(&s->d, 300) == 0)
        at->boot_ahead_ns += below(&s->d, 40) * MOLA_SECOND;
    if (op->verb == MOLA_PUT && !s->calm && below(&s->d, 12) == 0) {
        written done = try_write(s->rival, s->truth, random_fact(&s->d));
        ck_assert(done.err == MOLA_OK || done.err == MOLA_UNAVAILABLE);
    }
    if (below(&s->d, 1000) >= s->faults_in_1000)
        return PASS;
    static const fate gets[] = {LOSE_REQUEST, LOSE_ANSWER, REFUSE, DAMAGE};
    static const fate puts[] = {LOSE_REQUEST, REFUSE, SEND_TWICE, LOSE_ANSWER};
    return (op->verb == MOLA_PUT ? puts : gets)[below(&s->d, 4)];
}

/* A strong read in the storm: it may fail, but it may not be wrong. */
static void read_in_storm(storm *s, mola_namespaces *node)
{
    request r;
    mola_view *view;
    s->calm = true;
    mola_err err = read_view(&w, node, "fish", MOLA_READ_STRONG, &view, &r);
    s->calm = false;
    if (err == MOLA_NOT_FOUND)
        for (uint32_t i = 0; i < s->truth->count; i++)
            ck_assert_uint_le(s->truth->facts[i].epoch, s->truth->sealed_epoch);
    if (err)
        return;
    document docs[IDS_MAX] = {0};
    for (uint64_t slot = 1; slot <= view->seq; slot++) {
        const fact *f = fact_at(s->truth, view->epoch, slot);
        ck_assert_ptr_nonnull(f);
        oracle_apply(docs, f->rows, f->count);
    }
    check_view(view, docs);
    ck_assert_ptr_null(fact_at(s->truth, view->epoch, view->seq + 1)); /* nothing is missing */
    mola_view_unref(view);
}

START_TEST(every_answer_is_true)
{
    storm s = {.d = {test_seed(0x5707) * 1000 + (uint64_t)_i}};
    truth *t = calloc(1, sizeof *t);
    s.truth = t;
    s.faults_in_1000 = below(&s.d, 3) ? below(&s.d, 400) : 0;
    mola_namespaces *node = node_open(&w, below(&s.d, 2) ? SIZE_MAX : 200000);
    mola_namespaces *witness = node_open(&w, SIZE_MAX);
    s.rival = node_open(&w, SIZE_MAX);
    uint32_t unknown = 0, good = 0;
    for (int step = 0; step < 120; step++) {
        fact f = random_fact(&s.d);
        f.seal = below(&s.d, 25) == 0;
        w.judge = judge_storm;
        w.argument = &s;
        mola_err err = try_write(node, t, f).err;
        w.judge = NULL;
        ck_assert_msg(err == MOLA_OK || err == MOLA_UNKNOWN || err == MOLA_UNAVAILABLE ||
                          (err == MOLA_NOT_FOUND && f.seal) || err == MOLA_CORRUPT ||
                          err == MOLA_NO_MEMORY,
                      "%s", mola_err_name(err));
        unknown += err == MOLA_UNKNOWN;
        good += err == MOLA_OK;
        check_truth(t, witness);
        w.judge = judge_storm;
        read_in_storm(&s, node);
        w.judge = NULL;
        if (below(&s.d, 20) == 0) { /* a node that knows nothing replays it all */
            mola_namespaces *cold = node_open(&w, SIZE_MAX);
            check_truth(t, cold);
            mola_namespaces_close(cold);
        }
    }
    ck_assert_uint_gt(good, 10);
    ck_assert_uint_lt(unknown, good);
    mola_namespaces_close(node);
    mola_namespaces_close(witness);
    mola_namespaces_close(s.rival);
    free(t);
}
END_TEST

/* ------------------------------------------------------------------ threads */
enum { NODES = 2, READERS = 2, APPENDS = 100, IDS_EACH = 40 };
typedef struct {
    pthread_t thread;
    mola_namespaces *all;
    uint32_t number;
    bool is_small; /* the node has little memory */
} worker;
static _Atomic uint64_t newest; /* the highest sequence that was acknowledged */
static _Atomic uint32_t appending;
static uint64_t slot_owner[NODES * APPENDS + 1];

static void *append_all(void *argument)
{
    worker *me = argument;
    for (uint32_t i = 0; i < APPENDS; i++) {
        row r = upsert(me->number * IDS_EACH + i % IDS_EACH, (int64_t)i);
        written done;
        do /* readers may hold all the memory of a small node; a refusal for that is definite */
            done = write_rows(&w, me->all, "fish", &r, 1, 0, 60000);
        while (done.err == MOLA_NO_MEMORY && me->is_small);
        ck_assert_int_eq(done.err, MOLA_OK);
        ck_assert_uint_lt(done.seq, NODES * APPENDS + 1);
        slot_owner[done.seq] = me->number + 1;
        uint64_t seen = newest;
        while (seen < done.seq && !atomic_compare_exchange_weak(&newest, &seen, done.seq))
            ;
    }
    appending--;
    return NULL;
}

static void *read_all(void *argument)
{
    worker *me = argument;
    uint64_t last = 0;
    while (appending) {
        uint64_t at_least = newest;
        request r;
        mola_view *view;
        mola_err err = read_view(&w, me->all, "fish", MOLA_READ_STRONG, &view, &r);
        if (err == MOLA_NOT_FOUND) {
            ck_assert_uint_eq(at_least, 0);
            continue;
        }
        if (err == MOLA_NO_MEMORY && me->is_small)
            continue;
        ck_assert_msg(err == MOLA_OK, "%s %s", mola_err_name(err), r.why.text);
        ck_assert_uint_ge(view->seq, at_least);
        ck_assert_uint_ge(view->seq, last); /* time does not go back for one reader */
        last = view->seq;
        uint64_t live = 0;
        for (uint32_t i = 0; i < view->part_count; i++)
            live += view->parts[i].live_rows;
        ck_assert_uint_eq(live, view->live_rows);
        mola_view_unref(view);
    }
    return NULL;
}

START_TEST(appenders_and_readers_in_threads_agree)
{
    mola_namespaces *nodes[NODES];
    worker appenders[NODES], readers[NODES * READERS];
    newest = 0;
    appending = NODES;
    for (uint32_t i = 0; i < NODES; i++) {
        bool is_small = i && _i % 2;
        nodes[i] = node_open(&w, is_small ? 60000 : SIZE_MAX);
        appenders[i] = (worker){.all = nodes[i], .number = i, .is_small = is_small};
        pthread_create(&appenders[i].thread, NULL, append_all, &appenders[i]);
        for (uint32_t k = 0; k < READERS; k++) {
            worker *reader = &readers[i * READERS + k];
            *reader = (worker){.all = nodes[i], .is_small = is_small};
            pthread_create(&reader->thread, NULL, read_all, reader);
        }
    }
    for (uint32_t i = 0; i < NODES; i++)
        pthread_join(appenders[i].thread, NULL);
    for (uint32_t i = 0; i < NODES * READERS; i++)
        pthread_join(readers[i].thread, NULL);
    for (uint64_t slot = 1; slot <= NODES * APPENDS; slot++)
        ck_assert_uint_ne(slot_owner[slot], 0); /* dense, each slot once */
    document docs[IDS_MAX] = {0};
    for (uint32_t i = 0; i < NODES; i++)
        for (uint32_t k = 0; k < APPENDS; k++) {
            row r = upsert(i * IDS_EACH + k % IDS_EACH, (int64_t)k);
            oracle_apply(docs, &r, 1);
        }
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_uint_eq(check_read(&w, nodes[i], "fish", docs), NODES * APPENDS);
        mola_namespaces_close(nodes[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("storm");
    TCase *random = tcase_create("random");
    tcase_set_timeout(random, 100);
    tcase_add_checked_fixture(random, begin, end);
    tcase_add_loop_test(random, every_answer_is_true, 0, 30);
    tcase_add_loop_test(random, appenders_and_readers_in_threads_agree, 0, 2);
    suite_add_tcase(suite, random);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
