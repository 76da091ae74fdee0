/* What every driver must do alike, one key at a time; lists and races have files of their own. */
#include "harness.h"

/* --- Bytes come back --- */

START_TEST(a_put_is_seen_by_the_next_get)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("ns/a"), K("hello")), MOLA_OK);
    mola_etag etag = me.op.new_etag;
    ck_assert_uint_gt(etag.len, 0);
    ck_object(K("ns/a"), K("hello"));
    ck_assert(same_etag(me.op.new_etag, etag));
    ck_assert(!me.op.not_modified);
    close_fresh();
}
END_TEST

START_TEST(a_missing_key_is_not_found)
{
    open_fresh(url_table[_i]);
    ck_err(get(&me, K("d/none/w/0")), MOLA_NOT_FOUND);
    ck_err(put(&me, K("d/none/w/1"), K("x")), MOLA_OK);
    ck_err(get(&me, K("d/none/w/0")), MOLA_NOT_FOUND);
    ck_err(get(&me, K("d/none/w")), MOLA_NOT_FOUND);
    ck_err(get(&me, K("d/none/w/1/x")), MOLA_NOT_FOUND);
    close_fresh();
}
END_TEST

START_TEST(a_later_get_sees_what_an_earlier_one_missed)
{
    open_fresh(url_table[_i]);
    ck_err(get(&me, K("a/b/c")), MOLA_NOT_FOUND);
    ck_err(put_new(&me, K("a/b/c"), K("now")), MOLA_OK);
    ck_object(K("a/b/c"), K("now"));
    close_fresh();
}
END_TEST

START_TEST(a_put_replaces_all_of_an_object)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a"), K("a long first body")), MOLA_OK);
    mola_etag first = me.op.new_etag;
    ck_err(put(&me, K("a"), K("short")), MOLA_OK);
    ck_assert(!same_etag(first, me.op.new_etag));
    ck_object(K("a"), K("short"));
    close_fresh();
}
END_TEST

START_TEST(the_same_bytes_get_another_etag)
{
    open_fresh(url_table[_i]);
    /* A content hash would let a CAS succeed across A -> B -> A. S3 itself hashes the content:
     * callers put a random id into what they CAS, so only drivers with tags of their own are held
     * to it. */
    if (!is_s3()) {
        ck_err(put(&me, K("a"), K("same")), MOLA_OK);
        mola_etag first = me.op.new_etag;
        ck_err(put(&me, K("a"), K("same")), MOLA_OK);
        ck_assert(!same_etag(first, me.op.new_etag));
    }
    close_fresh();
}
END_TEST

START_TEST(an_empty_object_is_an_object)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("empty"), (mola_str){0}), MOLA_OK);
    ck_err(get(&me, K("empty")), MOLA_OK);
    ck_assert_uint_eq(me.op.bytes.len, 0);
    ck_assert_uint_eq(me.op.object_size, 0);
    ck_err(put_new(&me, K("empty"), K("x")), MOLA_CONFLICT);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_keys("empty");
    ck_assert_uint_eq(me.op.entries[0].size, 0);
    close_fresh();
}
END_TEST

START_TEST(every_byte_value_survives)
{
    open_fresh(url_table[_i]);
    char body[1024];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)i;
    ck_err(put(&me, K("bytes"), (mola_str){body, sizeof body}), MOLA_OK);
    ck_object(K("bytes"), (mola_str){body, sizeof body});
    close_fresh();
}
END_TEST

START_TEST(twenty_mebibytes_survive)
{
    open_fresh(url_table[_i]);
    size_t size = ((size_t)20 << 20) + 13;
    char *body = malloc(size);
    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)(i * 2654435761U >> 13);
    ck_err(put_new(&me, K("d/big"), (mola_str){body, size}), MOLA_OK);
    ck_object(K("d/big"), (mola_str){body, size});
    ck_err(get_range(&me, K("d/big"), size - 10, 100), MOLA_OK);
    ck_bytes(me.op.bytes, (mola_str){body + size - 10, 10});
    free(body);
    close_fresh();
}
END_TEST

START_TEST(the_callers_buffer_may_change_after_a_put)
{
    open_fresh(url_table[_i]);
    char body[] = "before", key[] = "ns/key";
    ck_err(put(&me, mola_str_of(key), mola_str_of(body)), MOLA_OK);
    memset(body, 'x', sizeof body);
    memset(key, 'y', sizeof key);
    ck_object(K("ns/key"), K("before"));
    close_fresh();
}
END_TEST

