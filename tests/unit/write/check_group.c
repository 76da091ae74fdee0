/* Commit groups of one node over a real log on a mem: store: who is answered what when writes meet,
 * where an entry is cut, and when the next step is due. */
#include "pair.h"

enum { MANY = 200 };

START_TEST(of_200_concurrent_writes_each_gets_its_own_answer_from_few_entries)
{
    static client clients[MANY];
    reopen(50 * MOLA_MILLISECOND, 16 << 20, 10 * MOLA_SECOND, 10000);
    must(0, "{\"upsert_rows\":[{\"id\":0,\"n\":0}]}");
    uint64_t before = seq_now();
    for (uint32_t i = 0; i < MANY; i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "{\"upsert_rows\":[{\"id\":%u,\"n\":%s}]}", i + 1,
                       i % 10 == 9 ? "\"text\"" : "7");
        open_rows(&clients[i], body);
    }
    for (uint32_t i = 0; i < MANY; i++)
        send(&nodes[0], &clients[i]);
    for (uint32_t i = 0; i < MANY; i++) {
        mola_write_answer *answer = answer_of(&clients[i]);
        ck_assert_int_eq(answer->err, i % 10 == 9 ? MOLA_INVALID : MOLA_OK);
        ck_assert_uint_gt(answer->seq, before - (i % 10 == 9));
        ck_assert_uint_eq(answer->rows_upserted, i % 10 != 9);
    }
    close_clients(clients, MANY);
    mola_view *view = read_now(&nodes[1], "ns");
    ck_assert_uint_eq(view->live_rows, 181);
    ck_assert_uint_lt(view->seq - before, 10);
    mola_view_unref(view);
}
END_TEST

START_TEST(members_see_the_effects_of_those_before_them)
{
    client c[7];
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    uint64_t before = seq_now();
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":2,\"n\":1}]}");
    open_rows(&c[1], "{\"upsert_rows\":[{\"id\":3,\"n\":1,\"s\":\"new\"}]}");
    open_rows(&c[2], "{\"patch_rows\":[{\"id\":3,\"n\":2},{\"id\":9,\"n\":2}]}");
    open_rows(&c[3], "{\"deletes\":[1,3],\"return_affected_ids\":true}");
    open_rows(&c[4], "{\"patch_rows\":[{\"id\":1,\"n\":5},{\"id\":3,\"n\":5}]}");
    open_rows(&c[5], "{\"upsert_rows\":[{\"id\":1,\"s\":\"again\"}]}");
    open_rows(&c[6], "{\"upsert_rows\":[{\"id\":4,\"s\":5}]}");
    send_as_group(c, 7);
    ck_assert_uint_eq(c[2].write.answer.rows_patched, 1);
    ck_assert_uint_eq(c[3].write.answer.rows_deleted, 2);
    ck_assert(mola_str_eq(mola_buf_str(&c[3].write.answer.deleted_ids), MOLA_STR("[1,3]")));
    ck_assert_int_eq(c[4].write.answer.err, MOLA_OK);
    ck_assert_uint_eq(c[4].write.answer.rows_patched, 0);
    ck_assert_int_eq(c[6].write.answer.err, MOLA_INVALID);
    ck_assert_uint_eq(c[5].write.answer.seq, before + 2);
    ck_assert_uint_eq(c[6].write.answer.seq,
                      before + 1); /* refused on the state before the entry */
    close_clients(c, 7);
    ck_assert_uint_eq(seq_now(), before + 2);
    check_value(1, "s", "\"again\"");
    check_value(1, "n", "missing");
    check_value(3, "n", "missing");
}
END_TEST

START_TEST(of_two_members_that_infer_different_types_the_first_wins)
{
    client c[3];
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":2}]}");
    open_rows(&c[1], "{\"upsert_rows\":[{\"id\":3,\"x\":\"text\"}]}");
    open_rows(&c[2], "{\"upsert_rows\":[{\"id\":4,\"x\":5}]}");
    send_as_group(c, 3);
    ck_assert_int_eq(c[1].write.answer.err, MOLA_OK);
    ck_assert_int_eq(c[2].write.answer.err, MOLA_INVALID);
    close_clients(c, 3);
    check_value(3, "x", "\"text\"");
    check_value(4, "x", "missing");
}
END_TEST

