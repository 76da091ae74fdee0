#include "world.h"
#include <pthread.h>

/* Strong and eventual reads: what they cost, what they may share, and what they must not believe.
 */
static world w;
static mola_namespaces *here, *there;
static document docs[IDS_MAX];

static void begin(void)
{
    world_open(&w);
    here = node_open(&w, SIZE_MAX);
    there = node_open(&w, SIZE_MAX);
    memset(docs, 0, sizeof docs);
    put_one(&w, here, "fish", 1, 10, docs);
}

static void end(void)
{
    mola_namespaces_close(here);
    mola_namespaces_close(there);
    world_close(&w);
}

/* Batches that the request waited for. */
static uint32_t strong_roundtrips(mola_namespaces *all)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, all, "fish", MOLA_READ_STRONG, &view, &r), MOLA_OK);
    check_view(view, docs);
    mola_view_unref(view);
    return r.ctx.roundtrips;
}
static uint64_t eventual_seq(mola_namespaces *all)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, all, "fish", MOLA_READ_EVENTUAL, &view, &r), MOLA_OK);
    uint64_t seq = view->seq;
    mola_view_unref(view);
    return seq;
}
static uint64_t requests(void)
{
    return w.gets + w.puts + w.lists;
}
static void pass_seconds(uint64_t seconds)
{
    /* A keeper that was woken by the last request falls asleep again, or it would find the hold
     * old. */
    w.real->sleep_ns(w.env, 50 * MOLA_MILLISECOND);
    w.boot_ahead_ns += seconds * MOLA_SECOND;
    w.wall_ahead_us += (int64_t)seconds * 1000000;
}

/* Protocol section 10. */
START_TEST(a_strong_read_costs_what_the_protocol_says)
{
    uint64_t before = requests();
    ck_assert_uint_eq(strong_roundtrips(there),
                      3); /* cold: the manifest; the entries with a hint; the tail */
    ck_assert_uint_eq(requests() - before, 4);
    before = requests();
    ck_assert_uint_eq(strong_roundtrips(there), 1); /* warm: the slot behind the tail */
    ck_assert_uint_eq(requests() - before, 1);
    pass_seconds(FENCE_SECONDS / 2 + 1); /* the hold has expired: two in parallel */
    before = requests();
    ck_assert_uint_eq(strong_roundtrips(there), 1);
    ck_assert_uint_eq(requests() - before, 2);
    before = requests();
    ck_assert_uint_eq(strong_roundtrips(there), 1); /* it was renewed */
    ck_assert_uint_eq(requests() - before, 1);
}
END_TEST

static fate judge_slow_manifest(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    (void)argument;
    if (op->verb == MOLA_GET && key_is_manifest(op->key))
        pass_seconds(FENCE_SECONDS / 3);
    return PASS;
}

/* I6: the trust counts from when the GET of the manifest was sent. */
START_TEST(a_hold_is_as_old_as_its_request_not_as_its_answer)
{
    strong_roundtrips(there);
    pass_seconds(FENCE_SECONDS / 2 + 1);
    w.judge = judge_slow_manifest;
    uint64_t before = requests();
    strong_roundtrips(there);
    ck_assert_uint_eq(requests() - before, 2);
    w.judge = NULL;
    pass_seconds(FENCE_SECONDS / 3); /* a third since the answer, two since the request */
    before = requests();
    strong_roundtrips(there);
    ck_assert_uint_eq(requests() - before, 2);
}
END_TEST

START_TEST(a_jump_of_the_wall_clock_ends_a_hold)
{
    strong_roundtrips(there);
    for (int sign = -1; sign <= 1; sign += 2) {
        w.wall_ahead_us += sign * (int64_t)(FENCE_SECONDS / 2 + 2) * 1000000;
        uint64_t before = requests();
        ck_assert_uint_eq(strong_roundtrips(there), 1);
        ck_assert_uint_eq(requests() - before, 2);
    }
}
END_TEST

START_TEST(a_strong_read_sees_every_write_before_it)
{
    for (uint64_t i = 2; i < 40; i++) {
        put_one(&w, i % 3 ? here : there, "fish", i, (int64_t)i, docs);
        ck_assert_uint_eq(check_read(&w, i % 2 ? here : there, "fish", docs), i);
    }
}
END_TEST

