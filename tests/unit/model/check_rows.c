#include "common.h"
#include "random_rows.h"

/* The builder of a commit group: whatever the batches held, in their order, is what the entry
 * holds. */

enum { BATCHES = 12 };

static void assert_tail_is(const mola_rows *all, uint32_t at, const mola_rows *batch)
{
    ck_assert_uint_le(at + batch->count, all->count);
    ck_assert_mem_eq(all->ops + at, batch->ops, batch->count);
    assert_columns_eq(&all->ids, at, &batch->ids, 0, batch->count);
    uint32_t next = 0;
    for (uint32_t i = 0; i < all->column_count; i++) {
        const mola_row_column *rc = &all->columns[i];
        ck_assert(i == 0 || rc->attr > all->columns[i - 1].attr);
        const mola_row_column *from = NULL;
        if (next < batch->column_count && batch->columns[next].attr == rc->attr)
            from = &batch->columns[next++];
        if (from)
            assert_columns_eq(&rc->column, at, &from->column, 0, batch->count);
        for (uint32_t r = 0; r < batch->count; r++) {
            bool given = from && mola_row_given(from, r);
            ck_assert_int_eq(mola_row_given(rc, at + r), given);
            ck_assert(from || !mola_column_has(&rc->column, at + r));
        }
    }
    ck_assert_uint_eq(next, batch->column_count);
}

START_TEST(appended_batches_stand_one_after_the_other)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 31};
    random_batch batches[BATCHES];
    mola_rows_builder *b = mola_rows_builder_new(&heap);
    mola_rows all;
    random_schema schema = random_schema_new(&c);
    for (int i = 0; i < BATCHES; i++) {
        random_batch_init(&c, &schema, &batches[i]);
        ck_assert_int_eq(mola_rows_append(b, &batches[i].rows), MOLA_OK);
        if (below(&c, 3) == 0) /* looking changes nothing */
            ck_assert(mola_rows_built(b, &all));
    }
    ck_assert(mola_rows_built(b, &all));
    uint32_t at = 0;
    for (int i = 0; i < BATCHES; i++) {
        assert_tail_is(&all, at, &batches[i].rows);
        at += batches[i].rows.count;
        random_batch_free(&batches[i]);
    }
    ck_assert_uint_eq(all.count, at);
    ck_assert_uint_ge(mola_rows_bytes(b), at);
    mola_rows_builder_free(b);
}
END_TEST

START_TEST(a_batch_without_memory_leaves_no_trace)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i * 37};
    random_batch batches[BATCHES];
    mola_heap small;
    mola_heap_init(&small, 1 << 22);
    mola_rows_builder *b = mola_rows_builder_new(&small);
    mola_rows all;
    random_schema schema = random_schema_new(&c);
    uint32_t refused = 0;
    for (int i = 0; i < BATCHES; i++) {
        random_batch_init(&c, &schema, &batches[i]);
        for (size_t more = 0;; more = more * 2 + 64) { /* a little more room each time */
            small.limit = atomic_load(&small.used) + more;
            mola_err err = mola_rows_append(b, &batches[i].rows);
            small.limit = 1 << 22;
            if (!err)
                break;
            ck_assert_int_eq(err, MOLA_NO_MEMORY);
            refused++;
        }
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert(mola_rows_built(b, &all));
    uint32_t at = 0;
    for (int i = 0; i < BATCHES; i++) {
        assert_tail_is(&all, at, &batches[i].rows);
        at += batches[i].rows.count;
        random_batch_free(&batches[i]);
    }
    ck_assert_uint_eq(all.count, at);
    mola_rows_builder_free(b);
    ck_assert_uint_eq(atomic_load(&small.used), 0);
}
END_TEST

START_TEST(an_empty_builder_builds_no_rows)
{
    mola_rows_builder *b = mola_rows_builder_new(&heap);
    mola_rows all, none = {.count = 0};
    ck_assert_int_eq(mola_rows_append(b, &none), MOLA_OK);
    ck_assert(mola_rows_built(b, &all));
    ck_assert_uint_eq(all.count, 0);
    ck_assert_uint_eq(all.column_count, 0);
    ck_assert_uint_eq(mola_rows_bytes(b), 0);
    mola_rows_builder_free(b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rows");
    TCase *rows = tcase_create("rows");
    tcase_add_checked_fixture(rows, set_up, tear_down);
    tcase_add_loop_test(rows, appended_batches_stand_one_after_the_other, 0, 60);
    tcase_add_loop_test(rows, a_batch_without_memory_leaves_no_trace, 0, 30);
    tcase_add_test(rows, an_empty_builder_builds_no_rows);
    suite_add_tcase(suite, rows);
    return run(suite);
}
