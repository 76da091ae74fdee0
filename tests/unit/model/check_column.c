#include "common.h"
#include "model/builder.h"

/* Columns carry every value of the engine: what goes in as JSON must come out of every copy, slice
 * and builder the same, bit for bit. */

enum { SEEDS = 60 };

static chance seeded(int seed)
{
    printf("seed %d\n", seed);
    return (chance){(uint64_t)seed * 7919};
}

/* What went in, what is printed and what the printed text reads as agree. */
START_TEST(printed_rows_read_back_equal)
{
    chance c = seeded(_i);
    mola_column_builder a, b;
    mola_type type = random_type(&c);
    mola_column_builder_init(&a, &heap, type);
    mola_column_builder_init(&b, &heap, type);
    random_rows(&c, &a, below(&c, 200), below(&c, 4));
    mola_column first = mola_column_built(&a);
    for (uint32_t r = 0; r < first.rows; r++) {
        if (!mola_column_has(&first, r)) {
            ck_assert_int_eq(mola_column_add_absent(&b, 1), MOLA_OK);
            continue;
        }
        mola_column_print(&out, &first, r, MOLA_VECTORS_AS_FLOATS);
        mola_err err = mola_column_add_json(&b, MOLA_STR("a"), false, json_n(out.data, out.len),
                                            &mola_limits_default, &arena, &why);
        ck_assert_msg(err == MOLA_OK, "%s", said());
        out.len = 0;
        if (doc_count > 60)
            drop_docs();
    }
    mola_column second = mola_column_built(&b);
    ck_assert_uint_eq(first.rows, second.rows);
    assert_columns_eq(&first, 0, &second, 0, first.rows);
    mola_column_builder_free(&a);
    mola_column_builder_free(&b);
}
END_TEST

/* Rows added one by one, in runs, from slices and at odd places are the rows they were. */
START_TEST(copies_of_any_run_equal_their_source)
{
    chance c = seeded(_i);
    mola_column_builder a, b;
    mola_type type = random_type(&c);
    mola_column_builder_init(&a, &heap, type);
    mola_column_builder_init(&b, &heap, type);
    random_rows(&c, &a, 150 + below(&c, 150), below(&c, 4));
    mola_column source = mola_column_built(&a);
    uint32_t from[64], rows[64], at[64], runs = 0;
    for (; runs < 60; runs++) {
        mola_column view = source;
        uint32_t skip = below(&c, 3) * 64;
        if (below(&c, 2))
            view = mola_column_slice(&source, skip, source.rows - skip);
        else
            skip = 0;
        uint32_t first = below(&c, view.rows), count = below(&c, view.rows - first + 1);
        at[runs] = b.rows;
        if (below(&c, 2)) {
            ck_assert_int_eq(mola_column_add_rows(&b, &view, first, count), MOLA_OK);
        } else {
            count = 1;
            ck_assert_int_eq(mola_column_add_row(&b, &view, first), MOLA_OK);
        }
        from[runs] = skip + first;
        rows[runs] = count;
        if (below(&c, 8) == 0)
            ck_assert_int_eq(mola_column_add_absent(&b, below(&c, 70)), MOLA_OK);
    }
    mola_column copy = mola_column_built(&b);
    for (uint32_t i = 0; i < runs; i++) {
        assert_columns_eq(&copy, at[i], &source, from[i], rows[i]);
        uint32_t after = at[i] + rows[i], until = i + 1 < runs ? at[i + 1] : copy.rows;
        for (uint32_t r = after; r < until; r++)
            ck_assert(!mola_column_has(&copy, r));
    }
    mola_column_builder_free(&a);
    mola_column_builder_free(&b);
}
END_TEST

