#include "mola/codec/print.h"
#include "mola/scan/windows.h"
#include "query/ask.h"
#include "query/sum.h"
#include "scan/distant.h"
#include <check.h>

/* Groups of random rows by random keys are those that the dumbest code finds: a list of groups,
 * each compared with every row. Values come from small pools and from large ones, and texts are
 * alike in their first bytes, for that is where a fast way may go wrong. However the rows lie in
 * parts, and when they are far away, the answer is the same text. */

enum { KEYS = 7, ARRAYS = 2, ROWS_MAX = 4500, ELEMENTS_MAX = 5, KEYS_MAX = 3, TEXTS = 14 };

typedef struct {
    mola_value keys[KEYS];                   /* elem NONE: null */
    mola_value arrays[ARRAYS][ELEMENTS_MAX]; /* as far as lengths says */
    int lengths[ARRAYS];                     /* -1: null */
    mola_value n, x;
} row;
static const struct {
    const char *name;
    mola_elem elem;
} keys[KEYS + ARRAYS] = {
    {"s", MOLA_ELEM_STRING},   {"i", MOLA_ELEM_INT},     {"u", MOLA_ELEM_UINT},
    {"f", MOLA_ELEM_FLOAT},    {"b", MOLA_ELEM_BOOL},    {"g", MOLA_ELEM_UUID},
    {"d", MOLA_ELEM_DATETIME}, {"ss", MOLA_ELEM_STRING}, {"ii", MOLA_ELEM_INT}};
static const char schema[] =
    "{\"id\":\"uint\",\"s\":\"string\",\"i\":\"int\",\"u\":\"uint\",\"f\":\"float\",\"b\":\"bool\","
    "\"g\":\"uuid\",\"d\":\"datetime\","
    "\"ss\":\"[]string\",\"ii\":\"[]int\",\"n\":\"int\",\"x\":\"float\"}";

static fixture f;
static uint64_t dice;
static row rows[ROWS_MAX];
static uint32_t row_count;

static void set_up(void)
{
    fixture_open(&f);
}

static void tear_down(void)
{
    fixture_close(&f);
}

static uint32_t roll(uint32_t sides)
{
    dice = dice * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(dice >> 33) % sides;
}

/* ---- rows */

/* Long and short, alike up to the eighth or the sixteenth byte, with a zero byte at the end. */
static mola_str some_text(bool many)
{
    static const mola_str texts[TEXTS] = {{"", 0},
                                          {"a", 1},
                                          {"a\0", 2},
                                          {"a\0\0", 3},
                                          {"1234567", 7},
                                          {"12345678", 8},
                                          {"123456789", 9},
                                          {"12345678\0", 9},
                                          {"1234567812345678", 16},
                                          {"1234567812345678\0", 17},
                                          {"12345678123456789", 17},
                                          {"12345678123456780", 17},
                                          {"12345678123456789 and much more of it", 37},
                                          {"12345678123456789 and much more of me", 37}};
    mola_str made;
    if (!many)
        return texts[roll(TEXTS)];
    MUST(
        mola_arena_print(&f.arena, &made, "text %u%s", roll(3000), roll(2) ? "" : " that is long"));
    return made;
}

static mola_value some_value(mola_elem elem, bool many)
{
    mola_value v = {.elem = (uint8_t)elem};
    static const double floats[] = {-0.0, 0.0, 1.5, -1e300, 5e-324};
    uint32_t few = roll(4), lots = roll(5000);
    switch (elem) {
    case MOLA_ELEM_STRING:
        v.s = some_text(many);
        break;
    case MOLA_ELEM_FLOAT:
        v.f = many ? lots * 0.25 : floats[roll(5)];
        break;
    case MOLA_ELEM_BOOL:
        v.b = few & 1;
        break;
    case MOLA_ELEM_UUID:
        v.uuid[0] = (uint8_t)few;
        v.uuid[15] = (uint8_t)(many ? lots : few >> 1);
        break;
    case MOLA_ELEM_DATETIME:
        v.i = (int64_t)(many ? lots : few) * 1000000007;
        break;
    default:
        v.u = many ? lots : few ? (uint64_t)few - 2 : UINT64_MAX / (elem == MOLA_ELEM_INT ? 2 : 1);
    }
    return v;
}