START_TEST(a_group_that_finds_nothing_creates_the_namespace_once)
{
    client c[4];
    must(0, "{\"deletes\":[1]}"); /* creates nothing */
    ck_assert_uint_eq(seq_now(), 0);
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":1}]}");
    open_rows(&c[1], "{\"upsert_rows\":[{\"id\":2}],\"create_namespace\":true}");
    open_rows(&c[2], "{\"upsert_rows\":[{\"id\":\"x\"}]}");
    open_rows(&c[3], "{\"upsert_rows\":[{\"id\":3}],\"create_namespace\":false}");
    send_as_group(c, 4);
    ck_assert_int_eq(c[1].write.answer.err, MOLA_OK);
    ck_assert_int_eq(c[2].write.answer.err, MOLA_INVALID);
    ck_assert_int_eq(c[3].write.answer.err, MOLA_OK);
    ck_assert_uint_eq(c[3].write.answer.view->live_rows, 3);
    close_clients(c, 4);
}
END_TEST

START_TEST(a_deletion_stands_alone_and_those_behind_it_write_to_a_new_life)
{
    client c[6];
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":2,\"n\":2}]}");
    open_rows(&c[1], "{\"upsert_rows\":[{\"id\":3,\"n\":3}]}");
    open_client(&c[2], MOLA_WRITE_DELETE, MOLA_STR("ns"), MOLA_STR("null"));
    open_rows(&c[3], "{\"patch_rows\":[{\"id\":3,\"n\":3}]}");
    open_rows(&c[4], "{\"upsert_rows\":[{\"id\":4,\"n\":\"text\"}]}");
    open_client(&c[5], MOLA_WRITE_SETTINGS, MOLA_STR("ns"), MOLA_STR("{\"read_only\":true}"));
    send_as_group(c, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(c[i].write.answer.err, i == 3 ? MOLA_NOT_FOUND : MOLA_OK);
    ck_assert_ptr_null(c[2].write.answer.view);
    ck_assert_uint_eq(c[2].write.answer.epoch, 1);
    ck_assert_uint_eq(c[4].write.answer.epoch, 2);
    close_clients(c, 6);
    check_value(4, "n", "\"text\"");
    check_value(3, "n", "missing");
    ck_assert_int_eq(write_now(&nodes[1], MOLA_WRITE_ROWS, "ns", "{\"deletes\":[4]}"),
                     MOLA_INVALID);
    ck_assert_int_eq(write_now(&nodes[1], MOLA_WRITE_DELETE, "ns", "null"), MOLA_OK);
    ck_assert_int_eq(write_now(&nodes[0], MOLA_WRITE_DELETE, "ns", "null"), MOLA_NOT_FOUND);
}
END_TEST

/* The SEAL is the commit point; what follows is that the name leaves the listing. */
START_TEST(a_deleted_name_is_listed_no_more)
{
    mola_arena arena;
    mola_arena_init(&arena, &heap, (size_t)1 << 20);
    mola_why why = {0};
    mola_ctx ctx = {.env = env,
                    .arena = &arena,
                    .why = &why,
                    .deadline_ns = mola_boot_ns(env) + 10 * MOLA_SECOND};
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    for (uint32_t round = 0; round < 2; round++) {
        mola_str *names;
        uint32_t count;
        bool more;
        ck_assert_int_eq(mola_namespace_list(&ctx, nodes[1].namespaces, (mola_str){0},
                                             (mola_str){0}, 10, &names, &count, &more),
                         MOLA_OK);
        ck_assert_uint_eq(count, 1 - round);
        if (round == 0)
            ck_assert_int_eq(write_now(&nodes[0], MOLA_WRITE_DELETE, "ns", "null"), MOLA_OK);
    }
    mola_arena_reset(&arena);
}
END_TEST