START_TEST(what_a_get_returned_outlives_the_object)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a"), K("first")), MOLA_OK);
    ck_err(get(&me, K("a")), MOLA_OK);
    mola_str bytes = me.op.bytes;
    ck_err(put(&me, K("a"), K("other")), MOLA_OK);
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_bytes(bytes, K("first"));
    close_fresh();
}
END_TEST

/* --- Ranges --- */

START_TEST(a_range_is_cut_to_the_object)
{
    static const struct {
        uint64_t offset, length;
        const char *bytes;
    } cases[] = {
        {0, 0, "0123456789"},  {0, 4, "0123"},
        {3, 4, "3456"},        {3, 0, "3456789"},
        {9, 1, "9"},           {9, 0, "9"},
        {8, 5, "89"},          {0, 10, "0123456789"},
        {0, 11, "0123456789"}, {10, 0, ""},
        {10, 5, ""},           {11, 1, ""},
        {UINT64_MAX, 1, ""},   {5, UINT64_MAX, "56789"},
    };
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("r"), K("0123456789")), MOLA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_err(get_range(&me, K("r"), cases[i].offset, cases[i].length), MOLA_OK);
        ck_bytes(me.op.bytes, mola_str_of(cases[i].bytes));
        ck_assert_uint_eq(me.op.object_size, 10);
    }
    close_fresh();
}
END_TEST

START_TEST(a_range_of_an_empty_object_is_empty)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("r"), K("")), MOLA_OK);
    ck_err(get_range(&me, K("r"), 0, 5), MOLA_OK);
    ck_assert_uint_eq(me.op.bytes.len, 0);
    ck_err(get_range(&me, K("r"), 7, 0), MOLA_OK);
    ck_assert_uint_eq(me.op.bytes.len, 0);
    close_fresh();
}
END_TEST

/* --- Conditions --- */

START_TEST(if_absent_wins_once)
{
    open_fresh(url_table[_i]);
    ck_err(put_new(&me, K("d/1/w/1"), K("first")), MOLA_OK);
    ck_err(put_new(&me, K("d/1/w/1"), K("second")), MOLA_CONFLICT);
    ck_object(K("d/1/w/1"), K("first"));
    close_fresh();
}
END_TEST

START_TEST(if_absent_wins_again_after_a_delete)
{
    open_fresh(url_table[_i]);
    ck_err(put_new(&me, K("a"), K("first")), MOLA_OK);
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_err(put_new(&me, K("a"), K("second")), MOLA_OK);
    ck_object(K("a"), K("second"));
    close_fresh();
}
END_TEST

START_TEST(if_match_replaces_what_it_names)
{
    open_fresh(url_table[_i]);
    ck_err(put_new(&me, K("ns/a"), K("one")), MOLA_OK);
    ck_err(put_match(&me, K("ns/a"), K("two"), me.op.new_etag), MOLA_OK);
    mola_etag two = me.op.new_etag;
    ck_object(K("ns/a"), K("two"));
    ck_assert(same_etag(me.op.new_etag, two));
    close_fresh();
}
END_TEST

START_TEST(a_stale_if_match_fails_and_changes_nothing)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("ns/a"), K("one")), MOLA_OK);
    mola_etag stale = me.op.new_etag;
    ck_err(put(&me, K("ns/a"), K("two")), MOLA_OK);
    ck_err(put_match(&me, K("ns/a"), K("three"), stale), MOLA_CONFLICT);
    ck_object(K("ns/a"), K("two"));
    close_fresh();
}
END_TEST

START_TEST(if_match_on_a_missing_key_is_a_conflict)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("ns/a"), K("one")), MOLA_OK);
    mola_etag etag = me.op.new_etag;
    ck_err(put_match(&me, K("ns/b"), K("two"), etag), MOLA_CONFLICT);
    ck_err(get(&me, K("ns/b")), MOLA_NOT_FOUND);
    ck_err(delete_key(&me, K("ns/a")), MOLA_OK);
    ck_err(put_match(&me, K("ns/a"), K("two"), etag), MOLA_CONFLICT);
    ck_err(get(&me, K("ns/a")), MOLA_NOT_FOUND);
    close_fresh();
}
END_TEST