START_TEST(an_eventual_read_is_as_old_as_the_last_probe)
{
    strong_roundtrips(there);
    put_one(&w, here, "fish", 2, 20, docs);
    pass_seconds(8);
    uint64_t before = requests();
    ck_assert_uint_eq(eventual_seq(there), 1);
    ck_assert_uint_eq(requests(), before); /* not one request */
    pass_seconds(3);
    ck_assert_uint_eq(eventual_seq(there), 2);
    put_one(&w, here, "fish", 3, 30, docs);
    pass_seconds(9);
    ck_assert_uint_eq(eventual_seq(there), 2);
}
END_TEST

START_TEST(a_refresh_of_the_manifest_does_not_renew_an_eventual_read)
{
    strong_roundtrips(there);
    put_one(&w, here, "fish", 2, 20, docs);
    pass_seconds(8);
    pass_seconds(FENCE_SECONDS / 2); /* the writer's hold has expired: it refreshes */
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 5000);
    mola_name *name = mola_name_open(there, MOLA_STR("fish"));
    mola_view *view;
    uint64_t before = w.gets;
    ck_assert_int_eq(mola_log_open(ctx, name, &view), MOLA_OK);
    ck_assert_uint_eq(w.gets - before, 1);
    mola_view_unref(view);
    mola_name_close(name);
    request_end(&r);
    ck_assert_uint_eq(eventual_seq(there), 2);
}
END_TEST

START_TEST(an_eventual_read_of_nothing_asks)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, there, "nobody", MOLA_READ_EVENTUAL, &view, &r), MOLA_NOT_FOUND);
    ck_assert_str_eq(r.why.text, "namespace 'nobody' was not found");
    put_one(&w, here, "nobody", 1, 1, docs);
    ck_assert_int_eq(read_view(&w, there, "nobody", MOLA_READ_EVENTUAL, &view, &r), MOLA_OK);
    mola_view_unref(view);
}
END_TEST

/* ------------------------------------------------------------------ I13 */
typedef struct {
    pthread_t thread;
    mola_namespaces *all;
    uint64_t seq;
} reader;
static void *read_in_thread(void *argument)
{
    reader *r = argument;
    r->seq = check_read(&w, r->all, "fish", docs);
    return NULL;
}
enum { READERS = 5 };
static reader readers[READERS];
static int64_t waiting_for_probes(void)
{
    return world_metric(&w, MOLA_M_probes_total) + world_metric(&w, MOLA_M_probes_shared_total);
}

/* While the probe of a first reader is in flight (its answer is fixed), a write is acknowledged and
 * others arrive. */
static fate judge_in_flight(world *at, const mola_store_op *op, void *argument)
{
    bool *done = argument;
    if (op->verb != MOLA_GET || !key_is_entry(op->key, 2) || *done)
        return PASS;
    *done = true;
    put_one(at, there, "fish", 2, 20, docs);
    at->judge = NULL;
    for (int i = 0; i < READERS; i++) {
        readers[i] = (reader){.all = here};
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_in_thread, &readers[i]), 0);
    }
    /* They are all at the door, or one of them has been wrong already. */
    struct timespec moment = {.tv_nsec = 200000000};
    nanosleep(&moment, NULL);
    return HIDE;
}

START_TEST(a_strong_read_never_joins_a_probe_in_flight)
{
    strong_roundtrips(here);
    check_read(&w, there, "fish", docs);
    bool done = false;
    int64_t probes = world_metric(&w, MOLA_M_probes_total), all = waiting_for_probes();
    w.judge = judge_in_flight;
    w.argument = &done;
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, here, "fish", MOLA_READ_STRONG, &view, &r), MOLA_OK);
    ck_assert(done);
    ck_assert_uint_ge(view->seq, 1);
    mola_view_unref(view);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        ck_assert_uint_eq(readers[i].seq, 2);
    }
    ck_assert_int_eq(waiting_for_probes() - all, READERS + 1);
    /* One more probe for all of them; a late one may have needed its own. */
    ck_assert_int_le(world_metric(&w, MOLA_M_probes_total) - probes, 1 + READERS);
    ck_assert_int_ge(world_metric(&w, MOLA_M_probes_shared_total), 1);
}
END_TEST

/* ------------------------------------------------------------------ proofs (I12) */
static mola_err prove(mola_namespaces *all, const char *text, const mola_view *on)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 5000);
    mola_name *name = mola_name_open(all, mola_str_of(text));
    mola_err err = mola_log_prove(ctx, name, on);
    mola_name_close(name);
    request_end(&r);
    return err;
}

