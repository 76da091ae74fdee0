#include "mola/index/fsck.h"
#include "place.h"

/* fsck says nothing about a healthy store, and finds every kind of damage in every kind of object;
 * what nothing refers to, it tells apart by what it can become. */
static world w;
static mola_namespaces *writer, *looker;
static mola_indexer a, b;
static document docs[DOCS_MAX];
static dice chance;
static mola_buf report;
#define NAME "books"

static void begin(void)
{
    world_open(&w);
    mola_namespaces_config config = {.env = w.env,
                                     .view_bytes_max = SIZE_MAX,
                                     .entry_bytes_max = 40000,
                                     .fence_ns = FENCE_SECONDS * MOLA_SECOND};
    ck_assert_int_eq(mola_namespaces_open(&config, &writer), MOLA_OK);
    looker = node_open(&w, SIZE_MAX);
    indexer_open(&w, &a, 256 << 20);
    indexer_open(&w, &b, 256 << 20);
    mola_buf_init(&report, &w.heap);
    memset(docs, 0, sizeof docs);
}
static void end(void)
{
    w.judge = NULL;
    mola_buf_free(&report);
    indexer_close(&a);
    indexer_close(&b);
    mola_namespaces_close(writer);
    mola_namespaces_close(looker);
    world_close(&w);
}

static mola_err fsck(const char *name, mola_fsck_totals *totals)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    report.len = 0;
    *totals = (mola_fsck_totals){0};
    mola_err err = mola_fsck(ctx, looker, (mola_str){0}, mola_str_of(name), &report, totals);
    ck_assert(err == MOLA_OK || r.why.len);
    request_end(&r);
    return err;
}
static mola_fsck_totals must_fsck(const char *name)
{
    mola_fsck_totals totals;
    mola_err err = fsck(name, &totals);
    ck_assert_msg(err == MOLA_OK, "fsck: %s", mola_err_name(err));
    return totals;
}
static bool reported(const char *words)
{
    mola_buf_add_char(&report, 0);
    report.len--;
    return strstr(report.data, words) != NULL;
}
static void check_healthy(const char *name)
{
    mola_fsck_totals t = must_fsck(name);
    ck_assert_msg(t.damaged + t.orphans + t.young + t.nameless == 0, "%.*s", (int)report.len,
                  report.data);
    ck_assert(!reported("damaged"));
    ck_assert(reported("ok ns/"));
}

/* Everything that there can be: segments with keys and delete vectors, strings in pages and with
 * the documents, a log tail with entries whose rows stand out of line. Nothing has been replaced.
 */
static void make_everything(void)
{
    mola_state_edit(w.state, MOLA_STR("tag"))->filterable = false;
    a.config.inline_bytes_max = 0;
    put_many(&w, writer, NAME, &chance, 0, 4500, docs);
    must_flush(&w, &a, NAME);
    put_many(&w, writer, NAME, &chance, 4000, 4500, docs);
    must_flush(&w, &a, NAME);
    put_random(&w, writer, NAME, &chance, 190, 60, 3, docs);
    put_many(&w, writer, NAME, &chance, 8000, 1000, docs);
    put_random(&w, writer, NAME, &chance, 190, 60, 3, docs);
    shape s = shape_of(&w, NAME);
    ck_assert(s.segments == 2 && s.deleted > 0 && s.retired == 0);
}

/* ------------------------------------------------------------------ objects, one by one */
static mola_store_op list_all(mola_arena *arena)
{
    mola_store_op op = {.verb = MOLA_LIST};
    ck_assert_int_eq(store_do(&w, &op, arena), MOLA_OK);
    ck_assert(!op.truncated);
    return op;
}
static mola_str get(mola_str key, mola_arena *arena)
{
    mola_store_op op = {.verb = MOLA_GET, .key = key};
    ck_assert_int_eq(store_do(&w, &op, arena), MOLA_OK);
    return op.bytes;
}
static void put(mola_str key, mola_str bytes, mola_arena *arena)
{
    mola_store_op op = {.verb = MOLA_PUT, .key = key, .body = bytes};
    ck_assert_int_eq(store_do(&w, &op, arena), MOLA_OK);
}
static void delete (mola_str key, mola_arena *arena)
{
    mola_store_op op = {.verb = MOLA_DELETE, .key = key};
    ck_assert_int_eq(store_do(&w, &op, arena), MOLA_OK);
}
static bool is_in(mola_str key, char folder)
{
    uint8_t nsid[16];
    mola_str rest;
    return mola_key_parse_incarnation((mola_str){0}, key, nsid, &rest) && rest.len &&
           rest.data[0] == folder;
}

