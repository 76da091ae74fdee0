#include "../namespace/support.h"
#include "index/policy.h"

/* Which segments become one: single cases, and long histories of flushes whose table must stay
 * short, whose rows must not be rewritten over and over, and which must come to rest. */
enum { SEGMENTS_MAX = 4096 };
static const mola_merge_rules usual = {.fan_in = 8, .rows_max = 1 << 20};

typedef struct {
    mola_merge_row rows[SEGMENTS_MAX];
    uint32_t count;
    uint64_t rewritten;
} table;

static mola_merge_row segment(uint32_t rows, uint32_t level)
{
    return (mola_merge_row){.rows = rows, .bytes = (uint64_t)rows * 100 + 300000, .level = level};
}

static void add(table *t, mola_merge_row one)
{
    ck_assert_uint_lt(t->count, SEGMENTS_MAX);
    t->rows[t->count++] = one;
}

/* Does what the plan says, and checks that it may be done. */
static void follow(table *t, mola_merge_plan plan, const mola_merge_rules *rules)
{
    ck_assert_uint_ge(plan.count, 1);
    ck_assert_uint_le(plan.first + plan.count, t->count);
    mola_merge_row out = {.level = plan.level};
    uint32_t inlined = 0;
    for (uint32_t i = plan.first; i < plan.first + plan.count; i++) {
        const mola_merge_row *in = &t->rows[i];
        ck_assert_uint_le(in->level, plan.level);
        if (plan.kind == MOLA_MERGE_ABSORB) {
            ck_assert(out.rows == 0 || in->rows == 0);
            out.dead += in->dead;
            out.bytes += in->bytes;
            out.inlined |= in->inlined;
        }
        out.rows += plan.kind == MOLA_MERGE_ABSORB ? in->rows : in->rows - in->dead;
    }
    for (uint32_t i = 0; i < t->count; i++)
        inlined += t->rows[i].inlined && (i < plan.first || i >= plan.first + plan.count);
    if (plan.kind == MOLA_MERGE_REWRITE) {
        if (plan.count > 1)
            ck_assert_uint_le(out.rows, rules->rows_max);
        t->rewritten += out.rows;
        out.bytes = (uint64_t)out.rows * 100;
        bool alone = inlined == t->count - plan.count;
        out.inlined = alone && out.rows && out.bytes < MOLA_INLINE_BYTES_MAX;
    }
    t->rows[plan.first] = out;
    t->count -= plan.count - 1;
    memmove(&t->rows[plan.first + 1], &t->rows[plan.first + plan.count],
            (t->count - plan.first - 1) * sizeof t->rows[0]);
}

/* Until nothing is left to do, which must come soon. */
static uint32_t settle(table *t, const mola_merge_rules *rules)
{
    uint32_t steps = 0;
    for (;; steps++) {
        mola_merge_plan plan = mola_merge_choose(t->rows, t->count, rules);
        if (plan.kind == MOLA_MERGE_NOTHING)
            return steps;
        ck_assert_uint_lt(steps, 4 * SEGMENTS_MAX);
        follow(t, plan, rules);
    }
}

static mola_merge_plan chosen(const table *t, const mola_merge_rules *rules)
{
    return mola_merge_choose(t->rows, t->count, rules);
}

START_TEST(eight_of_a_level_become_one_of_the_next)
{
    static table t;
    for (int i = 0; i < 7; i++) {
        add(&t, segment(100000, 0));
        ck_assert_int_eq(chosen(&t, &usual).kind, MOLA_MERGE_NOTHING);
    }
    add(&t, segment(100000, 0));
    mola_merge_plan plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 0 && plan.count == 8);
    ck_assert_uint_eq(plan.level, 1);
}
END_TEST

START_TEST(smaller_ones_between_are_taken_along_and_those_behind_are_not)
{
    static table t;
    add(&t, segment(100000, 2));
    add(&t, segment(100000, 0));
    for (int i = 0; i < 4; i++)
        add(&t, segment(50000, 1));
    add(&t, segment(10, 0));
    for (int i = 0; i < 4; i++)
        add(&t, segment(50000, 1));
    add(&t, segment(10, 0));
    mola_merge_plan plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 2 && plan.count == 9);
    ck_assert_uint_eq(plan.level, 2);
}
END_TEST

START_TEST(results_never_have_too_many_rows)
{
    static table t;
    add(&t, segment(900000, 0));
    for (int i = 0; i < 9; i++)
        add(&t, segment(200000, 0));
    mola_merge_plan plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 1 && plan.count == 5);
}
END_TEST

START_TEST(a_fifth_of_dead_rows_is_rewritten_alone)
{
    static table t;
    mola_merge_row one = segment(100000, 3);
    one.dead = 19999;
    add(&t, segment(100000, 3));
    add(&t, one);
    ck_assert_int_eq(chosen(&t, &usual).kind, MOLA_MERGE_NOTHING);
    t.rows[1].dead = 20000;
    mola_merge_plan plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 1 && plan.count == 1);
    ck_assert_uint_eq(plan.level, 3);
}
END_TEST

