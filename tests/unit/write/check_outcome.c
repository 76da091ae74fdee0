/* What clients are told when the store does not answer, and when another node wins the slot. */
#include "pair.h"

/* -- a store that does not answer ----------------------------------------------------------------
 */

/* What the next `times` PUTs of entries meet. */
typedef struct {
    fate fate;
    uint32_t times;
} omen;

static fate entries_meet(const mola_store_op *op, void *argument)
{
    omen *o = argument;
    if (!is_entry_put(op) || o->times == 0)
        return PASS;
    o->times--;
    return o->fate;
}

/* Whether the entry landed is not known: nobody is told "done", nobody "not done" (I5). */
START_TEST(an_unknown_outcome_is_told_to_every_member_also_to_the_refused)
{
    client c[3];
    reopen(0, 16 << 20, 300 * MOLA_MILLISECOND, 100);
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    open_rows(&c[0], "{\"upsert_rows\":[{\"id\":2,\"n\":2}]}");
    open_rows(&c[1], "{\"upsert_rows\":[{\"id\":3,\"n\":3}]}");
    open_rows(&c[2], "{\"upsert_rows\":[{\"id\":4,\"n\":\"text\"}]}");
    static omen lost = {LOSE_REQUEST, UINT32_MAX};
    shut_gate();
    send(&nodes[0], &c[0]);
    await_at_gate(1);
    send(&nodes[0], &c[1]);
    send(&nodes[0], &c[2]);
    judge_argument = &lost;
    the_judge = entries_meet;
    open_gate();
    ck_assert_int_eq(answer_of(&c[0])->err, MOLA_OK);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(answer_of(&c[i])->err, MOLA_UNKNOWN);
        ck_assert_ptr_nonnull(strstr(c[i].write.answer.why.text, "outcome unknown"));
        ck_assert_ptr_null(c[i].write.answer.view);
    }
    free_gate();
    close_clients(c, 3);
    must(0, "{\"upsert_rows\":[{\"id\":5,\"n\":5}]}");
    check_value(5, "n", "5");
}
END_TEST

START_TEST(an_entry_that_landed_without_an_answer_is_found_to_be_ours)
{
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    omen lost = {LOSE_ANSWER, 1};
    judge_argument = &lost;
    the_judge = entries_meet;
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":2}]}");
    the_judge = NULL;
    check_value(1, "n", "2");
}
END_TEST

START_TEST(a_store_that_refuses_every_write_is_not_written)
{
    reopen(0, 16 << 20, 250 * MOLA_MILLISECOND, 100);
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    omen refused = {REFUSE, UINT32_MAX};
    judge_argument = &refused;
    the_judge = entries_meet;
    ck_assert_int_eq(
        write_now(&nodes[0], MOLA_WRITE_ROWS, "ns", "{\"upsert_rows\":[{\"id\":1,\"n\":2}]}"),
        MOLA_UNAVAILABLE);
    the_judge = NULL;
    check_value(1, "n", "1");
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":3}]}");
    check_value(1, "n", "3");
}
END_TEST

/* The time of a write counts from when it came: nobody is answered after twice of it because there
 * was another one before. */
START_TEST(who_has_waited_for_most_of_its_time_is_told_so)
{
    client c[3];
    reopen(0, 16 << 20, 2 * MOLA_SECOND, 100);
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    for (int i = 0; i < 3; i++)
        open_rows(&c[i], i ? "{\"upsert_rows\":[{\"id\":2,\"n\":2}]}" : "{\"deletes\":[1]}");
    shut_gate();
    send(&nodes[0], &c[0]);
    await_at_gate(1);
    send(&nodes[0], &c[1]);
    mola_sleep_ns(env, 1450 * MOLA_MILLISECOND);
    send(&nodes[0], &c[2]);
    open_gate();
    uint64_t opened = mola_boot_ns(env);
    ck_assert_int_eq(answer_of(&c[1])->err, MOLA_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(c[1].write.answer.why.text, "not written"));
    ck_assert_uint_lt(mola_boot_ns(env) - opened, 400 * MOLA_MILLISECOND);
    ck_assert_int_eq(answer_of(&c[0])->err, MOLA_OK);
    ck_assert_int_eq(answer_of(&c[2])->err, MOLA_OK);
    free_gate();
    close_clients(c, 3);
    check_value(1, "n", "missing");
    check_value(2, "n", "2");
}
END_TEST