START_TEST(a_healthy_store_is_not_talked_about)
{
    chance = (dice){test_seed(0xf5c)};
    mola_fsck_totals t = must_fsck(""); /* nothing at all */
    ck_assert_uint_eq(t.names, 0);
    ck_assert_int_eq(fsck(NAME, &t), MOLA_NOT_FOUND);
    make_everything();
    put_random(&w, writer, "tiny", &chance, 190, 20, 0, docs + 10000);
    must_flush(&w, &b, "tiny");
    put_random(&w, writer, "tiny", &chance, 190, 20, 4, docs + 10000);
    must_flush(&w, &b, "tiny");
    put_random(&w, writer, "unindexed", &chance, 190, 20, 0, docs + 11000);
    check_healthy(NAME);
    check_healthy("tiny");
    check_healthy("unindexed");
    check_healthy("");
    t = must_fsck("");
    ck_assert_uint_eq(t.names, 3);
    ck_assert_uint_eq(t.segments, 4);
    ck_assert_uint_eq(t.entries, 6 + 2 + 1);
    shape books = shape_of(&w, NAME), tiny = shape_of(&w, "tiny");
    ck_assert_uint_eq(t.rows, books.rows - books.deleted + tiny.rows - tiny.deleted);
    must_merge(&w, &a, NAME, true);
    t = must_fsck(NAME);
    ck_assert_uint_eq(t.damaged + t.orphans + t.young, 0);
    ck_assert_uint_gt(t.collectable, 4); /* what was merged */
}
END_TEST

START_TEST(one_wrong_byte_anywhere_is_found)
{
    chance = (dice){test_seed(0xb17) + (uint64_t)_i};
    make_everything();
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op all = list_all(&arena);
    uint32_t kinds[128] = {0};
    for (uint32_t i = 0; i < all.entry_count; i++) {
        mola_str key = all.entries[i].key, bytes = get(key, &arena);
        for (const char *kind = "wpsx"; *kind; kind++)
            kinds[(int)*kind] += is_in(key, *kind);
        char *copy = mola_arena_alloc(&arena, bytes.len, 1, 1);
        memcpy(copy, bytes.data, bytes.len);
        size_t at = roll(&chance) % bytes.len;
        copy[at] ^= (char)(1 << below(&chance, 8));
        put(key, (mola_str){copy, bytes.len}, &arena);
        mola_fsck_totals t = must_fsck(NAME);
        ck_assert_msg(t.damaged > 0, "byte %zu of %.*s", at, MOLA_ARG(key));
        put(key, (mola_str){bytes.data, bytes.len - 1 - below(&chance, 20)}, &arena);
        t = must_fsck(NAME);
        ck_assert_msg(t.damaged > 0, "the end of %.*s", MOLA_ARG(key));
        put(key, bytes, &arena);
    }
    ck_assert(kinds['w'] == 6 && kinds['p'] >= 2 && kinds['s'] >= 4 && kinds['x'] >= 1);
    check_healthy(NAME);
    mola_arena_reset(&arena);
}
END_TEST

/* Also between the blocks, where no reader ever looks. */
START_TEST(padding_is_verified_too)
{
    chance = (dice){test_seed(0xbad)};
    a.config.inline_bytes_max = 0;
    put_many(&w, writer, NAME, &chance, 0, 100, docs);
    must_flush(&w, &a, NAME);
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op all = list_all(&arena);
    uint32_t flips = 0;
    for (uint32_t i = 0; i < all.entry_count; i++) {
        mola_str key = all.entries[i].key, bytes = get(key, &arena);
        if (!is_in(key, 's'))
            continue;
        char *copy = mola_arena_alloc(&arena, bytes.len, 1, 1);
        memcpy(copy, bytes.data, bytes.len);
        for (size_t at = below(&chance, 61); at < bytes.len; at += 61, flips++) {
            copy[at] ^= 1;
            put(key, (mola_str){copy, bytes.len}, &arena);
            ck_assert_msg(must_fsck(NAME).damaged > 0, "byte %zu of %.*s", at, MOLA_ARG(key));
            copy[at] ^= 1;
        }
        put(key, bytes, &arena);
    }
    ck_assert_uint_gt(flips, 100);
    check_healthy(NAME);
    mola_arena_reset(&arena);
}
END_TEST

START_TEST(anything_that_is_missing_is_found)
{
    chance = (dice){test_seed(0x91)};
    make_everything();
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op all = list_all(&arena);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < all.entry_count; i++) {
        mola_str key = all.entries[i].key, bytes = get(key, &arena);
        if (key_is_manifest(key) || key_is_entry(key, 6)) /* a log may end anywhere */
            continue;
        delete (key, &arena);
        mola_fsck_totals t = must_fsck(NAME);
        ck_assert_msg(t.damaged > 0, "%.*s", MOLA_ARG(key));
        put(key, bytes, &arena);
        missing++;
    }
    ck_assert_uint_gt(missing, 10);
    check_healthy(NAME);
    mola_arena_reset(&arena);
}
END_TEST