START_TEST(a_refusal_needs_the_newest_state)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, here, "fish", MOLA_READ_STRONG, &view, &r), MOLA_OK);
    ck_assert_int_eq(prove(here, "fish", view), MOLA_OK);
    ck_assert_int_eq(prove(there, "fish", view), MOLA_OK);
    ck_assert_int_eq(prove(here, "fish", NULL), MOLA_CONFLICT);
    ck_assert_int_eq(prove(here, "nobody", NULL), MOLA_OK);
    put_one(&w, there, "fish", 2, 20, docs);
    ck_assert_int_eq(prove(here, "fish", view), MOLA_CONFLICT);
    ck_assert_int_eq(delete_name(&w, there, "fish"), MOLA_OK);
    ck_assert_int_eq(prove(here, "fish", view), MOLA_CONFLICT);
    ck_assert_int_eq(prove(here, "fish", NULL), MOLA_OK);
    mola_view_unref(view);
}
END_TEST

/* ------------------------------------------------------------------ far behind */
START_TEST(a_long_log_is_read_in_parallel)
{
    dice d = {test_seed(0xfa7)};
    for (uint64_t i = 2; i <= 300; i++) {
        row rows[3];
        for (int k = 0; k < 3; k++)
            rows[k] = random_row(&d, IDS_MAX, 2, 1);
        ck_assert_int_eq(write_rows(&w, here, "fish", rows, 3, 0, 5000).err, MOLA_OK);
        oracle_apply(docs, rows, 3);
    }
    uint32_t trips = strong_roundtrips(there); /* cold */
    ck_assert_uint_le(trips, 3 + 300 / 16 + 2);
    mola_namespaces *late = node_open(&w, SIZE_MAX);
    check_read(&w, late, "fish", docs);
    for (uint64_t i = 0; i < 100; i++)
        put_one(&w, here, "fish", i % IDS_MAX, (int64_t)i, docs);
    uint64_t lists = w.lists;
    trips = strong_roundtrips(late); /* warm, and 100 behind */
    ck_assert_uint_le(trips, 5 + 100 / 16 + 2);
    ck_assert_uint_eq(w.lists - lists, 1); /* one hint */
    mola_namespaces_close(late);
}
END_TEST

/* A LIST may lie; it decides nothing. */
static fate judge_lists(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    const fate *f = argument;
    return op->verb == MOLA_LIST ? *f : PASS;
}
START_TEST(a_missing_hint_costs_time_only)
{
    for (uint64_t i = 2; i <= 60; i++)
        put_one(&w, here, "fish", i, 1, docs);
    fate f = REFUSE;
    w.judge = judge_lists;
    w.argument = &f;
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 60);
    w.judge = NULL;
}
END_TEST

/* ------------------------------------------------------------------ bytes that are not believed */
typedef struct {
    const char *prefix;
    uint64_t seq; /* 0: any key with the prefix */
    int times;
} damage;
static fate judge_damage(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    damage *d = argument;
    if (op->verb != MOLA_GET || !mola_str_starts(op->key, mola_str_of(d->prefix)) ||
        d->times == 0 || (d->seq && !key_is_entry(op->key, d->seq)))
        return PASS;
    d->times--;
    return DAMAGE;
}
static mola_err read_damaged(const char *prefix, uint64_t seq, int times, request *r)
{
    mola_namespaces *cold = node_open(&w, SIZE_MAX);
    damage d = {prefix, seq, times};
    w.judge = judge_damage;
    w.argument = &d;
    mola_view *view;
    mola_err err = read_view(&w, cold, "fish", MOLA_READ_STRONG, &view, r);
    w.judge = NULL;
    if (!err) {
        check_view(view, docs);
        mola_view_unref(view);
    }
    check_read(&w, cold, "fish", docs); /* nothing wrong was kept */
    mola_namespaces_close(cold);
    return err;
}

