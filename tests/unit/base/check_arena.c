/* Every request lives in an arena: pieces must not touch each other, the budget must hold, and when
 * memory ends at any allocation the arena must still be whole. */
#include "../countdown.h"
#include "mola/base/arena.h"
#include <stdio.h>

enum { LIMIT = 1 << 20 };
static mola_heap heap;
static mola_arena arena;

static void open_arena(void)
{
    mola_heap_init(&heap, SIZE_MAX);
    mola_arena_init(&arena, &heap, LIMIT);
}

static void close_arena(void)
{
    mola_arena_reset(&arena);
    ck_assert_uint_eq(atomic_load(&heap.used), 0);
}

/* A generator of its own, so that a seed means the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 33;
}

/* One assertion for all: Check tells its parent about each. */
static bool all_are(const unsigned char *bytes, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

typedef struct {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
} piece;

START_TEST(pieces_are_zeroed_aligned_and_apart)
{
    uint64_t seed = (uint64_t)_i + 1, state = seed;
    enum { PIECES = 400 };
    piece pieces[PIECES];
    size_t count = 0, bytes = 0;
    for (; count < PIECES; count++) {
        size_t align = (size_t)1 << next_random(&state) % 7;
        size_t size = next_random(&state) % (next_random(&state) % 8 ? 200 : 20000);
        unsigned char *got = mola_arena_alloc(&arena, size, 1, align);
        if (!got)
            break;
        bytes += size;
        ck_assert_msg((uintptr_t)got % align == 0, "seed %lu", (unsigned long)seed);
        ck_assert_msg(all_are(got, size, 0), "seed %lu", (unsigned long)seed);
        pieces[count] = (piece){got, size, (unsigned char)(count % 255 + 1)};
        memset(got, pieces[count].mark, size);
    }
    ck_assert_uint_gt(count, 20);
    ck_assert_uint_le(bytes, arena.used);
    ck_assert_uint_le(arena.used, LIMIT);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(all_are(pieces[i].bytes, pieces[i].size, pieces[i].mark), "seed %lu",
                      (unsigned long)seed);
}
END_TEST

START_TEST(the_budget_holds_to_the_byte)
{
    ck_assert_ptr_null(mola_arena_alloc(&arena, LIMIT + 1, 1, 1));
    ck_assert_ptr_nonnull(mola_arena_alloc(&arena, LIMIT - 8, 1, 1));
    ck_assert_ptr_null(mola_arena_alloc(&arena, 9, 1, 1));
    ck_assert_ptr_nonnull(mola_arena_alloc(&arena, 8, 1, 1));
    ck_assert_ptr_null(mola_arena_alloc(&arena, 1, 1, 1));
    mola_arena_reset(&arena);
    ck_assert_ptr_nonnull(mola_new(&arena, uint64_t, LIMIT / 8));
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    ck_assert_ptr_null(mola_arena_alloc(&arena, SIZE_MAX, 2, 1));
    ck_assert_ptr_null(mola_arena_alloc(&arena, SIZE_MAX, 1, 64));
    arena.limit = SIZE_MAX;
    ck_assert_ptr_null(mola_arena_alloc(&arena, SIZE_MAX - 8, 1, 64));
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

START_TEST(zero_bytes_are_not_null)
{
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(mola_arena_alloc(&arena, 0, 8, 64));
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

START_TEST(a_large_piece_does_not_waste_the_block_in_use)
{
    ck_assert_ptr_nonnull(mola_new(&arena, uint64_t, 1));
    size_t before = atomic_load(&heap.used);
    ck_assert_ptr_nonnull(mola_arena_alloc(&arena, 100000, 1, 1));
    size_t after = atomic_load(&heap.used);
    ck_assert_uint_lt(after - before, 101000);
    for (int i = 0; i < 20; i++)
        ck_assert_ptr_nonnull(mola_new(&arena, uint64_t, 1));
    ck_assert_uint_eq(atomic_load(&heap.used), after);
}
END_TEST

START_TEST(copies_and_prints_are_the_arenas_own)
{
    char text[] = "sunfish";
    mola_str copy, empty, printed;
    ck_assert(mola_arena_copy(&arena, (mola_str){text, 7}, &copy));
    text[0] = 'S';
    ck_assert(mola_str_eq(copy, MOLA_STR("sunfish")));
    ck_assert(mola_arena_copy(&arena, (mola_str){NULL, 0}, &empty));
    ck_assert_uint_eq(empty.len, 0);
    ck_assert(mola_arena_print(&arena, &printed, "%s-%05d", "a", 42));
    ck_assert(mola_str_eq(printed, MOLA_STR("a-00042")));
    ck_assert(mola_arena_print(&arena, &printed, "%*d", 10000, 7));
    ck_assert_uint_eq(printed.len, 10000);
    ck_assert_int_eq(printed.data[9999], '7');
    arena.limit = arena.used + 3;
    ck_assert(!mola_arena_copy(&arena, MOLA_STR("four"), &copy));
    ck_assert(!mola_arena_print(&arena, &printed, "four"));
}
END_TEST

/* Runs one long use of the arena; false as soon as it is refused something. */
static bool use_all(mola_arena *a)
{
    mola_str text;
    for (size_t i = 0; i < 40; i++) {
        size_t size = i % 5 == 4 ? 50000 : i * 97;
        unsigned char *got = mola_arena_alloc(a, size, 1, (size_t)1 << i % 7);
        if (!got)
            return false;
        memset(got, (int)i, size);
    }
    return mola_arena_copy(a, MOLA_STR("text"), &text) && mola_arena_print(a, &text, "%9000d", 1);
}

START_TEST(when_memory_ends_anywhere_the_arena_stays_whole)
{
    int good = 0;
    for (bool failed = true; failed; good++) {
        countdown_heap c;
        countdown_init(&c, good);
        mola_arena a;
        mola_arena_init(&a, &c.heap, SIZE_MAX);
        bool done = use_all(&a);
        failed = c.failed;
        ck_assert(done || failed);
        ck_assert(done || use_all(&a)); /* memory is back: so is the arena */
        mola_arena_reset(&a);
        countdown_check_empty(&c);
    }
    ck_assert_int_gt(good, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *cases = tcase_create("arena");
    tcase_add_checked_fixture(cases, open_arena, close_arena);
    tcase_add_loop_test(cases, pieces_are_zeroed_aligned_and_apart, 0, 20);
    tcase_add_test(cases, the_budget_holds_to_the_byte);
    tcase_add_test(cases, sizes_that_overflow_are_refused);
    tcase_add_test(cases, zero_bytes_are_not_null);
    tcase_add_test(cases, a_large_piece_does_not_waste_the_block_in_use);
    tcase_add_test(cases, copies_and_prints_are_the_arenas_own);
    tcase_add_test(cases, when_memory_ends_anywhere_the_arena_stays_whole);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
