#include "world.h"

/* The two ends of an incarnation: creation, deletion, re-creation, and everything that can come
 * between their steps. */
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

static bool is_absent(mola_namespaces *all)
{
    mola_err err = strong_err(&w, all, "fish");
    ck_assert(err == MOLA_OK || err == MOLA_NOT_FOUND);
    return err == MOLA_NOT_FOUND;
}

static mola_manifest the_manifest(void)
{
    mola_manifest m;
    ck_assert(manifest_now(&w, "fish", &m, NULL));
    return m;
}

START_TEST(a_name_lives_dies_and_lives_again)
{
    ck_assert(is_absent(here));
    for (uint64_t life = 1; life <= 3; life++) {
        memset(docs, 0, sizeof docs);
        row r = upsert(life, 10);
        written born = write_rows(&w, here, "fish", &r, 1, 0, 5000);
        ck_assert_int_eq(born.err, MOLA_OK);
        ck_assert_uint_eq(born.epoch, life);
        ck_assert_uint_eq(born.seq, 1);
        oracle_apply(docs, &r, 1);
        ck_assert_uint_eq(check_read(&w, there, "fish", docs), 1); /* nothing of the old life */
        ck_assert_uint_eq(put_one(&w, there, "fish", 100, 1, docs), 2);
        ck_assert_uint_eq(check_read(&w, here, "fish", docs), 2);
        ck_assert_int_eq(delete_name(&w, there, "fish"), MOLA_OK);
        ck_assert(is_absent(here) && is_absent(there));
        mola_manifest m = the_manifest();
        ck_assert(m.deleted);
        ck_assert_uint_eq(m.epoch, life);
        ck_assert_uint_eq(m.ver, 2 * life);
        ck_assert_int_eq(delete_name(&w, here, "fish"), MOLA_NOT_FOUND);
    }
}
END_TEST

/* Each fate of the PUT that is the commit point of a creation. */
typedef struct {
    const fate *fates;
    int count, used;
} script;
static fate judge_birth(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    script *s = argument;
    if (op->verb != MOLA_PUT || !key_is_manifest(op->key) || s->used == s->count)
        return PASS;
    return s->fates[s->used++];
}
static mola_err create_under(const fate *fates, int count, uint64_t patience_ms)
{
    script s = {fates, count, 0};
    w.judge = judge_birth;
    w.argument = &s;
    row r = upsert(1, 10);
    written done = write_rows(&w, here, "fish", &r, 1, 0, patience_ms);
    w.judge = NULL;
    return done.err;
}

START_TEST(a_birth_whose_answer_is_lost_is_read_back)
{
    ck_assert_int_eq(create_under((const fate[]){LOSE_ANSWER}, 1, 5000), MOLA_OK);
    ck_assert_int_eq(delete_name(&w, there, "fish"), MOLA_OK);
    ck_assert_int_eq(create_under((const fate[]){SEND_TWICE}, 1, 5000), MOLA_OK);
    put_one(&w, there, "fish", 1, 10, docs);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 2);
}
END_TEST

START_TEST(a_birth_that_was_refused_has_not_happened)
{
    ck_assert_int_eq(create_under((const fate[]){DENY}, 1, 5000), MOLA_UNAVAILABLE);
    ck_assert(is_absent(here) && is_absent(there));
    ck_assert_int_eq(create_under((const fate[]){LOSE_REQUEST, DENY}, 2, 5000), MOLA_UNKNOWN);
    ck_assert_int_eq(create_under((const fate[]){LOSE_ANSWER, DENY}, 2, 5000), MOLA_UNKNOWN);
    ck_assert(!is_absent(here) && !is_absent(there)); /* this one did */
}
END_TEST

static fate judge_entries(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    (void)argument;
    return op->verb == MOLA_PUT && mola_str_starts(op->key, MOLA_STR("d/")) ? LOSE_REQUEST : PASS;
}

/* Nobody knows the nsid before the birth, so even an unclear answer about entry 1 is a definite
 * failure. */
