/* The map of ids and the search for duplicates, against a walk over all pairs. */
#include "mola/codec/uuid.h"
#include "write/ids.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 300 };
static mola_heap heap;
static mola_arena arena;
static uint64_t seed;

static void begin(void)
{
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena_init(&arena, &heap, SIZE_MAX);
    const char *text = getenv("MOLA_TEST_SEED");
    seed = text ? strtoull(text, NULL, 10) : 1;
    printf("seed %llu\n", (unsigned long long)seed);
}

static void end(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

static uint32_t chance(uint32_t below)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(seed >> 33) % below;
}

static mola_value value_of(mola_elem type, uint32_t n, char text[64])
{
    mola_value v = {.elem = (uint8_t)type};
    if (type == MOLA_ELEM_UINT) {
        v.u = n * UINT64_C(0x123456789abc);
    } else if (type == MOLA_ELEM_UUID) {
        v.uuid[15] = (uint8_t)n;
        v.uuid[14] = (uint8_t)(n >> 8);
    } else {
        v.s = (mola_str){text, (size_t)snprintf(text, 64, "key-%u", n)};
    }
    return v;
}

typedef struct {
    mola_column_builder ids;
    uint32_t numbers[ROWS_MAX];
    mola_rows rows;
} batch;

/* Between 0 and ROWS_MAX rows of numbers below `spread`; rising ones when `rising`. */
static void make(batch *b, mola_elem type, uint32_t spread, bool rising)
{
    mola_column_builder_init(&b->ids, &heap,
                             (mola_type){.form = MOLA_FORM_SCALAR, .elem = (uint8_t)type});
    uint32_t count = chance(ROWS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char text[64];
        b->numbers[i] = rising ? 100 + i : chance(spread); /* 100..: the texts rise as well */
        mola_value id = value_of(type, b->numbers[i], text);
        ck_assert_int_eq(mola_column_add_value(&b->ids, &id), MOLA_OK);
    }
    b->rows = (mola_rows){.count = count, .ids = mola_column_built(&b->ids)};
}

static bool has_twice(const batch *b)
{
    for (uint32_t i = 0; i < b->rows.count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (b->numbers[i] == b->numbers[j])
                return true;
    return false;
}

static const mola_elem types[] = {MOLA_ELEM_UINT, MOLA_ELEM_UUID, MOLA_ELEM_STRING};

START_TEST(duplicates_are_found_wherever_they_stand)
{
    static batch b;
    uint32_t twice = 0;
    for (uint32_t round = 0; round < 600; round++) {
        make(&b, types[round % 3], round % 2 ? 40000 : 200, round % 7 == 0);
        mola_why why = {0};
        mola_err err = mola_ids_check_distinct(&b.rows, &heap, &arena, &why);
        ck_assert_int_eq(err, has_twice(&b) ? MOLA_INVALID : MOLA_OK);
        twice += err != MOLA_OK;
        mola_column_builder_free(&b.ids);
    }
    ck_assert_uint_gt(twice, 100);
}
END_TEST

START_TEST(the_words_name_each_duplicate_once_in_order)
{
    static const uint32_t numbers[] = {9, 3, 9, 5, 3, 9};
    mola_column_builder ids;
    mola_column_builder_init(&ids, &heap,
                             (mola_type){.form = MOLA_FORM_SCALAR, .elem = MOLA_ELEM_STRING});
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[64];
        mola_value id = value_of(MOLA_ELEM_STRING, numbers[i], text);
        ck_assert_int_eq(mola_column_add_value(&ids, &id), MOLA_OK);
    }
    mola_rows rows = {.count = ids.rows, .ids = mola_column_built(&ids)};
    mola_why why = {0};
    ck_assert_int_eq(mola_ids_check_distinct(&rows, &heap, &arena, &why), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(why.text, ": key-3,key-9"));
    ck_assert_uint_eq(why.len, strlen(why.text));
    mola_column_builder_free(&ids);
}
END_TEST

START_TEST(the_map_gives_the_last_row_of_every_id)
{
    static batch batches[4];
    for (uint32_t round = 0; round < 100; round++) {
        mola_id_map map;
        mola_id_map_init(&map, &heap);
        for (uint32_t i = 0; i < 4; i++) {
            make(&batches[i], types[round % 3], 400, false);
            ck_assert(mola_id_map_reserve(&map, batches[i].rows.count));
            for (uint32_t row = 0; row < batches[i].rows.count; row++)
                (void)mola_id_map_put(&map, &batches[i].rows, row);
        }
        for (uint32_t n = 0; n < 400; n++) {
            const mola_rows *rows = NULL;
            uint32_t last = 0;
            for (uint32_t i = 0; i < 4; i++)
                for (uint32_t row = 0; row < batches[i].rows.count; row++)
                    if (batches[i].numbers[row] == n) {
                        rows = &batches[i].rows;
                        last = row;
                    }
            char text[64];
            mola_value id = value_of(types[round % 3], n, text);
            const mola_id_place *place = mola_id_map_find(&map, &id);
            ck_assert((place != NULL) == (rows != NULL));
            ck_assert(!place || (place->rows == rows && place->row == last));
        }
        mola_id_map_free(&map);
        for (uint32_t i = 0; i < 4; i++)
            mola_column_builder_free(&batches[i].ids);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ids");
    TCase *all = tcase_create("ids");
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, duplicates_are_found_wherever_they_stand);
    tcase_add_test(all, the_words_name_each_duplicate_once_in_order);
    tcase_add_test(all, the_map_gives_the_last_row_of_every_id);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