/* ------------------------------------------------------------------ what fits its sums, and is
 * wrong */
/* ns/{name} as `change` makes it, with all sums in order. */
static void publish(void (*change)(mola_manifest *m))
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 60000);
    mola_name *name = mola_name_open(b.names, MOLA_STR(NAME));
    mola_held *held;
    mola_segment_ref refs[8];
    mola_segment_info infos[8];
    ck_assert_int_eq(mola_manifest_read(ctx, name, &held), MOLA_OK);
    mola_manifest next = *mola_held_manifest(held);
    ck_assert_uint_le(next.segment_count, 8);
    memcpy(refs, next.segments, next.segment_count * sizeof refs[0]);
    memcpy(infos, next.infos, next.segment_count * sizeof infos[0]);
    next.segments = refs;
    next.infos = infos;
    next.ver++;
    change(&next);
    ck_assert_int_eq(mola_manifest_replace(ctx, name, held, &next, NULL), MOLA_OK);
    mola_held_unref(held);
    mola_name_close(name);
    request_end(&r);
}
static void forget_deletes(mola_manifest *m)
{
    m->segments[0].dv_base = m->segments[0].dv_rand = 0;
    m->infos[0].deleted = 0;
}
static void count_less(mola_manifest *m)
{
    m->infos[0].deleted--;
}
static void raise_floor(mola_manifest *m)
{
    m->gc_floor = m->ver;
}
static void wrong_chain(mola_manifest *m)
{
    m->indexed_chain ^= 1;
}

START_TEST(a_document_in_two_rows_is_found)
{
    chance = (dice){test_seed(0x22)};
    make_everything();
    publish(forget_deletes); /* rows live again that newer segments have replaced */
    mola_fsck_totals t = must_fsck(NAME);
    ck_assert_uint_eq(t.damaged, 1);
    ck_assert(reported("stand in more than one row"));
    ck_assert_uint_eq(t.young, 1); /* the vector that nobody names */
}
END_TEST

START_TEST(numbers_that_do_not_agree_are_found)
{
    chance = (dice){test_seed(0x23)};
    make_everything();
    publish(count_less);
    ck_assert_uint_eq(must_fsck(NAME).damaged, 1);
    ck_assert(reported("rows dead"));
}
END_TEST

START_TEST(a_log_that_does_not_hang_together_is_found)
{
    chance = (dice){test_seed(0x24)};
    make_everything();
    publish(wrong_chain);
    ck_assert_uint_gt(must_fsck(NAME).damaged, 0);
    ck_assert(reported("not the entry that the manifest was made from"));
    publish(wrong_chain);
    check_healthy(NAME);

    /* an entry of another life of the log, in itself without fault */
    mola_arena arena;
    mola_arena_init(&arena, &w.heap, SIZE_MAX);
    mola_store_op all = list_all(&arena);
    for (uint32_t i = 0; i < all.entry_count; i++) {
        uint8_t nsid[16];
        uint64_t seq;
        if (!mola_key_parse_entry((mola_str){0}, all.entries[i].key, nsid, &seq) || seq != 5)
            continue;
        mola_entry entry = {.seq = seq, .time_us = 1, .prev_chain = 99};
        memcpy(entry.nsid, nsid, sizeof nsid);
        mola_buf image;
        mola_buf_init(&image, &w.heap);
        mola_entry_encode(&image, &entry);
        put(all.entries[i].key, mola_buf_str(&image), &arena);
        mola_buf_free(&image);
    }
    ck_assert_uint_eq(must_fsck(NAME).damaged, 2); /* before it, and behind it */
    ck_assert(reported("does not follow"));
    mola_arena_reset(&arena);
}
END_TEST

/* ------------------------------------------------------------------ what nothing refers to */
static void other_flushes(void)
{
    ck_assert(must_flush(&w, &b, NAME));
}
static fate at_publication(world *w_, const mola_store_op *op, void *argument)
{
    void (**act)(void) = argument;
    if (*act && op->verb == MOLA_PUT && key_is_manifest(op->key)) {
        void (*now)(void) = *act;
        *act = NULL;
        now();
    }
    (void)w_;
    return PASS;
}

