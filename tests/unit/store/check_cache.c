/* What the disk cache holds and answers while nothing is broken: as the store would, whatever the
 * range. */
#include "cache_harness.h"

/* --- Hits --- */

START_TEST(a_second_read_comes_from_the_disk)
{
    begin(large_file, _i);
    for (int i = 1; i < OBJECTS; i++) {
        ck_assert(missed(i, 0, 0));
        wait_for_fills();
        ck_assert(!missed(i, 0, 0));
        ck_assert(!missed(i, 0, sizes[i]));
        ck_assert(!missed(i, sizes[i] - 1, 1));
        ck_assert(!missed(i, sizes[i] / 2, 0));
        ck_assert(!missed(i, sizes[i] / 3, sizes[i]));
    }
    mola_cache_stats stats = mola_cache_look(cache);
    ck_assert_uint_eq(stats.misses, OBJECTS - 1);
    ck_assert_uint_eq(stats.hits, 5 * (OBJECTS - 1));
    ck_assert_uint_eq(stats.errors, 0);
    ck_assert_int_eq(atomic_load(&metrics.value[MOLA_M_cache_disk_hits_total]), (int)stats.hits);
    end();
}
END_TEST

START_TEST(a_small_range_brings_its_whole_pages)
{
    begin(large_file, _i);
    me.ctx.bytes_read = 0;
    ck_assert(missed(5, 5000, 10));
    ck_assert_uint_eq(me.ctx.bytes_read, 4096);
    wait_for_fills();
    ck_assert(!missed(5, 4096, 4096));
    ck_assert(missed(5, 4095, 2));
    wait_for_fills();
    ck_assert(!missed(5, 0, 8192));
    ck_assert(missed(5, 0, 8193));
    /* The page at the end of an object is not whole, and is kept. */
    ck_assert(missed(5, 1499999, 100));
    wait_for_fills();
    ck_assert(!missed(5, 1499990, 3));
    ck_assert(!missed(5, 1499999, 0));
    ck_assert_uint_eq(me.ctx.bytes_read, 4096 + 8192 + 12288 + 1500000 % 4096);
    end();
}
END_TEST

START_TEST(an_absent_object_is_asked_for_again)
{
    begin(large_file, false);
    for (int i = 0; i < 2; i++) {
        mola_store_op op = {
            .verb = MOLA_GET, .key = K("d/none"), .length = 5000, .immutable = true};
        mola_cache_run(cache, &me.ctx, &op, 1);
        ck_err(op.err, MOLA_NOT_FOUND);
        ck_assert_uint_eq(op.bytes.len, 0);
    }
    ck_err(put(&me, K("d/none"), K("now")), MOLA_OK);
    mola_store_op ops[2] = {
        {.verb = MOLA_GET, .key = K("d/none"), .length = 5000, .immutable = true},
        {.verb = MOLA_GET, .key = K("bad//key"), .immutable = true}};
    mola_cache_run(cache, &me.ctx, ops, 2);
    ck_err(ops[0].err, MOLA_OK);
    ck_bytes(ops[0].bytes, K("now"));
    ck_err(ops[1].err, MOLA_INVALID);
    end();
}
END_TEST

START_TEST(what_may_change_is_always_asked_for)
{
    begin(large_file, false);
    warm_all();
    for (int i = 0; i < 3; i++) {
        char body[] = {'a', (char)('0' + i)};
        mola_store_op ops[] = {
            range(5, 0, 9000),
            {.verb = MOLA_PUT, .key = K("ns/x"), .body = {body, sizeof body}},
            {.verb = MOLA_GET, .key = K("ns/x"), .offset = 1, .length = 1},
            {.verb = MOLA_LIST, .key = K("ns/")},
            {.verb = MOLA_DELETE, .key = K("ns/x")},
            range(5, 5000, 0),
            {.verb = MOLA_GET, .key = K("ns/x")},
            range(0, 0, 0),
        };
        me.ctx.roundtrips = 0;
        me.ctx.bytes_read = 0;
        mola_cache_stats before = mola_cache_look(cache);
        mola_cache_run(cache, &me.ctx, ops, sizeof ops / sizeof *ops);
        ck_answer(&ops[0], 5);
        ck_err(ops[1].err, MOLA_OK);
        ck_assert_uint_gt(ops[1].new_etag.len, 0);
        ck_err(ops[2].err, MOLA_OK);
        ck_bytes(ops[2].bytes, (mola_str){body + 1, 1});
        ck_assert_uint_eq(ops[2].object_size, 2);
        ck_assert_uint_eq(ops[3].entry_count, 1);
        ck_err(ops[4].err, MOLA_OK);
        ck_answer(&ops[5], 5);
        ck_err(ops[6].err, MOLA_NOT_FOUND);
        ck_answer(&ops[7], 0);
        ck_assert_uint_eq(me.ctx.roundtrips, 1);
        ck_assert_uint_eq(me.ctx.bytes_read, 1);
        ck_assert_uint_eq(mola_cache_look(cache).hits, before.hits + 2);
        ck_assert_uint_eq(mola_cache_look(cache).misses, before.misses + 1);
        wait_for_fills();
    }
    end();
}
END_TEST

