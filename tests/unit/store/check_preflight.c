/* The preflight finds stores that are unsafe: each of its checks fails on a store that breaks just
 * that promise, and on no other. */
#include "harness.h"
#include "mola/store/preflight.h"

/* A store in front of another one that breaks one promise. */
typedef enum {
    KEEPS_ALL,
    IGNORES_IF_NONE_MATCH,
    IGNORES_IF_MATCH,
    TWO_WIN_A_CREATION,
    TWO_WIN_A_SWAP,
    CREATES_ON_IF_MATCH,
    SAME_ETAG,
    ALWAYS_SENDS_BODIES,
    IGNORES_RANGES,
    STALE_LIST,
    FORGETS_DELETES,
    STALE_GET,
    REFUSES_CONDITIONS,
    NEVER_ANSWERS,
} fault;

typedef struct {
    mola_store store;
    mola_store *real;
    fault fault;
    bool hostile; /* the network on the way: loses, repeats, cuts */
} liar;

static void lie_about_put(liar *l, mola_ctx *ctx, mola_store_op *op)
{
    bool creates = op->when == MOLA_PUT_IF_ABSENT, swaps = op->when == MOLA_PUT_IF_MATCH;
    mola_store_op get = {.verb = MOLA_GET, .key = op->key};
    mola_store_run(l->real, ctx, &get, 1);
    if ((l->fault == IGNORES_IF_NONE_MATCH && creates) || (l->fault == IGNORES_IF_MATCH && swaps) ||
        (l->fault == CREATES_ON_IF_MATCH && swaps && get.err == MOLA_NOT_FOUND))
        op->when = MOLA_PUT_ALWAYS;
    mola_store_run(l->real, ctx, op, 1);
    bool lost = op->err == MOLA_CONFLICT && memmem(op->body.data, op->body.len, "writer", 6);
    if (lost &&
        ((l->fault == TWO_WIN_A_CREATION && creates) || (l->fault == TWO_WIN_A_SWAP && swaps)))
        op->err = MOLA_OK;
    if (l->fault == REFUSES_CONDITIONS && op->when != MOLA_PUT_ALWAYS)
        op->err = MOLA_INVALID;
}

static void lie_about_list(liar *l, mola_ctx *ctx, mola_store_op *op)
{
    mola_store_run(l->real, ctx, op, 1);
    if (l->fault == STALE_LIST && op->entry_count)
        op->entry_count--;
}

static void lie_about_get(liar *l, mola_ctx *ctx, mola_store_op *op)
{
    uint64_t length = op->length;
    if (l->fault == ALWAYS_SENDS_BODIES)
        op->etag.len = 0;
    if (l->fault == IGNORES_RANGES)
        op->length = 0;
    mola_store_run(l->real, ctx, op, 1);
    op->length = length;
    if (l->fault == STALE_GET && op->err == MOLA_OK)
        op->err = MOLA_NOT_FOUND;
    if (l->fault == SAME_ETAG)
        op->new_etag = (mola_etag){.len = 1, .bytes = "e"};
}

/* A PUT over a bad network: true, it is over. */
static bool lose_put(liar *l, mola_ctx *ctx, mola_store_op *op)
{
    uint64_t draw = mola_chance_below(env, 100);
    if (draw < 10) /* its first copy arrives, the answer to the second one comes back */
        lie_about_put(l, ctx, op);
    if (draw >= 20)
        return false;
    if (draw >= 15 || draw < 10)
        lie_about_put(l, ctx, op);
    if (draw >= 10)
        op->err = MOLA_UNKNOWN;
    return true;
}

static void lie(mola_store *its_store, mola_ctx *ctx, mola_store_op *ops, size_t count)
{
    liar *l = (liar *)its_store;
    for (size_t i = 0; i < count; i++) {
        mola_store_op *op = &ops[i];
        if (l->hostile && op->verb == MOLA_PUT && lose_put(l, ctx, op))
            continue;
        if (l->fault == NEVER_ANSWERS)
            op->err = op->verb == MOLA_PUT ? MOLA_UNKNOWN : MOLA_UNAVAILABLE;
        else if (op->verb == MOLA_PUT)
            lie_about_put(l, ctx, op);
        else if (op->verb == MOLA_GET)
            lie_about_get(l, ctx, op);
        else if (op->verb == MOLA_LIST)
            lie_about_list(l, ctx, op);
        else if (l->fault != FORGETS_DELETES)
            mola_store_run(l->real, ctx, op, 1);
        if (l->fault == SAME_ETAG && op->verb == MOLA_PUT && op->err == MOLA_OK)
            op->new_etag = (mola_etag){.len = 1, .bytes = "e"};
    }
}

