/* Publication: what an outcome of replacing ns/{name} says, and what is never replaced. */
#include "mola/codec/block.h"
#include "mola/namespace/publish.h"
#include "world.h"

static world w;
static mola_namespaces *here, *there;
static document docs[IDS_MAX];

static void begin(void)
{
    world_open(&w);
    here = node_open(&w, SIZE_MAX);
    there = node_open(&w, SIZE_MAX);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    mola_namespaces_close(here);
    mola_namespaces_close(there);
    world_close(&w);
}

/* ------------------------------------------------------------------ one publication */
typedef struct {
    mola_name *name;
    mola_held *held;
} reading;
static reading look(mola_namespaces *all)
{
    reading r = {.name = mola_name_open(all, MOLA_STR("n"))};
    request q;
    mola_ctx *ctx = request_begin(&w, &q, 5000);
    ck_assert_int_eq(mola_manifest_read(ctx, r.name, &r.held), MOLA_OK);
    request_end(&q);
    return r;
}
static void close_reading(reading *r)
{
    mola_held_unref(r->held);
    mola_name_close(r->name);
}
/* Raises gc_floor to `mark`, on top of what was read. */
static mola_err publish(const reading *on, uint64_t mark, uint64_t patience_ms, mola_held **out)
{
    request q;
    mola_ctx *ctx = request_begin(&w, &q, patience_ms);
    mola_manifest next = *mola_held_manifest(on->held);
    next.ver++;
    next.gc_floor = mark;
    mola_err err = mola_manifest_replace(ctx, on->name, on->held, &next, out);
    ck_assert(err == MOLA_OK || err == MOLA_CONFLICT || q.why.len > 0);
    request_end(&q);
    return err;
}
static void publish_there(uint64_t mark)
{
    reading r = look(there);
    ck_assert_int_eq(publish(&r, mark, 5000, NULL), MOLA_OK);
    close_reading(&r);
}
static mola_manifest stands(void)
{
    mola_manifest m;
    ck_assert(manifest_now(&w, "n", &m, NULL));
    return m;
}

START_TEST(an_absent_name_reads_as_a_tombstone_of_version_0)
{
    reading r = look(here);
    const mola_manifest *m = mola_held_manifest(r.held);
    ck_assert(m->deleted && m->ver == 0 && m->epoch == 0);
    ck_assert(mola_str_eq(mola_name_text(r.name), MOLA_STR("n")));
    close_reading(&r);
}
END_TEST

START_TEST(a_publication_is_the_next_version_and_enters_the_history)
{
    put_one(&w, here, "n", 1, 10, docs);
    reading r = look(here);
    mola_manifest before = *mola_held_manifest(r.held);
    uint64_t gets = w.gets;
    mola_held *after;
    ck_assert_int_eq(publish(&r, 1, 5000, &after), MOLA_OK);
    const mola_manifest *m = mola_held_manifest(after);
    ck_assert_uint_eq(m->ver, before.ver + 1);
    ck_assert_uint_eq(m->gc_floor, 1);
    ck_assert_uint_eq(m->epoch, before.epoch);
    ck_assert_uint_eq(m->history_count, 2);
    ck_assert_uint_eq(m->history[1].ver, m->ver);
    ck_assert_uint_gt(m->history[1].time_us, 0);
    ck_assert(memcmp(m->commit_id, before.commit_id, 16) != 0);
    reading next = {r.name, after}; /* what stands there needs no GET to be replaced again */
    ck_assert_int_eq(publish(&next, 2, 5000, NULL), MOLA_OK);
    ck_assert_uint_eq(w.gets, gets);
    ck_assert_uint_eq(stands().gc_floor, 2);
    mola_held_unref(after);
    close_reading(&r);
    check_read(&w, here, "n", docs);
}
END_TEST

START_TEST(who_comes_second_has_lost)
{
    put_one(&w, here, "n", 1, 10, docs);
    reading r = look(here);
    publish_there(7);
    ck_assert_int_eq(publish(&r, 9, 5000, NULL), MOLA_CONFLICT);
    ck_assert_uint_eq(stands().gc_floor, 7);
    ck_assert_int_eq(world_metric(&w, MOLA_M_index_publish_lost_total), 1);
    close_reading(&r);
}
END_TEST

static uint32_t judged;
static bool is_cas(const mola_store_op *op)
{
    return op->verb == MOLA_PUT && key_is_manifest(op->key);
}
static fate twice(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    return is_cas(op) ? SEND_TWICE : PASS;
}
START_TEST(the_412_of_a_second_copy_is_no_loss)
{
    put_one(&w, here, "n", 1, 10, docs);
    reading r = look(here);
    w.judge = twice;
    mola_held *after;
    ck_assert_int_eq(publish(&r, 9, 5000, &after), MOLA_OK);
    ck_assert_uint_eq(mola_held_manifest(after)->gc_floor, 9);
    mola_held_unref(after);
    close_reading(&r);
}
END_TEST

/* The answer is lost, and somebody publishes on top before the second attempt. */
static fate lose_then_publish(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)argument;
    if (!is_cas(op))
        return PASS;
    if (judged++ == 0)
        return LOSE_ANSWER;
    publish_there(stands().gc_floor + 1);
    return PASS;
}
START_TEST(what_has_moved_is_judged_by_the_state)
{
    put_one(&w, here, "n", 1, 10, docs);
    reading r = look(here);
    judged = 0;
    w.judge = lose_then_publish;
    ck_assert_int_eq(publish(&r, 9, 5000, NULL), MOLA_CONFLICT);
    ck_assert_uint_eq(stands().gc_floor, 10); /* ours was in between, and is kept */
    close_reading(&r);
}
END_TEST

