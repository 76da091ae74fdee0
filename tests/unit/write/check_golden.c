/* Every recorded request, one after the other, through the writer into a real log on a mem: store:
 * the answers are the model's, and at the end of each scenario the view holds what the model holds.
 * Replayed on two nodes in turns too, so that each is behind the other. */
#include "recording.h"

static node nodes[2];

static void open_nodes(void)
{
    read_recording();
    open_node(&nodes[0]);
    open_node(&nodes[1]);
}

static void close_nodes(void)
{
    close_node(&nodes[0]);
    close_node(&nodes[1]);
    drop_recording();
}

static void print_rows(mola_buf *out, const mola_view *view, mola_json expected)
{
    mola_buf_add_char(out, '[');
    for (mola_json row = mola_json_first(expected); row.doc; row = mola_json_next(expected, row)) {
        mola_value id;
        mola_why why = {0};
        mola_elem type = (mola_elem)view->state->id_type;
        ck_assert_int_eq(
            mola_id_from_json(member(row, "id"), type, MOLA_ID_BYTES_MAX, &arena, &id, &why),
            MOLA_OK);
        uint32_t part, at;
        ck_assert(mola_view_find(view, &id, &part, &at));
        mola_buf_add_str(out, out->len > 1 ? MOLA_STR(",{\"id\":") : MOLA_STR("{\"id\":"));
        mola_value_print(out, &id);
        for (uint32_t i = 0; i < view->state->attr_count; i++) {
            const mola_attr *attr = &view->state->attrs[i];
            size_t before = out->len;
            mola_buf_print(out, ",\"" MOLA_FMT "\":", MOLA_ARG(attr->name));
            if (!print_cell(out, view, &id, attr))
                out->len = before;
        }
        mola_buf_add_char(out, '}');
    }
    mola_buf_add_char(out, ']');
}

static void check_end(node *n, const char *name, mola_json expected, uint32_t scenario)
{
    mola_view *view = read_now(n, name);
    if (mola_json_kind_of(expected) == MOLA_JSON_NULL) {
        ck_assert_msg(!view, "scenario %u: the namespace is there", scenario);
        return;
    }
    ck_assert_msg(view, "scenario %u: the namespace is missing", scenario);
    ck_assert_uint_eq(view->live_rows, mola_json_count(member(expected, "rows")));
    mola_buf out;
    mola_buf_init(&out, &heap);
    mola_schema_print(&out, view->state);
    check_same(&out, member(expected, "schema"), "schema", scenario, 0);
    out.len = 0;
    print_rows(&out, view, member(expected, "rows"));
    check_same(&out, member(expected, "rows"), "rows", scenario, 0);
    mola_buf_free(&out);
    ck_assert(view->state->read_only == mola_json_bool(member(expected, "read_only")));
    ck_assert_uint_eq(view->state->pinned_replicas, number_of(member(expected, "pinned")));
    ck_assert_uint_eq(view->state->shards, number_of(member(expected, "shards")));
    mola_json metric = member(expected, "metric");
    ck_assert_int_eq(mola_json_is_set(metric), view->state->metric != MOLA_METRIC_NONE);
    mola_view_unref(view);
}

static void replay(mola_json scenario, uint32_t number, uint32_t node_count)
{
    char name[32];
    (void)snprintf(name, sizeof name, "scenario-%u", number);
    mola_json steps = member(scenario, "steps");
    uint32_t at = 0;
    for (mola_json step = mola_json_first(steps); step.doc; step = mola_json_next(steps, step)) {
        client c;
        open_client(&c, kind_of(step), mola_str_of(name), text_of(member(step, "body")));
        send(&nodes[at % node_count], &c);
        mola_write_answer *answer = answer_of(&c);
        for (uint32_t i = 0; i < answer->why.len; i++) /* the recording calls every namespace ns */
            if (strncmp(answer->why.text + i, name, strlen(name)) == 0) {
                size_t rest = answer->why.len - i - strlen(name);
                memmove(answer->why.text + i, "ns", 2);
                memmove(answer->why.text + i + 2, answer->why.text + i + strlen(name), rest);
                answer->why.len -= (uint32_t)strlen(name) - 2;
            }
        check_answer(answer, step, number, at++);
        close_client(&c);
    }
    check_end(&nodes[0], name, member(scenario, "namespace"), number);
}

START_TEST(every_recorded_request_gets_the_answer_of_the_model)
{
    mola_json all = mola_json_root(&recording);
    uint32_t number = 0;
    for (mola_json s = mola_json_first(all); s.doc; s = mola_json_next(all, s), number++)
        replay(s, number, (uint32_t)_i);
    ck_assert_uint_gt(number, 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden");
    TCase *replays = tcase_create("replays");
    tcase_add_checked_fixture(replays, open_nodes, close_nodes);
    tcase_set_timeout(replays, 100);
    tcase_add_loop_test(replays, every_recorded_request_gets_the_answer_of_the_model, 1, 3);
    suite_add_tcase(suite, replays);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
