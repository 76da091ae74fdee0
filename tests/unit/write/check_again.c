/* A group that has lost its slot, evaluated once more: only what others have touched is, and the
 * entry and all answers are what a group gets that is evaluated for the first time. */
#include "pair.h"
#include "write/draft.h"
#include <stdarg.h>

enum { MEMBERS_MAX = 6, ROUNDS = 3, BODY_BYTES = 600 };

typedef struct {
    uint64_t state;
} dice;
static uint32_t roll(dice *d, uint32_t sides)
{
    d->state = d->state * 6364136223846793005U + 1442695040888963407U;
    ck_assert_uint_gt(sides, 0);
    return (uint32_t)(d->state >> 33) % sides;
}

/* -- requests ---------------------------------------------------------------------------------- */

typedef struct {
    char text[BODY_BYTES];
    size_t len;
} body;

__attribute__((format(printf, 2, 3))) static void add(body *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    b->len += (size_t)vsnprintf(b->text + b->len, sizeof b->text - b->len, format, arguments);
    va_end(arguments);
    ck_assert_uint_lt(b->len, sizeof b->text);
}

static void add_ids(body *b, dice *d, const char *name, uint32_t ids, bool values)
{
    uint32_t first = roll(d, ids), count = 1 + roll(d, 3);
    add(b, ",\"%s\":[", name);
    for (uint32_t i = 0; i < count; i++) {
        const char *comma = i ? "," : "";
        if (values) {
            add(b, "%s{\"id\":%u,\"n\":%u}", comma, first + i, roll(d, 5));
        } else {
            add(b, "%s%u", comma, first + i);
        }
    }
    add(b, "]");
}

static void add_filter(body *b, dice *d, uint32_t ids)
{
    switch (roll(d, 4)) {
    case 0:
        add(b, "[\"n\",\"Eq\",%u]", roll(d, 3));
        break;
    case 1:
        add(b, "[\"n\",\"Lt\",%u]", roll(d, 3));
        break;
    case 2:
        add(b, "[\"s\",\"Eq\",\"%u\"]", roll(d, 3));
        break;
    default:
        add(b, "[\"id\",\"Gt\",%u]", ids - 3);
    }
}

/* Something of everything; few ids and few values, so that members and others often meet. */
static void random_body(body *b, dice *d, uint32_t ids)
{
    b->len = 0;
    add(b, "{\"return_affected_ids\":true");
    for (uint32_t parts = 1 + roll(d, 2); parts-- > 0;) {
        uint32_t kind = roll(d, 8);
        if (kind < 2 && !strstr(b->text, "upsert_rows")) {
            add_ids(b, d, "upsert_rows", ids, true);
            if (kind == 1)
                add(b, ",\"upsert_condition\":[\"n\",\"Lt\",{\"$ref_new\":\"n\"}]");
        } else if (kind < 4 && !strstr(b->text, "patch_rows")) {
            add_ids(b, d, "patch_rows", ids, true);
            if (kind == 3)
                add(b, ",\"patch_condition\":[\"n\",\"NotEq\",%u]", roll(d, 5));
        } else if (kind < 6 && !strstr(b->text, "deletes")) {
            add_ids(b, d, "deletes", ids, false);
            if (kind == 5)
                add(b, ",\"delete_condition\":[\"n\",\"Gte\",%u]", roll(d, 5));
        } else if (kind == 6 && !strstr(b->text, "delete_by")) {
            add(b, ",\"delete_by_filter\":");
            add_filter(b, d, ids);
            add(b, ",\"delete_by_filter_allow_partial\":true");
        } else if (kind == 7 && !strstr(b->text, "patch_by")) {
            add(b, ",\"patch_by_filter\":{\"filters\":");
            add_filter(b, d, ids);
            add(b, ",\"patch\":{\"s\":\"%u\"}}", roll(d, 4));
        }
    }
    if (roll(d, 12) == 0)
        add(b, ",\"schema\":{\"x%u\":\"int\"}", roll(d, 3));
    add(b, b->len < 40 ? ",\"deletes\":[1]}" : "}");
}

/* -- a group ----------------------------------------------------------------------------------- */

static mola_write_limits limits;
static mola_arena arena;
static mola_why why;
static mola_ctx ctx;

typedef struct {
    client members[MEMBERS_MAX];
    mola_write_draft draft;
    mola_write_again again;
    uint32_t taken, held; /* members; those that were not evaluated */
} group_of;

