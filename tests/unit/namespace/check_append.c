#include "world.h"

/* Every answer a store can give to the PUT of a log entry, and what may be said to the client after
 * it. */
static world w;
static mola_namespaces *here, *there; /* two nodes over one store */
static document docs[IDS_MAX];

static void begin(void)
{
    world_open(&w);
    here = node_open(&w, SIZE_MAX);
    there = node_open(&w, SIZE_MAX);
    memset(docs, 0, sizeof docs);
    ck_assert_uint_eq(put_one(&w, here, "fish", 1, 10, docs), 1);
}

static void end(void)
{
    mola_namespaces_close(here);
    mola_namespaces_close(there);
    world_close(&w);
}

/* Gives the first PUTs of entry 2 the fates of a script, then lets everything pass. */
typedef struct {
    const fate *fates;
    int count, used;
} script;
static fate judge_put(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    script *s = argument;
    if (op->verb != MOLA_PUT || !key_is_entry(op->key, 2) || s->used == s->count)
        return PASS;
    return s->fates[s->used++];
}

static mola_err append_under(const fate *fates, int count, uint64_t patience_ms)
{
    script s = {fates, count, 0};
    w.judge = judge_put;
    w.argument = &s;
    row r = upsert(2, 20);
    written done = write_rows(&w, here, "fish", &r, 1, 0, patience_ms);
    w.judge = NULL;
    if (!done.err) {
        ck_assert_uint_eq(done.seq, 2);
        oracle_apply(docs, &r, 1);
    }
    return done.err;
}

START_TEST(a_lost_answer_is_settled_by_reading_back)
{
    const fate fates[] = {LOSE_ANSWER};
    ck_assert_int_eq(append_under(fates, 1, 5000), MOLA_OK);
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 2);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 2);
}
END_TEST

START_TEST(a_request_that_arrives_twice_is_written_once)
{
    const fate fates[] = {SEND_TWICE};
    ck_assert_int_eq(append_under(fates, 1, 5000), MOLA_OK);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 2);
}
END_TEST

START_TEST(lost_requests_are_sent_again)
{
    const fate fates[] = {LOSE_REQUEST, REFUSE, LOSE_REQUEST};
    ck_assert_int_eq(append_under(fates, 3, 5000), MOLA_OK);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 2);
}
END_TEST

START_TEST(no_clear_answer_by_the_deadline_is_unknown)
{
    fate fates[64];
    for (int i = 0; i < 64; i++)
        fates[i] = LOSE_REQUEST;
    ck_assert_int_eq(append_under(fates, 64, 300), MOLA_UNKNOWN);
    ck_assert_int_eq(world_metric(&w, MOLA_M_write_unknown_total), 1);
    mola_state *kept = mola_namespace_guess_state(here, MOLA_STR("fish"));
    ck_assert_ptr_nonnull(kept); /* the view before, for eventual reads */
    mola_state_unref(kept);
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 1);
    ck_assert_uint_eq(put_one(&w, here, "fish", 3, 30, docs), 2);
}
END_TEST

/* The first copy landed, nobody told us, and later copies were refused: not a failure. */
START_TEST(a_refusal_after_a_lost_answer_is_unknown)
{
    const fate fates[] = {LOSE_ANSWER, DENY};
    ck_assert_int_eq(append_under(fates, 2, 5000), MOLA_UNKNOWN);
    row r = upsert(2, 20);
    oracle_apply(docs, &r, 1); /* it did happen, and the node that gave up must see it */
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 2);
    ck_assert_uint_eq(put_one(&w, here, "fish", 3, 30, docs), 3);
}
END_TEST

START_TEST(a_store_that_takes_nothing_is_a_definite_failure)
{
    fate fates[64];
    for (int i = 0; i < 64; i++)
        fates[i] = REFUSE;
    ck_assert_int_eq(append_under(fates, 64, 300), MOLA_UNAVAILABLE);
    ck_assert_int_eq(append_under((const fate[]){DENY}, 1, 5000), MOLA_UNAVAILABLE);
    ck_assert_int_eq(world_metric(&w, MOLA_M_write_unknown_total), 0);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 1);
    ck_assert_uint_eq(put_one(&w, here, "fish", 2, 20, docs), 2);
}
END_TEST

/* The other node takes the slot just before our PUT arrives. */
static fate judge_race(world *at, const mola_store_op *op, void *argument)
{
    int *times = argument;
    if (op->verb == MOLA_PUT && mola_str_starts(op->key, MOLA_STR("d/")) && *times > 0) {
        --*times;
        put_one(at, there, "fish", 50 + (uint64_t)*times, 1, docs);
    }
    return PASS;
}

START_TEST(a_lost_slot_is_applied_and_the_next_one_taken)
{
    int times = 3;
    w.judge = judge_race;
    w.argument = &times;
    row r = upsert(2, 20);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 5000);
    w.judge = NULL;
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(done.lost, 3);
    ck_assert_uint_eq(done.seq, 5);
    oracle_apply(docs, &r, 1);
    ck_assert_int_eq(world_metric(&w, MOLA_M_write_slots_lost_total), 3);
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 5);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 5);
}
END_TEST