START_TEST(damaged_bytes_are_read_once_more_and_then_reported)
{
    put_one(&w, here, "fish", 2, 20, docs);
    put_one(&w, here, "fish", 3, 30, docs);
    request r;
    ck_assert_int_eq(read_damaged("ns/", 0, 1, &r), MOLA_OK);
    ck_assert_int_eq(read_damaged("d/", 2, 1, &r), MOLA_OK);
    ck_assert_int_eq(read_damaged("ns/", 0, 2, &r), MOLA_CORRUPT);
    ck_assert_ptr_nonnull(strstr(r.why.text, "ns/fish"));
    ck_assert_int_eq(read_damaged("d/", 2, 2, &r), MOLA_CORRUPT);
    ck_assert_ptr_nonnull(strstr(r.why.text, "/w/7ffffffffffffffd"));
    ck_assert_int_eq(world_metric(&w, MOLA_M_store_corrupt_total), 2);
}
END_TEST

/* An entry that was sealed with a right checksum, but does not follow the one before it. */
static void put_stray(uint64_t seq, uint64_t prev_chain, uint64_t payload_base)
{
    mola_manifest m;
    ck_assert(manifest_now(&w, "fish", &m, NULL));
    mola_entry e = {.seq = seq, .prev_chain = prev_chain, .time_us = 1, .batch_id = {9}};
    memcpy(e.nsid, m.nsid, sizeof e.nsid);
    if (payload_base) {
        e.flags = MOLA_ENTRY_LARGE;
        e.large = (mola_payload_ref){.base = payload_base, .rand = 1, .bytes = 1};
    }
    mola_buf image;
    mola_buf_init(&image, &w.heap);
    mola_entry_encode(&image, &e);
    mola_key key = mola_key_entry((mola_str){0}, m.nsid, seq);
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op op = {.verb = MOLA_PUT,
                        .key = mola_key_str(&key),
                        .body = mola_buf_str(&image),
                        .when = MOLA_PUT_IF_ABSENT};
    ck_assert_int_eq(store_do(&w, &op, &arena), MOLA_OK);
    mola_arena_reset(&arena);
    mola_buf_free(&image);
}

START_TEST(an_entry_that_does_not_follow_is_corrupt)
{
    put_stray(2, 12345, 0);
    ck_assert_int_eq(strong_err(&w, here, "fish"), MOLA_CORRUPT);
    ck_assert_int_eq(strong_err(&w, there, "fish"), MOLA_CORRUPT);
}
END_TEST

/* What a store that loses objects may come to: found by power cuts under a driver without fsync. */
static fate judge_no_entries(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    (void)argument;
    return op->verb == MOLA_GET && !key_is_manifest(op->key) ? HIDE : PASS;
}
START_TEST(a_name_without_the_entry_of_its_birth_is_corrupt)
{
    w.judge = judge_no_entries;
    ck_assert_int_eq(strong_err(&w, there, "fish"), MOLA_CORRUPT);
    row r = upsert(2, 20);
    ck_assert_int_eq(write_rows(&w, there, "fish", &r, 1, 0, 5000).err, MOLA_CORRUPT);
    w.judge = NULL;
    check_read(&w, there, "fish", docs);
}
END_TEST

START_TEST(a_payload_that_is_missing_is_corrupt)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, here, "fish", MOLA_READ_STRONG, &view, &r), MOLA_OK);
    put_stray(2, view->chain, 2);
    mola_view_unref(view);
    ck_assert_int_eq(strong_err(&w, there, "fish"), MOLA_CORRUPT);
}
END_TEST

/* ------------------------------------------------------------------ I14 */
/* Answers to GETs of ns/fish with an image from before. */
typedef struct {
    mola_etag etag;
    int times;
} slow_answers;
static fate judge_slow_answers(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    slow_answers *s = argument;
    if (op->verb != MOLA_GET || !key_is_manifest(op->key) || s->times == 0)
        return PASS;
    s->times--;
    return HIDE; /* as it was before the birth: version 0 */
}

START_TEST(a_manifest_older_than_what_is_known_is_asked_for_again)
{
    strong_roundtrips(there);
    pass_seconds(FENCE_SECONDS / 2 + 1);
    slow_answers s = {.times = 2};
    w.judge = judge_slow_answers;
    w.argument = &s;
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 1);
    ck_assert_int_eq(s.times, 0);
    pass_seconds(FENCE_SECONDS / 2 + 1);
    s.times = 100;
    mola_err err = strong_err(&w, there, "fish");
    ck_assert_int_eq(err, MOLA_UNAVAILABLE); /* never 404 */
    w.judge = NULL;
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 1);
}
END_TEST

/* While a reader is on its way, a writer of the same node gets further; then the reader's older
 * entries come in. */