START_TEST(a_first_entry_without_an_answer_is_a_definite_failure)
{
    w.judge = judge_entries;
    row r = upsert(1, 10);
    ck_assert_int_eq(write_rows(&w, here, "fish", &r, 1, 0, 300).err, MOLA_UNAVAILABLE);
    w.judge = NULL;
    ck_assert(!manifest_now(&w, "fish", &(mola_manifest){0}, NULL));
    ck_assert(is_absent(here));
}
END_TEST

/* What the other node does just before (or, with `lose`, after) our birth arrives. */
typedef struct {
    void (*act)(void);
    bool lose;
    int puts;
} meanwhile;
static fate judge_meanwhile(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    meanwhile *m = argument;
    if (op->verb != MOLA_PUT || !key_is_manifest(op->key))
        return PASS;
    bool now = m->puts++ == (m->lose ? 1 : 0);
    if (now)
        m->act();
    return m->lose && m->puts == 1 ? LOSE_ANSWER : PASS;
}
static written create_meanwhile(void (*act)(void), bool lose)
{
    meanwhile m = {.act = act, .lose = lose};
    w.judge = judge_meanwhile;
    w.argument = &m;
    row r = upsert(1, 10);
    written done = write_rows(&w, here, "fish", &r, 1, 0, 5000);
    w.judge = NULL;
    return done;
}
static void create_there(void)
{
    put_one(&w, there, "fish", 2, 20, docs);
}
static void create_and_delete_there(void)
{
    create_there();
    ck_assert_int_eq(delete_name(&w, there, "fish"), MOLA_OK);
    memset(docs, 0, sizeof docs);
}
static void delete_there(void)
{
    ck_assert_int_eq(delete_name(&w, there, "fish"), MOLA_OK);
}
static void delete_and_create_there(void)
{
    delete_there();
    create_there();
}

START_TEST(who_loses_the_race_of_creation_writes_to_the_winner)
{
    written done = create_meanwhile(create_there, false);
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(done.lost, 1 + 0);
    ck_assert_uint_eq(done.epoch, 1);
    ck_assert_uint_eq(done.seq, 2);
    row r = upsert(1, 10);
    oracle_apply(docs, &r, 1);
    check_read(&w, here, "fish", docs);
    check_read(&w, there, "fish", docs);
}
END_TEST

/* ns/{name} is two versions on, but of the epoch that ours would have had: ours never was. */
START_TEST(who_loses_to_one_that_has_changed_since_creates_anew)
{
    written done = create_meanwhile(create_and_delete_there, false);
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(done.lost, 1);
    ck_assert_uint_eq(done.epoch, 2);
    row r = upsert(1, 10);
    oracle_apply(docs, &r, 1);
    check_read(&w, here, "fish", docs);
    check_read(&w, there, "fish", docs);
}
END_TEST

/* It is an epoch on: ours may have been in between, and the state does not tell. */
START_TEST(a_name_that_moved_twice_leaves_a_creation_unknown)
{
    ck_assert_int_eq(create_meanwhile(delete_and_create_there, true).err, MOLA_UNKNOWN);
    check_read(&w, here, "fish", docs);
}
END_TEST

/* Ours landed, its answer was lost, and it was deleted at once: the tombstone carries our nsid. */
START_TEST(a_tombstone_of_our_own_proves_the_birth)
{
    ck_assert_int_eq(create_meanwhile(delete_there, true).err, MOLA_OK);
    ck_assert(is_absent(here) && is_absent(there));
}
END_TEST

/* ------------------------------------------------------------------ death */
static fate judge_no_grave(world *at, const mola_store_op *op, void *argument)
{
    (void)at;
    (void)argument;
    return op->verb == MOLA_PUT && key_is_manifest(op->key) ? DENY : PASS;
}
static void seal_without_grave(void)
{
    put_one(&w, here, "fish", 1, 10, docs);
    check_read(&w, there, "fish", docs);
    w.judge = judge_no_grave;
    ck_assert_int_eq(delete_name(&w, here, "fish"), MOLA_OK); /* the SEAL is the commit point */
    w.judge = NULL;
    memset(docs, 0, sizeof docs);
    ck_assert(!the_manifest().deleted);
}