START_TEST(if_match_without_an_etag_is_invalid)
{
    open_fresh(url_table[_i]);
    ck_err(put_match(&me, K("a"), K("x"), (mola_etag){0}), MOLA_INVALID);
    ck_err(get(&me, K("a")), MOLA_NOT_FOUND);
    close_fresh();
}
END_TEST

START_TEST(an_unchanged_object_is_not_sent_again)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a"), K("body")), MOLA_OK);
    mola_store_op ask = {.verb = MOLA_GET, .key = K("a"), .etag = me.op.new_etag};
    ck_err(run_op(&me, ask), MOLA_OK);
    ck_assert(me.op.not_modified);
    ck_assert_uint_eq(me.op.bytes.len, 0);
    ck_assert(same_etag(me.op.new_etag, ask.etag));
    ck_err(put(&me, K("a"), K("changed")), MOLA_OK);
    ck_err(run_op(&me, ask), MOLA_OK);
    ck_assert(!me.op.not_modified);
    ck_bytes(me.op.bytes, K("changed"));
    ck_assert(!same_etag(me.op.new_etag, ask.etag));
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_err(run_op(&me, ask), MOLA_NOT_FOUND);
    close_fresh();
}
END_TEST

/* --- Deletes --- */

START_TEST(a_deleted_key_is_not_found)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("d/1/w/1"), K("x")), MOLA_OK);
    ck_err(put(&me, K("d/1/w/2"), K("y")), MOLA_OK);
    ck_err(delete_key(&me, K("d/1/w/1")), MOLA_OK);
    ck_err(get(&me, K("d/1/w/1")), MOLA_NOT_FOUND);
    ck_object(K("d/1/w/2"), K("y"));
    ck_err(list(&me, K("d/")), MOLA_OK);
    ck_keys("d/1/w/2");
    close_fresh();
}
END_TEST

START_TEST(deleting_a_missing_key_is_done)
{
    open_fresh(url_table[_i]);
    ck_err(delete_key(&me, K("never/was")), MOLA_OK);
    ck_err(put(&me, K("a"), K("x")), MOLA_OK);
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_err(delete_key(&me, K("a/b")), MOLA_OK);
    close_fresh();
}
END_TEST

START_TEST(a_deleted_key_can_be_put_again)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("q/1"), K("x")), MOLA_OK);
    ck_err(delete_key(&me, K("q/1")), MOLA_OK);
    ck_err(put(&me, K("q/1"), K("y")), MOLA_OK);
    ck_object(K("q/1"), K("y"));
    close_fresh();
}
END_TEST

/* --- Keys --- */

static mola_err copy(mola_str source, mola_str key)
{
    me.op = (mola_store_op){.verb = MOLA_COPY, .key = key, .source = source};
    mola_store_run(store, &me.ctx, &me.op, 1);
    return me.op.err;
}

START_TEST(a_copy_is_an_object_of_its_own)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("d/one +%"), K("bytes")), MOLA_OK);
    ck_err(put(&me, K("two"), K("others, and more of them")), MOLA_OK);
    ck_err(copy(K("d/one +%"), K("two")), MOLA_OK);
    ck_object(K("two"), K("bytes"));
    mola_etag before = me.op.new_etag;
    ck_err(put(&me, K("d/one +%"), K("changed")), MOLA_OK);
    ck_object(K("two"), K("bytes"));
    ck_err(get(&me, K("two")), MOLA_OK);
    ck_assert_int_eq(me.op.new_etag.len, before.len);
    ck_assert_mem_eq(me.op.new_etag.bytes, before.bytes, before.len);
    me.op = (mola_store_op){.verb = MOLA_DELETE, .key = K("d/one +%")};
    mola_store_run(store, &me.ctx, &me.op, 1);
    ck_object(K("two"), K("bytes"));
    close_fresh();
}
END_TEST

START_TEST(a_large_and_an_empty_object_are_copied)
{
    open_fresh(url_table[_i]);
    enum { SIZE = 5 << 20 };
    char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 7 + i / 1000);
    mola_str body = {bytes, SIZE};
    ck_err(put(&me, K("large"), body), MOLA_OK);
    ck_err(copy(K("large"), K("again")), MOLA_OK);
    ck_object(K("again"), body);
    ck_err(put(&me, K("empty"), K("")), MOLA_OK);
    ck_err(copy(K("empty"), K("again")), MOLA_OK);
    ck_object(K("again"), K(""));
    free(bytes);
    close_fresh();
}
END_TEST