static liar make_liar(bool hostile, fault what)
{
    static const mola_store_driver driver = {.scheme = "liar", .run = lie};
    mola_why_clear(&me.why);
    return (liar){.store = {.driver = &driver}, .real = store, .fault = what, .hostile = hostile};
}

static mola_err fly_over(bool hostile, fault what, mola_preflight *out)
{
    liar l = make_liar(hostile, what);
    return mola_store_preflight(&l.store, &me.ctx, out);
}

static mola_err fly(fault what, mola_preflight *out)
{
    return fly_over(false, what, out);
}

START_TEST(a_safe_store_passes_and_is_left_clean)
{
    mola_preflight out;
    open_fresh(url_table[_i]);
    me.ctx.deadline_ns = mola_boot_ns(env) + 20 * MOLA_SECOND;
    ck_err(mola_store_preflight(store, &me.ctx, &out), MOLA_OK);
    for (int i = 0; i < MOLA_CHECK_COUNT; i++)
        ck_assert_int_eq(out.checks[i], MOLA_CHECK_PASSED);
    ck_assert_uint_gt(out.put_ns, 0);
    ck_assert_uint_gt(out.get_ns, 0);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, 0);
    close_fresh();
}
END_TEST

static const struct {
    fault fault;
    mola_check finds;
} broken[] = {
    {IGNORES_IF_NONE_MATCH, MOLA_CHECK_create_refused},
    {IGNORES_IF_MATCH, MOLA_CHECK_swap_stale},
    {TWO_WIN_A_CREATION, MOLA_CHECK_create_once},
    {TWO_WIN_A_SWAP, MOLA_CHECK_swap_once},
    {CREATES_ON_IF_MATCH, MOLA_CHECK_swap_absent},
    {ALWAYS_SENDS_BODIES, MOLA_CHECK_unchanged},
    {IGNORES_RANGES, MOLA_CHECK_ranges},
    {STALE_LIST, MOLA_CHECK_list_after_write},
    {FORGETS_DELETES, MOLA_CHECK_delete_seen},
    {STALE_GET, MOLA_CHECK_read_after_write},
};

START_TEST(a_broken_promise_is_found)
{
    mola_preflight out;
    open_fresh("mem:");
    ck_err(fly(broken[_i].fault, &out), MOLA_INVALID);
    ck_assert_int_eq(out.checks[broken[_i].finds], MOLA_CHECK_FAILED);
    ck_assert_ptr_nonnull(strstr(me.why.text, "not safe"));
    close_fresh();
}
END_TEST

START_TEST(an_etag_that_never_changes_is_found)
{
    mola_preflight out;
    open_fresh("mem:");
    ck_err(fly(SAME_ETAG, &out), MOLA_INVALID);
    ck_assert_int_eq(out.checks[MOLA_CHECK_swap_current], MOLA_CHECK_FAILED);
    close_fresh();
}
END_TEST

START_TEST(a_store_that_refuses_conditions_is_refused)
{
    mola_preflight out;
    open_fresh("mem:");
    ck_err(fly(REFUSES_CONDITIONS, &out), MOLA_INVALID);
    ck_assert_uint_gt(me.why.len, 0);
    close_fresh();
}
END_TEST

START_TEST(a_silent_store_is_not_called_unsafe)
{
    mola_preflight out;
    open_fresh("mem:");
    ck_err(fly(NEVER_ANSWERS, &out), MOLA_UNAVAILABLE);
    ck_err(fly(KEEPS_ALL, &out), MOLA_OK);
    close_fresh();
}
END_TEST