START_TEST(settings_take_their_place_among_the_writes)
{
    client c[5];
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":2}]}");
    open_client(&c[1], MOLA_WRITE_SETTINGS, MOLA_STR("ns"), MOLA_STR("{\"read_only\":true}"));
    open_rows(&c[2], "{\"upsert_rows\":[{\"id\":3}]}");
    open_client(&c[3], MOLA_WRITE_SETTINGS, MOLA_STR("ns"),
                MOLA_STR("{\"read_only\":false,\"pinning\":{\"replicas\":2}}"));
    open_rows(&c[4], "{\"upsert_rows\":[{\"id\":4}]}");
    send_as_group(c, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(c[i].write.answer.err, i == 2 ? MOLA_INVALID : MOLA_OK);
    ck_assert_uint_eq(c[4].write.answer.view->state->pinned_replicas, 2);
    ck_assert_uint_eq(c[4].write.answer.view->live_rows, 3);
    close_clients(c, 5);
}
END_TEST

/* An attribute that is dropped or gets its type starts a new entry: rows of one entry share one
 * schema. */
START_TEST(a_change_of_type_cuts_the_group)
{
    client c[5];
    must(0, "{\"upsert_rows\":[{\"id\":1,\"l\":[],\"a\":1}]}");
    uint64_t before = seq_now();
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":2}]}");
    open_rows(&c[1], "{\"upsert_rows\":[{\"id\":3,\"l\":[],\"a\":2}]}");
    open_rows(&c[2], "{\"upsert_rows\":[{\"id\":4,\"l\":[\"s\"]}]}");
    open_rows(&c[3], "{\"schema\":{\"a\":{\"drop\":true}}}");
    open_rows(&c[4], "{\"upsert_rows\":[{\"id\":5,\"a\":\"text\"}]}");
    send_as_group(c, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(c[i].write.answer.err, MOLA_OK);
    close_clients(c, 5);
    ck_assert_uint_eq(seq_now(), before + 4);
    check_value(3, "l", "[]");
    check_value(4, "l", "[\"s\"]");
    check_value(3, "a", "missing");
    check_value(5, "a", "\"text\"");
}
END_TEST

START_TEST(an_entry_is_cut_before_it_grows_too_large)
{
    static client c[40];
    reopen(0, 2000, 10 * MOLA_SECOND, 10000);
    must(0, "{\"upsert_rows\":[{\"id\":0,\"t\":\"\"}]}");
    uint64_t before = seq_now();
    for (uint32_t i = 0; i < 40; i++) {
        char body[6000];
        int size = i == 20 ? 5000 : 500; /* one is too large for any entry: it goes alone */
        (void)snprintf(body, sizeof body,
                       "{\"upsert_rows\":[{\"id\":%u,\"t\":\"%0*d\"}],"
                       "\"schema\":{\"t\":{\"type\":\"string\",\"filterable\":false}}}",
                       i + 1, size, 7);
        if (i == 21) /* small, but not behind the large one */
            open_client(&c[i], MOLA_WRITE_SETTINGS, MOLA_STR("ns"), MOLA_STR("{\"pinning\":true}"));
        else
            open_rows(&c[i], body);
    }
    send_as_group(c, 40);
    uint32_t in_entry = 0;
    for (uint32_t i = 0; i < 40; i++) {
        mola_write_answer *answer = &c[i].write.answer;
        ck_assert_int_eq(answer->err, MOLA_OK);
        in_entry = i && answer->seq == c[i - 1].write.answer.seq ? in_entry + 1 : 1;
        ck_assert_uint_le(in_entry, 4);
    }
    ck_assert_uint_ne(c[20].write.answer.seq, c[19].write.answer.seq);
    ck_assert_uint_ne(c[20].write.answer.seq, c[21].write.answer.seq);
    ck_assert_uint_ge(seq_now(), before + 12);
    ck_assert_uint_le(seq_now(), before + 20);
    close_clients(c, 40);
}
END_TEST

START_TEST(what_a_cut_leaves_over_stays_before_what_came_later)
{
    client c[4];
    reopen(0, 10, 10 * MOLA_SECOND, 100); /* every write is an entry of its own */
    for (int i = 0; i < 4; i++) {
        char body[64];
        (void)snprintf(body, sizeof body, "{\"upsert_rows\":[{\"id\":1,\"n\":%d}]}", i);
        open_rows(&c[i], body);
    }
    shut_gate();
    send(&nodes[0], &c[0]);
    await_at_gate(1);
    send(&nodes[0], &c[1]);
    send(&nodes[0], &c[2]);
    let_one_through();
    await_at_gate(2); /* the second is under way, the third is left over */
    send(&nodes[0], &c[3]);
    open_gate();
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(answer_of(&c[i])->err, MOLA_OK);
    for (int i = 1; i < 4; i++)
        ck_assert_uint_eq(c[i].write.answer.seq, c[i - 1].write.answer.seq + 1);
    free_gate();
    close_clients(c, 4);
    check_value(1, "n", "3");
}
END_TEST