START_TEST(a_seal_is_the_end_even_without_a_tombstone)
{
    seal_without_grave();
    ck_assert(is_absent(here) && is_absent(there));
    mola_namespaces *cold = node_open(&w, SIZE_MAX);
    ck_assert(is_absent(cold));
    mola_namespaces_close(cold);
    ck_assert(!the_manifest().deleted); /* readers write nothing */
}
END_TEST

START_TEST(an_eventual_read_does_not_show_what_is_sealed)
{
    put_one(&w, here, "fish", 1, 10, docs);
    check_read(&w, here, "fish", docs); /* a probe that an eventual read could lean on */
    w.judge = judge_no_grave;
    ck_assert_int_eq(delete_name(&w, here, "fish"), MOLA_OK);
    w.judge = NULL;
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, here, "fish", MOLA_READ_EVENTUAL, &view, &r), MOLA_NOT_FOUND);
}
END_TEST

START_TEST(the_next_writer_finishes_a_deletion)
{
    seal_without_grave();
    row r = upsert(2, 20);
    written done = write_rows(&w, there, "fish", &r, 1, 0, 5000);
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(done.epoch, 2);
    ck_assert_uint_eq(done.seq, 1);
    oracle_apply(docs, &r, 1);
    check_read(&w, here, "fish", docs);
    check_read(&w, there, "fish", docs);
}
END_TEST

START_TEST(deleting_what_is_sealed_already_is_not_found)
{
    seal_without_grave();
    ck_assert_int_eq(delete_name(&w, there, "fish"), MOLA_NOT_FOUND);
    ck_assert(the_manifest().deleted);
}
END_TEST

START_TEST(a_lost_answer_to_the_tombstone_is_read_back)
{
    put_one(&w, here, "fish", 1, 10, docs);
    script s = {(const fate[]){LOSE_ANSWER}, 1, 0};
    w.judge = judge_birth;
    w.argument = &s;
    ck_assert_int_eq(delete_name(&w, here, "fish"), MOLA_OK);
    w.judge = NULL;
    mola_manifest m = the_manifest();
    ck_assert(m.deleted);
    ck_assert_uint_eq(m.ver, 2); /* one tombstone, not two */
}
END_TEST

/* I8: a node that holds a view of the old life meets the SEAL; the name lives again meanwhile. */
START_TEST(a_reader_that_meets_a_seal_finds_the_new_life)
{
    put_one(&w, here, "fish", 1, 10, docs);
    check_read(&w, there, "fish", docs);
    ck_assert_int_eq(delete_name(&w, here, "fish"), MOLA_OK);
    memset(docs, 0, sizeof docs);
    put_one(&w, here, "fish", 2, 20, docs);
    ck_assert_uint_eq(check_read(&w, there, "fish", docs), 1);
}
END_TEST

START_TEST(a_writer_that_meets_a_seal_writes_into_the_new_life)
{
    put_one(&w, here, "fish", 1, 10, docs);
    check_read(&w, there, "fish", docs);
    ck_assert_int_eq(delete_name(&w, here, "fish"), MOLA_OK);
    memset(docs, 0, sizeof docs);
    put_one(&w, here, "fish", 2, 20, docs);
    row r = upsert(3, 30);
    written done = write_rows(&w, there, "fish", &r, 1, 0, 5000);
    ck_assert_int_eq(done.err, MOLA_OK);
    ck_assert_uint_eq(done.epoch, 2);
    ck_assert_uint_eq(done.seq, 2);
    oracle_apply(docs, &r, 1);
    check_read(&w, here, "fish", docs);
}
END_TEST

/* ------------------------------------------------------------------ the listing */
static void check_list(const char *prefix, const char *after, uint32_t max, const char *expected,
                       bool expect_more)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 5000);
    mola_str *names;
    uint32_t count;
    bool more;
    ck_assert_int_eq(mola_namespace_list(ctx, here, mola_str_of(prefix), mola_str_of(after), max,
                                         &names, &count, &more),
                     MOLA_OK);
    char text[4096];
    size_t len = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s ", MOLA_ARG(names[i]));
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(more, expect_more);
    request_end(&r);
}

