#include "common.h"
#include "model/state_edit.h"

/* A state decides what every byte of a namespace means; it travels in log entries and manifests. */

START_TEST(images_read_back_equal)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i};
    mola_state *state = random_state(&c, below(&c, 40)), *again = NULL;
    mola_state_encode(&out, state);
    ck_assert(!out.failed);
    ck_assert_int_eq(mola_state_decode(&heap, mola_buf_str(&out), &again), MOLA_OK);
    ck_assert(mola_state_eq(state, again));
    ck_assert(mola_state_eq(again, state));
    mola_state_unref(again);
    mola_state_unref(state);
}
END_TEST

START_TEST(truncated_and_lengthened_images_are_corrupt)
{
    chance c = {7};
    mola_state *state = random_state(&c, 12), *again = NULL;
    mola_state_encode(&out, state);
    for (size_t len = 0; len < out.len; len++)
        ck_assert_int_eq(mola_state_decode(&heap, (mola_str){out.data, len}, &again), MOLA_CORRUPT);
    mola_buf_add_zeros(&out, 1);
    ck_assert_int_eq(mola_state_decode(&heap, mola_buf_str(&out), &again), MOLA_CORRUPT);
    mola_state_unref(state);
}
END_TEST

/* States have no checksum of their own: a changed byte must read as another valid state, or not at
 * all, and what reads must write the same bytes again. */
START_TEST(changed_bytes_never_read_as_the_same_state)
{
    chance c = {11};
    mola_state *state = random_state(&c, 12);
    mola_state_encode(&out, state);
    mola_buf again;
    mola_buf_init(&again, &heap);
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        mola_state *other = NULL;
        out.data[bit / 8] ^= (char)(1 << bit % 8);
        mola_err err = mola_state_decode(&heap, mola_buf_str(&out), &other);
        ck_assert(err == MOLA_OK || err == MOLA_CORRUPT || err == MOLA_INVALID);
        if (err == MOLA_OK) {
            ck_assert_msg(!mola_state_eq(state, other), "bit %zu", bit);
            again.len = 0;
            mola_state_encode(&again, other);
            ck_assert(mola_str_eq(mola_buf_str(&again), mola_buf_str(&out)));
            mola_state_unref(other);
        }
        out.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    mola_buf_free(&again);
    mola_state_unref(state);
}
END_TEST

START_TEST(newer_images_are_refused_not_called_corrupt)
{
    mola_state *state = mola_state_new(&heap), *again = NULL;
    mola_state_encode(&out, state);
    out.data[4] = out.data[6] = 4;
    ck_assert_int_eq(mola_state_decode(&heap, mola_buf_str(&out), &again), MOLA_INVALID);
    out.data[4] = out.data[6] = 0;
    ck_assert_int_eq(mola_state_decode(&heap, mola_buf_str(&out), &again), MOLA_CORRUPT);
    mola_state_unref(state);
}
END_TEST

START_TEST(copies_are_equal_and_independent)
{
    chance c = {3};
    mola_state *state = random_state(&c, 20);
    mola_state *copy = mola_state_copy(&heap, state, 1);
    mola_attr *a;
    ck_assert(mola_state_eq(state, copy));
    ck_assert_int_eq(mola_state_add(copy, MOLA_STR("new"), type_of("int"), &a, &why), MOLA_OK);
    ck_assert(!mola_state_eq(state, copy));
    ck_assert_ptr_null(mola_state_find(state, MOLA_STR("new")));
    ck_assert_ptr_eq(mola_state_find(copy, MOLA_STR("new")), a);
    mola_state_unref(state);
    for (uint32_t i = 0; i < copy->attr_count; i++) /* names are its own */
        ck_assert_ptr_eq(mola_state_find(copy, copy->attrs[i].name), &copy->attrs[i]);
    mola_state_unref(copy);
}
END_TEST

/* Adds, removals and lookups against an array of names. */
START_TEST(lookups_agree_with_a_list)
{
    printf("seed %d\n", _i);
    chance c = {(uint64_t)_i};
    mola_state *empty = mola_state_new(&heap);
    mola_state *state = mola_state_copy(&heap, empty, 300);
    mola_state_unref(empty);
    uint32_t ids[100] = {0}, added = 0;
    char name[16];
    for (int step = 0; step < 600; step++) {
        uint32_t which = below(&c, 100);
        mola_str text = {name, (size_t)snprintf(name, sizeof name, "name%u", which)};
        const mola_attr *found = mola_state_find(state, text);
        ck_assert_uint_eq(found ? found->id : 0, ids[which]);
        mola_attr *a;
        if (found && below(&c, 2)) {
            mola_state_remove(state, found->id);
            ids[which] = 0;
        } else if (!found && added < 300) {
            ck_assert_int_eq(mola_state_add(state, text, type_of("int"), &a, &why), MOLA_OK);
            ck_assert_uint_eq(a->id, ++added); /* ids are never used twice */
            ids[which] = a->id;
        }
    }
    uint32_t live = 0;
    for (uint32_t i = 0; i < 100; i++) {
        if (!ids[i])
            continue;
        live++;
        ck_assert_uint_eq(mola_state_attr(state, ids[i])->id, ids[i]);
    }
    ck_assert_uint_eq(state->attr_count, live);
    ck_assert_ptr_null(mola_state_attr(state, 0));
    ck_assert_ptr_null(mola_state_attr(state, added + 1));
    mola_state_unref(state);
}
END_TEST

START_TEST(no_room_is_too_many_names)
{
    mola_state *empty = mola_state_new(&heap);
    mola_state *state = mola_state_copy(&heap, empty, 1);
    mola_attr *a;
    ck_assert_int_eq(mola_state_add(state, MOLA_STR("a"), type_of("int"), &a, &why), MOLA_OK);
    ck_assert_int_eq(mola_state_add(state, MOLA_STR("b"), type_of("int"), &a, &why), MOLA_INVALID);
    ck_assert_str_eq(said(), "a namespace can have at most 1024 attribute names");
    mola_state_unref(state);
    state = mola_state_copy(&heap, empty, UINT32_MAX); /* a hostile count of definitions */
    ck_assert_ptr_nonnull(state);
    mola_state_unref(state);
    mola_state_unref(empty);
}
END_TEST

START_TEST(no_memory_is_told)
{
    chance c = {5};
    mola_state *state = random_state(&c, 10), *again = NULL;
    mola_state_encode(&out, state);
    size_t limit = heap.limit;
    heap.limit = 1;
    ck_assert_ptr_null(mola_state_new(&heap));
    ck_assert_ptr_null(mola_state_copy(&heap, state, 1));
    ck_assert_int_eq(mola_state_decode(&heap, mola_buf_str(&out), &again), MOLA_NO_MEMORY);
    heap.limit = limit;
    mola_state_unref(state);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *states = tcase_create("states");
    tcase_add_checked_fixture(states, set_up, tear_down);
    tcase_add_loop_test(states, images_read_back_equal, 0, 100);
    tcase_add_test(states, truncated_and_lengthened_images_are_corrupt);
    tcase_add_test(states, changed_bytes_never_read_as_the_same_state);
    tcase_add_test(states, newer_images_are_refused_not_called_corrupt);
    tcase_add_test(states, copies_are_equal_and_independent);
    tcase_add_loop_test(states, lookups_agree_with_a_list, 0, 20);
    tcase_add_test(states, no_room_is_too_many_names);
    tcase_add_test(states, no_memory_is_told);
    suite_add_tcase(suite, states);
    return run(suite);
}