START_TEST(what_changes_nothing_is_not_logged)
{
    static const struct {
        mola_write_kind kind;
        const char *body;
    } idle[] = {
        {MOLA_WRITE_ROWS, "{\"deletes\":[5,6]}"},
        {MOLA_WRITE_ROWS, "{\"patch_rows\":[{\"id\":5,\"n\":1}]}"},
        {MOLA_WRITE_ROWS, "{\"upsert_rows\":[]}"},
        {MOLA_WRITE_ROWS, "{\"schema\":{\"n\":\"int\",\"none\":{\"drop\":true}}}"},
        {MOLA_WRITE_ROWS, "{\"create_namespace\":true,\"schema\":{\"id\":\"uint\"}}"},
        {MOLA_WRITE_SCHEMA, "{\"n\":{\"type\":\"int\",\"filterable\":true}}"},
        {MOLA_WRITE_SCHEMA, "{}"},
        {MOLA_WRITE_SETTINGS, "{\"pinning\":null,\"read_only\":false}"},
        {MOLA_WRITE_SETTINGS, "{}"},
    };
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    uint64_t before = seq_now();
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
        client c;
        open_client(&c, idle[i].kind, MOLA_STR("ns"), mola_str_of(idle[i].body));
        send(&nodes[0], &c);
        ck_assert_int_eq(answer_of(&c)->err, MOLA_OK);
        ck_assert_ptr_nonnull(c.write.answer.view);
        ck_assert_uint_eq(c.write.answer.seq, before);
        close_client(&c);
    }
    ck_assert_uint_eq(seq_now(), before);
}
END_TEST

START_TEST(a_write_soon_after_another_waits_for_the_window)
{
    reopen(100 * MOLA_MILLISECOND, 16 << 20, 10 * MOLA_SECOND, 10);
    uint64_t start = mola_boot_ns(env);
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    must(0, "{\"upsert_rows\":[{\"id\":2}]}");
    must(0, "{\"upsert_rows\":[{\"id\":3}]}");
    ck_assert_uint_ge(mola_boot_ns(env) - start, 200 * MOLA_MILLISECOND);
    start = mola_boot_ns(env); /* what writes nothing needs no window */
    ck_assert_int_eq(write_now(&nodes[0], MOLA_WRITE_ROWS, "elsewhere", "{\"deletes\":[1]}"),
                     MOLA_OK);
    ck_assert_int_eq(write_now(&nodes[0], MOLA_WRITE_ROWS, "elsewhere", "{\"deletes\":[1]}"),
                     MOLA_OK);
    ck_assert_uint_lt(mola_boot_ns(env) - start, 90 * MOLA_MILLISECOND);
}
END_TEST

static void send_rows(client *clients, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        open_rows(&clients[i], "{\"upsert_rows\":[{\"id\":7}]}");
        send(&nodes[0], &clients[i]);
        mola_sleep_ns(env, 5 * MOLA_MILLISECOND); /* a step that may begin has begun */
    }
}

/* A store that takes longer than the window: without a moment's patience the first of those that
 * come back would have the next PUT for itself. */
START_TEST(clients_that_were_answered_together_share_the_next_entry)
{
    enum { TOGETHER = 3, WINDOW_MS = 1000 };
    client c[TOGETHER];
    reopen(WINDOW_MS * MOLA_MILLISECOND, 16 << 20, 10 * MOLA_SECOND, 10);
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    for (uint32_t back = TOGETHER; back >= TOGETHER - 1; back--) {
        uint64_t before = seq_now();
        shut_gate();
        send_rows(c, TOGETHER); /* within the window of the write before */
        await_at_gate(1);
        mola_sleep_ns(env, (WINDOW_MS + 100) * MOLA_MILLISECOND);
        open_gate();
        for (uint32_t i = 0; i < TOGETHER; i++)
            ck_assert_int_eq(answer_of(&c[i])->err, MOLA_OK);
        free_gate();
        close_clients(c, TOGETHER);
        ck_assert_uint_eq(seq_now(), before + 1);
        uint64_t start = mola_boot_ns(env);
        send_rows(c, back);
        for (uint32_t i = 0; i < back; i++)
            ck_assert_int_eq(answer_of(&c[i])->err, MOLA_OK);
        ck_assert_uint_lt(mola_boot_ns(env) - start, WINDOW_MS / 2 * MOLA_MILLISECOND);
        close_clients(c, back);
        ck_assert_uint_eq(seq_now(), before + 2);
    }
}
END_TEST

