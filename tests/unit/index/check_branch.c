/* Branches and copies (protocol section 7): a child begins as what its source was, neither feels
 * what the other does afterwards, and whatever goes wrong on the way is honest and leaves nothing.
 */
#include "index/sweep.h"
#include "keeper.h"
#include "mola/index/fsck.h"
#include "mola/namespace/branch.h"

enum { NAMES = 5, IDS = 60 };
static world w;
static mola_namespaces *a, *b;
static mola_indexer *indexer;
static mola_indexer builder;
static document docs[NAMES][IDS_MAX];
static bool alive[NAMES];
static uint64_t patience_ms; /* virtual time passes in some tests */
static const char *const names[NAMES] = {"root", "left", "right", "leaf", "late"};

static void begin(void)
{
    world_open(&w);
    a = node_open(&w, SIZE_MAX);
    b = node_open(&w, SIZE_MAX);
    indexer = collector_open(&w, 0);
    indexer_open(&w, &builder, 256 << 20);
    memset(docs, 0, sizeof docs);
    memset(alive, 0, sizeof alive);
    patience_ms = 5000;
}
static void end(void)
{
    w.judge = NULL;
    indexer_close(&builder);
    mola_indexer_close(indexer);
    mola_namespaces_close(a);
    mola_namespaces_close(b);
    world_close(&w);
}

typedef struct {
    mola_err err;
    mola_branched out;
    char why[MOLA_WHY_BYTES];
} branched;
static branched branch(mola_namespaces *node, const char *source, const char *child,
                       mola_branch_kind kind)
{
    request r;
    branched result = {0};
    mola_ctx *ctx = request_begin(&w, &r, patience_ms);
    mola_name *from = mola_name_open(node, mola_str_of(source));
    mola_name *to = mola_name_open(node, mola_str_of(child));
    mola_branch how = {.kind = kind};
    mola_chance(w.env, how.nsid, sizeof how.nsid);
    result.err = mola_name_branch(ctx, from, to, &how, &result.out);
    memcpy(result.why, r.why.text, sizeof result.why);
    mola_name_close(from);
    mola_name_close(to);
    request_end(&r);
    return result;
}
static void must_branch(mola_namespaces *node, uint32_t source, uint32_t child,
                        mola_branch_kind kind)
{
    branched done = branch(node, names[source], names[child], kind);
    ck_assert_msg(done.err == MOLA_OK, "%s: %s", mola_err_name(done.err), done.why);
    memcpy(docs[child], docs[source], sizeof docs[child]);
    alive[child] = true;
    uint64_t rows = 0;
    for (uint32_t id = 0; id < IDS; id++)
        rows += docs[child][id].exists;
    ck_assert_uint_eq(done.out.rows, rows);
}
static void check_all(void)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        if (!alive[i]) {
            ck_assert_int_eq(strong_err(&w, b, names[i]), MOLA_NOT_FOUND);
            continue;
        }
        ck_assert_int_eq(strong_err(&w, a, names[i]), MOLA_OK); /* after hours: a new lease */
        check_node(&w, a, names[i], docs[i], IDS);
        check_afresh(&w, names[i], docs[i], IDS);
    }
}
/* Collectors and sweeps have all the time they want. */
static void collect_all(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        pass_time(&w, 25 * 3600 * MOLA_SECOND);
        for (uint32_t n = 0; n < NAMES; n++)
            if (alive[n])
                (void)must_look_daily(&w, indexer, names[n]);
        ck_assert_int_eq(sweep_once(&w, indexer), MOLA_OK);
        pass_time(&w, 2 * W_NS);
        request r;
        ck_assert_int_eq(mola_sweep_doomed(request_begin(&w, &r, 60000), indexer), MOLA_OK);
        request_end(&r);
        pass_time(&w, 2 * W_NS);
        ck_assert_int_eq(mola_sweep_doomed(request_begin(&w, &r, 60000), indexer), MOLA_OK);
        request_end(&r);
        pass_time(&w, 2 * L_NS + MOLA_SECOND);
        for (uint32_t n = 0; n < NAMES; n++)
            if (alive[n])
                (void)must_collect(&w, indexer, names[n]);
    }
}
static mola_fsck_totals fsck(void)
{
    request r;
    mola_fsck_totals totals = {0};
    mola_buf report;
    mola_buf_init(&report, &w.heap);
    mola_ctx *ctx = request_begin(&w, &r, 600000);
    mola_namespaces *fresh = node_open(&w, SIZE_MAX);
    ck_assert_int_eq(mola_fsck(ctx, fresh, (mola_str){0}, (mola_str){0}, &report, &totals),
                     MOLA_OK);
    ck_assert_msg(totals.damaged == 0, "%.*s", (int)report.len, report.data);
    mola_namespaces_close(fresh);
    mola_buf_free(&report);
    request_end(&r);
    return totals;
}

