#include "mola/format/holder.h"
#include "small_image.h"

/* A holder that is misread is a namespace that loses its data: every byte counts. */

static mola_holder branch(void)
{
    mola_holder h = {.name = MOLA_STR("a-child.of_mine"), .cond_ver = 0x1122334455667788u};
    memcpy(h.child, "child incarnate!", 16);
    return h;
}
static mola_holder checkpoint(void)
{
    mola_holder h = {.flags = MOLA_HOLDER_DONE,
                     .archive = MOLA_STR("d/00/m/0000000000000007.0000abcd")};
    memcpy(h.child, "checkpoint's id!", 16);
    return h;
}
static mola_str image_of(mola_holder h)
{
    mola_buf made;
    mola_str copy;
    mola_buf_init(&made, &heap);
    mola_holder_encode(&made, &h);
    ck_assert(!made.failed && mola_arena_copy(&arena, mola_buf_str(&made), &copy));
    mola_buf_free(&made);
    return copy;
}
static void same(const mola_holder *a, const mola_holder *b)
{
    ck_assert_uint_eq(a->flags, b->flags);
    ck_assert_uint_eq(a->cond_ver, b->cond_ver);
    ck_assert_mem_eq(a->child, b->child, 16);
    ck_assert(mola_str_eq(a->name, b->name) && mola_str_eq(a->archive, b->archive));
}
static void check_golden(const char *file, mola_holder h)
{
    mola_str made = image_of(h), kept = golden(file, made);
    ck_assert(mola_str_eq(made, kept));
    mola_holder back;
    ck_assert_int_eq(mola_holder_decode(kept, &back, &why), MOLA_OK);
    same(&h, &back);
}

START_TEST(holders_read_and_are_written_as_for_ever)
{
    check_golden("holder_branch_1.bin", branch());
    check_golden("holder_checkpoint_1.bin", checkpoint());
}
END_TEST

static mola_err decode(mola_str image, mola_why *words)
{
    mola_holder holder;
    return mola_holder_decode(image, &holder, words);
}

START_TEST(any_flipped_bit_and_any_cut_is_corrupt)
{
    expect_damage_is_corrupt(image_of(branch()), decode);
}
END_TEST

START_TEST(fields_that_cannot_be_are_corrupt)
{
    static const wrong_byte bytes[] = {
        {4, 0, MOLA_CORRUPT}, /* fmt */
        {4, 2, MOLA_INVALID}, /* one of the future, although it says we may read it */
        {6, 2, MOLA_CORRUPT}, /* min_reader_fmt above fmt */
        {8, 1, MOLA_CORRUPT}, /* a checkpoint with a name */
        {8, 3, MOLA_CORRUPT},    {8, 8, MOLA_CORRUPT},   {11, 1, MOLA_CORRUPT},
        {12, 60, MOLA_CORRUPT},  {40, 14, MOLA_CORRUPT}, {43, 255, MOLA_CORRUPT},
        {44, 1, MOLA_CORRUPT},   {48, 1, MOLA_CORRUPT},  {63, 1, MOLA_CORRUPT},
        {64, '/', MOLA_CORRUPT}, /* of the name */
        {64, 'b', MOLA_OK}};
    expect_wrong_bytes(image_of(branch()), bytes, sizeof bytes / sizeof *bytes, decode);
    ck_assert_int_eq(decode_with(image_of(checkpoint()), 8, MOLA_HOLDER_OPEN, decode),
                     MOLA_CORRUPT);
    ck_assert_int_eq(decode_with(image_of(checkpoint()), 32, 1, decode), MOLA_CORRUPT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("holder");
    TCase *all = tcase_create("holder");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, holders_read_and_are_written_as_for_ever);
    tcase_add_test(all, any_flipped_bit_and_any_cut_is_corrupt);
    tcase_add_test(all, fields_that_cannot_be_are_corrupt);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