static fate judge_overtaken(world *at, const mola_store_op *op, void *argument)
{
    uint64_t *seen = argument;
    if (op->verb != MOLA_GET || !mola_str_starts(op->key, MOLA_STR("d/")))
        return PASS;
    if (key_is_entry(op->key, 2) && !*seen) {
        put_one(at, there, "fish", 2, 20, docs);
        *seen = put_one(at, here, "fish", 3, 30, docs);
    } else if (*seen) {
        ck_assert_uint_ge(eventual_seq(here), *seen);
    }
    return PASS;
}

START_TEST(a_slow_reader_does_not_take_the_view_back)
{
    check_read(&w, there, "fish", docs);
    strong_roundtrips(here);
    uint64_t seen = 0;
    w.judge = judge_overtaken;
    w.argument = &seen;
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 3);
    w.judge = NULL;
    ck_assert_uint_eq(seen, 3);
}
END_TEST

/* ------------------------------------------------------------------ borrowed logs */
/* A branch of "fish" at its tail, made by hand: the child's log goes on where the parent's was
 * left. */
static void put_branch(const mola_view *parent)
{
    uint8_t child[16] = {0xc4};
    mola_entry e = {.flags = MOLA_ENTRY_CREATE | MOLA_ENTRY_BRANCH,
                    .seq = parent->seq + 1,
                    .prev_chain = parent->chain,
                    .time_us = parent->time_us + 1,
                    .name = MOLA_STR("twig"),
                    .state = w.state};
    memcpy(e.nsid, child, sizeof child);
    mola_lineage lineage = {.last_seq = parent->seq};
    memcpy(lineage.nsid, parent->nsid, sizeof lineage.nsid);
    mola_manifest m = {.epoch = 1, .ver = 1, .lineage = &lineage, .lineage_count = 1};
    memcpy(m.nsid, child, sizeof child);
    mola_buf entry, manifest;
    mola_buf_init(&entry, &w.heap);
    mola_buf_init(&manifest, &w.heap);
    mola_entry_encode(&entry, &e);
    mola_manifest_encode(&manifest, &m);
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_key entry_key = mola_key_entry((mola_str){0}, child, e.seq);
    mola_key name_key = mola_key_manifest((mola_str){0}, MOLA_STR("twig"));
    mola_store_op first = {
        .verb = MOLA_PUT, .key = mola_key_str(&entry_key), .body = mola_buf_str(&entry)};
    mola_store_op second = {
        .verb = MOLA_PUT, .key = mola_key_str(&name_key), .body = mola_buf_str(&manifest)};
    ck_assert_int_eq(store_do(&w, &first, &arena), MOLA_OK);
    ck_assert_int_eq(store_do(&w, &second, &arena), MOLA_OK);
    mola_arena_reset(&arena);
    mola_buf_free(&entry);
    mola_buf_free(&manifest);
}

START_TEST(a_branch_reads_its_parents_log_and_writes_its_own)
{
    for (uint64_t i = 2; i <= 20; i++)
        put_one(&w, here, "fish", i, (int64_t)i, docs);
    request r;
    mola_view *parent;
    ck_assert_int_eq(read_view(&w, here, "fish", MOLA_READ_STRONG, &parent, &r), MOLA_OK);
    put_branch(parent);
    mola_view_unref(parent);
    document twig[IDS_MAX];
    memcpy(twig, docs, sizeof docs);
    ck_assert_uint_eq(put_one(&w, there, "twig", 100, 1, twig), 22); /* a node that never read it */
    ck_assert_uint_eq(put_one(&w, here, "fish", 101, 1, docs), 21);
    ck_assert_uint_eq(check_read(&w, here, "twig", twig), 22);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 21);
}
END_TEST

/* A store that hangs: the reader gives up in time, with words, and later readers are not harmed. */
static fate judge_down(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    (void)argument;
    return op->verb == MOLA_GET ? LOSE_REQUEST : PASS;
}
START_TEST(a_read_gives_up_at_its_deadline)
{
    w.judge = judge_down;
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 200);
    mola_freshness freshness = {.level = MOLA_READ_STRONG};
    mola_view *view;
    ck_assert_int_eq(mola_namespace_read(ctx, here, MOLA_STR("fish"), &freshness, &view),
                     MOLA_UNAVAILABLE);
    ck_assert_uint_gt(r.why.len, 0);
    request_end(&r);
    w.judge = NULL;
    check_read(&w, here, "fish", docs);
}
END_TEST