static void open_members(group_of *g, const body *bodies, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool settings = strstr(bodies[i].text, "read_only") != NULL;
        open_client(&g->members[i], settings ? MOLA_WRITE_SETTINGS : MOLA_WRITE_ROWS,
                    MOLA_STR("ns"), (mola_str){bodies[i].text, bodies[i].len});
        g->members[i].write.plan = mola_write_plan_new(&heap);
    }
}

static void close_members(group_of *g, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        mola_write_plan_free(g->members[i].write.plan);
        close_client(&g->members[i]);
    }
}

static void evaluate(group_of *g, uint32_t count, const mola_view *before, mola_view *now)
{
    mola_write_draft_open(&g->draft, &ctx, &heap, 1 << 24, &limits, now);
    mola_write_again_open(&g->again, &heap, before, now);
    g->draft.again = &g->again;
    g->taken = g->held = 0;
    while (g->taken < count) {
        mola_write *w = &g->members[g->taken].write;
        g->held += w->kind == MOLA_WRITE_ROWS &&
                   mola_write_again_holds(&g->again, &ctx, w->plan, g->draft.state);
        if (mola_write_draft_take(&g->draft, w) == MOLA_CUT)
            break;
        g->taken++;
    }
    for (uint32_t i = g->taken; i < count; i++)
        g->members[i].write.plan->effect.is_evaluated = false;
}

static void close_group(group_of *g)
{
    mola_write_draft_close(&g->draft);
    mola_write_again_close(&g->again);
}

static void same_text(const mola_buf *a, const mola_buf *b)
{
    ck_assert_msg(mola_str_eq(mola_buf_str(a), mola_buf_str(b)), "" MOLA_FMT " and " MOLA_FMT,
                  (int)a->len, a->data, (int)b->len, b->data);
}

static void same_answer(const mola_write_answer *a, const mola_write_answer *b)
{
    ck_assert_int_eq(a->err, b->err);
    ck_assert(mola_str_eq(mola_why_text(&a->why), mola_why_text(&b->why)));
    ck_assert_uint_eq(a->rows_upserted, b->rows_upserted);
    ck_assert_uint_eq(a->rows_patched, b->rows_patched);
    ck_assert_uint_eq(a->rows_deleted, b->rows_deleted);
    ck_assert_uint_eq(a->bytes_written, b->bytes_written);
    ck_assert_int_eq(a->rows_remaining, b->rows_remaining);
    ck_assert_int_eq(a->had_upserts, b->had_upserts);
    ck_assert_int_eq(a->had_patches, b->had_patches);
    ck_assert_int_eq(a->had_deletes, b->had_deletes);
    ck_assert_int_eq(a->had_query, b->had_query);
    same_text(&a->upserted_ids, &b->upserted_ids);
    same_text(&a->patched_ids, &b->patched_ids);
    same_text(&a->deleted_ids, &b->deleted_ids);
}

static int by_id(const void *left, const void *right, void *rows)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const mola_column *ids = &((const mola_rows *)rows)->ids;
    mola_value x = mola_column_element(ids, a), y = mola_column_element(ids, b);
    int order = mola_value_cmp(&x, &y);
    return order ? order : (a > b) - (a < b);
}

static uint32_t *order_of(const mola_rows *rows)
{
    uint32_t *order = mola_new(&arena, uint32_t, rows->count);
    for (uint32_t i = 0; i < rows->count; i++)
        order[i] = i;
    mola_rows sorted = *rows;
    qsort_r(order, rows->count, sizeof *order, by_id, &sorted);
    return order;
}

/* What is done to each document, in its order; which document comes first is left to the filters,
 * which go by the parts of the view. */
static void same_rows(const mola_rows *a, const mola_rows *b)
{
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(a->column_count, b->column_count);
    const uint32_t *left = order_of(a), *right = order_of(b);
    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t x = left[i], y = right[i];
        ck_assert(mola_column_row_eq(&a->ids, x, &b->ids, y));
        ck_assert_int_eq(a->ops[x], b->ops[y]);
        for (uint32_t c = 0; c < a->column_count; c++) {
            const mola_row_column *from = &a->columns[c], *to = &b->columns[c];
            ck_assert_uint_eq(from->attr, to->attr);
            ck_assert_int_eq(mola_bit(from->given ? from->given : from->column.present, x),
                             mola_bit(to->given ? to->given : to->column.present, y));
            bool has = mola_column_has(&from->column, x);
            ck_assert_int_eq(has, mola_column_has(&to->column, y));
            ck_assert(!has || mola_column_row_eq(&from->column, x, &to->column, y));
        }
    }
}