static void make_rows(uint32_t count)
{
    bool many[KEYS + ARRAYS];
    row_count = count;
    for (int k = 0; k < KEYS + ARRAYS; k++)
        many[k] = roll(3) == 0;
    for (row *r = rows; r < rows + count; r++) {
        for (int k = 0; k < KEYS; k++)
            r->keys[k] = roll(8) ? some_value(keys[k].elem, many[k]) : (mola_value){0};
        for (int a = 0; a < ARRAYS; a++) {
            r->lengths[a] = (int)roll(ELEMENTS_MAX + 2) - 1;
            for (int i = 0; i < r->lengths[a]; i++)
                r->arrays[a][i] = some_value(keys[KEYS + a].elem, many[KEYS + a]);
        }
        r->n = roll(5) ? some_value(MOLA_ELEM_INT, roll(2)) : (mola_value){0};
        r->x = roll(5) ? some_value(MOLA_ELEM_FLOAT, true) : (mola_value){0};
    }
}

static void print_member(mola_buf *out, const char *name, const mola_value *v)
{
    if (v->elem == MOLA_ELEM_NONE)
        return;
    mola_buf_print(out, ",\"%s\":", name);
    mola_value_print(out, v);
}

static void print_rows(mola_buf *out)
{
    mola_buf_add_char(out, '[');
    for (uint32_t i = 0; i < row_count; i++) {
        const row *r = &rows[i];
        mola_buf_print(out, "%s{\"id\":%u", i ? "," : "", i);
        for (int k = 0; k < KEYS; k++)
            print_member(out, keys[k].name, &r->keys[k]);
        for (int a = 0; a < ARRAYS; a++) {
            if (r->lengths[a] < 0)
                continue;
            mola_buf_print(out, ",\"%s\":[", keys[KEYS + a].name);
            for (int e = 0; e < r->lengths[a]; e++) {
                mola_buf_add_str(out, e ? MOLA_STR(",") : MOLA_STR(""));
                mola_value_print(out, &r->arrays[a][e]);
            }
            mola_buf_add_char(out, ']');
        }
        print_member(out, "n", &r->n);
        print_member(out, "x", &r->x);
        mola_buf_add_char(out, '}');
    }
    mola_buf_print(out, "]%c", 0);
}

/* ---- the oracle */

typedef struct {
    mola_value values[KEYS_MAX];
    uint64_t count;
    mola_sum n, x;
} group;
typedef struct {
    int keys[KEYS_MAX], key_count;
    int64_t least; /* of n; INT64_MIN: no filter */
    uint32_t limit;
    group *groups;
    uint32_t group_count;
} question;

static int order_of(const question *q, const group *a, const group *b)
{
    for (int k = 0; k < q->key_count; k++) {
        int order = mola_value_cmp(&a->values[k], &b->values[k]);
        if (order)
            return order;
    }
    return 0;
}

static void add_to_group(question *q, const group *like, const row *r)
{
    group *g = q->groups;
    while (g < q->groups + q->group_count && order_of(q, g, like))
        g++;
    if (g == q->groups + q->group_count) {
        q->group_count++;
        *g = *like;
    }
    g->count++;
    if (r->n.elem)
        MUST(mola_sum_add(&g->n, &f.arena, &r->n));
    if (r->x.elem)
        MUST(mola_sum_add(&g->x, &f.arena, &r->x));
}

static void add_row(question *q, const row *r)
{
    group like = {0};
    int array = -1, place = 0;
    for (int k = 0; k < q->key_count; k++) {
        if (q->keys[k] < KEYS) {
            like.values[k] = r->keys[q->keys[k]];
            if (like.values[k].elem == MOLA_ELEM_FLOAT && like.values[k].f == 0)
                like.values[k].f = 0; /* not -0.0 */
        } else {
            array = q->keys[k] - KEYS;
            place = k;
        }
    }
    if (array < 0 || r->lengths[array] < 0) {
        add_to_group(q, &like, r);
        return;
    }
    for (int i = 0; i < r->lengths[array]; i++) {
        bool seen = false;
        like.values[place] = r->arrays[array][i];
        for (int e = 0; e < i; e++)
            seen |= mola_value_eq(&r->arrays[array][e], &r->arrays[array][i]);
        if (!seen)
            add_to_group(q, &like, r);
    }
}

static void print_group(const question *q, const group *g, mola_buf *out)
{
    mola_buf_add_char(out, '{');
    for (int k = 0; k < q->key_count; k++) {
        mola_buf_print(out, "\"%s\":", keys[q->keys[k]].name);
        mola_value_print(out, &g->values[k]);
        mola_buf_add_char(out, ',');
    }
    mola_buf_print(out, "\"c\":%llu,\"n\":", (unsigned long long)g->count);
    mola_sum_print_whole(out, &g->n);
    mola_buf_add_str(out, MOLA_STR(",\"x\":"));
    mola_print_f64(out, mola_sum_float(&g->x));
    mola_buf_add_char(out, '}');
}