/* -- two nodes --------------------------------------------------------------------------------- */

/* The second node writes `body` just before an operation of the first one reaches the store. */
typedef struct {
    mola_store_verb verb;
    const char *body;
    uint32_t times; /* how often */
    bool inside;
    mola_err err;
} intruder;

static fate intrude(const mola_store_op *op, void *argument)
{
    intruder *i = argument;
    bool wanted = i->verb == MOLA_PUT
                      ? is_entry_put(op)
                      : op->verb == i->verb && mola_str_starts(op->key, MOLA_STR("d/"));
    if (i->inside || i->times == 0 || !wanted)
        return PASS;
    i->inside = true;
    i->times--;
    i->err = write_now(&nodes[1], MOLA_WRITE_ROWS, "ns", i->body);
    i->inside = false;
    return PASS;
}

START_TEST(a_lost_slot_is_evaluated_again_on_the_state_of_the_winner)
{
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    intruder i = {.verb = MOLA_PUT,
                  .body = "{\"upsert_rows\":[{\"id\":2,\"n\":1}],\"deletes\":[1]}",
                  .times = 1};
    judge_argument = &i;
    the_judge = intrude;
    client c;
    open_rows(&c, "{\"upsert_rows\":[{\"id\":3,\"n\":1}],\"patch_rows\":[{\"id\":1,\"n\":7},"
                  "{\"id\":2,\"n\":7}],\"return_affected_ids\":true}");
    send(&nodes[0], &c);
    mola_write_answer *answer = answer_of(&c);
    the_judge = NULL;
    ck_assert_int_eq(i.err, MOLA_OK);
    ck_assert_uint_eq(i.times, 0);
    ck_assert_int_eq(answer->err, MOLA_OK);
    ck_assert_uint_eq(answer->rows_patched, 1);
    ck_assert(mola_str_eq(mola_buf_str(&answer->patched_ids), MOLA_STR("[2]")));
    ck_assert_uint_eq(answer->seq, 3);
    close_client(&c);
    check_value(1, "n", "missing");
    check_value(2, "n", "7");
}
END_TEST

START_TEST(a_lost_slot_may_turn_a_write_into_a_refusal)
{
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    intruder i = {
        .verb = MOLA_PUT, .body = "{\"upsert_rows\":[{\"id\":2,\"x\":\"text\"}]}", .times = 1};
    judge_argument = &i;
    the_judge = intrude;
    ck_assert_int_eq(
        write_now(&nodes[0], MOLA_WRITE_ROWS, "ns", "{\"upsert_rows\":[{\"id\":3,\"x\":5}]}"),
        MOLA_INVALID);
    the_judge = NULL;
    ck_assert_int_eq(i.err, MOLA_OK);
    check_value(2, "x", "\"text\"");
    check_value(3, "x", "missing");
}
END_TEST

START_TEST(conditions_and_filters_of_a_lost_slot_are_evaluated_on_the_state_of_the_winner)
{
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1},{\"id\":2,\"n\":9},{\"id\":4,\"n\":0}]}");
    intruder i = {.verb = MOLA_PUT,
                  .body = "{\"upsert_rows\":[{\"id\":1,\"n\":4},{\"id\":2,\"n\":2},"
                          "{\"id\":3,\"n\":6}]}",
                  .times = 1};
    judge_argument = &i;
    the_judge = intrude;
    client c;
    open_rows(&c, "{\"delete_by_filter\":[\"n\",\"Gte\",5],"
                  "\"patch_by_filter\":{\"filters\":[\"n\",\"Gte\",1],\"patch\":{\"seen\":true}},"
                  "\"upsert_rows\":[{\"id\":1,\"n\":3},{\"id\":4,\"n\":5}],"
                  "\"upsert_condition\":[\"n\",\"Lt\",{\"$ref_new\":\"n\"}],"
                  "\"return_affected_ids\":true}");
    send(&nodes[0], &c);
    mola_write_answer *answer = answer_of(&c);
    the_judge = NULL;
    ck_assert_int_eq(i.err, MOLA_OK);
    ck_assert_int_eq(answer->err, MOLA_OK);
    ck_assert(mola_str_eq(mola_buf_str(&answer->deleted_ids), MOLA_STR("[3]")));
    ck_assert(mola_str_eq(mola_buf_str(&answer->patched_ids), MOLA_STR("[1,2]")));
    ck_assert(mola_str_eq(mola_buf_str(&answer->upserted_ids), MOLA_STR("[4]")));
    ck_assert_uint_eq(answer->seq, 3);
    close_client(&c);
    check_value(1, "n", "4");
    check_value(1, "seen", "true");
    check_value(2, "n", "2");
    check_value(3, "n", "missing");
    check_value(4, "n", "5");
}
END_TEST