/* The watcher of windows then takes the group from under the step: a sanitizer must see nothing. */
START_TEST(a_window_may_be_over_before_its_step_has_left)
{
    enum { NAMES = 100, ROUNDS = 20 };
    static client clients[NAMES];
    char names[NAMES][16];
    node quick;
    open_parts(&quick);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        mola_writer_config config = writer_config(&quick);
        config.window_ns = 5000 + 5000 * round; /* about as long as a step takes after its PUT */
        ck_assert_int_eq(mola_writer_open(&config, &quick.writer), MOLA_OK);
        for (uint32_t i = 0; i < NAMES; i++) {
            (void)snprintf(names[i], sizeof names[i], "quick-%u", i);
            open_client(&clients[i], MOLA_WRITE_ROWS, mola_str_of(names[i]),
                        MOLA_STR("{\"upsert_rows\":[{\"id\":1}]}"));
            send(&quick, &clients[i]);
        }
        for (uint32_t i = 0; i < NAMES; i++)
            ck_assert_int_eq(answer_of(&clients[i])->err, MOLA_OK);
        close_clients(clients, NAMES);
        if (round + 1 < ROUNDS)
            mola_writer_close(quick.writer);
    }
    close_node(&quick);
}
END_TEST

START_TEST(too_many_waiting_writes_are_pushed_back)
{
    client c[5];
    reopen(0, 16 << 20, 10 * MOLA_SECOND, 3);
    for (int i = 0; i < 5; i++)
        open_rows(&c[i], "{\"upsert_rows\":[{\"id\":1}]}");
    send_as_group(c, 5);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(c[i].write.answer.err, i == 4 ? MOLA_BUSY : MOLA_OK);
    close_clients(c, 5);
}
END_TEST

START_TEST(a_member_whose_time_is_over_is_not_written)
{
    client c[3];
    for (int i = 0; i < 3; i++) {
        char body[64];
        (void)snprintf(body, sizeof body, "{\"upsert_rows\":[{\"id\":%d}]}", i);
        open_rows(&c[i], body);
    }
    c[1].write.deadline_ns = mola_boot_ns(env);
    send_as_group(c, 3);
    ck_assert_int_eq(c[0].write.answer.err, MOLA_OK);
    ck_assert_int_eq(c[1].write.answer.err, MOLA_UNAVAILABLE);
    ck_assert_int_eq(c[2].write.answer.err, MOLA_OK);
    ck_assert_uint_eq(c[2].write.answer.view->live_rows, 2);
    close_clients(c, 3);
}
END_TEST

static void close_writer(void *argument)
{
    gate *closed = argument;
    mola_writer_close(nodes[0].writer);
    mola_lock_take(&closed->lock);
    closed->open = true;
    mola_event_wake_all(&closed->event);
    mola_lock_give(&closed->lock);
}