static void print_wanted(question *q, mola_buf *out)
{
    if (!q->key_count) {
        group none = {0};
        mola_buf_add_str(out, MOLA_STR("\"aggregations\":"));
        print_group(q, q->group_count ? q->groups : &none, out);
        return;
    }
    mola_buf_add_str(out, MOLA_STR("\"aggregation_groups\":["));
    for (uint32_t n = 0; n < q->limit && n < q->group_count; n++) {
        group *first = &q->groups[n];
        for (group *g = first + 1; g < q->groups + q->group_count; g++) {
            if (order_of(q, g, first) < 0) {
                group other = *first;
                *first = *g;
                *g = other;
            }
        }
        mola_buf_add_str(out, n ? MOLA_STR(",") : MOLA_STR(""));
        print_group(q, first, out);
    }
    mola_buf_add_char(out, ']');
}

/* ---- questions */

static void make_question(question *q)
{
    *q = (question){.least = roll(2) ? INT64_MIN : (int64_t)roll(6) - 1, .limit = 1 + roll(40)};
    int wanted = (int)roll(KEYS_MAX + 1), arrays = 0;
    while (q->key_count < wanted) {
        int key = (int)roll(KEYS + ARRAYS);
        bool taken = key >= KEYS && arrays;
        for (int k = 0; k < q->key_count; k++)
            taken |= q->keys[k] == key;
        if (taken)
            continue;
        arrays += key >= KEYS;
        q->keys[q->key_count++] = key;
    }
    q->groups = mola_new(&f.arena, group, (size_t)row_count * ELEMENTS_MAX + 1);
    for (uint32_t i = 0; i < row_count; i++) {
        const row *r = &rows[i];
        if (q->least == INT64_MIN || (r->n.elem && r->n.i >= q->least))
            add_row(q, r);
    }
}

static void print_question(const question *q, mola_buf *out)
{
    mola_buf_print(out, "{\"aggregate_by\":{\"c\":[\"Count\"],\"n\":[\"Sum\",\"n\"],\"x\":[\"Sum\","
                        "\"x\"]}");
    for (int k = 0; k < q->key_count; k++) {
        const char *name = keys[q->keys[k]].name;
        mola_buf_print(out, "%s", k ? "," : ",\"group_by\":[");
        if (q->keys[k] < KEYS) {
            mola_buf_print(out, "\"%s\"", name);
        } else {
            mola_buf_print(out, "{\"%s\":[\"ForEachUnique\",\"%s\"]}", name, name);
        }
    }
    if (q->key_count)
        mola_buf_print(out, "],\"limit\":%u", q->limit);
    if (q->least != INT64_MIN)
        mola_buf_print(out, ",\"filters\":[\"n\",\"Gte\",%lld]", (long long)q->least);
    mola_buf_print(out, "}%c", 0);
}

static void ask_and_compare(world *w, int seed, const char *where)
{
    question q;
    mola_buf body, wanted;
    mola_buf_init(&body, &f.heap);
    mola_buf_init(&wanted, &f.heap);
    make_question(&q);
    print_question(&q, &body);
    print_wanted(&q, &wanted);
    mola_buf_add_char(&wanted, '\0');
    answer a = ask(w, body.data);
    ck_assert_msg(strcmp(a.text, wanted.data) == 0, "seed %d, %s, %s gives\n%s, not\n%s", seed,
                  where, body.data, a.text, wanted.data);
    mola_buf_free(&body);
    mola_buf_free(&wanted);
}

START_TEST(groups_are_those_of_the_dumbest_code)
{
    enum { QUESTIONS = 12, SEED = 24091 };
    dice = (uint64_t)(SEED + _i);
    make_rows(_i % 16 == 7 ? ROWS_MAX : roll(200));
    mola_buf text;
    mola_buf_init(&text, &f.heap);
    print_rows(&text);
    cut cuts[2] = {{roll(row_count + 1), roll(4)}};
    cuts[1] = (cut){roll(row_count - cuts[0].rows + 1), roll(4)};
    world w;
    world_open(&w, &f, schema, text.data, MOLA_METRIC_NONE, cuts, roll(3));
    for (int i = 0; i < (row_count > 1000 ? 2 : QUESTIONS); i++) {
        ask_and_compare(&w, _i, "in memory");
        if (!w.view->part_count)
            continue;
        distant_on(w.view, 1 + roll(w.view->part_count), (uint64_t)_i);
        distant.window_bytes = MOLA_STEP_BYTES / 2;
        ask_and_compare(&w, _i, "from afar");
        ck_assert_ptr_null(f.ctx.pins);
        distant_off(w.view);
    }
    world_close(&w);
    mola_buf_free(&text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("groups");
    TCase *t = tcase_create("groups");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, groups_are_those_of_the_dumbest_code, 0, 40);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