START_TEST(what_is_not_there_cannot_be_copied)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("kept"), K("bytes")), MOLA_OK);
    ck_err(copy(K("nothing"), K("kept")), MOLA_NOT_FOUND);
    ck_object(K("kept"), K("bytes"));
    ck_err(copy(K("kept"), K("a/../b")), MOLA_INVALID);
    ck_err(copy(K(""), K("kept")), MOLA_INVALID);
    close_fresh();
}
END_TEST

START_TEST(only_clean_keys_are_keys)
{
    char longest[MOLA_KEY_BYTES_MAX + 1];
    memset(longest, 'k', sizeof longest);
    ck_assert(mola_store_key_ok((mola_str){longest, MOLA_KEY_BYTES_MAX}));
    ck_assert(!mola_store_key_ok((mola_str){longest, MOLA_KEY_BYTES_MAX + 1}));
    static const char *const good[] = {"a",     "a/b", "...", ".a", "a.",
                                       "a/..b", " ",   "~",   "%",  "a b/c"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(mola_store_key_ok(mola_str_of(good[i])), "'%s'", good[i]);
    static const char *const bad[] = {"",     "/",     "/a",       "a/",       "a//b",
                                      ".",    "..",    "./a",      "a/..",     "a/./b",
                                      "a\nb", "a\x7f", "\xc3\xa4", "a/../../b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!mola_store_key_ok(mola_str_of(bad[i])), "'%s'", bad[i]);
    ck_assert(!mola_store_key_ok((mola_str){"a\0b", 3}));
}
END_TEST

START_TEST(a_bad_key_is_refused_and_the_rest_of_the_batch_runs)
{
    open_fresh(url_table[_i]);
    mola_store_op ops[] = {
        {.verb = MOLA_PUT, .key = K("a/../b"), .body = K("x")},
        {.verb = MOLA_PUT, .key = K("good"), .body = K("x")},
        {.verb = MOLA_GET, .key = K("")},
        {.verb = MOLA_DELETE, .key = K("/etc")},
        {.verb = MOLA_LIST, .key = K("a\n")},
    };
    mola_store_run(store, &me.ctx, ops, 5);
    ck_err(ops[0].err, MOLA_INVALID);
    ck_err(ops[1].err, MOLA_OK);
    ck_err(ops[2].err, MOLA_INVALID);
    ck_err(ops[3].err, MOLA_INVALID);
    ck_err(ops[4].err, MOLA_INVALID);
    ck_object(K("good"), K("x"));
    close_fresh();
}
END_TEST

/* A file system folds, splits and reserves names; a key must not notice. */
START_TEST(keys_that_a_path_could_confuse_stay_apart)
{
    static const char *const keys[] = {
        "a",       "a/b",        "a/b/c", "A",     "A/b",     "a.lock", ".tmp", "tmp/x",
        "lock/00", "o/a",        "a%2Fb", "a%2fb", "a%252Fb", "%",      "%o",   "a%o",
        "a%o/b",   "a%",         "a%/b",  "b%+",   "b%+/c",   "b",      "b%25", "FORMAT",
        "con",     "lost+found", "a b",   "a~",    "...",     ".../x",  "-",    "-rf",
        "a:b",     "a\\b",       "a\"b",  "a?b",   "a*b",     "a#b",    "%41",  "%61",
    };
    const char *usable[sizeof keys / sizeof *keys];
    open_fresh(url_table[_i]);
    size_t count = usable_keys(keys, sizeof keys / sizeof *keys, usable);
    for (size_t i = 0; i < count; i++) {
        mola_str key = mola_str_of(usable[i]);
        mola_err err = put_new(&me, key, key);
        ck_assert_msg(err == MOLA_OK, "put '%s': %s", usable[i], mola_err_name(err));
    }
    for (size_t i = 0; i < count; i++)
        ck_object(mola_str_of(usable[i]), mola_str_of(usable[i]));
    ck_err(list(&me, K("")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, count);
    for (size_t i = 0; i < count; i += 2)
        ck_err(delete_key(&me, mola_str_of(usable[i])), MOLA_OK);
    for (size_t i = 0; i < count; i++)
        ck_err(get(&me, mola_str_of(usable[i])), i % 2 ? MOLA_OK : MOLA_NOT_FOUND);
    close_fresh();
}
END_TEST

START_TEST(long_keys_stay_apart)
{
    open_fresh(url_table[_i]);
    static const size_t lengths[] = {128, 199, 200, 201, 202,  250, 255,
                                     256, 400, 401, 402, 1000, 1024};
    size_t count = keys_are_free() ? sizeof lengths / sizeof *lengths : 6;
    char text[MOLA_KEY_BYTES_MAX];
    for (int fill = 0; fill < 3; fill++) {
        memset(text, "x%A"[fill], sizeof text);
        for (size_t i = 0; i < count; i++)
            ck_err(put_new(&me, (mola_str){text, lengths[i]}, (mola_str){text, lengths[i]}),
                   MOLA_OK);
        for (size_t i = 0; i < count; i++)
            ck_object((mola_str){text, lengths[i]}, (mola_str){text, lengths[i]});
        ck_err(list(&me, (mola_str){text, 128}), MOLA_OK);
        ck_assert_uint_eq(me.op.entry_count, count);
        for (size_t i = 0; i < count; i++)
            ck_assert_uint_eq(me.op.entries[i].key.len, lengths[i]);
    }
    close_fresh();
}
END_TEST

START_TEST(a_key_of_many_parts_is_a_key)
{
    open_fresh(url_table[_i]);
    char text[MOLA_KEY_BYTES_MAX];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '/' : 'd';
    /* A prefix of the store takes its share of the longest key. */
    mola_str key = {text, is_s3() ? sizeof text - 201 : sizeof text - 1};
    ck_err(put(&me, key, K("deep")), MOLA_OK);
    ck_object(key, K("deep"));
    ck_err(list(&me, K("d/d/d/d")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, 1);
    ck_bytes(me.op.entries[0].key, key);
    close_fresh();
}
END_TEST

/* --- Batches, time, memory --- */

START_TEST(a_batch_is_one_round_trip_with_an_outcome_each)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a"), K("1")), MOLA_OK);
    me.ctx.roundtrips = 0;
    mola_store_op ops[] = {
        {.verb = MOLA_GET, .key = K("a")},
        {.verb = MOLA_GET, .key = K("missing")},
        {.verb = MOLA_PUT, .key = K("a"), .body = K("2"), .when = MOLA_PUT_IF_ABSENT},
        {.verb = MOLA_DELETE, .key = K("missing")},
        {.verb = MOLA_PUT, .key = K("b"), .body = K("3")},
    };
    mola_store_run(store, &me.ctx, ops, 5);
    ck_assert_uint_eq(me.ctx.roundtrips, 1);
    ck_err(ops[0].err, MOLA_OK);
    ck_bytes(ops[0].bytes, K("1"));
    ck_err(ops[1].err, MOLA_NOT_FOUND);
    ck_err(ops[2].err, MOLA_CONFLICT);
    ck_err(ops[3].err, MOLA_OK);
    ck_err(ops[4].err, MOLA_OK);
    mola_store_run(store, &me.ctx, ops, 0);
    ck_assert_uint_eq(me.ctx.roundtrips, 1);
    close_fresh();
}
END_TEST

START_TEST(old_results_do_not_shine_through)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a"), K("1")), MOLA_OK);
    ck_err(get(&me, K("a")), MOLA_OK);
    mola_store_op again = me.op;
    again.key = K("missing");
    ck_err(run_op(&me, again), MOLA_NOT_FOUND);
    ck_assert_uint_eq(me.op.bytes.len, 0);
    ck_assert_uint_eq(me.op.object_size, 0);
    ck_assert_uint_eq(me.op.new_etag.len, 0);
    close_fresh();
}
END_TEST

START_TEST(an_operation_whose_time_is_over_did_not_happen)
{
    open_fresh(url_table[_i]);
    uint64_t deadline = me.ctx.deadline_ns;
    me.ctx.deadline_ns = mola_boot_ns(env);
    ck_err(put(&me, K("a"), K("x")), MOLA_UNAVAILABLE);
    ck_err(delete_key(&me, K("a")), MOLA_UNAVAILABLE);
    ck_err(get(&me, K("a")), MOLA_UNAVAILABLE);
    ck_err(list(&me, K("")), MOLA_UNAVAILABLE);
    me.ctx.deadline_ns = deadline;
    ck_err(get(&me, K("a")), MOLA_NOT_FOUND);
    close_fresh();
}
END_TEST

START_TEST(an_answer_that_does_not_fit_is_no_memory)
{
    open_fresh(url_table[_i]);
    static char body[100000];
    ck_err(put(&me, K("a"), (mola_str){body, sizeof body}), MOLA_OK);
    mola_arena small;
    mola_arena_init(&small, env->heap, 20000);
    me.ctx.arena = &small;
    ck_err(get(&me, K("a")), MOLA_NO_MEMORY);
    ck_assert_uint_eq(me.op.bytes.len, 0);
    ck_err(get_range(&me, K("a"), 0, 100), MOLA_OK);
    mola_arena_reset(&small);
    me.ctx.arena = &me.arena;
    close_fresh();
}
END_TEST

START_TEST(operations_are_counted)
{
    open_fresh(url_table[_i]);
    ck_err(put(&me, K("a"), K("x")), MOLA_OK);
    ck_err(get(&me, K("a")), MOLA_OK);
    ck_err(get(&me, K("b")), MOLA_NOT_FOUND);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_err(delete_key(&me, K("a")), MOLA_OK);
    ck_err(put(&me, K(""), K("x")), MOLA_INVALID);
    ck_assert_int_eq(metrics.store_operations[MOLA_PUT][MOLA_OK], 1);
    ck_assert_int_eq(metrics.store_operations[MOLA_PUT][MOLA_INVALID], 1);
    ck_assert_int_eq(metrics.store_operations[MOLA_GET][MOLA_OK], 1);
    ck_assert_int_eq(metrics.store_operations[MOLA_GET][MOLA_NOT_FOUND], 1);
    ck_assert_int_eq(metrics.store_operations[MOLA_LIST][MOLA_OK], 1);
    ck_assert_int_eq(metrics.store_operations[MOLA_DELETE][MOLA_OK], 1);
    close_fresh();
}
END_TEST

START_TEST(an_unknown_url_is_invalid_with_words)
{
    static const char *const bad[] = {"", "mem", "mem:x", "file", "file:", "ftp://x", ":", "s4:x"};
    open_fresh("mem:");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mola_why why = {0};
        mola_store *opened = store;
        mola_err err = mola_store_open(env, mola_str_of(bad[i]), &opened, &why);
        ck_assert_msg(err == MOLA_INVALID, "'%s': %s", bad[i], mola_err_name(err));
        ck_assert_uint_gt(why.len, 0);
        ck_assert_ptr_null(opened);
    }
    close_fresh();
}
END_TEST

int main(void)
{
    read_url_table();
    const TTest *const per_driver[] = {
        a_put_is_seen_by_the_next_get,
        a_missing_key_is_not_found,
        a_later_get_sees_what_an_earlier_one_missed,
        a_put_replaces_all_of_an_object,
        the_same_bytes_get_another_etag,
        an_empty_object_is_an_object,
        every_byte_value_survives,
        twenty_mebibytes_survive,
        the_callers_buffer_may_change_after_a_put,
        what_a_get_returned_outlives_the_object,
        a_range_is_cut_to_the_object,
        a_range_of_an_empty_object_is_empty,
        if_absent_wins_once,
        if_absent_wins_again_after_a_delete,
        if_match_replaces_what_it_names,
        a_stale_if_match_fails_and_changes_nothing,
        if_match_on_a_missing_key_is_a_conflict,
        if_match_without_an_etag_is_invalid,
        an_unchanged_object_is_not_sent_again,
        a_deleted_key_is_not_found,
        deleting_a_missing_key_is_done,
        a_deleted_key_can_be_put_again,
        a_copy_is_an_object_of_its_own,
        a_large_and_an_empty_object_are_copied,
        what_is_not_there_cannot_be_copied,
        a_bad_key_is_refused_and_the_rest_of_the_batch_runs,
        keys_that_a_path_could_confuse_stay_apart,
        long_keys_stay_apart,
        a_key_of_many_parts_is_a_key,
        a_batch_is_one_round_trip_with_an_outcome_each,
        old_results_do_not_shine_through,
        an_operation_whose_time_is_over_did_not_happen,
        an_answer_that_does_not_fit_is_no_memory,
        operations_are_counted,
    };
    Suite *suite = suite_create("store conformance");
    TCase *each = tcase_create("each driver");
    tcase_set_timeout(each, 60);
    for (size_t i = 0; i < sizeof per_driver / sizeof *per_driver; i++)
        tcase_add_loop_test(each, per_driver[i], 0, url_count);
    tcase_add_test(each, only_clean_keys_are_keys);
    tcase_add_test(each, an_unknown_url_is_invalid_with_words);
    suite_add_tcase(suite, each);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