/* A lost slot costs one PUT and the GET that reads it back (protocol section 10). */
START_TEST(a_lost_slot_costs_two_requests)
{
    check_read(&w, here, "fish", docs); /* the hold of a name in use is fresh */
    uint64_t before = w.gets + w.puts;
    put_one(&w, here, "fish", 2, 20, docs);
    ck_assert_uint_eq(w.gets + w.puts - before, 1);
    put_one(&w, there, "fish", 3, 30, docs);
    before = w.gets + w.puts;
    row r = upsert(4, 40);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 5000);
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(done.lost, 1);
    ck_assert_uint_eq(w.gets + w.puts - before, 3);
}
END_TEST

static fate judge_race_unread(world *at, const mola_store_op *op, void *argument)
{
    if (op->verb == MOLA_GET && key_is_entry(op->key, 2))
        return HIDE;
    return judge_race(at, op, argument);
}

START_TEST(a_slot_that_is_gone_when_read_back_is_unknown)
{
    int times = 1;
    w.judge = judge_race_unread;
    w.argument = &times;
    row r = upsert(2, 20);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 5000);
    w.judge = NULL;
    ck_assert_int_eq(done.err, MOLA_UNKNOWN);
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 2);
}
END_TEST

/* An answer that took longer than W/2 counts for nothing until the manifest has been read again
 * (I6). */
typedef struct {
    uint64_t manifest_gets;
    bool deny_manifest;
} slow;
static fate judge_slow(world *at, const mola_store_op *op, void *argument)
{
    slow *s = argument;
    if (op->verb == MOLA_PUT && key_is_entry(op->key, 2))
        at->boot_ahead_ns += FENCE_SECONDS * MOLA_SECOND / 2 + MOLA_SECOND;
    if (op->verb == MOLA_GET && key_is_manifest(op->key)) {
        s->manifest_gets++;
        return s->deny_manifest ? DENY : PASS;
    }
    return PASS;
}

START_TEST(an_answer_older_than_the_fence_is_settled_by_the_manifest)
{
    slow s = {0};
    w.judge = judge_slow;
    w.argument = &s;
    row r = upsert(2, 20);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 100000);
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(s.manifest_gets, 1); /* after the PUT; the creation left a hold */
    w.judge = NULL;
    oracle_apply(docs, &r, 1);
    check_read(&w, here, "fish", docs);
}
END_TEST

START_TEST(what_cannot_be_settled_is_unknown)
{
    check_read(&w, here, "fish", docs); /* a fresh hold */
    slow s = {.deny_manifest = true};
    w.judge = judge_slow;
    w.argument = &s;
    row r = upsert(2, 20);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 100000);
    w.judge = NULL;
    ck_assert_int_eq(done.err, MOLA_UNKNOWN);
    oracle_apply(docs, &r, 1);
    ck_assert_uint_eq(check_read(&w, here, "fish", docs), 2);
}
END_TEST

/* Another node's indexer has moved on: a manifest with segments up to `indexed` and the floor
 * there. */
static void put_segments(uint64_t indexed)
{
    mola_manifest m;
    mola_etag etag;
    ck_assert(manifest_now(&w, "fish", &m, &etag));
    mola_segment_ref segment = {.base = m.ver, .rand = 1, .seq_from = 1, .seq_to = indexed};
    memcpy(segment.owner, m.nsid, sizeof m.nsid);
    mola_segment_info info = {.rows = 1, .head_bytes = 1, .data_bytes = 1, .object_count = 1};
    m.segments = &segment;
    m.infos = &info;
    m.segment_count = 1;
    m.lineage_count = m.retired_count = m.history_count = 0;
    m.indexed_seq = m.wal_floor = indexed;
    m.state = w.state;
    m.ver++;
    mola_buf image;
    mola_buf_init(&image, &w.heap);
    mola_manifest_encode(&image, &m);
    ck_assert(!image.failed);
    mola_key key = mola_key_manifest((mola_str){0}, MOLA_STR("fish"));
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op op = {.verb = MOLA_PUT,
                        .key = mola_key_str(&key),
                        .body = mola_buf_str(&image),
                        .when = MOLA_PUT_IF_MATCH,
                        .etag = etag};
    ck_assert_int_eq(store_do(&w, &op, &arena), MOLA_OK);
    mola_arena_reset(&arena);
    mola_buf_free(&image);
}

static fate judge_collect(world *at, const mola_store_op *op, void *argument)
{
    bool *collected = argument;
    if (op->verb == MOLA_PUT && key_is_entry(op->key, 2) && !*collected) {
        *collected = true;
        put_segments(5);
        at->boot_ahead_ns +=
            FENCE_SECONDS * MOLA_SECOND; /* long enough for a collector to delete */
    }
    return PASS;
}