START_TEST(a_child_is_what_its_source_was)
{
    dice d = {test_seed(0xb4a) + (uint64_t)_i};
    if (_i % 2)
        builder.config.inline_bytes_max = 0;
    put_random(&w, a, names[0], &d, IDS, 30, 0, docs[0]);
    alive[0] = true;
    for (int step = 0; step < 120; step++) {
        uint32_t n = below(&d, NAMES), m = below(&d, NAMES);
        mola_namespaces *node = below(&d, 2) ? a : b;
        uint32_t what = below(&d, 20);
        if (!alive[n]) {
            if (alive[m])
                must_branch(node, m, n, below(&d, 3) ? MOLA_BRANCH_OF : MOLA_COPY_OF);
        } else if (what < 8) {
            put_random(&w, node, names[n], &d, IDS, 1 + below(&d, 30), 3, docs[n]);
        } else if (what < 12) {
            (void)must_flush(&w, &builder, names[n]);
        } else if (what < 15) {
            (void)must_merge(&w, &builder, names[n], below(&d, 2));
        } else if (what < 16) {
            ck_assert_int_eq(delete_name(&w, node, names[n]), MOLA_OK);
            memset(docs[n], 0, sizeof docs[n]);
            alive[n] = false;
            if (below(&d, 3) == 0) { /* a life of its own, under the same name */
                put_random(&w, node, names[n], &d, IDS, 20, 0, docs[n]);
                alive[n] = true;
            }
        } else if (what < 19) {
            pass_time(&w, below(&d, 3) ? W_NS : 3 * L_NS);
            (void)must_collect(&w, indexer, names[n]);
        } else {
            collect_all(1);
        }
        if (step % 10 == 9)
            check_all();
    }
    collect_all(2);
    check_all();
    (void)fsck();
}
END_TEST

/* A grandchild needs what its parent borrowed and has left since, and nobody else does. */
START_TEST(a_grandchild_holds_what_its_parent_has_left)
{
    dice d = {11};
    builder.config.inline_bytes_max = 0;
    put_random(&w, a, names[0], &d, IDS, 40, 0, docs[0]);
    ck_assert(must_flush(&w, &builder, names[0]));
    alive[0] = true;
    must_branch(a, 0, 1, MOLA_BRANCH_OF);
    put_random(&w, a, names[1], &d, IDS, 20, 3, docs[1]);
    ck_assert(must_flush(&w, &builder, names[1])); /* its lineage ends here */
    must_branch(b, 1, 2, MOLA_BRANCH_OF);
    for (uint32_t n = 0; n < 2; n++) {
        put_random(&w, a, names[n], &d, IDS, 20, 3, docs[n]);
        (void)must_flush(&w, &builder, names[n]);
        ck_assert(must_merge(&w, &builder, names[n], true));
    }
    collect_all(3);
    check_all();
    for (uint32_t n = 0; n < 2; n++) {
        ck_assert_int_eq(delete_name(&w, a, names[n]), MOLA_OK);
        alive[n] = false;
        collect_all(3);
        check_all();
    }
    (void)fsck();
}
END_TEST