static void same_entry(group_of *a, group_of *b)
{
    ck_assert_int_eq(a->draft.has_effect, b->draft.has_effect);
    if (!a->draft.has_effect)
        return;
    mola_change x, y;
    ck_assert_int_eq(mola_write_draft_change(&a->draft, &x), MOLA_OK);
    ck_assert_int_eq(mola_write_draft_change(&b->draft, &y), MOLA_OK);
    ck_assert_int_eq(x.flags, y.flags);
    ck_assert_int_eq(x.data_written, y.data_written);
    ck_assert(!x.state == !y.state && (!x.state || mola_state_eq(x.state, y.state)));
    same_rows(&x.rows, &y.rows);
}

/* -- the property ------------------------------------------------------------------------------ */

static void begin(void)
{
    open_two();
    limits = (mola_write_limits){.unindexed_bytes_max = 1 << 30,
                                 .delete_by_filter_max = 3,
                                 .patch_by_filter_max = 1000,
                                 .patch_by_filter_bytes = 1 << 20};
    mola_arena_init(&arena, &heap, SIZE_MAX);
    ctx = (mola_ctx){.env = env,
                     .arena = &arena,
                     .why = &why,
                     .deadline_ns = mola_boot_ns(env) + 1000 * MOLA_SECOND};
}

static void end(void)
{
    mola_arena_reset(&arena);
    close_two();
}

static void write_some(dice *d, uint32_t ids, uint32_t requests)
{
    body b;
    while (requests-- > 0) {
        random_body(&b, d, ids);
        (void)write_now(&nodes[1], MOLA_WRITE_ROWS, "ns", b.text);
    }
}

static uint32_t held_in_all, evaluated_in_all;

/* One group through some lost slots; each time a fresh one beside it. */
static void run_group(dice *d, uint32_t ids)
{
    static group_of g, fresh;
    body bodies[MEMBERS_MAX];
    uint32_t count = 1 + roll(d, MEMBERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        random_body(&bodies[i], d, ids);
    if (roll(d, 20) == 0)
        bodies[roll(d, count)] = (body){"{\"read_only\":false}", 19};
    open_members(&g, bodies, count);
    mola_view *before = NULL;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        mola_view *now = read_now(&nodes[1], "ns");
        open_members(&fresh, bodies, count);
        evaluate(&g, count, before, now);
        evaluate(&fresh, count, NULL, now);
        ck_assert_uint_eq(fresh.held, 0);
        ck_assert_uint_eq(g.taken, fresh.taken);
        for (uint32_t i = 0; i < g.taken; i++)
            same_answer(&g.members[i].write.answer, &fresh.members[i].write.answer);
        same_entry(&g, &fresh);
        held_in_all += g.held;
        evaluated_in_all += round ? g.taken - g.held : 0;
        close_group(&g);
        close_group(&fresh);
        close_members(&fresh, count);
        if (before)
            mola_view_unref(before);
        before = now;
        write_some(d, ids, roll(d, 3));
    }
    mola_view_unref(before);
    close_members(&g, count);
}