START_TEST(without_a_cache_the_store_answers)
{
    begin(0, false);
    ck_assert(missed(3, 100, 5000));
    ck_assert(missed(3, 100, 5000));
    mola_store_op op = range(3, 0, 0);
    ck_assert(mola_cache_coverage(NULL, &op, 1) == 0);
    end();
}
END_TEST

START_TEST(coverage_is_the_part_that_is_held)
{
    begin(large_file, false);
    mola_store_op ops[] = {range(5, 0, 40960), range(4, 0, 40960), range(5, 0, 0),
                           range(5, UINT64_MAX - 10, UINT64_MAX)};
    ck_assert(mola_cache_coverage(cache, ops, 4) == 0);
    ck_assert(mola_cache_coverage(cache, ops, 0) == 0);
    (void)missed(5, 8192, 4096);
    wait_for_fills();
    ck_assert(mola_cache_coverage(cache, ops, 1) == 0.1);
    ck_assert(mola_cache_coverage(cache, ops, 2) == 0.05);
    (void)missed(5, 0, 0);
    wait_for_fills();
    ck_assert(mola_cache_coverage(cache, ops, 2) == 0.5);
    ck_assert(mola_cache_coverage(cache, &ops[2], 1) == 1);
    ck_assert(mola_cache_coverage(cache, &ops[3], 1) == 0);
    end();
}
END_TEST

/* --- Against the oracle --- */

START_TEST(random_ranges_are_answered_as_by_the_store)
{
    begin(_i & 1 ? small_file : large_file, _i & 2);
    uint64_t state = draw_seed();
    for (int round = 0; round < 400; round++) {
        random_batch(&me, &state);
        if (next_random(&state) % 3 == 0)
            wait_for_fills();
        if (next_random(&state) % 40 == 0) {
            close_cache();
            open_cache(_i & 1 ? small_file : large_file, _i & 2);
        }
    }
    wait_for_fills();
    mola_cache_stats stats = mola_cache_look(cache);
    ck_assert_uint_eq(stats.errors, 0);
    ck_assert_uint_le(stats.bytes_held, stats.bytes_room);
    ck_assert_int_gt(atomic_load(&metrics.value[MOLA_M_cache_disk_hits_total]), 500);
    ck_assert_int_gt(atomic_load(&metrics.value[MOLA_M_cache_disk_misses_total]), 50);
    end();
}
END_TEST

/* With little memory an answer is whole or refused, and nothing stays pinned. */
START_TEST(an_answer_without_room_is_refused)
{
    begin(large_file, false);
    warm_all();
    int refused = 0, whole = 0;
    for (size_t limit = 0; limit < 400000; limit += limit < 2000 ? 40 : 20000) {
        mola_store_op ops[3] = {range(4, 100, 0), range(3, 0, 0), range(5, 1000000, 9000)};
        int object[3] = {4, 3, 5};
        me.arena.limit = limit;
        mola_cache_run(cache, &me.ctx, ops, 3);
        for (int i = 0; i < 3; i++) {
            if (ops[i].err == MOLA_NO_MEMORY) {
                refused++;
                ck_assert_uint_eq(ops[i].bytes.len, 0);
            } else {
                whole++;
                ck_answer(&ops[i], object[i]);
            }
        }
        mola_arena_reset(&me.arena);
    }
    ck_assert_int_gt(refused, 20);
    ck_assert_int_gt(whole, 20);
    end();
}
END_TEST

/* --- Restarts --- */

START_TEST(contents_survive_a_restart)
{
    begin(large_file, _i);
    warm_all();
    uint64_t held = mola_cache_look(cache).bytes_held;
    ck_assert_uint_gt(held, 1500000);
    close_cache();
    open_cache(large_file, !_i);
    ck_assert_uint_eq(mola_cache_look(cache).bytes_held, held);
    ck_assert_int_eq(count_missing(), 0);
    ck_assert_uint_eq(mola_cache_look(cache).errors, 0);
    end();
}
END_TEST