START_TEST(leftovers_are_young_and_then_orphans)
{
    chance = (dice){test_seed(0x0f)};
    a.config.inline_bytes_max = b.config.inline_bytes_max = 0;
    put_many(&w, writer, NAME, &chance, 0, 300, docs);
    void (*act)(void) = other_flushes;
    w.judge = at_publication;
    w.argument = &act;
    ck_assert_int_eq(step_flush(&w, &a, NAME).err, MOLA_CONFLICT);
    w.judge = NULL;
    mola_fsck_totals t = must_fsck(NAME);
    ck_assert_uint_eq(t.damaged + t.orphans, 0);
    ck_assert_uint_eq(t.young, 2); /* head and data */
    publish(raise_floor);
    t = must_fsck("");
    ck_assert_uint_eq(t.damaged + t.young, 0);
    ck_assert_uint_eq(t.orphans, 2);
    ck_assert(reported("orphan ns/books d/"));
}
END_TEST

START_TEST(incarnations_without_a_name_are_listed)
{
    put_one(&w, writer, NAME, 1, 1, docs);
    put_one(&w, writer, "other", 1, 1, docs);
    ck_assert_int_eq(delete_name(&w, writer, NAME), MOLA_OK);
    mola_fsck_totals t = must_fsck("");
    ck_assert_uint_eq(t.names, 1);
    ck_assert_uint_eq(t.nameless, 1);
    put_one(&w, writer, NAME, 1, 1, docs);
    t = must_fsck("");
    ck_assert_uint_eq(t.names, 2);
    ck_assert_uint_eq(t.nameless, 1);
    ck_assert_uint_eq(t.damaged, 0);
    ck_assert(reported("nameless d/"));
}
END_TEST

/* Beside an indexer: the manifest moves and old objects go while they are looked at. */
static uint32_t merges_left;
static fate while_reading(world *w_, const mola_store_op *op, void *argument)
{
    if (merges_left && op->verb == MOLA_GET && is_in(op->key, 's')) {
        merges_left--;
        put_many(&w, writer, NAME, &chance, 0, 200, docs);
        must_flush(&w, &a, NAME);
        must_merge(&w, &a, NAME, true);
        mola_arena arena; /* what the collector does in the end */
        mola_arena_init(&arena, &w_->heap, SIZE_MAX);
        if (argument)
            delete (op->key, &arena);
        mola_arena_reset(&arena);
    }
    return PASS;
}
START_TEST(a_name_that_changes_meanwhile_is_looked_at_again)
{
    chance = (dice){test_seed(0xa9)};
    make_everything();
    merges_left = 1;
    w.judge = while_reading;
    w.argument = _i ? &merges_left : NULL; /* with, or without, a collector that is that fast */
    mola_fsck_totals t = must_fsck(NAME);
    w.judge = NULL;
    ck_assert_uint_eq(merges_left, 0);
    ck_assert_msg(t.damaged == 0, "%.*s", (int)report.len, report.data);
    ck_assert(!reported("unsettled"));
    ck_assert_uint_eq(t.names, 1);
}
END_TEST

static fate never_answer(world *w_, const mola_store_op *op, void *argument)
{
    (void)w_;
    uint32_t *left = argument;
    if (*left > 0)
        --*left;
    return *left > 0 || op->verb == MOLA_PUT ? PASS : REFUSE;
}
/* Not an answer about the store's health, wherever it happens. */
START_TEST(a_store_that_does_not_answer_ends_it)
{
    chance = (dice){test_seed(0xa10)};
    make_everything();
    mola_fsck_totals t;
    mola_err err = MOLA_UNAVAILABLE;
    for (uint32_t n = 1; err == MOLA_UNAVAILABLE; n++) {
        ck_assert_uint_lt(n, 200);
        uint32_t left = n;
        w.judge = never_answer;
        w.argument = &left;
        err = fsck(NAME, &t);
        w.judge = NULL;
        ck_assert_uint_eq(t.damaged, 0);
    }
    ck_assert_int_eq(err, MOLA_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fsck");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, a_healthy_store_is_not_talked_about);
    tcase_add_loop_test(cases, one_wrong_byte_anywhere_is_found, 0, 4);
    tcase_add_test(cases, padding_is_verified_too);
    tcase_add_test(cases, anything_that_is_missing_is_found);
    tcase_add_test(cases, a_document_in_two_rows_is_found);
    tcase_add_test(cases, numbers_that_do_not_agree_are_found);
    tcase_add_test(cases, a_log_that_does_not_hang_together_is_found);
    tcase_add_test(cases, leftovers_are_young_and_then_orphans);
    tcase_add_test(cases, incarnations_without_a_name_are_listed);
    tcase_add_loop_test(cases, a_name_that_changes_meanwhile_is_looked_at_again, 0, 2);
    tcase_add_test(cases, a_store_that_does_not_answer_ends_it);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