/* A copy ends up with objects of its own, and then nothing holds the source; a branch shares. */
START_TEST(the_indexer_makes_copies_independent)
{
    dice d = {13};
    builder.config.inline_bytes_max = 0;
    builder.config.merge_fan_in = 8;
    for (int i = 0; i < 3; i++) {
        put_random(&w, a, names[0], &d, IDS, 30, 2, docs[0]);
        ck_assert(must_flush(&w, &builder, names[0]));
    }
    put_random(&w, a, names[0], &d, IDS, 10, 2, docs[0]);
    alive[0] = true;
    uint8_t source[16];
    memcpy(source, manifest_of(&w, names[0]).nsid, sizeof source);
    must_branch(a, 0, 1, MOLA_COPY_OF);
    uint32_t merges = 0;
    ck_assert(must_flush(&w, &builder, names[1]));
    while (must_merge(&w, &builder, names[1], false))
        merges++;
    ck_assert_uint_eq(merges, 3);
    check_all();
    collect_all(2); /* the copy lets go */
    put_random(&w, a, names[0], &d, IDS, 20, 2, docs[0]);
    ck_assert(must_flush(&w, &builder, names[0]));
    ck_assert(must_merge(&w, &builder, names[0], true));
    collect_all(2); /* who deletes looks at the holders */
    ck_assert_uint_eq(count_under(&w, source, 'r'), 0);
    must_branch(a, 0, 2, MOLA_BRANCH_OF);
    ck_assert(must_flush(&w, &builder, names[2]));
    ck_assert(!must_merge(&w, &builder, names[2], false));
    put_random(&w, a, names[0], &d, IDS, 20, 2, docs[0]);
    ck_assert(must_flush(&w, &builder, names[0]));
    ck_assert(must_merge(&w, &builder, names[0], true));
    collect_all(3);
    ck_assert_uint_eq(count_under(&w, source, 'r'), 1);
    check_all();
    (void)fsck();
}
END_TEST

/* ------------------------------------------------------------------ the settings of a child */
static void set_settings(const char *name, bool read_only, uint32_t pinned, uint32_t shards)
{
    request r;
    mola_ctx *ctx = request_begin(&w, &r, 5000);
    mola_name *open = mola_name_open(a, mola_str_of(name));
    mola_view *on, *after;
    ck_assert_int_eq(mola_log_open(ctx, open, &on), MOLA_OK);
    mola_state *state = mola_state_copy(&w.heap, on->state, 0);
    state->read_only = read_only;
    state->pinned_replicas = pinned;
    state->shards = shards;
    mola_change change = {.flags = MOLA_ENTRY_CONFIG, .state = state};
    ck_assert_int_eq(mola_log_append(ctx, open, on, &change, &after), MOLA_OK);
    mola_view_unref(on);
    mola_view_unref(after);
    mola_state_unref(state);
    mola_name_close(open);
    request_end(&r);
}
static mola_view *view_of(mola_namespaces *node, const char *name)
{
    request r;
    mola_view *view;
    ck_assert_int_eq(read_view(&w, node, name, MOLA_READ_STRONG, &view, &r), MOLA_OK);
    return view;
}

START_TEST(a_branch_inherits_read_only_and_a_copy_does_not)
{
    (void)put_one(&w, a, "root", 1, 1, docs[0]);
    set_settings("root", true, 3, 0);
    mola_view *source = view_of(b, "root");
    pass_time(&w, MOLA_SECOND);
    ck_assert_int_eq(branch(b, "root", "left", MOLA_BRANCH_OF).err, MOLA_OK);
    ck_assert_int_eq(branch(b, "root", "right", MOLA_COPY_OF).err, MOLA_OK);
    mola_view *left = view_of(a, "left"), *right = view_of(a, "right");
    ck_assert(left->state->read_only && !right->state->read_only);
    ck_assert(!left->state->pinned_replicas && !right->state->pinned_replicas);
    ck_assert(mola_str_eq(mola_state_parent(left->state), MOLA_STR("root")));
    ck_assert_uint_eq(mola_state_parent(right->state).len, 0);
    ck_assert_uint_eq(left->written_us, source->written_us);
    ck_assert_uint_gt(left->created_us, source->created_us);
    ck_assert_uint_eq(left->updated_us, left->created_us);
    ck_assert_uint_eq(left->seq, source->seq + 1); /* sequences never restart */
    mola_view_unref(source);
    mola_view_unref(left);
    mola_view_unref(right);
}
END_TEST

START_TEST(a_sharded_source_is_copied_not_branched)
{
    (void)put_one(&w, a, "root", 1, 1, docs[0]);
    set_settings("root", false, 0, 4);
    branched refused = branch(a, "root", "left", MOLA_BRANCH_OF);
    ck_assert_int_eq(refused.err, MOLA_INVALID);
    ck_assert_str_eq(refused.why, "branching a sharded namespace is not supported");
    ck_assert_int_eq(branch(a, "root", "right", MOLA_COPY_OF).err, MOLA_OK);
    mola_view *right = view_of(b, "right");
    ck_assert_uint_eq(right->state->shards, 4);
    mola_view_unref(right);
}
END_TEST