START_TEST(closing_lets_a_step_end_and_answers_what_waits)
{
    client c[6];
    for (int i = 0; i < 5; i++)
        open_rows(&c[i], "{\"upsert_rows\":[{\"id\":1}]}");
    open_client(&c[5], MOLA_WRITE_ROWS, MOLA_STR("other"), MOLA_STR("{\"deletes\":[1]}"));
    shut_gate();
    send(&nodes[0], &c[0]);
    await_at_gate(1);
    for (int i = 1; i < 6; i++)
        send(&nodes[0], &c[i]);
    (void)answer_of(&c[5]);
    gate closed = {.open = false};
    mola_lock_init(&closed.lock, env, MOLA_RANK_LOG);
    mola_event_init(&closed.event, env);
    ck_assert_int_eq(env->ops->spawn(env, "closer", close_writer, &closed), MOLA_OK);
    mola_sleep_ns(env, 20 * MOLA_MILLISECOND); /* mostly enough for it to be in the middle */
    open_gate();
    for (int i = 0; i < 5; i++) {
        mola_err err = answer_of(&c[i])->err;
        if (i == 0)
            ck_assert_int_eq(err, MOLA_OK);
        else
            ck_assert(err == MOLA_UNAVAILABLE || err == MOLA_OK);
    }
    mola_lock_take(&closed.lock);
    while (!closed.open)
        (void)mola_event_wait(&closed.event, &closed.lock, MOLA_NEVER);
    mola_lock_give(&closed.lock);
    mola_event_free(&closed.event);
    mola_lock_free(&closed.lock);
    free_gate();
    close_clients(c, 6);
    mola_writer_config config = writer_config(&nodes[0]);
    ck_assert_int_eq(mola_writer_open(&config, &nodes[0].writer), MOLA_OK);
}
END_TEST

enum { NAMES = 40 };

START_TEST(a_full_executor_delays_writes_and_loses_none)
{
    static client clients[NAMES];
    static char names[NAMES][16];
    node small;
    mola_namespaces_config config = {
        .env = env, .view_bytes_max = (size_t)1 << 30, .fence_ns = 60 * MOLA_SECOND};
    ck_assert_int_eq(mola_namespaces_open(&config, &small.namespaces), MOLA_OK);
    mola_executor_config jobs = {.threads_max = 1, .permits = {1, 1, 1}, .queue_max = {1, 1, 1}};
    ck_assert_int_eq(mola_executor_open(env, &jobs, &small.executor), MOLA_OK);
    mola_writer_config writer = writer_config(&small);
    ck_assert_int_eq(mola_writer_open(&writer, &small.writer), MOLA_OK);
    for (uint32_t i = 0; i < NAMES; i++) {
        (void)snprintf(names[i], sizeof names[i], "name-%u", i);
        open_client(&clients[i], MOLA_WRITE_ROWS, mola_str_of(names[i]),
                    MOLA_STR("{\"upsert_rows\":[{\"id\":1}]}"));
    }
    shut_gate(); /* the only thread is held up, so the queue of one is full */
    for (uint32_t i = 0; i < NAMES; i++)
        send(&small, &clients[i]);
    open_gate();
    for (uint32_t i = 0; i < NAMES; i++)
        ck_assert_int_eq(answer_of(&clients[i])->err, MOLA_OK);
    ck_assert_int_gt(atomic_load(&metrics.value[MOLA_M_executor_refused_total]), 0);
    free_gate();
    close_clients(clients, NAMES);
    close_node(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("group");
    TCase *all = tcase_create("groups");
    tcase_add_checked_fixture(all, open_two, close_two);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, of_200_concurrent_writes_each_gets_its_own_answer_from_few_entries);
    tcase_add_test(all, members_see_the_effects_of_those_before_them);
    tcase_add_test(all, of_two_members_that_infer_different_types_the_first_wins);
    tcase_add_test(all, a_group_that_finds_nothing_creates_the_namespace_once);
    tcase_add_test(all, a_deletion_stands_alone_and_those_behind_it_write_to_a_new_life);
    tcase_add_test(all, a_deleted_name_is_listed_no_more);
    tcase_add_test(all, settings_take_their_place_among_the_writes);
    tcase_add_test(all, a_change_of_type_cuts_the_group);
    tcase_add_test(all, an_entry_is_cut_before_it_grows_too_large);
    tcase_add_test(all, what_a_cut_leaves_over_stays_before_what_came_later);
    tcase_add_test(all, what_changes_nothing_is_not_logged);
    tcase_add_test(all, a_write_soon_after_another_waits_for_the_window);
    tcase_add_test(all, clients_that_were_answered_together_share_the_next_entry);
    tcase_add_test(all, a_window_may_be_over_before_its_step_has_left);
    tcase_add_test(all, too_many_waiting_writes_are_pushed_back);
    tcase_add_test(all, a_member_whose_time_is_over_is_not_written);
    tcase_add_test(all, closing_lets_a_step_end_and_answers_what_waits);
    tcase_add_test(all, a_full_executor_delays_writes_and_loses_none);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