START_TEST(the_listing_shows_live_names_only)
{
    check_list("", "", 10, "", false);
    static const char *const names[] = {"a", "a-b", "a.b", "b", "b1", "b2", "b3", "c"};
    for (size_t i = 0; i < 8; i++)
        put_one(&w, i % 2 ? here : there, names[i], 1, 1, docs);
    check_list("", "", 10, "a a-b a.b b b1 b2 b3 c ", false);
    check_list("", "", 8, "a a-b a.b b b1 b2 b3 c ", false);
    check_list("", "", 7, "a a-b a.b b b1 b2 b3 ", true);
    ck_assert_int_eq(delete_name(&w, here, "b1"), MOLA_OK);
    ck_assert_int_eq(delete_name(&w, here, "b3"), MOLA_OK);
    ck_assert_int_eq(delete_name(&w, here, "c"), MOLA_OK);
    check_list("", "", 4, "a a-b a.b b ", true);
    check_list("", "", 5, "a a-b a.b b b2 ", false); /* only dead names follow */
    check_list("b", "", 10, "b b2 ", false);
    check_list("", "a.b", 10, "b b2 ", false);
    check_list("b", "b", 1, "b2 ", false);
    check_list("a", "", 1, "a ", true);
    check_list("zz", "", 1, "", false);
    check_list(".", "", 1, "", false);
    check_list("b/", "", 1, "", false);
    check_list("", "b/..", 10, "b2 ", false); /* a cursor need not be a name */
    check_list("", "a b", 2, "a-b a.b ", true);
}
END_TEST

START_TEST(the_listing_reads_every_page)
{
    document none[IDS_MAX] = {0};
    put_one(&w, here, "first", 1, 1, none);
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    char body[200] = {0}, key[32];
    for (int i = 0; i < 2500; i++) { /* only their size is looked at */
        int len = snprintf(key, sizeof key, "ns/n%05d", i);
        mola_store_op op = {.verb = MOLA_PUT,
                            .key = {key, (size_t)len},
                            .body = {body, i == 2499 ? sizeof body : MOLA_TOMBSTONE_BYTES}};
        ck_assert_int_eq(store_do(&w, &op, &arena), MOLA_OK);
    }
    mola_arena_reset(&arena);
    check_list("", "", 10, "first n02499 ", false);
    check_list("", "", 1, "first ", true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("birth");
    TCase *life = tcase_create("life");
    tcase_set_timeout(life, 60);
    tcase_add_checked_fixture(life, begin, end);
    tcase_add_test(life, a_name_lives_dies_and_lives_again);
    tcase_add_test(life, a_birth_whose_answer_is_lost_is_read_back);
    tcase_add_test(life, a_birth_that_was_refused_has_not_happened);
    tcase_add_test(life, a_first_entry_without_an_answer_is_a_definite_failure);
    tcase_add_test(life, who_loses_the_race_of_creation_writes_to_the_winner);
    tcase_add_test(life, who_loses_to_one_that_has_changed_since_creates_anew);
    tcase_add_test(life, a_name_that_moved_twice_leaves_a_creation_unknown);
    tcase_add_test(life, a_tombstone_of_our_own_proves_the_birth);
    tcase_add_test(life, a_seal_is_the_end_even_without_a_tombstone);
    tcase_add_test(life, an_eventual_read_does_not_show_what_is_sealed);
    tcase_add_test(life, the_next_writer_finishes_a_deletion);
    tcase_add_test(life, deleting_what_is_sealed_already_is_not_found);
    tcase_add_test(life, a_lost_answer_to_the_tombstone_is_read_back);
    tcase_add_test(life, a_reader_that_meets_a_seal_finds_the_new_life);
    tcase_add_test(life, a_writer_that_meets_a_seal_writes_into_the_new_life);
    tcase_add_test(life, the_listing_shows_live_names_only);
    tcase_add_test(life, the_listing_reads_every_page);
    suite_add_tcase(suite, life);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