START_TEST(a_rewound_builder_is_as_it_was)
{
    chance c = seeded(_i);
    mola_column_builder a, b;
    mola_type type = random_type(&c);
    mola_column_builder_init(&a, &heap, type);
    mola_column_builder_init(&b, &heap, type);
    random_rows(&c, &a, below(&c, 100), below(&c, 3));
    mola_column source = mola_column_built(&a);
    ck_assert_int_eq(mola_column_add_rows(&b, &source, 0, source.rows), MOLA_OK);
    mola_column_mark mark = mola_column_builder_mark(&b);
    random_rows(&c, &b, below(&c, 100), 2);
    mola_column_builder_rewind(&b, &mark);
    ck_assert_uint_eq(b.rows, source.rows);
    ck_assert_int_eq(mola_column_add_rows(&b, &source, 0, source.rows), MOLA_OK);
    mola_column twice = mola_column_built(&b);
    assert_columns_eq(&twice, 0, &source, 0, source.rows);
    assert_columns_eq(&twice, source.rows, &source, 0, source.rows);
    mola_column_builder_free(&a);
    mola_column_builder_free(&b);
}
END_TEST

/* Every call that finds no memory leaves the rows that were there, and can be made again. */
START_TEST(no_memory_leaves_the_builder_as_it_was)
{
    chance c = seeded(_i);
    mola_column_builder a, b;
    mola_type type = random_type(&c);
    mola_heap small;
    mola_heap_init(&small, 1 << 20);
    mola_column_builder_init(&a, &heap, type);
    mola_column_builder_init(&b, &small, type);
    random_rows(&c, &a, 300, 3);
    mola_column source = mola_column_built(&a);
    uint32_t done = 0, refused = 0;
    while (done < source.rows) {
        uint32_t run = 1 + below(&c, 40);
        run = run < source.rows - done ? run : source.rows - done;
        small.limit = below(&c, 3) ? atomic_load(&small.used) : 1 << 20;
        mola_err err = mola_column_add_rows(&b, &source, done, run);
        if (err) {
            ck_assert_int_eq(err, MOLA_NO_MEMORY);
            refused++;
        } else {
            done += run;
        }
        ck_assert_uint_eq(b.rows, done);
        mola_column so_far = mola_column_built(&b);
        assert_columns_eq(&so_far, 0, &source, 0, done);
    }
    ck_assert_uint_gt(refused, 0);
    mola_column_builder_free(&a);
    mola_column_builder_free(&b);
    ck_assert_uint_eq(atomic_load(&small.used), 0);
}
END_TEST

START_TEST(empty_lists_take_the_type_that_comes_later)
{
    mola_column_builder unknown, strings, b;
    mola_column_builder_init(&unknown, &heap, type_of("[]unknown"));
    mola_column_builder_init(&strings, &heap, type_of("[]string"));
    mola_column_builder_init(&b, &heap, type_of("[]unknown"));
    ck_assert_int_eq(mola_column_add_json(&unknown, MOLA_STR("a"), true, json("[]"),
                                          &mola_limits_default, &arena, &why),
                     0);
    ck_assert_int_eq(mola_column_add_absent(&unknown, 1), 0);
    ck_assert_int_eq(mola_column_add_json(&strings, MOLA_STR("a"), true, json("[\"x\",\"\"]"),
                                          &mola_limits_default, &arena, &why),
                     0);
    mola_column none = mola_column_built(&unknown), some = mola_column_built(&strings);
    ck_assert_int_eq(mola_column_add_rows(&b, &none, 0, 2), MOLA_OK);
    ck_assert_int_eq(mola_column_add_rows(&b, &some, 0, 1), MOLA_OK);
    ck_assert_int_eq(mola_column_add_rows(&b, &none, 0, 2), MOLA_OK);
    mola_column c = mola_column_built(&b);
    ck_assert(mola_type_eq(c.type, type_of("[]string")));
    ck_assert_uint_eq(c.rows, 5);
    for (uint32_t r = 0; r < 5; r++) {
        if (mola_column_has(&c, r))
            mola_column_print(&out, &c, r, MOLA_VECTORS_AS_FLOATS);
        mola_buf_add_char(&out, ';');
    }
    ck_assert_str_eq(printed(), "[];;[\"x\",\"\"];[];;");
    mola_column_builder_free(&unknown);
    mola_column_builder_free(&strings);
    mola_column_builder_free(&b);
}
END_TEST