START_TEST(another_size_makes_the_file_anew)
{
    begin(large_file, false);
    warm_all();
    close_cache();
    open_cache(small_file, false);
    ck_assert_uint_eq(mola_cache_look(cache).bytes_held, 0);
    ck_assert_uint_le(mola_cache_look(cache).bytes_room, small_file);
    int fd = open_behind(O_RDONLY);
    ck_assert_int_le(size_of(fd), (off_t)small_file);
    (void)close(fd);
    end();
}
END_TEST

START_TEST(a_file_has_one_user)
{
    begin(large_file, false);
    warm_all();
    mola_cache *first = cache;
    ck_err(try_open(directory, large_file, false), MOLA_UNAVAILABLE);
    ck_assert_ptr_null(cache);
    ck_assert_ptr_nonnull(strstr(me.why.text, "another process"));
    cache = first;
    ck_assert_int_eq(count_missing(), 0);
    close_cache();
    open_cache(large_file, false);
    ck_assert_int_eq(count_missing(), 0);
    end();
}
END_TEST

START_TEST(an_unusable_directory_is_said_so)
{
    begin(0, false);
    char path[URL_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/file", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ck_err(try_open(path, large_file, false), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(me.why.text, path));
    ck_err(try_open("", large_file, false), MOLA_INVALID);
    ck_err(try_open(directory, 100000, false), MOLA_INVALID);
    ck_assert_ptr_nonnull(strstr(me.why.text, "at least"));
    (void)snprintf(path, sizeof path, "%s/a/b/c/", directory);
    ck_err(try_open(path, large_file, false), MOLA_OK);
    close_cache();
    (void)snprintf(path, sizeof path, "%s/a/mola.cache/x", directory);
    ck_err(try_open(path, large_file, false), MOLA_OK);
    close_cache();
    (void)snprintf(path, sizeof path, "%s/a", directory);
    ck_err(try_open(path, large_file, false), MOLA_INVALID);
    end();
}
END_TEST

START_TEST(a_file_has_as_many_slots_as_fit)
{
    for (uint64_t bytes = 0; bytes < 8 << 20; bytes += 4096) {
        uint32_t slots = mola_cache_slots_in(bytes);
        if (slots > 0)
            ck_assert_uint_le(mola_cache_slot_place(slots, slots), bytes);
        ck_assert_uint_gt(mola_cache_slot_place(slots + 1, slots + 1), bytes);
    }
    ck_assert_uint_gt(mola_cache_slots_in(UINT64_MAX), 1 << 28);
}
END_TEST

/* --- Which slot goes next --- */

static mola_cache_name name_of(uint64_t i)
{
    return (mola_cache_name){.low = i, .high = ~i, .extent = i % 3};
}

START_TEST(what_is_visited_outlives_a_scan)
{
    enum { SLOTS = 10, HOT = 4 };
    begin(0, false);
    mola_cache_map map;
    ck_assert(mola_cache_map_open(&map, env->heap, SLOTS));
    mola_cache_map_free_rest(&map);
    for (uint64_t i = 0; i < 1000; i++) {
        mola_cache_name name = name_of(i);
        ck_assert_uint_ne(mola_cache_map_claim(&map, &name), MOLA_CACHE_NONE);
        for (uint64_t hot = 0; hot < HOT && hot <= i; hot++) {
            name = name_of(hot);
            uint32_t at = mola_cache_map_find(&map, &name);
            ck_assert_uint_ne(at, MOLA_CACHE_NONE);
            map.slots[at].visited = true;
        }
    }
    mola_cache_map_close(&map, env->heap);
    end();
}
END_TEST

/* Random claims, finds, pins and pages against a table of who owns what. */
START_TEST(the_map_agrees_with_a_table)
{
    enum { SLOTS = 13, NAMES = 40 };
    begin(0, false);
    uint64_t state = draw_seed(), pages[NAMES] = {0};
    uint32_t owner[SLOTS], pinned[SLOTS] = {0};
    memset(owner, 0xff, sizeof owner);
    mola_cache_map map;
    ck_assert(mola_cache_map_open(&map, env->heap, SLOTS));
    mola_cache_map_free_rest(&map);
    for (int step = 0; step < 20000; step++) {
        uint32_t which = (uint32_t)next_random(&state) % NAMES;
        mola_cache_name name = name_of(which);
        uint32_t at = mola_cache_map_find(&map, &name);
        uint32_t expected = 0;
        while (expected < SLOTS && owner[expected] != which)
            expected++;
        ck_assert_uint_eq(at, expected < SLOTS ? expected : MOLA_CACHE_NONE);
        uint32_t claimed = mola_cache_map_claim(&map, &name);
        if (claimed == MOLA_CACHE_NONE) {
            for (uint32_t i = 0; i < SLOTS; i++)
                ck_assert_uint_gt(pinned[i], 0);
        } else if (at == MOLA_CACHE_NONE) {
            ck_assert_uint_eq(pinned[claimed], 0);
            if (owner[claimed] < NAMES)
                pages[owner[claimed]] = 0;
            owner[claimed] = which;
            ck_assert_uint_eq(map.slots[claimed].pages, 0);
            ck_assert_uint_eq(map.slots[claimed].end, MOLA_CACHE_NO_END);
        }
        uint32_t other = (uint32_t)next_random(&state) % SLOTS;
        if (claimed != MOLA_CACHE_NONE) {
            uint64_t some = next_random(&state) << 32 | next_random(&state);
            mola_cache_map_add_pages(&map, claimed, some);
            mola_cache_map_drop_pages(&map, claimed, some & 0xff);
            pages[which] = (pages[which] | some) & ~(some & 0xff);
            ck_assert_uint_eq(map.slots[claimed].pages, pages[which]);
            map.slots[claimed].visited = step % 2;
        }
        if (owner[other] < NAMES && next_random(&state) % 2 && pinned[other] < 3) {
            map.slots[other].pins = ++pinned[other];
        } else if (pinned[other] > 0) {
            map.slots[other].pins = --pinned[other];
        }
        uint64_t held = 0;
        for (uint32_t i = 0; i < NAMES; i++)
            held += (uint32_t)__builtin_popcountll(pages[i]);
        ck_assert_uint_eq(map.pages_held, held);
    }
    mola_cache_map_close(&map, env->heap);
    end();
}
END_TEST

/* --- Threads --- */

static atomic_bool over;

static void *read_at_random(void *argument)
{
    uint64_t state = *(uint64_t *)argument;
    caller c;
    caller_init(&c, env, store);
    for (int i = 0; i < 60; i++)
        random_batch(&c, &state);
    mola_arena_reset(&c.arena);
    return NULL;
}

static void *flip_at_random(void *argument)
{
    uint64_t state = *(uint64_t *)argument;
    int fd = open_behind(O_RDWR);
    uint64_t size = (uint64_t)size_of(fd);
    while (!atomic_load(&over)) {
        flip(fd, (off_t)(next_random(&state) % size), (int)(next_random(&state) % 8));
        mola_sleep_ns(env, MOLA_MILLISECOND / 10);
    }
    (void)close(fd);
    return NULL;
}

static void *look_at_random(void *argument)
{
    uint64_t state = *(uint64_t *)argument;
    while (!atomic_load(&over)) {
        int object;
        mola_store_op op = random_range(&state, &object);
        double part = mola_cache_coverage(cache, &op, 1);
        mola_cache_stats stats = mola_cache_look(cache);
        ck_assert(part >= 0 && part <= 1 && stats.bytes_held <= stats.bytes_room);
        mola_sleep_ns(env, MOLA_MILLISECOND / 10);
    }
    return NULL;
}

START_TEST(threads_never_see_wrong_bytes)
{
    begin(_i & 1 ? small_file : large_file, _i & 2);
    uint64_t seed = draw_seed(), seeds[THREADS];
    pthread_t threads[THREADS];
    atomic_store(&over, false);
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = seed + (uint64_t)i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL,
                                        i == 0   ? flip_at_random
                                        : i == 1 ? look_at_random
                                                 : read_at_random,
                                        &seeds[i]),
                         0);
    }
    for (int i = 2; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    wait_for_fills();
    mola_cache_stats stats = mola_cache_look(cache);
    ck_assert_uint_gt(stats.hits, 0);
    ck_assert_uint_gt(stats.misses, 0);
    end();
}
END_TEST

int main(void)
{
    const cache_test tests[] = {
        {a_second_read_comes_from_the_disk, 2},
        {a_small_range_brings_its_whole_pages, 2},
        {an_absent_object_is_asked_for_again, 1},
        {what_may_change_is_always_asked_for, 1},
        {without_a_cache_the_store_answers, 1},
        {coverage_is_the_part_that_is_held, 1},
        {random_ranges_are_answered_as_by_the_store, 4},
        {an_answer_without_room_is_refused, 1},
        {contents_survive_a_restart, 2},
        {another_size_makes_the_file_anew, 1},
        {a_file_has_one_user, 1},
        {an_unusable_directory_is_said_so, 1},
        {a_file_has_as_many_slots_as_fit, 1},
        {what_is_visited_outlives_a_scan, 1},
        {the_map_agrees_with_a_table, 1},
        {threads_never_see_wrong_bytes, 4},
    };
    return RUN_TESTS("disk cache", tests);
}