START_TEST(evaluated_again_a_group_comes_to_what_a_fresh_one_comes_to)
{
    const char *given = getenv("MOLA_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 0xa6a1 + (uint64_t)_i;
    dice d = {seed};
    printf("seed %llu\n", (unsigned long long)seed);
    uint32_t ids = 5 + roll(&d, 40);
    ck_assert_int_eq(
        write_now(&nodes[1], MOLA_WRITE_ROWS, "ns",
                  "{\"upsert_rows\":[{\"id\":1,\"n\":1,\"s\":\"1\"},{\"id\":2,\"n\":0}]}"),
        MOLA_OK);
    held_in_all = evaluated_in_all = 0;
    write_some(&d, ids, 20);
    for (int group = 0; group < 40; group++)
        run_group(&d, ids);
    ck_assert_uint_gt(held_in_all, 20);
    ck_assert_uint_gt(evaluated_in_all, 20);
}
END_TEST

/* -- counted ----------------------------------------------------------------------------------- */

/* How many of the bodies hold, as a group that has lost its slot to `theirs`. */
static uint32_t held_after(const char *const *members, uint32_t count, const char *theirs)
{
    static group_of g;
    body bodies[MEMBERS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        bodies[i].len = 0;
        add(&bodies[i], "%s", members[i]);
    }
    mola_view *before = read_now(&nodes[1], "ns");
    open_members(&g, bodies, count);
    evaluate(&g, count, NULL, before);
    close_group(&g);
    if (theirs)
        must(1, theirs);
    mola_view *now = read_now(&nodes[1], "ns");
    evaluate(&g, count, before, now);
    close_group(&g);
    close_members(&g, count);
    mola_view_unref(before);
    mola_view_unref(now);
    return g.held;
}

START_TEST(only_what_was_touched_is_evaluated_again)
{
    static const char *const apart[] = {
        "{\"patch_rows\":[{\"id\":1,\"n\":5}],\"patch_condition\":[\"n\",\"Lt\",5]}",
        "{\"upsert_rows\":[{\"id\":2,\"n\":5}]}",
        "{\"deletes\":[3,9]}",
        "{\"delete_by_filter\":[\"n\",\"Eq\",7]}",
        "{\"patch_by_filter\":{\"filters\":[\"s\",\"Eq\",\"a\"],\"patch\":{\"t\":\"p\"}}}",
    };
    static const char *const chain[] = {
        "{\"patch_rows\":[{\"id\":1,\"n\":5}],\"patch_condition\":[\"n\",\"Lt\",5]}",
        "{\"patch_rows\":[{\"id\":1,\"s\":\"b\"},{\"id\":2,\"s\":\"b\"}]}",
        "{\"deletes\":[2]}",
        "{\"deletes\":[4]}",
    };
    static const char *const border[] = {
        "{\"delete_by_filter\":[\"n\",\"Lt\",100],\"delete_by_filter_allow_partial\":true}",
        "{\"patch_rows\":[{\"id\":4,\"s\":\"b\"}]}",
    };
    must(1, "{\"upsert_rows\":[{\"id\":1,\"n\":1,\"t\":\"\"},{\"id\":2,\"n\":2},{\"id\":3,\"n\":7},"
            "{\"id\":4,"
            "\"n\":4,\"s\":\"a\"},{\"id\":5,\"n\":5}]}");
    ck_assert_uint_eq(held_after(apart, 5, NULL), 5);
    /* nothing that anybody looks at */
    ck_assert_uint_eq(held_after(apart, 5, "{\"upsert_rows\":[{\"id\":20,\"n\":1}]}"), 5);
    ck_assert_uint_eq(held_after(apart, 5, "{\"upsert_rows\":[{\"id\":2,\"n\":3}]}"), 5);
    /* one by its id, and with it the two filters behind it */
    ck_assert_uint_eq(held_after(apart, 5, "{\"patch_rows\":[{\"id\":1,\"n\":2}]}"), 2);
    /* one that nobody had, and that a delete names */
    ck_assert_uint_eq(held_after(apart + 2, 1, "{\"upsert_rows\":[{\"id\":9,\"n\":1}]}"), 0);
    must(1, "{\"deletes\":[9]}");
    /* one that comes to match, one that matched and does not */
    ck_assert_uint_eq(held_after(apart + 3, 2, "{\"upsert_rows\":[{\"id\":21,\"n\":7}]}"), 0);
    ck_assert_uint_eq(held_after(apart + 4, 1, "{\"patch_rows\":[{\"id\":4,\"s\":\"c\"}]}"), 0);
    ck_assert_uint_eq(held_after(apart + 4, 1, "{\"patch_rows\":[{\"id\":21,\"n\":8}]}"), 1);
    /* the schema */
    ck_assert_uint_eq(held_after(apart, 5, "{\"schema\":{\"new\":\"int\"},\"deletes\":[]}"), 0);
    /* along a chain of members that share ids */
    ck_assert_uint_eq(held_after(chain, 4, "{\"patch_rows\":[{\"id\":1,\"n\":0}]}"), 1);
    ck_assert_uint_eq(held_after(chain, 4, "{\"patch_rows\":[{\"id\":4,\"n\":0}]}"), 3);
    /* a filter that may touch three comes to another third one */
    ck_assert_uint_eq(held_after(border, 2, "{\"deletes\":[1]}"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("again");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 100);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_loop_test(cases, evaluated_again_a_group_comes_to_what_a_fresh_one_comes_to, 0, 12);
    tcase_add_test(cases, only_what_was_touched_is_evaluated_again);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