START_TEST(nothing_comes_of_nothing)
{
    branched refused = branch(a, "root", "left", MOLA_BRANCH_OF);
    ck_assert_int_eq(refused.err, MOLA_NOT_FOUND);
    ck_assert_str_eq(refused.why, "namespace 'root' was not found");
    ck_assert_uint_eq(count_keys(&w, ""), 0);
    (void)put_one(&w, a, "left", 1, 1, docs[1]);
    (void)put_one(&w, a, "root", 2, 2, docs[0]);
    ck_assert_int_eq(branch(b, "root", "left", MOLA_BRANCH_OF).err, MOLA_CONFLICT);
    check_node(&w, b, "left", docs[1], IDS);
}
END_TEST

/* ------------------------------------------------------------------ faults at each step */
typedef struct {
    uint32_t left; /* operations that pass before */
    fate fate;
    bool for_ever; /* a crash: nothing arrives any more */
    void (*act)(void);
    bool met;
} fault;
static fate judge_fault(world *x, const mola_store_op *op, void *argument)
{
    (void)x;
    (void)op;
    fault *f = argument;
    if (f->left > 0) {
        f->left--;
        return PASS;
    }
    if (f->met && !f->for_ever)
        return PASS;
    if (f->act && !f->met)
        f->act();
    f->met = true;
    return f->fate;
}
static branched branch_with(fault *f, mola_branch_kind kind)
{
    w.judge = judge_fault;
    w.argument = f;
    branched done = branch(a, "root", "left", kind);
    w.judge = NULL;
    return done;
}
/* A source with segments, delete vectors, and a tail. */
static void make_source(bool inlined)
{
    dice d = {7};
    builder.config.inline_bytes_max = inlined ? 128 << 10 : 0;
    for (int i = 0; i < 3; i++) {
        put_random(&w, b, "root", &d, IDS, 30, 3, docs[0]);
        if (i < 2)
            ck_assert(must_flush(&w, &builder, "root"));
    }
    alive[0] = true;
}
static bool left_lives(void)
{
    mola_manifest m;
    return manifest_now(&w, "left", &m, NULL) && !m.deleted;
}
static void check_left(void)
{
    if (left_lives()) {
        check_afresh(&w, "left", docs[0], IDS);
        check_node(&w, a, "left", docs[0], IDS);
        ck_assert_int_eq(delete_name(&w, a, "left"), MOLA_OK);
    }
    (void)fsck();
}
/* Nothing is left of the child, and nothing holds the source any more. */
static void check_clean(void)
{
    collect_all(4);
    ck_assert_uint_eq(count_under(&w, manifest_of(&w, "root").nsid, 'r'), 0);
    check_afresh(&w, "root", docs[0], IDS);
    ck_assert_uint_eq(fsck().nameless, 0);
}

START_TEST(every_fault_is_told_as_it_is)
{
    static const fate fates[] = {LOSE_ANSWER, LOSE_REQUEST, REFUSE, DENY, SEND_TWICE, DAMAGE};
    fate f = fates[_i % 6];
    make_source(_i >= 6);
    bool more = true;
    for (uint32_t step = 0; more; step++) {
        fault one = {.left = step, .fate = f};
        branched done = branch_with(&one, step % 2 ? MOLA_COPY_OF : MOLA_BRANCH_OF);
        more = one.met;
        ck_assert_msg(done.err == MOLA_OK || done.err == MOLA_UNAVAILABLE ||
                          (done.err == MOLA_INVALID && f == DENY) || done.err == MOLA_UNKNOWN,
                      "step %u: %s: %s", step, mola_err_name(done.err), done.why);
        if (f != DENY) /* once is nothing */
            ck_assert_msg(done.err == MOLA_OK, "step %u: %s: %s", step, mola_err_name(done.err),
                          done.why);
        if (done.err == MOLA_OK)
            ck_assert(left_lives());
        if (done.err && done.err != MOLA_UNKNOWN)
            ck_assert(!left_lives());
        check_left();
        pass_time(&w, MOLA_SECOND);
    }
    check_clean();
}
END_TEST

START_TEST(a_crash_between_the_steps_leaves_nothing)
{
    make_source(_i);
    bool more = true;
    for (uint32_t step = 0; more; step++) {
        fault crash = {.left = step, .fate = LOSE_REQUEST, .for_ever = true};
        branched done = branch_with(&crash, MOLA_BRANCH_OF);
        more = crash.met;
        ck_assert(done.err != MOLA_OK || !more);
        mola_namespaces_close(a); /* the process is gone */
        a = node_open(&w, SIZE_MAX);
        check_left();
    }
    check_clean();
}
END_TEST