/* That a condition let nothing pass is an answer about the newest state, too. */
START_TEST(a_condition_that_skips_everything_on_an_old_state_is_evaluated_again)
{
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    intruder i = {.verb = MOLA_GET, .body = "{\"upsert_rows\":[{\"id\":1,\"n\":5}]}", .times = 1};
    judge_argument = &i;
    the_judge = intrude;
    client c;
    open_rows(&c, "{\"patch_rows\":[{\"id\":1,\"n\":6}],\"patch_condition\":[\"n\",\"Eq\",5]}");
    send(&nodes[0], &c);
    mola_write_answer *answer = answer_of(&c);
    the_judge = NULL;
    ck_assert_uint_eq(i.times, 0);
    ck_assert_int_eq(i.err, MOLA_OK);
    ck_assert_int_eq(answer->err, MOLA_OK);
    ck_assert_uint_eq(answer->rows_patched, 1);
    close_client(&c);
    check_value(1, "n", "6");
}
END_TEST

/* A refusal is an answer about the newest state, so it is proved like a strong read (I12). */
START_TEST(a_refusal_on_an_old_state_is_evaluated_again)
{
    must(0, "{\"upsert_rows\":[{\"id\":1,\"x\":\"text\"}]}");
    intruder i = {.verb = MOLA_GET, .body = "{\"schema\":{\"x\":{\"drop\":true}}}", .times = 1};
    judge_argument = &i;
    the_judge = intrude;
    ck_assert_int_eq(
        write_now(&nodes[0], MOLA_WRITE_ROWS, "ns", "{\"upsert_rows\":[{\"id\":3,\"x\":5}]}"),
        MOLA_OK);
    the_judge = NULL;
    ck_assert_int_eq(i.err, MOLA_OK);
    ck_assert_uint_eq(i.times, 0);
    check_value(3, "x", "5");
}
END_TEST

START_TEST(a_writer_that_loses_every_slot_says_that_nothing_was_written)
{
    reopen(0, 16 << 20, 250 * MOLA_MILLISECOND, 100);
    must(0, "{\"upsert_rows\":[{\"id\":1,\"n\":1}]}");
    intruder i = {
        .verb = MOLA_PUT, .body = "{\"upsert_rows\":[{\"id\":2,\"n\":1}]}", .times = 100000};
    judge_argument = &i;
    the_judge = intrude;
    client c;
    open_rows(&c, "{\"upsert_rows\":[{\"id\":3,\"n\":1}]}");
    send(&nodes[0], &c);
    ck_assert_int_eq(answer_of(&c)->err, MOLA_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(c.write.answer.why.text, "not written"));
    close_client(&c);
    the_judge = NULL;
    ck_assert_uint_lt(i.times, 99999);
    check_value(3, "n", "missing");
}
END_TEST

enum { EACH = 100 };