/* ------------------------------------------------------------------ the keeper */
static bool wait_until_gets(uint64_t least, int seconds)
{
    struct timespec moment = {.tv_nsec = 5000000};
    for (int i = 0; i < seconds * 200 && w.gets < least; i++)
        nanosleep(&moment, NULL);
    return w.gets >= least;
}

START_TEST(the_hold_of_a_name_in_use_is_kept_fresh_and_an_idle_one_costs_nothing)
{
    mola_namespaces *quick;
    mola_namespaces_config config = {
        .env = w.env, .view_bytes_max = SIZE_MAX, .fence_ns = 800 * MOLA_MILLISECOND};
    ck_assert_int_eq(mola_namespaces_open(&config, &quick), MOLA_OK);
    check_read(&w, quick, "fish", docs);
    uint64_t first = w.gets;
    ck_assert(wait_until_gets(first + 2, 20));
    /* After W without use it rests: two looks, more than W apart, find the same count. */
    uint64_t seen;
    int rounds = 0;
    struct timespec quiet = {.tv_nsec = 500000000};
    do {
        seen = w.gets;
        nanosleep(&quiet, NULL);
        nanosleep(&quiet, NULL);
    } while (w.gets != seen && rounds++ < 30);
    ck_assert_uint_eq(w.gets, seen);
    ck_assert_uint_le(seen - first, 8);
    check_read(&w, quick, "fish", docs); /* and it wakes again */
    ck_assert(wait_until_gets(seen + 3, 20));
    mola_namespaces_close(quick);
}
END_TEST

START_TEST(nothing_happens_in_the_background_once_it_rests)
{
    mola_namespaces *quick;
    mola_namespaces_config config = {
        .env = w.env, .view_bytes_max = SIZE_MAX, .fence_ns = 800 * MOLA_MILLISECOND};
    ck_assert_int_eq(mola_namespaces_open(&config, &quick), MOLA_OK);
    check_read(&w, quick, "fish", docs);
    ck_assert(wait_until_gets(w.gets + 1, 20));
    mola_namespaces_rest(quick);
    uint64_t seen = w.gets;
    nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL); /* more than W/2 */
    ck_assert_uint_eq(w.gets, seen);
    check_read(&w, quick, "fish", docs); /* requests are served as before */
    mola_namespaces_rest(quick);
    mola_namespaces_close(quick);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("read");
    TCase *reading = tcase_create("reading");
    tcase_set_timeout(reading, 100);
    tcase_add_checked_fixture(reading, begin, end);
    tcase_add_test(reading, nothing_happens_in_the_background_once_it_rests);
    tcase_add_test(reading, a_strong_read_costs_what_the_protocol_says);
    tcase_add_test(reading, a_hold_is_as_old_as_its_request_not_as_its_answer);
    tcase_add_test(reading, a_jump_of_the_wall_clock_ends_a_hold);
    tcase_add_test(reading, a_strong_read_sees_every_write_before_it);
    tcase_add_test(reading, an_eventual_read_is_as_old_as_the_last_probe);
    tcase_add_test(reading, a_refresh_of_the_manifest_does_not_renew_an_eventual_read);
    tcase_add_test(reading, an_eventual_read_of_nothing_asks);
    tcase_add_test(reading, a_strong_read_never_joins_a_probe_in_flight);
    tcase_add_test(reading, a_refusal_needs_the_newest_state);
    tcase_add_test(reading, a_long_log_is_read_in_parallel);
    tcase_add_test(reading, a_missing_hint_costs_time_only);
    tcase_add_test(reading, damaged_bytes_are_read_once_more_and_then_reported);
    tcase_add_test(reading, an_entry_that_does_not_follow_is_corrupt);
    tcase_add_test(reading, a_name_without_the_entry_of_its_birth_is_corrupt);
    tcase_add_test(reading, a_payload_that_is_missing_is_corrupt);
    tcase_add_test(reading, a_manifest_older_than_what_is_known_is_asked_for_again);
    tcase_add_test(reading, a_slow_reader_does_not_take_the_view_back);
    tcase_add_test(reading, a_branch_reads_its_parents_log_and_writes_its_own);
    tcase_add_test(reading, a_read_gives_up_at_its_deadline);
    tcase_add_test(reading, the_hold_of_a_name_in_use_is_kept_fresh_and_an_idle_one_costs_nothing);
    suite_add_tcase(suite, reading);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
