/* The first rows of a set by id, against an order of all of it: which documents a request that may
 * touch only a part of them takes must be the same everywhere. */
#include "../scan/oracle.h"
#include "mola/scan/order.h"
#include "write/first.h"

static fixture f;
enum { ROWS = 9000, KINDS = 5 };

static void set_up(void)
{
    fixture_open(&f);
}
static void tear_down(void)
{
    fixture_close(&f);
}

/* Distinct ids in no order: dense numbers, numbers all over, texts that begin alike or do not, and
 * uuids of which many begin alike. */
static const char *const id_types[KINDS] = {"uint", "uint", "string", "string", "uuid"};
static void print_id(mola_buf *out, int kind, uint32_t i)
{
    uint32_t mixed = (i * 7919U) % ROWS;
    uint64_t wide = (uint64_t)mixed * UINT64_C(0x9e3779b97f4a7c15);
    switch (kind) {
    case 0:
        mola_buf_print(out, "%u", mixed + 77777);
        break;
    case 1:
        mola_buf_print(out, "%llu", (unsigned long long)wide);
        break;
    case 2:
        mola_buf_print(out, "\"document %u\"", mixed);
        break;
    case 3:
        mola_buf_print(out, "\"%08x %u\"", (unsigned)(wide >> 32), mixed);
        break;
    default:
        mola_buf_print(out, "\"%08x-0000-4000-8000-%012x\"", (unsigned)(wide >> 32) & 0xff00ffffU,
                       mixed);
    }
}

static mola_view *view_of_ids(dice *d, int kind)
{
    static mola_buf text;
    mola_buf_init(&text, &f.heap);
    mola_buf_print(&text, "{\"id\":\"%s\"}", id_types[kind]);
    mola_json_doc *types = parse_text(&f, text.data, text.len);
    text.len = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        mola_buf_print(&text, "%s{\"id\":", i ? "," : "[");
        print_id(&text, kind, i);
        mola_buf_print(&text, "}");
    }
    mola_buf_print(&text, "]");
    mola_json_doc *rows = parse_text(&f, text.data, text.len);
    mola_buf_free(&text);
    cut cuts[3] = {{1 + roll(d, 5000), 7}, {1 + roll(d, 2000), 0}, {1 + roll(d, 1000), 3}};
    mola_view *view = make_view(&f, make_state(&f, mola_json_root(types), MOLA_METRIC_NONE),
                                mola_json_root(rows), cuts, 3);
    mola_json_free(types);
    mola_json_free(rows);
    return view;
}

static mola_rowset some_rows(dice *d, const mola_view *view)
{
    mola_rowset set;
    ck_assert_int_eq(mola_rowset_live(&f.ctx, view, &set), MOLA_OK);
    set.count = 0;
    for (uint32_t p = 0; p < view->part_count; p++) {
        for (uint32_t row = 0; row < view->parts[p].rows; row++) {
            if (roll(d, 9) == 0)
                set.bits[p][row / 64] &= ~((uint64_t)1 << row % 64);
            set.count += mola_bit(set.bits[p], row);
        }
    }
    return set;
}

START_TEST(the_first_of_a_set_are_those_of_its_order)
{
    dice d = {0xf125 + (uint64_t)_i};
    mola_view *view = view_of_ids(&d, _i % KINDS);
    for (int round = 0; round < 6; round++) {
        mola_rowset set = some_rows(&d, view);
        const uint64_t all = set.count,
                       ends[] = {0, 1, all - 1, all / 2, 1 + roll(&d, ROWS / 2), all - 100};
        uint64_t most = ends[round];
        mola_hit *hits;
        size_t count;
        ck_assert_int_eq(mola_order_run(&f.ctx, &set, NULL, 0, SIZE_MAX, &hits, &count), MOLA_OK);
        ck_assert_uint_eq(count, all);
        ck_assert_int_eq(mola_write_keep_first(&f.ctx, &set, most), MOLA_OK);
        ck_assert_uint_eq(set.count, most);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(mola_bit(set.bits[hits[i].part], hits[i].row), i < most);
    }
    mola_view_unref(view);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("first");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_loop_test(cases, the_first_of_a_set_are_those_of_its_order, 0, 2 * KINDS);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