START_TEST(two_nodes_write_to_one_namespace_and_nothing_is_lost)
{
    static client clients[2][EACH];
    for (uint32_t i = 0; i < EACH; i++) {
        for (uint32_t n = 0; n < 2; n++) {
            char body[128];
            (void)snprintf(body, sizeof body,
                           "{\"upsert_rows\":[{\"id\":%u,\"from\":%u}],\"deletes\":[%u]}",
                           1 + 2 * i + n, n, 100000 + i);
            open_rows(&clients[n][i], body);
        }
    }
    for (uint32_t i = 0; i < EACH; i++) {
        send(&nodes[0], &clients[0][i]);
        send(&nodes[1], &clients[1][i]);
    }
    for (uint32_t i = 0; i < EACH; i++) {
        ck_assert_int_eq(answer_of(&clients[0][i])->err, MOLA_OK);
        ck_assert_int_eq(answer_of(&clients[1][i])->err, MOLA_OK);
    }
    close_clients(clients[0], EACH);
    close_clients(clients[1], EACH);
    mola_view *view = read_now(&nodes[0], "ns");
    ck_assert_uint_eq(view->live_rows, 2 * EACH);
    ck_assert_uint_eq(view->epoch, 1);
    mola_view_unref(view);
}
END_TEST

START_TEST(of_two_nodes_that_infer_different_types_exactly_one_wins)
{
    for (uint32_t round = 0; round < 50; round++) {
        client c[2];
        char name[32];
        (void)snprintf(name, sizeof name, "race-%u", round);
        open_client(&c[0], MOLA_WRITE_ROWS, mola_str_of(name),
                    MOLA_STR("{\"upsert_rows\":[{\"id\":1,\"x\":5}]}"));
        open_client(&c[1], MOLA_WRITE_ROWS, mola_str_of(name),
                    MOLA_STR("{\"upsert_rows\":[{\"id\":2,\"x\":\"text\"}]}"));
        send(&nodes[0], &c[0]);
        send(&nodes[1], &c[1]);
        mola_err first = answer_of(&c[0])->err, second = answer_of(&c[1])->err;
        ck_assert((first == MOLA_OK && second == MOLA_INVALID) ||
                  (first == MOLA_INVALID && second == MOLA_OK));
        close_clients(c, 2);
        mola_view *view = read_now(&nodes[0], name);
        ck_assert_uint_eq(view->live_rows, 1);
        mola_view_unref(view);
    }
}
END_TEST

/* A large body is decoded by a job of the executor, which may still do so when the server stops. */
START_TEST(who_comes_when_the_writer_has_stopped_is_told_so)
{
    client c;
    must(0, "{\"upsert_rows\":[{\"id\":1}]}");
    uint64_t before = seq_now();
    mola_writer_stop(nodes[0].writer);
    open_client(&c, MOLA_WRITE_ROWS, MOLA_STR("ns"), MOLA_STR("{\"upsert_rows\":[{\"id\":2}]}"));
    send(&nodes[0], &c);
    ck_assert_int_eq(answer_of(&c)->err, MOLA_UNAVAILABLE);
    close_client(&c);
    ck_assert_uint_eq(seq_now(), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outcome");
    TCase *all = tcase_create("outcomes");
    tcase_add_checked_fixture(all, open_two, close_two);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, an_unknown_outcome_is_told_to_every_member_also_to_the_refused);
    tcase_add_test(all, an_entry_that_landed_without_an_answer_is_found_to_be_ours);
    tcase_add_test(all, a_store_that_refuses_every_write_is_not_written);
    tcase_add_test(all, who_has_waited_for_most_of_its_time_is_told_so);
    tcase_add_test(all, a_lost_slot_is_evaluated_again_on_the_state_of_the_winner);
    tcase_add_test(all, a_lost_slot_may_turn_a_write_into_a_refusal);
    tcase_add_test(all,
                   conditions_and_filters_of_a_lost_slot_are_evaluated_on_the_state_of_the_winner);
    tcase_add_test(all, a_condition_that_skips_everything_on_an_old_state_is_evaluated_again);
    tcase_add_test(all, a_refusal_on_an_old_state_is_evaluated_again);
    tcase_add_test(all, a_writer_that_loses_every_slot_says_that_nothing_was_written);
    tcase_add_test(all, two_nodes_write_to_one_namespace_and_nothing_is_lost);
    tcase_add_test(all, who_comes_when_the_writer_has_stopped_is_told_so);
    tcase_add_test(all, of_two_nodes_that_infer_different_types_exactly_one_wins);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