START_TEST(cells_of_a_column_are_the_values_put_in)
{
    static const mola_elem elems[] = {MOLA_ELEM_STRING,   MOLA_ELEM_INT,  MOLA_ELEM_UINT,
                                      MOLA_ELEM_FLOAT,    MOLA_ELEM_BOOL, MOLA_ELEM_UUID,
                                      MOLA_ELEM_DATETIME, MOLA_ELEM_BYTES};
    chance c = seeded(1);
    for (size_t e = 0; e < sizeof elems / sizeof *elems; e++) {
        mola_column_builder b;
        mola_value values[200];
        mola_column_builder_init(&b, &heap, (mola_type){.elem = (uint8_t)elems[e]});
        for (int i = 0; i < 200; i++) {
            values[i] = below(&c, 4) ? random_value(&c, elems[e]) : (mola_value){0};
            ck_assert_int_eq(mola_column_add_value(&b, &values[i]), MOLA_OK);
        }
        mola_column column = mola_column_built(&b);
        mola_column tail = mola_column_slice(&column, 128, 72);
        for (uint32_t i = 0; i < 200; i++) {
            mola_value cell = mola_column_cell(&column, i);
            ck_assert(mola_value_eq(&cell, &values[i]));
            if (i >= 128) {
                cell = mola_column_cell(&tail, i - 128);
                ck_assert(mola_value_eq(&cell, &values[i]));
            }
        }
        mola_column_builder_free(&b);
    }
}
END_TEST

START_TEST(an_empty_builder_gives_an_empty_column)
{
    static const char *const types[] = {"int", "string", "[]string", "[4]f32", "[][2]f16", "{}f16"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        mola_column_builder a, b;
        mola_column_builder_init(&a, &heap, type_of(types[i]));
        mola_column_builder_init(&b, &heap, type_of(types[i]));
        mola_column none = mola_column_built(&a);
        ck_assert_uint_eq(none.rows, 0);
        ck_assert_ptr_nonnull(none.data);
        ck_assert_int_eq(mola_column_add_rows(&b, &none, 0, 0), MOLA_OK);
        mola_column slice = mola_column_slice(&none, 0, 0);
        ck_assert_uint_eq(slice.rows, 0);
        mola_column_builder_free(&a);
        mola_column_builder_free(&b);
    }
}
END_TEST

/* Bits from any place to any place, against a loop of single bits. */
START_TEST(bits_copy_like_a_loop)
{
    chance c = seeded(_i);
    uint64_t source[8], target[8], expected[8];
    for (int i = 0; i < 8; i++) {
        source[i] = next_u64(&c);
        target[i] = expected[i] = next_u64(&c);
    }
    uint32_t from = below(&c, 300), to = below(&c, 300), count = below(&c, 200);
    bool ones = below(&c, 4) == 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bit = UINT64_C(1) << (to + i) % 64;
        bool set = ones || mola_bit(source, from + i);
        expected[(to + i) / 64] =
            set ? expected[(to + i) / 64] | bit : expected[(to + i) / 64] & ~bit;
    }
    mola_bits_copy(target, to, ones ? NULL : source, from, count);
    ck_assert_mem_eq(target, expected, sizeof target);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("column");
    TCase *columns = tcase_create("columns");
    tcase_add_checked_fixture(columns, set_up, tear_down);
    tcase_add_loop_test(columns, printed_rows_read_back_equal, 0, SEEDS);
    tcase_add_loop_test(columns, copies_of_any_run_equal_their_source, 0, SEEDS);
    tcase_add_loop_test(columns, a_rewound_builder_is_as_it_was, 0, SEEDS);
    tcase_add_loop_test(columns, no_memory_leaves_the_builder_as_it_was, 0, SEEDS);
    tcase_add_test(columns, empty_lists_take_the_type_that_comes_later);
    tcase_add_test(columns, cells_of_a_column_are_the_values_put_in);
    tcase_add_test(columns, an_empty_builder_gives_an_empty_column);
    tcase_add_loop_test(columns, bits_copy_like_a_loop, 0, 200);
    suite_add_tcase(suite, columns);
    return run(suite);
}