/* I3: the PUT created the slot because the entry that stood there had been collected. */
START_TEST(a_put_into_a_collected_slot_is_never_acknowledged)
{
    check_read(&w, here, "fish", docs);
    bool collected = false;
    w.judge = judge_collect;
    w.argument = &collected;
    row r = upsert(2, 20);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 100000);
    w.judge = NULL;
    ck_assert(collected);
    ck_assert_int_eq(done.err, MOLA_UNKNOWN);
    ck_assert_int_eq(strong_err(&w, here, "fish"),
                     MOLA_UNAVAILABLE); /* nobody wrote that segment */
}
END_TEST

START_TEST(times_rise_although_the_wall_clock_goes_back)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, here, "fish", MOLA_READ_STRONG, &view, &r), MOLA_OK);
    uint64_t created = view->created_us, last = view->time_us;
    ck_assert_uint_eq(created, last);
    mola_view_unref(view);
    w.wall_ahead_us = -(int64_t)3600 * 1000000;
    for (uint64_t i = 0; i < 5; i++) {
        put_one(&w, i % 2 ? here : there, "fish", 10 + i, 1, docs);
        ck_assert_int_eq(read_view(&w, there, "fish", MOLA_READ_STRONG, &view, &r), MOLA_OK);
        ck_assert_uint_eq(view->time_us, last + 1);
        ck_assert_uint_eq(view->written_us, last + 1);
        ck_assert_uint_eq(view->created_us, created);
        last = view->time_us;
        mola_view_unref(view);
    }
}
END_TEST

/* Settings and schema travel in the log; settings do not move `updated` (reference 9.5). */
START_TEST(state_changes_are_entries)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 5000);
    mola_name *name = mola_name_open(here, MOLA_STR("fish"));
    mola_state *changed = mola_state_copy(&w.heap, w.state, 0);
    changed->read_only = true;
    mola_view *on, *after;
    ck_assert_int_eq(mola_log_open(ctx, name, &on), MOLA_OK);
    mola_change change = {.flags = MOLA_ENTRY_CONFIG, .state = changed};
    ck_assert_int_eq(mola_log_append(ctx, name, on, &change, &after), MOLA_OK);
    ck_assert(after->state->read_only && !on->state->read_only);
    ck_assert_uint_eq(after->updated_us, on->updated_us);
    ck_assert_uint_gt(after->time_us, on->time_us);
    mola_view_unref(on);
    on = after;
    change.flags = MOLA_ENTRY_SCHEMA;
    ck_assert_int_eq(mola_log_append(ctx, name, on, &change, &after), MOLA_OK);
    ck_assert_uint_gt(after->updated_us, on->updated_us);
    ck_assert_uint_eq(after->written_us, on->written_us);
    mola_view *seen;
    request other;
    ck_assert_int_eq(read_view(&w, there, "fish", MOLA_READ_STRONG, &seen, &other), MOLA_OK);
    ck_assert(mola_state_eq(seen->state, after->state));
    ck_assert_uint_eq(seen->seq, 3);
    mola_state *guess = mola_namespace_guess_state(there, MOLA_STR("fish"));
    ck_assert(mola_state_eq(guess, seen->state));
    mola_state_unref(guess);
    ck_assert_ptr_null(mola_namespace_guess_state(there, MOLA_STR("never-heard-of")));
    mola_view_unref(seen);
    mola_view_unref(on);
    mola_view_unref(after);
    mola_state_unref(changed);
    mola_name_close(name);
    request_end(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("append");
    TCase *slot = tcase_create("slot");
    tcase_set_timeout(slot, 60);
    tcase_add_checked_fixture(slot, begin, end);
    tcase_add_test(slot, a_lost_answer_is_settled_by_reading_back);
    tcase_add_test(slot, a_request_that_arrives_twice_is_written_once);
    tcase_add_test(slot, lost_requests_are_sent_again);
    tcase_add_test(slot, no_clear_answer_by_the_deadline_is_unknown);
    tcase_add_test(slot, a_refusal_after_a_lost_answer_is_unknown);
    tcase_add_test(slot, a_store_that_takes_nothing_is_a_definite_failure);
    tcase_add_test(slot, a_lost_slot_is_applied_and_the_next_one_taken);
    tcase_add_test(slot, a_lost_slot_costs_two_requests);
    tcase_add_test(slot, a_slot_that_is_gone_when_read_back_is_unknown);
    tcase_add_test(slot, an_answer_older_than_the_fence_is_settled_by_the_manifest);
    tcase_add_test(slot, what_cannot_be_settled_is_unknown);
    tcase_add_test(slot, a_put_into_a_collected_slot_is_never_acknowledged);
    tcase_add_test(slot, times_rise_although_the_wall_clock_goes_back);
    tcase_add_test(slot, state_changes_are_entries);
    suite_add_tcase(suite, slot);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