static fate always(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    fate f = *(const fate *)argument;
    if (!is_cas(op) || (f == LOSE_ANSWER && judged++))
        return PASS;
    return f;
}
START_TEST(only_what_certainly_did_not_happen_is_unavailable)
{
    static const struct {
        fate fate;
        mola_err err;
    } rows[] = {{LOSE_ANSWER, MOLA_OK}, /* the next attempt finds it there */
                {LOSE_REQUEST, MOLA_UNKNOWN},
                {REFUSE, MOLA_UNAVAILABLE},
                {DENY, MOLA_UNAVAILABLE}};
    put_one(&w, here, "n", 1, 10, docs);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reading r = look(here);
        fate f = rows[i].fate;
        judged = 0;
        w.judge = always;
        w.argument = &f;
        ck_assert_int_eq(publish(&r, 20 + i, 2000, NULL), rows[i].err);
        w.judge = NULL;
        close_reading(&r);
        ck_assert_uint_eq(stands().gc_floor, 20);
    }
}
END_TEST

START_TEST(nobody_publishes_over_what_he_does_not_know)
{
    put_one(&w, here, "n", 1, 10, docs);
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op get = {.verb = MOLA_GET, .key = MOLA_STR("ns/n")};
    ck_assert_int_eq(store_do(&w, &get, &arena), MOLA_OK);
    char *image = mola_arena_alloc(&arena, get.bytes.len, 1, 1);
    memcpy(image, get.bytes.data, get.bytes.len);
    image[4]++; /* fmt; a reader of the older one may still read it */
    uint8_t sum[16];
    mola_sum128((mola_str){image, get.bytes.len - sizeof sum}, sum);
    memcpy(image + get.bytes.len - sizeof sum, sum, sizeof sum);
    mola_store_op put = {.verb = MOLA_PUT, .key = MOLA_STR("ns/n"), .body = {image, get.bytes.len}};
    ck_assert_int_eq(store_do(&w, &put, &arena), MOLA_OK);
    mola_arena_reset(&arena);
    reading r = look(here);
    ck_assert(mola_held_manifest(r.held)->newer);
    uint64_t puts = w.puts;
    ck_assert_int_eq(publish(&r, 9, 5000, NULL), MOLA_INVALID);
    ck_assert_uint_eq(w.puts, puts);
    close_reading(&r);
}
END_TEST

/* I14: an answer that was on its way while this node published is older than what it knows. */
START_TEST(a_node_knows_what_it_has_published)
{
    put_one(&w, here, "n", 1, 10, docs);
    reading r = look(here);
    ck_assert_int_eq(publish(&r, 9, 5000, NULL), MOLA_OK);
    reading again = look(here);
    ck_assert_uint_eq(mola_held_manifest(again.held)->gc_floor, 9);
    close_reading(&again);
    close_reading(&r);
    check_read(&w, here, "n", docs);
}
END_TEST

/* gc_floor needs a version that was current a day ago, however often a namespace is published. */
START_TEST(the_history_reaches_back_a_day)
{
    enum { MINUTES = 7, DAY_MINUTES = 24 * 60 };
    const uint64_t minute_us = 60 * 1000000ull;
    put_one(&w, here, "n", 1, 10, docs);
    for (uint64_t minutes = 0; minutes < 3 * DAY_MINUTES; minutes += MINUTES) {
        w.wall_ahead_us += (int64_t)(MINUTES * minute_us);
        w.boot_ahead_ns += MINUTES * 60 * MOLA_SECOND;
        reading r = look(here);
        mola_held *after;
        ck_assert_int_eq(publish(&r, minutes + 1, 5000, &after), MOLA_OK);
        const mola_manifest *m = mola_held_manifest(after);
        uint64_t now_us = mola_wall_us(w.env);
        ck_assert_uint_le(m->history_count, MOLA_HISTORY_MAX);
        ck_assert_uint_eq(m->history[m->history_count - 1].ver, m->ver);
        uint64_t widest = 0;
        for (uint32_t i = 1; i < m->history_count; i++) {
            ck_assert_uint_gt(m->history[i].ver, m->history[i - 1].ver);
            uint64_t gap = m->history[i].time_us - m->history[i - 1].time_us;
            widest = gap > widest ? gap : widest;
        }
        if (minutes > DAY_MINUTES) {
            ck_assert_uint_ge(now_us - m->history[0].time_us, DAY_MINUTES * minute_us);
            ck_assert_uint_le(now_us - m->history[0].time_us, 2 * DAY_MINUTES * minute_us);
        }
        ck_assert_uint_le(widest, 6 * 60 * minute_us);
        mola_held_unref(after);
        close_reading(&r);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("publish");
    TCase *all = tcase_create("publish");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, an_absent_name_reads_as_a_tombstone_of_version_0);
    tcase_add_test(all, a_publication_is_the_next_version_and_enters_the_history);
    tcase_add_test(all, who_comes_second_has_lost);
    tcase_add_test(all, the_412_of_a_second_copy_is_no_loss);
    tcase_add_test(all, what_has_moved_is_judged_by_the_state);
    tcase_add_test(all, only_what_certainly_did_not_happen_is_unavailable);
    tcase_add_test(all, nobody_publishes_over_what_he_does_not_know);
    tcase_add_test(all, a_node_knows_what_it_has_published);
    tcase_add_test(all, the_history_reaches_back_a_day);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