START_TEST(a_segment_without_rows_is_absorbed)
{
    static table t;
    add(&t, (mola_merge_row){.rows = 0});
    ck_assert_int_eq(chosen(&t, &usual).kind, MOLA_MERGE_NOTHING); /* there is nobody */
    add(&t, segment(1000, 0));
    mola_merge_plan plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_ABSORB && plan.first == 0 && plan.count == 2);
    follow(&t, plan, &usual);
    ck_assert_uint_eq(t.count, 1);
    ck_assert_uint_eq(t.rows[0].rows, 1000);
}
END_TEST

START_TEST(inline_segments_become_one_and_leave_when_others_have_keys)
{
    static table t;
    mola_merge_row small = {.rows = 10, .bytes = 40000, .inlined = true};
    add(&t, small);
    ck_assert_int_eq(chosen(&t, &usual).kind, MOLA_MERGE_NOTHING);
    add(&t, small);
    mola_merge_plan plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 0 && plan.count == 2);
    add(&t, segment(1000, 0));
    plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 0 && plan.count == 3);
    t.rows[2].bytes = (uint64_t)1 << 30; /* too much to rewrite for the sake of so little */
    plan = chosen(&t, &usual);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 0 && plan.count == 2);
}
END_TEST

/* What is rewritten must be another table afterwards, or it is rewritten for ever. */
START_TEST(inline_segments_too_large_for_one_stay_or_leave_alone)
{
    static table t;
    mola_merge_rules narrow = usual;
    narrow.rows_max = 12;
    mola_merge_row small = {.rows = 10, .bytes = 40000, .inlined = true};
    add(&t, small);
    add(&t, small);
    ck_assert_int_eq(chosen(&t, &narrow).kind, MOLA_MERGE_NOTHING);
    t.rows[0].inlined = false;
    mola_merge_plan plan = chosen(&t, &narrow);
    ck_assert(plan.kind == MOLA_MERGE_REWRITE && plan.first == 1 && plan.count == 1);
    follow(&t, plan, &narrow);
    ck_assert_int_eq(chosen(&t, &narrow).kind, MOLA_MERGE_NOTHING);
}
END_TEST

START_TEST(force_leaves_one_segment_where_one_fits_all)
{
    static table t;
    dice d = {test_seed(0xf0)};
    mola_merge_rules rules = usual;
    rules.force = true;
    for (int i = 0; i < 50; i++) {
        mola_merge_row one = segment(below(&d, 10000), below(&d, 4));
        one.dead = one.rows ? below(&d, one.rows + 1) : 0;
        add(&t, one);
    }
    settle(&t, &rules);
    ck_assert_uint_eq(t.count, 1);
    ck_assert_uint_eq(t.rows[0].dead, 0);
}
END_TEST

/* Flushes of any size, rows that die anywhere: after each flush everything comes to rest. */
START_TEST(tables_stay_short_and_rows_are_rewritten_rarely)
{
    static table t;
    dice d = {test_seed(0x9011c4) + (uint64_t)_i};
    mola_merge_rules rules = {.fan_in = 2 + below(&d, 8), .rows_max = 1000 + below(&d, 200000)};
    uint64_t flushed = 0;
    uint32_t flushes = 2000, most = 0, deaths = _i % 2 ? 0 : 3;
    for (uint32_t i = 0; i < flushes; i++) {
        uint32_t rows = below(&d, 8) ? below(&d, 100) : below(&d, 3000);
        flushed += rows;
        add(&t, segment(rows, 0));
        for (uint32_t k = 0; k < deaths; k++) {
            mola_merge_row *one = &t.rows[below(&d, t.count)];
            if (one->rows)
                one->dead += below(&d, (one->rows - one->dead) / 4 + 1);
        }
        settle(&t, &rules);
        most = t.count > most ? t.count : most;
    }
    uint32_t levels = 1;
    for (uint32_t n = flushes; n >= rules.fan_in; n /= rules.fan_in)
        levels++;
    uint64_t full = 2 * flushed / rules.rows_max + 1; /* two neighbours do not fit into one */
    ck_assert_msg(most <= full + 2 * levels * rules.fan_in, "%u segments, fan-in %u, %u levels",
                  most, rules.fan_in, levels);
    if (!deaths)
        ck_assert_msg(t.rewritten <= 2 * levels * flushed, "%llu rows rewritten of %llu",
                      (unsigned long long)t.rewritten, (unsigned long long)flushed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, eight_of_a_level_become_one_of_the_next);
    tcase_add_test(cases, smaller_ones_between_are_taken_along_and_those_behind_are_not);
    tcase_add_test(cases, results_never_have_too_many_rows);
    tcase_add_test(cases, a_fifth_of_dead_rows_is_rewritten_alone);
    tcase_add_test(cases, a_segment_without_rows_is_absorbed);
    tcase_add_test(cases, inline_segments_become_one_and_leave_when_others_have_keys);
    tcase_add_test(cases, inline_segments_too_large_for_one_stay_or_leave_alone);
    tcase_add_test(cases, force_leaves_one_segment_where_one_fits_all);
    tcase_add_loop_test(cases, tables_stay_short_and_rows_are_rewritten_rarely, 0, 24);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