/* ------------------------------------------------------------------ others, at each step */
static uint32_t acts;
static document then[IDS_MAX];
static void write_more(void)
{
    (void)put_one(&w, b, "root", 1, ++acts, docs[0]);
}
static void publish_and_collect(void)
{
    write_more();
    (void)must_flush(&w, &builder, "root");
    (void)must_merge(&w, &builder, "root", true);
    pass_time(&w, 3 * L_NS);
    (void)must_collect(&w, indexer, "root");
    pass_time(&w, 3 * L_NS);
    (void)must_collect(&w, indexer, "root");
}
static void delete_source(void)
{
    ck_assert_int_eq(delete_name(&w, b, "root"), MOLA_OK);
    alive[0] = false;
    memset(docs[0], 0, sizeof docs[0]);
}
static void make_source_anew(void)
{
    delete_source();
    dice d = {9};
    put_random(&w, b, "root", &d, IDS, 20, 0, docs[0]);
    alive[0] = true;
}
static void create_child(void)
{
    if (!left_lives())
        (void)put_one(&w, b, "left", 3, 3, docs[1]);
}
START_TEST(the_child_is_the_source_at_one_moment_between)
{
    static void (*const others[])(void) = {write_more, publish_and_collect, delete_source,
                                           make_source_anew};
    bool more = true;
    patience_ms = 10 * 3600 * 1000;
    for (uint32_t step = 0; more; step++) {
        if (!alive[0])
            make_source(step % 2);
        collect_all(2); /* no holder of an earlier child is in the way of collectors */
        memcpy(then, docs[0], sizeof then);
        mola_view *source = view_of(b, "root");
        uint64_t seq = source->seq;
        mola_view_unref(source);
        fault other = {.left = step, .fate = PASS, .act = others[_i]};
        branched done = branch_with(&other, MOLA_BRANCH_OF);
        more = other.met;
        bool gone = done.err == MOLA_NOT_FOUND && !alive[0];
        /* A collector that saw the holder and waited has made the birth impossible. */
        gone |= done.err == MOLA_CONFLICT && others[_i] == publish_and_collect;
        ck_assert_msg(done.err == MOLA_OK || gone || done.err == MOLA_UNAVAILABLE,
                      "step %u: %s: %s", step, mola_err_name(done.err), done.why);
        if (!done.err) { /* (a new life of the source has one entry) */
            check_afresh(&w, "left", done.out.seq == seq + 1 ? then : docs[0], IDS);
            ck_assert_int_eq(delete_name(&w, a, "left"), MOLA_OK);
        }
        ck_assert(!left_lives());
    }
}
END_TEST

START_TEST(one_of_two_creators_is_the_first)
{
    make_source(false);
    uint32_t lost = 0;
    bool more = true;
    for (uint32_t step = 0; more; step++) {
        fault other = {.left = step, .fate = PASS, .act = create_child};
        branched done = branch_with(&other, MOLA_BRANCH_OF);
        more = other.met;
        ck_assert(done.err == MOLA_OK || done.err == MOLA_CONFLICT);
        lost += done.err == MOLA_CONFLICT;
        check_afresh(&w, "left", done.err ? docs[1] : docs[0], IDS);
        ck_assert_int_eq(delete_name(&w, b, "left"), MOLA_OK);
        memset(docs[1], 0, sizeof docs[1]);
    }
    ck_assert_uint_gt(lost, 3);
    check_clean();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("branch");
    TCase *all = tcase_create("branch");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_loop_test(all, a_child_is_what_its_source_was, 0, 8);
    tcase_add_test(all, a_grandchild_holds_what_its_parent_has_left);
    tcase_add_test(all, the_indexer_makes_copies_independent);
    tcase_add_test(all, a_branch_inherits_read_only_and_a_copy_does_not);
    tcase_add_test(all, a_sharded_source_is_copied_not_branched);
    tcase_add_test(all, nothing_comes_of_nothing);
    tcase_add_loop_test(all, every_fault_is_told_as_it_is, 0, 12);
    tcase_add_loop_test(all, a_crash_between_the_steps_leaves_nothing, 0, 2);
    tcase_add_loop_test(all, the_child_is_the_source_at_one_moment_between, 0, 4);
    tcase_add_test(all, one_of_two_creators_is_the_first);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
