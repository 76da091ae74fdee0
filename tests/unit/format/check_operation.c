#include "mola/format/operation.h"
#include "small_image.h"

/* What an operation remembers of its tries keeps it from being done twice: every byte counts. */

static mola_operation copy(void)
{
    mola_operation o = {.kind = MOLA_OPERATION_COPY,
                        .state = MOLA_OPERATION_RUNNING,
                        .shards = 4,
                        .started_us = 0x1122334455667788u,
                        .tried_us = 0x1122334455667799u,
                        .tries = 2,
                        .name = MOLA_STR("the-copy"),
                        .request = MOLA_STR("its.source")};
    memcpy(o.nsids[0], "the first try's!", 16);
    memcpy(o.nsids[1], "the second try's", 16);
    return o;
}
static mola_operation recall(void)
{
    return (mola_operation){.kind = MOLA_OPERATION_RECALL,
                            .state = MOLA_OPERATION_FAILED,
                            .status = 404,
                            .started_us = 5,
                            .tried_us = 6,
                            .finished_us = 7,
                            .tries = 1,
                            .name = MOLA_STR("n"),
                            .request = MOLA_STR("{\"num\":3}"),
                            .result = MOLA_STR("{\"status\":\"error\"}")};
}
static mola_str image_of(mola_operation o)
{
    mola_buf made;
    mola_str kept;
    mola_buf_init(&made, &heap);
    mola_operation_encode(&made, &o);
    ck_assert(!made.failed && mola_arena_copy(&arena, mola_buf_str(&made), &kept));
    mola_buf_free(&made);
    return kept;
}
static void check_golden(const char *file, mola_operation o)
{
    mola_str made = image_of(o), kept = golden(file, made);
    ck_assert(mola_str_eq(made, kept));
    mola_operation back;
    ck_assert_int_eq(mola_operation_decode(kept, &back, &why), MOLA_OK);
    ck_assert(mola_str_eq(image_of(back), kept));
    ck_assert(mola_str_eq(back.name, o.name) && mola_str_eq(back.request, o.request));
    ck_assert(mola_str_eq(back.result, o.result));
    ck_assert_mem_eq(back.nsids, o.nsids, sizeof back.nsids);
    ck_assert_uint_eq(back.started_us, o.started_us);
    ck_assert_uint_eq(back.tried_us, o.tried_us);
    ck_assert_uint_eq(back.finished_us, o.finished_us);
    ck_assert_uint_eq(back.status, o.status);
    ck_assert_uint_eq(back.shards, o.shards);
}

START_TEST(operations_read_and_are_written_as_for_ever)
{
    check_golden("operation_copy_1.bin", copy());
    check_golden("operation_recall_1.bin", recall());
}
END_TEST

static mola_err decode(mola_str image, mola_why *words)
{
    mola_operation operation;
    return mola_operation_decode(image, &operation, words);
}

START_TEST(any_flipped_bit_and_any_cut_is_corrupt)
{
    expect_damage_is_corrupt(image_of(copy()), decode);
}
END_TEST

START_TEST(fields_that_cannot_be_are_corrupt)
{
    static const wrong_byte bytes[] = {
        {4, 0, MOLA_CORRUPT},     {4, 2, MOLA_INVALID},    {6, 2, MOLA_CORRUPT},
        {8, 79, MOLA_CORRUPT},    {12, 2, MOLA_CORRUPT},   {12, 3, MOLA_CORRUPT},
        {13, 0, MOLA_CORRUPT},    {13, 2, MOLA_CORRUPT},   {13, 3, MOLA_CORRUPT},
        {13, 4, MOLA_CORRUPT},    {15, 1, MOLA_CORRUPT},   {20, 0, MOLA_CORRUPT},
        {20, 1, MOLA_CORRUPT},    {20, 17, MOLA_CORRUPT},  {40, 1, MOLA_CORRUPT},
        {48, 7, MOLA_CORRUPT},    {51, 255, MOLA_CORRUPT}, {52, 3, MOLA_CORRUPT},
        {56, 1, MOLA_CORRUPT},    {60, 1, MOLA_CORRUPT},   {79, 1, MOLA_CORRUPT},
        {112, '/', MOLA_CORRUPT}, /* of the name */
        {112, 'b', MOLA_OK}};
    expect_wrong_bytes(image_of(copy()), bytes, sizeof bytes / sizeof *bytes, decode);
    ck_assert_int_eq(decode_with(image_of(recall()), 13, MOLA_OPERATION_SUCCEEDED, decode),
                     MOLA_CORRUPT);
    ck_assert_int_eq(decode_with(image_of(recall()), 14, 8, decode),
                     MOLA_CORRUPT); /* a status of 264 */
    ck_assert_int_eq(decode_with(image_of(recall()), 16, 1, decode),
                     MOLA_CORRUPT); /* shards of no copy */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("operation");
    TCase *all = tcase_create("operation");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, operations_read_and_are_written_as_for_ever);
    tcase_add_test(all, any_flipped_bit_and_any_cut_is_corrupt);
    tcase_add_test(all, fields_that_cannot_be_are_corrupt);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