START_TEST(a_bad_network_is_not_called_an_unsafe_store)
{
    for (int i = 0; i < 20; i++) {
        mola_preflight out;
        open_fresh("mem:");
        me.ctx.deadline_ns = mola_boot_ns(env) + 20 * MOLA_SECOND;
        ck_err(fly_over(true, KEEPS_ALL, &out), MOLA_OK);
        close_fresh();
    }
}
END_TEST

START_TEST(nor_does_it_hide_one)
{
    mola_preflight out;
    open_fresh("mem:");
    me.ctx.deadline_ns = mola_boot_ns(env) + 20 * MOLA_SECOND;
    ck_err(fly_over(true, broken[_i].fault, &out), MOLA_INVALID);
    ck_assert_int_eq(out.checks[broken[_i].finds], MOLA_CHECK_FAILED);
    close_fresh();
}
END_TEST

/* What a running server asks now and then. */
static mola_err check_again(fault what)
{
    liar l = make_liar(false, what);
    return mola_store_recheck(&l.store, &me.ctx);
}

START_TEST(a_store_that_forgets_conditions_is_found_at_little_cost)
{
    static const fault found[] = {IGNORES_IF_NONE_MATCH, IGNORES_IF_MATCH, CREATES_ON_IF_MATCH};
    open_fresh("mem:");
    me.ctx.deadline_ns = mola_boot_ns(env) + 20 * MOLA_SECOND;
    int64_t before = metrics.store_operations[MOLA_PUT][MOLA_OK];
    ck_err(mola_store_recheck(store, &me.ctx), MOLA_OK);
    ck_assert_int_le(metrics.store_operations[MOLA_PUT][MOLA_OK] - before, 12);
    for (size_t i = 0; i < sizeof found / sizeof *found; i++)
        ck_err(check_again(found[i]), MOLA_INVALID);
    ck_assert_uint_gt(me.why.len, 0);
    ck_err(check_again(REFUSES_CONDITIONS), MOLA_UNAVAILABLE);
    me.ctx.deadline_ns = mola_boot_ns(env) + 100 * MOLA_MILLISECOND;
    ck_err(check_again(NEVER_ANSWERS), MOLA_UNAVAILABLE);
    ck_err(list(&me, K("")), MOLA_OK);
    ck_assert_uint_eq(me.op.entry_count, 0);
    close_fresh();
}
END_TEST

START_TEST(a_store_that_is_distrusted_gets_no_conditions)
{
    open_fresh("mem:");
    ck_err(put_new(&me, K("k"), K("one")), MOLA_OK);
    mola_etag etag = me.op.new_etag;
    mola_store_distrust(store, true);
    ck_err(put_new(&me, K("new"), K("x")), MOLA_INVALID);
    ck_err(put_match(&me, K("k"), K("two"), etag), MOLA_INVALID);
    ck_err(put(&me, K("plain"), K("x")), MOLA_OK);
    ck_err(put_new(&me, K(".preflight/1/k"), K("x")), MOLA_OK);
    ck_object(K("k"), K("one"));
    ck_err(get(&me, K("new")), MOLA_NOT_FOUND);
    mola_store_distrust(store, false);
    ck_err(put_match(&me, K("k"), K("two"), etag), MOLA_OK);
    close_fresh();
}
END_TEST

int main(void)
{
    read_url_table();
    Suite *suite = suite_create("store preflight");
    TCase *each = tcase_create("all");
    tcase_set_timeout(each, 60);
    tcase_add_loop_test(each, a_safe_store_passes_and_is_left_clean, 0, url_count);
    tcase_add_loop_test(each, a_broken_promise_is_found, 0, sizeof broken / sizeof *broken);
    tcase_add_test(each, an_etag_that_never_changes_is_found);
    tcase_add_test(each, a_store_that_refuses_conditions_is_refused);
    tcase_add_test(each, a_silent_store_is_not_called_unsafe);
    tcase_add_test(each, a_bad_network_is_not_called_an_unsafe_store);
    tcase_add_loop_test(each, nor_does_it_hide_one, 0, sizeof broken / sizeof *broken);
    tcase_add_test(each, a_store_that_forgets_conditions_is_found_at_little_cost);
    tcase_add_test(each, a_store_that_is_distrusted_gets_no_conditions);
    suite_add_tcase(suite, each);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
